//! Asks a peer over UDP what it sees of us ([`crate::sip::probe`]).

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::io;
use std::time::Duration;

use bytes::Bytes;
use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::clock;

use crate::sip::probe::{Answer, Probe};
use crate::sip::{Random, stun};

/// When the question is sent again: Timer E of RFC 3261 §17.1.2.2.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];

/// Longest answer read; real ones have some hundred bytes.
const ANSWER_BYTES_MAX: usize = 8 * 1024;

/// The answer of `peer`, and the local address it was asked from; `None` when none came in time.
/// `public` gives the address that this peer is told, by our own on the way to it.
///
/// # Errors
/// When there is no way to the peer, or it says at once that nothing listens there.
pub async fn ask(
    peer: SocketAddr,
    public: impl Fn(IpAddr) -> Option<IpAddr>,
) -> io::Result<Option<(Answer, SocketAddr)>> {
    let local = way_to(peer).await?;
    let socket = UdpSocket::bind(SocketAddr::new(local, 0)).await?;
    let local = socket.local_addr()?;
    let mut random = Random::new(clock::seed());
    let probe = Probe::new(local, peer, &mut random);
    let mut buffer = vec![0; ANSWER_BYTES_MAX];
    for pause in PAUSES {
        socket.send_to(&probe.bytes(), peer).await?;
        let answer = async {
            loop {
                let (length, from) = socket.recv_from(&mut buffer).await?;
                let bytes = Bytes::copy_from_slice(&buffer[..length]);
                if let Some(answer) = probe.read(bytes, from, public(local.ip())) {
                    return io::Result::Ok(answer);
                }
            }
        };
        if let Ok(answer) = timeout(pause, answer).await {
            return Ok(Some((answer?, local)));
        }
    }
    Ok(None)
}

/// Where a STUN server sees a socket of ours (RFC 8489); `None` when it does not tell in time.
///
/// # Errors
/// When there is no way to the server, or it says at once that nothing listens there.
pub async fn ask_stun(server: SocketAddr) -> io::Result<Option<SocketAddr>> {
    ask_stun_from(SocketAddr::new(way_to(server).await?, 0), server).await
}

/// The same of a socket bound to this address.
///
/// # Errors
/// As [`ask_stun`], and when another program has the port.
pub async fn ask_stun_from(
    local: SocketAddr,
    server: SocketAddr,
) -> io::Result<Option<SocketAddr>> {
    let socket = UdpSocket::bind(local).await?;
    socket.connect(server).await?;
    let mut id = stun::Id::default();
    let random = clock::seed();
    let random = random.iter().flat_map(|half| half.to_be_bytes());
    id.iter_mut().zip(random).for_each(|(to, from)| *to = from);
    let mut buffer = vec![0; ANSWER_BYTES_MAX];
    for pause in PAUSES {
        socket.send(&stun::request(id)).await?;
        let answer = async {
            loop {
                let length = socket.recv(&mut buffer).await?;
                let answer = stun::answer(&buffer[..length]);
                if let Some(answer) = answer.filter(|answer| answer.id == id) {
                    return io::Result::Ok(answer.mapped);
                }
            }
        };
        if let Ok(answer) = timeout(pause, answer).await {
            return answer;
        }
    }
    Ok(None)
}

/// Our address on the way to a peer, as the kernel chooses it.
async fn way_to(peer: SocketAddr) -> io::Result<IpAddr> {
    let any = match peer {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).await?;
    socket.connect(peer).await?;
    Ok(socket.local_addr()?.ip())
}
