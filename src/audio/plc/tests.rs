use super::*;
use crate::audio::speech_like::SpeechLike;

#[test]
fn what_was_never_interrupted_passes_untouched() {
    let mut concealer = Concealer::new(8_000);
    let mut speech = SpeechLike::new(8_000, 1);
    for _ in 0..100 {
        let frame = speech.take(160);
        let mut heard = frame.clone();
        concealer.heard(&mut heard);
        assert_eq!(frame, heard);
    }
}

#[test]
fn a_steady_tone_goes_on_through_a_loss() {
    for rate in [8_000_u32, 16_000] {
        let tone = |at: usize| (8_000.0 * (at as f32 * 0.8 * 1_000.0 / rate as f32).sin()) as i16;
        let length = rate as usize / 50;
        let mut concealer = Concealer::new(rate);
        for frame in 0..5 {
            let mut heard: Vec<i16> = (frame * length..(frame + 1) * length).map(tone).collect();
            concealer.heard(&mut heard);
        }
        let mut made = vec![0; length / 2];
        concealer.conceal(&mut made);
        for (index, &sample) in made.iter().enumerate() {
            let left = 1.0 - index as f32 / (3 * length) as f32; // silent after three frames
            let wanted = (f32::from(tone(5 * length + index)) * left) as i32;
            assert!(
                (i32::from(sample) - wanted).abs() < 900,
                "{rate}: sample {index}: {sample}, wanted {wanted}"
            );
        }
    }
}

#[test]
fn a_loss_fades_to_silence_within_60_ms_in_frames_of_any_length() {
    for length in [40, 80, 160, 240, 480] {
        let mut concealer = Concealer::new(8_000);
        let mut speech = voiced(8_000, 4_000);
        concealer.heard(&mut speech);
        let mut made = vec![0; 960];
        for frame in made.chunks_mut(length) {
            concealer.conceal(frame);
        }
        let energies: Vec<f64> = made[..480].chunks(160).map(energy).collect();
        assert!(
            energies.is_sorted_by(|before, after| before > after),
            "{energies:?}"
        );
        assert!(made[480..].iter().all(|&sample| sample == 0));
    }
}

#[test]
fn the_length_of_the_frames_changes_nothing_of_what_is_made_up() {
    let made = |length: usize| {
        let mut concealer = Concealer::new(16_000);
        concealer.heard(&mut voiced(16_000, 8_000));
        let mut made = vec![0; 960];
        made.chunks_mut(length)
            .for_each(|frame| concealer.conceal(frame));
        made
    };
    assert_eq!(made(960), made(160));
    assert_eq!(made(960), made(320));
}

#[test]
fn neither_beginning_nor_end_of_a_loss_clicks() {
    let mut speech = SpeechLike::new(8_000, 7).take(16_000);
    let before = steepest(&speech);
    let mut concealer = Concealer::new(8_000);
    for (index, frame) in speech.chunks_mut(160).enumerate() {
        if index % 7 == 6 {
            concealer.conceal(frame);
        } else {
            concealer.heard(frame);
        }
    }
    assert!(steepest(&speech) <= before * 5 / 4);
}

#[test]
fn nothing_heard_gives_silence_and_a_reset_forgets() {
    let mut concealer = Concealer::new(8_000);
    let mut frame = [1; 160];
    concealer.conceal(&mut frame);
    assert_eq!(frame, [0; 160]);
    concealer.heard(&mut voiced(8_000, 800));
    concealer.reset();
    concealer.conceal(&mut frame);
    assert_eq!(frame, [0; 160]);
}

#[test]
fn extremes_saturate() {
    let mut concealer = Concealer::new(8_000);
    let mut square: Vec<i16> = (0..800)
        .map(|at| if at / 40 % 2 == 0 { i16::MAX } else { i16::MIN })
        .collect();
    concealer.heard(&mut square);
    let mut frame = [0; 480];
    concealer.conceal(&mut frame);
    concealer.heard(&mut [i16::MIN; 160]);
    concealer.heard(&mut []);
    concealer.conceal(&mut []);
}

/// The claim: nearer to what was lost than the last frame again, and than silence, in waveform and in
/// spectrum, at each rate of loss and sampling.
#[test]
fn is_nearer_to_what_was_said_than_the_last_frame_again_or_silence() {
    for rate in [8_000, 16_000] {
        for percent in [3, 5, 10] {
            let speech = SpeechLike::new(rate, 11).take(rate as usize * 20);
            let lost = losses(speech.len() / (rate as usize / 50), percent);
            let ours = Score::of(&speech, &concealed(&speech, rate, &lost), rate, &lost);
            let again = Score::of(&speech, &repeated(&speech, rate, &lost), rate, &lost);
            let silence = Score::of(&speech, &silenced(&speech, rate, &lost), rate, &lost);
            println!(
                "{rate} Hz, {percent} % lost: ours {ours:?}, again {again:?}, silence {silence:?}"
            );
            assert!(ours.snr > again.snr + 1.0 && ours.snr > silence.snr + 1.0);
            assert!(ours.distance < again.distance && ours.distance < silence.distance);
        }
    }
}

/// How near the damaged frames are to the original.
#[derive(Debug)]
struct Score {
    /// Mean of the frames' signal-to-noise ratios, dB, each held between -10 and 35.
    snr: f64,
    /// Root mean square difference of the log spectra in 16 bands, dB.
    distance: f64,
}

impl Score {
    /// The ratios over the lost frames that held speech; the spectra also over the two windows that
    /// straddle a loss's beginning and end, where a click would be.
    fn of(speech: &[i16], played: &[i16], rate: u32, lost: &[bool]) -> Self {
        let length = rate as usize / 50;
        let (mut frames, mut snr, mut distance) = (0.0, 0.0, 0.0);
        for index in (1..lost.len() - 1).filter(|index| lost[*index]) {
            let frame = index * length..(index + 1) * length;
            let (said, heard) = (&speech[frame.clone()], &played[frame.clone()]);
            if energy(said) < 10_000.0 {
                continue;
            }
            let pairs = said.iter().zip(heard);
            let error: Vec<i16> = pairs.map(|(a, b)| a.saturating_sub(*b)).collect();
            let ratio = 10.0 * (energy(said) / energy(&error).max(1e-3)).log10();
            snr += ratio.clamp(-10.0, 35.0);
            for start in [
                frame.start - length / 2,
                frame.start,
                frame.start + length / 2,
            ] {
                let window = start..start + length;
                distance += spectral_distance(&speech[window.clone()], &played[window]) / 3.0;
            }
            frames += 1.0;
        }
        Self {
            snr: snr / frames,
            distance: (distance / frames).sqrt(),
        }
    }
}

fn spectral_distance(said: &[i16], heard: &[i16]) -> f64 {
    let bands = 16;
    let squares = (1..=bands).map(|band| {
        let turn = core::f64::consts::PI * (f64::from(band) - 0.5) / f64::from(bands);
        (level_at(said, turn) - level_at(heard, turn)).powi(2)
    });
    squares.sum::<f64>() / f64::from(bands)
}

/// The level of one frequency in dB, through a Hann window, above the floor of what can be heard.
fn level_at(frame: &[i16], turn: f64) -> f64 {
    let (mut real, mut imaginary) = (0.0, 0.0);
    for (index, &sample) in frame.iter().enumerate() {
        let along = index as f64 / frame.len() as f64;
        let window = 0.5 - 0.5 * (core::f64::consts::TAU * along).cos();
        let angle = turn * index as f64;
        real += f64::from(sample) * window * angle.cos();
        imaginary += f64::from(sample) * window * angle.sin();
    }
    let scale = frame.len() as f64 / 2.0;
    20.0 * (real.hypot(imaginary) / scale).max(3.0).log10()
}

fn concealed(speech: &[i16], rate: u32, lost: &[bool]) -> Vec<i16> {
    let mut played = speech.to_vec();
    let mut concealer = Concealer::new(rate);
    for (frame, &lost) in played.chunks_mut(rate as usize / 50).zip(lost) {
        if lost {
            concealer.conceal(frame);
        } else {
            concealer.heard(frame);
        }
    }
    played
}

fn repeated(speech: &[i16], rate: u32, lost: &[bool]) -> Vec<i16> {
    let mut played = speech.to_vec();
    let length = rate as usize / 50;
    for (index, _) in lost.iter().enumerate().filter(|(_, lost)| **lost) {
        played.copy_within((index - 1) * length..index * length, index * length);
    }
    played
}

fn silenced(speech: &[i16], rate: u32, lost: &[bool]) -> Vec<i16> {
    let mut played = speech.to_vec();
    for (frame, _) in played
        .chunks_mut(rate as usize / 50)
        .zip(lost)
        .filter(|(_, lost)| **lost)
    {
        frame.fill(0);
    }
    played
}

fn losses(frames: usize, percent: u32) -> Vec<bool> {
    let mut seed = 99_u32;
    (0..frames)
        .map(|index| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            index > 4 && (seed >> 8) % 100 < percent
        })
        .collect()
}

fn voiced(rate: u32, samples: usize) -> Vec<i16> {
    (0..samples)
        .map(|at| {
            let turn = core::f32::consts::TAU * 125.0 * at as f32 / rate as f32;
            ((turn.sin() + 0.5 * (3.0 * turn).sin() + 0.3 * (8.0 * turn).cos()) * 5_000.0) as i16
        })
        .collect()
}

fn energy(frame: &[i16]) -> f64 {
    let sum: f64 = frame.iter().map(|&s| f64::from(s) * f64::from(s)).sum();
    sum / frame.len() as f64
}

fn steepest(speech: &[i16]) -> i32 {
    let steps = speech.windows(2);
    steps
        .map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs())
        .max()
        .unwrap_or(0)
}
