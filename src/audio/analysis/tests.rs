use super::*;
use crate::audio::level;
use crate::audio::speech_like::SpeechLike;

/// Stretches of tones at -12 dBm0 each, with their milliseconds, at a rate.
fn made(rate: u32, stretches: &[(&[f64], u32)]) -> Vec<i16> {
    let amplitude = (2.0 * level::milliwatt(Law::Mu)).sqrt() / 4.0;
    let mut samples = Vec::new();
    for (tones, ms) in stretches {
        for at in 0..ms * (rate / 1_000) {
            let turn = core::f64::consts::TAU * f64::from(at) / f64::from(rate);
            let sum: f64 = tones.iter().map(|tone| (tone * turn).sin()).sum();
            samples.push((amplitude * sum) as i16);
        }
    }
    samples
}

fn in_law(law: Law, samples: &[i16], heeds: bool) -> Vec<Event> {
    let mut analysis = Analysis::new();
    analysis.heed_keys(heeds);
    let codes: Vec<u8> = samples.iter().map(|sample| law.encode(*sample)).collect();
    let mut events = Vec::new();
    for chunk in codes.chunks(640) {
        analysis.hear_law(law, chunk, |event| events.push(event));
    }
    events
}

fn in_wideband(samples: &[i16], heeds: bool) -> Vec<Event> {
    let mut analysis = Analysis::new();
    analysis.heed_keys(heeds);
    let mut events = Vec::new();
    for chunk in samples.chunks(321) {
        analysis.hear_wide(chunk, |event| events.push(event));
    }
    events
}

fn keys(events: &[Event]) -> String {
    let keys = events.iter().filter_map(|event| match event {
        Event::Key(key) => Some(*key),
        _ => None,
    });
    keys.collect()
}

fn tones(events: &[Event]) -> Vec<Tone> {
    let tones = events.iter().filter_map(|event| match event {
        Event::Tone(tone) => Some(*tone),
        _ => None,
    });
    tones.collect()
}

const CALLING: [(&[f64], u32); 5] = [
    (&[], 700),
    (&[1_100.0], 500),
    (&[], 3_000),
    (&[1_100.0], 500),
    (&[], 1_000),
];
const KEYS: [(&[f64], u32); 5] = [
    (&[], 300),
    (&[697.0, 1_209.0], 80),
    (&[], 80),
    (&[941.0, 1_477.0], 80),
    (&[], 200),
];

#[test]
fn a_fax_machine_is_heard_in_every_form() {
    for law in [Law::Mu, Law::A] {
        let events = in_law(law, &made(8_000, &CALLING), true);
        assert_eq!(tones(&events), [Tone::FaxCalling], "{law:?}");
        assert_eq!(keys(&events), "");
    }
    let events = in_wideband(&made(16_000, &CALLING), true);
    assert_eq!(tones(&events), [Tone::FaxCalling]);
}

#[test]
fn keys_are_told_while_they_are_heeded() {
    for law in [Law::Mu, Law::A] {
        assert_eq!(keys(&in_law(law, &made(8_000, &KEYS), true)), "1#");
        assert_eq!(keys(&in_law(law, &made(8_000, &KEYS), false)), "");
    }
    assert_eq!(keys(&in_wideband(&made(16_000, &KEYS), true)), "1#");
}

#[test]
fn what_the_telephone_cannot_carry_folds_onto_no_tone() {
    let beyond: Vec<(&[f64], u32)> = vec![
        (&[], 700),
        (&[6_900.0], 500),
        (&[], 3_000),
        (&[6_900.0], 500),
        (&[], 1_000),
    ];
    assert_eq!(tones(&in_wideband(&made(16_000, &beyond), true)), []);
}

#[test]
fn a_ring_back_tone_is_over_when_somebody_answers() {
    let mut samples = Vec::new();
    for _ in 0..4 {
        samples.extend(made(8_000, &[(&[440.0, 480.0], 2_000), (&[], 4_000)]));
    }
    samples.extend(SpeechLike::new(8_000, 4).take(8_000 * 3));
    let events = in_law(Law::Mu, &samples, false);
    let told: Vec<&Event> = events
        .iter()
        .filter(|event| matches!(event, Event::Tone(_) | Event::RingBackOver))
        .collect();
    assert_eq!(told, [&Event::Tone(Tone::RingBack), &Event::RingBackOver]);
}

#[test]
fn a_ring_back_tone_is_over_when_it_stops() {
    let mut samples = Vec::new();
    for _ in 0..4 {
        samples.extend(made(8_000, &[(&[425.0], 1_000), (&[], 4_000)]));
    }
    samples.extend([0; 8_000 * 5]);
    let events = in_law(Law::A, &samples, false);
    assert_eq!(events.last(), Some(&Event::RingBackOver), "{events:?}");
}

#[test]
fn speech_is_speech_and_nothing_else() {
    for seed in 0..4 {
        let samples = SpeechLike::new(8_000, seed).take(8_000 * 60);
        let events = in_law(Law::Mu, &samples, true);
        assert!(events.contains(&Event::Speech(true)));
        let other = events
            .iter()
            .filter(|event| !matches!(event, Event::Speech(_)));
        assert_eq!(other.count(), 0, "{seed}: {events:?}");
    }
}

/// The recording that the keys are tried on.
#[test]
#[ignore = "takes a recording of an hour"]
fn an_hour_of_speech_is_speech_and_nothing_else() {
    let folder = std::env::var("RINGWELL_SPEECH").expect("RINGWELL_SPEECH names a folder");
    let bytes = std::fs::read(format!("{folder}/dtmf_speech.raw")).expect("the recording is there");
    let (pairs, _) = bytes.as_chunks();
    let samples: Vec<i16> = pairs.iter().map(|pair| i16::from_le_bytes(*pair)).collect();
    assert!(samples.len() >= 3_600 * 8_000, "it is shorter than an hour");
    let events = in_law(Law::Mu, &samples, true);
    let spoken = events
        .iter()
        .filter(|event| matches!(event, Event::Speech(true)));
    assert!(spoken.count() > 100);
    let other: Vec<_> = events
        .iter()
        .filter(|event| !matches!(event, Event::Speech(_)))
        .collect();
    assert!(other.is_empty(), "{other:?}");
}
