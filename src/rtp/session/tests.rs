use core::net::{IpAddr, Ipv4Addr};
use std::time::SystemTime;

use proptest::prelude::*;

use super::*;
use crate::io::clock;
use crate::rtp::packet::MAX_PACKET;

mod codecs;
mod control;
mod echo;
mod silence;

use echo::echo_settings;

const TICK: Duration = Duration::from_millis(20);

fn address(host: u8, port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, host)), port)
}

/// Where signalling says the far end is.
fn far() -> SocketAddr {
    address(1, 4000)
}

fn stream() -> Stream {
    Stream {
        codec: Codec::G711(Law::Mu),
        send_payload_type: 0,
        receive_payload_type: 0,
        telephone_event: Some((101, 96)),
        comfort_noise: None,
        ptime_ms: 20,
        remote: Some(far()),
        remote_rtcp: Some(address(1, 4001)),
        control: Control::default(),
        sends: true,
        receives: true,
    }
}

fn settings() -> Settings {
    Settings {
        audio_law: Law::Mu,
        delivery: Delivery::Paced,
        media_timeout: MediaTimeout {
            initial: Duration::from_secs(10),
            running: Duration::from_secs(5),
        },
        ssrc: 0x0B0C,
        first_sequence: 65_535,
        first_timestamp: u32::MAX - 100,
        ..Settings::new(
            stream(),
            "box@192.0.2.9".to_owned(),
            SystemTime::UNIX_EPOCH,
            [3, 4],
        )
    }
}

/// A session and its virtual time.
struct World {
    session: Session,
    now: Instant,
}

impl World {
    fn new(settings: Settings) -> Self {
        let now = clock::now();
        Self {
            session: Session::new(settings, now),
            now,
        }
    }

    /// One tick; gives the RTP packets sent in it, RTCP left out.
    fn tick(&mut self, outgoing: Outgoing<'_>) -> Vec<(SocketAddr, Sent)> {
        self.now += TICK;
        self.session.tick(outgoing, self.now);
        let mut sent = Vec::new();
        let mut buffer = [0; MAX_PACKET];
        while let Some(transmit) = self.session.poll_transmit(&mut buffer, self.now) {
            if transmit.channel == Channel::Rtp {
                let packet = Packet::parse(&buffer[..transmit.len]).unwrap();
                sent.push((transmit.to, Sent::from(packet)));
            }
        }
        sent
    }

    fn frame(&mut self) -> Option<(Received, Vec<u8>)> {
        let mut buffer = [0; MAX_PACKET];
        let received = self.session.poll_frame(&mut buffer, self.now)?;
        Some((received, buffer[..received.len].to_vec()))
    }

    fn receive(&mut self, packet: &Sent, from: SocketAddr) {
        let mut buffer = [0; MAX_PACKET];
        let length = packet.write(&mut buffer);
        self.session.handle_rtp(&buffer[..length], from, self.now);
    }

    fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.session.poll_event()).collect()
    }
}

/// A packet that owns its payload.
#[derive(Clone, Debug, PartialEq)]
struct Sent {
    payload_type: u8,
    marker: bool,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
    payload: Vec<u8>,
}

impl From<Packet<'_>> for Sent {
    fn from(packet: Packet<'_>) -> Self {
        Self {
            payload_type: packet.payload_type,
            marker: packet.marker,
            sequence: packet.sequence,
            timestamp: packet.timestamp,
            ssrc: packet.ssrc,
            payload: packet.payload.to_vec(),
        }
    }
}

impl Sent {
    fn write(&self, buffer: &mut [u8]) -> usize {
        let packet = Packet {
            payload_type: self.payload_type,
            marker: self.marker,
            sequence: self.sequence,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
            payload: &self.payload,
        };
        packet.write(buffer).unwrap()
    }
}

/// Packet `number` of a far end that sends 20 ms packets.
fn audio(number: u32) -> Sent {
    Sent {
        payload_type: 0,
        marker: number == 0,
        sequence: (number as u16).wrapping_add(65_500),
        timestamp: number.wrapping_mul(160).wrapping_add(u32::MAX - 5_000),
        ssrc: 77,
        payload: vec![(number % 120) as u8; 160],
    }
}

#[test]
fn silence_goes_out_at_pace_and_speech_begins_with_a_marker() {
    let mut world = World::new(settings());
    let mut sent = Vec::new();
    for tick in 0..10 {
        let speech = [0x12; 160];
        let outgoing = if (4..7).contains(&tick) {
            Outgoing::Audio(&speech)
        } else {
            Outgoing::Comfort
        };
        sent.extend(world.tick(outgoing));
    }
    assert_eq!(sent.len(), 10);
    for (number, (to, packet)) in sent.iter().enumerate() {
        assert_eq!(*to, far());
        assert_eq!(packet.ssrc, 0x0B0C);
        assert_eq!(packet.sequence, 65_535u16.wrapping_add(number as u16));
        let timestamp = (u32::MAX - 100).wrapping_add(number as u32 * 160);
        assert_eq!(packet.timestamp, timestamp);
        assert_eq!(packet.marker, number == 0 || number == 4, "{number}");
        let code = if (4..7).contains(&number) { 0x12 } else { 0xFF };
        assert_eq!(packet.payload, [code; 160]);
    }
}

#[test]
fn a_short_frame_ends_in_silence() {
    let mut world = World::new(settings());
    let sent = world.tick(Outgoing::Audio(&[1, 2, 3]));
    let payload = &sent[0].1.payload;
    assert_eq!(payload[..4], [1, 2, 3, 0xFF]);
    assert_eq!(payload.len(), 160);
}

#[test]
fn other_packet_times_carry_the_same_samples() {
    for (ptime_ms, samples) in [
        (10, 80),
        (20, 160),
        (30, 240),
        (40, 320),
        (60, 480),
        (0, 80),
    ] {
        let mut world = World::new(Settings {
            stream: Stream {
                ptime_ms,
                ..stream()
            },
            ..settings()
        });
        let mut heard = Vec::new();
        let mut next = None;
        for tick in 0..60u8 {
            for (_, packet) in world.tick(Outgoing::Audio(&[tick; 160])) {
                assert_eq!(packet.payload.len(), samples);
                assert_eq!(packet.timestamp, next.unwrap_or(packet.timestamp));
                next = Some(packet.timestamp.wrapping_add(samples as u32));
                heard.extend(packet.payload);
            }
        }
        let said: Vec<u8> = (0..60u8).flat_map(|tick| [tick; 160]).collect();
        assert!(heard.len() + samples > said.len());
        assert_eq!(heard, said[..heard.len()], "{ptime_ms}");
    }
}

#[test]
fn the_signalled_address_locks_and_nobody_else_gets_in() {
    let mut world = World::new(settings());
    world.receive(&audio(0), far());
    assert_eq!(world.events(), [Event::FirstPacket(far())]);
    let thief = address(66, 4000);
    for number in 1..50 {
        world.receive(&audio(number), thief);
        world.receive(&audio(number), address(1, 4444));
        assert_eq!(world.session.destination(), Some(far()));
    }
    let statistics = world.session.statistics();
    assert_eq!((statistics.packets_received, statistics.strays), (1, 98));
    assert_eq!(statistics.stray_from, Some(address(1, 4444)));
    assert_eq!(statistics.source, Some(far()));
}

#[test]
fn behind_a_nat_the_first_plausible_source_is_followed() {
    let mut world = World::new(settings());
    let nat = address(9, 55_555);
    let mut strange = audio(0);
    strange.payload_type = 18;
    world.receive(&strange, address(66, 1));
    assert_eq!(world.session.destination(), Some(far()), "implausible");
    world.receive(&audio(0), nat);
    assert_eq!(world.session.destination(), Some(nat));
    world.receive(&audio(1), address(66, 1));
    assert_eq!(
        world.session.destination(),
        Some(nat),
        "no better than the first"
    );
    let sent = world.tick(Outgoing::Comfort);
    assert_eq!(sent[0].0, nat);
}

#[test]
fn within_the_guard_a_better_source_takes_over_and_later_none() {
    let mut world = World::new(settings());
    let thief = address(66, 1);
    world.receive(&audio(0), thief);
    world.now += Duration::from_millis(500);
    world.receive(&audio(500), address(1, 4444));
    assert_eq!(world.session.destination(), Some(address(1, 4444)));
    world.now += Duration::from_millis(500);
    world.receive(&audio(1_000), far());
    assert_eq!(world.session.destination(), Some(far()));
    world.receive(&audio(1_001), thief);
    assert_eq!(world.session.destination(), Some(far()));

    let mut world = World::new(settings());
    let nat = address(9, 1);
    for number in 0..150 {
        world.receive(&audio(number), nat);
        world.now += TICK;
    }
    world.receive(&audio(0), far());
    assert_eq!(world.session.destination(), Some(nat), "settled");
}

#[test]
fn a_new_address_is_used_at_once_and_the_old_one_is_not_followed_back() {
    let mut world = World::new(settings());
    world.receive(&audio(0), far());
    let moved = address(2, 6000);
    let update = Stream {
        remote: Some(moved),
        ..stream()
    };
    world.session.update(update.clone(), world.now);
    assert_eq!(world.session.destination(), Some(moved));
    for number in 1..20 {
        world.receive(&audio(number), far());
        assert_eq!(world.session.destination(), Some(moved), "stragglers");
    }
    world.receive(&audio(20), moved);
    world.receive(&audio(21), far());
    assert_eq!(world.session.destination(), Some(moved));
    world.session.update(update, world.now);
    world.receive(&audio(22), far());
    assert_eq!(
        world.session.destination(),
        Some(moved),
        "an unchanged address changes nothing"
    );
}

#[test]
fn hold_stops_the_packets_and_resuming_keeps_the_time() {
    for held in [
        Stream {
            remote: None,
            ..stream()
        },
        Stream {
            sends: false,
            ..stream()
        },
    ] {
        let mut world = World::new(settings());
        let nat = address(9, 1);
        world.receive(&audio(0), nat);
        let first = world.tick(Outgoing::Comfort).remove(0).1;
        world.session.update(held, world.now);
        assert!(!world.session.is_sending());
        for _ in 0..500 {
            assert_eq!(world.tick(Outgoing::Comfort), []);
        }
        assert!(
            !world.events().contains(&Event::MediaTimeout),
            "hold is no death"
        );
        world.session.update(stream(), world.now);
        assert_eq!(
            world.session.destination(),
            Some(nat),
            "still the same far end"
        );
        let next = world.tick(Outgoing::Comfort).remove(0).1;
        assert!(next.marker);
        assert_eq!(next.sequence, first.sequence.wrapping_add(1));
        assert_eq!(next.timestamp, first.timestamp.wrapping_add(501 * 160));
    }
}

#[test]
fn each_tick_gives_one_frame_and_a_loss_is_concealed() {
    let mut world = World::new(settings());
    assert_eq!(world.frame(), None, "no tick yet");
    let mut heard = Vec::new();
    for number in 0..100 {
        if number != 50 {
            world.receive(&audio(number), far());
        }
        world.tick(Outgoing::Comfort);
        let (received, frame) = world.frame().unwrap();
        assert_eq!(received.len, 160);
        assert_eq!(received.position, u64::from(number) * 160);
        heard.push((received.played, frame[159]));
        assert_eq!(world.frame(), None, "one a tick");
    }
    let codes = |range: std::ops::Range<usize>| -> Vec<u8> {
        heard[range].iter().map(|(_, code)| *code).collect()
    };
    assert_eq!(codes(0..50), (0..50).collect::<Vec<u8>>());
    assert_eq!(heard[50].0, Played::Concealed);
    assert_eq!(codes(51..100), (51..100).collect::<Vec<u8>>());
    let statistics = world.session.statistics();
    assert_eq!((statistics.lost, statistics.playout.concealed), (1, 1));
    let quality = statistics.received_as.unwrap();
    assert!((3.9..4.4).contains(&quality.mos), "{quality:?}");
    assert_eq!(statistics.pattern.loss, 0.01);
    assert_eq!(statistics.sent_as, None, "nothing was reported");
}

#[test]
fn comfort_noise_and_events_are_no_loss() {
    let mut world = World::new(settings());
    for number in 0..30u32 {
        let mut packet = audio(number);
        if number % 3 == 1 {
            packet.payload_type = 13;
            packet.payload = vec![40];
        }
        world.receive(&packet, far());
    }
    let statistics = world.session.statistics();
    assert_eq!((statistics.lost, statistics.packets_received), (0, 30));
}

/// Runs two sessions against each other for some ticks.
fn talk(one: &mut World, two: &mut World, ticks: usize) {
    for _ in 0..ticks {
        for (_, packet) in one.tick(Outgoing::Comfort) {
            two.receive(&packet, far());
        }
        for (_, packet) in two.tick(Outgoing::Comfort) {
            one.receive(&packet, far());
        }
    }
}

#[test]
fn keys_travel() {
    let mut one = World::new(settings());
    let mut two = World::new(Settings {
        ssrc: 2,
        stream: Stream {
            telephone_event: Some((96, 101)),
            ..stream()
        },
        ..settings()
    });
    for key in "42#".chars() {
        assert!(one.session.press(key));
    }
    assert!(two.session.press('*'));
    assert!(one.session.is_pressing());
    talk(&mut one, &mut two, 60);
    assert!(!one.session.is_pressing());
    let digits = |events: Vec<Event>| -> String {
        events
            .into_iter()
            .filter_map(|event| match event {
                Event::Digit(key) => Some(key),
                _ => None,
            })
            .collect()
    };
    assert_eq!(digits(two.events()), "42#");
    assert_eq!(digits(one.events()), "*");
    assert_eq!(two.session.statistics().digits, 3);
    assert_eq!(two.session.statistics().lost, 0);
    one.session.update(
        Stream {
            telephone_event: None,
            ..stream()
        },
        one.now,
    );
    assert!(!one.session.press('1'), "the far end takes no events");
}

#[test]
fn silence_of_the_far_end_is_told_once() {
    let mut world = World::new(settings());
    let mut told = Vec::new();
    let mut run = |world: &mut World, ticks: usize| -> usize {
        for _ in 0..ticks {
            world.tick(Outgoing::Comfort);
        }
        told = world.events();
        told.iter()
            .filter(|event| **event == Event::MediaTimeout)
            .count()
    };
    assert_eq!(run(&mut world, 499), 0);
    assert_eq!(run(&mut world, 1), 1, "ten seconds at first");
    assert_eq!(run(&mut world, 1_000), 0, "once");
    world.receive(&audio(0), far());
    assert_eq!(run(&mut world, 249), 0);
    assert_eq!(run(&mut world, 2), 1, "five seconds later on");
    world.receive(&audio(1), address(66, 1));
    assert_eq!(run(&mut world, 500), 0, "a stranger is no life");
}

#[test]
fn another_source_takes_over_when_it_is_confirmed() {
    let mut world = World::new(settings());
    for number in 0..10 {
        world.receive(&audio(number), far());
    }
    let other = |number: u32| Sent {
        ssrc: 88,
        ..audio(number + 5_000)
    };
    world.receive(&other(0), far());
    world.receive(&audio(10), far());
    world.receive(&other(50), far());
    assert_eq!(world.session.statistics().unconfirmed, 2);
    assert_eq!(world.session.statistics().source_changes, 0);
    world.receive(&other(51), far());
    world.receive(&other(52), far());
    let statistics = world.session.statistics();
    assert_eq!(statistics.source_changes, 1);
    assert_eq!((statistics.packets_received, statistics.lost), (13, 0));
    world.now += Duration::from_millis(300);
    world.receive(&audio(11), far());
    assert_eq!(
        world.session.statistics().source_changes,
        2,
        "at once after silence"
    );
}

#[test]
fn another_law_on_the_wire_is_converted() {
    let mut world = World::new(settings());
    world.session.update(
        Stream {
            codec: Codec::G711(Law::A),
            send_payload_type: 8,
            receive_payload_type: 8,
            ..stream()
        },
        world.now,
    );
    let sent = world.tick(Outgoing::Audio(&[0x12; 100])).remove(0).1;
    assert_eq!(sent.payload_type, 8);
    assert_eq!(sent.payload[0], Law::Mu.convert(0x12, Law::A));
    assert_eq!(sent.payload[159], 0xD5);
    for number in 0..3 {
        let mut packet = audio(number);
        packet.payload_type = 8;
        packet.payload = vec![0x9A; 160];
        world.receive(&packet, far());
        world.tick(Outgoing::Comfort);
        if number == 2 {
            let frames: Vec<_> = std::iter::from_fn(|| world.frame()).collect();
            assert_eq!(frames[2].1, [Law::A.convert(0x9A, Law::Mu); 160]);
        }
    }
}

#[test]
fn reports_are_exchanged_and_the_end_is_said() {
    let mut one = World::new(settings());
    let mut two = World::new(Settings {
        ssrc: 2,
        seed: 9,
        ..settings()
    });
    two.now = one.now;
    let mut buffer = [0; MAX_PACKET];
    for _ in 0..1_000 {
        for (here, there) in [(true, false), (false, true)] {
            let (sender, receiver) = if here && !there {
                (&mut one, &mut two)
            } else {
                (&mut two, &mut one)
            };
            sender.now += TICK;
            sender.session.tick(Outgoing::Comfort, sender.now);
            while let Some(transmit) = sender.session.poll_transmit(&mut buffer, sender.now) {
                let bytes = &buffer[..transmit.len];
                match transmit.channel {
                    Channel::Rtp => receiver.session.handle_rtp(bytes, far(), sender.now),
                    Channel::Rtcp => {
                        assert_eq!(transmit.to, address(1, 4001));
                        receiver
                            .session
                            .handle_rtcp(bytes, address(1, 4001), sender.now);
                    }
                }
            }
        }
    }
    for world in [&one, &two] {
        let statistics = world.session.statistics();
        assert!((3..=9).contains(&statistics.rtcp_sent), "{statistics:?}");
        assert!(statistics.rtcp_received >= 3);
        assert!(statistics.heard.round_trip.unwrap() < Duration::from_millis(25));
        assert_eq!(statistics.heard.cumulative_lost, 0);
        assert_eq!(statistics.lost, 0);
    }
    let bye = one.session.goodbye(&mut buffer, one.now).unwrap();
    two.session
        .handle_rtcp(&buffer[..bye.len], address(66, 1), two.now);
    assert!(!two.session.statistics().heard.bye, "from a stranger");
    two.session
        .handle_rtcp(&buffer[..bye.len], address(1, 4001), two.now);
    assert!(two.session.statistics().heard.bye);
}

#[test]
fn control_goes_where_it_comes_from() {
    let mut world = World::new(settings());
    let mut buffer = [0; MAX_PACKET];
    let to = |world: &mut World, buffer: &mut [u8]| {
        let now = world.now;
        world.session.goodbye(buffer, now).unwrap().to
    };
    assert_eq!(to(&mut world, &mut buffer), address(1, 4001), "signalled");
    let update = Stream {
        remote_rtcp: None,
        ..stream()
    };
    world.session.update(update, world.now);
    assert_eq!(to(&mut world, &mut buffer), address(1, 4001), "by default");
    world.receive(&audio(0), address(9, 5_000));
    assert_eq!(
        to(&mut world, &mut buffer),
        address(9, 5_001),
        "beside the media"
    );
    let length = to_report(&mut buffer);
    world
        .session
        .handle_rtcp(&buffer[..length], address(9, 7_777), world.now);
    assert_eq!(to(&mut world, &mut buffer), address(9, 7_777), "learned");
}

fn to_report(buffer: &mut [u8]) -> usize {
    let mut other = World::new(settings());
    other.session.goodbye(buffer, other.now).unwrap().len
}

#[test]
fn time_slept_through_is_left_out() {
    let mut world = World::new(settings());
    let first = world.tick(Outgoing::Comfort).remove(0).1;
    world.session.skip(100);
    let next = world.tick(Outgoing::Comfort).remove(0).1;
    assert_eq!(next.timestamp, first.timestamp.wrapping_add(101 * 160));
    assert_eq!(next.sequence, first.sequence.wrapping_add(1));
    assert!(next.marker);
}

#[test]
fn the_queue_of_events_is_bounded() {
    let mut world = World::new(settings());
    for number in 0..40u32 {
        let packet = Sent {
            payload_type: 96,
            timestamp: number * 2_000,
            sequence: number as u16,
            payload: vec![1, 0, 0, 160],
            ..audio(0)
        };
        world.receive(&packet, far());
    }
    assert_eq!(world.events().len(), EVENTS);
    assert_eq!(
        world.session.statistics().events_dropped,
        41 - EVENTS as u64
    );
}

proptest! {
    #[test]
    fn nothing_that_comes_breaks_it(
        datagrams in proptest::collection::vec(
            (proptest::collection::vec(any::<u8>(), 0..64), any::<bool>(), 0u8..4, any::<bool>()), 1..60,
        ),
        echo: bool,
    ) {
        let mut world = World::new(if echo { echo_settings() } else { settings() });
        for (mut bytes, plausible, host, control) in datagrams {
            if plausible && bytes.len() >= 12 {
                bytes[0] = 0x80;
                bytes[1] &= 0x80;
            }
            let from = address(host, 4000);
            if control {
                world.session.handle_rtcp(&bytes, from, world.now);
            } else {
                world.session.handle_rtp(&bytes, from, world.now);
            }
            world.tick(if echo { Outgoing::Echo } else { Outgoing::Comfort });
            world.frame();
        }
        let statistics = world.session.statistics();
        prop_assert!(statistics.received_as.is_none_or(|quality| quality.mos >= 1.0));
    }
}
