use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::sync::mpsc::sync_channel;

use super::*;
use crate::audio::{Codec, Law};
use crate::io::media_socket::{self, PortPool};
use crate::io::media_thread::roster::SHARE;
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
        comfort_noise: None,
        ptime_ms: 20,
        remote: Some(far.local_addr().unwrap()),
        remote_rtcp: None,
        control: Default::default(),
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
        tap: None,
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
    let mut engine = Engine::new(queue, retired, Arc::default(), 0).unwrap();
    engine.obey(Command::Add(call));
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
fn who_is_less_than_a_frame_late_makes_up_for_it() {
    let (mut engine, far) = engine();
    let phases = PHASES as u64;
    for periods in [
        phases,
        phases,
        3,
        phases - 3,
        1,
        phases - 1,
        phases / 2,
        phases / 2,
    ] {
        engine.wake(periods); // as if the timer had run so often since the last wake
    }
    let seen = timestamps(&far);
    assert_eq!(seen.len(), 5);
    for pair in seen.windows(2) {
        assert_eq!(pair[1], pair[0].wrapping_add(160));
    }
    let counters = engine.counters.snapshot();
    assert_eq!((counters.skipped_ticks, counters.skipped_frames), (0, 0));
    assert_eq!(counters.late_ticks, 5 * phases - 8);
}

#[test]
fn a_longer_stall_makes_no_burst_and_the_clock_goes_on() {
    for frames in [2, 5, 1_000] {
        let (mut engine, far) = engine();
        engine.wake(PHASES as u64);
        engine.wake(frames * PHASES as u64);
        engine.wake(PHASES as u64);
        let seen = timestamps(&far);
        assert_eq!(seen.len(), 3, "one frame for each wake");
        let stall = u32::try_from(frames).unwrap();
        assert_eq!(seen[1], seen[0].wrapping_add(stall * 160));
        assert_eq!(seen[2], seen[1].wrapping_add(160));
        let counters = engine.counters.snapshot();
        assert_eq!(counters.skipped_frames, frames - 1);
        assert_eq!(counters.skipped_ticks, (frames - 1) * PHASES as u64);
    }
}

#[test]
fn a_phase_is_filled_before_another_is_opened() {
    let (mut engine, _far) = engine();
    for id in 2..=2 * SHARE as u64 + 1 {
        engine.obey(Command::Add(call(id).0));
    }
    let mut load = engine.roster.load();
    load.sort_unstable();
    let [empty @ .., one, two, three] = load;
    assert_eq!((empty, one), ([0; PHASES - 3], 1));
    assert_eq!((two, three), (SHARE, SHARE));
    // Who comes later takes the place of who left.
    engine.obey(Command::Remove(3));
    engine.obey(Command::Remove(SHARE as u64 + 3));
    for id in 100..102 {
        engine.obey(Command::Add(call(id).0));
    }
    let open = engine.roster.load().into_iter().filter(|load| *load > 0);
    assert_eq!(open.count(), 3);
    for id in [1, 2, 100, 101] {
        let place = engine.roster.find(id).unwrap();
        assert_eq!(engine.roster.at(place).unwrap().id(), id);
    }
}

#[test]
fn when_all_phases_are_full_they_are_loaded_alike() {
    let (mut engine, _far) = engine();
    let full = (SHARE * PHASES) as u64;
    for id in 2..full + 8 {
        engine.obey(Command::Add(call(id).0));
    }
    let load = engine.roster.load();
    assert_eq!(load.iter().sum::<usize>(), engine.roster.len());
    let (most, least) = (load.iter().max().unwrap(), load.iter().min().unwrap());
    assert_eq!((*most, *least), (SHARE + 1, SHARE));
}

#[test]
fn a_call_begins_in_the_phase_that_comes_next() {
    let (mut engine, far) = engine();
    engine.wake(1);
    assert_eq!(timestamps(&far).len(), 1, "the first wake is its turn");
}

#[test]
fn it_sleeps_over_phases_in_which_nobody_is_due() {
    let (mut engine, far) = engine();
    engine.wake(1);
    for _ in 0..3 * PHASES {
        engine.sleep();
        let ended = engine.pacer.ended();
        engine.wake(ended);
    }
    let counters = engine.counters.snapshot();
    let seen = timestamps(&far).len() as u64;
    assert!((8..).contains(&seen), "{seen} of {counters:?}");
}
