//! What is known of the caller without the ear: whether somebody speaks, or something sounds without a pause (music
//! while the caller's side has us on hold, and tells nobody). Nobody is asked meanwhile whether he is still there,
//! but not for ever: noise may be taken for a voice.

use std::time::{Duration, Instant};

use super::Presence;
use super::timer::Timer;
use super::turn::Conversation;

/// What lasts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Felt {
    speaks: Option<Instant>,
    sounds: bool,
}

impl Felt {
    fn lasts(self, now: Instant) -> bool {
        let speaks = |since| now.saturating_duration_since(since) < SPEECH;
        self.sounds || self.speaks.is_some_and(speaks)
    }
}

impl Conversation {
    pub(super) fn on_presence(&mut self, presence: Presence, now: Instant) {
        match presence {
            Presence::Speaks(speaks) => self.felt.speaks = speaks.then_some(now),
            Presence::Sounds(sounds) => {
                self.felt.sounds = sounds;
                // Who comes back is listened to first.
                if !sounds && self.timers.is_armed(Timer::NoInput) {
                    let wait = self.settings.timing.no_input;
                    self.timers.arm(Timer::NoInput, now + wait);
                }
            }
        }
    }

    /// The caller has said nothing for long enough, as far as the ear knows.
    pub(super) fn on_no_input_due(&mut self, now: Instant) {
        if self.felt.lasts(now) && self.no_input.may_wait(now) {
            self.timers.arm(Timer::NoInput, now + LOOK);
        } else {
            self.on_miss(false, now);
        }
    }
}

/// An ear gives words within a second or two; what lasts longer without one is no speech.
const SPEECH: Duration = Duration::from_secs(8);
/// How often it is looked whether it still lasts.
const LOOK: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
