//! Keys on their way from one leg to the other. Telephone-events go through the media thread; where either leg has
//! none, keys come and go by INFO, and pass through here.

use std::time::Instant;

use super::second_leg::Second;
use super::transfer::{News, Transfer};
use super::{Call, Command, Leg};
use crate::sip::message::StatusCode;
use crate::ticket::Entry;

/// How a key came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// As telephone-event, which the media thread has given on if the other leg takes such.
    InMedia,
    /// By INFO.
    Signalled,
}

impl Call {
    /// The caller has pressed a key.
    pub(super) fn on_caller_key(&mut self, heard: Heard, key: char, now: Instant) {
        self.carry(Leg::Second, heard, key);
        self.on_key(key, now);
    }

    /// The target has pressed a key.
    pub(super) fn on_second_key(&mut self, heard: Heard, key: char, now: Instant) {
        self.carry(Leg::Caller, heard, key);
        self.takes_pause_key(key, now);
    }

    /// A key that lets the caller through at the target's side.
    pub(super) fn press_for_target(&mut self, key: char, now: Instant) {
        if self.takes_events(Leg::Second) {
            self.push(Command::Press(Leg::Second, key));
            self.tell_transfer(News::Pressed(Ok(())), now);
        } else if let Some(session) = self.second.session() {
            session.press(key);
        }
    }

    /// The target's side has answered an INFO of ours.
    pub(super) fn on_second_pressed(&mut self, status: StatusCode, now: Instant) {
        if self.is_joined() {
            return self.on_pressed(status, now);
        }
        let pressed = status.is_success().then_some(()).ok_or(status.0);
        self.tell_transfer(News::Pressed(pressed), now);
    }

    /// A leg has answered an INFO that carried a key of the other's. The first refusal is a fact of the call.
    pub(super) fn on_pressed(&mut self, status: StatusCode, now: Instant) {
        if status.is_success() || self.ended || std::mem::replace(&mut self.keys_refused, true) {
            return;
        }
        self.push(Command::Record(Entry::Noticed {
            at: self.since_start(now),
            what: format!(
                "keys that the far side takes neither as telephone-events nor by INFO ({})",
                status.0
            ),
        }));
    }

    /// Gives a key on to a leg, if the two are joined.
    fn carry(&mut self, to: Leg, heard: Heard, key: char) {
        if !self.is_joined() {
            return;
        }
        match (heard, self.takes_events(to)) {
            (Heard::InMedia, true) => {}
            (Heard::Signalled, true) => self.push(Command::Press(to, key)),
            (_, false) => {
                let session = match to {
                    Leg::Caller => Some(&mut self.session),
                    Leg::Second => self.second.session(),
                };
                if let Some(session) = session {
                    session.press(key);
                }
            }
        }
    }

    fn is_joined(&self) -> bool {
        self.transfer.as_ref().is_some_and(Transfer::is_joined)
    }

    fn takes_events(&self, leg: Leg) -> bool {
        match (leg, &self.second) {
            (Leg::Caller, _) => {
                let negotiated = self.negotiated.as_ref();
                negotiated.is_some_and(|it| it.telephone_event.is_some())
            }
            (Leg::Second, Second::Open { events, .. }) => *events,
            (Leg::Second, Second::None | Second::Asked { .. }) => false,
        }
    }
}
