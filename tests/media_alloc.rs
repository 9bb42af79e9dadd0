//! The media path allocates nothing: a counting allocator watches a running media thread.

#![expect(unsafe_code, reason = "an allocator is unsafe by its trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ringwell::audio::Codec;
use ringwell::conversation::UtteranceId;
use ringwell::io::clock;
use ringwell::io::media_socket::{self, PortPool};
use ringwell::io::media_thread::{
    CallMedia, EVENTS, MediaEvent, MediaHandle, MediaThread, Mode, Settings,
};
use ringwell::io::recording::{self, TapReader};
use ringwell::io::rings::{self, AgentFrame, Frame};
use ringwell::io::srtp::Srtp;
use ringwell::rtp::packet::Packet;
use ringwell::rtp::session::{self, Stream};
use ringwell::sdp::{Crypto, Suite};

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call is passed on unchanged to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps `alloc`'s contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps `dealloc`'s contract, and the pointer is the system's.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A far end that keeps its own sequence.
struct Far {
    socket: UdpSocket,
    to: std::net::SocketAddr,
    sequence: u16,
}

impl Far {
    /// Sends a packet of speech.
    fn say(&mut self) {
        let payload = [0x23; 160];
        let packet = Packet {
            payload_type: 0,
            marker: false,
            sequence: self.sequence,
            timestamp: u32::from(self.sequence) * 160,
            ssrc: 7,
            payload: &payload,
        };
        self.sequence = self.sequence.wrapping_add(1);
        let mut buffer = [0; 1500];
        let length = packet.write(&mut buffer).expect("it fits");
        self.socket
            .send_to(&buffer[..length], self.to)
            .expect("loopback takes it");
    }

    /// Waits for a packet.
    fn hear(&self) {
        let mut buffer = [0; 1500];
        self.socket.recv_from(&mut buffer).expect("an answer comes");
    }
}

fn stream(socket: &UdpSocket, codec: Codec) -> Stream {
    Stream {
        codec,
        send_payload_type: 0,
        receive_payload_type: 0,
        telephone_event: Some((101, 101)),
        comfort_noise: None,
        ptime_ms: 20,
        remote: Some(socket.local_addr().expect("it is bound")),
        remote_rtcp: None,
        control: Default::default(),
        sends: true,
        receives: true,
    }
}

/// Begins a stream, and records it where both sides are at hand. Nobody reads that: a full ring is among what is seen.
fn begin(
    media: &MediaHandle,
    pool: &PortPool,
    (id, mode, codec): (u64, Mode, Codec),
    events: tokio::sync::mpsc::Sender<MediaEvent>,
) -> (Far, TapReader) {
    let (tap, reader) = recording::tap(16_000);
    reader.switch().record();
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    socket
        .set_read_timeout(Some(Duration::from_secs(10)))
        .expect("a timeout is set");
    let ports = pool.allocate(clock::now()).expect("a pair is free");
    let to = ports.rtp.local_addr().expect("it is bound");
    let session = session::Settings::new(
        stream(&socket, codec),
        "box@127.0.0.1".to_owned(),
        clock::wallclock(),
        clock::seed(),
    );
    let added = media.add(CallMedia {
        id,
        ports,
        session,
        crypto: None,
        tap: matches!(mode, Mode::Bridge { .. }).then_some(tap),
        mode,
        events,
    });
    added.expect("the queue has room");
    let far = Far {
        socket,
        to,
        sequence: 0,
    };
    (far, reader)
}

#[test]
fn a_running_stream_allocates_nothing() {
    let media = MediaThread::start(Settings {
        realtime: false,
        ..Settings::default()
    })
    .expect("threads start");
    let pool = PortPool::new(
        media_socket::Settings::new(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        clock::seed()[0],
    );
    let (events, _receiver) = tokio::sync::mpsc::channel(EVENTS);
    let (caller, _reader) = rings::caller_ring();
    let (mut writer, agent, _playout) = rings::agent_ring();
    let (wide_caller, _wide_reader) = rings::caller_ring();
    let (mut wide_writer, wide_agent, _wide_playout) = rings::agent_ring();
    let wideband = Mode::Bridge {
        caller: wide_caller,
        agent: wide_agent,
    };
    let mut fars = Vec::new();
    let mut modes = vec![
        (Mode::Tone, Codec::PCMU),
        (Mode::Bridge { caller, agent }, Codec::PCMU),
        (wideband, Codec::G722),
    ];
    // Several in each turn of the thread.
    modes.extend((0..BATCH).map(|_| (Mode::Echo, Codec::PCMU)));
    let mut recorded = Vec::new();
    for (id, (mode, codec)) in modes.into_iter().enumerate() {
        let (far, reader) = begin(&media, &pool, (id as u64, mode, codec), events.clone());
        recorded.push(reader);
        fars.push(far);
    }
    fars.iter_mut().for_each(Far::say);
    fars.iter().for_each(Far::hear);
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    for _ in 0..250 {
        for writer in [&mut writer, &mut wide_writer] {
            writer.push(AgentFrame {
                epoch: 0,
                utterance: UtteranceId(1),
                last: false,
                audio: Frame::new(&[0x11; 160]),
            });
        }
        fars.iter_mut().for_each(Far::say);
        fars.iter().for_each(Far::hear);
    }
    let after = ALLOCATIONS.load(Ordering::Relaxed);
    assert!(media.counters().packets_in > 240 * (3 + BATCH));
    assert!(media.counters().control_out > 0, "reports were among them");
    assert_eq!(
        after - before,
        0,
        "allocations in five seconds of all streams"
    );
    // The streams still run, and allocate nothing: what is counted now is of encryption alone.
    encryption_allocates_a_little_per_packet();
}

/// Echoes beside the others: two for each phase of the media thread.
const BATCH: u64 = 40;

/// What is written in ARCHITECTURE.md holds for each suite.
fn encryption_allocates_a_little_per_packet() {
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
        let mut counts = [0; 2];
        for sequence in 0..=PACKETS {
            let packet = Packet {
                payload_type: 0,
                marker: false,
                sequence,
                timestamp: 0,
                ssrc: 7,
                payload: &[0x23; 160],
            };
            let length = packet.write(&mut buffer).expect("it fits");
            let start = ALLOCATIONS.load(Ordering::Relaxed);
            let sealed = srtp
                .protect_rtp(&mut buffer, length)
                .expect("it is encrypted");
            let middle = ALLOCATIONS.load(Ordering::Relaxed);
            let opened = srtp.unprotect_rtp(&mut buffer, sealed);
            let end = ALLOCATIONS.load(Ordering::Relaxed);
            assert_eq!(opened, Ok(length));
            if sequence > 0 {
                counts[0] += middle - start;
                counts[1] += end - middle;
            }
        }
        let expected = match suite {
            Suite::AeadAes128Gcm | Suite::AeadAes256Gcm => [3, 7],
            _ => [1, 5],
        };
        let counted = counts.map(|count| count / u64::from(PACKETS));
        assert_eq!(counted, expected, "{suite:?}: per packet sent, received");
    }
}

/// Packets that are counted; the first of a source is not, since it makes a context.
const PACKETS: u16 = 200;
