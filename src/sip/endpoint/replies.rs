//! Where responses go, and responses without a transaction (RFC 3261 §8.2.7, §18.2; RFC 3581).

use core::hash::Hasher;
use core::net::SocketAddr;
use std::hash::DefaultHasher;
use std::time::Instant;

use super::throttle::{Kind, Verdict};
use super::{Endpoint, REFUSED_MAX, Refusal, Refused};
use crate::sip::message::{Method, Name, Rejected, Request, Response, StatusCode, Via};
use crate::sip::{Flow, Transmit, capabilities};

/// Notes in the topmost Via where the request really came from (RFC 3261 §18.2.1, RFC 3581 §4).
pub(super) fn stamp(via: &mut Via, source: SocketAddr) {
    let asks_for_port = via.rport().is_some();
    if asks_for_port {
        via.set_rport(source.port());
    }
    if asks_for_port || via.host.ip() != Some(source.ip()) {
        via.set_received(source.ip());
    }
}

/// The path of the responses to a request whose stamped topmost Via is given (RFC 3261 §18.2.2,
/// RFC 3581 §4). `maddr` is not followed: it would let a stranger aim our answers at others.
pub(super) fn response_flow(via: Option<&Via>, flow: Flow) -> Flow {
    let Some(via) = via else {
        return flow;
    };
    if flow.transport.is_stream() || via.rport().is_some() {
        return flow;
    }
    sent_by(via, flow)
}

/// The source address with the port of the Via's sent-by: where an answer goes that has neither
/// `rport` nor an open connection.
pub(super) fn sent_by(via: &Via, flow: Flow) -> Flow {
    let port = via.port.unwrap_or_else(|| flow.transport.default_port());
    Flow {
        remote: SocketAddr::new(flow.remote.ip(), port),
        ..flow
    }
}

impl Endpoint {
    /// Counts a refusal and answers it without a transaction.
    pub(super) fn refuse(
        &mut self,
        request: &Request,
        refusal: Refusal,
        status: StatusCode,
        flow: Flow,
    ) {
        self.refuse_with(
            request,
            refusal,
            Response::to_request(request, status),
            flow,
        );
    }

    /// The same with further headers in the response. What the status always carries is added.
    pub(super) fn refuse_with(
        &mut self,
        request: &Request,
        refusal: Refusal,
        mut response: Response,
        flow: Flow,
    ) {
        self.note_refused(refusal, Some(request.method.clone()), flow);
        log::debug!(
            PEER = flow.remote.to_string().as_str();
            "refused {} with {}: {}", request.method, response.status, refusal.name()
        );
        if refusal == Refusal::Method {
            response.headers.push(Name::Allow, capabilities::ALLOW);
        }
        if response.status == StatusCode::SERVICE_UNAVAILABLE {
            response
                .headers
                .push(Name::RetryAfter, capabilities::RETRY_AFTER);
        }
        self.answer_statelessly(response, flow);
    }

    /// Counts a refusal, for the owner to tell of.
    pub(super) fn note_refused(&mut self, reason: Refusal, method: Option<Method>, flow: Flow) {
        self.counters.refuse(reason);
        if self.refused.len() >= REFUSED_MAX {
            self.refused.pop_front();
        }
        self.refused.push_back(Refused {
            reason,
            method,
            flow,
        });
    }

    /// Sends a response that is not kept: its retransmission comes from doing the same again.
    pub(super) fn answer_statelessly(&mut self, mut response: Response, flow: Flow) {
        let mut to = flow;
        if let Some(mut via) = response.top_via() {
            stamp(&mut via, flow.remote);
            response.set_top_via(&via);
            to = response_flow(Some(&via), flow);
        }
        self.add_stateless_tag(&mut response);
        let server = self.settings.server_name.clone();
        response.headers.push(Name::Server, server);
        self.transmit(Transmit {
            flow: to,
            bytes: response.write(),
        });
    }

    /// Answers what the parser refused.
    pub(super) fn answer_rejected(&mut self, rejected: Rejected, flow: Flow, now: Instant) {
        let Some(response) = rejected.response else {
            self.counters.totals.unreadable += 1;
            log::debug!(
                PEER = flow.remote.to_string().as_str();
                "dropped a message: {}", rejected.reason
            );
            return;
        };
        let source = flow.remote.ip();
        if self.throttle.judge(source, Kind::Other, now) != Verdict::Pass {
            return self.note_refused(Refusal::Flood, None, flow);
        }
        let refusal = match response.status {
            StatusCode::VERSION_NOT_SUPPORTED => Refusal::Version,
            StatusCode::TOO_MANY_HOPS => Refusal::MaxForwards,
            _ => Refusal::Malformed,
        };
        self.note_refused(refusal, None, flow);
        log::debug!(
            PEER = flow.remote.to_string().as_str();
            "refused a message with {}: {}", response.status, rejected.reason
        );
        self.answer_statelessly(*response, flow);
    }

    /// The To tag of a response that nothing is remembered of: the same for the same request
    /// (RFC 3261 §8.2.7), and not to be guessed.
    fn add_stateless_tag(&self, response: &mut Response) {
        let Some(to) = response.to().filter(|to| to.tag().is_none()) else {
            return;
        };
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(self.secret[0]);
        for name in [Name::Via, Name::From, Name::CallId, Name::CSeq] {
            let value = response.headers.get(&name).map(|value| &value[..]);
            hasher.write(value.unwrap_or_default());
            hasher.write_u8(0);
        }
        hasher.write_u64(self.secret[1]);
        let tag = format!("{:016x}", hasher.finish());
        response.headers.set(Name::To, to.with_tag(&tag));
    }
}
