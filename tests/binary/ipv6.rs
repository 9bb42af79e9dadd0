//! Calls whose audio is over IPv6, and those that ask for the family that their signalling does not use.

use std::net::{Ipv6Addr, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::lab::{Lab, RINGWELL};
use crate::sipp::{self, Capture};

const PATIENCE: Duration = Duration::from_secs(20);

/// A laboratory that listens at ::1, too, and the port there.
fn lab() -> (Lab, u16) {
    let free = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).expect("an IPv6 port");
    let port = free.local_addr().expect("its address").port();
    drop(free);
    let listen = format!("[\"{{net}}.1:5060\", \"[::1]:{port}\"]");
    let lab = Lab::start(&[
        ("sip", "listen_udp", &listen),
        ("line", "allow", "[\"127.0.0.0/8\", \"::1\"]"),
    ]);
    (lab, port)
}

fn call(lab: &Lab, port: u16, script: &str) -> Value {
    let mut command = Command::new(&*RINGWELL);
    let uri = format!("sip:assistant@[::1]:{port}");
    command.args(["call", &uri, "--local", "::1", "--json", "--script", script]);
    let output = command.output().expect("the caller runs");
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}\n{}", lab.log()))
}

/// One field of the packets of a capture that a filter lets through.
fn fields(capture: &Path, ports: &[u64], filter: &str, field: &str) -> Vec<String> {
    let mut command = Command::new("tshark");
    command.args(["-r", &capture.display().to_string(), "-n"]);
    for port in ports {
        command.args(["-d", &format!("udp.port=={port},rtp")]);
    }
    command.args(["-Y", filter, "-T", "fields", "-e", field]);
    let output = command.output().expect("tshark reads");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn a_call_over_ipv6_is_heard_and_answered_over_ipv6() {
    let (lab, port) = lab();
    lab.knows_articles();
    let capture = Capture::start(&lab, "ip6 and udp");
    let report = call(
        &lab,
        port,
        "wait until it speaks; wait until it stops; say how do i reset my password?; \
         wait for forgot password within 15 s; wait until it stops; say thank you, that is all, goodbye; \
         wait for hang up",
    );
    assert_eq!(report["ok"], true, "{report:#}\n{}", lab.log());
    let capture = capture.finish();
    let answers = format!("udp.srcport == {port} && sip.Status-Code == 200 && sdp");
    let addresses = fields(&capture, &[], &answers, "sdp.connection_info");
    assert!(!addresses.is_empty(), "an answer in the capture");
    assert!(
        addresses.iter().all(|it| it == "IN IP6 ::1"),
        "{addresses:?}"
    );
    let ours = fields(&capture, &[], &answers, "sdp.media.port");
    let ours: u64 = ours[0].parse().expect("our port");
    let voice = format!("udp.srcport == {ours} && rtp.p_type == 0");
    let sent = fields(&capture, &[ours], &voice, "ipv6.src").len();
    let voice = format!("udp.dstport == {ours} && rtp.p_type == 0");
    let came = fields(&capture, &[ours], &voice, "ipv6.src").len();
    assert!(
        sent > 100 && came > 100,
        "packets over IPv6: {sent}, {came}"
    );
    assert_eq!(sipp::malformed(&capture, "::1"), "");
    lab.gives_everything_back();
    let recent = &lab.status()["recent"][0];
    assert_eq!(recent["outcome"], "answered", "{recent:#}");
}

fn scenario(lab: &Lab, offered: &str, answered: &str) -> String {
    let text = include_str!("../sipp/rfc3264_6_family_of_the_audio.xml");
    let text = text.replace("OFFERED", offered);
    let text = text.replace("ANSWERED", answered);
    let path = lab.dir.path().join("family.xml");
    std::fs::write(&path, text).expect("the scenario is written");
    path.to_str().expect("a path in UTF-8").to_owned()
}

#[test]
fn the_audio_is_in_the_family_that_the_offer_names() {
    let (lab, port) = lab();
    let own = format!("IP4 {}", lab.ip);
    let theirs = format!("IP4 {}", lab.neighbour(2));
    let path = scenario(&lab, "IP6 ::1", "IP6 ::1");
    sipp::sipp(&lab, 2, &["-sf", &path, "-m", "1"]);
    for (offered, answered) in [("IP6 ::1", "IP6 ::1"), (theirs.as_str(), own.as_str())] {
        let path = scenario(&lab, offered, answered);
        let target = format!("[::1]:{port}");
        let output = Command::new("sipp")
            .args([&target, "-i", "::1", "-mi", "::1", "-nostdin"])
            .args(["-sf", &path, "-m", "1", "-timeout", "40s", "-timeout_error"])
            .current_dir(lab.dir.path())
            .output()
            .expect("sipp runs");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{offered}: {text}\n{}", lab.log());
    }
    lab.is_idle(PATIENCE);
    lab.gives_everything_back();
}

/// Such as linphone's on a machine with both, whose audio then comes over IPv4 all the same.
#[test]
fn without_an_address_of_the_offers_family_the_answer_has_the_signallings() {
    let lab = Lab::start(&[]);
    let path = scenario(&lab, "IP6 ::1", &format!("IP4 {}", lab.ip));
    sipp::sipp(&lab, 2, &["-sf", &path, "-m", "1"]);
    lab.is_idle(PATIENCE);
    lab.gives_everything_back();
}
