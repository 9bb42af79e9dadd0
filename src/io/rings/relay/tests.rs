use super::{DEPTH, RELAY_RING, RelayEnd, SETTLED, relay};
use crate::audio::Codec;

fn hear(end: &mut RelayEnd) -> Option<u8> {
    let heard = end.hear(|key| panic!("no key was pressed: {key}"));
    heard.map(|(_, frame)| frame.bytes()[0])
}

#[test]
fn what_one_side_says_the_other_hears_in_the_next_tick() {
    let (mut one, mut other) = relay();
    for number in 0..100 {
        one.say(Codec::PCMA, &[number; 160]);
        other.say(Codec::PCMU, &[number; 80]);
        let (codec, frame) = other.hear(|_| {}).unwrap();
        assert_eq!((codec, frame.bytes()), (Codec::PCMA, &[number; 160][..]));
        let (codec, frame) = one.hear(|_| {}).unwrap();
        assert_eq!((codec, frame.bytes()), (Codec::PCMU, &[number; 80][..]));
    }
    assert_eq!(hear(&mut one), None);
    assert_eq!(one.dropped() + other.dropped(), 0);
}

#[test]
fn keys_pass_beside_the_audio() {
    let (mut one, mut other) = relay();
    one.press('1');
    one.say(Codec::PCMU, &[1]);
    one.press('2');
    let mut keys = String::new();
    assert!(other.hear(|key| keys.push(key)).is_some());
    assert!(other.hear(|key| keys.push(key)).is_none());
    assert_eq!(keys, "12");
}

#[test]
fn a_backlog_is_cut_and_a_frame_too_many_is_worked_off() {
    let (mut one, mut other) = relay();
    for number in 0..10 {
        one.say(Codec::PCMU, &[number]);
    }
    let kept = u8::try_from(10 - DEPTH).unwrap();
    assert_eq!(hear(&mut other), Some(kept));
    let mut last = kept;
    let mut number = 10;
    for _ in 0..SETTLED * 3 {
        one.say(Codec::PCMU, &[number]);
        number += 1;
        last = hear(&mut other).unwrap();
    }
    assert_eq!(last, number - 1, "no delay is left");
    assert_eq!(hear(&mut other), None);
    assert_eq!(other.dropped(), u64::from(kept) + 2);
}

#[test]
fn a_full_ring_drops_the_newest_and_an_end_without_the_other_says_nothing() {
    let (mut one, other) = relay();
    for _ in 0..RELAY_RING + 5 {
        one.say(Codec::PCMU, &[1]);
    }
    assert_eq!(one.dropped(), 5);
    drop(other);
    assert_eq!(hear(&mut one), None);
}
