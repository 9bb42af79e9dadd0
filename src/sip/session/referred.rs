//! The peer's REFER (RFC 3515 §2.4): taken only where its line allows it, and told the outcome by NOTIFY.

use std::time::Instant;

use bytes::Bytes;

use super::refer::SIPFRAG;
use super::{Event, Purpose, Session, State, Timer};
use crate::sip::TransactionId;
use crate::sip::message::{
    Method, Name, NameAddr, Replaces, Request, Response, Scheme, StatusCode, Uri,
};

/// The peer asks us to call somebody else.
#[derive(Clone, Debug)]
pub struct Referred {
    /// Whom to call, without headers.
    pub to: Uri,
    /// The call that the new one takes the place of.
    pub replaces: Option<Replaces>,
    /// Referred-By, as told.
    pub by: Option<Bytes>,
}

/// The peer's interest in its REFER.
#[derive(Debug)]
pub(super) struct Subscription {
    /// Told in Event where the call has seen a REFER before (RFC 3515 §2.4.6).
    event: String,
    ends: Instant,
}

impl Session {
    /// Tells the peer whose REFER we took how its call goes; a final status is the last word.
    pub fn notify(&mut self, status: u16, now: Instant) {
        let Some(status) = StatusCode::new(status) else {
            return;
        };
        let Some(subscription) = &self.subscription else {
            return;
        };
        if status.is_final() {
            return self.conclude_subscription(status, "noresource");
        }
        let left = subscription.ends.saturating_duration_since(now);
        let state = format!("active;expires={}", left.as_secs());
        let event = subscription.event.clone();
        self.send_notify(status, event, &state);
    }

    pub(super) fn on_refer(&mut self, transaction: TransactionId, refer: &Request, now: Instant) {
        let referred = match self.read_refer(refer) {
            Ok(referred) => referred,
            Err(status) => return self.respond_status(transaction, refer, status),
        };
        let accepted = self.reply_with_contact(refer, StatusCode::ACCEPTED);
        self.respond(transaction, accepted);
        let ends = now + self.settings.policy.ring_max + self.settings.timing.patience();
        let number = refer.cseq().map_or(0, |cseq| cseq.number);
        let event = match std::mem::replace(&mut self.was_referred, true) {
            false => "refer".to_owned(),
            true => format!("refer;id={number}"),
        };
        self.subscription = Some(Subscription { event, ends });
        self.timers.set(Timer::Referred, ends);
        self.notify(StatusCode::TRYING.0, now);
        self.tell(Event::Referred(referred));
    }

    /// Whom to call, or the status of the refusal.
    fn read_refer(&self, refer: &Request) -> Result<Referred, StatusCode> {
        if !self.settings.policy.accepts_refer {
            return Err(StatusCode::FORBIDDEN);
        }
        if !matches!(self.state, State::Established) || self.subscription.is_some() {
            return Err(StatusCode::REQUEST_PENDING);
        }
        if refer.headers.all(&Name::ReferTo).count() != 1 {
            return Err(StatusCode::BAD_REQUEST);
        }
        let to = refer.headers.address(&Name::ReferTo);
        let uri = to.ok_or(StatusCode::BAD_REQUEST)?.uri;
        if uri.scheme() == Scheme::Other {
            return Err(StatusCode::UNSUPPORTED_URI_SCHEME);
        }
        let method = uri.param("method");
        if method.is_some_and(|method| &method[..] != Method::Invite.as_bytes()) {
            return Err(StatusCode::NOT_IMPLEMENTED);
        }
        let headers = uri.headers();
        let mut headers = headers.iter();
        let replaces = headers.find(|(name, _)| name.eq_ignore_ascii_case(b"Replaces"));
        let replaces = match replaces {
            Some((_, value)) => Some(Replaces::parse(value).ok_or(StatusCode::BAD_REQUEST)?),
            None => None,
        };
        Ok(Referred {
            to: uri.without_headers(),
            replaces,
            by: refer.headers.get(&Name::ReferredBy).cloned(),
        })
    }

    /// Nobody has told how it went.
    pub(super) fn expire_subscription(&mut self) {
        self.conclude_subscription(StatusCode::REQUEST_TIMEOUT, "timeout");
    }

    /// A peer that knows of no REFER, or does not answer, is told no more (RFC 6665 §4.2.2). One that
    /// refuses a NOTIFY because a later one has overtaken it is.
    pub(super) fn on_notify_response(&mut self, response: &Response) {
        if matches!(response.status.0, 408 | 481 | 489) {
            self.subscription = None;
            self.timers.cancel(Timer::Referred);
        }
    }

    fn conclude_subscription(&mut self, status: StatusCode, reason: &str) {
        if let Some(subscription) = self.subscription.take() {
            self.timers.cancel(Timer::Referred);
            let state = format!("terminated;reason={reason}");
            self.send_notify(status, subscription.event, &state);
        }
    }

    fn send_notify(&mut self, status: StatusCode, event: String, state: &str) {
        if !matches!(self.state, State::Established) {
            return;
        }
        let contact = NameAddr::new(self.settings.contact.clone());
        let Some(dialog) = &mut self.dialog else {
            return;
        };
        let line = format!("SIP/2.0 {status} {}\r\n", status.reason_phrase());
        let notify = dialog
            .request(Method::Notify)
            .with_header(Name::Contact, contact)
            .with_header(Name::Event, event)
            .with_header(Name::SubscriptionState, state.to_owned())
            .with_body(format!("{SIPFRAG};version=2.0"), line);
        self.send(notify, Purpose::Notify);
    }
}
