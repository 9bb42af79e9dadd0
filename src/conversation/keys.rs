//! What the caller's keys mean.

use std::time::Instant;

use super::email_capture::Caller;
use super::timer::Timer;
use super::turn::{Conversation, State};

impl Conversation {
    pub(super) fn on_digit(&mut self, digit: char, now: Instant) {
        if self.takes_recording_key(digit, now) {
            return;
        }
        match (&self.state, digit) {
            (State::Idle | State::Connecting(_) | State::Closing(_) | State::Over, _) => {}
            (State::Capturing(_), '0' | '1' | '2') => {
                self.stop_speaking();
                let caller = match digit {
                    '1' => Caller::Yes,
                    '2' => Caller::No,
                    _ => Caller::Skips,
                };
                self.on_capture(caller, now);
            }
            (State::Offering, '2') => {
                self.stop_speaking();
                self.go_on(now);
            }
            (State::Offering, '1') => {
                self.stop_speaking();
                self.escalate("the caller asked for a person by key", now);
            }
            (_, '0') => {
                self.stop_speaking();
                self.cancel_answer();
                self.timers.disarm(Timer::LeadIn);
                self.want_person("", "the caller asked for a person by key", now);
            }
            _ => {}
        }
    }
}
