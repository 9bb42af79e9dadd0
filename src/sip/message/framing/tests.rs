use bytes::Bytes;

use super::{Frame, StreamFramer};
use crate::sip::message::{MAX_HEAD, MAX_MESSAGE, StatusCode};

const HEAD: &str = "OPTIONS sip:gateway.example SIP/2.0\r\nVia: SIP/2.0/TCP 10.0.0.7;branch=z9hG4bK1\r\n\
    From: <sip:a@pbx.example>;tag=1\r\nTo: <sip:gateway.example>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n";

fn message(more: &str) -> Vec<u8> {
    format!("{HEAD}{more}").into_bytes()
}

fn frames(stream: &[u8]) -> Vec<Frame> {
    let mut framer = StreamFramer::new();
    framer.push(stream);
    framer.collect()
}

fn body(frame: &Frame) -> Bytes {
    match frame {
        Frame::Message(crate::sip::message::Message::Request(request)) => request.body.clone(),
        other => panic!("a request, not {other:?}"),
    }
}

#[test]
fn messages_are_cut_by_content_length() {
    let stream = [
        message("Content-Length: 5\r\n\r\nhello"),
        message("l : 0\r\n\r\n"),
        message("CONTENT-LENGTH:\r\n  3\r\n\r\nabc"),
        message("\r\n"),
        message("l: 2\n\nxy").to_vec(),
    ]
    .concat();
    for size in [1, 2, 3, 5, 11, 64, stream.len()] {
        let mut framer = StreamFramer::new();
        let mut bodies = Vec::new();
        for chunk in stream.chunks(size) {
            framer.push(chunk);
            bodies.extend(framer.by_ref().map(|frame| body(&frame)));
        }
        assert_eq!(bodies, ["hello", "", "abc", "", "xy"], "reads of {size}");
        assert!(!framer.is_partial());
    }
}

#[test]
fn keep_alives_are_told_from_their_answers() {
    assert_eq!(frames(b"\r\n"), [Frame::Pong]);
    assert_eq!(frames(b"\r\n\r\n"), [Frame::Pong, Frame::Ping]);
    assert_eq!(frames(b"\r\n\r\n\r\n\r\n").len(), 4);
    let mut framer = StreamFramer::new();
    for byte in b"\r\n\r" {
        framer.push(&[*byte]);
    }
    assert_eq!(framer.by_ref().count(), 1);
    framer.push(b"\n");
    assert_eq!(framer.next(), Some(Frame::Ping));
    assert_eq!(framer.next(), None);
}

#[test]
fn a_line_break_before_and_one_after_a_message_are_no_ping() {
    let stream = [b"\r\n", message("l: 0\r\n\r\n").as_slice(), b"\r\n"].concat();
    let frames = frames(&stream);
    assert_eq!(frames.len(), 3);
    assert_eq!((&frames[0], &frames[2]), (&Frame::Pong, &Frame::Pong));
}

#[test]
fn a_refused_message_does_not_end_the_stream() {
    let bad = b"BYE sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP 10.0.0.7\r\nl: 2\r\n\r\nxx";
    let stream = [bad.as_slice(), &message("l: 0\r\n\r\n")].concat();
    let frames = frames(&stream);
    let Frame::Rejected(rejected) = &frames[0] else {
        panic!("{:?}", frames[0])
    };
    assert_eq!(rejected.status, Some(StatusCode::BAD_REQUEST));
    assert!(rejected.response.is_some());
    assert!(matches!(frames[1], Frame::Message(_)));
}

/// The one frame of a stream that breaks, with more pushed after it.
fn broken(stream: &[u8]) -> (Option<StatusCode>, bool) {
    let mut framer = StreamFramer::new();
    framer.push(stream);
    let Some(Frame::Broken(rejected)) = framer.next() else {
        panic!("a broken stream")
    };
    framer.push(&message("l: 0\r\n\r\n"));
    assert_eq!(framer.next(), None);
    assert!(!framer.is_partial());
    (rejected.status, rejected.response.is_some())
}

#[test]
fn a_length_that_cannot_be_cut_breaks_the_stream() {
    let answered = (Some(StatusCode::BAD_REQUEST), true);
    for length in [
        "-1",
        "x",
        "99999999999999999999999",
        "1 2",
        "",
        "0x10",
        "+5",
        "5\r\nl: 6",
    ] {
        assert_eq!(
            broken(&message(&format!("Content-Length: {length}\r\n\r\n"))),
            answered,
            "{length}"
        );
    }
    let too_large = message(&format!("l: {MAX_MESSAGE}\r\n\r\n"));
    assert_eq!(
        broken(&too_large),
        (Some(StatusCode::MESSAGE_TOO_LARGE), true)
    );
}

#[test]
fn what_is_not_sip_breaks_the_stream() {
    assert_eq!(broken(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), (None, false));
    assert_eq!(broken(b"hello\n\n"), (None, false));
    assert_eq!(broken(&[0x16; MAX_HEAD + 1]), (None, false));
}

#[test]
fn a_head_without_end_breaks_the_stream() {
    let long = message(&format!("X: {}", "y".repeat(MAX_HEAD)));
    assert_eq!(broken(&long), (Some(StatusCode::MESSAGE_TOO_LARGE), true));
    let long = message(&format!("X: {}\r\n\r\n", "y".repeat(MAX_HEAD)));
    assert_eq!(broken(&long), (Some(StatusCode::MESSAGE_TOO_LARGE), true));
}

#[test]
fn the_largest_message_passes() {
    let head = message("l: 65000\r\n\r\n");
    let frames = frames(&[head, vec![b'x'; 65_000]].concat());
    assert_eq!(body(&frames[0]).len(), 65_000);
}
