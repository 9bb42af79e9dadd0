//! The caller at work: one act of the script after the other.

use std::time::{Duration, Instant};

use ringwell::call::Input;
use ringwell::conversation::Heard;
use ringwell::sip::message::Uri;

use crate::phone::Act;
use crate::world::{Event, LINK, World};

impl World {
    /// The caller goes on with the script.
    pub(crate) fn act(&mut self) {
        while self.phone.ended.is_none()
            && let Some(act) = self.phone.act()
        {
            match self.phone.until {
                Some(until) if until > self.now => return,
                Some(_) => {}
                None => self.phone.until = Some(self.begin_act(&act)),
            }
            match self.phone.until {
                Some(until) if until <= self.now => self.finish_act(&act),
                _ => return,
            }
        }
    }

    /// Begins an act; gives when it ends.
    fn begin_act(&mut self, act: &Act) -> Instant {
        match act {
            Act::Say(text) => self.say(text),
            Act::Pause(length) => self.now + *length,
            Act::Mumble => {
                let after = self.services.end_of_turn;
                let transcript = String::new();
                self.schedule(after, Event::Words(Heard::EndOfTurn { transcript }));
                self.now
            }
            _ => self.now,
        }
    }

    fn finish_act(&mut self, act: &Act) {
        match act {
            Act::Hear(_) | Act::HearSome(..) if !self.is_heard(act) => {
                self.phone.until = Some(self.now + Duration::from_millis(20));
                return;
            }
            Act::Press(key) => self.news(LINK, Input::Digit(*key)),
            Act::PressInfo(key) => {
                self.phone.session.press(*key);
                self.phone.drain(self.now);
            }
            Act::Sound(event) => self.news(LINK, Input::Noticed(*event)),
            Act::Hold => {
                self.note("phone: holds".to_owned());
                self.phone.session.hold(self.now);
                self.phone.drain(self.now);
            }
            Act::Resume => {
                self.note("phone: resumes".to_owned());
                self.phone.session.resume(self.now);
                self.phone.drain(self.now);
            }
            Act::Refer(uri) => {
                let uri = Uri::parse((*uri).to_owned()).expect("a URI");
                self.phone.session.refer(uri, None, self.now);
                self.phone.drain(self.now);
            }
            Act::HangUp => {
                self.note("phone: hangs up".to_owned());
                self.over_since.get_or_insert(self.now);
                self.phone.session.hang_up("bye", self.now);
                self.phone.drain(self.now);
            }
            _ => {}
        }
        self.phone.done();
    }

    fn is_heard(&mut self, act: &Act) -> bool {
        let from = self.phone.seen;
        let found = self
            .sounded()
            .enumerate()
            .skip(from)
            .find_map(|(at, sounded)| {
                let (heard, next) = match act {
                    Act::Hear(text) => (
                        sounded.until.is_some() && sounded.text.contains(text),
                        at + 1,
                    ),
                    Act::HearSome(text, length) => (
                        sounded.text.contains(text) && self.now >= sounded.from + *length,
                        at,
                    ),
                    _ => (true, at),
                };
                heard.then_some(next)
            });
        self.phone.seen = found.unwrap_or(from);
        found.is_some()
    }

    /// The caller speaks, a word each 300 ms; the ear follows. Who goes on before the ear has ended a turn
    /// goes on in the same turn. Gives when the last word is over.
    fn say(&mut self, text: &str) -> Instant {
        self.note(format!("caller |  {text}"));
        let open = self
            .open_turn
            .take()
            .and_then(|(key, before)| self.agenda.remove(&key).map(|_| before));
        let is_new = open.is_none();
        let mut transcript = open.unwrap_or_default();
        let mut length = Duration::ZERO;
        for (at, word) in text.split_whitespace().enumerate() {
            length += Duration::from_millis(300);
            transcript = format!("{transcript} {word}").trim().to_owned();
            let so_far = transcript.clone();
            let heard = match at {
                0 if is_new => Heard::StartOfTurn { transcript: so_far },
                _ => Heard::Update { transcript: so_far },
            };
            self.schedule(length, Event::Words(heard));
        }
        let end = length + self.services.end_of_turn;
        let whole = Heard::EndOfTurn {
            transcript: transcript.clone(),
        };
        let key = self.schedule(end, Event::Words(whole));
        self.open_turn = Some((key, transcript));
        self.caller_spoke.push((self.now, self.now + length));
        self.now + length
    }
}
