use super::*;
use crate::sip::message::{Message, StatusCode, parse};

fn invite(record_routes: &[&str]) -> Request {
    let routes: String = record_routes
        .iter()
        .map(|it| format!("Record-Route: {it}\r\n"))
        .collect();
    let text = format!(
        "INVITE sip:box@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n{routes}\
         From: Caller <sip:c@d.example>;tag=theirs\r\nTo: \"The Box\" <sip:box@192.0.2.9>\r\n\
         Call-ID: c1\r\nCSeq: 100 INVITE\r\nContact: <sip:c@192.0.2.1:5062?Subject=x>\r\n\r\n"
    );
    match parse(text.into()) {
        Ok(Message::Request(request)) => request,
        other => panic!("{other:?}"),
    }
}

fn answered(invite: &Request) -> Response {
    let mut response = Response::to_request(invite, StatusCode::OK)
        .with_header(Name::Contact, "<sip:box@192.0.2.9:5070>");
    let to = response.to().unwrap().with_tag("ours");
    response.headers.set(Name::To, to);
    response
}

fn from_peer(method: &str, cseq: u32) -> Request {
    let text = format!(
        "{method} sip:box@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK2\r\n\
         From: Caller <sip:c@d.example>;tag=theirs\r\nTo: <sip:box@192.0.2.9>;tag=ours\r\n\
         Call-ID: c1\r\nCSeq: {cseq} {method}\r\n\r\n"
    );
    match parse(text.into()) {
        Ok(Message::Request(request)) => request,
        other => panic!("{other:?}"),
    }
}

fn values(request: &Request, name: &Name) -> Vec<String> {
    let text = |value: &Bytes| String::from_utf8(value.to_vec()).unwrap();
    request.headers.all(name).map(text).collect()
}

#[test]
fn the_receiver_turns_from_and_to_around() {
    let mut dialog = Dialog::uas(&invite(&[]), "ours").unwrap();
    let bye = dialog.request(Method::Bye);
    assert_eq!(bye.uri.to_string(), "sip:c@192.0.2.1:5062");
    assert_eq!(
        values(&bye, &Name::To),
        ["Caller <sip:c@d.example>;tag=theirs"]
    );
    assert_eq!(
        values(&bye, &Name::From),
        ["\"The Box\" <sip:box@192.0.2.9>;tag=ours"]
    );
    assert_eq!(values(&bye, &Name::CallId), ["c1"]);
    assert_eq!(values(&bye, &Name::CSeq), ["1 BYE"]);
    assert_eq!(values(&bye, &Name::MaxForwards), ["70"]);
    assert_eq!(dialog.request(Method::Info).cseq().unwrap().number, 2);
}

#[test]
fn the_receiver_keeps_the_routes_order_and_the_sender_reverses_it() {
    let invite = invite(&["<sip:p1;lr>, <sip:p2;lr>", "<sip:p3;lr>"]);
    let mut uas = Dialog::uas(&invite, "ours").unwrap();
    let mut uac = Dialog::uac(&invite, &answered(&invite)).unwrap();
    let routes = ["<sip:p1;lr>", "<sip:p2;lr>", "<sip:p3;lr>"];
    assert_eq!(values(&uas.request(Method::Bye), &Name::Route), routes);
    assert_eq!(uas.next_hop().to_string(), "sip:p1;lr");
    let bye = uac.request(Method::Bye);
    assert_eq!(bye.uri.to_string(), "sip:box@192.0.2.9:5070");
    assert_eq!(
        values(&bye, &Name::Route),
        ["<sip:p3;lr>", "<sip:p2;lr>", "<sip:p1;lr>"]
    );
    assert_eq!(values(&bye, &Name::CSeq), ["101 BYE"]);
    assert_eq!(
        values(&bye, &Name::To),
        ["\"The Box\" <sip:box@192.0.2.9>;tag=ours"]
    );
}

#[test]
fn a_strict_router_gets_its_uri_as_request_uri() {
    let invite = invite(&["<sip:strict@p1?x=y>", "<sip:p2;lr>"]);
    let mut dialog = Dialog::uas(&invite, "ours").unwrap();
    let bye = dialog.request(Method::Bye);
    assert_eq!(bye.uri.to_string(), "sip:strict@p1");
    assert_eq!(
        values(&bye, &Name::Route),
        ["<sip:p2;lr>", "<sip:c@192.0.2.1:5062>"]
    );
    assert_eq!(dialog.next_hop().to_string(), "sip:strict@p1?x=y");
}

#[test]
fn the_ack_has_the_invites_number() {
    let invite = invite(&[]);
    let mut dialog = Dialog::uac(&invite, &answered(&invite)).unwrap();
    dialog.request(Method::Info);
    let ack = dialog.ack(100);
    assert_eq!(values(&ack, &Name::CSeq), ["100 ACK"]);
}

#[test]
fn requests_must_come_in_order_but_may_leave_gaps() {
    let mut dialog = Dialog::uas(&invite(&[]), "ours").unwrap();
    assert_eq!(dialog.accept(&from_peer("INFO", 99)), Err(OutOfOrder));
    assert_eq!(dialog.accept(&from_peer("INFO", 100)), Err(OutOfOrder));
    assert_eq!(dialog.accept(&from_peer("INFO", 105)), Ok(()));
    assert_eq!(dialog.accept(&from_peer("BYE", 104)), Err(OutOfOrder));
    let mut uac = Dialog::uac(&invite(&[]), &answered(&invite(&[]))).unwrap();
    assert_eq!(uac.accept(&from_peer("BYE", 0)), Ok(()));
}

#[test]
fn the_remote_target_follows_the_contact() {
    let mut dialog = Dialog::uas(&invite(&[]), "ours").unwrap();
    dialog.refresh_target(None);
    assert_eq!(dialog.next_hop().to_string(), "sip:c@192.0.2.1:5062");
    dialog.refresh_target(NameAddr::parse(&"<sip:c@192.0.2.7>".into()));
    assert_eq!(
        dialog.request(Method::Bye).uri.to_string(),
        "sip:c@192.0.2.7"
    );
}

#[test]
fn tags_and_call_id_make_the_dialog() {
    let dialog = Dialog::uas(&invite(&[]), "ours").unwrap();
    let mut request = from_peer("BYE", 101);
    assert!(dialog.matches(&request));
    request
        .headers
        .set(Name::To, "<sip:box@192.0.2.9>;tag=other");
    assert!(!dialog.matches(&request));
}

#[test]
fn without_contact_the_from_or_the_request_uri_is_the_target() {
    let mut bare = invite(&[]);
    bare.headers.remove(&Name::Contact);
    let mut dialog = Dialog::uas(&bare, "ours").unwrap();
    assert_eq!(
        dialog.request(Method::Bye).uri.to_string(),
        "sip:c@d.example"
    );
    let mut response = answered(&invite(&[]));
    response.headers.remove(&Name::Contact);
    let dialog = Dialog::uac(&invite(&[]), &response).unwrap();
    assert_eq!(dialog.ack(100).uri.to_string(), "sip:box@192.0.2.9");
}
