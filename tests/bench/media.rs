//! How far from its ideal 20 ms grid each RTP packet leaves, at 50 echo calls.
//!
//! Measured twice: by the media thread itself, just before each send, and from outside by the kernel's
//! receive time stamps on the far ends' sockets.

use std::io::IoSliceMut;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt,
};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use ringwell::audio::{Codec, Law};
use ringwell::io::clock;
use ringwell::io::media_socket::{self, PortPool};
use ringwell::io::media_thread::{
    CallMedia, EVENTS, MediaEvent, MediaHandle, MediaThread, Mode, Settings,
};
use ringwell::io::srtp::Srtp;
use ringwell::rtp::packet::Packet;
use ringwell::rtp::session::{self, Stream};
use ringwell::sdp::{Crypto, Suite};
use tokio::sync::mpsc;

const CALLS: u64 = 50;
const SECONDS: u32 = 20;
const TICK_NANOS: i64 = 20_000_000;

struct Far {
    socket: UdpSocket,
    to: SocketAddr,
    /// Kernel receive times in nanoseconds.
    arrivals: Vec<i64>,
    _events: mpsc::Receiver<MediaEvent>,
}

/// G.711 both ways.
pub(super) fn stream(remote: SocketAddr) -> Stream {
    Stream {
        codec: Codec::G711(Law::Mu),
        send_payload_type: 0,
        receive_payload_type: 0,
        telephone_event: None,
        comfort_noise: None,
        ptime_ms: 20,
        remote: Some(remote),
        remote_rtcp: None,
        control: Default::default(),
        sends: true,
        receives: true,
    }
}

impl Far {
    fn call(media: &MediaHandle, pool: &PortPool, id: u64) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        socket.set_nonblocking(true).expect("a flag is set");
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true).expect("time stamps are there");
        let ports = pool.allocate(clock::now()).expect("a pair is free");
        let to = ports.rtp.local_addr().expect("it is bound");
        let (sender, events) = mpsc::channel(EVENTS);
        let session = session::Settings::new(
            stream(socket.local_addr().expect("it is bound")),
            "box@127.0.0.1".to_owned(),
            clock::wallclock(),
            clock::seed(),
        );
        let media = media.add(CallMedia {
            id,
            ports,
            session,
            crypto: None,
            mode: Mode::Echo,
            tap: None,
            events: sender,
        });
        media.expect("the queue has room");
        Self {
            socket,
            to,
            arrivals: Vec::with_capacity(SECONDS as usize * 60),
            _events: events,
        }
    }

    fn send(&self, number: u32) {
        let packet = Packet {
            payload_type: 0,
            marker: number == 0,
            sequence: (number & 0xFFFF) as u16,
            timestamp: number * 160,
            ssrc: 7,
            payload: &[0x23; 160],
        };
        let mut buffer = [0; 200];
        let length = packet.write(&mut buffer).expect("it fits");
        let _ = self.socket.send_to(&buffer[..length], self.to); // a lost packet shows in the count
    }

    fn drain(&mut self) {
        let mut buffer = [0; 1500];
        let mut control = nix::cmsg_space!(TimeSpec);
        loop {
            let mut parts = [IoSliceMut::new(&mut buffer)];
            let received = recvmsg::<SockaddrStorage>(
                self.socket.as_raw_fd(),
                &mut parts,
                Some(&mut control),
                MsgFlags::empty(),
            );
            let Ok(message) = received else {
                return;
            };
            for item in message.cmsgs().expect("the buffer is large enough") {
                if let ControlMessageOwned::ScmTimestampns(time) = item {
                    self.arrivals
                        .push(time.tv_sec() * 1_000_000_000 + time.tv_nsec());
                }
            }
        }
    }

    /// Distance of each arrival from this call's own 20 ms grid, in nanoseconds.
    fn errors(&self) -> Vec<i64> {
        let settled = &self.arrivals[self.arrivals.len().min(50)..];
        let Some(first) = settled.first() else {
            return Vec::new();
        };
        let centred = |value: i64| (value + TICK_NANOS / 2).rem_euclid(TICK_NANOS) - TICK_NANOS / 2;
        let mut offsets: Vec<i64> = settled.iter().map(|at| centred(at - first)).collect();
        offsets.sort_unstable();
        let middle = offsets[offsets.len() / 2];
        offsets
            .iter()
            .map(|offset| (offset - middle).abs())
            .collect()
    }
}

fn quantile(sorted: &[i64], share: f64) -> f64 {
    let at = ((sorted.len() as f64 * share) as usize).min(sorted.len().saturating_sub(1));
    sorted
        .get(at)
        .map_or(f64::NAN, |nanos| *nanos as f64 / 1_000.0)
}

#[test]
#[ignore = "takes twenty seconds and measures"]
fn departure_error() {
    let media = MediaThread::start(Settings {
        realtime: true,
        ..Settings::default()
    })
    .expect("threads start");
    let pool = PortPool::new(
        media_socket::Settings::new(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        clock::seed()[0],
    );
    let mut fars: Vec<_> = (0..CALLS).map(|id| Far::call(&media, &pool, id)).collect();
    let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::empty()).expect("a timer");
    let tick = TimeSpec::from(Duration::from_millis(20));
    timer
        .set(
            Expiration::IntervalDelayed(tick, tick),
            TimerSetTimeFlags::empty(),
        )
        .expect("the timer runs");
    let before = media.counters();
    for number in 0..SECONDS * 50 {
        timer.wait().expect("the timer ticks");
        for far in &mut fars {
            far.send(number);
            far.drain();
        }
    }
    let counters = media.counters();
    let departure = counters.departure.since(&before.departure);
    let mut outside: Vec<i64> = fars.iter().flat_map(Far::errors).collect();
    outside.sort_unstable();
    println!(
        "calls={CALLS} seconds={SECONDS} realtime={:?}",
        media.realtime()
    );
    println!(
        "departure_error_us p50={} p99={} p99.9={} worst={}",
        departure.quantile(0.5).as_micros(),
        departure.quantile(0.99).as_micros(),
        departure.quantile(0.999).as_micros(),
        departure.worst.as_micros(),
    );
    println!(
        "arrival_off_grid_us p50={:.0} p99={:.0} p99.9={:.0} worst={:.0}",
        quantile(&outside, 0.5),
        quantile(&outside, 0.99),
        quantile(&outside, 0.999),
        quantile(&outside, 1.0),
    );
    println!(
        "packets_in={} packets_out={} late_wakes={} skipped_wakes={}",
        counters.packets_in, counters.packets_out, counters.late_ticks, counters.skipped_ticks,
    );
    let sent = u64::from(SECONDS) * 50 * CALLS;
    assert!(
        counters.packets_in > sent * 99 / 100,
        "the machine is far too busy to measure"
    );
}

/// What encryption adds to one packet each way, by suite.
#[test]
#[ignore = "measures"]
fn protect_and_unprotect() {
    const PACKETS: u32 = 20_000;
    for suite in [
        Suite::AesCm128HmacSha1_80,
        Suite::AesCm128HmacSha1_32,
        Suite::Aes256CmHmacSha1_80,
        Suite::Aes256CmHmacSha1_32,
        Suite::AeadAes128Gcm,
        Suite::AeadAes256Gcm,
    ] {
        let key = vec![7; suite.key_length() + suite.salt_length()];
        let crypto = Crypto {
            suite,
            send_key: key.clone(),
            receive_key: key,
        };
        let mut srtp = Srtp::new(&crypto).expect("keys of the suite");
        let mut buffer = [0; 2048];
        let begun = clock::now();
        for number in 0..PACKETS {
            let packet = Packet {
                payload_type: 0,
                marker: false,
                sequence: (number & 0xFFFF) as u16,
                timestamp: number * 160,
                ssrc: 7,
                payload: &[0x23; 160],
            };
            let length = packet.write(&mut buffer).expect("it fits");
            let sealed = srtp
                .protect_rtp(&mut buffer, length)
                .expect("it is encrypted");
            let opened = srtp.unprotect_rtp(&mut buffer, sealed);
            assert_eq!(opened, Ok(length));
        }
        let each = clock::now().saturating_duration_since(begun) / PACKETS;
        println!(
            "srtp_protect_unprotect_ns suite={} per_packet={}",
            suite.name(),
            each.as_nanos()
        );
    }
}
