//! Giving up a call before it is answered (RFC 3261 §9).

use super::invite::Inviting;
use super::{Output, Party, Session, State};
use crate::sip::dialog::MAX_FORWARDS;
use crate::sip::message::{CSeq, Method, Name, Reason, Request, StatusCode};

/// Why a call of ours is given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Why {
    pub(super) text: String,
    /// What the call's end is told with, where that is not the response's status.
    pub(super) status: Option<StatusCode>,
}

/// How far the wish to cancel our INVITE has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cancel {
    /// Not wished.
    No,
    /// Wished, but before the first provisional response CANCEL may not be sent (RFC 3261 §9.1).
    Wanted(Why),
    /// Sent.
    Sent(Why),
}

impl Session {
    /// The caller has given up. A 2xx already sent stands: the caller acknowledges it and hangs up.
    pub(super) fn on_cancelled(&mut self) {
        let State::Invited(invited) = &self.state else {
            return;
        };
        let (transaction, status) = (invited.transaction, StatusCode::REQUEST_TERMINATED);
        let response = self.reply(&invited.invite, status);
        self.respond(transaction, response);
        self.end(Party::Remote, Some(status), "cancelled");
    }

    /// Gives up our own call, as soon as that is allowed.
    pub(super) fn cancel(&mut self, text: &str) {
        self.cancel_because(Why {
            text: text.to_owned(),
            status: None,
        });
    }

    /// It has rung for as long as the line allows.
    pub(super) fn on_ring_max(&mut self) {
        self.cancel_because(Why {
            text: "no answer".to_owned(),
            status: Some(StatusCode::REQUEST_TIMEOUT),
        });
    }

    fn cancel_because(&mut self, why: Why) {
        let State::Inviting(inviting) = &mut self.state else {
            return;
        };
        if inviting.cancel == Cancel::No {
            inviting.cancel = Cancel::Wanted(why);
        }
        self.send_cancel();
    }

    /// Sends the CANCEL that is wanted, if a provisional response has come.
    pub(super) fn send_cancel(&mut self) {
        let State::Inviting(Inviting {
            provisional: true,
            cancel,
            ..
        }) = &mut self.state
        else {
            return;
        };
        let Cancel::Wanted(why) = cancel.clone() else {
            return;
        };
        *cancel = Cancel::Sent(why.clone());
        let Some(outgoing) = &self.outgoing else {
            return;
        };
        let cause = why.status.unwrap_or(StatusCode::REQUEST_TERMINATED);
        let reason = Reason::sip(cause.0, why.text);
        let (request, flow) = (cancel_of(&outgoing.invite, reason), outgoing.flow);
        let transaction = self.new_transaction();
        self.put(Output::Request {
            transaction,
            request,
            flow,
        });
    }
}

/// The CANCEL of an INVITE, without Via: all that identifies it, and nothing it asked for (RFC 3261 §9.1).
pub(in crate::sip) fn cancel_of(invite: &Request, reason: Reason) -> Request {
    let mut cancel = Request::new(Method::Cancel, invite.uri.clone());
    cancel.headers.push(Name::MaxForwards, MAX_FORWARDS);
    for name in [Name::Route, Name::From, Name::To, Name::CallId] {
        for value in invite.headers.all(&name) {
            cancel.headers.push(name.clone(), value.clone());
        }
    }
    let number = invite.cseq().map_or(0, |cseq| cseq.number);
    let method = Method::Cancel;
    cancel.headers.push(Name::CSeq, CSeq { number, method });
    cancel.headers.push(Name::Reason, reason);
    cancel
}
