//! A call of ours that is sent elsewhere (RFC 3261 §8.1.3.4).

use super::calling::{calling_with, response};
use super::*;
use crate::sip::message::Host;

fn allowing(hosts: &[&str]) -> (Bench, TransactionId, Request) {
    let hosts = hosts
        .iter()
        .map(|host| Host::parse(host.to_string()).unwrap());
    calling_with(Policy {
        redirect_hosts: hosts.collect(),
        ..Policy::default()
    })
}

fn moved(invite: &Request, contacts: &str) -> Response {
    let mut response = response(invite, 302, "x", "");
    response.headers.set(Name::Contact, contacts.to_owned());
    response
}

#[test]
fn only_to_hosts_that_the_line_names() {
    let cases = [
        ("<sip:a@other.example>", None),
        ("<sips:a@office.example>", None),
        ("<tel:+15550100>", None),
        ("<sip:a@office.example;method=BYE>", None),
        (
            "<sip:a@OFFICE.example?Subject=x>",
            Some("sip:a@OFFICE.example"),
        ),
        ("<sip:a@192.0.2.77:5070>", Some("sip:a@192.0.2.77:5070")),
    ];
    for (contact, goes_to) in cases {
        let (mut bench, transaction, invite) = allowing(&["office.example", "192.0.2.77"]);
        bench.answer_with(transaction, moved(&invite, contact));
        let Some(goes_to) = goes_to else {
            assert!(bench.session.poll_output().is_none(), "{contact}");
            let ended = bench.ended();
            assert_eq!((ended.by, ended.status), (Party::Remote, Some(302)));
            continue;
        };
        let (_, again, to) = bench.sent();
        assert_eq!(again.uri.to_string(), goes_to);
        assert_eq!(text(&again.headers, &Name::CSeq), "2 INVITE");
        assert_eq!(again.call_id(), invite.call_id());
        assert_eq!(again.from_tag(), invite.from_tag());
        assert_eq!((again.to_tag(), &again.body), (None, &invite.body));
        // A name is left to the next hop, an address is dialled.
        let dialled = match again.uri.host().unwrap().ip() {
            Some(ip) => std::net::SocketAddr::new(ip, 5070),
            None => flow().remote,
        };
        assert_eq!(to.remote, dialled);
    }
}

#[test]
fn in_the_order_of_q_until_one_answers() {
    let (mut bench, transaction, invite) = allowing(&["office.example"]);
    let contacts = "<sip:c@office.example>;q=0.2, <sip:x@evil.example>, <sip:a@office.example>, \
        <sip:b@office.example>;q=0.7";
    bench.answer_with(transaction, moved(&invite, contacts));
    for (user, status) in [("a", 486), ("b", 480)] {
        let (transaction, again, _) = bench.sent();
        assert_eq!(again.uri.user_text().unwrap(), user);
        bench.answer_with(transaction, response(&again, 180, user, ""));
        bench.answer_with(transaction, response(&again, status, user, ""));
    }
    let (transaction, again, _) = bench.sent();
    assert_eq!(again.uri.user_text().unwrap(), "c");
    assert_eq!(text(&again.headers, &Name::CSeq), "4 INVITE");
    bench.answer_with(
        transaction,
        response(&again, 200, "c", &sdp("192.0.2.1", "")),
    );
    let (ack, _) = bench.acked();
    assert_eq!(text(&ack.headers, &Name::CSeq), "4 ACK");
    assert_eq!(ack.to_tag().unwrap(), "c");
}

#[test]
fn nobody_else_is_asked_after_a_6xx_or_a_cancel() {
    let contacts = "<sip:a@office.example>, <sip:b@office.example>";
    let (mut bench, transaction, invite) = allowing(&["office.example"]);
    bench.answer_with(transaction, moved(&invite, contacts));
    let (transaction, again, _) = bench.sent();
    bench.answer_with(transaction, response(&again, 603, "a", ""));
    assert_eq!(bench.ended().status, Some(603));

    let (mut bench, transaction, invite) = allowing(&["office.example"]);
    bench.session.hang_up("never mind", bench.now);
    bench.answer_with(transaction, moved(&invite, contacts));
    assert_eq!(bench.ended().status, Some(302));
}

#[test]
fn silence_of_one_target_leads_to_the_next() {
    let (mut bench, transaction, invite) = allowing(&["office.example"]);
    let contacts = "<sip:a@office.example>, <sip:b@office.example>";
    bench.answer_with(transaction, moved(&invite, contacts));
    for user in ["a", "b"] {
        let (transaction, again, _) = bench.sent();
        assert_eq!(again.uri.user_text().unwrap(), user);
        let status = StatusCode::REQUEST_TIMEOUT;
        bench.session.handle(
            Input::Failed {
                transaction,
                status,
            },
            bench.now,
        );
    }
    let ended = bench.ended();
    assert_eq!((ended.by, ended.status), (Party::Network, Some(408)));
}

#[test]
fn no_loops_and_no_more_than_three() {
    let (mut bench, transaction, invite) = allowing(&["192.0.2.1", "office.example"]);
    let back = moved(&invite, &format!("<{}>", invite.uri));
    bench.answer_with(transaction, back);
    assert_eq!(bench.ended().status, Some(302));

    let (mut bench, mut transaction, mut invite) = allowing(&["office.example"]);
    for user in ["a", "b", "c"] {
        bench.answer_with(
            transaction,
            moved(&invite, &format!("<sip:{user}@office.example>")),
        );
        (transaction, invite, _) = bench.sent();
        assert_eq!(invite.uri.user_text().unwrap(), user);
    }
    bench.answer_with(transaction, moved(&invite, "<sip:d@office.example>"));
    assert_eq!(bench.ended().status, Some(302));
}
