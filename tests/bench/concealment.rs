//! How lost packets sound: our receive path against repeating the last frame and against silence, judged by PESQ
//! (ITU-T P.862, 8 kHz) on speech of espeak-ng. `scripts/hearing` makes the Python environment that has it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use ringwell::audio::{FRAME_SAMPLES, Law};
use ringwell::io::clock;
use ringwell::sandbox::network::Spec;
use serde_json::{Value, json};

use crate::line::{lost, pass};
use crate::words::write;

const SPEECH: [(&str, &str); 4] = [
    (
        "en-us",
        "The birch canoe slid on the smooth planks. Glue the sheet to the dark blue background.",
    ),
    (
        "en-us+f3",
        "It is easy to tell the depth of a well. These days a chicken leg is a rare dish.",
    ),
    (
        "en-gb",
        "Rice is often served in round bowls. The juice of lemons makes fine punch.",
    ),
    (
        "en-gb+f2",
        "The box was thrown beside the parked truck. Four hours of steady work faced us.",
    ),
];
const SEEDS: u64 = 2;

#[test]
#[ignore = "measures"]
fn concealment_by_loss() {
    let python = PathBuf::from("target/pesq/bin/python");
    if !python.exists() {
        println!("no PESQ: scripts/hearing makes target/pesq");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut jobs = Vec::new();
    for (number, (voice, text)) in SPEECH.iter().enumerate() {
        let reference = folder.path().join(format!("{number}.wav"));
        speak(voice, text, &reference);
        let speech = read(&reference);
        for loss in [
            "0%",
            "3%",
            "5%",
            "10%",
            "3%,burst=3",
            "5%,burst=3",
            "10%,burst=3",
        ] {
            for seed in 1..=SEEDS {
                let spec: Spec = format!("loss={loss},seed={seed}")
                    .parse()
                    .expect("a network");
                for (way, samples) in heard(&speech, spec) {
                    let path = folder
                        .path()
                        .join(format!("{number}-{way}-{loss}-{seed}.wav"));
                    save(&path, &samples);
                    jobs.push((way, loss, reference.clone(), path));
                }
            }
        }
    }
    let scores = judge(&python, &jobs);
    let mut table = Vec::new();
    println!(
        "{:14} {:>8} {:>8} {:>8}   MOS-LQO by P.862.1, mean",
        "loss", "ours", "repeat", "silence"
    );
    for loss in [
        "0%",
        "3%",
        "5%",
        "10%",
        "3%,burst=3",
        "5%,burst=3",
        "10%,burst=3",
    ] {
        let mean = |wanted: &str| {
            let of = jobs.iter().zip(&scores);
            let of = of.filter(|((way, at, ..), _)| *way == wanted && *at == loss);
            let scores: Vec<f64> = of.map(|(_, score)| *score).collect();
            scores.iter().sum::<f64>() / scores.len() as f64
        };
        let [ours, repeat, silence] = ["ours", "repeat", "silence"].map(mean);
        println!("{loss:14} {ours:>8.3} {repeat:>8.3} {silence:>8.3}");
        table.push(json!({"loss": loss, "ours": ours, "repeat": repeat, "silence": silence}));
    }
    write("concealment.json", &Value::Array(table));
}

/// The speech as it comes out of the receive path, with the last frame repeated, and with silence.
fn heard(speech: &[i16], spec: Spec) -> [(&'static str, Vec<i16>); 3] {
    let start = clock::now();
    let mut ours = pass(speech, spec, Duration::from_millis(10), start).samples;
    // The same stretch of the line for all: what the buffer delays, and what follows the speech, is no sound of it.
    let begin = |samples: &[i16]| samples.iter().position(|sample| sample.abs() > 200);
    let late = begin(&ours).zip(begin(speech));
    ours.drain(..late.map_or(0, |(ours, speech)| ours.saturating_sub(speech)));
    ours.truncate(speech.len());
    let frames = speech.chunks_exact(FRAME_SAMPLES);
    let lost = lost(spec, frames.len(), start);
    let coded = |sample: &i16| Law::Mu.decode(Law::Mu.encode(*sample));
    let (mut repeat, mut silence) = (Vec::new(), Vec::new());
    let mut last = vec![0; FRAME_SAMPLES];
    for (frame, lost) in frames.zip(lost) {
        let nothing = vec![0; FRAME_SAMPLES];
        if !lost {
            last = frame.iter().map(coded).collect();
        }
        repeat.extend(&last);
        silence.extend(if lost { &nothing } else { &last });
    }
    [("ours", ours), ("repeat", repeat), ("silence", silence)]
}

fn speak(voice: &str, text: &str, path: &Path) {
    let wide = path.with_extension("wide.wav");
    let spoken = Command::new("espeak-ng")
        .args(["-v", voice, "-w"])
        .arg(&wide)
        .arg(text)
        .status();
    assert!(spoken.expect("espeak-ng runs").success());
    // At telephone level, and with the silence at both ends that P.862 wants.
    let narrow = Command::new("sox")
        .arg(&wide)
        .args(["-r", "8000", "-b", "16", "-c", "1"])
        .arg(path)
        .args(["norm", "-6", "pad", "0.5", "0.5"])
        .status();
    assert!(narrow.expect("sox runs").success());
}

fn read(path: &Path) -> Vec<i16> {
    let mut reader = hound::WavReader::open(path).expect("a WAV file");
    reader
        .samples()
        .map(|sample| sample.expect("16 bits"))
        .collect()
}

fn save(path: &Path, samples: &[i16]) {
    let specification = hound::WavSpec {
        channels: 1,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, specification).expect("a file");
    for sample in samples {
        writer.write_sample(*sample).expect("it is written");
    }
    writer.finalize().expect("it is closed");
}

/// PESQ's scores of pairs of files.
fn judge(python: &Path, jobs: &[(&str, &str, PathBuf, PathBuf)]) -> Vec<f64> {
    let mut judge = Command::new(python);
    judge.arg("tests/bench/pesq_scores.py");
    for (_, _, reference, heard) in jobs {
        judge.arg(reference).arg(heard);
    }
    let output = judge.output().expect("Python runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    serde_json::from_slice(&output.stdout).expect("scores in JSON")
}
