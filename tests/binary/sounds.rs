//! What is known of a caller by the sound alone: fax machines, keys of a telephone that cannot send them otherwise,
//! busy tone.

use std::time::Duration;

use ringwell::audio::Law;
use serde_json::Value;

use crate::lab::{Lab, Process};
use crate::sipp;

const PATIENCE: Duration = Duration::from_secs(20);
/// The neighbour that is the fax.
const FAX: u8 = 20;

/// Stretches of tones with their milliseconds, in µ-law.
fn sound(stretches: &[(&[f64], u32)]) -> Vec<u8> {
    let mut codes = Vec::new();
    for (tones, ms) in stretches {
        for at in 0..ms * 8 {
            let turn = std::f64::consts::TAU * f64::from(at) / 8_000.0;
            let sum: f64 = tones.iter().map(|tone| (tone * turn).sin()).sum();
            codes.push(Law::Mu.encode((5_000.0 * sum) as i16));
        }
    }
    codes
}

/// A scenario of SIPp with its file and other words put in.
fn scenario(lab: &Lab, text: &str, sound: &[u8], words: &[(&str, &str)]) -> String {
    let file = lab.dir.path().join("caller.ulaw");
    std::fs::write(&file, sound).expect("the file is written");
    let mut text = text.replace("AUDIO_FILE", file.to_str().expect("a path in UTF-8"));
    for (from, to) in words {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    let path = lab.dir.path().join("caller.xml");
    std::fs::write(&path, text).expect("the scenario is written");
    path.to_str().expect("a path in UTF-8").to_owned()
}

const UNTIL_BYE: &str = include_str!("../sipp/sounds_until_bye.xml");
const THEN_BYE: &str = include_str!("../sipp/echo_rtp_stream.xml");
const CALLING: [(&[f64], u32); 4] = [
    (&[1_100.0], 500),
    (&[], 3_000),
    (&[1_100.0], 500),
    (&[], 3_000),
];

fn contents(ticket: &Value) -> &str {
    ticket["contents"].as_str().expect("contents")
}

#[test]
fn a_fax_machine_is_refused_with_a_reason_and_a_ticket() {
    let lab = Lab::start(&[]);
    let words = [("REASON_WORDS", "takes no fax")];
    let path = scenario(&lab, UNTIL_BYE, &sound(&CALLING), &words);
    sipp::one_call(&lab, &path);
    lab.is_idle(PATIENCE);
    let tickets = lab.tickets_are(1, PATIENCE);
    let told = contents(&tickets[0]);
    assert!(told.contains("a fax machine"), "{told}");
    let status = lab.status();
    assert_eq!(status["counters"]["fax_calls"], 1, "{status:#}");
    let levels = &status["recent"][0]["sound"]["levels"];
    assert!(levels["speech_dbm0"].is_number(), "{status:#}");
    lab.gives_everything_back();
}

#[test]
fn a_fax_machine_is_connected_with_the_fax() {
    let target =
        format!("[{{name = \"the fax\", uri = \"sip:209@{{net}}.{FAX}\", mode = \"bridge\"}}]");
    let lab = Lab::start(&[
        ("transfer", "target", &target),
        ("calls", "on_fax", "\"transfer\""),
        ("calls", "fax_target", "\"the fax\""),
    ]);
    let ip = lab.neighbour(FAX).to_string();
    let log = lab.dir.path().join("fax.log");
    let arguments = [
        "-i", &ip, "-mi", &ip, "-p", "5060", "-nostdin", "-m", "1", "-sn", "uas",
    ];
    let _fax = Process::start("sipp", &arguments, &log);
    let words = [("sip:echo@", "sip:assistant@"), ("\"4000\"", "\"9000\"")];
    let path = scenario(&lab, THEN_BYE, &sound(&CALLING), &words);
    sipp::one_call(&lab, &path);
    lab.is_idle(PATIENCE);
    let tickets = lab.tickets_are(1, PATIENCE);
    let told = contents(&tickets[0]);
    assert!(told.contains("to the fax: connected"), "{told}");
    assert!(told.contains("a fax machine"), "{told}");
}

#[test]
fn keys_are_heard_where_they_cannot_be_sent() {
    let lab = Lab::start(&[]);
    let keys = sound(&[(&[], 3_000), (&[941.0, 1_336.0], 120), (&[], 2_000)]);
    let words = [("sip:echo@", "sip:assistant@"), ("\"4000\"", "\"5000\"")];
    let path = scenario(&lab, THEN_BYE, &keys, &words);
    sipp::one_call(&lab, &path);
    lab.is_idle(PATIENCE);
    let tickets = lab.tickets_are(1, PATIENCE);
    let told = contents(&tickets[0]);
    assert!(told.contains("asked for a person by key"), "{told}");
}

#[test]
fn busy_tone_ends_the_call() {
    let lab = Lab::start(&[]);
    let busy = sound(&[(&[425.0], 500), (&[], 500)]);
    let words = [("REASON_WORDS", "busy tone")];
    let path = scenario(&lab, UNTIL_BYE, &busy, &words);
    sipp::one_call(&lab, &path);
    lab.is_idle(PATIENCE);
}
