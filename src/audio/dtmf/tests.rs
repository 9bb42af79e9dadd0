use super::*;
use crate::audio::plc::Concealer;
use crate::audio::speech_like::SpeechLike;

const ALL: &str = "1234567890*#ABCD";

/// How a stream of keys is made.
#[derive(Clone, Copy)]
struct Sender {
    on_ms: u32,
    off_ms: u32,
    low_dbm0: f64,
    high_dbm0: f64,
    off_by: f64,
    noise_dbm0: f64,
}

const PLAIN: Sender = Sender {
    on_ms: 60,
    off_ms: 60,
    low_dbm0: -9.0,
    high_dbm0: -7.0,
    off_by: 1.0,
    noise_dbm0: -60.0,
};

fn amplitude(dbm0: f64) -> f64 {
    (2.0 * level::milliwatt(Law::Mu)).sqrt() * 10f64.powf(dbm0 / 20.0)
}

impl Sender {
    fn send(&self, keys: &str) -> Vec<i16> {
        let mut seed = 12_345_u32;
        let mut made = Vec::new();
        let samples = |ms: u32| ms * SAMPLE_RATE / 1_000;
        let noise = amplitude(self.noise_dbm0) * 1.5f64.sqrt();
        let silence = (0..samples(70)).map(|_| None);
        let mut plan: Vec<Option<(f64, f64, u32)>> = silence.collect();
        for key in keys.chars() {
            let (row, column) = place(key);
            let (low, high) = (FREQUENCIES[row], FREQUENCIES[4 + column]);
            plan.extend((0..samples(self.on_ms)).map(|at| Some((low, high, at))));
            plan.extend((0..samples(self.off_ms)).map(|_| None));
        }
        plan.extend((0..samples(70)).map(|_| None));
        for step in plan {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let hiss = (f64::from(seed >> 8) / f64::from(1 << 23) - 1.0) * noise;
            let tones = step.map_or(0.0, |(low, high, at)| {
                let turn = core::f64::consts::TAU * f64::from(at) * self.off_by / 8_000.0;
                amplitude(self.low_dbm0) * (low * turn).sin()
                    + amplitude(self.high_dbm0) * (high * turn + 1.0).sin()
            });
            made.push((tones + hiss).round() as i16);
        }
        made
    }
}

fn place(key: char) -> (usize, usize) {
    let row = KEYS.iter().position(|row| row.contains(&key)).unwrap();
    let column = KEYS[row].iter().position(|it| *it == key).unwrap();
    (row, column)
}

fn heard(samples: &[i16]) -> String {
    let mut detector = Detector::new();
    let mut keys = String::new();
    for frame in samples.chunks(160) {
        detector.hear(frame, |key| keys.push(key));
    }
    keys
}

fn through(law: Law, samples: &[i16]) -> Vec<i16> {
    samples
        .iter()
        .map(|&sample| law.decode(law.encode(sample)))
        .collect()
}

#[test]
fn every_key_once_in_both_laws_and_in_frames_of_any_length() {
    let sent = PLAIN.send(ALL);
    assert_eq!(heard(&sent), ALL);
    for law in [Law::Mu, Law::A] {
        assert_eq!(heard(&through(law, &sent)), ALL, "{law:?}");
    }
    for length in [1, 7, 80, 480] {
        let mut detector = Detector::new();
        let mut keys = String::new();
        sent.chunks(length)
            .for_each(|frame| detector.hear(frame, |key| keys.push(key)));
        assert_eq!(keys, ALL, "{length}");
    }
}

#[test]
fn levels_twist_and_frequency_as_q_24_wants_them() {
    for (low_dbm0, high_dbm0) in [
        (-3.0, -3.0),
        (-25.0, -25.0),
        (-29.0, -27.0),
        (-12.0, -8.0),
        (-7.0, -15.0),
        (-17.0, -25.0),
    ] {
        for off_by in [0.985, 1.0, 1.015] {
            let sender = Sender {
                low_dbm0,
                high_dbm0,
                off_by,
                ..PLAIN
            };
            for law in [Law::Mu, Law::A] {
                assert_eq!(
                    heard(&through(law, &sender.send(ALL))),
                    ALL,
                    "{low_dbm0} {high_dbm0} {off_by} {law:?}"
                );
            }
        }
    }
    for off_by in [0.965, 1.035] {
        assert_eq!(heard(&Sender { off_by, ..PLAIN }.send(ALL)), "", "{off_by}");
    }
    for (low_dbm0, high_dbm0) in [(-15.0, -7.0), (-7.0, -19.0), (-45.0, -45.0)] {
        let sender = Sender {
            low_dbm0,
            high_dbm0,
            ..PLAIN
        };
        assert_eq!(heard(&sender.send(ALL)), "", "{low_dbm0} {high_dbm0}");
    }
}

#[test]
fn durations_and_pauses_as_q_24_wants_them() {
    for on_ms in [40, 41, 43, 45, 50, 100, 1_000] {
        let sender = Sender {
            on_ms,
            off_ms: 40,
            ..PLAIN
        };
        assert_eq!(heard(&sender.send(ALL)), ALL, "{on_ms}");
        assert_eq!(heard(&sender.send("5555")), "5555", "{on_ms}");
    }
    for on_ms in [5, 10, 20, 23] {
        assert_eq!(heard(&Sender { on_ms, ..PLAIN }.send(ALL)), "", "{on_ms}");
    }
}

#[test]
fn noise_15_db_below_is_no_matter() {
    let sender = Sender {
        noise_dbm0: -20.0,
        ..PLAIN
    };
    assert_eq!(
        heard(&through(Law::Mu, &sender.send(&ALL.repeat(20)))),
        ALL.repeat(20)
    );
}

#[test]
fn an_interruption_of_10_ms_makes_no_second_key() {
    for at in (0..400).step_by(20) {
        let mut sent = Sender {
            on_ms: 100,
            ..PLAIN
        }
        .send("9");
        sent[700 + at..][..80].fill(0);
        assert_eq!(heard(&sent), "9", "{at}");
    }
}

/// A packet that is lost inside a key is no matter, concealed or silent.
#[test]
fn lost_packets_neither_lose_nor_double_a_key() {
    let keys = ALL.repeat(5);
    let sent = Sender {
        on_ms: 100,
        off_ms: 80,
        ..PLAIN
    }
    .send(&keys);
    for concealed in [false, true] {
        let mut seed = 5_u32;
        let mut concealer = Concealer::new(8_000);
        let mut damaged = sent.clone();
        let mut since = 0;
        for frame in damaged.chunks_mut(160) {
            since += 1;
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let lost = since > 6 && (seed >> 16) % 100 < 20; // one in a key, not two
            since = if lost { 0 } else { since };
            match (lost, concealed) {
                (false, _) => concealer.heard(frame),
                (true, false) => frame.fill(0),
                (true, true) => concealer.conceal(frame),
            }
        }
        assert_eq!(heard(&damaged), keys, "{concealed}");
    }
}

#[test]
fn speech_presses_no_keys() {
    for seed in 0..4 {
        assert_eq!(
            heard(&SpeechLike::new(8_000, seed).take(8_000 * 60)),
            "",
            "{seed}"
        );
    }
}

#[test]
fn single_tones_chords_and_hiss_are_no_keys() {
    for tones in [
        [1_100.0, 0.0, 0.0],
        [2_100.0, 0.0, 0.0],
        [440.0, 480.0, 0.0],
        [941.0, 0.0, 0.0],
        [770.0, 1_336.0, 1_000.0],
        [697.0, 852.0, 1_209.0],
    ] {
        let chord: Vec<i16> = (0..16_000)
            .map(|at| {
                let sines = tones.map(|tone: f64| {
                    (core::f64::consts::TAU * tone * f64::from(at) / 8_000.0).sin()
                });
                (5_000.0 * sines.iter().sum::<f64>()) as i16
            })
            .collect();
        assert_eq!(heard(&chord), "", "{tones:?}");
    }
    let hiss = Sender {
        noise_dbm0: -10.0,
        on_ms: 60_000,
        low_dbm0: -99.0,
        high_dbm0: -99.0,
        ..PLAIN
    };
    assert_eq!(heard(&hiss.send("1")), "");
}

/// `dtmf_speech.raw` in the folder that `RINGWELL_SPEECH` names: 8 kHz, 16 bits, such as espeak-ng makes of
/// long texts in many voices.
#[test]
#[ignore = "takes a recording of an hour"]
fn an_hour_of_speech_presses_no_keys() {
    let folder = std::env::var("RINGWELL_SPEECH").expect("RINGWELL_SPEECH names a folder");
    let bytes = std::fs::read(format!("{folder}/dtmf_speech.raw")).expect("the recording is there");
    let samples: Vec<i16> = bytes
        .chunks_exact(2)
        .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
        .collect();
    println!("{} minutes: {:?}", samples.len() / 480_000, heard(&samples));
    assert!(samples.len() >= 3_600 * 8_000, "it is shorter than an hour");
    assert_eq!(heard(&through(Law::Mu, &samples)), "");
}
