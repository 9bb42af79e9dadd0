//! The far ends of all calls: packets at even times, and the kernel's receive time of what comes back.

use std::io::IoSliceMut;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt,
};
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, ClockNanosleepFlags, clock_gettime, clock_nanosleep};
use ringwell::rtp::packet::Packet;

use super::Round;

/// All far ends. Their packets are spread evenly over each 20 ms.
pub(super) struct Load {
    fars: Vec<Far>,
    /// When the first packet of all was due, on the monotonic clock, in nanoseconds.
    start: i64,
    /// Packets sent.
    sent: usize,
    /// Of these, before the measurement.
    before: usize,
    /// How late each measured one left.
    lateness: Vec<i64>,
    buffer: [u8; 1500],
}

struct Far {
    socket: UdpSocket,
    to: SocketAddr,
    /// Kernel receive times in nanoseconds, and the number of the packet that came back.
    arrivals: Vec<(u32, i64)>,
}

impl Load {
    pub(super) fn new(calls: usize) -> Self {
        Self {
            fars: (0..calls).map(|_| Far::new()).collect(),
            start: 0,
            sent: 0,
            before: 0,
            lateness: Vec::new(),
            buffer: [0; 1500],
        }
    }

    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        let local = |far: &Far| far.socket.local_addr().unwrap();
        self.fars.iter().map(local).collect()
    }

    pub(super) fn send_to(&mut self, carrier: &[SocketAddr]) {
        assert_eq!(carrier.len(), self.fars.len());
        for (far, to) in self.fars.iter_mut().zip(carrier) {
            far.to = *to;
        }
        self.start = now() + TICK;
    }

    /// Talks for so long; each far end takes what has come back before it sends.
    pub(super) fn run(&mut self, seconds: usize) {
        let calls = self.fars.len();
        let step = TICK / calls as i64;
        for _ in 0..seconds * 50 * calls {
            let (round, call) = (self.sent / calls, self.sent % calls);
            let due = self.start + round as i64 * TICK + call as i64 * step;
            let at = wait_until(due);
            if self.before > 0 {
                self.lateness.push(at - due);
            }
            let far = &mut self.fars[call];
            far.drain(&mut self.buffer);
            far.send(u32::try_from(round).unwrap(), &mut self.buffer);
            self.sent += 1;
        }
    }

    /// What follows is measured.
    pub(super) fn measure(&mut self) {
        self.before = self.sent;
    }

    /// Takes the last that come back.
    pub(super) fn settle(&mut self) {
        wait_until(now() + 5 * TICK);
        for far in &mut self.fars {
            far.drain(&mut self.buffer);
        }
    }

    /// What was seen, without the carrier's CPU.
    pub(super) fn round(mut self) -> Round {
        let calls = self.fars.len();
        let numbers = (self.before / calls) as u32..(self.sent / calls) as u32;
        let mut errors: Vec<i64> = Vec::new();
        let mut returned = 0;
        for far in &mut self.fars {
            far.arrivals.retain(|(number, _)| numbers.contains(number));
            errors.extend(far.errors());
            far.arrivals.sort_unstable();
            far.arrivals.dedup_by_key(|(number, _)| *number);
            returned += far.arrivals.len() as u64;
        }
        errors.sort_unstable();
        self.lateness.sort_unstable();
        let sent = (self.sent - self.before) as u64;
        Round {
            spacing_p50: quantile(&errors, 0.5),
            spacing_p99: quantile(&errors, 0.99),
            lost: sent - returned,
            sent,
            generator_p99: quantile(&self.lateness, 0.99),
            ..Round::default()
        }
    }
}

impl Far {
    fn new() -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_nonblocking(true).unwrap();
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true).unwrap();
        Self {
            to: socket.local_addr().unwrap(),
            socket,
            arrivals: Vec::with_capacity(4096),
        }
    }

    /// A packet of speech that has its number in front.
    fn send(&self, number: u32, buffer: &mut [u8]) {
        let mut payload = [0x23; 160];
        payload[..4].copy_from_slice(&number.to_be_bytes());
        let packet = Packet {
            payload_type: 0,
            marker: number == 0,
            sequence: (number & 0xFFFF) as u16,
            timestamp: number * 160,
            ssrc: 7,
            payload: &payload,
        };
        let length = packet.write(buffer).unwrap();
        let _ = self.socket.send_to(&buffer[..length], self.to); // a lost packet shows in the count
    }

    fn drain(&mut self, buffer: &mut [u8]) {
        let mut control = nix::cmsg_space!(TimeSpec);
        loop {
            let mut parts = [IoSliceMut::new(buffer)];
            let received = recvmsg::<SockaddrStorage>(
                self.socket.as_raw_fd(),
                &mut parts,
                Some(&mut control),
                MsgFlags::empty(),
            );
            let Ok(message) = received else { return };
            let at = message.cmsgs().unwrap().find_map(|item| match item {
                ControlMessageOwned::ScmTimestampns(time) => Some(nanos(time)),
                _ => None,
            });
            let length = message.bytes;
            let Ok(packet) = Packet::parse(&buffer[..length]) else {
                continue;
            };
            if let (Some(at), Some(number)) = (at, packet.payload.first_chunk()) {
                self.arrivals.push((u32::from_be_bytes(*number), at));
            }
        }
    }

    /// Distance of each arrival from this call's own 20 ms grid, in nanoseconds.
    fn errors(&self) -> Vec<i64> {
        let Some((_, first)) = self.arrivals.first() else {
            return Vec::new();
        };
        let centred = |value: i64| (value + TICK / 2).rem_euclid(TICK) - TICK / 2;
        let mut offsets: Vec<i64> = self
            .arrivals
            .iter()
            .map(|(_, at)| centred(at - first))
            .collect();
        offsets.sort_unstable();
        let middle = offsets[offsets.len() / 2];
        offsets
            .iter()
            .map(|offset| centred(offset - middle).abs())
            .collect()
    }
}

/// Waits for a moment on the monotonic clock; gives the time it is. It never spins: a real-time thread that uses its
/// processor up is stopped by the kernel for 50 ms of each second. So above 400 calls a few packets leave together.
fn wait_until(due: i64) -> i64 {
    loop {
        let at = now();
        if at >= due {
            return at;
        }
        let until = (due.max(at + SHORTEST_SLEEP)).unsigned_abs();
        let until = TimeSpec::from(Duration::from_nanos(until));
        let flags = ClockNanosleepFlags::TIMER_ABSTIME;
        let _ = clock_nanosleep(ClockId::CLOCK_MONOTONIC, flags, &until);
    }
}

fn now() -> i64 {
    nanos(clock_gettime(ClockId::CLOCK_MONOTONIC).unwrap())
}

fn nanos(time: TimeSpec) -> i64 {
    time.tv_sec() * 1_000_000_000 + time.tv_nsec()
}

fn quantile(sorted: &[i64], share: f64) -> f64 {
    let at = ((sorted.len() as f64 * share) as usize).min(sorted.len().saturating_sub(1));
    sorted
        .get(at)
        .map_or(f64::NAN, |nanos| *nanos as f64 / 1_000.0)
}

const TICK: i64 = 20_000_000;
const SHORTEST_SLEEP: i64 = 50_000;
