use super::*;
use crate::audio::speech_like::SpeechLike;

const SILENCE: (&[f64], u32) = (&[], 1_000);

/// Stretches of tones, each with its milliseconds, at -12 dBm0 a tone, through µ-law.
fn made(stretches: &[(&[f64], u32)]) -> Vec<i16> {
    let amplitude = (2.0 * level::milliwatt(Law::Mu)).sqrt() / 4.0;
    let mut samples = Vec::new();
    for (tones, ms) in stretches {
        for at in 0..ms * 8 {
            let turn = core::f64::consts::TAU * f64::from(at) / 8_000.0;
            let sum: f64 = tones.iter().map(|tone| (tone * turn).sin()).sum();
            let sample = (amplitude * sum) as i16;
            samples.push(Law::Mu.decode(Law::Mu.encode(sample)));
        }
    }
    samples
}

fn heard(samples: &[i16]) -> Vec<Tone> {
    let mut listener = Listener::new();
    let mut tones = Vec::new();
    for frame in samples.chunks(160) {
        listener.hear(frame, |tone| tones.push(tone));
    }
    tones
}

/// A pattern of on and off, repeated, from any phase of the looks.
fn repeated(tones: &[f64], pattern: &[u32], times: usize, shift: u32) -> Vec<Tone> {
    let mut stretches = vec![(&[][..], 1_000 + shift)];
    for _ in 0..times {
        for (index, ms) in pattern.iter().enumerate() {
            stretches.push((if index % 2 == 0 { tones } else { &[] }, *ms));
        }
    }
    stretches.push(SILENCE);
    heard(&made(&stretches))
}

#[test]
fn a_calling_fax_is_known_by_its_second_burst() {
    for shift in [0, 7, 20, 33] {
        for (on, off) in [(500, 3_000), (425, 2_550), (575, 3_450)] {
            for tone in [1_100.0, 1_062.0, 1_138.0] {
                let tones = repeated(&[tone], &[on, off], 3, shift);
                assert_eq!(tones, [Tone::FaxCalling], "{on} {off} {tone} {shift}");
            }
        }
        assert_eq!(repeated(&[1_100.0], &[500, 3_000], 1, shift), []);
        assert_eq!(repeated(&[1_100.0], &[500, 500], 6, shift), []);
        assert_eq!(repeated(&[1_100.0], &[3_000, 3_000], 3, shift), []);
        assert_eq!(repeated(&[1_200.0], &[500, 3_000], 3, shift), []);
    }
}

#[test]
fn an_answering_fax_is_known_with_and_without_phase_reversals() {
    assert_eq!(repeated(&[2_100.0], &[3_000], 1, 11), [Tone::FaxAnswering]);
    let mut reversed = made(&[(&[2_100.0], 3_300)]);
    for half in reversed.chunks_mut(3_600).skip(1).step_by(2) {
        half.iter_mut().for_each(|sample| *sample = -*sample);
    }
    assert_eq!(heard(&reversed), [Tone::FaxAnswering]);
    assert_eq!(repeated(&[2_100.0], &[700, 500], 4, 0), []);
}

#[test]
fn ring_back_of_several_countries() {
    let patterns: [(&[f64], &[u32]); 4] = [
        (&[425.0], &[1_000, 4_000]),
        (&[440.0, 480.0], &[2_000, 4_000]),
        (&[400.0, 450.0], &[400, 200, 400, 2_000]),
        (&[425.0], &[1_500, 3_500]),
    ];
    for (tones, pattern) in patterns {
        for shift in [0, 13, 26] {
            assert_eq!(
                repeated(tones, pattern, 4, shift),
                [Tone::RingBack],
                "{tones:?} {pattern:?}"
            );
        }
    }
}

#[test]
fn busy_and_congestion_of_several_countries() {
    let patterns: [(&[f64], [u32; 2]); 5] = [
        (&[425.0], [500, 500]),
        (&[425.0], [250, 250]),
        (&[480.0, 620.0], [500, 500]),
        (&[480.0, 620.0], [250, 250]),
        (&[400.0], [375, 375]),
    ];
    for (tones, pattern) in patterns {
        for shift in [0, 13, 26] {
            assert_eq!(
                repeated(tones, &pattern, 8, shift),
                [Tone::Busy],
                "{tones:?} {pattern:?}"
            );
        }
    }
}

#[test]
fn a_dial_tone_does_not_stop() {
    assert_eq!(repeated(&[425.0], &[9_000], 1, 0), [Tone::Dial]);
    assert_eq!(repeated(&[350.0, 440.0], &[9_000], 1, 0), [Tone::Dial]);
    assert_eq!(repeated(&[425.0], &[3_000], 1, 0), []);
}

#[test]
fn each_is_told_again_after_something_else() {
    let mut samples = made(&[(&[425.0], 5_000)]);
    samples.extend(SpeechLike::new(8_000, 3).take(16_000));
    samples.extend(made(&[(&[425.0], 5_000)]));
    assert_eq!(heard(&samples), [Tone::Dial, Tone::Dial]);
}

#[test]
fn speech_and_keys_are_none_of_these() {
    for seed in 0..4 {
        assert_eq!(
            heard(&SpeechLike::new(8_000, seed).take(8_000 * 60)),
            [],
            "{seed}"
        );
    }
    assert_eq!(repeated(&[941.0, 1_336.0], &[100, 100], 40, 0), []);
}

/// The recording that the keys are tried on.
#[test]
#[ignore = "takes a recording of an hour"]
fn an_hour_of_speech_is_none_of_these() {
    let folder = std::env::var("RINGWELL_SPEECH").expect("RINGWELL_SPEECH names a folder");
    let bytes = std::fs::read(format!("{folder}/dtmf_speech.raw")).expect("the recording is there");
    let samples: Vec<i16> = bytes
        .chunks_exact(2)
        .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
        .collect();
    assert!(samples.len() >= 3_600 * 8_000, "it is shorter than an hour");
    assert_eq!(heard(&samples), []);
}
