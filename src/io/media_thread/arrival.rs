//! Reads datagrams with the time at which the kernel took them, so that a socket may wait until its call's turn:
//! jitter and delay are measured to the microsecond all the same.

use std::io::IoSliceMut;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant, SystemTime};

use nix::errno::Errno;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg};
use nix::sys::time::TimeSpec;

use crate::io::clock;

/// The buffers that datagrams are read into, and the time.
pub(super) struct Inlet {
    buffer: Box<[u8; BUFFER]>,
    control: Vec<u8>,
    now: Instant,
    wallclock: SystemTime,
}

/// A datagram.
pub(super) struct Arrival {
    pub(super) length: usize,
    pub(super) from: SocketAddr,
    /// When it came.
    pub(super) at: Instant,
}

impl Inlet {
    pub(super) fn new() -> Self {
        Self {
            buffer: Box::new([0; BUFFER]),
            control: nix::cmsg_space!(TimeSpec),
            now: clock::now(),
            wallclock: clock::wallclock(),
        }
    }

    /// Looks at the clocks; what is read afterwards came before.
    pub(super) fn look(&mut self) {
        self.now = clock::now();
        self.wallclock = clock::wallclock();
    }

    /// The time of the last look.
    pub(super) fn now(&self) -> Instant {
        self.now
    }

    pub(super) fn buffer(&mut self) -> &mut [u8] {
        &mut self.buffer[..]
    }

    /// The next datagram that a socket holds, in the buffer from its beginning. It never waits.
    pub(super) fn take(&mut self, socket: &UdpSocket) -> Option<Arrival> {
        loop {
            let mut parts = [IoSliceMut::new(&mut self.buffer[..])];
            let (socket, flags) = (socket.as_raw_fd(), MsgFlags::MSG_DONTWAIT);
            let control = Some(&mut self.control[..]);
            match recvmsg::<SockaddrStorage>(socket, &mut parts, control, flags) {
                Ok(message) => {
                    let stamp = message.cmsgs().ok().and_then(|mut all| all.find_map(stamp));
                    let from = message.address.as_ref().and_then(address);
                    let length = message.bytes;
                    let Some(from) = from else { continue };
                    let at = self.at(stamp);
                    return Some(Arrival { length, from, at });
                }
                Err(Errno::EINTR) => {}
                Err(_) => return None,
            }
        }
    }

    /// The kernel stamps with civil time, which may be set meanwhile: an age beyond reason is none.
    fn at(&self, stamp: Option<Duration>) -> Instant {
        let stamped = stamp.map(|since| SystemTime::UNIX_EPOCH + since);
        let age = stamped.and_then(|stamped| self.wallclock.duration_since(stamped).ok());
        match age.filter(|age| *age < OLDEST) {
            Some(age) => self.now - age,
            None => self.now,
        }
    }
}

fn stamp(message: ControlMessageOwned) -> Option<Duration> {
    match message {
        ControlMessageOwned::ScmTimestampns(time) => Some(Duration::from(time)),
        _ => None,
    }
}

fn address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    let four = storage
        .as_sockaddr_in()
        .map(|address| SocketAddr::from(*address));
    four.or_else(|| {
        storage
            .as_sockaddr_in6()
            .map(|address| SocketAddr::from(*address))
    })
}

/// Larger than any packet on an Ethernet.
const BUFFER: usize = 2048;
/// What a socket holds after a long stall is not older than this; beyond it the clock was set.
const OLDEST: Duration = Duration::from_secs(2);
