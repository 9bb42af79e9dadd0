//! Calls of ours whose sessions are gone: a telephone must not go on ringing for nobody, and a late 2xx
//! must not wait for its ACK (RFC 3261 §9.1, §13.2.2.4).

use std::time::Instant;

use super::farewell::FAREWELL;
use super::table::Owner;
use super::{Endpoint, Machine};
use crate::sip::dialog::Dialog;
use crate::sip::message::{Method, Name, Reason, Request, Response, StatusCode};
use crate::sip::next_hop::{Path, next_hop};
use crate::sip::session::cancel_of;
use crate::sip::transaction::ClientEvent;
use crate::sip::{Flow, SessionId, TransactionId};

impl Endpoint {
    /// What has come for an INVITE of a session that may be gone.
    pub(super) fn answer_for_the_caller(
        &mut self,
        id: TransactionId,
        session: SessionId,
        event: &ClientEvent,
        now: Instant,
    ) {
        let ClientEvent::Response(response) = event else {
            return;
        };
        if self.sessions.contains(session) {
            return;
        }
        if response.status.is_success() {
            self.end_abandoned(id, session, response, now);
        } else {
            self.cancel_abandoned(id, now);
        }
    }

    /// Sends CANCEL for an INVITE that rings without a session, once.
    pub(super) fn cancel_abandoned(&mut self, id: TransactionId, now: Instant) {
        let full = self.is_full();
        let Some(entry) = self.table.get_mut(id) else {
            return;
        };
        let (Machine::ClientInvite(machine), Some(owner)) = (&entry.machine, entry.owner) else {
            return;
        };
        let invite = machine.unanswered().filter(|_| machine.is_proceeding());
        let Some(invite) = invite.filter(|invite| invite.to_tag().is_none()) else {
            return;
        };
        if entry.cancelled || full {
            return;
        }
        let mut cancel = cancel_of(invite, reason());
        if let Some(via) = invite.top_via() {
            cancel.headers.push_front(Name::Via, &via);
        }
        entry.cancelled = true;
        let flow = entry.flow;
        self.counters.totals.abandoned += 1;
        let owner = Owner {
            transaction: FAREWELL,
            ..owner
        };
        self.start_client(owner, cancel, flow, now);
    }

    /// Acknowledges a 2xx without a session. BYE follows unless it was sent when the session went: then
    /// this is only the same 2xx again.
    fn end_abandoned(
        &mut self,
        id: TransactionId,
        session: SessionId,
        response: &Response,
        now: Instant,
    ) {
        let Some(entry) = self.table.get_mut(id) else {
            return;
        };
        let (tag, heard) = (response.to_tag(), entry.flow);
        let known = entry.to_tag.is_some() && entry.to_tag == tag;
        entry.to_tag = entry.to_tag.take().or(tag);
        let Some((mut dialog, number, flow)) = dialog_of(response, heard) else {
            return;
        };
        self.acknowledge(session, dialog.ack(number), flow);
        if known {
            return;
        }
        let mut bye = dialog.request(Method::Bye);
        bye.headers.push(Name::Reason, reason());
        self.counters.totals.abandoned += 1;
        self.request(session, FAREWELL, bye, flow, now);
    }
}

/// The dialog that a 2xx makes, our INVITE's CSeq, and where its requests go. The 2xx repeats all of the
/// INVITE that this takes.
fn dialog_of(response: &Response, heard: Flow) -> Option<(Dialog, u32, Flow)> {
    let mut invite = Request::new(Method::Invite, response.to()?.uri);
    for name in [Name::From, Name::CallId, Name::CSeq] {
        let value = response.headers.get(&name)?.clone();
        invite.headers.push(name, value);
    }
    let dialog = Dialog::uac(&invite, response)?;
    let flow = next_hop(dialog.next_hop(), heard, Path::Up);
    Some((dialog, invite.cseq()?.number, flow))
}

fn reason() -> Reason {
    let status = StatusCode::REQUEST_TERMINATED;
    Reason::sip(status.0, "nobody calls any more")
}
