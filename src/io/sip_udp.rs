//! SIP over UDP (RFC 3261 §18): one socket, one receiving task.
//!
//! On a socket bound to all addresses the kernel tells where each datagram was sent to, so that the
//! answer leaves from there and a Contact names an address that works.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;

use bytes::Bytes;
use nix::libc::{in_addr, in_pktinfo, in6_addr, in6_pktinfo};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockType, SockaddrStorage, recvmsg, sendmsg,
    setsockopt, sockopt,
};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

use super::sip_sockets::{Admission, Inbox, bound, count};
use crate::sip::{Flow, Transmit, Transport};

/// The largest datagram there is.
const DATAGRAM_BYTES_MAX: usize = 65_535;

/// Kernel buffer for datagrams not yet read, in bytes: a burst of some 500 INVITEs. When full the
/// kernel drops, and SIP repeats.
const KERNEL_BUFFER: usize = 1 << 20;

/// One UDP socket. It closes when this is dropped.
#[derive(Debug)]
pub struct SipUdp {
    socket: Arc<UdpSocket>,
    local: SocketAddr,
    receiving: JoinHandle<()>,
}

impl SipUdp {
    pub(super) fn bind(address: SocketAddr, inbox: Inbox) -> io::Result<Self> {
        let socket = bound(address, SockType::Datagram)?;
        if let Err(error) = setsockopt(&socket, sockopt::RcvBuf, &KERNEL_BUFFER) {
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
        let receiving = tokio::spawn(receive(Arc::clone(&socket), local, inbox));
        Ok(Self {
            socket,
            local,
            receiving,
        })
    }

    /// The address it is bound to.
    #[must_use]
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Sends, without waiting; false when the kernel does not take it. SIP repeats what is lost.
    pub(super) fn send(&self, transmit: &Transmit) -> bool {
        let Flow { local, remote, .. } = transmit.flow;
        let from = self.local.ip().is_unspecified().then_some(local.ip());
        let from = from.filter(|ip| !ip.is_unspecified());
        let sent = self.socket.try_io(Interest::WRITABLE, || {
            send_from(self.socket.as_raw_fd(), from, remote, &transmit.bytes)
        });
        if let Err(error) = &sent {
            log::debug!(PEER:% = remote; "a datagram was not sent: {error}");
        }
        sent.is_ok()
    }
}

impl Drop for SipUdp {
    fn drop(&mut self) {
        self.receiving.abort();
    }
}

async fn receive(socket: Arc<UdpSocket>, bound: SocketAddr, inbox: Inbox) {
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        let fd = socket.as_raw_fd();
        let read = socket.async_io(Interest::READABLE, || receive_at(fd, bound, &mut buffer));
        match read.await {
            Ok((length, flow)) => datagram(&buffer[..length], flow, &inbox),
            Err(error) => log::debug!("no datagram: {error}"),
        }
    }
}

fn datagram(bytes: &[u8], flow: Flow, inbox: &Inbox) {
    let admission = inbox.judge(Transport::Udp, flow.remote.ip());
    let keep_alive = bytes.iter().all(|byte| b"\r\n\0 ".contains(byte));
    if admission == Admission::Drop || keep_alive {
        return;
    }
    let bytes = Bytes::copy_from_slice(bytes);
    if let Some(received) = inbox.sort(bytes, flow, admission)
        && inbox.received.try_send(received).is_err()
    {
        count(&inbox.counters.queue_full);
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
