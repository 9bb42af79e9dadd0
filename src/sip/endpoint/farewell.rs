//! The BYE of a call whose session was dropped in the middle of it: a broken task must not leave
//! the peer in an open call.

use std::time::Instant;

use super::sessions::Record;
use super::{Endpoint, Machine};
use crate::sip::dialog::Dialog;
use crate::sip::message::{CSeq, Method, Name, NameAddr, Reason, Request, Response, StatusCode};
use crate::sip::next_hop::{Path, next_hop};
use crate::sip::{Flow, SessionId, TransactionId};

/// The BYE that would end a session's dialog as it stands, without Via.
#[derive(Debug)]
pub(super) struct Farewell {
    bye: Request,
    flow: Flow,
}

impl Farewell {
    /// Of a call that came in and gets its first 2xx.
    fn of_answer(invite: &Request, response: &Response, heard: Flow) -> Option<Self> {
        let tag = response.to_tag()?;
        let mut dialog = Dialog::uas(invite, &String::from_utf8_lossy(&tag))?;
        Some(Self {
            bye: dialog.request(Method::Bye),
            flow: next_hop(dialog.next_hop(), heard, Path::Up),
        })
    }

    /// Of a call that went out: the ACK of its 2xx has all that a BYE needs.
    fn of_ack(ack: &Request, flow: Flow) -> Option<Self> {
        let mut bye = Request {
            method: Method::Bye,
            ..ack.clone()
        };
        set_cseq(&mut bye, ack.cseq()?.number.saturating_add(1));
        Some(Self { bye, flow })
    }

    /// The peer is to be found elsewhere from now on (RFC 3261 §12.2.1.2, §12.2.2). Behind a strict router
    /// of RFC 2543 the Request-URI is not its address, and stays.
    fn move_to(&mut self, contact: Option<NameAddr>, heard: Flow) {
        let routes = self.bye.headers.addresses(&Name::Route);
        let strict = routes
            .first()
            .is_some_and(|it| !it.uri.params().contains("lr"));
        let Some(contact) = contact.filter(|_| !strict) else {
            return;
        };
        self.bye.uri = contact.uri.without_headers();
        if routes.is_empty() {
            self.flow = next_hop(&self.bye.uri, heard, Path::Up);
        }
    }
}

impl Record {
    /// The farewell comes after all that was sent (a PRACK, before the call was open).
    fn postpone_farewell(&mut self) {
        if let Some(Farewell { bye, .. }) = &mut self.farewell {
            let planned = bye.cseq().map_or(0, |cseq| cseq.number);
            set_cseq(bye, planned.max(self.cseq.saturating_add(1)));
        }
    }
}

/// Whether requests of this method tell where their sender is from then on (RFC 3261 §12.2, RFC 3311 §5.1).
fn moves(method: &Method) -> bool {
    matches!(method, Method::Invite | Method::Update)
}

fn set_cseq(bye: &mut Request, number: u32) {
    let method = Method::Bye;
    bye.headers.set(Name::CSeq, CSeq { number, method });
}

impl Endpoint {
    /// A final answer of a session passes: a 2xx to its INVITE opens the call, one to the peer's
    /// BYE ends it.
    pub(super) fn watch_answer(&mut self, id: TransactionId, response: &Response) {
        let Some(entry) = self.table.get(id) else {
            return;
        };
        let (Some(owner), Some(request)) = (entry.owner, entry.request.as_ref()) else {
            return;
        };
        let Some(record) = self.sessions.get_mut(owner.session) else {
            return;
        };
        let opens = matches!(entry.machine, Machine::ServerInvite(_)) && request.to_tag().is_none();
        if !response.status.is_success() {
            return;
        }
        if opens {
            let heard = record.heard.unwrap_or(entry.flow);
            record.farewell = Farewell::of_answer(request, response, heard);
            record.postpone_farewell();
        } else if request.method == Method::Bye {
            record.farewell = None;
            record.closed = true;
        } else if let (true, Some(farewell)) = (moves(&request.method), &mut record.farewell) {
            farewell.move_to(request.contact(), record.heard.unwrap_or(entry.flow));
        }
    }

    /// A final answer of the peer's passes: one to our re-INVITE or UPDATE may tell where it is now.
    pub(super) fn watch_final(&mut self, session: SessionId, response: &Response) {
        let method = response.cseq().map(|cseq| cseq.method);
        let Some(record) = self.sessions.get_mut(session) else {
            return;
        };
        if let (Some(farewell), Some(heard)) = (&mut record.farewell, record.heard)
            && response.status.is_success()
            && method.is_some_and(|method| moves(&method))
            && response.to_tag() == farewell.bye.to_tag()
        {
            farewell.move_to(response.contact(), heard);
        }
    }

    /// An ACK of a session passes: its outgoing call is open.
    pub(super) fn watch_ack(&mut self, session: SessionId, ack: &Request, flow: Flow) {
        if let Some(record) = self.sessions.get_mut(session)
            && record.farewell.is_none()
            && !record.closed
        {
            record.farewell = Farewell::of_ack(ack, flow);
            record.postpone_farewell();
            let invite = record.invite.and_then(|id| self.table.get_mut(id));
            if let Some(entry) = invite {
                entry.to_tag = ack.to_tag();
            }
        }
    }

    /// A request of a session passes: a BYE ends the call, others use up CSeq numbers.
    pub(super) fn watch_request(&mut self, session: SessionId, request: &Request) {
        let Some(record) = self.sessions.get_mut(session) else {
            return;
        };
        let number = request.cseq().map_or(0, |cseq| cseq.number);
        record.cseq = record.cseq.max(number);
        let Some(farewell) = &mut record.farewell else {
            return;
        };
        if request.to_tag() != farewell.bye.to_tag() {
            return; // another branch of a forked call
        }
        if request.method == Method::Bye {
            record.farewell = None;
            record.closed = true;
        } else {
            record.postpone_farewell();
        }
    }

    /// Sends the BYE of a forgotten session whose call was still open.
    pub(super) fn bid_farewell(&mut self, session: SessionId, farewell: Farewell, now: Instant) {
        let Farewell { mut bye, flow } = farewell;
        let status = StatusCode::SERVER_INTERNAL_ERROR;
        let reason = Reason::sip(status.0, status.reason_phrase());
        bye.headers.push(Name::Reason, reason);
        self.counters.totals.farewells += 1;
        self.request(session, FAREWELL, bye, flow, now);
    }
}

/// The name of a transaction that no session asks about.
pub(super) const FAREWELL: TransactionId = TransactionId(0);
