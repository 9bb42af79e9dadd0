//! RTCP of a session, and a far end whose port changes.

use super::*;
use crate::rtp::session::is_control;

/// What the session sends of this kind in so many ticks.
fn control_of(world: &mut World, ticks: u32) -> Vec<(Transmit, Vec<u8>)> {
    let mut sent = Vec::new();
    let mut buffer = [0; MAX_PACKET];
    for _ in 0..ticks {
        world.now += TICK;
        world.session.tick(Outgoing::Comfort, world.now);
        while let Some(transmit) = world.session.poll_transmit(&mut buffer, world.now) {
            if transmit.channel == Channel::Rtcp {
                sent.push((transmit, buffer[..transmit.len].to_vec()));
            }
        }
    }
    sent
}

#[test]
fn reports_go_where_the_audio_goes_when_they_share_a_port() {
    let mut settings = settings();
    settings.stream.control.mux = true;
    let mut world = World::new(settings);
    let sent = control_of(&mut world, 300);
    assert!(!sent.is_empty());
    for (transmit, bytes) in &sent {
        assert_eq!((transmit.to, transmit.port), (far(), Channel::Rtp));
        assert!(is_control(bytes));
    }
    // Behind a NAT both go to the port the audio comes from.
    let nat = address(9, 55_555);
    world.receive(&audio(0), nat);
    let sent = control_of(&mut world, 300);
    assert!(sent.iter().all(|(transmit, _)| transmit.to == nat));
    assert!(world.session.statistics().mux);
}

/// RFC 5761 §4: no payload type that is used looks like a control packet, with or without a marker.
#[test]
fn audio_does_not_look_like_control() {
    for kind in (0..=63).chain(96..=127) {
        assert!(!is_control(&[0x80, kind, 0, 0]) && !is_control(&[0x80, kind | 0x80, 0, 0]));
    }
    assert!((200..=207).all(|kind| is_control(&[0x80, kind])));
    assert!(!is_control(&[0x80]) && !is_control(&[]));
}

#[test]
fn metrics_are_told_to_whoever_asks() {
    for asks in [false, true] {
        let mut settings = settings();
        settings.stream.control.metrics = asks;
        let mut world = World::new(settings);
        (0..200)
            .filter(|number| number % 20 != 7)
            .for_each(|number| {
                world.receive(&audio(number), far());
                control_of(&mut world, 1);
                world.frame();
            });
        let sent = control_of(&mut world, 300);
        let (_, report) = sent.last().unwrap();
        let told = report.windows(2).any(|bytes| bytes == [0x80, 207]);
        assert_eq!(told, asks, "{report:?}");
        let pattern = world.session.statistics().pattern;
        assert!((0.04..0.06).contains(&pattern.loss), "{pattern:?}");
        assert_eq!(pattern.mean_length, 1.0);
    }
}

#[test]
fn a_nat_that_gives_the_far_end_another_port_is_followed() {
    let mut world = World::new(settings());
    let moved = address(1, 61_000);
    for number in 0..150 {
        world.receive(&audio(number), far());
        world.tick(Outgoing::Comfort);
    }
    world.receive(&audio(150), moved);
    assert_eq!(
        world.session.destination(),
        Some(far()),
        "the old port still speaks"
    );
    (0..15).for_each(|_| drop(world.tick(Outgoing::Comfort)));
    let mut other = audio(151);
    other.ssrc = 78;
    world.receive(&other, moved);
    world.receive(&audio(152), address(2, 61_000));
    assert_eq!(
        world.session.destination(),
        Some(far()),
        "another stream, another host"
    );
    world.receive(&audio(153), moved);
    assert_eq!(world.session.destination(), Some(moved));
    let before = world.session.statistics();
    world.receive(&audio(154), far());
    assert_eq!(world.session.statistics().strays, before.strays + 1);
    assert_eq!(before.source_changes, 0);
}
