//! The ACK of our 2xx (RFC 3261 §13.3.1.4).

use std::time::Instant;

use super::accept::Round;
use super::bye::{not_acknowledged, unusable_answer};
use super::{Event, Session, Timer, body};
use crate::sip::message::Request;

impl Session {
    pub(super) fn on_ack(&mut self, ack: &Request, now: Instant) {
        let cseq = ack.cseq().map(|cseq| cseq.number);
        let expected = self.unacknowledged.as_ref().map(|it| it.cseq);
        let ours = self
            .dialog
            .as_ref()
            .is_some_and(|dialog| dialog.matches(ack));
        if !ours || expected.is_none() || cseq != expected {
            return;
        }
        if !self.media.is_waiting() {
            return self.confirm(now);
        }
        let answer = body::offer_in(ack).unwrap_or_default();
        match self.media.conclude(answer) {
            Ok(negotiated) => {
                self.tell(Event::Negotiated(negotiated));
                self.confirm(now);
            }
            Err(refused) => {
                self.stop_waiting();
                self.close(unusable_answer(&refused), now);
            }
        }
    }

    /// The peer has our 2xx.
    pub(super) fn confirm(&mut self, now: Instant) {
        let round = self.unacknowledged.as_ref().map(|it| it.round);
        self.stop_waiting();
        if round == Some(Round::First) {
            self.tell(Event::Confirmed);
        }
        if let Some(text) = self.parting.take() {
            self.part(&text, now);
        }
    }

    pub(super) fn on_no_ack(&mut self, now: Instant) {
        self.stop_waiting();
        self.close(not_acknowledged(), now);
    }

    fn stop_waiting(&mut self) {
        self.unacknowledged = None;
        self.timers.cancel(Timer::Repeat);
        self.timers.cancel(Timer::NoAck);
    }
}
