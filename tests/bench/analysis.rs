//! What it costs to listen to a caller without any service: CPU-seconds in a minute of a call, beside the goal for the
//! whole assistant.

use std::hint::black_box;

use ringwell::audio::analysis::Analysis;
use ringwell::audio::{FRAME_SAMPLES, Law};
use ringwell::io::clock;

const MINUTES: u32 = 60;
/// CPU-seconds in a minute of a call that the whole assistant may cost.
const ASSISTANT: f64 = 0.13;

/// A voice for a second of two, and a faint noise; as it stands in most calls.
fn talk(rate: u32, seconds: u32) -> Vec<i16> {
    let mut noise = 1_u32;
    (0..rate * seconds)
        .map(|at| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let time = f64::from(at) / f64::from(rate);
            let pitch = 120.0 + 20.0 * (time * 2.1).sin();
            let glottis = (time * pitch).fract() - 0.5;
            let syllable = (time * 4.0 * core::f64::consts::PI).sin().abs();
            let speaks = f64::from((at / rate).is_multiple_of(2));
            let faint = f64::from(noise >> 16) / 32_768.0 - 1.0;
            (9_000.0 * glottis * syllable * speaks + 20.0 * faint) as i16
        })
        .collect()
}

fn silence(rate: u32, seconds: u32) -> Vec<i16> {
    vec![0; (rate * seconds) as usize]
}

#[test]
#[ignore = "a measurement"]
fn what_listening_to_a_caller_costs() {
    println!("analysis of the caller's audio, CPU-seconds in a minute of a call:");
    for (name, make) in [
        ("talk", talk as fn(u32, u32) -> Vec<i16>),
        ("silence", silence),
    ] {
        for heeds in [false, true] {
            let codes: Vec<u8> = make(8_000, 60).iter().map(|s| Law::Mu.encode(*s)).collect();
            let mut analysis = Analysis::new();
            analysis.heed_keys(heeds);
            let narrow = per_minute(|| {
                for chunk in codes.chunks(4 * FRAME_SAMPLES) {
                    analysis.hear_law(Law::Mu, chunk, |event| {
                        black_box(event);
                    });
                }
            });
            let samples = make(16_000, 60);
            let wide = per_minute(|| {
                for chunk in samples.chunks(8 * FRAME_SAMPLES) {
                    analysis.hear_wide(chunk, |event| {
                        black_box(event);
                    });
                }
            });
            let keys = if heeds { "with keys" } else { "without keys" };
            println!(
                "  {name}, {keys}: G.711 {narrow:.5} ({:.1} % of {ASSISTANT}), 16 kHz {wide:.5}",
                100.0 * narrow / ASSISTANT
            );
        }
    }
}

/// The least of several runs: what it costs when nobody interferes.
fn per_minute(mut minute: impl FnMut()) -> f64 {
    let mut least = f64::MAX;
    for _ in 0..MINUTES {
        let begun = clock::now();
        minute();
        least = least.min((clock::now() - begun).as_secs_f64());
    }
    least
}
