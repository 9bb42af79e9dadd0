//! Large and deep inputs: every one is handled in linear time.

use std::time::Duration;

use bytes::Bytes;
use ringwell::io::clock;
use ringwell::sdp::{Local, SessionDescription, answer};
use ringwell::sip::message::{
    Auth, MAX_HEAD, MAX_HEADERS, MAX_VIAS, Name, Params, StatusCode, StreamFramer, Uri, parse,
};

use crate::messages::message;

/// A quadratic walk over 64 KiB takes tens of seconds in this build; a linear one some milliseconds.
const LIMIT: Duration = Duration::from_secs(2);

/// Fills 64 KiB with a pattern.
fn filled(pattern: &str) -> String {
    pattern.repeat(64 * 1024 / pattern.len())
}

fn timed(name: &str, work: impl FnOnce()) {
    let start = clock::now();
    work();
    let took = clock::now().duration_since(start);
    assert!(took < LIMIT, "{name} took {took:?}");
}

const PATTERNS: [&str; 22] = [
    "\"", "<", ">", ";", ",", "\\", "a=b;", ";a", "a,", "<a>,", "\"a\",", "a\r\n ", "\r\n ",
    "a: b\r\n", "v: c\r\n", "\n", "\r", "%41", "@", ":", "[", " ",
];

#[test]
fn every_pattern_is_handled_in_every_place() {
    for pattern in PATTERNS {
        let fill = filled(pattern);
        for start in [
            "",
            "OPTIONS ",
            "OPTIONS sip:",
            "OPTIONS sip:h SIP/2.0\r\n",
            "OPTIONS sip:h SIP/2.0\r\nVia: ",
            "OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/UDP h;",
            "OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nFrom: ",
            "OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nFrom: \"",
            "SIP/2.0 200 ",
        ] {
            let text = format!("{start}{fill}");
            timed(&format!("{start:?} and {pattern:?}"), || {
                drop(parse(Bytes::copy_from_slice(
                    &text.as_bytes()[..text.len().min(64 * 1024)],
                )));
                let mut framer = StreamFramer::new();
                for chunk in text.as_bytes().chunks(50) {
                    framer.push(chunk);
                    framer.by_ref().for_each(drop);
                }
            });
        }
    }
}

#[test]
fn every_pattern_is_handled_by_every_view() {
    for pattern in PATTERNS {
        let fill = Bytes::from(filled(pattern));
        timed(pattern, || {
            assert!(Auth::parse_all(&fill).len() <= fill.len());
            assert!(Params::parse(&fill).iter().count() <= fill.len());
            let uri = [b"sip:a@h;", fill.as_ref()].concat();
            drop(Uri::parse(uri).map(|uri| (uri.params(), uri.headers())));
            let description = [b"v=0\r\nm=audio 1 RTP/AVP 0\r\na=", fill.as_ref()].concat();
            drop(SessionDescription::parse(&description));
        });
    }
}

#[test]
fn a_description_full_of_formats_is_handled() {
    let formats = "m=audio 4000 RTP/AVP".to_owned() + &" 96".repeat(8_000) + "\r\n";
    let text = format!("v=0\r\n{formats}{}", "a=rtpmap:97 x/8000\r\n".repeat(1_900));
    let local = Local {
        address: core::net::IpAddr::from([192, 0, 2, 80]),
        port: 30_000,
        session_id: 1,
        codecs: Vec::new(),
        srtp: Default::default(),
    };
    timed("formats by attributes", || {
        let description = SessionDescription::parse(text.as_bytes()).expect("a description");
        assert!(answer(&description, &local).is_err());
    });
}

#[test]
fn a_uri_of_many_parameters_is_compared() {
    let text = format!(
        "sip:h{}",
        (0..1_500).map(|n| format!(";p{n}={n}")).collect::<String>()
    );
    let uri = Uri::parse(text).expect("a URI");
    timed("comparison", || assert!(uri.equivalent(&uri)));
}

#[test]
fn limits_are_answered() {
    let refused = |lines: &[&[u8]]| {
        parse(message(lines))
            .expect_err("over a limit")
            .response
            .expect("an answer")
            .status
    };
    let start = b"OPTIONS sip:h SIP/2.0".as_slice();
    let long = format!("X: {}", "y".repeat(MAX_HEAD));
    let via = "Via: SIP/2.0/UDP h;branch=z9hG4bK1";
    assert_eq!(
        refused(&[start, via.as_bytes(), long.as_bytes()]),
        StatusCode::MESSAGE_TOO_LARGE
    );
    let vias = via.to_owned() + &", SIP/2.0/UDP h".repeat(MAX_VIAS);
    assert_eq!(
        refused(&[start, vias.as_bytes()]),
        StatusCode::TOO_MANY_HOPS
    );
    let mut many = vec![start, via.as_bytes()];
    many.resize(MAX_HEADERS + 2, b"X: y");
    assert_eq!(refused(&many), StatusCode::BAD_REQUEST);
    // One less of each is taken.
    let vias = via.to_owned() + &", SIP/2.0/UDP h".repeat(MAX_VIAS - 1);
    let mut many = vec![start, vias.as_bytes()];
    many.resize(MAX_HEADERS - 3, b"X: y");
    let message = parse(message(&many)).expect("within the limits");
    assert_eq!(message.headers().elements(&Name::Via).count(), MAX_VIAS);
}
