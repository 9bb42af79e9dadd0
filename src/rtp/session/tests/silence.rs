//! Comfort noise (RFC 3389), both ways.

use super::*;
use crate::audio::level;

fn with_noise() -> Settings {
    Settings {
        stream: Stream {
            comfort_noise: Some((13, 13)),
            ..stream()
        },
        ..settings()
    }
}

fn sent(world: &mut World, outgoing: Outgoing<'_>, ticks: usize) -> Vec<Sent> {
    let packets = (0..ticks).flat_map(|_| world.tick(outgoing));
    packets.map(|(_, packet)| packet).collect()
}

#[test]
fn our_silence_is_described_each_second_and_speech_begins_marked_and_in_time() {
    let mut world = World::new(with_noise());
    let speech = [0x20; 160];
    let spoken = sent(&mut world, Outgoing::Audio(&speech), 5);
    let silent = sent(&mut world, Outgoing::Comfort, 10 + 50 * 3);
    let again = sent(&mut world, Outgoing::Audio(&speech), 2);
    assert_eq!((spoken.len(), again.len()), (5, 2));
    let (audio, noise): (Vec<&Sent>, Vec<&Sent>) =
        silent.iter().partition(|packet| packet.payload_type == 0);
    assert_eq!(audio.len(), 10, "200 ms are sent as they are");
    assert_eq!(noise.len(), 3);
    for (number, packet) in (0..).zip(&noise) {
        assert_eq!((packet.payload_type, packet.marker), (13, false));
        assert_eq!(packet.payload, [75]);
        let place = (15 + 50 * number) * 160;
        assert_eq!(packet.timestamp, spoken[0].timestamp.wrapping_add(place));
    }
    let all: Vec<u16> = spoken
        .iter()
        .chain(&silent)
        .chain(&again)
        .map(|it| it.sequence)
        .collect();
    assert!(
        all.windows(2)
            .all(|pair| pair[1] == pair[0].wrapping_add(1))
    );
    assert_eq!((again[0].marker, again[1].marker), (true, false));
    let place = 165 * 160;
    assert_eq!(again[0].timestamp, spoken[0].timestamp.wrapping_add(place));
}

#[test]
fn who_has_not_agreed_hears_silence_without_a_pause() {
    let mut world = World::new(settings());
    let silent = sent(&mut world, Outgoing::Comfort, 200);
    assert_eq!(silent.len(), 200);
    assert!(silent.iter().all(|packet| packet.payload_type == 0));
}

#[test]
fn keys_go_out_of_silence_too() {
    let mut world = World::new(with_noise());
    sent(&mut world, Outgoing::Comfort, 100);
    assert!(world.session.press('5'));
    let keys = sent(&mut world, Outgoing::Comfort, 20);
    assert!(
        keys.iter()
            .filter(|packet| packet.payload_type == 101)
            .count()
            > 3
    );
}

/// Levels in dBm0 of what the ear is given in these ticks.
fn heard(world: &mut World, ticks: usize) -> Vec<f64> {
    let mut levels = Vec::new();
    for _ in 0..ticks {
        world.tick(Outgoing::Comfort);
        while let Some((received, frame)) = world.frame() {
            assert_eq!(received.len, 160);
            levels.push(level::dbm0(Law::Mu, &frame));
        }
    }
    levels
}

#[test]
fn the_ear_hears_the_silence_that_the_far_end_describes() {
    for payload_type in [13, 98] {
        let mut settings = with_noise();
        settings.stream.comfort_noise = Some((13, payload_type));
        let mut world = World::new(settings);
        for number in 0..10 {
            world.receive(&audio(number), far());
            heard(&mut world, 1);
        }
        let noise = Sent {
            payload_type,
            payload: vec![50],
            ..audio(10)
        };
        world.receive(&noise, far());
        let levels = heard(&mut world, 100);
        // -50 dBov, and the overload of µ-law stands 6 dB above the milliwatt.
        let settled = &levels[10..];
        assert!(
            settled.iter().all(|level| (-47.0..-41.0).contains(level)),
            "{settled:?}"
        );
        assert_eq!(world.session.statistics().playout.concealed, 0);
    }
}

#[test]
fn silence_that_nobody_describes_is_silent() {
    let mut world = World::new(with_noise());
    for number in 0..10 {
        world.receive(&audio(number), far());
        heard(&mut world, 1);
    }
    let levels = heard(&mut world, 100);
    let end = &levels[20..];
    assert!(end.iter().all(|level| *level < -70.0), "{end:?}");
}
