//! RFC 4475's messages and worse over UDP and TCP while a call runs: the right status or silence, no
//! crash, the call unharmed.

use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use crate::lab::Lab;

/// A request with something wrong about it, and the status it must get; `None` is silence. Written for
/// this test; RFC 4475 has the like of each (the section is named).
struct Case {
    what: &'static str,
    method: &'static str,
    /// What is replaced by what.
    edit: (&'static str, &'static str),
    /// Headers before Content-Length.
    headers: &'static str,
    status: Option<u16>,
}

const fn case(
    what: &'static str,
    method: &'static str,
    edit: (&'static str, &'static str),
    headers: &'static str,
    status: Option<u16>,
) -> Case {
    Case {
        what,
        method,
        edit,
        headers,
        status,
    }
}

const AS_IT_IS: (&str, &str) = ("", "");
const LENGTH: &str = "Content-Length: 0";

#[rustfmt::skip]
const CASES: &[Case] = &[
    case("an unknown method (3.1.1.2)", "!%Zw'`9-.+_", AS_IT_IS, "", Some(501)),
    case("OPTIONS is answered", "OPTIONS", AS_IT_IS, "", Some(200)),
    case("a negative Content-Length (3.1.2.3)", "OPTIONS", (LENGTH, "Content-Length: -999"), "", Some(400)),
    case("a body shorter than told (3.1.2.2)", "OPTIONS", (LENGTH, "Content-Length: 9999"), "", Some(400)),
    case("a CSeq too large (3.1.2.4)", "OPTIONS", ("CSeq: 7", "CSeq: 36893488147419103232"), "", Some(400)),
    case("another method in CSeq (3.1.2.17)", "OPTIONS", ("7 OPTIONS", "7 INVITE"), "", Some(400)),
    case("version 7.0 (3.1.2.16)", "OPTIONS", ("com SIP/2.0", "com SIP/7.0"), "", Some(505)),
    case("an unknown scheme (3.3.3)", "OPTIONS", ("OPTIONS sip:", "OPTIONS nobodyKnowsThis:"), "", Some(416)),
    case("an unknown required option (3.3.2)", "OPTIONS", AS_IT_IS, "Require: nothingSupportsThis\r\n", Some(420)),
    case("no hops left (3.3.6)", "INVITE", ("Forwards: 70", "Forwards: 0"), "", Some(483)),
    case("a BYE of no dialog", "BYE", ("com>\r\nCall", "com>;tag=x\r\nCall"), "", Some(481)),
    case("a CANCEL of nothing", "CANCEL", AS_IT_IS, "", Some(481)),
    case("REGISTER", "REGISTER", AS_IT_IS, "", Some(405)),
    case("a body of an unknown type (3.3.4)", "INVITE", (LENGTH, "Content-Length: 4"), "Content-Type: application/unknown\r\n", Some(415)),
    case("an offer without a codec of ours", "INVITE", (LENGTH, "Content-Length: 96"), "Content-Type: application/sdp\r\n", Some(488)),
    case("an ACK of nothing", "ACK", AS_IT_IS, "", None),
];

/// All messages, as from this address: what they are, their text, the status they must get.
fn messages(via: &str) -> Vec<(&'static str, String, Option<u16>)> {
    let requests = CASES.iter().enumerate().map(|(number, case)| {
        let Case {
            what,
            method,
            edit,
            headers,
            status,
        } = case;
        let body = if headers.contains("sdp") {
            video(via)
        } else {
            "abcd".to_owned()
        };
        let text = format!(
            "{method} sip:assistant@example.com SIP/2.0\r\n\
             Via: SIP/2.0/UDP {via};branch=z9hG4bKt{number}\r\n\
             From: <sip:torture@example.com>;tag=t{number}\r\nTo: <sip:assistant@example.com>\r\n\
             Call-ID: t{number}-@torture\r\nCSeq: 7 {method}\r\nMax-Forwards: 70\r\n\
             Contact: <sip:t@{via}>\r\n{headers}{LENGTH}\r\n\r\n{}",
            if headers.contains("Content-Type") {
                &body
            } else {
                ""
            },
        );
        let text = if edit.0.is_empty() {
            text
        } else {
            text.replace(edit.0, edit.1)
        };
        (*what, text, *status)
    });
    let response = format!(
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP {via};branch=z9hG4bKr\r\nFrom: <sip:a@b.c>;tag=1\r\n\
         To: <sip:a@b.c>;tag=2\r\nCall-ID: r\r\nCSeq: 1 INVITE\r\n{LENGTH}\r\n\r\n"
    );
    let others = [
        ("a response to nothing (3.2.1)", response, None),
        (
            "noise",
            "\u{1}\u{2}\u{3} hello \r\n\r\n\r\n".to_owned(),
            None,
        ),
        ("line breaks alone", "\r\n\r\n".to_owned(), None),
    ];
    requests.chain(others).collect()
}

/// An offer of 96 bytes with video alone.
fn video(via: &str) -> String {
    let ip = via.split(':').next().unwrap_or_default();
    let text = format!(
        "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=video 4000 RTP/AVP 99\r\n"
    );
    format!("{text:\n<96}")
}

fn status_of(answer: &[u8]) -> Option<u16> {
    String::from_utf8_lossy(answer)
        .split(' ')
        .nth(1)?
        .parse()
        .ok()
}

/// The final status that a datagram is answered with, if any comes. Answers to what was asked before
/// (a refusal is repeated until its ACK) are passed over.
fn ask(socket: &UdpSocket, message: &[u8]) -> Option<u16> {
    let text = String::from_utf8_lossy(message).into_owned();
    let call_id = text.lines().find(|line| line.starts_with("Call-ID:"));
    socket.send(message).expect("sent");
    let mut answer = [0; 65_536];
    while let Ok(length) = socket.recv(&mut answer) {
        let answer = String::from_utf8_lossy(&answer[..length]);
        let ours = call_id.map_or(!answer.contains("@torture"), |call_id| {
            answer.contains(call_id)
        });
        match status_of(answer.as_bytes()) {
            Some(100..=199) => {}
            status if ours => return status,
            _ => {}
        }
    }
    None
}

fn socket(lab: &Lab, host: u8) -> UdpSocket {
    let socket = UdpSocket::bind((lab.neighbour(host), 0)).expect("a socket");
    socket.connect((lab.ip, 5060)).expect("connected");
    socket
        .set_read_timeout(Some(Duration::from_millis(700)))
        .expect("a socket option");
    socket
}

/// A call that is told its own echo while something else happens, and its report.
fn with_a_call(lab: &Lab, meanwhile: impl FnOnce()) -> Value {
    let caller = lab
        .caller("echo", "pause 1 s; say before; wait for before; pause 14 s; say after; wait for after; hang up")
        .stdout(Stdio::piped())
        .spawn()
        .expect("the caller runs");
    lab.until("the call is up", Duration::from_secs(20), |lab| {
        (lab.status()["counters"]["calls_answered"] == 1).then_some(())
    });
    meanwhile();
    let output = caller.wait_with_output().expect("the caller ends");
    serde_json::from_slice(&output.stdout).expect("a report")
}

#[test]
fn torture_gets_the_right_status_or_silence_and_a_running_call_does_not_notice() {
    let lab = Lab::start(&[]);
    let report = with_a_call(&lab, || {
        let socket = socket(&lab, 66);
        let via = socket.local_addr().expect("an address").to_string();
        for (what, message, status) in messages(&via) {
            assert_eq!(
                ask(&socket, message.as_bytes()),
                status,
                "{what}:\n{message}"
            );
        }
    });
    assert_eq!(report["ok"], true, "{report:#}");
    assert_eq!(report["rtp"]["lost"], 0, "{report:#}");
    assert_eq!(lab.status()["counters"]["calls_panicked"], 0);
}

/// RFC 4475 itself, where its archive is at hand: RINGWELL_CORPUS names the folder.
#[test]
fn the_messages_of_rfc_4475_do_no_harm() {
    let Some(corpus) = std::env::var_os("RINGWELL_CORPUS").map(PathBuf::from) else {
        let _ = writeln!(
            std::io::stderr(),
            "skipped: RINGWELL_CORPUS names no folder with rfc4475"
        );
        return;
    };
    let lab = Lab::start(&[]);
    let files = std::fs::read_dir(corpus.join("rfc4475/dat")).expect("the corpus");
    let mut files: Vec<_> = files.flatten().map(|file| file.path()).collect();
    files.sort();
    assert!(files.len() >= 49, "{} messages", files.len());
    let report = with_a_call(&lab, || {
        let socket = socket(&lab, 66);
        for file in files {
            let message = std::fs::read(&file).expect("a message");
            socket.send(&message).expect("sent");
            let mut stream = TcpStream::connect((lab.ip, 5060)).expect("connected");
            stream
                .set_read_timeout(Some(Duration::from_millis(20)))
                .expect("a socket option");
            // A stream that is answered and closed at once is right, too.
            let _ = stream.write_all(&message);
            let _ = stream.read(&mut [0; 1024]);
        }
        assert!(lab.status()["counters"]["sip_requests"].as_u64() > Some(20));
    });
    assert_eq!(report["ok"], true, "{report:#}\n{}", lab.log());
    assert_eq!(report["rtp"]["lost"], 0, "{report:#}");
    assert_eq!(lab.status()["counters"]["calls_panicked"], 0);
    lab.is_idle(Duration::from_secs(60));
}

#[test]
fn strangers_are_told_403_and_counted() {
    let lab = Lab::start_admitting("127.0.0.0/30");
    let socket = socket(&lab, 66);
    let via = socket.local_addr().expect("an address").to_string();
    let (_, options, _) = &messages(&via)[1];
    assert_eq!(ask(&socket, options.as_bytes()), Some(403));
    let status = lab.status();
    assert_eq!(status["sockets"]["strangers"], 1, "{status:#}");
    assert_eq!(status["refusals"]["stranger"], 1, "{status:#}");
}
