//! Calls that go well: answered from the knowledge base, handed over with a ticket, under load, echoed.

use std::time::Duration;

use serde_json::Value;

use crate::lab::{self, Lab};
use crate::sipp::{self, Capture};

/// What the assistant said, in order.
pub fn heard(report: &Value) -> Vec<String> {
    let lines = report["lines"].as_array().cloned().unwrap_or_default();
    let theirs = lines.iter().filter(|line| line["who"] == "agent");
    theirs
        .map(|line| line["text"].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn a_question_is_answered_from_the_knowledge_base_and_needs_no_ticket() {
    let lab = Lab::start(&[]);
    lab.knows_articles();
    let report = lab.call(
        "assistant",
        "wait until it speaks; wait until it stops; say how do i reset my password?; \
         wait for forgot password within 15 s; wait until it stops; say thank you, that is all, goodbye; \
         wait for hang up",
    );
    assert_eq!(report["ok"], true, "{report:#}\n{}", lab.log());
    assert_eq!(report["ended_by"], "far end", "{report:#}");
    assert!(
        heard(&report).join(" ").contains("thank you for calling"),
        "{report:#}"
    );
    lab.is_idle(Duration::from_secs(10));
    let recent = &lab.status()["recent"][0];
    assert_eq!(recent["outcome"], "answered", "{recent:#}");
    assert!(
        recent["turns"][0]["first_packet_ms"].as_f64().is_some(),
        "{recent:#}"
    );
    assert!(lab.tickets().is_empty(), "{:#?}", lab.tickets());
}

#[test]
fn a_question_that_nothing_answers_becomes_one_ticket_with_the_confirmed_address() {
    let lab = Lab::start(&[]);
    lab.knows_articles();
    let report = lab.call(
        "assistant",
        "wait until it stops; say my printer is on fire and the office smells of smoke; \
         wait for e-mail within 20 s; wait until it stops; say jane dot doe at example dot com; \
         wait for right within 20 s; wait until it stops; say yes; wait for hang up",
    );
    assert_eq!(report["ok"], true, "{report:#}\n{}", lab.log());
    let ticket = &lab.tickets_are(1, Duration::from_secs(15))[0];
    assert_eq!(ticket["channel"], "NOTE", "{ticket:#}");
    assert_eq!(
        ticket["requester"]["emails"][0], "jane.doe@example.com",
        "{ticket:#}"
    );
    let contents = ticket["contents"].as_str().expect("contents");
    assert!(contents.contains("printer is on fire"), "{contents}");
    assert!(contents.contains("confirmed"), "{contents}");
    let tags = ticket["tags"].as_array().expect("tags");
    assert!(tags.iter().any(|tag| tag == "escalated"), "{tags:?}");
    assert!(
        lab.state()["emails_sent"]
            .as_array()
            .is_some_and(Vec::is_empty)
    );
}

#[test]
fn an_interruption_stops_the_assistant_and_the_transcript_holds_what_was_played() {
    let lab = Lab::start(&[]);
    lab.knows_articles();
    let report = lab.call(
        "assistant",
        "wait until it speaks; interrupt after 1.5 s say what about a printer on fire; \
         wait for e-mail within 20 s; hang up",
    );
    assert_eq!(report["ok"], true, "{report:#}\n{}", lab.log());
    let stopped = report["interruptions"][0]
        .as_f64()
        .expect("an interruption");
    assert!(
        stopped < 1.5,
        "it falls silent soon after the first words: {stopped} s\n{report:#}"
    );
    let lines = heard(&report);
    let ticket = &lab.tickets_are(1, Duration::from_secs(15))[0];
    let contents = ticket["contents"].as_str().expect("contents");
    let contents = untagged(contents);
    let greeting = contents
        .split("Assistant:")
        .nth(1)
        .expect("the greeting in the transcript");
    let (greeting, _) = greeting
        .split_once("[interrupted]")
        .expect("a mark where it was cut");
    let noted = plain(greeting);
    let noted: Vec<_> = noted.split_whitespace().collect();
    let played = plain(&lines[0]);
    let played: Vec<_> = played.split_whitespace().collect();
    // The voice gives no word times: the words played are known to a word or two.
    assert!(
        noted.len().abs_diff(played.len()) <= 2,
        "noted {noted:?}, heard {played:?}"
    );
    let whole = noted.len().min(played.len() - 1);
    assert_eq!(noted[..whole], played[..whole]);
}

/// Text without its tags.
fn untagged(html: &str) -> String {
    let parts = html
        .split('<')
        .map(|part| part.split_once('>').map_or(part, |(_, text)| text));
    parts.collect::<Vec<_>>().join(" ")
}

fn plain(text: &str) -> String {
    let kept = text.to_lowercase();
    kept.chars()
        .map(|c| if c.is_alphanumeric() { c } else { ' ' })
        .collect()
}

#[test]
fn a_law_over_tcp_and_the_chat_dialect_serve_as_well() {
    let lab = Lab::start(&[("model", "dialect", "\"chat\"")]);
    lab.knows_articles();
    let target = format!("{};transport=tcp", lab.uri("assistant"));
    let script = "wait until it stops; say how do i reset my password?; wait for forgot password; \
                  wait until it stops; say goodbye; wait for hang up";
    let output = std::process::Command::new(&*lab::RINGWELL)
        .args([
            "call", &target, "--script", script, "--json", "--codec", "pcma",
        ])
        .args(["--local", &lab.ip.to_string()])
        .output()
        .expect("the caller runs");
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
    assert_eq!(report["ok"], true, "{report:#}\n{}", lab.log());
    let asked = lab.state()["requests"]["model"]["last"].clone();
    let asked = asked.as_array().expect("a list of requests").iter();
    let paths: Vec<_> = asked
        .filter(|it| it["method"] == "POST")
        .map(|it| it["path"].clone())
        .collect();
    assert!(
        paths.len() >= 2 && paths.iter().all(|path| path == "/v1/chat/completions"),
        "{paths:?}"
    );
    assert_eq!(report["rtp"]["lost"], 0, "{report:#}");
}

#[test]
fn the_tone_is_a_milliwatt() {
    let lab = Lab::start(&[]);
    let path = lab.dir.path().join("tone.wav");
    let output = lab
        .caller("tone", "pause 2 s; hang up")
        .args(["--record", path.to_str().expect("a path in UTF-8")])
        .output()
        .expect("the caller runs");
    assert!(output.status.success(), "{}", lab.log());
    let mut wav = hound::WavReader::open(&path).expect("a recording");
    let samples: Vec<i16> = wav
        .samples()
        .map(|sample| sample.expect("a sample"))
        .collect();
    let theirs: Vec<f64> = samples
        .as_chunks::<2>()
        .0
        .iter()
        .map(|pair| f64::from(pair[1]))
        .collect();
    let middle = &theirs[4000..12_000];
    let mean_square = middle.iter().map(|sample| sample * sample).sum::<f64>() / 8000.0;
    // ITU-T G.711: a sine at 3.14 dB below full scale of 8159 (times 4) is 0 dBm0 in µ-law.
    let level = 10.0 * (mean_square / (8159.0 * 4.0_f64).powi(2) * 2.0).log10() + 3.17;
    assert!(level.abs() < 0.3, "{level} dBm0");
    let crossings = middle
        .windows(2)
        .filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0)
        .count();
    assert!(crossings.abs_diff(1004) <= 2, "{crossings} Hz");
}

#[test]
fn two_hundred_calls_of_sipp_at_twenty_a_second_lose_nothing() {
    let lab = Lab::start(&[]);
    let screen = sipp::sipp(
        &lab,
        2,
        &["-sn", "uac", "-s", "service", "-m", "200", "-r", "20"],
    );
    for row in ["INVITE", "BYE"] {
        let columns = sipp::columns(&screen, row);
        assert_eq!(
            columns[..3],
            [200, 0, 0],
            "{row}: messages, retransmissions, timeouts\n{screen}"
        );
    }
    lab.is_idle(Duration::from_secs(20));
    let status = lab.status();
    assert_eq!(status["counters"]["calls_answered"], 200, "{status:#}");
    assert_eq!(status["counters"]["sip_retransmissions"], 0, "{status:#}");
    lab.gives_everything_back();
}

#[test]
fn the_echo_returns_a_file_of_sipp_sample_for_sample() {
    let lab = Lab::start(&[]);
    let sent = speech(3.0);
    let file = lab.dir.path().join("speech.ulaw");
    std::fs::write(&file, &sent).expect("the file is written");
    let scenario = include_str!("../sipp/echo_rtp_stream.xml");
    let scenario = scenario.replace("AUDIO_FILE", file.to_str().expect("a path in UTF-8"));
    let path = lab.dir.path().join("echo.xml");
    std::fs::write(&path, scenario).expect("the scenario is written");
    let (phone, gateway) = (lab.neighbour(3).to_string(), lab.ip.to_string());
    let capture = Capture::start(&lab, &format!("host {phone}"));
    let path = path.to_str().expect("a path in UTF-8");
    sipp::one_call(&lab, path);
    let capture = capture.finish();
    let streams = sipp::audio(&capture, &[sipp::MEDIA_PORT]);
    let came = streams.get(&gateway).map(Vec::as_slice).unwrap_or_default();
    let went = streams.get(&phone).map(Vec::as_slice).unwrap_or_default();
    assert!(
        went.starts_with(&sent[..sent.len() / 160 * 160]),
        "sipp sent the file"
    );
    assert_eq!(came.len(), went.len());
    assert!(came == went, "what comes back equals what was sent");
    assert_eq!(sipp::malformed(&capture, &gateway), "");
}

/// A sweep in µ-law, different in every frame.
fn speech(seconds: f64) -> Vec<u8> {
    let samples = (seconds * 8000.0) as u32;
    let wave = (0..samples).map(|index| {
        let time = f64::from(index) / 8000.0;
        let phase = std::f64::consts::TAU * (300.0 * time + 200.0 * time * time);
        ringwell::audio::Law::Mu.encode((phase.sin() * 12_000.0) as i16)
    });
    wave.collect()
}
