//! Being called (RFC 3261 §13.3): the offer is answered at once, the INVITE when the call says so.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{EXTEND, Event, Output, Party, Session, Settings, State, Timer, body};
use crate::sip::dialog::Dialog;
use crate::sip::message::{Name, Request, Response, StatusCode};
use crate::sip::{Flow, Random, TransactionId, capabilities};

/// The state INVITED.
#[derive(Debug)]
pub(super) struct Invited {
    pub(super) transaction: TransactionId,
    pub(super) invite: Box<Request>,
    /// Our answer to the INVITE's offer, until it has gone out reliably; without an offer the 200, or a
    /// reliable provisional response, will carry ours.
    pub(super) answer: Option<Bytes>,
}

/// A 2xx of ours, repeated until its ACK comes (RFC 3261 §13.3.1.4).
#[derive(Debug)]
pub(super) struct Unacknowledged {
    transaction: TransactionId,
    response: Response,
    interval: Duration,
    pub(super) cseq: u32,
    pub(super) round: Round,
}

/// Which INVITE of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Round {
    First,
    Again,
}

impl Session {
    /// A call that comes in. Its offer is answered at once: either [`Event::Negotiated`] follows
    /// immediately, so that media and speech can be made ready while it rings, or the session
    /// refuses by itself (400, 406, 415, 488) and [`Event::Ended`] follows. Without an offer the 200
    /// makes one, and `Negotiated` follows with the ACK.
    #[must_use]
    pub fn incoming(
        transaction: TransactionId,
        invite: Request,
        flow: Flow,
        settings: Settings,
        random: Random,
        now: Instant,
    ) -> Self {
        let call_id = invite.call_id().cloned().unwrap_or_default();
        let mut session = Self::new(call_id, flow, settings, random, State::Over);
        session.dialog = Dialog::uas(&invite, &session.local_tag);
        match session.take_invite(&invite) {
            Ok(answer) => {
                session.timers.set(Timer::Extend, now + EXTEND);
                session.state = State::Invited(Invited {
                    transaction,
                    invite: Box::new(invite),
                    answer,
                });
            }
            Err(response) => session.refuse_with(transaction, response),
        }
        session
    }

    /// Answers the call (200). Repeated until the ACK comes; BYE follows when it does not within
    /// 64*T1. A reliable provisional response with our session description is to arrive first
    /// (RFC 3262 §3).
    pub fn accept(&mut self, now: Instant) {
        if !matches!(self.state, State::Invited(_)) || self.accept_waits() {
            return;
        }
        let State::Invited(invited) = &mut self.state else {
            return;
        };
        let answer = invited.answer.take();
        let State::Invited(invited) = std::mem::replace(&mut self.state, State::Established) else {
            return;
        };
        self.timers.cancel(Timer::Extend);
        let body = match (answer, self.provisionals.described) {
            (Some(answer), _) => answer,
            (None, true) => Bytes::new(),
            (None, false) => self.media.offer(),
        };
        self.answer_invite(
            invited.transaction,
            &invited.invite,
            body,
            Round::First,
            now,
        );
        self.tell(Event::Answered);
    }

    /// Refuses the call with a status of 300-699; 503 goes out with Retry-After.
    pub fn refuse(&mut self, status: StatusCode) {
        self.refuse_because(status, status.reason_phrase());
    }

    pub(super) fn refuse_because(&mut self, status: StatusCode, text: &str) {
        let State::Invited(invited) = &self.state else {
            return;
        };
        let transaction = invited.transaction;
        let mut response = self.reply(&invited.invite, status);
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response = response.with_header(Name::RetryAfter, capabilities::RETRY_AFTER);
        }
        self.respond(transaction, response);
        self.end(Party::Local, Some(status), text);
    }

    /// Sends the 2xx of an INVITE, without a body when that is empty, and starts to wait for its ACK.
    pub(super) fn answer_invite(
        &mut self,
        transaction: TransactionId,
        invite: &Request,
        body: Bytes,
        round: Round,
        now: Instant,
    ) {
        let response = self.reply_with_contact(invite, StatusCode::OK);
        let mut response = self.with_timer(response, invite, now);
        if !body.is_empty() {
            response = response.with_body(body::SDP, body);
        }
        let timing = self.settings.timing;
        self.unacknowledged = Some(Unacknowledged {
            transaction,
            response: response.clone(),
            interval: timing.t1,
            cseq: invite.cseq().map_or(0, |cseq| cseq.number),
            round,
        });
        self.timers.set(Timer::Repeat, now + timing.t1);
        self.timers.set(Timer::NoAck, now + timing.patience());
        self.respond(transaction, response);
    }

    pub(super) fn repeat_2xx(&mut self, now: Instant) {
        let Some(unacknowledged) = &mut self.unacknowledged else {
            return;
        };
        unacknowledged.interval = self.settings.timing.backed_off(unacknowledged.interval);
        self.timers
            .set(Timer::Repeat, now + unacknowledged.interval);
        let output = Output::Respond {
            transaction: unacknowledged.transaction,
            response: unacknowledged.response.clone(),
        };
        self.put(output);
    }

    /// The answer to the INVITE's offer, if it has one, or the refusal it deserves.
    fn take_invite(&mut self, invite: &Request) -> Result<Option<Bytes>, Response> {
        if self.dialog.is_none() {
            return Err(self.reply(invite, StatusCode::BAD_REQUEST));
        }
        self.choose_reliability(invite)?;
        if !body::accepts_answer(&invite.headers) {
            let response = self.reply(invite, StatusCode::NOT_ACCEPTABLE);
            return Err(response.with_header(Name::Accept, capabilities::ACCEPT));
        }
        if let Some(refusal) = self.interval_refusal(invite) {
            return Err(refusal);
        }
        self.learn(&invite.headers);
        let offer = body::offer_in(invite).map_err(|foreign| self.foreign_body(invite, foreign))?;
        let Some(offer) = offer else {
            return Ok(None);
        };
        let (answer, negotiated) = self
            .media
            .answer(&offer)
            .map_err(|refused| self.refused_offer(invite, &refused))?;
        self.tell(Event::Negotiated(negotiated));
        Ok(Some(answer))
    }

    fn refuse_with(&mut self, transaction: TransactionId, response: Response) {
        let status = response.status;
        let text = String::from_utf8_lossy(&response.reason).into_owned();
        self.respond(transaction, response);
        self.end(Party::Local, Some(status), text);
    }
}
