//! SIP over UDP (RFC 3261 §18): one socket, one receiving task.
//!
//! On a socket bound to all addresses the kernel tells where each datagram was sent to, so that the
//! answer leaves from there and a Contact names an address that works.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::future::pending;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use nix::libc::{in_addr, in_pktinfo, in6_addr, in6_pktinfo};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockType, SockaddrStorage, recvmsg, sendmsg,
    setsockopt, sockopt,
};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::clock;
use super::shares::{Share, Shares};
use super::sip_sockets::{Admission, Inbox, Received, bound, count};
use crate::sip::{Flow, Transmit, Transport, stun};

mod errands;

use errands::Errands;

/// The largest datagram there is.
const DATAGRAM_BYTES_MAX: usize = 65_535;

/// Kernel buffer for datagrams not yet read, in bytes: a burst of some 500 INVITEs. When full the
/// kernel drops, and SIP repeats.
const KERNEL_BUFFER: usize = 1 << 20;

/// Datagrams taken in one go, so that other tasks get their turn in a flood.
const BATCH: usize = 64;

/// Requests to a socket's task: keep-alives and STUN questions of a few lines. When full the request
/// is refused to its giver.
const COMMANDS_CAPACITY: usize = 64;

/// What a socket's task is asked to do besides receiving.
#[derive(Clone, Copy, Debug)]
enum Command {
    KeepAlive(Flow, Option<Duration>),
    AskStun(SocketAddr, SocketAddr),
}

/// One UDP socket. It closes when this is dropped.
#[derive(Debug)]
pub struct SipUdp {
    socket: Arc<UdpSocket>,
    local: SocketAddr,
    commands: mpsc::Sender<Command>,
    receiving: JoinHandle<()>,
}

impl SipUdp {
    pub(super) fn bind(address: SocketAddr, inbox: Inbox) -> io::Result<Self> {
        let socket = bound(address, SockType::Datagram)?;
        let grown = setsockopt(&socket, sockopt::RcvBufForce, &KERNEL_BUFFER)
            .or_else(|_| setsockopt(&socket, sockopt::RcvBuf, &KERNEL_BUFFER));
        if let Err(error) = grown {
            log::debug!("the kernel keeps its own buffer size: {error}");
        }
        match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => {
                setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
            }
            IpAddr::V6(ip) if ip.is_unspecified() => {
                setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
            }
            IpAddr::V4(_) | IpAddr::V6(_) => {}
        }
        let socket = Arc::new(UdpSocket::from_std(socket.into())?);
        let local = socket.local_addr()?;
        let (commands, receiver) = mpsc::channel(COMMANDS_CAPACITY);
        let receiving = Receiving {
            socket: Arc::clone(&socket),
            bound: local,
            inbox,
            shares: Shares::new(clock::now()),
            errands: Errands::default(),
        };
        Ok(Self {
            socket,
            local,
            commands,
            receiving: tokio::spawn(receiving.run(receiver)),
        })
    }

    /// The address it is bound to.
    #[must_use]
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Sends, without waiting; false when the kernel does not take it. SIP repeats what is lost.
    pub(super) fn send(&self, transmit: &Transmit) -> bool {
        send(&self.socket, self.local, transmit.flow, &transmit.bytes)
    }

    /// Keeps a flow's way through a router open, or no longer; false when too much is asked at once.
    pub(super) fn keep_alive(&self, flow: Flow, every: Option<Duration>) -> bool {
        self.commands
            .try_send(Command::KeepAlive(flow, every))
            .is_ok()
    }

    /// Asks a STUN server for the address that it sees; false when too much is asked at once.
    pub(super) fn ask_stun(&self, local: SocketAddr, server: SocketAddr) -> bool {
        self.commands
            .try_send(Command::AskStun(local, server))
            .is_ok()
    }
}

impl Drop for SipUdp {
    fn drop(&mut self) {
        self.receiving.abort();
    }
}

fn send(socket: &UdpSocket, bound: SocketAddr, flow: Flow, bytes: &[u8]) -> bool {
    let Flow { local, remote, .. } = flow;
    let from = bound.ip().is_unspecified().then_some(local.ip());
    let from = from.filter(|ip| !ip.is_unspecified());
    // The socket does not block. The runtime is not asked first: it does not know a new socket yet.
    let sent = send_from(socket.as_raw_fd(), from, remote, bytes);
    if let Err(error) = &sent {
        log::debug!(PEER:% = remote; "a datagram was not sent: {error}");
    }
    sent.is_ok()
}

/// What the socket's task waits for.
enum Event {
    Read(io::Result<(usize, Flow)>),
    Asked(Option<Command>),
    Due,
}

/// The receiving task's own.
struct Receiving {
    socket: Arc<UdpSocket>,
    bound: SocketAddr,
    inbox: Inbox,
    shares: Shares,
    errands: Errands,
}

impl Receiving {
    async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
        let (fd, bound) = (self.socket.as_raw_fd(), self.bound);
        loop {
            let due = self.errands.poll_timeout();
            let event = tokio::select! {
                biased;
                command = commands.recv() => Event::Asked(command),
                () = until(due) => Event::Due,
                read = self.socket.async_io(Interest::READABLE, || receive_at(fd, bound, &mut buffer)) => Event::Read(read),
            };
            match event {
                Event::Asked(None) => return,
                Event::Asked(Some(Command::KeepAlive(flow, every))) => {
                    self.errands.keep_alive(flow, every, clock::now());
                }
                Event::Asked(Some(Command::AskStun(local, server))) => {
                    let [first, second] = clock::seed();
                    let id = stun_id(first, second);
                    self.errands.ask_stun(id, local, server, clock::now());
                }
                Event::Due => {}
                Event::Read(Ok((length, flow))) => {
                    self.datagram(&buffer[..length], flow);
                    self.batch(&mut buffer);
                }
                Event::Read(Err(error)) => log::debug!("no datagram: {error}"),
            }
            self.run_errands();
        }
    }

    /// Whatever else has come by now, without asking the runtime for each.
    fn batch(&mut self, buffer: &mut [u8]) {
        let (fd, bound) = (self.socket.as_raw_fd(), self.bound);
        for _ in 1..BATCH {
            let read = self
                .socket
                .try_io(Interest::READABLE, || receive_at(fd, bound, buffer));
            match read {
                Ok((length, flow)) => self.datagram(&buffer[..length], flow),
                Err(_) => return,
            }
        }
    }

    fn run_errands(&mut self) {
        let now = clock::now();
        while let Some((flow, bytes)) = self.errands.poll_transmit(now) {
            send(&self.socket, self.bound, flow, &bytes);
        }
    }

    /// Judged before a byte is copied: source, looks, share.
    fn datagram(&mut self, bytes: &[u8], flow: Flow) {
        if stun::is_stun(bytes) {
            return self.stun(bytes, flow);
        }
        let counters = Arc::clone(&self.inbox.counters);
        let admission = self.inbox.judge(Transport::Udp, flow.remote.ip());
        let keep_alive = bytes.iter().all(|byte| b"\r\n\0 ".contains(byte));
        if admission == Admission::Drop || keep_alive {
            return;
        }
        if !looks_like_sip(bytes) {
            return count(&counters.garbage);
        }
        let share = match admission {
            Admission::Admit => self.inbox.share(),
            Admission::Forbid | Admission::Drop => Some(Share::STRANGER),
        };
        let (source, now) = (flow.remote.ip(), clock::now());
        if share.is_some_and(|share| !self.shares.take(source, share, now)) {
            return count(&counters.over_share);
        }
        let bytes = Bytes::copy_from_slice(bytes);
        if let Some(received) = self.inbox.sort(bytes, flow, admission)
            && self.inbox.received.try_send(received).is_err()
        {
            count(&counters.queue_full);
        }
    }

    /// Only the answer of a server that was asked counts; the server need not be admitted.
    fn stun(&mut self, bytes: &[u8], flow: Flow) {
        let answer = stun::answer(bytes);
        let Some((local, mapped)) =
            answer.and_then(|answer| self.errands.handle_answer(&answer, flow.remote))
        else {
            return count(&self.inbox.counters.garbage);
        };
        let Some(public) = mapped else {
            log::warn!(PEER:% = flow.remote; "the STUN server tells no address");
            return;
        };
        if self
            .inbox
            .received
            .try_send(Received::Mapped { local, public })
            .is_err()
        {
            count(&self.inbox.counters.queue_full);
        }
    }
}

fn stun_id(first: u64, second: u64) -> stun::Id {
    let mut id = [0; 12];
    id[..8].copy_from_slice(&first.to_be_bytes());
    id[8..].copy_from_slice(&second.to_be_bytes()[..4]);
    id
}

/// Whether the first line names SIP, of any version: what else a scanner sends is not worth a copy.
fn looks_like_sip(bytes: &[u8]) -> bool {
    let start = bytes.iter().position(|byte| !b"\r\n".contains(byte));
    let line = &bytes[start.unwrap_or(bytes.len())..];
    let line = line.split(|byte| *byte == b'\n').next().unwrap_or(line);
    line.windows(4)
        .any(|window| window.eq_ignore_ascii_case(b"SIP/"))
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => pending().await,
    }
}

/// One datagram: its length and its path.
fn receive_at(fd: RawFd, bound: SocketAddr, buffer: &mut [u8]) -> io::Result<(usize, Flow)> {
    let mut control = nix::cmsg_space!(in6_pktinfo);
    let mut parts = [IoSliceMut::new(buffer)];
    let datagram =
        recvmsg::<SockaddrStorage>(fd, &mut parts, Some(&mut control), MsgFlags::empty())?;
    let remote = datagram.address.as_ref().and_then(socket_address);
    let remote = remote.ok_or(io::ErrorKind::InvalidData)?;
    let mut local = bound;
    for message in datagram.cmsgs()? {
        match message {
            ControlMessageOwned::Ipv4PacketInfo(info) => {
                let bits = u32::from_be(info.ipi_addr.s_addr);
                local.set_ip(Ipv4Addr::from_bits(bits).into());
            }
            ControlMessageOwned::Ipv6PacketInfo(info) => {
                local.set_ip(IpAddr::from(info.ipi6_addr.s6_addr));
            }
            _ => {}
        }
    }
    let flow = Flow {
        transport: Transport::Udp,
        local,
        remote,
    };
    Ok((datagram.bytes, flow))
}

fn socket_address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = storage
        .as_sockaddr_in()
        .map(|address| SocketAddr::V4((*address).into()));
    v4.or_else(|| {
        storage
            .as_sockaddr_in6()
            .map(|address| SocketAddr::V6((*address).into()))
    })
}

fn send_from(
    fd: RawFd,
    from: Option<IpAddr>,
    remote: SocketAddr,
    bytes: &[u8],
) -> io::Result<usize> {
    let parts = [IoSlice::new(bytes)];
    let remote = SockaddrStorage::from(remote);
    let send = |control: &[ControlMessage<'_>]| {
        sendmsg(fd, &parts, control, MsgFlags::empty(), Some(&remote)).map_err(io::Error::from)
    };
    match from {
        None => send(&[]),
        Some(IpAddr::V4(ip)) => send(&[ControlMessage::Ipv4PacketInfo(&in_pktinfo {
            ipi_ifindex: 0,
            ipi_spec_dst: in_addr {
                s_addr: ip.to_bits().to_be(),
            },
            ipi_addr: in_addr { s_addr: 0 },
        })]),
        Some(IpAddr::V6(ip)) => send(&[ControlMessage::Ipv6PacketInfo(&in6_pktinfo {
            ipi6_addr: in6_addr {
                s6_addr: ip.octets(),
            },
            ipi6_ifindex: 0,
        })]),
    }
}
