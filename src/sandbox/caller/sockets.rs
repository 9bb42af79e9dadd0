//! The caller's two sockets, and the impaired network that may lie before them.

use core::net::{IpAddr, SocketAddr};
use std::io;

use tokio::net::UdpSocket;

use crate::io::clock;
use crate::rtp::packet::MAX_PACKET;
use crate::rtp::session::{Channel, Transmit};
use crate::sandbox::network::{Counts, Network, Spec};

/// Pairs of ports tried until an even one with its successor is free.
const PAIRS: usize = 64;

/// RTP and RTCP.
pub(super) struct Sockets {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    network: Option<Box<Impaired>>,
}

/// Both ways through the network, and which of our ports the far end sees.
struct Impaired {
    out: Network<Packet>,
    back: Network<Packet>,
    bindings: u32,
}

#[derive(Clone)]
struct Packet {
    bytes: Vec<u8>,
    /// Where to, or where from.
    peer: SocketAddr,
    port: Channel,
}

impl Sockets {
    /// Takes a pair of ports.
    pub(super) async fn open(address: IpAddr, network: Option<Spec>) -> io::Result<Self> {
        let network = network.map(|spec| {
            let now = clock::now();
            let way = |number| Network::new(spec, spec.seed.wrapping_mul(2) + number, now);
            Box::new(Impaired {
                out: way(0),
                back: way(1),
                bindings: 0,
            })
        });
        for _ in 0..PAIRS {
            let rtp = UdpSocket::bind((address, 0)).await?;
            let port = rtp.local_addr()?.port();
            let Some(next) = port.checked_add(1).filter(|_| port % 2 == 0) else {
                continue;
            };
            if let Ok(rtcp) = UdpSocket::bind((address, next)).await {
                return Ok(Self { rtp, rtcp, network });
            }
        }
        Err(io::Error::from(io::ErrorKind::AddrInUse))
    }

    /// The RTP port.
    pub(super) fn port(&self) -> io::Result<u16> {
        Ok(self.rtp.local_addr()?.port())
    }

    /// Sends a packet, through the network if there is one.
    pub(super) async fn send(&mut self, packet: &[u8], transmit: Transmit) {
        let bytes = &packet[..transmit.len];
        let Some(network) = &mut self.network else {
            return self.send_now(packet, transmit).await;
        };
        let packet = Packet {
            bytes: bytes.to_vec(),
            peer: transmit.to,
            port: transmit.port,
        };
        network.out.send(packet, bytes.len(), clock::now());
    }

    /// Sends a packet past the network.
    pub(super) async fn send_now(&self, packet: &[u8], transmit: Transmit) {
        let socket = self.socket(transmit.port);
        if let Err(error) = socket.send_to(&packet[..transmit.len], transmit.to).await {
            log::debug!("a packet could not be sent: {error}");
        }
    }

    /// Waits for a datagram of either port: which port, how long, where from. Cancel-safe.
    pub(super) async fn receive(&mut self, buffer: &mut [u8]) -> (Channel, usize, SocketAddr) {
        let mut control = [0; MAX_PACKET];
        loop {
            if let Some(packet) = self.pass() {
                let length = packet.bytes.len().min(buffer.len());
                buffer[..length].copy_from_slice(&packet.bytes[..length]);
                return (packet.port, length, packet.peer);
            }
            let due = self.network.as_ref().and_then(|network| network.due());
            let (port, received) = tokio::select! {
                received = self.rtp.recv_from(buffer) => (Channel::Rtp, received),
                received = self.rtcp.recv_from(&mut control) => (Channel::Rtcp, received),
                () = tokio::time::sleep_until(due.unwrap_or_else(clock::now).into()), if due.is_some() => continue,
            };
            // Errors are of datagrams sent before (port unreachable).
            let Ok((length, peer)) = received else {
                continue;
            };
            if port == Channel::Rtcp {
                buffer[..length].copy_from_slice(&control[..length]);
            }
            let Some(network) = &mut self.network else {
                return (port, length, peer);
            };
            let bytes = buffer[..length].to_vec();
            let packet = Packet { bytes, peer, port };
            network.back.send(packet, length, clock::now());
        }
    }

    /// Sends what has come through the network on its way out; gives what has come through it to us.
    fn pass(&mut self) -> Option<Packet> {
        let now = clock::now();
        let network = self.network.as_mut()?;
        let bindings = network.out.bindings(now);
        if bindings != network.bindings {
            network.bindings = bindings;
            self.rebind();
        }
        while let Some(packet) = self.network.as_mut().and_then(|it| it.out.poll(now)) {
            let socket = self.socket(packet.port);
            if let Err(error) = socket.try_send_to(&packet.bytes, packet.peer) {
                log::debug!("a packet could not be sent: {error}");
            }
        }
        self.network.as_mut()?.back.poll(now)
    }

    /// Other ports in place of ours, as a NAT that has forgotten us gives them: nothing comes to the old ones.
    fn rebind(&mut self) {
        let fresh = |old: &UdpSocket| -> io::Result<UdpSocket> {
            let socket = std::net::UdpSocket::bind((old.local_addr()?.ip(), 0))?;
            socket.set_nonblocking(true)?;
            UdpSocket::from_std(socket)
        };
        match (fresh(&self.rtp), fresh(&self.rtcp)) {
            (Ok(rtp), Ok(rtcp)) => (self.rtp, self.rtcp) = (rtp, rtcp),
            (Err(error), _) | (_, Err(error)) => log::warn!("no other ports: {error}"),
        }
    }

    fn socket(&self, port: Channel) -> &UdpSocket {
        match port {
            Channel::Rtp => &self.rtp,
            Channel::Rtcp => &self.rtcp,
        }
    }

    /// What the network did on the way out and back.
    pub(super) fn counts(&self) -> Option<[Counts; 2]> {
        let network = self.network.as_ref()?;
        Some([network.out.counts(), network.back.counts()])
    }
}

impl Impaired {
    fn due(&self) -> Option<std::time::Instant> {
        let (out, back) = (self.out.poll_timeout(), self.back.poll_timeout());
        out.into_iter().chain(back).min()
    }
}
