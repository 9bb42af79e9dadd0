//! The caller has put us on hold. Whoever hears us then is nobody, so nothing is said and nothing
//! that is heard (music, mostly) is taken for the caller's words. When the caller is back we listen;
//! who says nothing for a while is asked as always.
//!
//! A telephone that is asked to call somebody (REFER) holds our call meanwhile: that stops no transfer.

use std::time::Instant;

use super::timer::Timer;
use super::turn::{Conversation, State};
use super::{Failure, Heard, Service, Unreached};

/// What is remembered of a hold.
#[derive(Clone, Debug, Default)]
pub(super) struct Hold {
    /// It lasts.
    pub(super) is_on: bool,
    /// The greeting has still to be said.
    greets: bool,
    /// A turn of what was heard meanwhile has not ended.
    foreign_turn: bool,
    /// A service was lost meanwhile: to be told when the caller is back.
    lost: Option<(Service, Failure)>,
    /// A person was not reached meanwhile: to be told when the caller is back.
    unreached: Option<(Unreached, String)>,
}

impl Conversation {
    pub(super) fn on_held(&mut self, held: bool, now: Instant) {
        if self.hold.is_on == held {
            return;
        }
        self.hold.is_on = held;
        match held {
            true => self.fall_silent(),
            false => self.come_back(now),
        }
    }

    /// Stops, and drops what was being prepared, but not a transfer under way. A goodbye that was begun ends
    /// the call.
    fn fall_silent(&mut self) {
        self.hold.greets |= self.timers.is_armed(Timer::LeadIn);
        self.timers.disarm(Timer::LeadIn);
        self.timers.disarm(Timer::CallerTurn);
        self.hold.foreign_turn = self.caller.is_some();
        self.keep_unfinished_turn();
        if !matches!(&self.state, State::Connecting(it) if it.is_under_way()) {
            self.cancel_answer();
        }
        self.stop_speaking();
    }

    fn come_back(&mut self, now: Instant) {
        if let Some((service, failure)) = self.hold.lost.take() {
            self.fail(service, &failure, now);
        } else if std::mem::take(&mut self.hold.greets) {
            self.arm_lead_in(now);
        }
        if let Some((why, reason)) = self.hold.unreached.take() {
            self.on_unreached(why, &reason, now);
        }
    }

    /// The call was answered; on hold the greeting waits.
    pub(super) fn arm_lead_in(&mut self, now: Instant) {
        if self.hold.is_on {
            self.hold.greets = true;
        } else {
            let lead_in = self.settings.timing.lead_in;
            self.timers.arm(Timer::LeadIn, now + lead_in);
        }
    }

    /// Whether something heard is of the hold and not of the caller. A turn that began on hold stays
    /// so to its end.
    pub(super) fn is_of_hold(&mut self, heard: &Heard) -> bool {
        let starts = matches!(heard, Heard::StartOfTurn { .. });
        let ends = matches!(heard, Heard::EndOfTurn { .. });
        let foreign = self.hold.is_on || (self.hold.foreign_turn && !starts);
        self.hold.foreign_turn = foreign && !ends;
        foreign
    }

    /// Keeps the loss of a service for later, if nobody would hear of it now.
    pub(super) fn postpones(&mut self, service: Service, failure: &Failure) -> bool {
        let waits = self.hold.is_on && !matches!(self.state, State::Closing(_) | State::Over);
        if waits {
            self.hold.lost.get_or_insert((service, failure.clone()));
        }
        waits
    }

    /// Keeps the news that a person was not reached for later, if nobody would hear of it now.
    pub(super) fn postpones_unreached(&mut self, why: Unreached, reason: &str) -> bool {
        if self.hold.is_on {
            self.hold.unreached = Some((why, reason.to_owned()));
        }
        self.hold.is_on
    }
}

#[cfg(test)]
mod tests;
