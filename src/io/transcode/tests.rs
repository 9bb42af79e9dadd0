use super::decoder::Decoder as WireDecoder;
use super::*;
use crate::audio::speech_format::{SpeechFormat, WIDEBAND_RATE};
use crate::audio::{FRAME_SAMPLES, Law};
use crate::conversation::UtteranceId;
use crate::io::rings::{Item, agent_ring, caller_ring, relay};
use crate::rtp::session::G722_SILENCE;
use ezk_g722::libg722::{Bitrate, decoder, encoder};

const WIDE: [Codec; 2] = [Codec::G722, Codec::Opus];

fn pool() -> Transcoder {
    let settings = Settings {
        threads: 1,
        complexity: 5,
    };
    Transcoder::start(settings).unwrap()
}

/// A tone at half of full scale.
fn tone(hertz: f64, rate: u32, seconds: f64) -> Vec<i16> {
    let samples = (f64::from(rate) * seconds) as u32;
    let turn = core::f64::consts::TAU * hertz / f64::from(rate);
    (0..samples)
        .map(|at| (16_000.0 * (turn * f64::from(at)).sin()) as i16)
        .collect()
}

/// The part of the energy at a frequency, 0 to 1.
fn share(samples: &[i16], hertz: f64, rate: u32) -> f64 {
    let turn = core::f64::consts::TAU * hertz / f64::from(rate);
    let (mut sine, mut cosine, mut energy) = (0.0, 0.0, 0.0);
    for (at, sample) in samples.iter().enumerate() {
        let sample = f64::from(*sample);
        sine += sample * (turn * at as f64).sin();
        cosine += sample * (turn * at as f64).cos();
        energy += sample * sample;
    }
    2.0 * (sine * sine + cosine * cosine) / (energy * samples.len() as f64).max(1.0)
}

fn loudness(samples: &[i16]) -> f64 {
    let squares = samples.iter().map(|sample| f64::from(*sample).powi(2));
    (squares.sum::<f64>() / samples.len().max(1) as f64).sqrt()
}

fn packets(codec: Codec, samples: &[i16], rate: u32) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    let mut encoder = Encoder::new(codec, rate, 5).unwrap();
    encoder.encode(samples, |packet| packets.push(packet.to_vec()));
    packets
}

fn decoded<'a>(codec: Codec, rate: u32, items: impl IntoIterator<Item = Item<'a>>) -> Vec<i16> {
    let mut decoder = WireDecoder::new(codec, rate).unwrap();
    let mut samples = Vec::new();
    for item in items {
        decoder.decode(item, &mut samples);
    }
    samples
}

#[test]
fn g722_is_bit_for_bit_its_library_frame_by_frame() {
    let samples: Vec<i16> = (0..16_000u32)
        .map(|at| (at.wrapping_mul(2_654_435_761) >> 18) as i16 - 8_192)
        .collect();
    let whole = encoder::Encoder::new(Bitrate::Mode1_64000, false, false).encode(&samples);
    let ours = packets(Codec::G722, &samples, WIDEBAND_RATE);
    assert!(ours.iter().all(|packet| packet.len() == FRAME_SAMPLES));
    assert_eq!(ours.concat(), whole);
    let back = decoder::Decoder::new(Bitrate::Mode1_64000, false, false).decode(&whole);
    let items = ours.iter().map(|packet| Item::Heard(packet));
    assert_eq!(decoded(Codec::G722, WIDEBAND_RATE, items), back);
}

#[test]
fn both_codecs_carry_what_the_telephone_cannot() {
    for codec in WIDE {
        for hertz in [1_004.0, 5_500.0] {
            let sent = tone(hertz, WIDEBAND_RATE, 1.0);
            let packets = packets(codec, &sent, WIDEBAND_RATE);
            assert_eq!(packets.len(), 50);
            assert!(
                packets
                    .iter()
                    .all(|packet| (1..=160).contains(&packet.len()))
            );
            let items = packets.iter().map(|packet| Item::Heard(packet));
            let heard = decoded(codec, WIDEBAND_RATE, items);
            assert_eq!(heard.len(), 16_000);
            let steady = &heard[3_200..12_800];
            let purity = share(steady, hertz, WIDEBAND_RATE);
            assert!(purity > 0.9, "{codec:?} {hertz}: {purity}");
            let level = loudness(steady) / loudness(&sent);
            assert!((0.7..1.3).contains(&level), "{codec:?} {hertz}: {level}");
        }
    }
}

#[test]
fn nothing_that_is_lost_shortens_the_sound() {
    for codec in WIDE {
        let sent = tone(440.0, WIDEBAND_RATE, 1.0);
        let packets = packets(codec, &sent, WIDEBAND_RATE);
        let items = packets
            .iter()
            .enumerate()
            .map(|(at, packet)| match at % 10 {
                4 | 7 | 8 => Item::Lost,
                _ => Item::Heard(packet),
            });
        let heard = decoded(codec, WIDEBAND_RATE, items);
        assert_eq!(heard.len(), 16_000, "{codec:?}");
        let level = loudness(&heard[1_600..]) / loudness(&sent);
        assert!(level > 0.5, "{codec:?}: {level}");
    }
}

#[test]
fn a_lost_frame_of_opus_is_told_by_the_next_packet() {
    // Speech-like: a sweep, so that what comes next cannot be guessed from what was.
    let sent: Vec<i16> = (0..16_000u32)
        .map(|at| {
            let time = f64::from(at) / 16_000.0;
            let turn = core::f64::consts::TAU * (200.0 * time + 400.0 * time * time);
            (9_000.0 * turn.sin() * (1.0 + (12.0 * time).sin()) / 2.0) as i16
        })
        .collect();
    let packets = packets(Codec::Opus, &sent, WIDEBAND_RATE);
    let whole = decoded(
        Codec::Opus,
        WIDEBAND_RATE,
        packets.iter().map(|packet| Item::Heard(packet)),
    );
    let error = |tells: bool| {
        let mut errors = 0.0;
        for lost in (15..45).step_by(5) {
            let items = packets.iter().enumerate().flat_map(|(at, packet)| {
                let heard = Item::Heard(packet);
                match (at == lost, tells) {
                    (true, true) => vec![Item::Lost],
                    // Two in a row: the first of them is made up without waiting.
                    (true, false) => vec![Item::Lost, Item::Lost],
                    _ => vec![heard],
                }
            });
            let heard = decoded(Codec::Opus, WIDEBAND_RATE, items);
            let (from, to) = (lost * 320, (lost + 1) * 320);
            let pairs = heard[from..to].iter().zip(&whole[from..to]);
            errors += pairs
                .map(|(heard, said)| (f64::from(*heard) - f64::from(*said)).powi(2))
                .sum::<f64>();
        }
        errors
    };
    let (told, guessed) = (error(true), error(false));
    assert!(told < guessed / 2.0, "told {told:.0}, guessed {guessed:.0}");
}

#[test]
fn what_no_decoder_understands_is_silence_and_counted() {
    let mut decoder = WireDecoder::new(Codec::Opus, WIDEBAND_RATE).unwrap();
    let mut samples = Vec::new();
    decoder.decode(Item::Heard(&[0xFF, 0xFF, 0xFF]), &mut samples);
    assert_eq!((decoder.undecodable(), samples.len()), (1, 320));
    decoder.decode(Item::Silence, &mut samples);
    assert_eq!(samples, [0; 640]);
}

#[tokio::test]
async fn the_ear_reads_linear_audio_of_a_wideband_call() {
    let pool = pool();
    for codec in WIDE {
        let (mut writer, reader) = caller_ring();
        let mut caller = CallerAudio::open(&pool, codec, reader).unwrap();
        assert_eq!(caller.format(), SpeechFormat::Linear16(16_000));
        let packets = packets(codec, &tone(3_500.0, WIDEBAND_RATE, 0.4), WIDEBAND_RATE);
        for packet in &packets {
            writer.push(packet);
        }
        writer.push_item(Item::Lost);
        writer.push_item(Item::Silence);
        let mut audio = Vec::new();
        assert!(caller.read(4, &mut audio).await);
        assert_eq!(audio.len(), 22 * 640, "{codec:?}");
        drop(writer);
        assert!(!caller.read(4, &mut audio).await);
    }
    assert_eq!(pool.counters().jobs.load(Ordering::Relaxed), 2);
    assert_eq!(pool.counters().broken.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_read_that_was_given_up_loses_nothing() {
    let pool = pool();
    let (mut writer, reader) = caller_ring();
    let mut caller = CallerAudio::open(&pool, Codec::Opus, reader).unwrap();
    for packet in packets(Codec::Opus, &tone(700.0, WIDEBAND_RATE, 0.4), WIDEBAND_RATE) {
        writer.push(&packet);
    }
    let mut audio = Vec::new();
    {
        let read = core::pin::pin!(caller.read(4, &mut audio));
        let _ = futures_util::FutureExt::now_or_never(read); // the work is given, its answer not awaited
    }
    while audio.len() < 20 * 640 {
        assert!(caller.read(0, &mut audio).await);
    }
    assert_eq!(audio.len(), 20 * 640);
}

#[tokio::test]
async fn the_voice_is_encoded_frame_by_frame_and_its_end_is_told() {
    let pool = pool();
    for codec in [Codec::PCMU, Codec::G722, Codec::Opus] {
        let (writer, _reader, _playout) = agent_ring();
        let mut agent = AgentAudio::open(&pool, codec, writer).unwrap();
        let bytes = agent.format().frame_bytes();
        let spoken = (0..5).map(|number| Spoken {
            epoch: 3,
            utterance: UtteranceId(9),
            last: number == 4,
            afresh: number == 0,
            audio: vec![0; bytes],
        });
        let frames = agent.encode(spoken.collect()).await;
        let last: Vec<bool> = frames.iter().map(|frame| frame.last).collect();
        let before = if codec == Codec::G722 { 2 } else { 0 };
        assert_eq!(last.len(), before + 5, "{codec:?}");
        assert_eq!(last.iter().position(|last| *last), Some(before + 4));
        for frame in frames {
            assert_eq!((frame.epoch, frame.utterance), (3, UtteranceId(9)));
            assert!(!frame.audio.bytes().is_empty());
        }
    }
}

/// What is sent where nobody speaks.
fn silence(codec: Codec) -> Vec<u8> {
    match codec {
        Codec::Opus => vec![0xF8, 0xFF, 0xFE],
        _ => vec![G722_SILENCE; FRAME_SAMPLES],
    }
}

#[tokio::test]
async fn after_silence_the_first_syllable_is_heard_as_it_was_said() {
    let pool = pool();
    for codec in WIDE {
        let (writer, _reader, _playout) = agent_ring();
        let mut agent = AgentAudio::open(&pool, codec, writer).unwrap();
        let rate = agent.format().sample_rate();
        let said = tone(700.0, rate, 0.4);
        let bytes: Vec<u8> = said.iter().flat_map(|it| it.to_le_bytes()).collect();
        let mut far_end = Decoder::new(codec, rate).unwrap();
        let mut samples = Vec::new();
        for _ in 0..2 {
            let frames = bytes.chunks(agent.format().frame_bytes());
            let spoken = frames.enumerate().map(|(number, audio)| Spoken {
                epoch: 3,
                utterance: UtteranceId(9),
                last: false,
                afresh: number == 0,
                audio: audio.to_vec(),
            });
            let frames = agent.encode(spoken.collect()).await;
            samples.clear();
            for frame in frames {
                far_end.decode(Item::Heard(frame.audio.bytes()), &mut samples);
            }
            let lead_in = samples.len() - said.len();
            let first = &samples[lead_in..lead_in + rate as usize / 12];
            let likeness = (0..rate as usize / 100).map(|lag| likeness(&said, &first[lag..]));
            let likeness = likeness.fold(0.0, f64::max);
            assert!(likeness > 0.9, "{codec:?}: {likeness}");
            samples.clear();
            for _ in 0..50 {
                far_end.decode(Item::Heard(&silence(codec)), &mut samples);
            }
            let rest = &samples[rate as usize / 10..];
            let most = rest.iter().map(|it| it.unsigned_abs()).max();
            // -54 dB: what a loud tone has taught the decoder is not all forgotten.
            assert!(most <= Some(64), "{codec:?}: silence is {most:?}");
        }
    }
}

/// Correlation of the beginning of one with the other.
fn likeness(one: &[i16], other: &[i16]) -> f64 {
    let product = |one: &[i16], other: &[i16]| -> f64 {
        let pairs = one.iter().zip(other);
        pairs.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    let length = other.len();
    let power = product(other, other) * product(&one[..length], &one[..length]);
    product(one, other) / power.sqrt().max(1.0)
}

#[tokio::test]
async fn work_that_breaks_is_counted_and_the_pool_goes_on() {
    let pool = pool();
    let place = pool.place();
    let broken = place.give(|| panic!("a decoder breaks")).await;
    assert!(broken.await.is_err());
    assert_eq!(place.give(|| 7).await.await, Ok(7));
    assert_eq!(pool.counters().broken.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_full_queue_makes_who_asks_wait_and_is_counted() {
    let pool = pool();
    let place = pool.place();
    let (go, gate) = std::sync::mpsc::channel::<()>();
    let first = place.give(move || gate.recv().is_ok()).await;
    let mut answers = Vec::new();
    while pool.counters().queue_full.load(Ordering::Relaxed) == 0 {
        let waiting = place.clone();
        answers.push(tokio::spawn(async move { waiting.give(|| ()).await.await }));
        tokio::task::yield_now().await;
        assert!(answers.len() < 10 * JOBS);
    }
    go.send(()).unwrap();
    assert_eq!(first.await, Ok(true));
    for answer in answers {
        assert_eq!(answer.await.unwrap(), Ok(()));
    }
}

#[tokio::test]
async fn two_legs_in_different_codecs_hear_each_other() {
    let pool = pool();
    for codecs in [
        [Codec::PCMU, Codec::G722],
        [Codec::Opus, Codec::PCMA],
        [Codec::G722, Codec::Opus],
    ] {
        let (mut one, mut other) = bridge(&pool, codecs).unwrap();
        one.press('5');
        let rate = match codecs[0].law() {
            Some(_) => 8_000,
            None => WIDEBAND_RATE,
        };
        let said = packets(codecs[0], &tone(1_004.0, rate, 1.0), rate);
        let (mut keys, mut heard) = (String::new(), Vec::new());
        for packet in &said {
            one.say(codecs[0], packet);
            loop {
                tokio::time::sleep(Duration::from_millis(1)).await;
                if let Some((codec, frame)) = other.take(|key| keys.push(key)) {
                    assert_eq!(codec, codecs[1]);
                    heard.push(frame.bytes().to_vec());
                    break;
                }
            }
        }
        assert_eq!(keys, "5");
        assert_eq!(heard.len(), 50, "{codecs:?}");
        let items = heard.iter().map(|packet| Item::Heard(packet));
        let samples = decoded(codecs[1], WIDEBAND_RATE, items);
        let purity = share(&samples[3_200..12_800], 1_004.0, WIDEBAND_RATE);
        assert!(purity > 0.9, "{codecs:?}: {purity}");
    }
}

#[tokio::test]
async fn legs_in_one_codec_are_joined_as_they_are() {
    let pool = pool();
    for codecs in [[Codec::Opus; 2], [Codec::PCMA, Codec::PCMU]] {
        let (mut one, mut other) = bridge(&pool, codecs).unwrap();
        one.say(codecs[0], &[1, 2, 3]);
        assert!(other.take(|_| {}).is_some());
    }
    let (mut one, _other) = relay();
    one.say(Codec::Opus, &[0; FRAME_SAMPLES + 1]);
    assert_eq!(one.dropped(), 1);
}

/// So many frames of a tone, decoded.
async fn played(mut tone: Looped, frames: usize) -> Vec<i16> {
    let mut packets = Vec::new();
    while packets.len() < frames {
        match tone.next_frame() {
            Some(frame) => packets.push(frame.bytes().to_vec()),
            None => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
    let items = packets.iter().map(|packet| Item::Heard(packet));
    decoded(tone.codec(), WIDEBAND_RATE, items)
}

#[tokio::test]
async fn the_test_tone_is_the_milliwatt_in_every_codec() {
    let pool = pool();
    assert!(pool.tone(Codec::PCMU).is_none());
    for codec in WIDE {
        let samples = played(pool.tone(codec).unwrap(), 150).await;
        let steady = &samples[8_000..40_000];
        assert!(share(steady, 1_004.0, WIDEBAND_RATE) > 0.95, "{codec:?}");
        let wanted = crate::audio::level::milliwatt(Law::Mu).sqrt();
        let decibel = 20.0 * (loudness(steady) / wanted).log10();
        assert!(decibel.abs() < 1.0, "{codec:?}: {decibel}");
    }
}

#[tokio::test]
async fn ring_back_is_that_of_the_country_in_every_codec() {
    let pool = pool();
    for codec in WIDE {
        for (country, frequencies, on, round) in [
            ("DE", &[425.0][..], 1.0, 5.0),
            ("US", &[440.0, 480.0], 2.0, 6.0),
            ("GB", &[400.0, 450.0], 0.4, 3.0),
        ] {
            let kind = RingBack::of(country);
            assert!(pool.ring_back(Codec::PCMA, kind).is_none());
            let tone = pool.ring_back(codec, kind).unwrap();
            let samples = played(tone, (2.0 * round * 50.0) as usize).await;
            let at = |seconds: f64| (seconds * f64::from(WIDEBAND_RATE)) as usize;
            for start in [0.0, round] {
                let ring = &samples[at(start + 0.05)..at(start + on - 0.02)];
                let parts = frequencies.iter();
                let parts = parts.map(|hertz| share(ring, *hertz, WIDEBAND_RATE));
                let heard: f64 = parts.sum();
                assert!(heard > 0.9, "{country} {codec:?} {start}: {heard}");
                let wanted = crate::audio::level::milliwatt(Law::Mu).sqrt();
                let decibel = 20.0 * (loudness(ring) / wanted).log10();
                assert!((-21.0..-14.0).contains(&decibel), "{country} {decibel}");
                let pause = &samples[at(start + round - 1.0)..at(start + round - 0.02)];
                assert!(loudness(pause) < 20.0, "{country} {codec:?} {start}");
            }
        }
    }
}
