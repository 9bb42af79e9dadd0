//! All SIP sockets of the box as one: what came in stands in one bounded queue, what goes out is sent
//! without waiting. Source addresses are judged before a byte is parsed.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrStorage, bind, listen, setsockopt, socket,
    sockopt,
};
use rustls::RootCertStore;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::certificates::{Certificates, Validity};
use super::shares::Share;
use super::sip_stream::{Limits, SipStream, Wrap};
use super::sip_tls::{self, Identify, TlsEnds, TlsListen};
use super::sip_udp::SipUdp;
use crate::sip::{Flow, Transmit, Transport};

mod counters;

pub use counters::Counters;
pub(super) use counters::count;

/// Messages waiting for the endpoint: a burst of 200 calls with their retransmissions. When full a
/// datagram is dropped (SIP repeats it) and counted in [`Counters::queue_full`]; a connection waits.
pub const RECEIVED_CAPACITY: usize = 1024;

/// Connections the kernel may hold before they are accepted.
const BACKLOG: i32 = 128;

/// How often the certificate's files are looked at.
const CERTIFICATE_LOOK: Duration = Duration::from_secs(30);

/// Looks between two reminders that the certificate ends: a day.
const LOOKS_A_DAY: u32 = 2880;

/// Extra UDP ports at once: registrations that change theirs hold one old and one new each.
const EXTRA_UDP_MAX: usize = 64;

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
    /// A STUN server has told where it sees a local address ([`SipSockets::ask_stun`]).
    Mapped {
        /// Ours, as asked.
        local: SocketAddr,
        /// As the server sees it.
        public: SocketAddr,
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

/// What the receiving tasks share.
#[derive(Clone)]
pub(super) struct Inbox {
    pub(super) received: mpsc::Sender<Received>,
    pub(super) admit: Admit,
    /// Messages of an admitted source in a second; 0 stands for no limit.
    rate: Arc<AtomicU32>,
    pub(super) counters: Arc<Counters>,
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Inbox({:?})", self.counters)
    }
}

impl Inbox {
    pub(super) fn judge(&self, transport: Transport, source: IpAddr) -> Admission {
        let admission = (self.admit)(transport, source.to_canonical());
        if admission != Admission::Admit {
            count(&self.counters.strangers);
        }
        admission
    }

    /// What an admitted source may send; `None` stands for anything.
    pub(super) fn share(&self) -> Option<Share> {
        Share::admitted(self.rate.load(Ordering::Relaxed))
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
#[derive(Clone, Default)]
pub struct Settings {
    /// UDP addresses; port 0 lets the kernel choose.
    pub udp: Vec<SocketAddr>,
    /// TCP addresses; port 0 lets the kernel choose.
    pub tcp: Vec<SocketAddr>,
    /// TLS addresses and our certificate. Without them TLS is dialled all the same.
    pub tls: Option<TlsListen>,
    /// Whom to expect where TLS is dialled; by default the certificate must name the address.
    pub identify: Option<Identify>,
    /// Who may have signed the certificates of TLS peers, where [`Settings::identify`] says nothing;
    /// nobody by default.
    pub roots: Option<Arc<RootCertStore>>,
    /// Limits of connections, for each TCP and TLS address.
    pub limits: Limits,
    /// Messages of an admitted source in a second; 0, the default, stands for no limit.
    pub messages_per_second: u32,
}

/// The sockets. They close when this is dropped.
#[derive(Debug)]
pub struct SipSockets {
    udp: Vec<SipUdp>,
    /// Opened beside the configured ones.
    extra_udp: Vec<SipUdp>,
    streams: Vec<SipStream>,
    certificates: Option<Arc<Certificates>>,
    watching: Option<JoinHandle<()>>,
    inbox: Inbox,
}

impl SipSockets {
    /// Binds all addresses and begins to receive.
    ///
    /// # Errors
    /// What the system says, with the address; what is wrong with the certificate's files.
    pub fn bind(settings: &Settings, admit: Admit) -> io::Result<(Self, mpsc::Receiver<Received>)> {
        let (received, receiver) = mpsc::channel(RECEIVED_CAPACITY);
        let inbox = Inbox {
            received,
            admit,
            rate: Arc::new(AtomicU32::new(settings.messages_per_second)),
            counters: Arc::new(Counters::default()),
        };
        let udp = settings.udp.iter();
        let udp = udp.map(|address| {
            SipUdp::bind(*address, inbox.clone()).map_err(|error| named(*address, "UDP", &error))
        });
        let udp = udp.collect::<io::Result<_>>()?;
        let certificates = settings.tls.as_ref();
        let certificates = certificates.map(|tls| Certificates::load(&tls.certificate, &tls.key));
        let certificates = certificates.transpose().map_err(sip_tls::refused)?;
        let certificates = certificates.map(Arc::new);
        let streams = streams(settings, certificates.as_ref(), &inbox)?;
        let watching = certificates.clone().map(|own| tokio::spawn(watch(own)));
        let sockets = Self {
            udp,
            extra_udp: Vec::new(),
            streams,
            certificates,
            watching,
            inbox,
        };
        Ok((sockets, receiver))
    }

    /// Limits the messages of an admitted source in a second from now on; 0 stands for no limit.
    pub fn limit_messages(&self, rate: u32) {
        self.inbox.rate.store(rate, Ordering::Relaxed);
    }

    /// Sends, without waiting. What cannot be sent is counted; a connection that cannot be made or
    /// written is reported as [`Received::Lost`].
    pub fn send(&self, transmit: Transmit) {
        let flow = transmit.flow;
        let taken = if flow.transport.is_stream() {
            self.stream(flow)
                .is_some_and(|socket| socket.send(transmit))
        } else {
            self.datagrams(flow.local)
                .is_some_and(|socket| socket.send(&transmit))
        };
        let counters = &self.inbox.counters;
        count(if taken {
            &counters.sent
        } else {
            &counters.send_failed
        });
    }

    /// Keeps a flow open from now on: a ping after each `interval` without a message (RFC 5626 §3.5).
    /// A connection whose pings are no longer answered, or that is not there, is reported as
    /// [`Received::Lost`].
    pub fn keep_alive(&self, flow: Flow, interval: Duration) {
        self.set_keep_alive(flow, Some(interval));
    }

    /// Ends [`Self::keep_alive`].
    pub fn stop_keep_alive(&self, flow: Flow) {
        self.set_keep_alive(flow, None);
    }

    fn set_keep_alive(&self, flow: Flow, interval: Option<Duration>) {
        let taken = if flow.transport.is_stream() {
            let socket = self.stream(flow);
            socket.is_some_and(|socket| socket.keep_alive(flow, interval))
        } else {
            let socket = self.datagrams(flow.local);
            socket.is_some_and(|socket| socket.keep_alive(flow, interval))
        };
        if !taken {
            log::warn!(PEER:% = flow.remote; "a flow cannot be kept open");
        }
    }

    /// Asks a STUN server where it sees the UDP socket at `local`. The answer comes as
    /// [`Received::Mapped`]; a server that stays silent for some 16 s is warned about. False when
    /// there is no such socket, or too much is asked at once.
    #[must_use]
    pub fn ask_stun(&self, local: SocketAddr, server: SocketAddr) -> bool {
        self.datagrams(local)
            .filter(|socket| socket.local().is_ipv4() == server.is_ipv4())
            .is_some_and(|socket| socket.ask_stun(local, server))
    }

    /// One more UDP socket on this address, with a port that the kernel chooses.
    ///
    /// # Errors
    /// What the system says; too many are open.
    pub fn open_udp(&mut self, ip: IpAddr) -> io::Result<SocketAddr> {
        if self.extra_udp.len() >= EXTRA_UDP_MAX {
            return Err(io::Error::other("too many extra UDP ports are open"));
        }
        let address = SocketAddr::new(ip, 0);
        let socket = SipUdp::bind(address, self.inbox.clone())
            .map_err(|error| named(address, "UDP", &error))?;
        let local = socket.local();
        self.extra_udp.push(socket);
        Ok(local)
    }

    /// Closes a socket that [`Self::open_udp`] opened; the configured ones stay. The address may be
    /// as flows tell it, where the socket is bound to all.
    pub fn close_udp(&mut self, address: SocketAddr) {
        self.extra_udp.retain(|socket| {
            let local = socket.local();
            local.port() != address.port() || local.is_ipv4() != address.is_ipv4()
        });
    }

    /// The path to a peer by a transport, with the local address that leads there; `None` when nothing
    /// here speaks that transport to that family of addresses.
    #[must_use]
    pub fn flow_to(&self, transport: Transport, remote: SocketAddr) -> Option<Flow> {
        let route = route(remote);
        let udp = self.udp.iter().map(|s| (Transport::Udp, s.local()));
        let streams = self.streams.iter().map(|s| (s.transport(), s.local()));
        let bound = udp
            .chain(streams)
            .filter(|(kind, bound)| *kind == transport && bound.is_ipv4() == remote.is_ipv4())
            .map(|(_, bound)| bound)
            .max_by_key(|bound| (Some(bound.ip()) == route, bound.ip().is_unspecified()))?;
        let ip = route.filter(|_| bound.ip().is_unspecified());
        Some(Flow {
            transport,
            local: SocketAddr::new(ip.unwrap_or(bound.ip()), bound.port()),
            remote,
        })
    }

    /// Reads the certificate's files again, if they have changed; true when a new pair is in use.
    pub fn reload_certificates(&self) -> bool {
        self.certificates
            .as_ref()
            .is_some_and(|certificates| certificates.refresh())
    }

    /// Where our certificate stands in its life; `None` without one.
    #[must_use]
    pub fn certificate_validity(&self) -> Option<Validity> {
        self.certificates
            .as_ref()
            .map(|certificates| certificates.validity())
    }

    fn datagrams(&self, local: SocketAddr) -> Option<&SipUdp> {
        let sockets = self.udp.iter().chain(&self.extra_udp);
        nearest(sockets, |socket| socket.local(), local)
    }

    fn stream(&self, flow: Flow) -> Option<&SipStream> {
        let sockets = self.streams.iter();
        let sockets = sockets.filter(|socket| socket.transport() == flow.transport);
        nearest(sockets, |socket| socket.local(), flow.local)
    }

    /// The addresses that are listened on, ports as the kernel gave them.
    pub fn local(&self) -> impl Iterator<Item = (Transport, SocketAddr)> {
        let udp = self.udp.iter().map(|s| (Transport::Udp, s.local()));
        let streams = self.streams.iter().filter(|s| s.listens());
        udp.chain(streams.map(|s| (s.transport(), s.local())))
    }

    /// The counts.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.inbox.counters
    }
}

impl Drop for SipSockets {
    fn drop(&mut self) {
        if let Some(watching) = &self.watching {
            watching.abort();
        }
    }
}

/// All tables of connections: those that listen, and one for each transport and family that nothing
/// listens on, to dial from.
fn streams(
    settings: &Settings,
    certificates: Option<&Arc<Certificates>>,
    inbox: &Inbox,
) -> io::Result<Vec<SipStream>> {
    let identify = settings.identify.clone();
    let identify = identify.unwrap_or_else(|| Arc::new(|_| None));
    let roots = settings.roots.clone();
    let roots = roots.unwrap_or_else(|| Arc::new(RootCertStore::empty()));
    let ends = TlsEnds::new(certificates.cloned(), roots, identify)?;
    let tls = Wrap::Tls(Arc::new(ends));
    let tls_addresses = settings.tls.as_ref().map(|tls| tls.addresses.as_slice());
    let mut streams = Vec::new();
    for (addresses, wrap, transport) in [
        (&settings.tcp[..], Wrap::Plain, Transport::Tcp),
        (tls_addresses.unwrap_or_default(), tls, Transport::Tls),
    ] {
        for address in addresses {
            let bound = SipStream::bind(*address, wrap.clone(), settings.limits, inbox.clone());
            let bound = bound.map_err(|error| named(*address, transport.name(), &error))?;
            streams.push(bound);
        }
        for ip in [
            IpAddr::from(Ipv4Addr::UNSPECIFIED),
            Ipv6Addr::UNSPECIFIED.into(),
        ] {
            if !addresses.iter().any(|a| a.is_ipv4() == ip.is_ipv4()) {
                let local = SocketAddr::new(ip, transport.default_port());
                let (wrap, inbox) = (wrap.clone(), inbox.clone());
                streams.push(SipStream::dialling(local, wrap, settings.limits, inbox));
            }
        }
    }
    Ok(streams)
}

/// Looks after the certificate's files, for ever.
async fn watch(certificates: Arc<Certificates>) {
    loop {
        for _ in 0..LOOKS_A_DAY {
            tokio::time::sleep(CERTIFICATE_LOOK).await;
            let looking = Arc::clone(&certificates);
            let looked = tokio::task::spawn_blocking(move || looking.refresh()).await;
            if let Err(error) = looked {
                log::warn!("the certificate's files were not looked at: {error}");
            }
        }
        certificates.tell_validity();
    }
}

fn named(address: SocketAddr, transport: &str, error: &io::Error) -> io::Error {
    io::Error::new(
        error.kind(),
        format!("cannot listen on {address} ({transport}): {error}"),
    )
}

/// Our address from which the kernel would send there; no packet is sent.
#[must_use]
pub fn route(remote: SocketAddr) -> Option<IpAddr> {
    let any = if remote.is_ipv4() {
        IpAddr::from(Ipv4Addr::UNSPECIFIED)
    } else {
        Ipv6Addr::UNSPECIFIED.into()
    };
    let probe = std::net::UdpSocket::bind((any, 0)).ok()?;
    probe.connect(remote).ok()?;
    Some(probe.local_addr().ok()?.ip())
}

/// The socket bound to `wanted`; else one bound to all addresses of its family with that port; else
/// any of its family.
fn nearest<'a, S>(
    sockets: impl Iterator<Item = &'a S>,
    local: impl Fn(&S) -> SocketAddr,
    wanted: SocketAddr,
) -> Option<&'a S> {
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
    sockets.filter(family).max_by_key(rank)
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
