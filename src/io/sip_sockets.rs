//! All SIP sockets of the box as one: what came in stands in one bounded queue, what goes out is sent
//! without waiting. Source addresses are judged before a byte is parsed.

use core::net::{IpAddr, SocketAddr};
use core::sync::atomic::{AtomicU64, Ordering};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use bytes::Bytes;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrStorage, bind, listen, setsockopt, socket,
    sockopt,
};
use tokio::sync::mpsc;

use super::sip_tcp::{Limits, SipTcp};
use super::sip_udp::SipUdp;
use crate::sip::{Flow, Transmit, Transport};

/// Messages waiting for the endpoint: a burst of 200 calls with their retransmissions. When full a
/// datagram is dropped (SIP repeats it) and counted in [`Counters::queue_full`]; a connection waits.
pub const RECEIVED_CAPACITY: usize = 1024;

/// Connections the kernel may hold before they are accepted.
const BACKLOG: i32 = 128;

/// What came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// One message from an admitted source, whole but not judged.
    Message {
        /// As it came.
        bytes: Bytes,
        /// Where it came from.
        flow: Flow,
    },
    /// One message from a source whose requests are to be told 403. Nothing else may come of it.
    Forbidden {
        /// As it came.
        bytes: Bytes,
        /// Where it came from.
        flow: Flow,
    },
    /// A connection is gone, or could not be made.
    Lost {
        /// As messages on it had it.
        flow: Flow,
    },
}

/// What becomes of a source address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Its messages count.
    Admit,
    /// Silence; its connections are closed.
    Drop,
    /// Its requests are answered 403.
    Forbid,
}

/// Judges a source address.
pub type Admit = Arc<dyn Fn(Transport, IpAddr) -> Admission + Send + Sync>;

/// Counts of what was not taken.
#[derive(Debug, Default)]
pub struct Counters {
    /// Messages taken.
    pub received: AtomicU64,
    /// Messages handed to the kernel.
    pub sent: AtomicU64,
    /// Datagrams and connections of sources that nothing admits.
    pub strangers: AtomicU64,
    /// Datagrams dropped because the queue was full.
    pub queue_full: AtomicU64,
    /// Messages that could not be sent.
    pub send_failed: AtomicU64,
    /// Connections refused because there are too many.
    pub connections_refused: AtomicU64,
    /// Connections closed because the peer was too slow with a message, or idle.
    pub connections_timed_out: AtomicU64,
    /// Connections that are up (not a counter: it falls, too).
    pub connections: AtomicU64,
}

impl Counters {
    /// All of them by name.
    #[must_use]
    pub fn snapshot(&self) -> [(&'static str, u64); 8] {
        [
            ("received", &self.received),
            ("sent", &self.sent),
            ("strangers", &self.strangers),
            ("queue_full", &self.queue_full),
            ("send_failed", &self.send_failed),
            ("connections_refused", &self.connections_refused),
            ("connections_timed_out", &self.connections_timed_out),
            ("connections", &self.connections),
        ]
        .map(|(name, value)| (name, value.load(Ordering::Relaxed)))
    }
}

pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// What the receiving tasks share.
#[derive(Clone)]
pub(super) struct Inbox {
    pub(super) received: mpsc::Sender<Received>,
    pub(super) admit: Admit,
    pub(super) counters: Arc<Counters>,
}

impl Inbox {
    pub(super) fn judge(&self, transport: Transport, source: IpAddr) -> Admission {
        let admission = (self.admit)(transport, source.to_canonical());
        if admission != Admission::Admit {
            count(&self.counters.strangers);
        }
        admission
    }

    /// What a message becomes; `None` when it is to be dropped.
    pub(super) fn sort(&self, bytes: Bytes, flow: Flow, admission: Admission) -> Option<Received> {
        count(&self.counters.received);
        match admission {
            Admission::Admit => Some(Received::Message { bytes, flow }),
            Admission::Forbid => {
                // Strangers never take the places of those who are admitted.
                let room = self.received.capacity() > RECEIVED_CAPACITY / 2;
                room.then_some(Received::Forbidden { bytes, flow })
            }
            Admission::Drop => None,
        }
    }
}

/// Where to listen.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// UDP addresses; port 0 lets the kernel choose.
    pub udp: Vec<SocketAddr>,
    /// TCP addresses; port 0 lets the kernel choose.
    pub tcp: Vec<SocketAddr>,
    /// Limits of connections, for each TCP address.
    pub limits: Limits,
}

/// The sockets. They close when this is dropped.
#[derive(Debug)]
pub struct SipSockets {
    udp: Vec<SipUdp>,
    tcp: Vec<SipTcp>,
    counters: Arc<Counters>,
}

impl SipSockets {
    /// Binds all addresses and begins to receive.
    ///
    /// # Errors
    /// What the system says, with the address.
    pub fn bind(settings: &Settings, admit: Admit) -> io::Result<(Self, mpsc::Receiver<Received>)> {
        let (received, receiver) = mpsc::channel(RECEIVED_CAPACITY);
        let counters = Arc::new(Counters::default());
        let inbox = Inbox {
            received,
            admit,
            counters: Arc::clone(&counters),
        };
        let udp = settings.udp.iter();
        let udp = udp.map(|address| {
            SipUdp::bind(*address, inbox.clone()).map_err(|error| named(*address, "UDP", &error))
        });
        let tcp = settings.tcp.iter();
        let tcp = tcp.map(|address| {
            SipTcp::bind(*address, settings.limits, inbox.clone())
                .map_err(|error| named(*address, "TCP", &error))
        });
        let sockets = Self {
            udp: udp.collect::<io::Result<_>>()?,
            tcp: tcp.collect::<io::Result<_>>()?,
            counters,
        };
        Ok((sockets, receiver))
    }

    /// Sends, without waiting. What cannot be sent is counted; a connection that cannot be made or
    /// written is reported as [`Received::Lost`].
    pub fn send(&self, transmit: Transmit) {
        let local = transmit.flow.local;
        let taken = match transmit.flow.transport {
            Transport::Udp => nearest(&self.udp, SipUdp::local, local)
                .is_some_and(|socket| socket.send(&transmit)),
            // Not listened on yet.
            Transport::Tls => false,
            Transport::Tcp => {
                nearest(&self.tcp, SipTcp::local, local).is_some_and(|socket| socket.send(transmit))
            }
        };
        count(if taken {
            &self.counters.sent
        } else {
            &self.counters.send_failed
        });
    }

    /// The addresses that are listened on, ports as the kernel gave them.
    pub fn local(&self) -> impl Iterator<Item = (Transport, SocketAddr)> {
        let udp = self.udp.iter().map(|s| (Transport::Udp, s.local()));
        udp.chain(self.tcp.iter().map(|s| (Transport::Tcp, s.local())))
    }

    /// The counts.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }
}

fn named(address: SocketAddr, transport: &str, error: &io::Error) -> io::Error {
    io::Error::new(
        error.kind(),
        format!("cannot listen on {address} ({transport}): {error}"),
    )
}

/// The socket bound to `wanted`; else one bound to all addresses of its family with that port; else
/// any of its family.
fn nearest<S>(sockets: &[S], local: fn(&S) -> SocketAddr, wanted: SocketAddr) -> Option<&S> {
    let family = |socket: &&S| local(socket).is_ipv4() == wanted.is_ipv4();
    let rank = |socket: &&S| {
        let bound = local(socket);
        let everywhere = bound.ip().is_unspecified();
        (
            bound == wanted,
            everywhere && bound.port() == wanted.port(),
            everywhere,
        )
    };
    sockets.iter().filter(family).max_by_key(rank)
}

/// A socket bound to `address`, non-blocking; an IPv6 one takes IPv6 alone, so that `0.0.0.0` and
/// `[::]` may both be listened on.
pub(super) fn bound(address: SocketAddr, kind: SockType) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() {
        AddressFamily::Inet
    } else {
        AddressFamily::Inet6
    };
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let socket = socket(family, kind, flags, None)?;
    if address.is_ipv6() {
        setsockopt(&socket, sockopt::Ipv6V6Only, &true)?;
    }
    if kind == SockType::Stream {
        setsockopt(&socket, sockopt::ReuseAddr, &true)?;
    }
    bind(
        std::os::fd::AsRawFd::as_raw_fd(&socket),
        &SockaddrStorage::from(address),
    )?;
    if kind == SockType::Stream {
        let backlog = Backlog::new(BACKLOG)?;
        listen(&socket, backlog)?;
    }
    Ok(socket)
}

#[cfg(test)]
mod tests;
