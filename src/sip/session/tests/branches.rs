//! A call of ours before its answer: early media, PRACK (RFC 3262 §4), several branches (RFC 3261 §13.2.2).

use super::calling::{calling, calling_with, response};
use super::*;

fn reliable(invite: &Request, tag: &str, rseq: u32, body: &str) -> Response {
    response(invite, 183, tag, body)
        .with_header(Name::Require, "100rel")
        .with_header(Name::RSeq, rseq.to_string())
}

/// A call that has rung already, without a dialog.
fn ringing() -> (Bench, TransactionId, Request) {
    let (mut bench, transaction, invite) = calling();
    bench.answer_with(transaction, response(&invite, 180, "", ""));
    bench.drain();
    (bench, transaction, invite)
}

impl Bench {
    fn early_media(&mut self) -> std::net::SocketAddr {
        match self.session.poll_event() {
            Some(Event::EarlyMedia(negotiated)) => negotiated.remote.unwrap(),
            other => panic!("{other:?}"),
        }
    }

    fn answered_at(&mut self) -> std::net::SocketAddr {
        let at = self.negotiated().remote.unwrap();
        assert!(matches!(self.session.poll_event(), Some(Event::Answered)));
        assert!(matches!(self.session.poll_event(), Some(Event::Confirmed)));
        at
    }

    fn is_silent(&mut self) -> bool {
        self.session.poll_output().is_none() && self.session.poll_event().is_none()
    }
}

fn at(host: u8) -> std::net::SocketAddr {
    format!("192.0.2.{host}:6000").parse().unwrap()
}

fn sdp_at(host: u8) -> String {
    sdp(&format!("192.0.2.{host}"), "")
}

#[test]
fn section_4_reliable_ones_are_acknowledged_in_order_and_once() {
    let (mut bench, transaction, invite) = ringing();
    bench.answer_with(transaction, reliable(&invite, "x", 7, ""));
    let (first, prack, to) = bench.sent();
    assert_eq!(prack.method, Method::Prack);
    assert_eq!(text(&prack.headers, &Name::RAck), "7 1 INVITE");
    assert_eq!(text(&prack.headers, &Name::CSeq), "2 PRACK");
    assert_eq!(prack.uri.to_string(), "sip:them@192.0.2.1:5099");
    assert_eq!(to.remote.port(), 5099);
    // The same again, one too far ahead, one from before: none is looked at.
    for rseq in [7, 9, 6] {
        bench.answer_with(transaction, reliable(&invite, "x", rseq, &sdp_at(1)));
        assert!(bench.is_silent(), "{rseq}");
    }
    bench.answer_with(transaction, reliable(&invite, "x", 8, &sdp_at(1)));
    let (_, prack, _) = bench.sent();
    assert_eq!(text(&prack.headers, &Name::RAck), "8 1 INVITE");
    assert_eq!(text(&prack.headers, &Name::CSeq), "3 PRACK");
    assert_eq!(bench.early_media(), at(1));
    // Another branch counts on its own, and has its own order of requests.
    bench.answer_with(transaction, reliable(&invite, "y", 100, ""));
    let (_, prack, _) = bench.sent();
    assert_eq!(text(&prack.headers, &Name::RAck), "100 1 INVITE");
    assert_eq!(text(&prack.headers, &Name::CSeq), "2 PRACK");
    assert_eq!(prack.to_tag().unwrap(), "y");
    // Whatever becomes of a PRACK, the call goes on.
    bench.answer_with(first, Response::new(StatusCode::CALL_DOES_NOT_EXIST));
    assert!(bench.is_silent() && !bench.session.is_over());
}

#[test]
fn section_5_the_answer_in_a_reliable_response_is_the_answer() {
    for in_the_200 in [String::new(), sdp_at(9)] {
        let (mut bench, transaction, invite) = ringing();
        bench.answer_with(transaction, reliable(&invite, "x", 1, &sdp_at(1)));
        bench.sent();
        assert_eq!(bench.early_media(), at(1));
        bench.answer_with(transaction, reliable(&invite, "x", 2, &sdp_at(5)));
        bench.sent();
        assert!(bench.is_silent());
        bench.answer_with(transaction, response(&invite, 200, "x", &in_the_200));
        let (ack, _) = bench.acked();
        assert_eq!(text(&ack.headers, &Name::CSeq), "1 ACK");
        assert_eq!(bench.answered_at(), at(1));
        // CSeq goes on from the PRACKs of the early dialog.
        bench.session.hang_up("bye", bench.now);
        assert_eq!(text(&bench.sent().1.headers, &Name::CSeq), "4 BYE");
    }
}

#[test]
fn section_5_an_unusable_reliable_answer_ends_the_call_with_the_2xx() {
    let (mut bench, transaction, invite) = ringing();
    bench.answer_with(transaction, reliable(&invite, "x", 1, G729));
    bench.sent();
    assert!(bench.is_silent());
    bench.answer_with(transaction, response(&invite, 200, "x", ""));
    bench.acked();
    let (transaction, bye, _) = bench.sent();
    assert_eq!(bye.method, Method::Bye);
    bench.answer_with(transaction, Response::new(StatusCode::OK));
    assert_eq!(bench.ended().status, Some(488));
}

#[test]
fn a_reliable_answer_lets_the_far_end_update_its_media() {
    let (mut bench, transaction, invite) = ringing();
    bench.answer_with(transaction, reliable(&invite, "x", 1, &sdp_at(1)));
    bench.drain();
    let tag = bench.tag();
    let mut update = request("UPDATE", 1, Some(&tag), &[SDP_TYPE], &sdp_at(3));
    update.headers.set(Name::From, "<sip:box@192.0.2.1>;tag=x");
    let call_id = invite.call_id().unwrap().clone();
    update.headers.set(Name::CallId, call_id);
    assert_eq!(bench.give(update).status.0, 200);
    assert_eq!(bench.negotiated().remote, Some(at(3)));
    bench.answer_with(transaction, response(&invite, 200, "x", &sdp_at(1)));
    bench.acked();
    assert_eq!(bench.answered_at(), at(3));
}

#[test]
fn unreliable_early_media_binds_nobody() {
    let (mut bench, transaction, invite) = ringing();
    bench.answer_with(transaction, response(&invite, 183, "x", &sdp_at(1)));
    assert_eq!(bench.early_media(), at(1));
    bench.answer_with(transaction, response(&invite, 183, "x", &sdp_at(1)));
    assert!(bench.is_silent());
    bench.answer_with(transaction, response(&invite, 200, "x", &sdp_at(4)));
    bench.acked();
    assert_eq!(bench.answered_at(), at(4));

    // In practice the 200 sometimes has none: the 183's is meant.
    let (mut bench, transaction, invite) = ringing();
    bench.answer_with(transaction, response(&invite, 183, "x", &sdp_at(1)));
    bench.drain();
    bench.answer_with(transaction, response(&invite, 200, "x", ""));
    bench.acked();
    assert_eq!(bench.answered_at(), at(1));
}

#[test]
fn section_13_2_2_4_the_first_2xx_wins_whatever_was_early() {
    let (mut bench, transaction, invite) = ringing();
    bench.answer_with(transaction, reliable(&invite, "x", 1, &sdp_at(1)));
    bench.answer_with(transaction, reliable(&invite, "y", 1, &sdp_at(2)));
    bench.answer_with(transaction, response(&invite, 183, "z", &sdp_at(3)));
    let told: Vec<_> = core::iter::from_fn(|| bench.session.poll_event()).collect();
    let early = told.iter().filter(|it| matches!(it, Event::EarlyMedia(_)));
    assert_eq!(early.count(), 3);
    bench.drain();

    bench.answer_with(transaction, response(&invite, 200, "x", ""));
    assert_eq!(bench.acked().0.to_tag().unwrap(), "x");
    assert_eq!(bench.answered_at(), at(1));

    // The others are ended when they answer, each in its own order of requests, and only once.
    for (tag, bye_cseq) in [("y", "3 BYE"), ("z", "2 BYE"), ("new", "2 BYE")] {
        let late = response(&invite, 200, tag, &sdp_at(7));
        bench.answer_with(transaction, late.clone());
        let (ack, _) = bench.acked();
        assert_eq!(ack.to_tag().unwrap(), tag);
        let (_, bye, _) = bench.sent();
        assert_eq!(
            (
                bye.to_tag().unwrap(),
                text(&bye.headers, &Name::CSeq).as_str()
            ),
            (tag.into(), bye_cseq)
        );
        assert!(bye.headers.contains(&Name::Reason));
        bench.answer_with(transaction, late);
        assert_eq!(bench.acked().0, ack);
        assert!(bench.is_silent());
    }
    assert!(!bench.session.is_over());
}

#[test]
fn more_branches_than_are_kept_apart_still_ring_and_answer() {
    let (mut bench, transaction, invite) = ringing();
    for number in 0..20 {
        let tag = format!("t{number}");
        bench.answer_with(transaction, reliable(&invite, &tag, 1, ""));
    }
    let pracks = core::iter::from_fn(|| bench.session.poll_output()).count();
    assert_eq!(pracks, 8);
    bench.drain();
    bench.answer_with(transaction, response(&invite, 200, "t19", &sdp_at(1)));
    assert_eq!(bench.acked().0.to_tag().unwrap(), "t19");
    assert_eq!(bench.answered_at(), at(1));
}

#[test]
fn a_flood_of_reliable_responses_is_bounded() {
    let (mut bench, transaction, invite) = ringing();
    for rseq in 1..100 {
        bench.answer_with(transaction, reliable(&invite, "x", rseq, ""));
    }
    let sent: Vec<_> = core::iter::from_fn(|| bench.session.poll_output()).collect();
    assert_eq!(sent.len(), 16);
    // When one is answered there is room for the next in order.
    let Output::Request {
        transaction: first, ..
    } = sent[0]
    else {
        panic!("{sent:?}");
    };
    bench.answer_with(first, Response::new(StatusCode::OK));
    bench.answer_with(transaction, reliable(&invite, "x", 17, ""));
    assert_eq!(text(&bench.sent().1.headers, &Name::RAck), "17 1 INVITE");
}

#[test]
fn ring_max_cancels_with_a_reason() {
    let (mut bench, transaction, invite) = calling_with(Policy {
        ring_max: Duration::from_secs(20),
        ..Policy::default()
    });
    bench.run_until(1_000);
    bench.answer_with(transaction, response(&invite, 180, "x", ""));
    bench.drain();
    bench.run_until(20_999);
    assert!(bench.is_silent());
    bench.run_until(21_000);
    let (_, cancel, _) = bench.sent();
    assert_eq!(cancel.method, Method::Cancel);
    let reason = text(&cancel.headers, &Name::Reason);
    assert_eq!(reason, "SIP;cause=408;text=\"no answer\"");
    bench.answer_with(transaction, response(&invite, 487, "x", ""));
    let ended = bench.ended();
    assert_eq!(
        (ended.by, ended.status, ended.text.as_str()),
        (Party::Local, Some(408), "no answer")
    );
}

#[test]
fn section_9_1_a_late_2xx_after_cancel_is_acknowledged_and_ended() {
    let (mut bench, transaction, invite) = calling();
    bench.answer_with(transaction, response(&invite, 180, "x", ""));
    bench.session.hang_up("never mind", bench.now);
    assert_eq!(bench.sent().1.method, Method::Cancel);
    bench.answer_with(transaction, response(&invite, 200, "x", &sdp_at(1)));
    bench.acked();
    let (bye, request, _) = bench.sent();
    assert_eq!(request.method, Method::Bye);
    bench.drain();
    bench.answer_with(bye, Response::new(StatusCode::OK));
    let ended = bench.ended();
    assert_eq!(
        (ended.by, ended.text.as_str()),
        (Party::Local, "never mind")
    );
}

#[test]
fn the_2xx_renews_the_route_set_of_the_early_dialog() {
    let (mut bench, transaction, invite) = calling();
    let early = reliable(&invite, "x", 1, "").with_header(Name::RecordRoute, "<sip:192.0.2.50;lr>");
    bench.answer_with(transaction, early);
    assert_eq!(bench.sent().2.remote, "192.0.2.50:5060".parse().unwrap());
    let answer = response(&invite, 200, "x", &sdp_at(1)).with_header(
        Name::RecordRoute,
        "<sip:192.0.2.51;lr>, <sip:192.0.2.52;lr>",
    );
    bench.answer_with(transaction, answer);
    let (ack, to) = bench.acked();
    assert_eq!(to.remote, "192.0.2.52:5060".parse().unwrap());
    let routes = ack.routes();
    assert_eq!(routes.len(), 2);
    assert_eq!(routes[0].uri.to_string(), "sip:192.0.2.52;lr");
}

#[test]
fn what_the_far_end_says_comes_out_in_the_end() {
    for (status, phrase) in [
        (486, "Busy Here"),
        (480, "Temporarily Unavailable"),
        (603, "Decline"),
    ] {
        let (mut bench, transaction, invite) = calling();
        bench.answer_with(transaction, response(&invite, status, "x", ""));
        let ended = bench.ended();
        assert_eq!(
            (
                ended.by,
                ended.status,
                ended.text.as_str(),
                ended.retry_after
            ),
            (Party::Remote, Some(status), phrase, None)
        );
    }
    let (mut bench, transaction, invite) = calling();
    let busy = response(&invite, 503, "x", "").with_header(Name::RetryAfter, "120 (later)");
    bench.answer_with(transaction, busy);
    let ended = bench.ended();
    assert_eq!(ended.retry_after, Some(Duration::from_secs(120)));
}
