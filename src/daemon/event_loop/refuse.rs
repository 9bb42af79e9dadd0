//! The loop's refusals of calls.

use std::time::Instant;

use super::EventLoop;
use crate::daemon::metrics::Counter;
use crate::sip::message::{Name, Request, Response, StatusCode};
use crate::sip::session::Output;
use crate::sip::{Flow, SessionId, TransactionId};

/// Seconds a caller shall wait when we are full (RFC 3261 §20.33).
const RETRY_AFTER: &str = "10";

impl EventLoop {
    /// A call that cannot be taken now, or that no line takes.
    pub(super) fn refuse(
        &mut self,
        session: SessionId,
        transaction: TransactionId,
        (invite, flow): (&Request, Flow),
        reason: Counter,
        now: Instant,
    ) {
        self.services.metrics.count(reason);
        let (source, method) = (flow.remote.ip(), Some(&invite.method));
        self.refusals
            .note(source, reason.name(), method, flow.transport);
        let response = match reason {
            // Its line is gone, but calls of its source are still up.
            Counter::RefusedLine => Response::to_request(invite, StatusCode::FORBIDDEN),
            _ => Response::to_request(invite, StatusCode::SERVICE_UNAVAILABLE)
                .with_header(Name::RetryAfter, RETRY_AFTER),
        };
        self.answer_without_call(session, transaction, invite, response, now);
    }

    /// A call that is to take another one's place (RFC 3891): no line allows that.
    pub(super) fn forbid(
        &mut self,
        session: SessionId,
        transaction: TransactionId,
        invite: &Request,
        flow: Flow,
        now: Instant,
    ) {
        let (source, method) = (flow.remote.ip(), Some(&invite.method));
        self.refusals
            .note(source, "replaces", method, flow.transport);
        let response = Response::to_request(invite, StatusCode::FORBIDDEN);
        self.answer_without_call(session, transaction, invite, response, now);
    }

    /// Answers an INVITE that becomes no call.
    pub(super) fn answer_without_call(
        &mut self,
        session: SessionId,
        transaction: TransactionId,
        invite: &Request,
        mut response: Response,
        now: Instant,
    ) {
        if let Some(to) = invite.to() {
            response
                .headers
                .set(Name::To, to.with_tag(&self.random.token()));
        }
        self.endpoint.handle_output(
            session,
            Output::Respond {
                transaction,
                response,
            },
            now,
        );
        self.endpoint.forget(session, now);
    }
}
