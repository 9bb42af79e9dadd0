//! Callers are connected with a person: by REFER, and by a bridge through the box; and come back when nobody
//! is there.

use std::time::Duration;

use serde_json::Value;

use crate::answered::heard;
use crate::lab::{Lab, Process};
use crate::sipp::{self, Capture};

const PATIENCE: Duration = Duration::from_secs(15);

/// The neighbour that plays the person.
const PERSON: u8 = 20;

/// A laboratory with a sales team, reached in this way.
fn lab(mode: &str) -> Lab {
    let target = format!(
        "[{{name = \"the sales team\", uri = \"sip:201@{{net}}.{PERSON}\", mode = \"{mode}\"}}]"
    );
    Lab::start(&[("transfer", "target", &target)])
}

/// SIPp as the person.
fn person(lab: &Lab, arguments: &[&str]) -> Process {
    person_at(lab, PERSON, arguments)
}

/// SIPp at another address.
pub fn person_at(lab: &Lab, host: u8, arguments: &[&str]) -> Process {
    let ip = lab.neighbour(host).to_string();
    let log = lab.dir.path().join(format!("person-{host}.log"));
    let common = ["-i", &ip, "-mi", &ip, "-p", "5060", "-nostdin", "-m", "1"];
    Process::start("sipp", &[&common, arguments].concat(), &log)
}

/// The path of a scenario.
pub fn scenario(lab: &Lab, name: &str, text: &str) -> String {
    let path = lab.dir.path().join(name);
    std::fs::write(&path, text).expect("the scenario is written");
    path.to_str().expect("a path in UTF-8").to_owned()
}

fn contents(ticket: &Value) -> &str {
    ticket["contents"].as_str().expect("contents")
}

#[test]
fn a_blind_transfer_by_refer_ends_the_call() {
    let lab = lab("blind");
    let target = format!("sip:201@{}", lab.neighbour(PERSON));
    let text = include_str!("../sipp/rfc3515_blind_transfer.xml");
    let text = text.replace("TRANSFER_TARGET", &target.replace('.', "[.]"));
    let path = scenario(&lab, "blind.xml", &text);
    let gateway = lab.ip.to_string();
    let capture = Capture::start(&lab, &format!("host {}", lab.neighbour(4)));
    sipp::sipp(&lab, 4, &["-sf", &path, "-m", "1"]);
    let capture = capture.finish();
    assert_eq!(sipp::malformed(&capture, &gateway), "");
    lab.nothing_is_left(PATIENCE);
    let ticket = &lab.tickets_are(1, PATIENCE)[0];
    let contents = contents(ticket);
    assert!(
        contents.contains("to the sales team: connected"),
        "{contents}"
    );
    assert_eq!(lab.status()["recent"][0]["outcome"], "escalated");
}

#[test]
fn a_bridge_carries_the_callers_words_to_the_person_and_back() {
    let lab = lab("bridge");
    lab.knows_articles();
    let mut person = person(&lab, &["-sn", "uas", "-rtp_echo"]);
    let gateway = lab.ip.to_string();
    let capture = Capture::start(&lab, &format!("host {}", lab.neighbour(PERSON)));
    // The words come back from the person, so the box carries them both ways.
    let report = lab.call(
        "assistant",
        "wait until it stops; say transfer me to the sales team; wait for one moment within 20 s; \
         wait until it stops; pause 2 s; say seven purple elephants; \
         wait for seven purple elephants within 10 s; hang up",
    );
    assert_eq!(report["ok"], true, "{report:#}\n{}", lab.log());
    let ended = person.ended(PATIENCE).expect("the person's call is over");
    assert!(ended.success(), "{ended}\n{}", lab.log());
    let capture = capture.finish();
    assert_eq!(sipp::malformed(&capture, &gateway), "");
    lab.nothing_is_left(PATIENCE);
    let ticket = &lab.tickets_are(1, PATIENCE)[0];
    let contents = contents(ticket);
    assert!(
        contents.contains("to the sales team: connected"),
        "{contents}"
    );
    assert!(
        !contents.contains("elephants"),
        "nobody listens: {contents}"
    );
}

#[test]
fn a_busy_person_brings_the_caller_back_to_the_assistant() {
    let lab = lab("bridge");
    lab.knows_articles();
    let text = include_str!("../sipp/rfc3261_21_4_21_busy.xml");
    let mut person = person(&lab, &["-sf", &scenario(&lab, "busy.xml", text)]);
    let report = lab.call(
        "assistant",
        "wait until it stops; say i want to talk to a person; wait for line is busy within 20 s; \
         wait until it stops; say how do i reset my password?; wait for forgot password within 15 s; \
         wait until it stops; say thank you, that is all, goodbye; wait for hang up",
    );
    assert_eq!(report["ok"], true, "{report:#}\n{}", lab.log());
    let said = heard(&report).join(" ");
    assert!(said.contains("connect you with the sales team"), "{said}");
    assert!(person.ended(PATIENCE).is_some_and(|ended| ended.success()));
    lab.nothing_is_left(PATIENCE);
    let ticket = &lab.tickets_are(1, PATIENCE)[0];
    let contents = contents(ticket);
    assert!(
        contents.contains("to the sales team: busy (486"),
        "{contents}"
    );
}

#[test]
fn what_the_persons_side_plays_before_the_answer_is_heard_and_then_the_assistant_again() {
    let lab = lab("bridge");
    lab.knows_articles();
    let text = include_str!("../sipp/rfc3960_3_2_early_media_then_busy.xml");
    let path = scenario(&lab, "early.xml", text);
    let mut person = person(&lab, &["-sf", &path, "-rtp_echo"]);
    // The words come back from the person's side before anybody has answered there.
    let report = lab.call(
        "assistant",
        "wait until it stops; say transfer me to the sales team; wait for one moment within 20 s; \
         wait until it stops; pause 2 s; say seven purple elephants; \
         wait for seven purple elephants within 10 s; wait for line is busy within 30 s; hang up",
    );
    assert_eq!(report["ok"], true, "{report:#}\n{}", lab.log());
    assert!(person.ended(PATIENCE).is_some_and(|it| it.success()));
    lab.nothing_is_left(PATIENCE);
    let ticket = &lab.tickets_are(1, PATIENCE)[0];
    let contents = contents(ticket);
    assert!(
        contents.contains("to the sales team: busy (486"),
        "{contents}"
    );
    assert!(
        !contents.contains("elephants"),
        "nobody listens: {contents}"
    );
}

/// The share of two tones together in the loudest second of what the caller heard.
fn loudest(recording: &std::path::Path, tones: [f64; 2]) -> f64 {
    let mut reader = hound::WavReader::open(recording).expect("a recording");
    let rate = reader.spec().sample_rate;
    let samples: Vec<f64> = reader
        .samples::<i16>()
        .map(|sample| f64::from(sample.expect("a sample")))
        .collect();
    // They are on the right.
    let heard: Vec<f64> = samples.chunks_exact(2).map(|pair| pair[1]).collect();
    let shares = heard.chunks_exact(rate as usize).map(|second| {
        let all: f64 = second.iter().map(|sample| sample * sample).sum();
        let of = |tone: f64| {
            let (mut real, mut imaginary) = (0.0, 0.0);
            for (index, sample) in (0_u32..).zip(second) {
                let angle = core::f64::consts::TAU * tone * f64::from(index) / f64::from(rate);
                real += sample * angle.cos();
                imaginary += sample * angle.sin();
            }
            2.0 * (real * real + imaginary * imaginary) / (all.max(1.0) * f64::from(rate))
        };
        of(tones[0]) + of(tones[1])
    });
    shares.fold(0.0, f64::max)
}

#[test]
fn a_caller_hears_the_persons_telephone_ring() {
    hears_it_ring("pcmu");
}

#[test]
fn a_caller_in_g722_hears_the_persons_telephone_ring() {
    hears_it_ring("g722");
}

#[test]
fn a_caller_in_opus_hears_the_persons_telephone_ring() {
    hears_it_ring("opus");
}

fn hears_it_ring(codec: &str) {
    let lab = lab("bridge");
    lab.knows_articles();
    let text = include_str!("../sipp/rfc3261_9_2_rings_until_cancelled.xml");
    let mut person = person(&lab, &["-sf", &scenario(&lab, "rings.xml", text)]);
    let recording = lab.dir.path().join("rings.wav");
    let mut caller = lab.caller(
        "assistant",
        "wait until it stops; say i want to talk to a person; wait for one moment within 20 s; \
         wait until it stops; pause 8 s; hang up",
    );
    let recorded = caller.args(["--codec", codec, "--record"]).arg(&recording);
    let output = recorded.output().expect("the caller runs");
    assert!(output.status.success(), "{output:?}\n{}", lab.log());
    assert!(person.ended(PATIENCE).is_some_and(|it| it.success()));
    let share = loudest(&recording, [440.0, 480.0]);
    assert!(
        share > 0.8,
        "no ring-back in the recording: {share}\n{}",
        lab.log()
    );
    lab.nothing_is_left(PATIENCE);
}

#[test]
fn rfc_3263_4_a_host_name_is_looked_up_when_the_person_is_called() {
    let held = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = held.local_addr().expect("an address").port().to_string();
    drop(held);
    let target = format!(
        "[{{name = \"the sales team\", uri = \"sip:201@localhost:{port};transport=tcp\"}}]"
    );
    let lab = Lab::start(&[("transfer", "target", &target)]);
    lab.knows_articles();
    let log = lab.dir.path().join("person.log");
    let at = ["-i", "127.0.0.1", "-p", &port, "-t", "t1", "-nostdin"];
    let arguments = [&["-sn", "uas", "-m", "1"], &at[..]].concat();
    let mut person = Process::start("sipp", &arguments, &log);
    let report = lab.call(
        "assistant",
        "wait until it stops; say transfer me to the sales team; wait for one moment within 20 s; \
         wait until it stops; pause 4 s; hang up",
    );
    assert_eq!(report["ok"], true, "{report:#}\n{}", lab.log());
    let ended = person.ended(PATIENCE);
    assert!(ended.is_some_and(|it| it.success()), "{}", lab.log());
    lab.nothing_is_left(PATIENCE);
    let ticket = &lab.tickets_are(1, PATIENCE)[0];
    let contents = contents(ticket);
    assert!(
        contents.contains("to the sales team: connected"),
        "{contents}"
    );
}

/// The sales team has two addresses under one name, and the second one answers whatever becomes of the first.
fn the_second_address_takes_the_call(parameters: &str, first: Option<&str>, second: &[&str]) {
    let target =
        format!("[{{name = \"the sales team\", uri = \"sip:201@sales.test:5060{parameters}\"}}]");
    let mut lab = Lab::start(&[("transfer", "target", &target)]);
    lab.name_hosts(&[("sales.test", PERSON), ("sales.test", PERSON + 1)]);
    lab.knows_articles();
    let first = first.map(|text| {
        let path = scenario(&lab, "first.xml", text);
        person(&lab, &["-sf", &path])
    });
    let arguments = [&["-sn", "uas", "-rtp_echo"], second].concat();
    let mut second = person_at(&lab, PERSON + 1, &arguments);
    let capture = Capture::start(&lab, &format!("net {}/24 and port 5060", lab.ip));
    let report = lab.call(
        "assistant",
        "wait until it stops; say transfer me to the sales team; wait for one moment within 20 s; \
         wait until it stops; pause 8 s; say seven purple elephants; \
         wait for seven purple elephants within 15 s; hang up",
    );
    assert_eq!(report["ok"], true, "{report:#}\n{}", lab.log());
    let ended = second.ended(PATIENCE);
    assert!(ended.is_some_and(|it| it.success()), "{}", lab.log());
    if let Some(mut first) = first {
        let ended = first.ended(PATIENCE);
        assert!(ended.is_some_and(|it| it.success()), "{}", lab.log());
    }
    assert_eq!(sipp::malformed(&capture.finish(), &lab.ip.to_string()), "");
    lab.nothing_is_left(PATIENCE);
    let ticket = &lab.tickets_are(1, PATIENCE)[0];
    let contents = contents(ticket);
    assert!(
        contents.contains("to the sales team: connected"),
        "{contents}"
    );
}

#[test]
fn rfc_3263_4_3_after_503_the_next_address_is_called() {
    let unavailable = include_str!("../sipp/rfc3261_21_5_4_unavailable_target.xml");
    the_second_address_takes_the_call("", Some(unavailable), &[]);
}

#[test]
fn rfc_3263_4_3_when_no_connection_is_taken_the_next_address_is_called() {
    the_second_address_takes_the_call(";transport=tcp", None, &["-t", "t1"]);
}

#[test]
fn rfc_3263_4_3_when_nobody_is_there_the_next_address_is_called() {
    the_second_address_takes_the_call("", None, &[]);
}

#[test]
fn a_caller_who_hangs_up_while_it_rings_cancels_the_second_call() {
    let lab = lab("bridge");
    lab.knows_articles();
    let text = include_str!("../sipp/rfc3261_9_2_rings_until_cancelled.xml");
    let mut person = person(&lab, &["-sf", &scenario(&lab, "rings.xml", text)]);
    let report = lab.call(
        "assistant",
        "wait until it stops; say i want to talk to a person; wait for one moment within 20 s; \
         wait until it stops; pause 3 s; hang up",
    );
    assert_eq!(report["ok"], true, "{report:#}\n{}", lab.log());
    let ended = person.ended(PATIENCE).expect("the person's call is over");
    assert!(ended.success(), "CANCEL came: {ended}\n{}", lab.log());
    lab.nothing_is_left(PATIENCE);
    let ticket = &lab.tickets_are(1, PATIENCE)[0];
    assert!(
        contents(ticket).contains("the caller hung up"),
        "{ticket:#}"
    );
}

#[test]
fn a_kill_while_it_rings_leaves_a_ticket_that_says_so() {
    let mut lab = lab("bridge");
    lab.knows_articles();
    let text = include_str!("../sipp/rfc3261_9_2_rings_until_cancelled.xml");
    let _person = person(&lab, &["-sf", &scenario(&lab, "rings.xml", text)]);
    let script = "wait until it stops; say i want to talk to a person; pause 20 s; hang up";
    let mut caller = lab.caller("assistant", script);
    let caller = caller.stdout(std::process::Stdio::null()).spawn();
    let mut caller = caller.expect("the caller runs");
    lab.until("it rings", Duration::from_secs(30), |lab| {
        (lab.status()["transactions"]["client_invite"] == 1).then_some(())
    });
    lab.kill_gateway();
    lab.start_gateway();
    let ticket = &lab.tickets_are(1, PATIENCE)[0];
    let contents = contents(ticket);
    assert!(
        contents.contains("stopped while the caller was being connected with the sales team"),
        "{contents}"
    );
    let _gone = caller.kill();
    let _status = caller.wait();
}

#[test]
fn a_call_to_an_emergency_number_is_refused_so_that_another_route_is_tried() {
    let mut lab = lab("bridge");
    lab.expect_alarm("EMERGENCY");
    for number in ["911", "112", "9911"] {
        let output = lab.caller(number, "wait for hang up").output();
        let output = output.expect("the caller runs");
        let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
        assert_eq!(report["status"], 503, "{report:#}");
    }
    assert_eq!(lab.status()["counters"]["refused_emergency"], 3);
    lab.nothing_is_left(PATIENCE);
    assert!(lab.tickets().is_empty());
}
