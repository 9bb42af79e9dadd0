//! How many words the ear gets wrong on a bad network: tone speech over G.711 through the receive path.

use std::time::Duration;

use ringwell::audio::FRAME_SAMPLES;
use ringwell::io::clock;
use ringwell::sandbox::network::Spec;
use ringwell::sandbox::tone_speech::{Decoder, Encoder, Words};
use serde_json::{Value, json};

use crate::line::pass;

const SENTENCES: usize = 24;
const SEEDS: u64 = 3;
const VOCABULARY: [&str; 32] = [
    "the", "printer", "does", "not", "answer", "since", "monday", "please", "reset", "my",
    "password", "for", "account", "seven", "twenty", "three", "invoice", "was", "paid", "twice",
    "how", "can", "i", "change", "address", "office", "router", "blinks", "red", "light", "thank",
    "you",
];

/// Sentences of eight words.
fn sentences() -> Vec<String> {
    let mut number = 7_usize;
    let mut word = || {
        number = (number * 1_103 + 12_345) % 65_521;
        VOCABULARY[number % VOCABULARY.len()]
    };
    let mut sentence = || (0..8).map(|_| word()).collect::<Vec<_>>().join(" ");
    (0..SENTENCES).map(|_| sentence()).collect()
}

fn spoken(sentences: &[String]) -> Vec<i16> {
    let mut encoder = Encoder::new(8_000);
    let mut samples = encoder.silence(Duration::from_millis(500));
    for sentence in sentences {
        samples.extend(encoder.say(sentence));
        samples.extend(encoder.silence(Duration::from_millis(500)));
    }
    samples
}

fn understood(samples: &[i16]) -> Vec<String> {
    let mut characters = Vec::new();
    Decoder::new(8_000).push(samples, &mut characters);
    let mut words = Words::default();
    characters.into_iter().for_each(|heard| words.push(heard));
    let words = words.words().iter();
    words.map(|word| word.text.clone()).collect()
}

/// Words put in, left out and replaced.
fn errors(said: &[&str], heard: &[String]) -> usize {
    let mut row: Vec<usize> = (0..=heard.len()).collect();
    for (at, said) in said.iter().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], at + 1);
        for (column, heard) in heard.iter().enumerate() {
            let same = corner + usize::from(said != heard);
            corner = row[column + 1];
            row[column + 1] = same.min(corner + 1).min(row[column] + 1);
        }
    }
    row[heard.len()]
}

/// Percent of words wrong, percent of frames made up, over some seeds.
fn rate(audio: &[i16], said: &[&str], network: &str) -> [f64; 2] {
    let (mut wrong, mut made_up) = (0, 0);
    let start = clock::now();
    for seed in 1..=SEEDS {
        let spec: Spec = format!("{network},seed={seed}").parse().expect("a network");
        let heard = pass(audio, spec, Duration::from_millis(10), start);
        wrong += errors(said, &understood(&heard.samples));
        made_up += heard.statistics.playout.concealed;
    }
    let words = said.len() as f64 * SEEDS as f64;
    let frames = (audio.len() / FRAME_SAMPLES) as f64 * SEEDS as f64;
    [
        100.0 * wrong as f64 / words,
        100.0 * made_up as f64 / frames,
    ]
}

/// Milliseconds that audio of a clean path waits, least, mean and most over where in the tick it comes: the first word,
/// when nothing is known of the network, and the last.
fn added_delay(audio: &[i16]) -> [[f64; 3]; 2] {
    let start = clock::now();
    let frames: Vec<&[i16]> = audio.chunks_exact(FRAME_SAMPLES).collect();
    let audible = |frame: &&[i16]| frame.iter().any(|sample| sample.abs() > 200);
    let first = frames.iter().position(audible);
    let last = frames.iter().rposition(audible);
    let mut delays = [Vec::new(), Vec::new()];
    for phase in 0..20 {
        let heard = pass(audio, Spec::default(), Duration::from_millis(phase), start);
        for (delays, number) in delays.iter_mut().zip([first, last]) {
            let number = number.expect("somebody speaks");
            let delay = heard.delay(number, frames[number]).expect("it is heard");
            delays.push(delay.as_secs_f64() * 1_000.0);
        }
    }
    delays.map(|delays| {
        let mean = delays.iter().sum::<f64>() / delays.len() as f64;
        let least = delays.iter().copied().fold(f64::INFINITY, f64::min);
        [least, mean, delays.iter().copied().fold(0.0, f64::max)]
    })
}

#[test]
#[ignore = "measures"]
fn word_errors_by_network() {
    let sentences = sentences();
    let text = sentences.join(" ");
    let said: Vec<&str> = text.split(' ').collect();
    let audio = spoken(&sentences);
    assert_eq!(errors(&said, &understood(&audio)), 0, "the ear itself");
    let mut table = Vec::new();
    println!("{:34} {:>8} {:>10}", "network", "words %", "made up %");
    for network in [
        "delay=20ms",
        "delay=20ms,loss=1%",
        "delay=20ms,loss=3%",
        "delay=20ms,loss=5%",
        "delay=20ms,loss=10%",
        "delay=20ms,loss=1%,burst=3",
        "delay=20ms,loss=3%,burst=3",
        "delay=20ms,loss=5%,burst=3",
        "delay=20ms,loss=10%,burst=3",
        "delay=20ms,jitter=20ms",
        "delay=20ms,jitter=50ms",
        "delay=20ms,jitter=100ms",
        "delay=20ms,jitter=20ms,unordered",
        "delay=20ms,jitter=50ms,unordered",
        "delay=20ms,jitter=100ms,unordered",
        "delay=20ms,jitter=normal:50ms",
        "delay=20ms,jitter=uniform:50ms",
    ] {
        let [wrong, made_up] = rate(&audio, &said, network);
        println!("{network:34} {wrong:>8.2} {made_up:>10.2}");
        table.push(
            json!({"network": network, "word_errors_percent": wrong, "made_up_percent": made_up}),
        );
    }
    let delays = added_delay(&audio);
    for (word, [least, mean, most]) in ["first", "last"].into_iter().zip(delays) {
        println!(
            "added delay on a clean path, {word} word: {least:.0} to {most:.0} ms, mean {mean:.1} ms"
        );
    }
    let [first, last] =
        delays.map(|[least, mean, most]| json!({"least": least, "mean": mean, "most": most}));
    write(
        "word-errors.json",
        &json!({
            "words": said.len(), "seeds": SEEDS, "table": table,
            "added_delay_ms": {"first": first, "last": last},
        }),
    );
}

/// Writes a table to `target/bench`, or where `RINGWELL_BENCH` says.
pub(crate) fn write(name: &str, table: &Value) {
    let folder = std::env::var("RINGWELL_BENCH").unwrap_or_else(|_| "target/bench".to_owned());
    std::fs::create_dir_all(&folder).expect("a folder for the tables");
    let path = std::path::Path::new(&folder).join(name);
    let text = serde_json::to_string_pretty(table).expect("JSON");
    std::fs::write(&path, text).expect("the table is written");
    println!("written to {}", path.display());
}
