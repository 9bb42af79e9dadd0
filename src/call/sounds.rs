//! What is noticed in the caller's audio without any service: keys, fax machines, tones of the network, somebody who
//! speaks.

use std::time::{Duration, Instant};

use super::{Call, Command, Kind, State, Transfer};
use crate::audio::analysis::Event;
use crate::audio::call_progress::Tone;
use crate::conversation::{self, Presence};
use crate::ticket::Entry;

/// What becomes of a fax machine that calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Fax {
    /// The call is ended.
    #[default]
    Refuse,
    /// It is connected with the target of this name.
    Transfer(String),
    /// It is a caller like others.
    Ignore,
}

/// What was noticed so far.
#[derive(Debug, Default)]
pub(super) struct Sounds {
    keys: Keys,
    /// The caller's telephone holds us, by its signalling.
    held: bool,
    /// It rings at the caller's side: he has been sent on, and nobody hears us.
    rings: bool,
    /// The caller is a fax machine.
    fax: bool,
}

/// Keys come by one way: who can signal them is not listened to.
#[derive(Debug, Default)]
struct Keys {
    signalled: bool,
    heard: Option<(char, Instant)>,
}

impl Keys {
    /// Whether a key that was heard counts.
    fn by_sound(&mut self, key: char, now: Instant) -> bool {
        self.heard = Some((key, now));
        !self.signalled
    }

    /// Whether a key that was signalled counts: not if it is the one that was just heard.
    fn by_signal(&mut self, key: char, now: Instant) -> bool {
        self.signalled = true;
        let heard = self.heard.take();
        !heard.is_some_and(|(it, at)| it == key && now.saturating_duration_since(at) < TWICE)
    }
}

impl Call {
    /// Something was noticed.
    pub(super) fn on_noticed(&mut self, event: Event, now: Instant) {
        let transfer = self.transfer.as_ref();
        let away = transfer.is_some_and(|it| it.is_referred() || it.is_joined());
        let talking = matches!(self.state, State::Answered | State::Talking);
        if self.kind != Kind::Assistant || !talking || away {
            return;
        }
        match event {
            Event::Speech(speaks) => self.tell_presence(Presence::Speaks(speaks), now),
            Event::Unbroken(sounds) => self.tell_presence(Presence::Sounds(sounds), now),
            Event::Key(key) if self.sounds.keys.by_sound(key, now) => self.tell_key(key, now),
            Event::Tone(Tone::FaxCalling | Tone::FaxAnswering) => self.on_fax(now),
            Event::Tone(Tone::Busy) => {
                self.note("busy tone", now);
                self.hang_up("the caller hung up (busy tone)", now);
            }
            Event::Tone(Tone::RingBack) => self.on_rings(true, now),
            Event::RingBackOver => self.on_rings(false, now),
            // Music may hold a note as long.
            Event::Tone(Tone::Dial) | Event::Key(_) => {}
        }
    }

    /// A key came as telephone-event or in an INFO.
    pub(super) fn on_key(&mut self, key: char, now: Instant) {
        if self.sounds.keys.by_signal(key, now) && self.kind == Kind::Assistant {
            self.tell_key(key, now);
        }
    }

    /// A key of the caller's: for the recording, or for the conversation.
    fn tell_key(&mut self, key: char, now: Instant) {
        if self.takes_pause_key(key, now) {
            return;
        }
        self.conversation
            .handle(conversation::Input::Digit(key), now);
    }

    fn tell_presence(&mut self, presence: Presence, now: Instant) {
        self.conversation
            .handle(conversation::Input::Presence(presence), now);
    }

    /// The caller's telephone holds us, or does no longer.
    pub(super) fn on_held(&mut self, held: bool, now: Instant) {
        self.sounds.held = held;
        self.tell_held(now);
    }

    fn on_rings(&mut self, rings: bool, now: Instant) {
        self.sounds.rings = rings;
        if rings {
            self.note("ring-back tone", now);
        }
        self.tell_held(now);
    }

    fn tell_held(&mut self, now: Instant) {
        let held = self.sounds.held || self.sounds.rings;
        self.conversation
            .handle(conversation::Input::Held(held), now);
    }

    fn on_fax(&mut self, now: Instant) {
        if std::mem::replace(&mut self.sounds.fax, true) || self.fax == Fax::Ignore {
            return;
        }
        self.note(FAX, now);
        let Fax::Transfer(name) = &self.fax else {
            return self.hang_up("a fax machine called, and this line takes no fax", now);
        };
        let target = self.targets.iter().find(|target| target.name == *name);
        match target.cloned() {
            Some(target) if self.is_free_to_transfer() => {
                let connecting = conversation::Input::Connecting(target.name.clone());
                self.begin_transfer(target, now);
                self.conversation.handle(connecting, now);
            }
            _ => self.hang_up("a fax machine called, and there was no way to the fax", now),
        }
    }

    /// The fax was not reached: there is nobody to tell. False where the caller is no fax machine.
    pub(super) fn gives_up_fax(&mut self, reason: &str, now: Instant) -> bool {
        let gives_up = self.sounds.fax && matches!(self.fax, Fax::Transfer(_));
        if gives_up {
            let reason = format!("a fax machine called, and the fax was not reached: {reason}");
            self.hang_up(&reason, now);
        }
        gives_up
    }

    fn is_free_to_transfer(&self) -> bool {
        let tries = self.transfer.as_ref().is_some_and(Transfer::is_ringing);
        self.second.is_none() && !tries
    }

    fn note(&mut self, what: &str, now: Instant) {
        self.push(Command::Record(Entry::Noticed {
            at: self.since_start(now),
            what: what.to_owned(),
        }));
    }
}

/// What the record calls a fax machine.
pub const FAX: &str = "a fax machine";
/// A key that is heard and signalled: the signal may come when it is let go.
const TWICE: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests;
