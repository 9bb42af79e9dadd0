//! Calls in G.722 and Opus, and calls whose codec changes.

use super::*;

/// A tone of 20 ms at the file's rate, louder with the tick, so that each is known.
fn tone(tick: u32) -> Vec<i16> {
    let amplitude = 3_000.0 + 20.0 * f64::from(tick);
    let sample = |at: u32| {
        let angle = core::f64::consts::TAU * 500.0 * f64::from(at) / f64::from(WIDEBAND_RATE);
        (amplitude * angle.sin()) as i16
    };
    (0..320).map(sample).collect()
}

/// The packets of so many ticks of it.
fn packets(codec: Codec, ticks: u32) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(codec, WIDEBAND_RATE, 5).unwrap();
    let mut packets = Vec::new();
    for tick in 0..ticks {
        encoder.encode(&tone(tick), |packet| packets.push(packet.to_vec()));
    }
    assert_eq!(packets.len(), ticks as usize);
    packets
}

/// What a decoder makes of these items, a frame for each.
fn decoded(codec: Codec, rate: u32, packets: &[Vec<u8>]) -> Vec<i16> {
    let mut decoder = Decoder::new(codec, rate).unwrap();
    let mut samples = Vec::new();
    for packet in packets {
        decoder.decode(Item::Heard(packet), &mut samples);
    }
    samples
}

fn tick_of(tap: &mut Tap, codec: Codec, heard: Item<'_>, said: &[u8]) {
    tap.begin(1);
    tap.hear(0, codec, heard);
    tap.say(codec, said);
}

impl Desk {
    fn finish_wide(&mut self, call: &str) -> [Vec<i16>; 2] {
        self.recorder = None;
        channels_at(WIDEBAND_RATE, &self.path(call))
    }
}

#[tokio::test]
async fn both_sides_are_kept_at_16_khz_as_a_decoder_has_them() {
    for codec in [Codec::G722, Codec::Opus] {
        let mut desk = Desk::new();
        let (mut tap, ..) = desk.begin_at(WIDEBAND_RATE, "c1").await;
        let packets = packets(codec, 100);
        for (at, heard) in packets.iter().enumerate() {
            // The agent says something in the second half.
            let said = at.checked_sub(50).map_or(&[][..], |at| &packets[at]);
            tick_of(&mut tap, codec, Item::Heard(heard), said);
        }
        drop(tap);
        let [left, right] = desk.finish_wide("c1");
        let expected = decoded(codec, WIDEBAND_RATE, &packets);
        assert_eq!(expected.len(), 32_000);
        assert!(left == expected, "{codec:?}");
        let mut later = vec![0; 16_000];
        later.extend_from_slice(&expected[..16_000]);
        assert!(right == later, "{codec:?}");
    }
}

#[tokio::test]
async fn what_is_lost_keeps_its_length_whenever_its_sound_comes() {
    for codec in [Codec::G722, Codec::Opus] {
        let mut desk = Desk::new();
        let (mut tap, ..) = desk.begin_at(WIDEBAND_RATE, "c1").await;
        let packets = packets(codec, 60);
        let mut decoder = Decoder::new(codec, WIDEBAND_RATE).unwrap();
        let mut expected = Vec::new();
        for (at, packet) in packets.iter().enumerate() {
            let lost = [10, 20, 21, 22, 59].contains(&at);
            let item = match lost {
                true => Item::Lost,
                false => Item::Heard(packet),
            };
            decoder.decode(item, &mut expected);
            tick_of(&mut tap, codec, item, packet);
        }
        drop(tap);
        // The last loss is told by nothing in Opus.
        expected.resize(60 * 320, 0);
        let [left, right] = desk.finish_wide("c1");
        assert!(left == expected, "{codec:?}");
        assert!(
            right == decoded(codec, WIDEBAND_RATE, &packets),
            "{codec:?}"
        );
    }
}

/// An encoder of packets of any length, and what a decoder makes of them.
fn opus_pair() -> (opus::Encoder, Decoder) {
    let voip = opus::Application::Voip;
    let encoder = opus::Encoder::new(WIDEBAND_RATE, opus::Channels::Mono, voip);
    let decoder = Decoder::new(Codec::Opus, WIDEBAND_RATE);
    (encoder.unwrap(), decoder.unwrap())
}

#[tokio::test]
async fn packets_of_another_length_stay_in_their_places() {
    let mut desk = Desk::new();
    let (mut tap, ..) = desk.begin_at(WIDEBAND_RATE, "c1").await;
    let (mut encoder, mut decoder) = opus_pair();
    let (mut said, mut expected) = (Vec::new(), Vec::new());
    for start in (0..60).step_by(3) {
        let samples: Vec<i16> = (start..start + 3).flat_map(tone).collect();
        let packet = encoder.encode_vec(&samples, 1_275).unwrap();
        decoder.decode(Item::Heard(&packet), &mut expected);
        tick_of(&mut tap, Codec::Opus, Item::Heard(&packet), &[]);
        // Nothing is read in the two that it lasts as well.
        for _ in 0..2 {
            tap.begin(1);
            tap.say(Codec::Opus, &[]);
        }
        said.push(packet);
    }
    drop(tap);
    assert_eq!(expected.len(), 60 * 320);
    let [left, right] = desk.finish_wide("c1");
    assert!(left == expected);
    assert_eq!(right, vec![0; 60 * 320]);
}

#[tokio::test]
async fn two_packets_in_one_tick_follow_each_other() {
    let mut desk = Desk::new();
    let (mut tap, ..) = desk.begin_at(WIDEBAND_RATE, "c1").await;
    let (mut encoder, mut decoder) = opus_pair();
    let mut expected = Vec::new();
    for tick in 0..40 {
        tap.begin(1);
        for half in tone(tick).chunks(160) {
            let packet = encoder.encode_vec(half, 1_275).unwrap();
            decoder.decode(Item::Heard(&packet), &mut expected);
            tap.hear(0, Codec::Opus, Item::Heard(&packet));
        }
        tap.say(Codec::Opus, &[]);
    }
    drop(tap);
    assert!(desk.finish_wide("c1")[0] == expected);
}

#[tokio::test]
async fn a_codec_that_changes_in_mid_call_changes_nothing_of_the_file() {
    for (rate, order) in [
        (WIDEBAND_RATE, [Codec::Opus, Codec::PCMU, Codec::G722]),
        (SAMPLE_RATE, [Codec::PCMA, Codec::G722, Codec::Opus]),
    ] {
        let mut desk = Desk::new();
        let (mut tap, ..) = desk.begin_at(rate, "c1").await;
        let mut expected = Vec::new();
        for codec in order {
            let packets = match codec {
                Codec::G711(law) => {
                    let code = |tick: u32| {
                        tone(tick)
                            .iter()
                            .step_by(2)
                            .map(|it| law.encode(*it))
                            .collect()
                    };
                    (0..50).map(code).collect()
                }
                Codec::G722 | Codec::Opus => packets(codec, 50),
            };
            expected.extend(decoded(codec, rate, &packets));
            for packet in &packets {
                tick_of(&mut tap, codec, Item::Heard(packet), packet);
            }
        }
        drop(tap);
        desk.recorder = None;
        let [left, right] = channels_at(rate, &desk.path("c1"));
        assert_eq!(left.len(), 150 * rate as usize / 50);
        assert!(left == expected, "{rate}");
        assert!(right == expected, "{rate}");
    }
}

#[tokio::test]
async fn a_pause_in_wideband_is_silence_of_its_length() {
    for codec in [Codec::G722, Codec::Opus] {
        let mut desk = Desk::new();
        let (mut tap, switch, _events) = desk.begin_at(WIDEBAND_RATE, "c1").await;
        let packets = packets(codec, 90);
        for (at, packet) in packets.iter().enumerate() {
            match at {
                30 | 80 => switch.pause(),
                60 => switch.record(),
                _ => {}
            }
            tick_of(&mut tap, codec, Item::Heard(packet), packet);
        }
        drop(tap);
        let mut heard = decoded(
            codec,
            WIDEBAND_RATE,
            &[&packets[..30], &packets[60..80]].concat(),
        );
        let after = heard.split_off(30 * 320);
        let mut expected = heard;
        expected.resize(60 * 320, 0);
        expected.extend(after);
        expected.resize(90 * 320, 0);
        let [left, right] = desk.finish_wide("c1");
        assert!(left == expected && right == expected, "{codec:?}");
    }
}
