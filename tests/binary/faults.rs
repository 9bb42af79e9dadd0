//! Every outside service refuses, stalls or closes at every stage of a call: the caller hears an
//! apology within three seconds, the call ends, and a ticket is written.

use std::time::Duration;

use serde_json::{Value, json};

use crate::answered::heard;
use crate::lab::Lab;

/// What the caller does. A fault of the ear or the voice at the connection strikes without his doing.
const ASKS: &str =
    "wait until it stops; say how do i reset my password?; wait for hang up within 40 s";

/// How long after its cause an apology must begin, with the stages before it: the ear's own end of
/// turn (0.3 s), and the recognition of the first word by the test caller (0.3 s).
const APOLOGY_S: f64 = 3.0 + 0.6;

fn fault(service: &str, stage: &str, kind: &str) -> Value {
    match kind {
        "refuse" => json!({"service": service, "stage": stage, "kind": "status", "status": 401}),
        kind => json!({"service": service, "stage": stage, "kind": kind}),
    }
}

fn apologises(service: &str, stage: &str, kind: &str) {
    let what = format!("{service} {kind} at {stage}");
    let mut lab = Lab::start(&[]);
    lab.knows_articles();
    lab.prompts_are_rendered();
    lab.expect_alarm("refuse");
    lab.fault(&fault(service, stage, kind));
    let report = lab.call("assistant", ASKS);
    let said = heard(&report).join(" ");
    let apology = said.contains("sorry") || said.contains("technical problem");
    assert!(apology, "{what}: {report:#}\n{}", lab.log());
    assert_eq!(
        report["ended_by"],
        "far end",
        "{what}: {report:#}\n{}",
        lab.log()
    );
    let late = silence_before_apology(&report);
    assert!(
        late <= APOLOGY_S,
        "{what}: the apology came after {late} s: {report:#}\n{}",
        lab.log()
    );
    lab.clear_faults();
    lab.tickets_are(1, Duration::from_secs(60));
    lab.is_idle(Duration::from_secs(10));
}

/// The longest the caller waited in silence before anything the assistant said, the apology among it:
/// since he spoke, since the assistant last spoke, or since the answer.
fn silence_before_apology(report: &Value) -> f64 {
    let lines = report["lines"].as_array().cloned().unwrap_or_default();
    let mut silent_since = report["answered"].as_f64().unwrap_or_default();
    let mut longest: f64 = 0.0;
    for line in &lines {
        let (from, to) = (seconds(&line["from"]), seconds(&line["to"]));
        if line["who"] == "agent" {
            longest = longest.max(from - silent_since);
        }
        silent_since = silent_since.max(to);
    }
    longest
}

macro_rules! faults {
    ($($name:ident: $service:literal $stage:literal $kind:literal,)*) => {
        $(#[test]
        fn $name() {
            apologises($service, $stage, $kind);
        })*
    };
}

faults! {
    the_ear_refuses_to_connect: "ear" "connect" "refuse",
    the_ear_does_not_answer_the_connection: "ear" "connect" "stall",
    the_ear_closes_at_once: "ear" "first_byte" "close",
    the_ear_says_nothing: "ear" "first_byte" "stall",
    the_ear_stalls_in_a_turn: "ear" "middle" "stall",
    the_ear_closes_in_a_turn: "ear" "middle" "close",
    the_voice_refuses_to_connect: "voice" "connect" "refuse",
    the_voice_does_not_answer_the_connection: "voice" "connect" "stall",
    the_voice_gives_no_audio: "voice" "first_byte" "stall",
    the_voice_closes_before_audio: "voice" "first_byte" "close",
    the_voice_stalls_in_an_utterance: "voice" "middle" "stall",
    the_voice_closes_in_an_utterance: "voice" "middle" "close",
    the_model_refuses: "model" "connect" "refuse",
    the_model_does_not_answer: "model" "connect" "stall",
    the_model_gives_no_token: "model" "first_byte" "stall",
    the_model_closes_before_a_token: "model" "first_byte" "close",
    the_model_stalls_in_an_answer: "model" "middle" "stall",
    the_model_closes_in_an_answer: "model" "middle" "close",
}

/// Nothing was ever rendered and the voice is down: the built-in apology sounds.
#[test]
fn a_box_that_never_reached_its_voice_still_says_something() {
    let down = |service: &str| json!({"service": service, "stage": "connect", "kind": "status", "status": 503});
    let lab = Lab::start_with(&[], &[down("voice"), down("voice_rest")]);
    let path = lab.dir.path().join("heard.wav");
    let output = lab
        .caller("assistant", "wait for hang up within 40 s")
        .args(["--record", path.to_str().expect("a path in UTF-8")])
        .output()
        .expect("the caller runs");
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
    assert_eq!(report["ended_by"], "far end", "{report:#}\n{}", lab.log());
    let first = report["first_audio"].as_f64().expect("something was heard");
    let answered = report["answered"].as_f64().expect("it was answered");
    assert!(first - answered < 3.0, "{report:#}");
    let mut wav = hound::WavReader::open(&path).expect("a recording");
    let loud = wav
        .samples::<i16>()
        .flatten()
        .filter(|sample| sample.unsigned_abs() > 500)
        .count();
    assert!(loud > 8000, "more than a second of sound: {loud} samples");
    lab.clear_faults();
    lab.tickets_are(1, Duration::from_secs(60));
}

fn seconds(value: &Value) -> f64 {
    value.as_f64().expect("a time in seconds")
}
