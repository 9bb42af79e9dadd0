//! The peer's INVITE inside the dialog: hold, resume, another address or codec, a refresh
//! (RFC 3261 §14.2, RFC 5407).

use std::time::Instant;

use super::accept::Round;
use super::{Event, Session, State, body};
use crate::sip::TransactionId;
use crate::sip::message::{Request, StatusCode};

impl Session {
    pub(super) fn on_reinvite(
        &mut self,
        transaction: TransactionId,
        invite: &Request,
        now: Instant,
    ) {
        let pending = StatusCode::REQUEST_PENDING;
        match &self.state {
            State::Invited(_) => return self.respond_later(transaction, invite),
            State::Inviting(_) => return self.respond_status(transaction, invite, pending),
            State::Established | State::Closing { .. } | State::Over => {}
        }
        if self.media.is_waiting() {
            return self.respond_status(transaction, invite, pending);
        }
        if self.unacknowledged.is_some() {
            // A peer that goes on has our last 2xx; only its ACK got lost (RFC 5407 §3.1.4).
            self.confirm(now);
        }
        if !matches!(self.state, State::Established) {
            let status = StatusCode::CALL_DOES_NOT_EXIST;
            return self.respond_status(transaction, invite, status);
        }
        self.renegotiate(transaction, invite, now);
    }

    fn renegotiate(&mut self, transaction: TransactionId, invite: &Request, now: Instant) {
        if let Some(refusal) = self.interval_refusal(invite) {
            return self.respond(transaction, refusal);
        }
        let offer = match body::offer_in(invite) {
            Ok(offer) => offer,
            Err(foreign) => {
                let response = self.foreign_body(invite, foreign);
                return self.respond(transaction, response);
            }
        };
        let (body, negotiated) = match offer.map(|offer| self.media.answer(&offer)) {
            None => (self.media.offer(), None),
            Some(Ok((answer, negotiated))) => (answer, Some(negotiated)),
            Some(Err(refused)) => {
                let response = self.refused_offer(invite, &refused);
                return self.respond(transaction, response);
            }
        };
        if let Some(dialog) = &mut self.dialog {
            dialog.refresh_target(invite.contact());
        }
        self.answer_invite(transaction, invite, body, Round::Again, now);
        if let Some(negotiated) = negotiated.filter(|_| self.media.is_news()) {
            self.tell(Event::Negotiated(negotiated));
        }
    }
}
