//! Transfer: our REFER (RFC 3515, RFC 3892) and what the peer's NOTIFYs tell of it, with Replaces
//! (RFC 3891) where a second call is to take over.

use std::time::Instant;

use super::{Event, Purpose, Session, State, Timer};
use crate::sip::TransactionId;
use crate::sip::message::{
    Method, Name, NameAddr, Params, Replaces, Request, Response, StatusCode, Uri,
};

/// How a transfer that we asked for goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Referral {
    /// The peer will try (202, or any 2xx).
    Accepted,
    /// The peer tells a provisional status of the call it makes.
    Progress(u16),
    /// Over: the final status of the call it made, or of the REFER itself. 408 when nothing more was heard.
    Finished(u16),
}

/// Our REFER.
#[derive(Debug)]
pub(super) struct Referring {
    /// Its CSeq number, which names it in NOTIFY where there were several (RFC 3515 §2.4.6).
    id: u32,
    accepted: bool,
}

impl Session {
    /// Asks the peer to call `target` instead of us; with `replaces` to take the place of that call
    /// there. [`super::Event::Referral`] tells how it goes. The call goes on until somebody hangs up; a
    /// peer that hangs up after it has accepted has made its call.
    pub fn refer(&mut self, target: Uri, replaces: Option<Replaces>, now: Instant) {
        let asked = self.pending.iter().any(|(_, it)| *it == Purpose::Refer);
        let refused = match &self.state {
            State::Established if self.referring.is_some() || asked => StatusCode::REQUEST_PENDING,
            State::Established => return self.send_refer(&target, replaces, now),
            _ => StatusCode::CALL_DOES_NOT_EXIST,
        };
        self.tell(Event::Referral(Referral::Finished(refused.0)));
    }

    /// This call as it is to be named to somebody whose call shall take our place in it. `None` until it is
    /// answered.
    #[must_use]
    pub fn replaces(&self) -> Option<Replaces> {
        match self.state {
            State::Established => self.dialog.as_ref()?.replaces(),
            _ => None,
        }
    }

    fn send_refer(&mut self, target: &Uri, replaces: Option<Replaces>, now: Instant) {
        let to = match replaces {
            Some(replaces) => target.with_header("Replaces", &bytes::Bytes::from(replaces)),
            None => target.clone(),
        };
        let contact = NameAddr::new(self.settings.contact.clone());
        let Some(dialog) = &mut self.dialog else {
            return;
        };
        let by = dialog.local_uri();
        let mut refer = dialog
            .request(Method::Refer)
            .with_header(Name::Contact, contact)
            .with_header(Name::ReferTo, NameAddr::new(to));
        if let Some(by) = by {
            refer.headers.push(Name::ReferredBy, NameAddr::new(by));
        }
        let id = refer.cseq().map_or(0, |cseq| cseq.number);
        self.referring = Some(Referring {
            id,
            accepted: false,
        });
        let timing = self.settings.timing;
        let at = now + timing.patience() + timing.t4;
        self.timers.set(Timer::Referral, at);
        self.send(refer, Purpose::Refer);
    }

    pub(super) fn on_refer_response(&mut self, response: &Response, now: Instant) {
        if !response.status.is_final() {
            return;
        }
        let Some(referring) = &self.referring else {
            return;
        };
        if referring.accepted {
            return; // NOTIFY has overtaken it
        }
        if response.status.is_success() {
            self.accept_referral();
            let at = now + self.settings.timing.patience();
            self.timers.set(Timer::Referral, at);
        } else {
            self.conclude_referral(response.status);
        }
    }

    /// The outcome is known, or nothing more will be.
    pub(super) fn conclude_referral(&mut self, status: StatusCode) {
        if self.referring.take().is_some() {
            self.timers.cancel(Timer::Referral);
            self.tell(Event::Referral(Referral::Finished(status.0)));
        }
    }

    /// The peer has hung up. After it took our REFER that means it talks to the other one: some (Twilio)
    /// hang up at once and tell nothing more. Gives the words for the end of the call.
    pub(super) fn on_peer_left(&mut self) -> Option<String> {
        let accepted = self.referring.as_ref().is_some_and(|it| it.accepted);
        if !accepted {
            return None;
        }
        self.conclude_referral(StatusCode::OK);
        Some("transferred".to_owned())
    }

    /// The credentials of a REFER sent again come with another CSeq.
    pub(super) fn rename_referral(&mut self, refer: &Request) {
        if let (Some(referring), Some(cseq)) = (&mut self.referring, refer.cseq()) {
            referring.id = cseq.number;
        }
    }

    pub(super) fn on_notify(&mut self, transaction: TransactionId, notify: &Request, now: Instant) {
        let (package, id) = package_of(notify);
        if !package.eq_ignore_ascii_case(b"refer") {
            let response = self
                .reply(notify, StatusCode::BAD_EVENT)
                .with_header(Name::AllowEvents, "refer");
            return self.respond(transaction, response);
        }
        let ours = self.referring.as_ref().map(|it| it.id);
        if ours.is_none() || id.is_some_and(|id| Some(id) != ours) {
            let status = StatusCode::CALL_DOES_NOT_EXIST;
            return self.respond_status(transaction, notify, status);
        }
        let status = match sipfrag(notify) {
            Ok(status) => status,
            Err(refused) => {
                let response = self
                    .reply(notify, refused)
                    .with_header(Name::Accept, SIPFRAG);
                return self.respond(transaction, response);
            }
        };
        self.respond_status(transaction, notify, StatusCode::OK);
        self.accept_referral();
        let over = is_terminated(notify);
        match status {
            Some(status) if status.is_final() => self.conclude_referral(status),
            Some(status) if !over => {
                let at = now + self.settings.policy.ring_max + self.settings.timing.patience();
                self.timers.set(Timer::Referral, at);
                self.tell(Event::Referral(Referral::Progress(status.0)));
            }
            // The peer says no more, and never said how it went.
            _ if over => self.conclude_referral(StatusCode::REQUEST_TIMEOUT),
            _ => {}
        }
    }

    /// A 2xx, or a NOTIFY that comes before it.
    fn accept_referral(&mut self) {
        if let Some(referring) = &mut self.referring
            && !std::mem::replace(&mut referring.accepted, true)
        {
            self.tell(Event::Referral(Referral::Accepted));
        }
    }
}

/// The body that tells of the call made: the beginning of its response (RFC 3420).
pub(super) const SIPFRAG: &str = "message/sipfrag";

/// The package of Event and its `id`.
fn package_of(notify: &Request) -> (bytes::Bytes, Option<u32>) {
    let event = notify.headers.get(&Name::Event).cloned();
    let event = event.unwrap_or_default();
    let end = event.iter().position(|&byte| byte == b';');
    let end = end.unwrap_or(event.len());
    let package = event.slice_ref(event[..end].trim_ascii());
    let id = Params::parse(&event.slice(end..)).get("id");
    let number = |id: bytes::Bytes| core::str::from_utf8(&id).ok()?.parse().ok();
    // An id that is no number is none of ours.
    (package, id.map(|id| number(id).unwrap_or(0)))
}

/// The status in the body; none in an empty one. The rest of the fragment means nothing to us.
fn sipfrag(notify: &Request) -> Result<Option<StatusCode>, StatusCode> {
    if notify.body.is_empty() {
        return Ok(None);
    }
    if notify.headers.content_type().as_deref() != Some(SIPFRAG) {
        return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    let line = notify.body.split(|byte| b"\r\n".contains(byte)).next();
    let mut words = line.unwrap_or_default().split(|&byte| byte == b' ');
    let version = words.next().unwrap_or_default();
    let code = words
        .next()
        .and_then(|word| core::str::from_utf8(word).ok());
    let status = code
        .and_then(|code| code.parse().ok())
        .and_then(StatusCode::new);
    match status {
        Some(status) if version.eq_ignore_ascii_case(b"SIP/2.0") => Ok(Some(status)),
        _ => Err(StatusCode::BAD_REQUEST),
    }
}

fn is_terminated(notify: &Request) -> bool {
    let state = notify.headers.get(&Name::SubscriptionState);
    let state = state.and_then(|state| state.split(|&byte| byte == b';').next());
    state.is_some_and(|state| state.trim_ascii().eq_ignore_ascii_case(b"terminated"))
}
