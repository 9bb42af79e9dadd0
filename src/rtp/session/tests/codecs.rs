//! What other codecs than G.711 change.

use super::*;

pub(super) fn with(codec: Codec) -> Settings {
    Settings {
        stream: Stream {
            codec,
            send_payload_type: 111,
            receive_payload_type: 96,
            telephone_event: Some((110, 97)),
            ..stream()
        },
        ..settings()
    }
}

#[test]
fn a_packet_of_opus_is_a_frame_and_its_clock_runs_at_48_khz() {
    let mut world = World::new(with(Codec::Opus));
    let mut sent = Vec::new();
    for length in [80usize, 3, 160, 1] {
        sent.extend(world.tick(Outgoing::Audio(&vec![7; length])));
    }
    sent.extend(world.tick(Outgoing::Comfort));
    let lengths: Vec<_> = sent
        .iter()
        .map(|(_, packet)| packet.payload.len())
        .collect();
    assert_eq!(lengths, [80, 3, 160, 1, 3]);
    assert_eq!(sent[4].1.payload, [0xF8, 0xFF, 0xFE]);
    for (number, (_, packet)) in sent.iter().enumerate() {
        let timestamp = (u32::MAX - 100).wrapping_add(number as u32 * 960);
        assert_eq!(packet.timestamp, timestamp);
        assert_eq!(packet.payload_type, 111);
    }
}

#[test]
fn packets_of_g722_are_gathered_as_those_of_g711() {
    for (ptime_ms, bytes) in [(10, 80), (20, 160), (30, 240), (60, 480)] {
        let mut settings = with(Codec::G722);
        settings.stream.ptime_ms = ptime_ms;
        let mut world = World::new(settings);
        let mut next = None;
        let mut heard = Vec::new();
        for tick in 0..12u8 {
            for (_, packet) in world.tick(Outgoing::Audio(&[tick; 160])) {
                assert_eq!(packet.payload.len(), bytes);
                assert_eq!(packet.timestamp, next.unwrap_or(packet.timestamp));
                next = Some(packet.timestamp.wrapping_add(bytes as u32));
                heard.extend(packet.payload);
            }
        }
        let said: Vec<u8> = (0..12u8).flat_map(|tick| [tick; 160]).collect();
        assert_eq!(heard, said, "nothing is converted");
    }
}

#[test]
fn keys_last_as_long_on_every_clock() {
    for (codec, step) in [(Codec::G722, 160u16), (Codec::Opus, 960)] {
        let mut world = World::new(with(codec));
        world.session.press('5');
        let sent: Vec<_> = (0..8).flat_map(|_| world.tick(Outgoing::Comfort)).collect();
        let durations: Vec<u16> = sent
            .iter()
            .filter(|(_, packet)| packet.payload_type == 110)
            .map(|(_, packet)| u16::from_be_bytes([packet.payload[2], packet.payload[3]]))
            .collect();
        let steps = [1, 2, 3, 4, 5, 5, 5].map(|count| count * step);
        assert_eq!(durations, steps, "{codec:?}");
        let timestamps: Vec<_> = sent.iter().map(|(_, packet)| packet.timestamp).collect();
        assert!(timestamps[..7].iter().all(|it| *it == timestamps[0]));
        let after = timestamps[0].wrapping_add(7 * u32::from(step));
        assert_eq!(timestamps[7], after, "the clock went on");
    }
}
