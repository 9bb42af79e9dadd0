//! The UDP ports of calls: pairs of RTP (even) and RTCP (one above), out of one range.
//!
//! A pair rests after use, so that late packets of the old call find a closed port and never reach a
//! new one. What is in use is read from the pool itself, never counted beside it.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::socket::{getsockopt, setsockopt, sockopt};

use super::clock;

/// What a pool is made of.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The local address to bind to where the call names none.
    pub address: IpAddr,
    /// The lowest port; an odd one is rounded up.
    pub first_port: u16,
    /// The highest port, RTCP included.
    pub last_port: u16,
    /// How long a pair rests after use.
    pub quarantine: Duration,
    /// The code point that packets are marked with (RFC 2474); 0 marks nothing.
    pub dscp: u8,
}

impl Settings {
    /// The usual range with the usual rest of two seconds, marked for expedited forwarding.
    #[must_use]
    pub fn new(address: IpAddr) -> Self {
        Self {
            address,
            first_port: 16_384,
            last_port: 32_767,
            quarantine: Duration::from_secs(2),
            dscp: EXPEDITED,
        }
    }

    /// The RTP ports of pairs that cannot be had at the moment: other programs have them.
    ///
    /// # Errors
    /// When the address is none of this machine.
    pub fn taken(&self) -> io::Result<Vec<u16>> {
        UdpSocket::bind((self.address, 0))?;
        let first = self.first_port.next_multiple_of(2);
        let pairs = (first..self.last_port).step_by(2);
        let taken = pairs.filter(|port| {
            let ports = [*port, port.saturating_add(1)];
            ports
                .iter()
                .any(|port| UdpSocket::bind((self.address, *port)).is_err())
        });
        Ok(taken.collect())
    }
}

/// Hands out port pairs. Clones share one pool.
#[derive(Clone, Debug)]
pub struct PortPool {
    settings: Settings,
    pairs: Arc<Mutex<Pairs>>,
}

#[derive(Debug)]
struct Pairs {
    states: Vec<Pair>,
    /// Where the next search begins.
    next: usize,
    refused_by_system: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pair {
    Free,
    InUse,
    Resting { until: Instant },
}

/// A pool in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolUsage {
    /// All pairs.
    pub total: usize,
    /// Held by calls.
    pub in_use: usize,
    /// Resting after use.
    pub resting: usize,
    /// Binds that failed because another program has the port.
    pub refused_by_system: u64,
}

impl PortPool {
    /// A pool that begins its search at a place chosen by `seed`, since guessable ports are sprayed. A range without a whole pair gives a pool without ports.
    #[must_use]
    pub fn new(settings: Settings, seed: u64) -> Self {
        let first = usize::from(settings.first_port).next_multiple_of(2);
        let end = usize::from(settings.last_port) + 1;
        let total = end.saturating_sub(first) / 2;
        let next = usize::try_from(seed % total.max(1) as u64).unwrap_or(0);
        Self {
            settings,
            pairs: Arc::new(Mutex::new(Pairs {
                states: vec![Pair::Free; total],
                next,
                refused_by_system: 0,
            })),
        }
    }

    /// A pair bound at the pool's address; `None` when all are in use, resting, or taken by other programs.
    #[must_use]
    pub fn allocate(&self, now: Instant) -> Option<MediaPorts> {
        self.allocate_at(self.settings.address, now)
    }

    /// A pair bound at an address of either family. A pair is one call's, whatever its address.
    #[must_use]
    pub fn allocate_at(&self, address: IpAddr, now: Instant) -> Option<MediaPorts> {
        let total = lock(&self.pairs).states.len();
        for _ in 0..total {
            let index = lock(&self.pairs).claim(now)?;
            let lease = Lease {
                pairs: Arc::clone(&self.pairs),
                index,
                quarantine: self.settings.quarantine,
                returned: false,
            };
            let port = self.port(index);
            let bound = self.bind_pair(address, port);
            match bound {
                Ok((rtp, rtcp)) => {
                    return Some(MediaPorts {
                        rtp,
                        rtcp,
                        address,
                        port,
                        lease,
                    });
                }
                Err(error) if is_of_address(&error) => {
                    log::warn!("no audio at {address}: {error}");
                    return None;
                }
                Err(_) => {}
            }
            lock(&self.pairs).refused_by_system += 1; // the lease rests: another program has the port
        }
        None
    }

    /// Whether the system marks packets as the settings wish.
    #[must_use]
    pub fn is_marked(&self) -> bool {
        let socket = UdpSocket::bind((self.settings.address, 0));
        socket.is_ok_and(|socket| mark(&socket, self.settings.dscp))
    }

    /// The pool as it is.
    #[must_use]
    pub fn usage(&self, now: Instant) -> PoolUsage {
        let pairs = lock(&self.pairs);
        let mut usage = PoolUsage {
            total: pairs.states.len(),
            refused_by_system: pairs.refused_by_system,
            ..PoolUsage::default()
        };
        for pair in &pairs.states {
            match pair {
                Pair::InUse => usage.in_use += 1,
                Pair::Resting { until } if now < *until => usage.resting += 1,
                Pair::Resting { .. } | Pair::Free => {}
            }
        }
        usage
    }

    fn port(&self, index: usize) -> u16 {
        let first = usize::from(self.settings.first_port).next_multiple_of(2);
        u16::try_from(first + 2 * index).unwrap_or(u16::MAX)
    }

    fn bind_pair(&self, address: IpAddr, port: u16) -> io::Result<(UdpSocket, UdpSocket)> {
        let rtp = self.bind(SocketAddr::new(address, port))?;
        let rtcp = self.bind(SocketAddr::new(address, port.saturating_add(1)))?;
        Ok((rtp, rtcp))
    }

    fn bind(&self, address: SocketAddr) -> io::Result<UdpSocket> {
        let socket = UdpSocket::bind(address)?;
        socket.set_nonblocking(true)?;
        // Without the time of arrival jitter is measured by our own turns, and the voice still flows.
        let _ = setsockopt(&socket, sockopt::ReceiveTimestampns, &true);
        mark(&socket, self.settings.dscp); // without it the voice still flows
        Ok(socket)
    }
}

impl Pairs {
    fn claim(&mut self, now: Instant) -> Option<usize> {
        let total = self.states.len();
        for step in 0..total {
            let index = (self.next + step) % total;
            let free = match self.states[index] {
                Pair::Free => true,
                Pair::InUse => false,
                Pair::Resting { until } => now >= until,
            };
            if free {
                self.states[index] = Pair::InUse;
                self.next = (index + 1) % total;
                return Some(index);
            }
        }
        None
    }
}

/// A pair of bound, non-blocking sockets. Dropping it closes them and lets the pair rest.
#[derive(Debug)]
pub struct MediaPorts {
    /// The media socket.
    pub rtp: UdpSocket,
    /// The control socket.
    pub rtcp: UdpSocket,
    /// What both are bound to.
    pub address: IpAddr,
    /// The even port of `rtp`, for the session description.
    pub port: u16,
    lease: Lease,
}

impl MediaPorts {
    /// Closes the sockets; the pair rests from `now`.
    pub fn release(self, now: Instant) {
        let Self {
            rtp,
            rtcp,
            mut lease,
            ..
        } = self;
        drop((rtp, rtcp));
        lease.give_back(now);
    }
}

/// The right to a pair.
#[derive(Debug)]
struct Lease {
    pairs: Arc<Mutex<Pairs>>,
    index: usize,
    quarantine: Duration,
    returned: bool,
}

impl Lease {
    fn give_back(&mut self, now: Instant) {
        if !std::mem::replace(&mut self.returned, true) {
            let until = now + self.quarantine;
            lock(&self.pairs).states[self.index] = Pair::Resting { until };
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.give_back(clock::now());
    }
}

/// Marks what a socket sends, in both families: an IPv6 socket may also speak to IPv4. Whether the system keeps it.
fn mark(socket: &UdpSocket, dscp: u8) -> bool {
    let class = i32::from(dscp) << 2; // the lower two bits are for congestion (RFC 3168)
    let six = socket.local_addr().is_ok_and(|address| address.is_ipv6());
    let four = setsockopt(socket, sockopt::Ipv4Tos, &class);
    if six {
        let asked = setsockopt(socket, sockopt::Ipv6TClass, &class);
        return asked.is_ok() && getsockopt(socket, sockopt::Ipv6TClass) == Ok(class);
    }
    four.is_ok() && getsockopt(socket, sockopt::Ipv4Tos) == Ok(class)
}

/// Whether no port would help: the address is none of this machine.
fn is_of_address(error: &io::Error) -> bool {
    let kinds = [io::ErrorKind::AddrNotAvailable, io::ErrorKind::InvalidInput];
    kinds.contains(&error.kind())
}

/// A panic while the lock was held leaves plain states behind, so they stay usable.
fn lock(pairs: &Mutex<Pairs>) -> MutexGuard<'_, Pairs> {
    pairs.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Expedited forwarding, as voice is marked (RFC 3246, RFC 8325).
const EXPEDITED: u8 = 46;

#[cfg(test)]
mod tests;
