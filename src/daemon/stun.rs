//! The public address, asked of a STUN server (RFC 8489) from the SIP sockets themselves: at the start,
//! and again every few minutes, since providers give a router another one.
//!
//! The name is looked up beside the loop; the socket's task repeats the question. When a server stays
//! silent, the next of its addresses is asked.

use core::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::{JoinError, JoinSet};

use crate::config::StunServer;
use crate::io::resolver::Resolver;
use crate::io::sip_sockets::SipSockets;
use crate::sip::message::{Host, Uri};
use crate::sip::target::Families;
use crate::sip::{Transport, nat};

/// How often it is asked while it answers.
const EVERY: Duration = Duration::from_mins(5);

/// How soon it is asked again when it did not answer: the socket's task repeats a question for some
/// 16 s. It doubles with each silence, up to [`EVERY`].
const RETRY: Duration = Duration::from_secs(30);

/// What a look-up gave: the server's addresses, or why there are none.
pub(crate) type Found = Result<Vec<SocketAddr>, String>;

/// Who asks.
pub(crate) struct Stun {
    server: Option<StunServer>,
    resolver: Resolver,
    /// At most one look-up at a time.
    looking: JoinSet<Found>,
    next: Instant,
    /// A question is out.
    asked: Option<SocketAddr>,
    /// Questions in a row without an answer.
    silences: u32,
    seen: Option<(SocketAddr, Instant)>,
    trouble: Option<String>,
}

impl Stun {
    /// Of the configuration's server, if it names one.
    pub(crate) fn new(server: Option<StunServer>, resolver: Resolver, now: Instant) -> Self {
        Self {
            server,
            resolver,
            looking: JoinSet::new(),
            next: now,
            asked: None,
            silences: 0,
            seen: None,
            trouble: None,
        }
    }

    /// Begins a round when it is time.
    pub(crate) fn drive(&mut self, sockets: &SipSockets, now: Instant) {
        let Some(server) = self.server.clone() else {
            return;
        };
        if now < self.next || !self.looking.is_empty() {
            return;
        }
        if let Some(address) = self.asked.take() {
            self.silences = self.silences.saturating_add(1);
            self.complain(format!("{address} does not answer"));
        }
        self.next = now + RETRY;
        let (resolver, families) = (self.resolver.clone(), families(sockets));
        self.looking
            .spawn(async move { look_up(&resolver, &server, families).await });
    }

    /// When the next round is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let is_waiting = self.server.is_some() && self.looking.is_empty();
        is_waiting.then_some(self.next)
    }

    /// What a look-up gave. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Result<Found, JoinError> {
        match self.looking.join_next().await {
            Some(found) => found,
            None => core::future::pending().await,
        }
    }

    /// Asks at one of the addresses that were found.
    pub(crate) fn on_found(
        &mut self,
        found: Result<Found, JoinError>,
        sockets: &SipSockets,
        now: Instant,
    ) {
        self.next = now + self.pause();
        let found = found.unwrap_or_else(|error| Err(error.to_string()));
        let asked = found.and_then(|addresses| {
            let turn = usize::try_from(self.silences).unwrap_or(usize::MAX);
            let address = *addresses
                .get(turn % addresses.len().max(1))
                .ok_or("its name has no address")?;
            let flow = sockets.flow_to(Transport::Udp, address);
            let is_asked = flow.is_some_and(|flow| sockets.ask_stun(flow.local, address));
            let no_way = || format!("no UDP address of [sip] leads to {address}");
            is_asked.then_some(address).ok_or_else(no_way)
        });
        match asked {
            Ok(address) => self.asked = Some(address),
            Err(trouble) => {
                self.silences = self.silences.saturating_add(1);
                self.complain(trouble);
            }
        }
    }

    /// The server has seen a socket of ours.
    pub(crate) fn on_answer(&mut self, public: SocketAddr, now: Instant) {
        self.asked = None;
        self.silences = 0;
        self.next = now + EVERY;
        self.seen = Some((public, now));
        if nat::is_outside(public.ip()) {
            self.trouble = None;
        } else {
            self.complain(format!(
                "it sees us at {public}, an inner network's address"
            ));
        }
    }

    /// For `ringwell status`; null without a server.
    pub(crate) fn status(&self, now: Instant) -> Value {
        let Some(server) = &self.server else {
            return Value::Null;
        };
        let age = self.seen.map(|(_, at)| now.saturating_duration_since(at));
        json!({
            "stun_server": server.to_string(),
            "stun_seen_as": self.seen.map(|(address, _)| address.to_string()),
            "stun_answered_s_ago": age.map(|age| age.as_secs()),
            "stun_trouble": self.trouble,
        })
    }

    fn pause(&self) -> Duration {
        RETRY.saturating_mul(1 << self.silences.min(4)).min(EVERY)
    }

    fn complain(&mut self, trouble: String) {
        if self.trouble.as_ref() != Some(&trouble) {
            log::warn!("the STUN server does not tell our public address: {trouble}");
        }
        self.trouble = Some(trouble);
    }
}

fn families(sockets: &SipSockets) -> Families {
    let mut udp = sockets.local().filter(|(kind, _)| *kind == Transport::Udp);
    let mut families = Families {
        v4: false,
        v6: false,
    };
    udp.by_ref().for_each(|(_, address)| {
        families.v4 |= address.is_ipv4();
        families.v6 |= address.is_ipv6();
    });
    families
}

/// The addresses of a server.
pub(crate) async fn look_up(resolver: &Resolver, server: &StunServer, families: Families) -> Found {
    let host = Host::parse(server.host().to_owned()).ok_or("its name cannot be looked up")?;
    // A URI with a port leads to addresses alone (RFC 3263 §4.2), for STUN as for SIP.
    let uri = Uri::sip(None, host, Some(server.port()));
    let targets = resolver.resolve(&uri, &[Transport::Udp], families).await;
    let targets = targets.map_err(|error| error.to_string())?;
    Ok(targets.iter().map(|target| target.address).collect())
}

#[cfg(test)]
mod tests;
