use bytes::Bytes;

use super::{CSeq, Headers, Params, RAck, Reason, Refresher, Replaces, SessionExpires};
use crate::sip::message::{Method, Name};

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

#[test]
fn headers_keep_their_order() {
    let mut headers = Headers::default();
    headers.push(Name::Via, "b");
    headers.push(Name::To, "t");
    headers.push(Name::Via, "c, d");
    headers.push_front(Name::Via, "a");
    assert_eq!(headers.get(&Name::Via).unwrap(), "a");
    assert_eq!(
        headers.all(&Name::Via).collect::<Vec<_>>(),
        ["a", "b", "c, d"]
    );
    assert_eq!(
        headers.elements(&Name::Via).collect::<Vec<_>>(),
        ["a", "b", "c", "d"]
    );
    headers.set_first(Name::Via, "A");
    assert_eq!(headers.elements(&Name::Via).next().unwrap(), "A");
    headers.set(Name::Via, "z");
    let names: Vec<_> = headers
        .iter()
        .map(|(name, value)| format!("{name}={value:?}"))
        .collect();
    assert_eq!(names, ["Via=b\"z\"", "To=b\"t\""]);
    headers.set(Name::From, "f");
    headers.remove(&Name::To);
    assert_eq!((headers.len(), headers.contains(&Name::To)), (2, false));
}

#[test]
fn values_cannot_smuggle_headers() {
    let mut headers = Headers::default();
    headers.push(Name::Subject, " x\r\nEvil: 1\r\n ");
    headers.set(Name::Server, "y\nz");
    assert_eq!(headers.get(&Name::Subject).unwrap(), "x  Evil: 1");
    assert_eq!(headers.get(&Name::Server).unwrap(), "y z");
}

#[test]
fn token_lists_and_numbers_are_read() {
    let mut headers = Headers::default();
    headers.push(Name::Supported, "100rel, Timer");
    headers.push(Name::Supported, "");
    headers.push(Name::Supported, "replaces");
    headers.push(Name::RetryAfter, "18 (in a meeting);duration=3600");
    headers.push(Name::Expires, "99999999999");
    headers.push(Name::MinSe, "x");
    assert!(headers.has_token(&Name::Supported, "timer"));
    assert!(headers.has_token(&Name::Supported, "replaces"));
    assert!(!headers.has_token(&Name::Supported, "100"));
    assert_eq!(headers.number(&Name::RetryAfter), Some(18));
    assert_eq!(headers.number(&Name::Expires), Some(u32::MAX));
    assert_eq!(headers.number(&Name::MinSe), None);
    assert_eq!(headers.number(&Name::MaxForwards), None);
}

#[test]
fn cseq_and_rack_are_read_and_written() {
    let cseq = CSeq::parse(&bytes("0009 \t INVITE")).unwrap();
    assert_eq!(cseq.to_string(), "9 INVITE");
    let rack = RAck::parse(&bytes("776656 1 INVITE")).unwrap();
    assert_eq!(
        (rack.rseq, rack.cseq.number, &rack.cseq.method),
        (776_656, 1, &Method::Invite)
    );
    assert_eq!(rack.to_string(), "776656 1 INVITE");
    for text in [
        "",
        "1",
        "INVITE",
        "-1 INVITE",
        "4294967296 INVITE",
        "1 IN VITE",
        "1  ",
    ] {
        assert_eq!(CSeq::parse(&bytes(text)), None, "{text:?}");
    }
    assert_eq!(RAck::parse(&bytes("1 INVITE")), None);
}

#[test]
fn reasons_are_read_and_written() {
    let reason = Reason::parse(&bytes("Q.850 ;cause=16 ;text=\"Normal, call clearing\"")).unwrap();
    assert_eq!(
        (reason.protocol.as_ref(), reason.cause),
        (&b"Q.850"[..], Some(16))
    );
    assert_eq!(
        reason.to_string(),
        "Q.850;cause=16;text=\"Normal, call clearing\""
    );
    assert_eq!(
        Reason::sip(200, "Call completed elsewhere").to_string(),
        "SIP;cause=200;text=\"Call completed elsewhere\""
    );
    assert_eq!(Reason::parse(&bytes("SIP;cause=x")).unwrap().cause, None);
    assert_eq!(Reason::parse(&bytes(";cause=1")), None);
}

#[test]
fn session_expires_is_read_and_written() {
    let read = SessionExpires::parse(&bytes("1800 ; refresher=UAC;x")).unwrap();
    assert_eq!((read.seconds, read.refresher), (1800, Some(Refresher::Uac)));
    assert_eq!(read.to_string(), "1800;refresher=uac");
    assert_eq!(
        SessionExpires::parse(&bytes("90;refresher=me"))
            .unwrap()
            .refresher,
        None
    );
    assert_eq!(SessionExpires::parse(&bytes("soon")), None);
}

#[test]
fn replaces_is_read_and_written() {
    let text = "425928@bobster.example;to-tag=7743;from-tag=6472;early-only";
    let replaces = Replaces::parse(&bytes(text)).unwrap();
    assert!(replaces.early_only);
    assert_eq!(replaces.to_string(), text);
    for text in ["", "a", "a;to-tag=1", ";to-tag=1;from-tag=2"] {
        assert_eq!(Replaces::parse(&bytes(text)), None, "{text:?}");
    }
}

#[test]
fn parameters_are_read_set_and_written() {
    let mut params = Params::parse(&bytes(" ; a = 1;;b;C=\"x;\\\"y\";=z; "));
    assert_eq!(params.get("A").unwrap(), "1");
    assert_eq!(params.get("b").unwrap(), "");
    assert_eq!(params.get("c").unwrap(), "x;\"y");
    assert_eq!(params.iter().count(), 3);
    params.set("B", Some("two words"));
    params.set("d", Some(""));
    params.remove("a");
    assert_eq!(params.to_string(), ";b=\"two words\";C=\"x;\\\"y\";d=\"\"");
    assert!(!params.is_empty() && params.contains("D"));
}
