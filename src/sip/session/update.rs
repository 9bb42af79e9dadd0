//! UPDATE from the peer (RFC 3311 §5.2): a target refresh, with or without an offer.

use std::time::Instant;

use super::{Event, Session, State, body};
use crate::sip::TransactionId;
use crate::sip::message::{Request, StatusCode};

impl Session {
    pub(super) fn on_update(&mut self, transaction: TransactionId, update: &Request, now: Instant) {
        if let Some(refusal) = self.interval_refusal(update) {
            return self.respond(transaction, refusal);
        }
        let offer = match body::offer_in(update) {
            Ok(offer) => offer,
            Err(foreign) => {
                let response = self.foreign_body(update, foreign);
                return self.respond(transaction, response);
            }
        };
        let mut response = self.reply_with_contact(update, StatusCode::OK);
        if let Some(offer) = offer {
            if self.media.is_waiting() {
                let status = StatusCode::REQUEST_PENDING;
                return self.respond_status(transaction, update, status);
            }
            if matches!(self.state, State::Invited(_)) && !self.provisionals.described {
                return self.respond_later(transaction, update);
            }
            match self.media.answer(&offer) {
                Ok((answer, negotiated)) => {
                    response = response.with_body(body::SDP, answer);
                    if self.media.is_news() {
                        self.tell(Event::Negotiated(negotiated));
                    }
                }
                Err(refused) => {
                    let response = self.refused_offer(update, &refused);
                    return self.respond(transaction, response);
                }
            }
        }
        if let Some(dialog) = &mut self.dialog {
            dialog.refresh_target(update.contact());
        }
        if matches!(self.state, State::Established) {
            response = self.with_timer(response, update, now);
        }
        self.respond(transaction, response);
    }
}
