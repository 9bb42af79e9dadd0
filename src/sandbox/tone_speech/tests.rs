use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::audio::Law;

const ALPHABET: &str = "abcdefghijklmnopqrstuvwxyz0123456789.,?!'-@:/()+&%$#\"_;=*[]<>€£ ";
const SENTENCE: &str =
    "you can reset your password at the sign-in page. is that o.k., anna.lee+1@example.com?";

fn hear_at(rate: u32, samples: &[i16]) -> (String, Vec<Character>) {
    let mut decoder = Decoder::new(rate);
    let mut heard = Vec::new();
    for piece in samples.chunks(160) {
        decoder.push(piece, &mut heard);
    }
    (heard.iter().map(|each| each.character).collect(), heard)
}

fn hear(samples: &[i16]) -> String {
    hear_at(8_000, samples).0
}

fn through(law: Law, samples: &[i16]) -> Vec<i16> {
    samples
        .iter()
        .map(|sample| law.decode(law.encode(*sample)))
        .collect()
}

fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, l) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, r) in right.iter().enumerate() {
            let cost = diagonal + usize::from(l != *r);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[right.len()]
}

/// White noise from a fixed generator, with this root mean square.
fn noise(length: usize, level: f64) -> Vec<f64> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    (0..length)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let unit = (state >> 40) as f64 / f64::from(1 << 24) - 0.5;
            unit * level * 12f64.sqrt()
        })
        .collect()
}

#[test]
fn the_alphabet_has_64_signs() {
    assert_eq!(ALPHABET.chars().count(), 64);
}

#[test]
fn every_pair_of_characters_is_heard_through_both_laws() {
    for law in [Law::Mu, Law::A] {
        for first in ALPHABET.chars() {
            // Not a space at either end: those are trimmed.
            let text: String = ALPHABET
                .chars()
                .flat_map(|second| [first, second])
                .collect();
            let text = format!("x{text}x").replace("  ", " ");
            assert_eq!(hear(&through(law, &encode(&text))), text, "{law:?}");
        }
    }
}

#[test]
fn every_starting_offset_is_heard() {
    let speech = encode("hello, anna");
    for offset in 0..340 {
        let mut samples = vec![0; offset];
        samples.extend(&speech);
        assert_eq!(hear(&samples), "hello, anna", "offset {offset}");
    }
}

#[test]
fn a_listener_who_comes_late_misses_at_most_a_character() {
    let speech = encode("hello");
    for skipped in 0..320 {
        let heard = hear(&speech[skipped..]);
        assert!(
            heard == "hello" || heard == "ello",
            "skipped {skipped}: {heard}"
        );
    }
}

#[test]
fn a_lost_frame_costs_at_most_two_characters_wherever_it_is() {
    for law in [Law::Mu, Law::A] {
        for offset in [0, 40, 79, 120] {
            let mut samples = vec![0; offset];
            samples.extend(encode(SENTENCE));
            let samples = through(law, &samples);
            for frame in 0..samples.len() / 160 {
                let mut damaged = samples.clone();
                damaged[frame * 160..(frame + 1) * 160].fill(0);
                let heard = hear(&damaged);
                let cost = distance(&heard, SENTENCE);
                assert!(cost <= 1, "offset {offset} frame {frame}: {heard}");
                damaged.copy_within(
                    frame.saturating_sub(1) * 160..frame.max(1) * 160,
                    frame * 160,
                );
                let heard = hear(&damaged);
                assert!(
                    distance(&heard, SENTENCE) <= 2,
                    "repeated {offset} frame {frame}: {heard}"
                );
            }
        }
    }
}

#[test]
fn a_frame_more_or_less_costs_at_most_two_characters() {
    let samples = encode(SENTENCE);
    for frame in 0..samples.len() / 160 {
        let mut shorter = samples.clone();
        shorter.drain(frame * 160..(frame + 1) * 160);
        assert!(
            distance(&hear(&shorter), SENTENCE) <= 2,
            "{}",
            hear(&shorter)
        );
        let mut longer = samples.clone();
        longer.splice(frame * 160..frame * 160, [0; 160]);
        assert!(distance(&hear(&longer), SENTENCE) <= 2, "{}", hear(&longer));
    }
}

#[test]
fn noise_of_a_bad_line_is_no_trouble() {
    let samples = encode(SENTENCE);
    let noise = noise(samples.len(), 1_000.0); // 12 dB below the speech
    let noisy: Vec<i16> = samples
        .iter()
        .zip(noise)
        .map(|(sample, noise)| (f64::from(*sample) + noise) as i16)
        .collect();
    assert_eq!(hear(&noisy), SENTENCE);
}

#[test]
fn noise_alone_silence_and_a_single_tone_are_not_speech() {
    let noise: Vec<i16> = noise(80_000, 3_000.0).iter().map(|x| *x as i16).collect();
    assert_eq!(hear(&noise), "");
    assert_eq!(hear(&[0; 16_000]), "");
    let tone: Vec<i16> = (0..16_000)
        .map(|index| {
            ((f64::from(index) * 1004.0 * std::f64::consts::TAU / 8000.0).sin() * 8000.0) as i16
        })
        .collect();
    assert_eq!(hear(&tone), "");
}

#[test]
fn level_may_be_much_lower_or_higher() {
    for (up, down) in [(1, 8), (1, 2), (3, 1)] {
        let samples: Vec<i16> = encode(SENTENCE).iter().map(|x| x * up / down).collect();
        assert_eq!(hear(&through(Law::A, &samples)), SENTENCE);
    }
}

#[test]
fn all_sample_rates_of_the_voices_are_heard() {
    for rate in [8_000, 16_000, 24_000, 32_000, 44_100, 48_000] {
        let mut encoder = Encoder::new(rate);
        let mut samples = encoder.say("rates vary");
        samples.extend(encoder.silence(TAIL));
        assert_eq!(hear_at(rate, &samples).0, "rates vary", "{rate}");
    }
}

#[test]
fn times_are_right_and_words_come_with_them() {
    let mut samples = vec![0; 8_000];
    samples.extend(encode("good day"));
    samples.extend(encode("sir"));
    samples.extend([0; 1_600]);
    let (_, heard) = hear_at(8_000, &samples);
    let mut words = Words::default();
    heard.iter().for_each(|each| words.push(*each));
    let texts: Vec<&str> = words
        .words()
        .iter()
        .map(|word| word.text.as_str())
        .collect();
    assert_eq!(texts, ["good", "day", "sir"]);
    let starts = [1_000i64, 1_200, 1_420];
    for (word, start) in words.words().iter().zip(starts) {
        let error = word.start.as_millis() as i64 - start;
        assert!(error.abs() <= 10, "{word:?} {start}");
    }
    assert_eq!(words.complete().len(), 2);
    words.pause(Duration::from_secs(3));
    assert_eq!(words.complete().len(), 3);
    assert_eq!(words.text(), "good day sir");
}

#[test]
fn speech_is_at_speech_level_and_inside_the_telephone_band() {
    let samples = encode(&"the quick brown fox".repeat(4));
    let power: f64 =
        samples.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / samples.len() as f64;
    let level = 10.0 * (power / 32_768f64.powi(2)).log10();
    assert!((-22.0..-15.0).contains(&level), "{level}");
    assert!(low_hertz(0) > 300.0 && high_hertz(15) < 3_400.0);
    assert_eq!(encode("abc").len(), 3 * 320 + 800);
}

#[test]
fn text_outside_the_alphabet_is_brought_to_it() {
    assert_eq!(
        spoken("  Café “Müller” – it’s\n\n  £5…  "),
        "cafe \"mueller\" - it's £5..."
    );
    assert_eq!(spoken("日本 ok 🙂"), "ok");
    assert_eq!(hear(&encode("Hello\tYOU")), "hello you");
    assert_eq!(hear(&encode("")), "");
}

#[test]
fn pieces_of_text_join_without_a_gap() {
    let mut encoder = Encoder::new(8_000);
    let mut samples = encoder.say("he");
    samples.extend(encoder.say("ee"));
    samples.extend(encoder.space());
    samples.extend(encoder.say("ll"));
    samples.extend(encoder.silence(TAIL));
    assert_eq!(hear(&samples), "heee ll");
}

proptest! {
    #[test]
    fn any_text_at_any_offset_in_any_pieces(text in "[a-zA-Z0-9 .,?!'@:/()+&%$#_-]{1,60}", offset in 0usize..400, piece in 1usize..700) {
        let mut samples = vec![3i16; offset];
        samples.extend(encode(&text));
        let samples = through(Law::Mu, &samples);
        let mut decoder = Decoder::new(8_000);
        let mut heard = Vec::new();
        samples.chunks(piece).for_each(|piece| decoder.push(piece, &mut heard));
        let heard: String = heard.iter().map(|each| each.character).collect();
        prop_assert_eq!(heard, spoken(&text));
    }

    #[test]
    fn any_samples_do_no_harm(samples in prop::collection::vec(any::<i16>(), 0..2_000), rate in 0u32..50_000) {
        let mut heard = Vec::new();
        Decoder::new(rate).push(&samples, &mut heard);
    }
}
