//! Giving up a call before it is answered (RFC 3261 §9).

use super::invite::Inviting;
use super::{Output, Party, Session, State};
use crate::sip::dialog::MAX_FORWARDS;
use crate::sip::message::{CSeq, Method, Name, Reason, Request, StatusCode};

/// How far the wish to cancel our INVITE has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cancel {
    /// Not wished.
    No,
    /// Wished, but before the first provisional response CANCEL may not be sent (RFC 3261 §9.1).
    Wanted(String),
    /// Sent.
    Sent(String),
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
        let State::Inviting(inviting) = &mut self.state else {
            return;
        };
        if inviting.cancel == Cancel::No {
            inviting.cancel = Cancel::Wanted(text.to_owned());
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
        let Cancel::Wanted(text) = cancel.clone() else {
            return;
        };
        *cancel = Cancel::Sent(text.clone());
        let Some(outgoing) = &self.outgoing else {
            return;
        };
        let (request, flow) = (cancel_of(&outgoing.invite, text), outgoing.flow);
        let transaction = self.new_transaction();
        self.put(Output::Request {
            transaction,
            request,
            flow,
        });
    }
}

/// The CANCEL of an INVITE: all that identifies it, and nothing it asked for (RFC 3261 §9.1).
pub(super) fn cancel_of(invite: &Request, text: String) -> Request {
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
    let reason = Reason::sip(StatusCode::REQUEST_TERMINATED.0, text);
    cancel.headers.push(Name::Reason, reason);
    cancel
}
