use proptest::prelude::*;

use super::*;

fn packet(event: u8, end: bool, duration: u16) -> [u8; 4] {
    let [high, low] = duration.to_be_bytes();
    [event, if end { 0x8A } else { 0x0A }, high, low]
}

/// The packets of one key: (timestamp, marker, payload).
fn press(event: u8, timestamp: u32) -> Vec<(u32, bool, [u8; 4])> {
    let mut packets: Vec<_> = (1..=4u16)
        .map(|step| (timestamp, step == 1, packet(event, false, step * 160)))
        .collect();
    packets.extend([(timestamp, false, packet(event, true, 800)); 3]);
    packets
}

fn heard(packets: impl IntoIterator<Item = (u32, bool, [u8; 4])>) -> String {
    let mut detector = Detector::new(8_000);
    packets
        .into_iter()
        .filter_map(|(timestamp, marker, payload)| detector.handle(timestamp, marker, &payload))
        .collect()
}

#[test]
fn every_key_once() {
    let packets = (0..16u8).flat_map(|event| press(event, u32::from(event) * 2000));
    assert_eq!(heard(packets), "0123456789*#ABCD");
}

#[test]
fn a_lost_start_or_a_lost_end_is_no_matter() {
    let one = press(5, 0xFFFF_FF00);
    let two = press(5, 0xFFFF_FF00u32.wrapping_add(1600));
    for keep in 1..=one.len() {
        let without_start = one[one.len() - keep..].iter().chain(&two).copied();
        assert_eq!(heard(without_start), "55", "last {keep} of the first key");
        let without_end = one[..keep].iter().chain(&two).copied();
        assert_eq!(heard(without_end), "55", "first {keep} of the first key");
    }
}

#[test]
fn both_the_end_and_the_next_start_are_lost() {
    let one = press(5, 0);
    let two = press(5, 1600);
    let packets = one[..4].iter().chain(&two[1..]).copied();
    assert_eq!(heard(packets), "55");
}

#[test]
fn duplicates_and_stragglers_are_silent() {
    let mut packets = press(1, 10_000);
    packets.extend(press(2, 12_000));
    packets.extend(press(1, 10_000));
    packets.extend(press(2, 12_000));
    assert_eq!(heard(packets), "12");
}

#[test]
fn timestamps_that_begin_anew_are_keys() {
    let mut packets = press(1, 3_000_000_000);
    packets.extend(press(2, 1_000));
    assert_eq!(heard(packets), "12");
}

#[test]
fn a_long_press_in_segments_is_one_key() {
    let segment = |timestamp: u32, first: bool, end: bool| {
        (1..=409u16).map(move |step| {
            (
                timestamp,
                first && step == 1,
                packet(9, end && step == 409, step * 160),
            )
        })
    };
    let packets = segment(100, true, false)
        .chain([(100, false, packet(9, false, 0xFFFF))])
        .chain(segment(100 + 0xFFFF, false, false))
        .chain([(100 + 0xFFFF, false, packet(9, false, 0xFFFF))])
        .chain(segment(100 + 2 * 0xFFFF, false, true))
        .chain(press(9, 100 + 3 * 0xFFFF));
    assert_eq!(heard(packets), "99");
}

#[test]
fn a_sender_that_moves_the_timestamp_presses_once() {
    let packets = (0..10u16).map(|step| {
        (
            u32::from(step) * 160,
            step == 0,
            packet(3, step == 9, step * 160),
        )
    });
    assert_eq!(heard(packets), "3");
}

#[test]
fn markers_may_be_missing_and_packets_may_change_places() {
    let unmarked = |timestamp| {
        press(7, timestamp)
            .into_iter()
            .map(|(timestamp, _, payload)| (timestamp, false, payload))
    };
    assert_eq!(heard(unmarked(0).chain(unmarked(1_600))), "77");
    let mut turned: Vec<_> = press(1, 0);
    turned.reverse();
    turned.extend(press(1, 1_600).into_iter().rev());
    assert_eq!(heard(turned), "11");
    let (one, two) = (press(1, 0), press(2, 1_600));
    let mixed = [one[0], two[0], one[6], two[1], one[5], two[6]];
    assert_eq!(heard(mixed), "12");
}

#[test]
fn keys_on_a_clock_of_48_khz() {
    let moving = (0..10u16).map(|step| {
        (
            u32::from(step) * 960,
            step == 0,
            packet(3, step == 9, step * 960),
        )
    });
    let again = (1..=5u16).map(|step| (40_000, step == 1, packet(3, step == 5, step * 960)));
    let late = [(0, false, packet(3, true, 9_600))];
    let mut detector = Detector::new(48_000);
    let keys: String = moving
        .chain(again)
        .chain(late)
        .filter_map(|(timestamp, marker, payload)| detector.handle(timestamp, marker, &payload))
        .collect();
    assert_eq!(keys, "33");
}

#[test]
fn flash_unknown_events_and_short_payloads_are_silent() {
    let mut detector = Detector::new(8_000);
    assert_eq!(detector.handle(1, true, &packet(16, false, 160)), None);
    assert_eq!(detector.handle(2000, true, &packet(200, false, 160)), None);
    assert_eq!(detector.handle(4000, true, &[1, 2, 3]), None);
    assert_eq!(detector.handle(6000, true, &[]), None);
}

#[test]
fn what_is_pressed_is_heard() {
    let mut presser = Presser::new();
    for key in "19*#a".chars() {
        assert!(presser.press(key));
    }
    assert!(!presser.press('x'));
    let mut packets = Vec::new();
    let mut pauses = 0;
    for tick in 0..200u32 {
        match presser.tick(tick * 160, 160) {
            Some(packet) => packets.push((packet.timestamp, packet.marker, packet.payload)),
            None if presser.is_busy() => pauses += 1,
            None => {}
        }
    }
    assert_eq!(heard(packets.iter().copied()), "19*#A");
    assert_eq!(pauses, 4 * 3);
    assert_eq!(
        packets.len(),
        5 * 7,
        "five steps, the last of them three times"
    );
    assert_eq!(packets.iter().filter(|packet| packet.1).count(), 5);
    assert_eq!(
        packets
            .iter()
            .filter(|packet| packet.2[1] & 0x80 != 0)
            .count(),
        15
    );
}

#[test]
fn the_queue_of_keys_is_bounded() {
    let mut presser = Presser::new();
    let taken = (0..100).filter(|_| presser.press('1')).count();
    assert_eq!(taken, WAITING_KEYS);
}

proptest! {
    #[test]
    fn any_single_loss_pattern_leaving_one_packet_gives_each_key_once(
        keys in proptest::collection::vec((0u8..16, 0u8..7), 1..12), first: u32,
    ) {
        let mut packets = Vec::new();
        let mut expected = String::new();
        for (index, (event, kept)) in keys.into_iter().enumerate() {
            let timestamp = first.wrapping_add(index as u32 * 1600);
            packets.push(press(event, timestamp)[usize::from(kept)]);
            expected.extend(digit(event));
        }
        prop_assert_eq!(heard(packets), expected);
    }
}
