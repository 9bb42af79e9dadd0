//! Provisional responses that must arrive (RFC 3262): ours, repeated until their PRACK comes. Those of
//! the peer are acknowledged in `fork`.
//!
//! One is on its way at a time. With a session description in it the 2xx waits for its PRACK (§3);
//! a call without an offer gets ours in the first one, and the PRACK has the answer (§5).

use std::time::{Duration, Instant};

use super::media::Refused;
use super::{EXTEND, Event, Output, Party, ReliableProvisionals, Session, State, Timer, body};
use crate::sip::message::{Method, Name, RAck, Request, Response, StatusCode};
use crate::sip::{TransactionId, capabilities};

/// What a session knows of its reliable provisional responses.
#[derive(Debug, Default)]
pub(super) struct Provisionals {
    /// Whether they are sent reliably at all.
    reliable: bool,
    /// The latest one without its PRACK.
    outstanding: Option<Outstanding>,
    /// The last RSeq.
    rseq: Option<u32>,
    /// What has been said last, to be said again each minute.
    last: Option<StatusCode>,
    /// To be said when the outstanding one has arrived.
    next: Option<StatusCode>,
    /// The call was accepted meanwhile.
    accept_waits: bool,
    /// Our session description has gone out in one of them: the 2xx has none.
    pub(super) described: bool,
}

#[derive(Debug)]
struct Outstanding {
    transaction: TransactionId,
    response: Response,
    rseq: u32,
    cseq: u32,
    interval: Duration,
    carries: Carries,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Carries {
    Nothing,
    Answer,
    Offer,
}

impl Session {
    /// Says that it rings (180). Until answered, the last word is repeated every minute.
    pub fn ring(&mut self, now: Instant) {
        self.provide(StatusCode::RINGING, now);
    }

    /// Describes our media before the call is answered (183), so that the caller can hear us.
    pub fn progress(&mut self, now: Instant) {
        self.provide(StatusCode::SESSION_PROGRESS, now);
    }

    pub(super) fn extend(&mut self, now: Instant) {
        let last = self.provisionals.last.unwrap_or(StatusCode::RINGING);
        self.provide(last, now);
    }

    /// Whether provisional responses to this INVITE are to be reliable; 420 when they must and may not.
    pub(super) fn choose_reliability(&mut self, invite: &Request) -> Result<(), Response> {
        let demanded = invite.headers.has_token(&Name::Require, OPTION);
        let able = demanded || invite.headers.has_token(&Name::Supported, OPTION);
        self.provisionals.reliable = match self.settings.policy.reliable {
            ReliableProvisionals::Off if demanded => {
                let response = self.reply(invite, StatusCode::BAD_EXTENSION);
                return Err(response.with_header(Name::Unsupported, OPTION));
            }
            ReliableProvisionals::Off => false,
            ReliableProvisionals::Allowed => demanded,
            ReliableProvisionals::Wanted => able,
        };
        Ok(())
    }

    /// The option tags of what this line's sessions can do.
    pub(super) fn supported(&self) -> String {
        let off = self.settings.policy.reliable == ReliableProvisionals::Off;
        let tags = capabilities::SUPPORTED.iter().copied();
        let tags: Vec<_> = tags.filter(|tag| !(off && *tag == OPTION)).collect();
        tags.join(", ")
    }

    fn provide(&mut self, status: StatusCode, now: Instant) {
        let State::Invited(invited) = &self.state else {
            return;
        };
        self.timers.set(Timer::Extend, now + EXTEND);
        self.provisionals.last = Some(status);
        if self.provisionals.reliable {
            match self.provisionals.outstanding {
                Some(_) => self.provisionals.next = Some(status),
                None => self.provide_reliably(status, now),
            }
            return;
        }
        let mut response = self.reply_with_contact(&invited.invite, status);
        let answer = invited.answer.clone();
        if let Some(answer) = answer.filter(|_| status == StatusCode::SESSION_PROGRESS) {
            // Not agreed on before the 2xx says the same (RFC 3261 §13.2.1).
            response = response.with_body(body::SDP, answer);
        }
        let transaction = invited.transaction;
        self.respond(transaction, response);
    }

    fn provide_reliably(&mut self, status: StatusCode, now: Instant) {
        let State::Invited(invited) = &mut self.state else {
            return;
        };
        let transaction = invited.transaction;
        let (description, carries) = match (self.provisionals.described, &invited.answer) {
            (false, None) => (Some(self.media.offer()), Carries::Offer),
            (false, Some(_)) if status == StatusCode::SESSION_PROGRESS => {
                (invited.answer.take(), Carries::Answer)
            }
            _ => (None, Carries::Nothing),
        };
        self.provisionals.described |= description.is_some();
        let rseq = match self.provisionals.rseq {
            Some(last) => last.saturating_add(1),
            None => first_rseq(self.random.next_u64()),
        };
        self.provisionals.rseq = Some(rseq);
        let State::Invited(invited) = &self.state else {
            return;
        };
        let mut response = self
            .reply_with_contact(&invited.invite, status)
            .with_header(Name::Require, OPTION)
            .with_header(Name::RSeq, rseq.to_string());
        if let Some(description) = description {
            response = response.with_body(body::SDP, description);
        }
        let timing = self.settings.timing;
        self.provisionals.outstanding = Some(Outstanding {
            transaction,
            response: response.clone(),
            rseq,
            cseq: invited.invite.cseq().map_or(0, |cseq| cseq.number),
            interval: timing.t1,
            carries,
        });
        self.timers.set(Timer::Provisional, now + timing.t1);
        self.timers.set(Timer::NoPrack, now + timing.patience());
        self.respond(transaction, response);
    }

    /// The interval doubles without a ceiling (RFC 3262 §3).
    pub(super) fn repeat_provisional(&mut self, now: Instant) {
        let Some(outstanding) = &mut self.provisionals.outstanding else {
            return;
        };
        outstanding.interval *= 2;
        self.timers
            .set(Timer::Provisional, now + outstanding.interval);
        let output = Output::Respond {
            transaction: outstanding.transaction,
            response: outstanding.response.clone(),
        };
        self.put(output);
    }

    /// No PRACK within 64*T1: the INVITE is refused with a 5xx (RFC 3262 §3).
    pub(super) fn on_no_prack(&mut self) {
        let State::Invited(invited) = &self.state else {
            return;
        };
        let (transaction, status) = (invited.transaction, StatusCode::SERVER_TIMEOUT);
        let response = self.reply(&invited.invite, status);
        self.respond(transaction, response);
        self.end(Party::Network, Some(status), "no PRACK received");
    }

    /// Whether the 2xx must wait for a PRACK. If not, the outstanding response is no longer repeated,
    /// but its PRACK may still come (RFC 3262 §3).
    pub(super) fn accept_waits(&mut self) -> bool {
        let outstanding = self.provisionals.outstanding.as_ref();
        let waits = outstanding.is_some_and(|it| it.carries != Carries::Nothing);
        self.provisionals.accept_waits = waits;
        if !waits {
            self.provisionals.next = None;
            self.timers.cancel(Timer::Provisional);
            self.timers.cancel(Timer::NoPrack);
        }
        waits
    }

    pub(super) fn on_prack(&mut self, transaction: TransactionId, prack: &Request, now: Instant) {
        let Some(rack) = prack.headers.get(&Name::RAck).and_then(RAck::parse) else {
            let response = self
                .reply(prack, StatusCode::BAD_REQUEST)
                .with_reason("Unreadable RAck");
            return self.respond(transaction, response);
        };
        let acknowledged = self.provisionals.outstanding.take_if(|it| {
            rack.rseq == it.rseq
                && rack.cseq.number == it.cseq
                && rack.cseq.method == Method::Invite
        });
        let Some(acknowledged) = acknowledged else {
            let status = StatusCode::CALL_DOES_NOT_EXIST;
            return self.respond_status(transaction, prack, status);
        };
        self.timers.cancel(Timer::Provisional);
        self.timers.cancel(Timer::NoPrack);
        match acknowledged.carries {
            Carries::Offer => self.conclude_by_prack(transaction, prack),
            Carries::Nothing | Carries::Answer => self.answer_prack(transaction, prack),
        }
        if std::mem::take(&mut self.provisionals.accept_waits) {
            self.accept(now);
        } else if let Some(next) = self.provisionals.next.take() {
            self.provide(next, now);
        }
    }

    /// The PRACK has the answer to our offer. It gets its 200 in any case (RFC 3262 §3); the call is
    /// refused when the answer is of no use.
    fn conclude_by_prack(&mut self, transaction: TransactionId, prack: &Request) {
        self.respond_status(transaction, prack, StatusCode::OK);
        let answer = body::offer_in(prack).unwrap_or_default();
        match self.media.conclude(answer) {
            Ok(negotiated) => self.tell(Event::Negotiated(negotiated)),
            Err(refused) => self.refuse_for(&refused),
        }
    }

    fn refuse_for(&mut self, refused: &Refused) {
        self.refuse_because(refused.status(), &refused.to_string());
    }

    /// The PRACK may have an offer of its own once the first one is answered (RFC 3262 §5).
    fn answer_prack(&mut self, transaction: TransactionId, prack: &Request) {
        let offer = match body::offer_in(prack) {
            Ok(offer) => offer,
            Err(foreign) => {
                let response = self.foreign_body(prack, foreign);
                return self.respond(transaction, response);
            }
        };
        let Some(offer) = offer else {
            return self.respond_status(transaction, prack, StatusCode::OK);
        };
        if !self.provisionals.described || self.media.is_waiting() {
            return self.respond_later(transaction, prack);
        }
        match self.media.answer(&offer) {
            Ok((answer, negotiated)) => {
                let response = self.reply(prack, StatusCode::OK);
                self.respond(transaction, response.with_body(body::SDP, answer));
                self.tell(Event::Negotiated(negotiated));
            }
            // Only a 2xx tells that the provisional response has arrived (RFC 3262 §3): what is refused is
            // the call, which cannot become what the peer wants.
            Err(refused) => {
                self.respond_status(transaction, prack, StatusCode::OK);
                self.refuse_for(&refused);
            }
        }
    }
}

/// The option tag.
pub(super) const OPTION: &str = "100rel";

/// The first RSeq lies between 1 and 2^31 - 1 (RFC 3262 §3).
fn first_rseq(random: u64) -> u32 {
    let span = u64::from(u32::MAX >> 1);
    u32::try_from(random % span).unwrap_or(0) + 1
}
