use std::time::Duration;

use tokio::time::timeout;

use super::*;
use crate::audio::call_progress::Tone;
use crate::audio::{Codec, FRAME_SAMPLES, level};
use crate::io::rings::caller_ring;
use crate::io::transcode::{CallerAudio, Encoder, Settings, Transcoder};

const PATIENCE: Duration = Duration::from_secs(20);

/// Two bursts of CNG and the pause between, at a rate.
fn calling_fax(rate: u32) -> Vec<i16> {
    let amplitude = (2.0 * level::milliwatt(Law::Mu)).sqrt() / 4.0;
    (0..rate * 5)
        .map(|at| {
            let time = f64::from(at) / f64::from(rate);
            let sounds = (0.5..1.0).contains(&time) || (4.0..4.5).contains(&time);
            let turn = core::f64::consts::TAU * 1_100.0 * time;
            (amplitude * turn.sin() * f64::from(u8::from(sounds))) as i16
        })
        .collect()
}

/// Reads all of the frames as the ear does, and gives the tones that were told.
async fn heard(codec: Codec, frames: &[Vec<u8>]) -> (Vec<Tone>, Levels) {
    let transcoder = Transcoder::start(Settings {
        threads: 1,
        complexity: 5,
    });
    let transcoder = transcoder.expect("a pool of one thread");
    let (mut writer, reader) = caller_ring();
    let (attention, mut noticed) = attention();
    let audio = CallerAudio::open(&transcoder, codec, reader).expect("a codec that we have");
    let mut audio = audio.attended(attention);
    let mut read = Vec::new();
    for four in frames.chunks(4) {
        four.iter().for_each(|frame| writer.push(frame));
        assert!(audio.read(four.len(), &mut read).await);
    }
    drop(writer);
    while audio.read(1, &mut read).await {}
    drop(audio);
    let levels = noticed.levels();
    assert_eq!(noticed.dropped(), 0);
    let mut tones = Vec::new();
    let mut events = noticed.events.take().expect("they were not taken");
    while let Some(event) = events.recv().await {
        if let Event::Tone(tone) = event {
            tones.push(tone);
        }
    }
    (tones, levels)
}

#[tokio::test]
async fn a_fax_machine_is_noticed_on_the_way_to_the_ear_in_every_codec() {
    for codec in [Codec::PCMU, Codec::PCMA, Codec::G722, Codec::Opus] {
        let rate = if codec.law().is_some() { 8_000 } else { 16_000 };
        let mut frames = Vec::new();
        let mut encoder = Encoder::new(codec, rate, 5).expect("a codec that we have");
        encoder.encode(&calling_fax(rate), |frame| frames.push(frame.to_vec()));
        let (tones, levels) = timeout(PATIENCE, heard(codec, &frames))
            .await
            .expect("it is read");
        assert_eq!(tones, [Tone::FaxCalling], "{codec:?}");
        assert!((240..=260).contains(&levels.frames), "{codec:?} {levels:?}");
    }
}

#[tokio::test]
async fn what_nobody_takes_is_dropped_and_counted() {
    let (mut attention, noticed) = attention();
    let loud = [Law::Mu.encode(16_000); FRAME_SAMPLES * 10];
    let quiet = [Law::Mu.silence(); FRAME_SAMPLES * 30];
    for _ in 0..NOTICES {
        attention.hear_law(Law::Mu, &loud);
        attention.hear_law(Law::Mu, &quiet);
    }
    assert_eq!(noticed.dropped(), NOTICES as u64);
}

#[tokio::test(start_paused = true)]
async fn an_end_that_is_gone_is_waited_for_without_a_busy_loop() {
    let (attention, mut noticed) = attention();
    drop(attention);
    assert!(timeout(PATIENCE, noticed.event()).await.is_err());
    assert_eq!(noticed.levels(), Levels::default());
}
