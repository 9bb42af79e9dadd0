//! Requests inside the dialog (RFC 3261 §12.2.2), by method.

use std::time::Instant;

use super::{Session, State};
use crate::sip::message::{Method, Name, Request, StatusCode};
use crate::sip::next_hop::Path;
use crate::sip::{Flow, TransactionId, capabilities};

impl Session {
    pub(super) fn on_request(
        &mut self,
        transaction: TransactionId,
        request: &Request,
        flow: Flow,
        now: Instant,
    ) {
        let gone = StatusCode::CALL_DOES_NOT_EXIST;
        self.turn_to_fork(request.from_tag().as_ref());
        let Some(dialog) = self
            .dialog
            .as_mut()
            .filter(|dialog| dialog.matches(request))
        else {
            return self.respond_status(transaction, request, gone);
        };
        if dialog.accept(request).is_err() {
            let status = StatusCode::SERVER_INTERNAL_ERROR;
            return self.respond_status(transaction, request, status);
        }
        self.flow = flow;
        self.path = Path::Up;
        self.learn(&request.headers);
        let leaving = matches!(self.state, State::Closing { .. } | State::Over);
        match request.method {
            Method::Bye => self.on_bye(transaction, request),
            _ if leaving => self.respond_status(transaction, request, gone),
            Method::Invite => self.on_reinvite(transaction, request, now),
            Method::Update => self.on_update(transaction, request, now),
            Method::Info => self.on_info(transaction, request),
            Method::Options => self.on_options(transaction, request),
            Method::Prack => self.on_prack(transaction, request, now),
            Method::Refer => self.on_refer(transaction, request, now),
            Method::Notify => self.on_notify(transaction, request, now),
            _ => self.respond_not_allowed(transaction, request),
        }
    }

    /// Inside a dialog OPTIONS asks whether the other end is still there (RFC 3261 §11).
    fn on_options(&mut self, transaction: TransactionId, request: &Request) {
        let response = self
            .reply(request, StatusCode::OK)
            .with_header(Name::Allow, capabilities::ALLOW)
            .with_header(Name::Accept, capabilities::ACCEPT)
            .with_header(Name::AcceptEncoding, capabilities::ACCEPT_ENCODING)
            .with_header(Name::Supported, self.supported());
        self.respond(transaction, response);
    }
}
