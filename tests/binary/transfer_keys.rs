//! Keys that let a caller through at the person's side: an extension behind a machine that answers, a PIN.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::baresip::Baresip;
use crate::lab::{Lab, Process};
use crate::phones::{read, says_after};
use crate::sipp::{self, Capture};
use crate::transfer::{person_at, scenario};

const PATIENCE: Duration = Duration::from_secs(15);
/// The neighbour that is the person.
const PERSON: u8 = 20;
const DIGITS: &str = "4,2#";

fn lab() -> Lab {
    let target = format!(
        "[{{name = \"the sales team\", uri = \"sip:phone@{{net}}.{PERSON}\", digits = \"{DIGITS}\"}}]"
    );
    let lab = Lab::start(&[("transfer", "target", &target)]);
    lab.knows_articles();
    lab
}

/// SIPp as the machine that answers for the person.
fn person(lab: &Lab, text: &str) -> Process {
    let scenario = scenario(lab, "person.xml", text);
    person_at(lab, PERSON, &["-sf", &scenario, "-rtp_echo"])
}

fn asks(end: &str) -> String {
    format!(
        "wait until it stops; press 0; wait for one moment within 20 s; wait until it stops; {end}"
    )
}

fn ticket(lab: &Lab) -> String {
    let ticket = lab.tickets_are(1, PATIENCE).remove(0);
    ticket["contents"].as_str().expect("contents").to_owned()
}

/// A key in a capture, on the clock of its stream.
#[derive(Debug)]
struct Key {
    event: u8,
    begins: u32,
    lasts: u32,
    /// Packets with the end bit.
    ends: usize,
}

/// The telephone-events of a capture that went to this address, in order.
fn keys(capture: &Path, to: &str) -> Vec<Key> {
    let fields = [
        "rtp.timestamp",
        "rtpevent.event_id",
        "rtpevent.duration",
        "rtpevent.end_of_event",
    ];
    let fields = fields.iter().flat_map(|field| ["-e", field]);
    let output = Command::new("tshark")
        .args(["-r", &capture.display().to_string(), "-n", "-T", "fields"])
        .args(["-Y", &format!("rtpevent && ip.dst == {to}")])
        .args(fields)
        .output()
        .expect("tshark reads");
    let mut keys: Vec<Key> = Vec::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let columns: Vec<&str> = line.split('\t').collect();
        let number = |index: usize| columns[index].parse::<u32>().expect(line);
        let (begins, event) = (number(0), number(1));
        if keys.last().is_none_or(|key| key.begins != begins) {
            let event = u8::try_from(event).expect("an event");
            let (lasts, ends) = (0, 0);
            keys.push(Key {
                event,
                begins,
                lasts,
                ends,
            });
        }
        let key = keys.last_mut().expect("a key");
        key.lasts = key.lasts.max(number(2));
        key.ends += usize::from(matches!(columns[3], "1" | "True"));
    }
    keys
}

/// The caller is let through to a machine that acts this scenario, and then presses a key, too; gives what went over the
/// wire.
fn is_let_through(lab: &Lab, scenario: &str) -> PathBuf {
    let mut person = person(lab, scenario);
    let to = lab.neighbour(PERSON).to_string();
    let capture = Capture::start(lab, &format!("udp and host {to}"));
    // The words come back from the person's side once the two hear each other.
    let report = lab.call(
        "assistant",
        &asks(
            "pause 7 s; say seven purple elephants; wait for seven purple elephants within 10 s; \
             press 7; pause 1 s; hang up",
        ),
    );
    assert_eq!(report["ok"], true, "{report:#}\n{}", lab.log());
    let ended = person.ended(PATIENCE).expect("the person's call is over");
    assert!(ended.success(), "{ended}\n{}", lab.log());
    let capture = capture.finish();
    assert_eq!(sipp::malformed(&capture, &lab.ip.to_string()), "");
    lab.nothing_is_left(PATIENCE);
    let ticket = ticket(lab);
    assert!(ticket.contains("to the sales team: connected"), "{ticket}");
    capture
}

#[test]
fn keys_are_pressed_when_the_persons_side_has_answered() {
    let lab = lab();
    let scenario = include_str!("../sipp/rfc4733_2_5_keys_wanted.xml");
    let capture = is_let_through(&lab, scenario);
    let keys = keys(&capture, &lab.neighbour(PERSON).to_string());
    let events: Vec<u8> = keys.iter().map(|key| key.event).collect();
    assert_eq!(events, [4, 2, 11, 7], "{keys:?}");
    for key in &keys {
        assert!(key.lasts >= 800, "100 ms of tone: {key:?}");
        assert_eq!(key.ends, 3, "RFC 4733 §2.5.1.4: {key:?}");
    }
    let gap = |index: usize| keys[index + 1].begins - keys[index].begins - keys[index].lasts;
    assert!(gap(0) >= 16_000, "the pause of two seconds: {keys:?}");
    assert!(gap(1) >= 800, "100 ms between keys: {keys:?}");
}

/// The scenario itself wants 4 2 # 7 by INFO.
#[test]
fn keys_go_by_info_where_the_persons_side_takes_nothing_else() {
    let lab = lab();
    let scenario = include_str!("../sipp/rfc6086_4_2_2_keys_by_info.xml");
    is_let_through(&lab, scenario);
}

#[test]
fn a_side_that_takes_no_keys_brings_the_caller_back_to_the_assistant() {
    let lab = lab();
    let scenario = include_str!("../sipp/rfc6086_4_2_2_keys_refused.xml");
    let mut person = person(&lab, scenario);
    let report = lab.call(
        "assistant",
        &asks("wait for could not reach within 20 s; hang up"),
    );
    assert_eq!(report["ok"], true, "{report:#}\n{}", lab.log());
    let ended = person.ended(PATIENCE).expect("the person's call is over");
    assert!(ended.success(), "{ended}\n{}", lab.log());
    lab.nothing_is_left(PATIENCE);
    let ticket = ticket(&lab);
    assert!(
        ticket.contains(
            "its keys could not be pressed: no telephone-events there, and no INFO (405)"
        ),
        "{ticket}"
    );
}

#[test]
fn a_baresip_reads_the_keys_that_are_pressed_for_the_caller() {
    let lab = lab();
    let says = says_after(&lab, "person.wav", 2, "");
    let folder = lab.dir.path().join("person");
    let mut person = Baresip::start(&folder, lab.neighbour(PERSON), "udp", &says);
    let mut caller = lab.caller(
        "assistant",
        &asks("pause 7 s; say seven purple elephants; press 7; pause 2 s; hang up"),
    );
    let caller = caller.stdout(std::process::Stdio::piped()).spawn();
    let caller = caller.expect("the caller runs");
    person.wait_for("CALL_ESTABLISHED", Duration::from_secs(40));
    for key in ["4", "2", "#", "7"] {
        let event = person.wait_for("CALL_DTMF_START", PATIENCE);
        assert_eq!(event["param"], key, "{event:#}");
    }
    person.wait_for("CALL_CLOSED", PATIENCE);
    let output = caller.wait_with_output().expect("the caller ends");
    assert!(output.status.success(), "{output:?}\n{}", lab.log());
    let heard = read(&person.heard());
    assert!(heard.contains("seven purple elephants"), "{heard}");
    lab.nothing_is_left(PATIENCE);
}
