//! Requests too large for a datagram (RFC 3261 §18.1.1): by TCP to the same address, and by UDP after
//! all where the peer takes no connection.

use core::net::SocketAddr;
use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::Endpoint;
use super::table::Owner;
use crate::sip::message::{Host, Request};
use crate::sip::{Flow, TransactionId, Transport};

/// The largest request in a datagram where nobody knows the path's MTU (RFC 3261 §18.1.1).
const DATAGRAM_MAX: usize = 1300;

/// What our Via adds to a request besides the host, in bytes.
const VIA_BYTES: usize = 72;

/// How long a peer that took no connection is not asked for one again: a dial that nobody answers
/// holds a call up for seconds.
const REFUSAL_LASTS: Duration = Duration::from_mins(10);

/// Peers that are remembered to take no connection; beyond it all are forgotten, and asked again.
const REFUSALS_MAX: usize = 64;

/// A request that has gone by TCP for its size, to go by UDP if that fails.
#[derive(Debug)]
pub(super) struct Retry {
    request: Request,
    flow: Flow,
}

/// Who takes no connection, and until when that is believed.
#[derive(Debug, Default)]
pub(super) struct Refusals(HashMap<SocketAddr, Instant>);

impl Refusals {
    fn remember(&mut self, peer: SocketAddr, now: Instant) {
        if self.0.len() >= REFUSALS_MAX {
            self.0.clear();
        }
        self.0.insert(peer, now + REFUSAL_LASTS);
    }

    fn stand(&self, peer: SocketAddr, now: Instant) -> bool {
        self.0.get(&peer).is_some_and(|until| now < *until)
    }
}

impl Endpoint {
    /// The TCP flow for a request that is too large for its UDP flow, if there can be one.
    pub(super) fn roomier(&self, request: &Request, flow: Flow, now: Instant) -> Option<Flow> {
        if flow.transport != Transport::Udp || self.tcp_refusals.stand(flow.remote, now) {
            return None;
        }
        let ours = |tcp: &&SocketAddr| {
            let same = tcp.ip() == flow.local.ip() || tcp.ip().is_unspecified();
            same && tcp.is_ipv4() == flow.local.is_ipv4()
        };
        let tcp = self.settings.tcp.iter().find(ours)?;
        let host = self.settings.via_host.as_ref().map(Host::to_string);
        let host = host.map_or(0, |host| host.len());
        let host = host.max(flow.local.ip().to_string().len());
        if request.write().len() + VIA_BYTES + host <= DATAGRAM_MAX {
            return None;
        }
        Some(Flow {
            transport: Transport::Tcp,
            local: SocketAddr::new(flow.local.ip(), tcp.port()),
            remote: flow.remote,
        })
    }

    /// Starts the transaction of a large request by the first of two flows.
    pub(super) fn launch_large(
        &mut self,
        owner: Owner,
        request: Request,
        (stream, datagrams): (Flow, Flow),
        now: Instant,
    ) {
        let via = self.new_via(stream);
        let retry = Retry {
            request: request.clone(),
            flow: datagrams,
        };
        let id = self.launch(owner, request, via, stream, now);
        if let Some(entry) = self.table.get_mut(id) {
            entry.retry = Some(Box::new(retry));
        }
    }

    /// The connection of a large request could not be made: it goes by UDP, unless its session is gone.
    /// False when there is nothing to send again, or it has been answered.
    pub(super) fn retry_by_datagram(&mut self, id: TransactionId, now: Instant) -> bool {
        let Some(entry) = self.table.get_mut(id) else {
            return false;
        };
        let (Some(retry), Some(owner)) = (entry.retry.take(), entry.owner) else {
            return false;
        };
        if !self.sessions.contains(owner.session) {
            return false;
        }
        let Retry { request, flow } = *retry;
        self.tcp_refusals.remember(flow.remote, now);
        self.table.remove(id);
        let via = self.new_via(flow);
        self.launch(owner, request, via, flow, now);
        true
    }
}

#[cfg(test)]
mod tests;
