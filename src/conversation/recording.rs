//! The caller is told that the call is recorded, before it is; and may refuse that, by key or by word.
//!
//! The announcement is what allows the recording: only when its last packet has gone out, and nothing has
//! stopped it, is the call recorded. Whatever goes wrong, nothing is.

use std::time::Instant;

use super::barge_in::{self, Verdict};
use super::turn::{Conversation, State};
use super::utterance::{Purpose, Said};
use super::{Command, Speech, phrases};
use crate::ticket::Entry;

/// What stands in the transcript for words that were said while the recording was paused.
pub(super) const WITHHELD: &str = "(said while the recording was paused)";

/// What the caller was told, and wants.
#[derive(Clone, Debug, Default)]
pub(super) struct Disclosure {
    /// None is made: the caller refused.
    off: bool,
    paused: bool,
}

impl Conversation {
    /// The first words of a call that is to be recorded.
    pub(super) fn announce_recording(&mut self, now: Instant) {
        if self.settings.recording.is_some() && !self.recording.off {
            let text = self.settings.prompts.recording.clone();
            self.say(Speech::Prompt(text), Purpose::Notice, now);
        }
    }

    /// These words were heard whole. With the announcement among them the recording may begin.
    pub(super) fn allow_recording(&mut self, said: &[Said]) {
        let told = said.iter().any(|said| said.purpose == Purpose::Notice);
        if told && !self.recording.off {
            self.push(Command::RecordCall(true));
        }
    }

    /// A key during the announcement, or the one that refuses; true when it means nothing else.
    pub(super) fn takes_recording_key(&mut self, digit: char, now: Instant) -> bool {
        let speaking = !matches!(
            self.state,
            State::Idle | State::Connecting(_) | State::Closing(_) | State::Over
        );
        let refuse_key = self.settings.recording.and_then(|it| it.refuse_key);
        if refuse_key == Some(digit) && !self.recording.off && speaking {
            self.refuse_recording(now);
            return true;
        }
        self.mouth.has_notice()
    }

    /// The caller says that the call shall not be recorded; true when that was all.
    pub(super) fn refuses_recording(&mut self, text: &str, since: Instant, now: Instant) -> bool {
        let asked = self.settings.recording.is_some() && !self.recording.off;
        let echo = barge_in::judge(text, &self.mouth.echo(now)) == Verdict::Echo;
        if !asked || echo || !phrases::refuses_recording(text) {
            return false;
        }
        let line = self.transcript.caller(text, since);
        self.push(Command::Record(line));
        self.no_input.understood();
        self.refuse_recording(now);
        true
    }

    fn refuse_recording(&mut self, now: Instant) {
        self.recording.off = true;
        self.recording.paused = false;
        self.yield_floor();
        self.push(Command::RecordCall(false));
        self.say_prompt(|prompts| &prompts.recording_refused, now);
        if matches!(self.state, State::Listening) {
            self.say_prompt(|prompts| &prompts.go_on, now);
        }
    }

    /// The recording is paused, or goes on.
    pub(super) fn on_recording_paused(&mut self, paused: bool, now: Instant) {
        self.recording.paused = paused;
        if matches!(self.state, State::Idle | State::Closing(_)) {
            return;
        }
        match paused {
            true => self.say_prompt(|prompts| &prompts.recording_paused, now),
            false => self.say_prompt(|prompts| &prompts.recording_resumed, now),
        }
    }

    /// What the caller has said, for the record. What is not recorded is not written down either: most
    /// likely it is the number of a card.
    pub(super) fn caller_line(&mut self, text: &str, since: Instant) -> Entry {
        let mut line = self.transcript.caller(text, since);
        if self.recording.paused
            && let Entry::Line { text, .. } = &mut line
        {
            WITHHELD.clone_into(text);
        }
        line
    }

    /// Whether the caller's wish must not be written down, in whose words ever.
    pub(super) fn is_withheld(&self) -> bool {
        self.recording.paused || self.turn.open.as_deref() == Some(WITHHELD)
    }

    /// What is asked for now is not written down either.
    pub(super) fn withhold_open(&mut self) {
        if self.recording.paused && self.turn.open.is_some() {
            self.turn.open = Some(WITHHELD.to_owned());
        }
    }
}
