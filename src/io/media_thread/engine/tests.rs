use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::sync::mpsc::sync_channel;

use super::*;
use crate::audio::{Codec, Law};
use crate::io::media_socket::{self, PortPool};
use crate::io::media_thread::{CallMedia, EVENTS, Mode};
use crate::rtp::packet::Packet;
use crate::rtp::session::{self, Stream};

fn call(id: u64) -> (Box<Call>, UdpSocket) {
    let far = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    far.set_nonblocking(true).unwrap();
    let settings = media_socket::Settings {
        first_port: 10_000,
        last_port: 29_999,
        ..media_socket::Settings::new(IpAddr::V4(Ipv4Addr::LOCALHOST))
    };
    let pool = PortPool::new(settings, clock::seed()[0]);
    let stream = Stream {
        codec: Codec::G711(Law::Mu),
        send_payload_type: 0,
        receive_payload_type: 0,
        telephone_event: None,
        ptime_ms: 20,
        remote: Some(far.local_addr().unwrap()),
        remote_rtcp: None,
        sends: true,
        receives: true,
    };
    let cname = "box@127.0.0.1".to_owned();
    let (events, receiver) = tokio::sync::mpsc::channel(EVENTS);
    let call = Call::from(CallMedia {
        id,
        ports: pool.allocate(clock::now()).unwrap(),
        session: session::Settings::new(stream, cname, clock::wallclock(), clock::seed()),
        crypto: None,
        mode: Mode::Tone,
        events,
    });
    std::mem::forget(receiver); // the call's task lives
    (Box::new(call), far)
}

/// An engine without its thread, carrying one tone to a far end.
fn engine() -> (Engine, UdpSocket) {
    let (call, far) = call(1);
    let (_commands, queue) = sync_channel(1);
    let (retired, _) = sync_channel(1);
    let mut engine = Engine::new(queue, retired, Arc::default()).unwrap();
    engine.obey(Command::Add(call));
    engine.pacer.start().unwrap();
    (engine, far)
}

/// The timestamps of what has come.
fn timestamps(far: &UdpSocket) -> Vec<u32> {
    let mut buffer = [0; 1500];
    let mut seen = Vec::new();
    while let Ok(length) = far.recv(&mut buffer) {
        seen.push(Packet::parse(&buffer[..length]).unwrap().timestamp);
    }
    seen
}

#[test]
fn a_stall_is_made_up_for_without_a_gap() {
    let (mut engine, far) = engine();
    for periods in [4, 4, 14, 1, 1, 24, 8] {
        engine.wake(periods); // as if the timer had run so often since the last wake
    }
    let seen = timestamps(&far);
    assert_eq!(seen.len(), 56 / PHASES);
    for pair in seen.windows(2) {
        assert_eq!(pair[1], pair[0].wrapping_add(160));
    }
    let counters = engine.counters.snapshot();
    assert_eq!((counters.late_ticks, counters.skipped_ticks), (49, 0));
}

#[test]
fn a_long_stall_is_left_out_and_the_clock_goes_on() {
    let (mut engine, far) = engine();
    engine.wake(4);
    engine.wake(4_000); // twenty seconds
    let seen = timestamps(&far);
    assert_eq!(seen.len(), 1 + CATCH_UP as usize / PHASES);
    assert_eq!(seen[10], seen[0].wrapping_add(1_000 * 160));
    assert_eq!(seen[10], seen[1].wrapping_add(9 * 160));
    assert_eq!(engine.counters.snapshot().skipped_ticks, 4_000 - CATCH_UP);
}

#[test]
fn the_phases_are_loaded_alike() {
    let (mut engine, _far) = engine();
    for id in 2..50 {
        engine.obey(Command::Add(call(id).0));
    }
    assert_eq!(engine.load.iter().sum::<usize>(), 49);
    assert!(
        engine.load.iter().all(|load| (12..=13).contains(load)),
        "{:?}",
        engine.load
    );
    assert!(!engine.is_idle());
}
