//! Makes one unbroken sequence of [`Heard`] out of turn events, also across a lost connection: the
//! words known so far are carried over, and the caller never begins the same turn twice.

use crate::conversation::Heard;

/// Where the running turn stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Nobody speaks.
    #[default]
    Idle,
    /// The caller speaks.
    Open,
    /// The caller may have finished.
    Eager,
}

/// The caller's turns.
#[derive(Debug, Default)]
pub(super) struct Turns {
    state: State,
    /// Words of this turn from connections that are gone.
    carried: String,
    /// Words of this turn as last told.
    told: String,
    /// The connection at hand has heard words of this turn, so it will also tell the end.
    followed: bool,
}

impl Turns {
    /// Takes one event; `None` when its name is unknown.
    pub(super) fn handle(&mut self, event: &str, transcript: &str) -> Option<Vec<Heard>> {
        let words = self.joined(transcript);
        self.followed |= !transcript.trim().is_empty();
        let mut heard = Vec::new();
        match event {
            "StartOfTurn" => self.words(words, true, &mut heard),
            "Update" => self.words(words, false, &mut heard),
            "EagerEndOfTurn" => {
                self.begin(&words, &mut heard);
                self.state = State::Eager;
                self.told.clone_from(&words);
                heard.push(Heard::EagerEndOfTurn { transcript: words });
            }
            "TurnResumed" => {
                self.resume(&mut heard);
                self.words(words, false, &mut heard);
            }
            "EndOfTurn" => {
                if !words.is_empty() {
                    self.begin(&words, &mut heard);
                }
                *self = Self::default();
                heard.push(Heard::EndOfTurn { transcript: words });
            }
            _ => return None,
        }
        Some(heard)
    }

    /// The connection is lost; what was said so far stays said.
    pub(super) fn lost(&mut self) {
        self.carried.clone_from(&self.told);
        self.followed = false;
    }

    /// True while a turn that began on a lost connection goes on nowhere.
    pub(super) fn hangs(&self) -> bool {
        !self.carried.is_empty() && !self.followed
    }

    /// Nothing more came for a hanging turn: it ends with the words there are.
    pub(super) fn expire(&mut self) -> Heard {
        let transcript = std::mem::take(&mut self.told);
        *self = Self::default();
        Heard::EndOfTurn { transcript }
    }

    fn joined(&self, transcript: &str) -> String {
        let transcript = transcript.trim();
        if self.carried.is_empty() || transcript.is_empty() {
            return format!("{}{transcript}", self.carried);
        }
        format!("{} {transcript}", self.carried)
    }

    /// New words of the running turn; `opens` when they may begin one.
    fn words(&mut self, words: String, opens: bool, heard: &mut Vec<Heard>) {
        if words.is_empty() || words == self.told {
            return;
        }
        match self.state {
            State::Idle if opens => return self.begin(&words, heard),
            State::Idle => return,
            // After a lost connection the new one cannot know that the end was announced.
            State::Eager => self.resume(heard),
            State::Open => {}
        }
        self.told.clone_from(&words);
        heard.push(Heard::Update { transcript: words });
    }

    fn begin(&mut self, words: &str, heard: &mut Vec<Heard>) {
        if self.state == State::Idle {
            self.state = State::Open;
            words.clone_into(&mut self.told);
            heard.push(Heard::StartOfTurn {
                transcript: words.to_owned(),
            });
        }
    }

    fn resume(&mut self, heard: &mut Vec<Heard>) {
        if self.state == State::Eager {
            self.state = State::Open;
            heard.push(Heard::TurnResumed);
        }
    }
}

#[cfg(test)]
mod tests;
