use super::*;
use crate::audio::speech_like::SpeechLike;

fn hear(activity: &mut Activity, samples: &[i16]) -> Vec<(usize, Change)> {
    let mut changes = Vec::new();
    let (frames, _) = samples.as_chunks();
    for (at, frame) in frames.iter().enumerate() {
        activity.hear(frame, |change| changes.push((at, change)));
    }
    changes
}

fn noise(dbm0: f64, seconds: usize, seed: u32) -> Vec<i16> {
    let amplitude = (3.0 * level::milliwatt(Law::Mu)).sqrt() * 10f64.powf(dbm0 / 20.0);
    let mut state = seed | 1;
    let mut chance = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        f64::from(state >> 8) / f64::from(1 << 23) - 1.0
    };
    (0..seconds * 8_000)
        .map(|_| (amplitude * chance()) as i16)
        .collect()
}

/// Speech-like sound whose loudest frames stand at this level.
fn speech(dbm0: f64, seconds: usize, seed: u32) -> Vec<i16> {
    let made = SpeechLike::new(8_000, seed).take(seconds * 8_000);
    let loudest = made
        .chunks(FRAME_SAMPLES)
        .map(|frame| frame.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / 160.0)
        .fold(0.0, f64::max);
    let gain = (level::milliwatt(Law::Mu) / loudest).sqrt() * 10f64.powf(dbm0 / 20.0);
    made.iter().map(|&s| (f64::from(s) * gain) as i16).collect()
}

fn mixed(one: &[i16], other: &[i16]) -> Vec<i16> {
    let pairs = one.iter().zip(other);
    pairs.map(|(a, b)| a.saturating_add(*b)).collect()
}

#[test]
fn speech_begins_within_a_tenth_and_ends_after_half_a_second() {
    for floor in [-99.0, -60.0, -45.0] {
        let mut activity = Activity::new();
        let mut samples = noise(floor, 6, 1);
        samples.extend(mixed(&speech(-15.0, 1, 5), &noise(floor, 1, 2)));
        samples.extend(noise(floor, 3, 3));
        let changes = hear(&mut activity, &samples);
        let changes: Vec<_> = changes.into_iter().filter(|(at, _)| *at >= 250).collect();
        assert_eq!(changes.len(), 2, "{floor}: {changes:?}");
        let (begun, ended) = (changes[0], changes[1]);
        assert_eq!(begun.1, Change::Speech(true));
        assert!((304..330).contains(&begun.0), "{floor}: {changes:?}");
        assert_eq!(ended.1, Change::Speech(false));
        assert!((320..380).contains(&ended.0), "{floor}: {changes:?}");
    }
}

#[test]
fn a_steady_noise_becomes_the_floor() {
    for dbm0 in [-45.0, -35.0, -25.0] {
        let mut activity = Activity::new();
        let changes = hear(&mut activity, &noise(dbm0, 20, 7));
        let speech = changes
            .iter()
            .filter(|(_, it)| matches!(it, Change::Speech(_)));
        let speech: Vec<_> = speech.collect();
        assert!(speech.iter().all(|(at, _)| *at < 250), "{dbm0}: {speech:?}");
        assert!(speech.last().is_none_or(|it| it.1 == Change::Speech(false)));
        let levels = activity.levels();
        assert!((levels.noise_dbm0 - dbm0).abs() < 1.0, "{levels:?}");
    }
}

#[test]
fn a_click_is_no_speech() {
    let mut samples = vec![0; 16_000];
    samples[8_000..8_400].fill(9_000);
    assert_eq!(hear(&mut Activity::new(), &samples), []);
}

#[test]
fn levels_are_those_of_speech_and_of_the_noise_between() {
    let mut samples = noise(-55.0, 5, 1);
    for seed in 0..5 {
        samples.extend(mixed(&speech(-20.0, 3, seed), &noise(-55.0, 3, seed + 9)));
        samples.extend(noise(-55.0, 2, seed + 20));
    }
    let mut activity = Activity::new();
    hear(&mut activity, &samples);
    let levels = activity.levels();
    assert_eq!(levels.frames, 1_500);
    assert!((-34.0..-20.0).contains(&levels.speech_dbm0), "{levels:?}");
    assert!((-56.0..-48.0).contains(&levels.noise_dbm0), "{levels:?}");
    assert!((300..800).contains(&levels.spoken), "{levels:?}");
    assert_eq!(levels.clipped, 0);
}

#[test]
fn speech_that_is_cut_off_at_the_top_is_counted() {
    let loud: Vec<i16> = speech(-3.0, 20, 3)
        .iter()
        .map(|sample| sample.saturating_mul(6))
        .map(|sample| Law::A.decode(Law::A.encode(sample)))
        .collect();
    let mut activity = Activity::new();
    hear(&mut activity, &loud);
    let levels = activity.levels();
    assert!(levels.clipped * 4 > levels.spoken, "{levels:?}");
    let mut activity = Activity::new();
    hear(&mut activity, &speech(-8.0, 20, 3));
    assert_eq!(activity.levels().clipped, 0, "{:?}", activity.levels());
}

#[test]
fn silence_has_no_level() {
    let mut activity = Activity::new();
    hear(&mut activity, &[0; 16_000]);
    let levels = activity.levels();
    assert_eq!((levels.frames, levels.spoken), (100, 0));
    assert_eq!(levels.speech_dbm0, level::SILENCE_DBM0);
    assert_eq!(levels.noise_dbm0, level::SILENCE_DBM0);
}

/// Chords that follow each other without a pause, a second each.
fn music(seconds: u32) -> Vec<i16> {
    let chords = [
        [262.0, 330.0, 392.0],
        [349.0, 440.0, 523.0],
        [392.0, 494.0, 587.0],
    ];
    (0..seconds * 8_000)
        .map(|at| {
            let chord = chords[(at / 8_000 % 3) as usize];
            let fade = 1.0 - 0.7 * f64::from(at % 8_000) / 8_000.0;
            let turn = core::f64::consts::TAU * f64::from(at) / 8_000.0;
            let sum: f64 = chord.iter().map(|note: &f64| (note * turn).sin()).sum();
            (2_500.0 * fade * sum) as i16
        })
        .collect()
}

#[test]
fn music_goes_on_without_a_pause_and_speech_does_not() {
    let mut activity = Activity::new();
    let mut samples = music(30);
    samples.extend([0; 3 * 8_000]);
    let changes = hear(&mut activity, &samples);
    let unbroken: Vec<_> = changes
        .iter()
        .filter(|(_, it)| matches!(it, Change::Unbroken(_)))
        .collect();
    let [
        (begun, Change::Unbroken(true)),
        (ended, Change::Unbroken(false)),
    ] = unbroken[..]
    else {
        panic!("{unbroken:?}");
    };
    assert_eq!((*begun, *ended), (399, 1_549));
    for seed in 0..4 {
        let mut activity = Activity::new();
        let changes = hear(&mut activity, &speech(-10.0, 120, seed));
        let unbroken = changes
            .iter()
            .filter(|(_, it)| matches!(it, Change::Unbroken(_)));
        assert_eq!(unbroken.count(), 0, "{seed}");
    }
}
