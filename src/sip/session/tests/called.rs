//! INVITED: the offer, ringing, accepting, refusing.

use super::*;

#[test]
fn the_offer_is_answered_before_it_rings() {
    let mut bench = Bench::incoming(invite(&[SDP_TYPE], &sdp("192.0.2.1", "")));
    let negotiated = bench.negotiated();
    assert_eq!(negotiated.codec, Codec::PCMU);
    assert_eq!(negotiated.remote, Some("192.0.2.1:6000".parse().unwrap()));
    assert!(bench.answer().is_none());

    bench.session.ring(bench.now);
    let ringing = bench.answer().unwrap();
    assert_eq!(ringing.status, StatusCode::RINGING);
    assert_eq!(ringing.to_tag().unwrap(), bench.tag());
    assert_eq!(
        text(&ringing.headers, &Name::Contact),
        "<sip:box@192.0.2.9:5060>"
    );
    assert_eq!(text(&ringing.headers, &Name::Server), "Box/1");

    bench.session.accept(bench.now);
    let answer = bench.answer().unwrap();
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(text(&answer.headers, &Name::ContentType), "application/sdp");
    assert!(body(&answer).contains("m=audio 4000 RTP/AVP 0 101"));
    assert!(text(&answer.headers, &Name::Allow).contains("INVITE"));
    assert!(matches!(bench.session.poll_event(), Some(Event::Answered)));
    assert!(bench.session.poll_event().is_none());

    bench.ack("");
    assert!(matches!(bench.session.poll_event(), Some(Event::Confirmed)));
    bench.ack("");
    assert!(bench.session.poll_event().is_none());
}

#[test]
fn what_does_not_fit_is_refused_with_a_warning() {
    for (offer, status, warning) in [
        (G729, 488, "305 "),
        (VIDEO, 488, "304 "),
        ("hello", 400, "399 "),
    ] {
        let mut bench = Bench::incoming(invite(&[SDP_TYPE], offer));
        let response = bench.answer().unwrap();
        assert_eq!(response.status.0, status, "{offer}");
        let text = text(&response.headers, &Name::Warning);
        assert!(
            text.starts_with(warning) && text.contains("192.0.2.9 \""),
            "{text}"
        );
        let ended = bench.ended();
        assert_eq!((ended.by, ended.status), (Party::Local, Some(status)));
    }
}

#[test]
fn other_bodies_are_refused_with_what_is_understood() {
    let mut bench = Bench::incoming(invite(&["Content-Type: text/html"], "<p>"));
    let response = bench.answer().unwrap();
    assert_eq!(response.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert!(text(&response.headers, &Name::Accept).contains("application/sdp"));
    assert_eq!(bench.ended().status, Some(415));

    let mut bench = Bench::incoming(invite(&[SDP_TYPE, "Content-Encoding: gzip"], "zip"));
    let response = bench.answer().unwrap();
    assert_eq!(response.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(text(&response.headers, &Name::AcceptEncoding), "identity");
    assert_eq!(bench.ended().status, Some(415));
}

#[test]
fn a_description_is_found_in_a_multipart_and_without_a_type() {
    let multipart = format!(
        "--b\r\nContent-Type: text/plain\r\n\r\nhi\r\n--b\r\nContent-Type: application/sdp\r\n\r\n\
         {}\r\n--b--\r\n",
        sdp("192.0.2.1", "")
    );
    let mixed = ["Content-Type: multipart/mixed;boundary=b"];
    Bench::incoming(invite(&mixed, &multipart)).negotiated();
    Bench::incoming(invite(&[], &sdp("192.0.2.1", ""))).negotiated();
    let optional = [
        "Content-Type: text/plain",
        "Content-Disposition: render; handling=optional",
    ];
    let mut bench = Bench::incoming(invite(&optional, "hi"));
    assert!(bench.session.poll_event().is_none() && !bench.session.is_over());
}

#[test]
fn an_invite_without_contact_is_hung_up_on_at_its_from() {
    let mut bench = Bench::incoming(invite(&["Contact:", SDP_TYPE], &sdp("192.0.2.1", "")));
    bench.session.accept(bench.now);
    bench.ack("");
    bench.drain();
    bench.session.hang_up("bye", bench.now);
    let (_, bye, to) = bench.sent();
    assert_eq!(bye.uri.to_string(), "sip:c@192.0.2.1");
    assert_eq!(to, flow());
}

#[test]
fn a_caller_that_cannot_read_our_answer_is_told_406() {
    let offer = sdp("192.0.2.1", "");
    for (accept, taken) in [
        ("Accept: text/plain", false),
        ("Accept: text/plain, application/SDP;level=1", true),
        ("Accept: */*", true),
    ] {
        let mut bench = Bench::incoming(invite(&[accept, SDP_TYPE], &offer));
        if taken {
            bench.negotiated();
        } else {
            let response = bench.answer().unwrap();
            assert_eq!(response.status, StatusCode::NOT_ACCEPTABLE);
            assert!(text(&response.headers, &Name::Accept).contains("application/sdp"));
            assert_eq!(bench.ended().status, Some(406));
        }
    }
}

#[test]
fn without_an_offer_the_200_makes_one_and_the_ack_answers() {
    let mut bench = Bench::incoming(invite(&[], ""));
    assert!(bench.session.poll_event().is_none());
    bench.session.accept(bench.now);
    let answer = bench.answer().unwrap();
    assert!(body(&answer).contains("m=audio 4000 RTP/AVP 0 8 101"));
    assert!(matches!(bench.session.poll_event(), Some(Event::Answered)));
    bench.ack(&sdp("192.0.2.1", ""));
    assert_eq!(bench.negotiated().codec, Codec::PCMU);
    assert!(matches!(bench.session.poll_event(), Some(Event::Confirmed)));
}

#[test]
fn a_bad_answer_in_the_ack_is_hung_up_on() {
    for answer in ["", G729, "hello"] {
        let mut bench = Bench::incoming(invite(&[], ""));
        bench.session.accept(bench.now);
        bench.answer();
        bench.session.poll_event();
        bench.ack(answer);
        let (transaction, bye, _) = bench.sent();
        assert_eq!(bye.method, Method::Bye);
        let reason = text(&bye.headers, &Name::Reason);
        assert!(reason.starts_with("SIP;cause=488;text="), "{reason}");
        let status = StatusCode::REQUEST_TIMEOUT;
        bench.session.handle(
            Input::Failed {
                transaction,
                status,
            },
            bench.now,
        );
        assert_eq!(bench.ended().status, Some(488));
    }
}

#[test]
fn the_200_is_repeated_until_its_ack() {
    let mut bench = Bench::incoming(invite(&[SDP_TYPE], &sdp("192.0.2.1", "")));
    bench.session.accept(bench.now);
    bench.answer();
    bench.run_until(499);
    assert!(bench.answer().is_none());
    bench.run_until(3_500);
    for _ in 0..3 {
        assert_eq!(bench.answer().unwrap().status, StatusCode::OK);
    }
    assert!(bench.answer().is_none());
    bench.ack_of(2, "");
    bench.run_until(7_500);
    assert!(
        bench.answer().is_some(),
        "an ACK of another INVITE confirms nothing"
    );
    bench.ack("");
    bench.run_until(60_000);
    assert!(bench.answer().is_none());
}

#[test]
fn a_refusal_ends_it_and_503_says_when_to_come_back() {
    let mut bench = Bench::incoming(invite(&[], ""));
    bench.session.refuse(StatusCode::SERVICE_UNAVAILABLE);
    let response = bench.answer().unwrap();
    assert!(!text(&response.headers, &Name::RetryAfter).is_empty());
    let ended = bench.ended();
    assert_eq!((ended.by, ended.status), (Party::Local, Some(503)));
    bench.session.accept(bench.now);
    bench.session.ring(bench.now);
    bench.session.hang_up("again", bench.now);
    assert!(bench.answer().is_none() && bench.session.poll_event().is_none());
}

#[test]
fn hanging_up_before_the_answer_refuses() {
    let mut bench = Bench::incoming(invite(&[], ""));
    bench.session.hang_up("closing time", bench.now);
    assert_eq!(
        bench.answer().unwrap().status,
        StatusCode::TEMPORARILY_UNAVAILABLE
    );
    assert_eq!(bench.ended().text, "closing time");
}

#[test]
fn cancel_before_the_answer_ends_it_with_487() {
    let mut bench = Bench::incoming(invite(&[], ""));
    bench.session.handle(Input::Cancelled, bench.now);
    let response = bench.answer().unwrap();
    assert_eq!(response.status, StatusCode::REQUEST_TERMINATED);
    assert_eq!(response.to_tag().unwrap(), bench.tag());
    let ended = bench.ended();
    assert_eq!((ended.by, ended.status), (Party::Remote, Some(487)));
}

#[test]
fn bye_before_the_answer_ends_both_transactions() {
    let mut bench = Bench::incoming(invite(&[], ""));
    bench.session.ring(bench.now);
    bench.answer();
    let tag = bench.tag();
    let request = request("BYE", 2, Some(&tag), &[], "");
    let input = Input::Request {
        transaction: TransactionId(9),
        request,
        flow: flow(),
    };
    bench.session.handle(input, bench.now);
    assert_eq!(
        bench.answer().unwrap().status,
        StatusCode::REQUEST_TERMINATED
    );
    let Some(Output::Respond { response, .. }) = bench.session.poll_output() else {
        panic!("the BYE is answered");
    };
    assert_eq!(response.status, StatusCode::OK);
    assert_eq!(bench.ended().by, Party::Remote);
}

#[test]
fn a_long_ringing_is_told_again_every_minute() {
    let mut bench = Bench::incoming(invite(&[], ""));
    bench.run_until(59_999);
    assert!(bench.answer().is_none());
    bench.run_until(120_000);
    for _ in 0..2 {
        assert_eq!(bench.answer().unwrap().status, StatusCode::RINGING);
    }
    assert!(bench.answer().is_none());
}
