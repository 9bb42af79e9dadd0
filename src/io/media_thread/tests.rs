mod relay;
mod secure;
mod silence;
mod stall;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::*;
use crate::audio::{Codec, FRAME_SAMPLES, Law, level};
use crate::io::media_socket::{self, PortPool};
use crate::io::rings::{self, AgentFrame, Frame};
use crate::io::srtp::Srtp;
use crate::rtp::packet::Packet;
use crate::rtp::session::MediaTimeout;
use crate::sdp::Direction;

const PATIENCE: Duration = Duration::from_secs(10);

fn pool() -> PortPool {
    let settings = media_socket::Settings {
        first_port: 10_000,
        last_port: 29_999,
        ..media_socket::Settings::new(IpAddr::V4(Ipv4Addr::LOCALHOST))
    };
    PortPool::new(settings, clock::seed()[0])
}

fn start() -> MediaHandle {
    MediaThread::start(Settings {
        realtime: false,
        ..Settings::default()
    })
    .unwrap()
}

fn negotiated(law: Law, remote: SocketAddr) -> Negotiated {
    Negotiated {
        codec: Codec::G711(law),
        send_payload_type: if law == Law::Mu { 0 } else { 8 },
        receive_payload_type: if law == Law::Mu { 0 } else { 8 },
        telephone_event: Some((101, 101)),
        comfort_noise: None,
        ptime_ms: 20,
        remote: Some(remote),
        remote_rtcp: None,
        rtcp_mux: false,
        voip_metrics: false,
        direction: Direction::SendRecv,
        crypto: None,
    }
}

/// The same keys as the other side has them.
fn reversed(crypto: Crypto) -> Crypto {
    Crypto {
        suite: crypto.suite,
        send_key: crypto.receive_key,
        receive_key: crypto.send_key,
    }
}

/// A far end on loopback and the box's side of its call.
struct Line {
    socket: UdpSocket,
    peer: SocketAddr,
    events: mpsc::Receiver<MediaEvent>,
    sequence: u16,
    srtp: Option<Srtp>,
}

impl Line {
    async fn call(
        media: &MediaHandle,
        pool: &PortPool,
        id: u64,
        law: Law,
        mode: Mode,
        change: impl FnOnce(&mut session::Settings),
    ) -> Self {
        Self::call_with(media, pool, id, law, mode, None, change).await
    }

    /// The same with keys of the box's side; the far end has them the other way round.
    async fn call_with(
        media: &MediaHandle,
        pool: &PortPool,
        id: u64,
        law: Law,
        mode: Mode,
        crypto: Option<Crypto>,
        change: impl FnOnce(&mut session::Settings),
    ) -> Self {
        let far = crypto.clone().map(reversed);
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let ports = pool.allocate(clock::now()).unwrap();
        let peer = ports.rtp.local_addr().unwrap();
        let (sender, events) = mpsc::channel(EVENTS);
        let negotiated = negotiated(law, socket.local_addr().unwrap());
        let mut session = session::Settings::new(
            Stream::from(&negotiated),
            "box@127.0.0.1".to_owned(),
            clock::wallclock(),
            clock::seed(),
        );
        change(&mut session);
        media
            .add(CallMedia {
                id,
                ports,
                session,
                crypto,
                mode,
                tap: None,
                events: sender,
            })
            .unwrap();
        Self {
            socket,
            peer,
            events,
            sequence: 0,
            srtp: far.map(|far| Srtp::new(&far).unwrap()),
        }
    }

    async fn send(&mut self, payload: &[u8], payload_type: u8, timestamp: u32, marker: bool) {
        let packet = Packet {
            payload_type,
            marker,
            sequence: self.sequence,
            timestamp,
            ssrc: 5,
            payload,
        };
        self.sequence = self.sequence.wrapping_add(1);
        let mut buffer = [0; 1500];
        let length = packet.write(&mut buffer).unwrap();
        let length = match &mut self.srtp {
            Some(srtp) => srtp.protect_rtp(&mut buffer, length).unwrap(),
            None => length,
        };
        self.socket
            .send_to(&buffer[..length], self.peer)
            .await
            .unwrap();
    }

    /// The next packet: when it came, its payload type, marker, sequence, timestamp, payload.
    async fn receive(&mut self) -> (Instant, u8, bool, u16, u32, Vec<u8>) {
        let mut buffer = [0; 1500];
        // The port may have been another test's, whose box has not noticed yet.
        let length = loop {
            let received = timeout(PATIENCE, self.socket.recv_from(&mut buffer)).await;
            let (length, from) = received.expect("a packet comes").unwrap();
            if from == self.peer {
                break length;
            }
        };
        let length = match &mut self.srtp {
            Some(srtp) => srtp.unprotect_rtp(&mut buffer, length).unwrap(),
            None => length,
        };
        let packet = Packet::parse(&buffer[..length]).unwrap();
        (
            clock::now(),
            packet.payload_type,
            packet.marker,
            packet.sequence,
            packet.timestamp,
            packet.payload.to_vec(),
        )
    }

    async fn event(&mut self) -> MediaEvent {
        timeout(PATIENCE, self.events.recv())
            .await
            .expect("an event comes")
            .expect("the stream lives")
    }
}

fn speech(number: u32) -> [u8; FRAME_SAMPLES] {
    std::array::from_fn(|at| (number.wrapping_mul(37).wrapping_add(at as u32 * 11) % 251) as u8)
}

#[tokio::test]
async fn an_echo_returns_every_sample_in_order() {
    let (media, pool) = (start(), pool());
    let mut line = Line::call(&media, &pool, 1, Law::Mu, Mode::Echo, |_| {}).await;
    let mut returned = Vec::new();
    let mut said = Vec::new();
    for burst in 0..8u32 {
        for number in burst * 30..(burst + 1) * 30 {
            said.extend(speech(number));
            line.send(&speech(number), 0, number * 160, number == 0)
                .await;
            if number % 10 == 5 {
                line.send(&[5, 0, 0, 160], 101, number * 160, true).await;
            }
        }
        while returned.len() < said.len() {
            let (_, payload_type, _, _, _, payload) = line.receive().await;
            assert_eq!(payload_type, 0);
            returned.extend(payload);
        }
    }
    assert!(returned == said, "what came back is not what was sent");
    let local = line.socket.local_addr().unwrap();
    assert_eq!(line.event().await, MediaEvent::FirstPacket(local));
    assert_eq!(line.event().await, MediaEvent::Digit('5'));
    media.remove(1).unwrap();
    let summary = loop {
        match line.event().await {
            MediaEvent::Stopped(summary) => break summary,
            event => assert_eq!(event, MediaEvent::Digit('5')),
        }
    };
    assert_eq!(summary.session.packets_received, 264);
    assert_eq!(summary.session.packets_sent, 240);
    assert_eq!(summary.session.lost, 0);
    assert_eq!(pool.usage(clock::now()).resting, 1, "the ports rest");
}

#[tokio::test]
async fn the_tone_is_a_milliwatt_in_both_laws() {
    let (media, pool) = (start(), pool());
    for (id, law) in [(1, Law::Mu), (2, Law::A)] {
        let mut line = Line::call(&media, &pool, id, law, Mode::Tone, |_| {}).await;
        let mut audio = Vec::new();
        let mut before: Option<(u16, u32)> = None;
        for number in 0..25 {
            let (_, payload_type, marker, sequence, timestamp, payload) = line.receive().await;
            assert_eq!(payload_type, if law == Law::Mu { 0 } else { 8 });
            assert_eq!(marker, number == 0);
            if let Some((last_sequence, last_timestamp)) = before {
                assert_eq!(sequence, last_sequence.wrapping_add(1));
                assert_eq!(timestamp, last_timestamp.wrapping_add(160));
            }
            before = Some((sequence, timestamp));
            audio.extend(payload);
        }
        let level = level::dbm0(law, &audio);
        assert!(level.abs() < 0.1, "{law:?} {level}");
    }
}

#[tokio::test]
async fn the_first_packet_goes_out_within_a_frame_and_the_rest_at_pace() {
    let (media, pool) = (start(), pool());
    let begun = clock::now();
    let mut line = Line::call(&media, &pool, 1, Law::Mu, Mode::Tone, |_| {}).await;
    let (first, ..) = line.receive().await;
    for _ in 0..49 {
        line.receive().await;
    }
    let (last, ..) = line.receive().await;
    let all = last.duration_since(first);
    // generous, since the machine that tests may be busy; the bench measures
    assert!(first.duration_since(begun) < Duration::from_millis(500));
    assert!(
        (Duration::from_millis(800)..Duration::from_millis(1_500)).contains(&all),
        "{all:?}"
    );
}

fn utterance(number: u32, frames: u32, complete: bool) -> impl Iterator<Item = AgentFrame> {
    (0..frames).map(move |frame| AgentFrame {
        epoch: 0,
        utterance: UtteranceId(number),
        last: complete && frame + 1 == frames,
        audio: Frame::new(&speech(number * 100 + frame)),
    })
}

async fn bridge(
    media: &MediaHandle,
    pool: &PortPool,
) -> (
    Line,
    rings::CallerReader,
    rings::AgentWriter,
    rings::Playout,
) {
    let (caller, reader) = rings::caller_ring();
    let (writer, agent, playout) = rings::agent_ring();
    let mode = Mode::Bridge { caller, agent };
    let line = Line::call(media, pool, 1, Law::Mu, mode, |_| {}).await;
    (line, reader, writer, playout)
}

#[tokio::test]
async fn a_bridge_speaks_and_tells_of_utterances() {
    let (media, pool) = (start(), pool());
    let (mut line, _reader, mut writer, playout) = bridge(&media, &pool).await;
    for frame in utterance(1, 5, true).chain(utterance(2, 3, false)) {
        assert!(writer.push(frame));
    }
    let mut spoken = Vec::new();
    while spoken.len() < 8 {
        let (_, _, marker, _, _, payload) = line.receive().await;
        if payload != [0xFF; 160] {
            assert!(marker || !spoken.is_empty(), "the talkspurt begins");
            spoken.push(payload);
        }
    }
    let expected = (100..105)
        .chain(200..203)
        .map(|number| speech(number).to_vec());
    assert!(spoken.into_iter().eq(expected));
    for expected in [
        MediaEvent::Playing(UtteranceId(1)),
        MediaEvent::Played(UtteranceId(1)),
        MediaEvent::Playing(UtteranceId(2)),
        MediaEvent::Underrun(UtteranceId(2)),
    ] {
        assert_eq!(line.event().await, expected);
    }
    assert_eq!(playout.stop(), Some((UtteranceId(2), 3)));
    media.remove(1).unwrap();
    let MediaEvent::Stopped(summary) = line.event().await else {
        panic!("the stop is told");
    };
    assert_eq!(summary.underruns, 1);
    assert!(summary.dry_frames >= 1);
    assert!(!summary.failed);
    assert!(
        !writer.room().await,
        "the writer learns that the stream is gone"
    );
}

#[tokio::test]
async fn a_stopped_utterance_is_no_underrun() {
    let (media, pool) = (start(), pool());
    let (mut line, _reader, mut writer, playout) = bridge(&media, &pool).await;
    for frame in utterance(1, 40, false) {
        assert!(writer.push(frame));
    }
    assert_eq!(line.event().await, MediaEvent::Playing(UtteranceId(1)));
    let (_, played) = playout.stop().unwrap();
    assert!(played < 40);
    assert!(timeout(PATIENCE, writer.room()).await.unwrap());
    let next = AgentFrame {
        epoch: writer.epoch(),
        ..utterance(2, 1, true).next().unwrap()
    };
    assert!(writer.push(next));
    assert_eq!(line.event().await, MediaEvent::Playing(UtteranceId(2)));
    assert_eq!(line.event().await, MediaEvent::Played(UtteranceId(2)));
    assert_eq!(media.counters().underruns, 0);
}

#[tokio::test]
async fn a_bare_end_is_told_like_any_other() {
    let (media, pool) = (start(), pool());
    let (mut line, _reader, mut writer, _playout) = bridge(&media, &pool).await;
    let end = |number| AgentFrame {
        epoch: 0,
        utterance: UtteranceId(number),
        last: true,
        audio: Frame::new(&[]),
    };
    for frame in utterance(1, 2, false).chain([end(1), end(2)]) {
        assert!(writer.push(frame));
    }
    for number in 1..3 {
        assert_eq!(line.event().await, MediaEvent::Playing(UtteranceId(number)));
        assert_eq!(line.event().await, MediaEvent::Played(UtteranceId(number)));
    }
    assert_eq!(media.counters().underruns, 0);
}

#[tokio::test]
async fn a_bridge_hears() {
    let (media, pool) = (start(), pool());
    let (mut line, mut reader, _writer, _playout) = bridge(&media, &pool).await;
    for number in 0..20 {
        line.send(&speech(number), 0, number * 160, number == 0)
            .await;
    }
    let said: Vec<u8> = (0..20).flat_map(speech).collect();
    let mut audio = Vec::new();
    let found = timeout(PATIENCE, async {
        while !audio.windows(said.len()).any(|window| window == said) {
            assert!(reader.read(5, &mut audio).await);
        }
    });
    found.await.expect("the caller is heard whole");
}

#[tokio::test]
async fn a_silent_caller_times_out_and_a_hold_does_not() {
    let (media, pool) = (start(), pool());
    let hurry = |settings: &mut session::Settings| {
        settings.media_timeout = MediaTimeout {
            initial: Duration::from_millis(200),
            running: Duration::from_millis(100),
        };
    };
    let mut line = Line::call(&media, &pool, 1, Law::Mu, Mode::Tone, hurry).await;
    assert_eq!(line.event().await, MediaEvent::MediaTimeout);
    line.send(&speech(0), 0, 0, true).await;
    assert!(matches!(line.event().await, MediaEvent::FirstPacket(_)));
    assert_eq!(
        line.event().await,
        MediaEvent::MediaTimeout,
        "again after the silence was broken"
    );

    let held = Negotiated {
        direction: Direction::Inactive,
        ..negotiated(Law::Mu, line.socket.local_addr().unwrap())
    };
    media.update(1, &held).unwrap();
    line.send(&speech(1), 0, 160, true).await;
    let nothing = timeout(Duration::from_millis(400), line.events.recv()).await;
    assert!(nothing.is_err(), "{nothing:?}");
    let mut buffer = [0; 1500];
    while timeout(
        Duration::from_millis(100),
        line.socket.recv_from(&mut buffer),
    )
    .await
    .is_ok()
    {}
    let silent = timeout(
        Duration::from_millis(200),
        line.socket.recv_from(&mut buffer),
    )
    .await;
    assert!(silent.is_err(), "nothing is sent on hold");
}

#[tokio::test]
async fn an_abandoned_call_is_removed() {
    let (media, pool) = (start(), pool());
    let mut line = Line::call(&media, &pool, 1, Law::Mu, Mode::Tone, |_| {}).await;
    line.receive().await;
    assert_eq!(media.calls(), 1);
    let Line { socket, events, .. } = line;
    drop(events);
    timeout(PATIENCE, async {
        while pool.usage(clock::now()).in_use > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("its ports come back");
    assert_eq!(media.calls(), 0);
    drop(socket);
}

#[tokio::test]
async fn late_packets_of_an_old_call_do_not_reach_a_new_one() {
    let (media, pool) = (start(), pool());
    let mut old = Line::call(&media, &pool, 1, Law::Mu, Mode::Echo, |_| {}).await;
    old.send(&speech(0), 0, 0, true).await;
    old.receive().await;
    media.remove(1).unwrap();
    while !matches!(old.event().await, MediaEvent::Stopped(_)) {}
    let new = Line::call(&media, &pool, 2, Law::Mu, Mode::Echo, |_| {}).await;
    assert_ne!(new.peer, old.peer);
    let late = old.socket.send_to(&[0x80; 172], old.peer).await;
    assert!(late.is_ok());
    let mut buffer = [0; 1500];
    let nothing = timeout(
        Duration::from_millis(100),
        new.socket.recv_from(&mut buffer),
    )
    .await;
    assert!(nothing.is_err());
}

#[tokio::test]
async fn fifty_calls_at_once_and_the_end_of_all() {
    let (media, pool) = (start(), pool());
    let mut lines = Vec::new();
    for id in 0..50 {
        lines.push(Line::call(&media, &pool, id, Law::A, Mode::Tone, |_| {}).await);
    }
    for line in &mut lines {
        for _ in 0..5 {
            line.receive().await;
        }
    }
    assert_eq!(media.calls(), 50);
    // Counters are read one after the other while packets go out: they agree between two packets.
    timeout(PATIENCE, async {
        loop {
            let counters = media.counters();
            let timed: u64 = counters.departure.counts.iter().sum();
            if counters.packets_out >= 250 && timed == counters.packets_out {
                break;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("each packet's departure is measured");
    drop(media);
    for line in &mut lines {
        assert!(matches!(line.event().await, MediaEvent::Stopped(_)));
    }
    assert_eq!(pool.usage(clock::now()).in_use, 0);
}

#[tokio::test]
async fn too_many_commands_are_refused_and_too_many_calls_stopped() {
    let (media, pool) = (start(), pool());
    let mut lines = Vec::new();
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, most, most).unwrap(); // three sockets for each call
    for id in 0..=CALLS as u64 {
        // two of them would fill the queue while the thread is still starting
        timeout(PATIENCE, async {
            while media.calls() + 100 < id {
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap();
        lines.push(Line::call(&media, &pool, id, Law::Mu, Mode::Echo, |_| {}).await);
    }
    let last = lines.last_mut().unwrap();
    assert!(matches!(last.event().await, MediaEvent::Stopped(_)));
    assert_eq!(media.counters().calls_refused, 1);
    let refused = (0..100 * COMMANDS as u64)
        .filter(|id| media.remove(1_000_000 + id).is_err())
        .count();
    assert_eq!(media.counters().queue_full, refused as u64);
    assert!(refused > 0, "the queue has an end");
}

#[test]
fn what_the_system_grants_is_reported() {
    let quiet = start();
    assert_eq!(quiet.realtime().scheduling, Outcome::NotAsked);
    drop(quiet);
    let media = MediaThread::start(Settings {
        threads: 2,
        realtime: true,
        cpus: vec![0],
    })
    .unwrap();
    let report = media.realtime();
    assert_eq!((report.threads, &report.affinity), (2, &Outcome::Granted));
    assert_ne!(report.scheduling, Outcome::NotAsked);
    assert_ne!(report.memory, Outcome::NotAsked);
    if let Outcome::Refused(reason) = &report.scheduling {
        assert!(reason.contains("LimitRTPRIO"), "{reason}");
    }
}

#[tokio::test]
async fn a_wish_that_is_refused_harms_nothing() {
    let media = MediaThread::start(Settings {
        cpus: vec![1_000],
        ..Settings::default()
    })
    .unwrap();
    let refused = |outcome: &Outcome| matches!(outcome, Outcome::Refused(why) if why.contains("processor 1000"));
    assert!(refused(&media.realtime().affinity));
    let mut line = Line::call(&media, &pool(), 1, Law::Mu, Mode::Tone, |_| {}).await;
    line.receive().await;
}
