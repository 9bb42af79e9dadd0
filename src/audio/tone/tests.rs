use super::*;
use crate::audio::FRAME_SAMPLES;

#[test]
fn the_level_is_zero_in_both_laws() {
    for law in [Law::Mu, Law::A] {
        let mut audio = [0; PERIOD];
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
