//! Messages at and beyond the edge of the grammar: taken, refused with a status, or met with silence.

use bytes::Bytes;
use ringwell::sip::message::{Message, Name, StatusCode, parse};

use crate::messages::{field, message, taken};

const REQUEST: &[u8] = b"OPTIONS sip:support@gateway.example SIP/2.0";
const OK: &[u8] = b"SIP/2.0 200 OK";

/// Every torture case as a message, for the tests that mutate.
pub(crate) fn all() -> Vec<Bytes> {
    let refused = REFUSED.iter().map(|(_, lines, _)| message(lines));
    let silent = SILENT.iter().map(|(_, lines)| message(lines));
    refused.chain(silent).chain([twisted()]).collect()
}

/// Requests that are answered with a refusal.
const REFUSED: &[(&str, &[&[u8]], u16)] = &[
    (
        "another version",
        &[b"OPTIONS sip:gateway.example SIP/7.0"],
        505,
    ),
    (
        "a version of letters",
        &[b"OPTIONS sip:gateway.example SIP/x"],
        505,
    ),
    (
        "a Request-URI in brackets",
        &[b"OPTIONS <sip:gateway.example> SIP/2.0"],
        400,
    ),
    (
        "a Request-URI with a space",
        &[b"OPTIONS sip:gateway.example; lr SIP/2.0"],
        400,
    ),
    (
        "a Request-URI without scheme",
        &[b"OPTIONS gateway.example SIP/2.0"],
        400,
    ),
    ("no Request-URI", &[b"OPTIONS SIP/2.0"], 400),
    (
        "a Request-URI with a bad port",
        &[b"OPTIONS sip:gateway.example:99999 SIP/2.0"],
        400,
    ),
    (
        "IPv6 without brackets in the Request-URI",
        &[b"OPTIONS sip:2001:db8::10 SIP/2.0"],
        400,
    ),
    ("an empty From", &[REQUEST, b"From:"], 400),
    (
        "an open quote in To",
        &[REQUEST, b"To: \"Mr. X <sip:x@h>"],
        400,
    ),
    (
        "an open bracket in From",
        &[REQUEST, b"From: <sip:x@h;tag=1"],
        400,
    ),
    ("an empty Call-ID", &[REQUEST, b"Call-ID: "], 400),
    (
        "a CSeq of another method",
        &[REQUEST, b"CSeq: 1 INVITE"],
        400,
    ),
    (
        "a CSeq of another case",
        &[REQUEST, b"CSeq: 1 options"],
        400,
    ),
    (
        "a CSeq beyond 32 bits",
        &[REQUEST, b"CSeq: 36893488147419103232 OPTIONS"],
        400,
    ),
    ("a CSeq without number", &[REQUEST, b"CSeq: OPTIONS"], 400),
    (
        "two From",
        &[REQUEST, b"From: <sip:a@h>;tag=1", b"f: <sip:b@h>;tag=2"],
        400,
    ),
    (
        "two To",
        &[REQUEST, b"To: <sip:a@h>", b"To: <sip:a@h>"],
        400,
    ),
    ("two Call-ID", &[REQUEST, b"Call-ID: 1", b"Call-ID: 2"], 400),
    (
        "two CSeq",
        &[REQUEST, b"CSeq: 1 OPTIONS", b"CSeq: 2 OPTIONS"],
        400,
    ),
    (
        "two Max-Forwards",
        &[REQUEST, b"Max-Forwards: 1", b"Max-Forwards: 2"],
        400,
    ),
    (
        "a Content-Length larger than the body",
        &[REQUEST, b"Content-Length: 1"],
        400,
    ),
    (
        "a negative Content-Length",
        &[REQUEST, b"Content-Length: -1"],
        400,
    ),
    (
        "two Content-Lengths",
        &[REQUEST, b"Content-Length: 0", b"l: 1"],
        400,
    ),
    (
        "a Content-Length beyond all bounds",
        &[REQUEST, b"Content-Length: 99999999999999999999999999"],
        400,
    ),
    (
        "a Content-Length beyond a datagram",
        &[REQUEST, b"Content-Length: 70000"],
        513,
    ),
];

/// What gets no answer.
const SILENT: &[(&str, &[&[u8]])] = &[
    ("HTTP", &[b"GET / HTTP/1.1"]),
    ("no version", &[b"OPTIONS sip:gateway.example"]),
    (
        "a method that is no token",
        &[b"OPT@IONS sip:gateway.example SIP/2.0"],
    ),
    (
        "a status code beyond all bounds",
        &[b"SIP/2.0 4294967301 better not break"],
    ),
    ("a status code of 099", &[b"SIP/2.0 099 Low"]),
    ("a status code of letters", &[b"SIP/2.0 OK"]),
    ("a response of another version", &[b"SIP/3.0 200 OK"]),
    (
        "a response with a bad CSeq",
        &[OK, b"CSeq: 9292394834772304023312 OPTIONS"],
    ),
    (
        "a response with two From",
        &[OK, b"From: <sip:a@h>", b"From: <sip:b@h>"],
    ),
    ("a response cut short", &[OK, b"Content-Length: 10"]),
    ("a request without Via", &[REQUEST, b"V i a: x", b"Via:"]),
    (
        "a request with an unreadable Via",
        &[REQUEST, b"Via: SIP/2.0/UDP"],
    ),
    (
        "a broken ACK",
        &[b"ACK sip:gateway.example SIP/2.0", b"CSeq: 1 INVITE"],
    ),
    (
        "a first line that begins with space",
        &[b" ", b"OPTIONS sip:gateway.example SIP/2.0"],
    ),
];

#[test]
fn broken_requests_are_refused_along_their_vias() {
    for (name, lines, status) in REFUSED {
        let bytes = message(lines);
        let rejected = parse(bytes).expect_err(name);
        let response = rejected
            .response
            .unwrap_or_else(|| panic!("{name}: no answer"));
        assert_eq!(response.status, StatusCode(*status), "{name}");
        assert_eq!(rejected.status, Some(response.status), "{name}");
        assert!(!rejected.reason.is_empty(), "{name}");
        assert!(response.headers.contains(&Name::Via), "{name}");
        assert!(!response.write().is_empty(), "{name}");
    }
}

#[test]
fn a_refusal_carries_the_raw_lines() {
    let bytes = message(&[
        REQUEST,
        b"Via: SIP/2.0/UDP p1;branch=z9hG4bK1 , SIP/2.0/UDP p2;branch=z9hG4bK2",
        b"v: SIP/2.0/UDP p3;odd=\"x\"",
        b"From: \"open <sip:a@h>;tag=1",
    ]);
    let response = parse(bytes)
        .expect_err("broken")
        .response
        .expect("an answer");
    let vias: Vec<_> = response.headers.all(&Name::Via).collect();
    assert_eq!(
        vias,
        [
            "SIP/2.0/UDP p1;branch=z9hG4bK1 , SIP/2.0/UDP p2;branch=z9hG4bK2",
            "SIP/2.0/UDP p3;odd=\"x\""
        ]
    );
    assert_eq!(
        response.headers.get(&Name::From).expect("copied"),
        "\"open <sip:a@h>;tag=1"
    );
    assert_eq!(
        response.headers.get(&Name::CallId).expect("copied"),
        "core@pbx.example"
    );
    assert_eq!(
        response.headers.get(&Name::CSeq).expect("copied"),
        "1 OPTIONS"
    );
}

#[test]
fn everything_else_that_is_broken_is_met_with_silence() {
    for (name, lines) in SILENT {
        let rejected = parse(message(lines)).expect_err(name);
        assert_eq!(rejected.response, None, "{name}");
    }
    for bytes in [
        &b""[..],
        b"\r\n",
        b"\r\n\r\n",
        b"\0",
        b"\n\n\n",
        &[0x80; 40],
        b"SIP/2.0",
        b"x",
        b" ",
    ] {
        let rejected = parse(Bytes::copy_from_slice(bytes)).expect_err("no message");
        assert_eq!(
            (rejected.status, rejected.response),
            (None, None),
            "{bytes:?}"
        );
    }
}

/// A legal request written as badly as the grammar allows.
fn twisted() -> Bytes {
    message(&[
        b"!odd-Method.~*' sip:%6fffice;x=y:p%40ss@GATEWAY.example:05060;Unknown;lr=?h=v SIP/2.0",
        b"vIa  :\t SIP  /\t2.0",
        b"   /UDP",
        b"\t  host.example  :  4000 ;  branch",
        b" = z9hG4bKtwisted ; x = \"a\\\"b;c,d\"",
        b" ,SIP/2.0/TCP second;branch=z9hG4bK2",
        b"F\t:",
        b" ",
        b" \"Q \\\\ \\\" ,;<>\"<sip:f@h;p=1>\t;\ttag\t=\tone ; flag",
        b"TO: T. o.  ' <",
        b" sip:t@h > ;x",
        b"i: {odd}[call]/id?",
        b"CsEq: 00007",
        b"   !odd-Method.~*'",
        b"Subject:",
        b"X-Colons: a:b:c",
        b"X-Folded: one",
        b"\t two",
        b"   three",
        b"l\t:\t000",
    ])
}

#[test]
fn a_twisted_request_is_read_in_full() {
    let message = taken(&twisted());
    for (name, expected) in [
        ("method", "!odd-Method.~*'"),
        ("uri.user", "office;x=y"),
        ("uri.host", "GATEWAY.example"),
        ("uri.port", "5060"),
        ("uri.unknown", ""),
        ("uri.lr", ""),
        ("via.transport", "UDP"),
        ("via.host", "host.example"),
        ("via.port", "4000"),
        ("via.branch", "z9hG4bKtwisted"),
        ("via.x", "a\"b;c,d"),
        ("from.display", "Q \\ \" ,;<>"),
        ("from", "sip:f@h;p=1"),
        ("from.tag", "one"),
        ("from.flag", ""),
        ("to.display", "T. o.  '"),
        ("to", "sip:t@h"),
        ("call-id", "{odd}[call]/id?"),
        ("cseq", "7"),
        ("header.X-Colons", "a:b:c"),
        ("header.X-Folded", "one two three"),
        ("header.Subject", ""),
        ("body", ""),
    ] {
        assert_eq!(field(&message, name), expected, "{name}");
    }
}

#[test]
fn lines_that_are_no_headers_are_passed_over() {
    let junk = message(&[
        REQUEST,
        b"no colon",
        b"Foo Bar: x",
        b": x",
        b"<sip:p2;lr>",
        b"\xff\xfe: y",
        b"X-After: here",
    ]);
    let Message::Request(request) = taken(&junk) else {
        panic!("a request")
    };
    assert_eq!(
        request
            .headers
            .iter()
            .next()
            .map(|(_, value)| value.as_ref()),
        Some(&b"here"[..])
    );
}

#[test]
fn the_second_message_of_a_datagram_is_left_out() {
    let one = message(&[REQUEST, b"Content-Length: 0"]);
    let two = [one.as_ref(), one.as_ref()].concat();
    assert_eq!(taken(&two.into()), taken(&one));
}

#[test]
fn binary_bodies_survive() {
    let body: Vec<u8> = (0..=255).cycle().take(1024).collect();
    let mut bytes = message(&[
        b"MESSAGE sip:a@h SIP/2.0",
        b"CSeq: 1 MESSAGE",
        b"Content-Type: application/octet-stream",
        b"Content-Length: 1024",
    ])
    .to_vec();
    bytes.extend_from_slice(&body);
    let Message::Request(request) = taken(&bytes.into()) else {
        panic!("a request")
    };
    assert_eq!(request.body, body);
    assert!(request.write().ends_with(&body));
}

#[test]
fn overlarge_numbers_count_as_the_largest() {
    let Message::Request(request) = taken(&message(&[
        REQUEST,
        b"Max-Forwards: 300",
        b"Expires: 1000000000000000000000000000000",
    ])) else {
        panic!("a request")
    };
    assert_eq!(request.max_forwards(), Some(255));
    assert_eq!(request.headers.number(&Name::Expires), Some(u32::MAX));
}
