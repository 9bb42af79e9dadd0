//! `scripts/witness check`, which judges what the box sent in a whole run: it must see what is broken.

use std::process::Command;
use std::time::{Duration, SystemTime};

use ringwell::audio::{Codec, Law};
use ringwell::io::clock;
use ringwell::rtp::burst::Pattern;
use ringwell::rtp::quality::Path;
use ringwell::rtp::receiver::Report;
use ringwell::rtp::rtcp::{Rtcp, VoipMetrics};
use ringwell::rtp::sender::Sender;

/// What it is shown: sender, port at both ends, payload.
type Datagram = ([u8; 4], u16, Vec<u8>);

const BOX: [u8; 4] = [127, 70, 1, 1];
const PEER: [u8; 4] = [127, 70, 1, 9];

/// A file in the format of libpcap with IPv4 datagrams (link type 101) to 127.70.1.7.
fn capture(folder: &std::path::Path, datagrams: &[Datagram]) {
    let mut file = Vec::new();
    file.extend(0xa1b2_c3d4_u32.to_le_bytes());
    file.extend([2, 0, 4, 0]);
    for word in [0, 0, 262_144, 101_u32] {
        file.extend(word.to_le_bytes());
    }
    for (sender, port, payload) in datagrams {
        let length = u16::try_from(payload.len() + 28).expect("a datagram's length");
        for word in [0, 0, u32::from(length), u32::from(length)] {
            file.extend(word.to_le_bytes());
        }
        file.extend([0x45, 0]);
        file.extend(length.to_be_bytes());
        file.extend([0, 0, 0, 0, 64, 17, 0, 0]);
        file.extend(sender);
        file.extend([127, 70, 1, 7]);
        for word in [*port, *port, length - 20, 0] {
            file.extend(word.to_be_bytes());
        }
        file.extend(payload);
    }
    std::fs::write(folder.join("sent.pcapng"), file).expect("the capture is written");
}

/// An answer with SDP in which some text is replaced.
fn answer(from: &str, to: &str) -> Vec<u8> {
    let sdp = "v=0\r\no=- 1 1 IN IP4 127.70.1.1\r\ns=-\r\nc=IN IP4 127.70.1.1\r\nt=0 0\r\n\
               m=audio 20000 RTP/AVP 0\r\n";
    let head = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.70.1.7:5060;branch=z9hG4bK1\r\n\
                From: <sip:a@127.70.1.7>;tag=1\r\nTo: <sip:b@127.70.1.1>;tag=2\r\nCall-ID: c1\r\n\
                CSeq: 1 INVITE\r\nContact: <sip:b@127.70.1.1>\r\nContent-Type: application/sdp\r\n\
                Content-Length: ";
    let message = format!("{head}{}\r\n\r\n{sdp}", sdp.len());
    assert!(message.contains(from), "{from:?} is in it");
    message.replacen(from, to, 1).into_bytes()
}

/// Whether the check passes, and what it says.
fn judged(datagrams: &[Datagram], least: &str) -> (bool, String) {
    let folder = tempfile::tempdir().expect("a temporary directory");
    capture(folder.path(), datagrams);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/witness");
    let output = Command::new(script)
        .arg("check")
        .arg(folder.path())
        .arg(least)
        .output()
        .expect("the script runs");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    (output.status.success(), said)
}

#[test]
fn a_sound_message_passes_and_too_few_do_not() {
    let sound = || (BOX, 5060, answer("OK", "OK"));
    let (passed, said) = judged(&[sound(), sound()], "2");
    assert!(passed, "{said}");
    assert!(said.contains("the box sent 2 frames of SIP"), "{said}");
    let (passed, said) = judged(&[sound(), sound()], "3");
    assert!(!passed, "{said}");
    assert!(said.contains("too little to judge"), "{said}");
}

#[test]
fn what_is_broken_fails_with_its_frame_when_the_box_sent_it() {
    let broken = [
        ("OK", "OK"),
        ("Call-ID: c1", "Call-ID c1"),
        ("From: <sip:a@127.70.1.7>;tag=1\r\n", ""),
        ("UDP 127.70", " 127.70"),
        ("1 INVITE", "1"),
        ("Content-Length: ", "Content-Length: -"),
        ("20000", "x"),
        ("s=-\r\n", ""),
    ];
    let sent_by = |sender| broken.map(|(from, to)| (sender, 5060, answer(from, to)));
    let (passed, said) = judged(&sent_by(BOX), "1");
    assert!(!passed, "{said}");
    let lines = said.lines().filter(|line| line.contains("127.70.1.1"));
    let frames: Vec<_> = lines
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    // All but the first, which is sound.
    assert_eq!(frames, ["2", "3", "4", "5", "6", "7", "8"], "{said}");
    // What a peer sends to provoke does not count.
    let sound = (BOX, 5060, answer("OK", "OK"));
    let (passed, said) = judged(&[&sent_by(PEER)[..], &[sound]].concat(), "1");
    assert!(passed, "{said}");
}

/// RFC 3611: ours passes; one whose block is longer than the packet does not.
#[test]
fn an_extended_report_is_read_and_a_broken_one_fails() {
    let pattern = Pattern {
        loss: 0.03,
        burst_packets: 4.0,
        gap_packets: 300.0,
        ..Pattern::default()
    };
    let path = Path {
        codec: Codec::G711(Law::Mu),
        loss: 0.03,
        burst_ratio: 1.5,
        delay: Duration::from_millis(80),
    };
    let metrics = VoipMetrics::new(&pattern, &path.quality(), 20, [40, 60], [40, 60, 120]);
    let now = clock::now();
    let mut rtcp = Rtcp::new(5, "box@127.70.1.1", SystemTime::UNIX_EPOCH, 1, now);
    rtcp.tell_metrics(Some((9, metrics)));
    let mut buffer = [0; 400];
    let sender = Sender::new(5, 1, 1);
    let length = rtcp.write_bye(&sender, Some((9, Report::default())), &mut buffer, now);
    let sound = buffer[..length.expect("it fits")].to_vec();
    let audio = (BOX, 5060, answer("OK", "OK"));
    let (passed, said) = judged(&[audio.clone(), (BOX, 20_001, sound.clone())], "1");
    assert!(passed, "{said}");
    assert!(said.contains("1 of RTCP"), "{said}");
    let mut broken = sound;
    // The packet ends in the middle of its block, after header and source.
    let report = broken.windows(2).position(|bytes| bytes == [0x80, 207]);
    broken.truncate(report.expect("the extended report") + 8 + 16);
    let (passed, said) = judged(&[audio, (BOX, 20_001, broken)], "1");
    assert!(!passed, "{said}");
}

#[test]
fn a_broken_rtcp_report_of_the_box_fails() {
    // A sender report (RFC 3550 §6.4.1) that ends after its sender, from the port after the audio's.
    let report = vec![0x80, 200, 0, 6, 0, 0, 0, 1];
    let audio = (BOX, 5060, answer("OK", "OK"));
    let (passed, said) = judged(&[audio, (BOX, 20_001, report)], "1");
    assert!(!passed, "{said}");
    assert!(said.contains("RTCP"), "{said}");
}
