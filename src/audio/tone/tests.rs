use super::*;
use crate::audio::FRAME_SAMPLES;

#[test]
fn the_level_is_zero_in_both_laws() {
    for law in [Law::Mu, Law::A] {
        let mut audio = [0; PERIOD_MAX];
        Tone::milliwatt(law).fill(&mut audio);
        let level = level::dbm0(law, &audio);
        assert!(level.abs() < 0.05, "{law:?} {level}");
    }
}

/// Power of one frequency relative to the whole, by correlation.
fn share(law: Law, audio: &[u8], frequency: f64) -> f64 {
    let (mut real, mut imaginary, mut all) = (0.0, 0.0, 0.0);
    for (index, &code) in audio.iter().enumerate() {
        let sample = f64::from(law.decode(code));
        let angle = core::f64::consts::TAU * frequency * index as f64 / f64::from(SAMPLE_RATE);
        real += sample * angle.cos();
        imaginary += sample * angle.sin();
        all += sample * sample;
    }
    2.0 * (real * real + imaginary * imaginary) / (all * audio.len() as f64)
}

#[test]
fn frames_join_without_a_seam() {
    for law in [Law::Mu, Law::A] {
        let mut tone = Tone::milliwatt(law);
        let mut audio = vec![0; 50 * FRAME_SAMPLES];
        for frame in audio.chunks_mut(FRAME_SAMPLES) {
            tone.fill(frame);
        }
        assert!(share(law, &audio, 1004.0) > 0.999, "{law:?}");
        assert!(share(law, &audio, 1000.0) < 0.001, "{law:?}");
    }
}

#[test]
fn ring_back_sounds_as_its_country_knows_it() {
    for (country, frequencies, on, off) in [
        ("DE", &[425.0][..], 8000, 32_000),
        ("us", &[440.0, 480.0], 16_000, 32_000),
        ("GB", &[400.0, 450.0], 3200, 1600),
    ] {
        for law in [Law::Mu, Law::A] {
            let mut tone = Tone::ring_back(law, RingBack::of(country));
            for round in 0..2 {
                let (mut ring, mut pause) = (vec![0; on], vec![0; off]);
                for frame in ring.chunks_mut(FRAME_SAMPLES) {
                    tone.fill(frame);
                }
                let heard: f64 = frequencies.iter().map(|it| share(law, &ring, *it)).sum();
                assert!(heard > 0.99, "{country} {law:?} {round} {heard}");
                let level = level::dbm0(law, &ring);
                assert!((-21.0..-14.0).contains(&level), "{country} {law:?} {level}");
                tone.fill(&mut pause);
                assert!(pause.iter().all(|code| *code == law.silence()), "{country}");
                if country == "GB" {
                    tone.fill(&mut ring);
                    assert!(ring.iter().any(|code| *code != law.silence()));
                    tone.fill(&mut vec![0; 16_000]);
                }
            }
        }
    }
}

#[test]
fn a_round_of_linear_ring_back_is_that_of_the_law() {
    for country in ["DE", "US", "GB"] {
        let kind = RingBack::of(country);
        let round = kind.round(8_000);
        let mut tone = Tone::ring_back(Law::Mu, kind);
        for _ in 0..2 {
            let mut codes = vec![0; round.len()];
            tone.fill(&mut codes);
            let same = |(sample, code): (&i16, &u8)| Law::Mu.encode(*sample) == *code;
            let differ = round.iter().zip(&codes).filter(|it| !same(*it)).count();
            // A sample at the border of two codes may be rounded the other way.
            assert!(differ * 1_000 < round.len(), "{country}: {differ}");
        }
        assert_eq!(kind.round(16_000).len(), 2 * round.len());
    }
}
