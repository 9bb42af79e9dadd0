use super::*;
use crate::sip::message::{Message, parse};

fn request(method: &str, via: &str, from_tag: &str, to_tag: &str, cseq: u32) -> Request {
    let to_tag = if to_tag.is_empty() {
        String::new()
    } else {
        format!(";tag={to_tag}")
    };
    let text = format!(
        "{method} sip:a@box.example SIP/2.0\r\nVia: {via}\r\nFrom: <sip:c@d>;tag={from_tag}\r\n\
         To: <sip:a@box.example>{to_tag}\r\nCall-ID: 1@d\r\nCSeq: {cseq} {method}\r\n\r\n"
    );
    match parse(text.into()) {
        Ok(Message::Request(request)) => request,
        other => panic!("{other:?}"),
    }
}

const NEW: &str = "SIP/2.0/UDP d.example:5070;branch=z9hG4bK77";
const OLD: &str = "SIP/2.0/UDP d.example;branch=1";

fn key(request: &Request) -> Key {
    Key::of_request(request).unwrap()
}

#[test]
fn the_branch_the_sent_by_and_the_method_decide() {
    let invite = key(&request("INVITE", NEW, "f", "", 1));
    let same = |via: &str| key(&request("INVITE", via, "x", "y", 2)) == invite;
    assert!(same("SIP/2.0/UDP D.EXAMPLE:5070;rport;branch=z9hG4bK77"));
    assert!(same(
        "SIP/2.0/UDP d.example:5070;branch=z9hG4bK77;received=192.0.2.1;rport=9"
    ));
    assert!(!same("SIP/2.0/UDP d.example:5070;branch=z9hG4bK78"));
    assert!(!same("SIP/2.0/UDP d.example;branch=z9hG4bK77"));
    assert!(!same("SIP/2.0/UDP e.example:5070;branch=z9hG4bK77"));
    assert_ne!(invite, key(&request("OPTIONS", NEW, "f", "", 1)));
}

#[test]
fn ack_and_cancel_find_the_invite() {
    for via in [NEW, OLD] {
        let invite = key(&request("INVITE", via, "f", "", 1));
        assert_eq!(invite, key(&request("ACK", via, "f", "t", 1)), "{via}");
        let cancel = request("CANCEL", via, "f", "", 1);
        assert_eq!(Key::cancelled(&cancel), Some(invite.clone()), "{via}");
        assert_ne!(key(&cancel), invite, "{via}");
    }
}

#[test]
fn without_the_cookie_everything_decides() {
    let bye = key(&request("BYE", OLD, "f", "t", 2));
    assert_eq!(bye, key(&request("BYE", OLD, "f", "t", 2)));
    assert_ne!(bye, key(&request("BYE", OLD, "g", "t", 2)));
    assert_ne!(bye, key(&request("BYE", OLD, "f", "u", 2)));
    assert_ne!(bye, key(&request("BYE", OLD, "f", "t", 3)));
    assert_ne!(
        bye,
        key(&request(
            "BYE",
            "SIP/2.0/UDP d.example;branch=2",
            "f",
            "t",
            2
        ))
    );
    assert_eq!(
        key(&request("BYE", "SIP/2.0/UDP d.example", "f", "t", 2)),
        key(&request(
            "BYE",
            "SIP/2.0/UDP d.example;received=192.0.2.1",
            "f",
            "t",
            2
        ))
    );
}

#[test]
fn a_response_finds_the_request_we_sent() {
    let bye = request("BYE", NEW, "f", "t", 2);
    let response = Response::to_request(&bye, crate::sip::message::StatusCode::OK);
    assert_eq!(
        Key::of_response(&response),
        Some(Key::client(b"z9hG4bK77", &Method::Bye))
    );
    assert_ne!(
        Key::of_response(&response),
        Some(Key::client(b"z9hG4bK77", &Method::Invite))
    );
}

#[test]
fn a_response_with_two_vias_is_not_ours() {
    let bye = request("BYE", &format!("{NEW}, {OLD}"), "f", "t", 2);
    let response = Response::to_request(&bye, crate::sip::message::StatusCode::OK);
    assert_eq!(Key::of_response(&response), None);
}

#[test]
fn the_cookie_alone_is_no_branch() {
    assert!(has_cookie(b"z9hg4bk1") && !has_cookie(b"z9hG4bK") && !has_cookie(b"1"));
}
