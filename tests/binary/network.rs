//! Calls over bad networks, and what is told of how they sounded; RTCP on the RTP port.

use std::time::Duration;

use ringwell::audio::Law;
use serde_json::Value;

use crate::baresip::Baresip;
use crate::lab::Lab;
use crate::phones::{listens, says};
use crate::recording::channels;

const PATIENCE: Duration = Duration::from_secs(20);
const SCRIPT: &str = "wait until it speaks; wait until it stops; pause 9 s; hang up";

/// The caller's report, and the box's account of the same call.
fn over(lab: &Lab, network: &str) -> (Value, Value) {
    let mut caller = lab.caller("assistant", SCRIPT);
    let output = caller.args(["--network", network]).output();
    let output = output.expect("the caller runs");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        let errors = String::from_utf8_lossy(&output.stderr);
        panic!("the caller reports JSON ({error}): {errors}\n{}", lab.log())
    });
    lab.is_idle(PATIENCE);
    let sound = lab.status()["recent"][0]["sound"].clone();
    (report, sound)
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

#[test]
fn a_clean_call_sounds_good_both_ways() {
    let lab = Lab::start(&[]);
    let (report, sound) = over(&lab, "seed=1");
    assert_eq!(report["ok"], true, "{report:#}\n{}", lab.log());
    assert!(number(&sound["heard"]["mos"]) > 4.2, "{sound:#}");
    assert!(number(&sound["sent"]["mos"]) > 4.2, "{sound:#}");
    assert_eq!(number(&sound["heard"]["loss_percent"]), 0.0, "{sound:#}");
    let rtp = &report["rtp"];
    assert_eq!(rtp["mux"], true, "both offer to share the port: {rtp:#}");
    assert_eq!(
        rtp["control"][1], true,
        "the box sends VoIP metrics: {rtp:#}"
    );
    assert!(
        lab.log().contains("sound: heard with MOS 4."),
        "{}",
        lab.log()
    );
    let counters = &lab.status()["counters"];
    assert_eq!(counters["calls_rated"], 1, "{counters:#}");
    assert_eq!(counters["calls_poor"], 0, "{counters:#}");
}

#[test]
fn a_call_over_a_bad_network_tells_how_it_sounded() {
    let lab = Lab::start(&[]);
    let network = "delay=30ms,jitter=15ms,loss=6%,burst=2,duplicate=1%,reorder=1%,seed=3";
    let (report, sound) = over(&lab, network);
    let [out, back] = [&report["rtp"]["network"][0], &report["rtp"]["network"][1]];
    let lost = |way: &Value| 100.0 * number(&way["lost"]) / number(&way["entered"]);
    assert!(lost(out) > 1.0 && lost(back) > 1.0, "{report:#}");
    // Both ends count what the network did, the box at the end, the caller in its last report.
    let heard = number(&sound["heard"]["loss_percent"]);
    assert!(
        (heard - lost(out)).abs() < 3.0,
        "{heard} and {}: {sound:#}",
        lost(out)
    );
    let sent = number(&sound["sent"]["loss_percent"]);
    assert!((0.5..15.0).contains(&sent), "{sound:#}");
    for side in ["heard", "sent"] {
        let mos = number(&sound[side]["mos"]);
        assert!((1.5..4.2).contains(&mos), "{side}: {sound:#}");
    }
    assert!(number(&sound["heard"]["jitter_ms"]) > 1.0, "{sound:#}");
    assert!(
        (55.0..300.0).contains(&number(&sound["round_trip_ms"])),
        "{sound:#}"
    );
    assert!(number(&report["rtp"]["mos"][0]) < 4.2, "{report:#}");
}

/// Samples of a fifth of a second, which is five letters.
const LETTERS: usize = 1_600;

/// The prompt of the box that begins with these words, from its first sound to its last.
fn prompt(lab: &Lab, words: &str) -> Vec<i16> {
    let folder = std::fs::read_dir(lab.dir.path().join("state/prompts")).expect("the prompts");
    let files = folder.filter_map(|entry| std::fs::read(entry.ok()?.path()).ok());
    let wanted = format!("\nMu\n8000\n{words}");
    let audio = |file: Vec<u8>| {
        // A line that names the format, the length of the key, the key, sixteen bytes that check the audio.
        let head = file.iter().position(|byte| *byte == b'\n')? + 1;
        let (length, rest) = file[head..].split_first_chunk::<4>()?;
        let (key, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        let wanted = str::from_utf8(key).ok()?.contains(&wanted);
        wanted.then(|| rest[16..].to_vec())
    };
    let audio = files.filter_map(audio).next().expect("it is kept");
    let samples: Vec<i16> = audio.iter().map(|code| Law::Mu.decode(*code)).collect();
    let loud = |sample: &i16| sample.unsigned_abs() > 500;
    let first = samples.iter().position(loud).expect("it sounds");
    let last = samples.iter().rposition(loud).expect("it sounds");
    samples[first..=last].to_vec()
}

#[test]
fn the_first_and_the_last_sample_of_a_call_are_heard() {
    let lab = Lab::start(&[]);
    lab.prompts_are_rendered();
    let greeting = prompt(&lab, "Hello, and thank you for calling.");
    let goodbye = prompt(&lab, "Thank you for calling. Goodbye.");
    for network in ["seed=1", "delay=100ms,seed=1"] {
        let path = lab.dir.path().join("caller.wav");
        let script = "wait for help you; wait until it stops; say thank you, that is all, goodbye; wait for hang up";
        let mut caller = lab.caller("assistant", script);
        let output = caller.args(["--network", network, "--record"]).arg(&path);
        let output = output.output().expect("it runs");
        let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
        assert_eq!(report["ok"], true, "{network}: {report:#}\n{}", lab.log());
        let [_, heard] = channels(&path);
        let stands = |part: &[i16]| heard.windows(part.len()).any(|it| it == part);
        assert!(stands(&greeting[..LETTERS]), "{network}: {report:#}");
        let last = &goodbye[goodbye.len() - LETTERS..];
        assert!(stands(last), "{network}: {report:#}");
    }
}

/// RFC 5761 with somebody else's RTCP.
#[test]
fn baresip_shares_the_port_and_its_reports_are_read() {
    let lab = Lab::start(&[]);
    let says = says(&lab, "");
    let folder = lab.dir.path().join("baresip");
    let (address, lines) = (lab.neighbour(9), "rtcp_mux yes\n");
    let mut phone = Baresip::start_configured(&folder, address, "udp", &says, "", lines);
    listens(&lab, &mut phone, 14);
    let log = lab.log();
    assert!(log.contains("RTCP on the RTP port"), "{log}");
    let sound = lab.status()["recent"][0]["sound"].clone();
    assert!(number(&sound["sent"]["mos"]) > 3.5, "{sound:#}\n{log}");
}

#[test]
fn a_network_that_cannot_be_read_is_refused_with_the_word() {
    let lab = Lab::start(&[]);
    let mut caller = lab.caller("assistant", SCRIPT);
    let output = caller.args(["--network", "loss=3"]).output();
    let output = output.expect("the caller runs");
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("loss=3 is no share, such as 3%"), "{said}");
}
