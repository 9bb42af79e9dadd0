//! ESTABLISHED: requests inside the dialog, and our BYE.

use super::*;

#[test]
fn bye_ends_the_call_with_the_callers_reason() {
    let mut bench = Bench::confirmed();
    let head = ["Reason: Q.850;cause=31;text=\"lost\""];
    assert_eq!(bench.inside("BYE", &head, "").status, StatusCode::OK);
    let ended = bench.ended();
    assert_eq!((ended.by, ended.text.as_str()), (Party::Remote, "lost"));
    let after = bench.inside("OPTIONS", &[], "");
    assert_eq!(after.status, StatusCode::CALL_DOES_NOT_EXIST);
}

#[test]
fn our_bye_goes_to_the_contact_with_a_reason() {
    let mut bench = Bench::confirmed();
    bench.session.hang_up("say \"bye\"", bench.now);
    let (transaction, bye, to) = bench.sent();
    assert_eq!(bye.uri.to_string(), "sip:c@192.0.2.1:5062");
    assert_eq!(to.remote, "192.0.2.1:5062".parse().unwrap());
    assert_eq!(
        text(&bye.headers, &Name::Reason),
        "Q.850;cause=16;text=\"say \\\"bye\\\"\""
    );
    assert_eq!(text(&bye.headers, &Name::UserAgent), "Box/1");
    assert!(bench.session.poll_event().is_none());
    let response = Response::new(StatusCode::TRYING);
    bench.session.handle(
        Input::Response {
            transaction,
            response,
        },
        bench.now,
    );
    assert!(!bench.session.is_over());
    let response = Response::new(StatusCode::OK);
    bench.session.handle(
        Input::Response {
            transaction,
            response,
        },
        bench.now,
    );
    let ended = bench.ended();
    assert_eq!(
        (ended.by, ended.text.as_str()),
        (Party::Local, "say \"bye\"")
    );
}

#[test]
fn the_end_comes_even_without_word_of_the_bye() {
    let mut bench = Bench::confirmed();
    bench.session.hang_up("bye", bench.now);
    bench.run_until(36_999);
    assert!(!bench.session.is_over());
    bench.run_until(37_000);
    bench.ended();
}

#[test]
fn a_lost_connection_is_dialled_anew_at_the_contact() {
    let mut bench = Bench::confirmed();
    bench.session.flow.transport = Transport::Tcp;
    bench.session.handle(Input::FlowLost, bench.now);
    bench.session.hang_up("bye", bench.now);
    let (.., to) = bench.sent();
    assert_eq!((to.transport, to.remote.port()), (Transport::Tcp, 5062));
}

#[test]
fn hold_resume_and_a_new_address() {
    let mut bench = Bench::confirmed();
    let hold = bench.inside("INVITE", &[SDP_TYPE], &sdp("192.0.2.1", "a=sendonly\r\n"));
    assert_eq!(hold.status, StatusCode::OK);
    assert!(body(&hold).contains("a=recvonly"));
    assert!(body(&hold).contains("o=- 77 2 "), "{}", body(&hold));
    assert_eq!(bench.negotiated().direction, Direction::RecvOnly);
    assert_eq!(bench.held(), Some(true));
    bench.ack("");
    assert!(bench.session.poll_event().is_none());

    let moved = bench.inside("INVITE", &[SDP_TYPE], &sdp("192.0.2.7", ""));
    assert!(body(&moved).contains("a=sendrecv"));
    let negotiated = bench.negotiated();
    assert_eq!(negotiated.direction, Direction::SendRecv);
    assert_eq!(negotiated.remote, Some("192.0.2.7:6000".parse().unwrap()));
    assert_eq!(bench.held(), Some(false));
    bench.ack("");
    bench.run_until(60_000);
    assert!(bench.session.poll_output().is_none());
}

/// RFC 3264 §8.4 and its predecessor's way; also for the whole description at once.
#[test]
fn a_hold_has_three_forms_and_ends_with_new_payload_types() {
    let live = sdp("192.0.2.1", "");
    for (offer, answer) in [
        (sdp("192.0.2.1", "a=sendonly\r\n"), "a=recvonly"),
        (sdp("192.0.2.1", "a=inactive\r\n"), "a=inactive"),
        (sdp("0.0.0.0", ""), "a=recvonly"),
        (sdp("0.0.0.0", "a=sendonly\r\n"), "a=recvonly"),
        (sdp("0.0.0.0", "a=inactive\r\n"), "a=inactive"),
        (
            live.replace("t=0 0\r\n", "t=0 0\r\na=sendonly\r\n"),
            "a=recvonly",
        ),
        (
            live.replace("t=0 0\r\n", "t=0 0\r\na=inactive\r\n"),
            "a=inactive",
        ),
    ] {
        for method in ["INVITE", "UPDATE"] {
            let mut bench = Bench::confirmed();
            let response = bench.inside(method, &[SDP_TYPE], &offer);
            assert!(
                body(&response).contains(answer),
                "{offer}\n{}",
                body(&response)
            );
            assert!(!bench.negotiated().direction.sends());
            assert_eq!(bench.held(), Some(true));
            bench.ack("");
            // Held in another form it is held all the same.
            let other = sdp("192.0.2.1", "a=inactive\r\n").replace("1 1 IN", "1 5 IN");
            bench.inside("INVITE", &[SDP_TYPE], &other);
            bench.negotiated();
            assert_eq!(bench.held(), None);
            bench.ack("");
            let back = "v=0\r\no=- 1 9 IN IP4 192.0.2.5\r\ns=-\r\nc=IN IP4 192.0.2.5\r\nt=0 0\r\n\
                m=audio 6200 RTP/AVP 8 97\r\na=rtpmap:97 telephone-event/8000\r\n";
            let response = bench.inside(method, &[SDP_TYPE], back);
            assert!(
                body(&response).contains("RTP/AVP 8 97"),
                "{}",
                body(&response)
            );
            let negotiated = bench.negotiated();
            assert_eq!(negotiated.remote, Some("192.0.2.5:6200".parse().unwrap()));
            assert_eq!(
                (negotiated.codec, negotiated.telephone_event),
                (Codec::PCMA, Some((97, 97)))
            );
            assert_eq!(bench.held(), Some(false));
        }
    }
}

#[test]
fn a_peer_that_only_listens_does_not_hold() {
    let mut bench = Bench::confirmed();
    let response = bench.inside("INVITE", &[SDP_TYPE], &sdp("192.0.2.1", "a=recvonly\r\n"));
    assert!(body(&response).contains("a=sendonly"));
    assert_eq!(bench.negotiated().direction, Direction::SendOnly);
    assert_eq!(bench.held(), None);
}

#[test]
fn a_call_may_come_in_on_hold() {
    let mut bench = Bench::incoming(invite(&[SDP_TYPE], &sdp("192.0.2.1", "a=sendonly\r\n")));
    bench.negotiated();
    assert_eq!(bench.held(), Some(true));
}

/// RFC 4028 §7.4, RFC 3264 §8: the same version says that nothing has changed.
#[test]
fn a_refresh_with_the_same_version_is_answered_and_changes_nothing() {
    let mut bench = Bench::confirmed();
    for method in ["INVITE", "UPDATE"] {
        let response = bench.inside(method, &[SDP_TYPE], &sdp("192.0.2.1", ""));
        assert_eq!(response.status, StatusCode::OK);
        assert!(body(&response).contains("o=- 77 1 "), "{}", body(&response));
        assert!(bench.session.poll_event().is_none());
        bench.ack("");
    }
    // A new version is news even when it says the same: the peer's media may have moved.
    let newer = sdp("192.0.2.1", "").replace("1 1 IN", "1 2 IN");
    let response = bench.inside("INVITE", &[SDP_TYPE], &newer);
    assert!(body(&response).contains("o=- 77 1 "));
    bench.negotiated();
    bench.ack("");
    // And a change without a new version is taken at its word.
    let moved = newer.replace("audio 6000", "audio 6002");
    bench.inside("INVITE", &[SDP_TYPE], &moved);
    assert_eq!(bench.negotiated().remote.unwrap().port(), 6002);
}

/// RFC 6337 §5.3: held, our offer still says what we would do.
#[test]
fn an_offerless_reinvite_while_held_gets_all_we_can() {
    let mut bench = Bench::confirmed();
    bench.inside("INVITE", &[SDP_TYPE], &sdp("192.0.2.1", "a=sendonly\r\n"));
    bench.ack("");
    bench.drain();
    let response = bench.inside("INVITE", &[], "");
    let offer = body(&response);
    assert!(
        offer.contains("a=sendrecv") && offer.contains("RTP/AVP 0 8 101"),
        "{offer}"
    );
    bench.ack(&sdp("192.0.2.1", "a=sendonly\r\n"));
    assert_eq!(bench.negotiated().direction, Direction::RecvOnly);
    assert_eq!(bench.held(), None);
    bench.inside("INVITE", &[], "");
    bench.ack(&sdp("192.0.2.1", ""));
    assert_eq!(bench.negotiated().direction, Direction::SendRecv);
    assert_eq!(bench.held(), Some(false));
}

/// The offer is answered, so nothing forbids it (RFC 3311 §5.2).
#[test]
fn an_update_before_the_ack_is_answered() {
    let mut bench = Bench::incoming(invite(&[SDP_TYPE], &sdp("192.0.2.1", "")));
    bench.session.accept(bench.now);
    bench.drain();
    let response = bench.inside("UPDATE", &[SDP_TYPE], &sdp("192.0.2.7", ""));
    assert_eq!(response.status, StatusCode::OK);
    bench.negotiated();
    bench.run_until(500);
    assert_eq!(bench.answer().unwrap().status, StatusCode::OK);
    bench.ack_of(1, "");
    assert!(matches!(bench.session.poll_event(), Some(Event::Confirmed)));
}

/// RFC 5407 §3.1.3: a BYE for the early dialog crosses our 200.
#[test]
fn section_3_1_3_a_bye_of_the_early_dialog_crosses_the_200() {
    let mut bench = Bench::incoming(invite(&[SDP_TYPE], &sdp("192.0.2.1", "")));
    bench.session.ring(bench.now);
    bench.session.accept(bench.now);
    bench.drain();
    assert_eq!(bench.inside("BYE", &[], "").status, StatusCode::OK);
    assert_eq!(bench.ended().by, Party::Remote);
    bench.ack_of(1, "");
    bench.is_quiet();
}

/// RFC 5407 §3.3.3: what comes after our BYE finds no call.
#[test]
fn section_3_3_3_a_refer_after_our_bye_gets_481() {
    let mut bench = Bench::confirmed();
    bench.session.hang_up("bye", bench.now);
    bench.sent();
    for method in ["REFER", "INFO", "UPDATE", "OPTIONS", "NOTIFY"] {
        let head = ["Refer-To: <sip:d@192.0.2.4>"];
        assert_eq!(bench.inside(method, &head, "").status.0, 481, "{method}");
    }
}

#[test]
fn an_offerless_reinvite_gets_an_offer() {
    let mut bench = Bench::confirmed();
    let response = bench.inside("INVITE", &[], "");
    assert!(body(&response).contains("m=audio 4000"));
    assert!(bench.session.poll_event().is_none());
    bench.ack(&sdp("192.0.2.8", ""));
    assert_eq!(
        bench.negotiated().remote,
        Some("192.0.2.8:6000".parse().unwrap())
    );
}

/// RFC 5407 §3.1.5: our offer is still unanswered.
#[test]
fn section_3_1_5_a_reinvite_while_our_offer_is_open_gets_491() {
    let mut bench = Bench::incoming(invite(&[], ""));
    bench.session.accept(bench.now);
    bench.drain();
    let response = bench.inside("INVITE", &[SDP_TYPE], &sdp("192.0.2.1", ""));
    assert_eq!(response.status, StatusCode::REQUEST_PENDING);
    let response = bench.inside("UPDATE", &[SDP_TYPE], &sdp("192.0.2.1", ""));
    assert_eq!(response.status, StatusCode::REQUEST_PENDING);
    bench.ack_of(1, &sdp("192.0.2.1", ""));
    bench.negotiated();
}

/// RFC 5407 §3.1.4: only the ACK is missing, the exchange is complete.
#[test]
fn section_3_1_4_a_reinvite_stands_for_the_lost_ack() {
    let mut bench = Bench::incoming(invite(&[SDP_TYPE], &sdp("192.0.2.1", "")));
    bench.session.accept(bench.now);
    bench.drain();
    let response = bench.inside("INVITE", &[SDP_TYPE], &sdp("192.0.2.7", ""));
    assert_eq!(response.status, StatusCode::OK);
    assert!(matches!(bench.session.poll_event(), Some(Event::Confirmed)));
    bench.negotiated();
    bench.ack("");
    bench.run_until(60_000);
    assert!(!bench.session.is_over());
}

#[test]
fn a_reinvite_before_the_first_answer_is_told_to_come_later() {
    let mut bench = Bench::incoming(invite(&[], ""));
    let response = bench.inside("INVITE", &[SDP_TYPE], &sdp("192.0.2.1", ""));
    assert_eq!(response.status, StatusCode::SERVER_INTERNAL_ERROR);
    let seconds: u32 = text(&response.headers, &Name::RetryAfter).parse().unwrap();
    assert!(seconds <= 10);
    assert!(!bench.session.is_over());
}

#[test]
fn a_refused_reinvite_changes_nothing() {
    let mut bench = Bench::confirmed();
    let moved = ["Contact: <sip:c@192.0.2.99>", SDP_TYPE];
    let response = bench.inside("INVITE", &moved, G729);
    assert_eq!(response.status, StatusCode::NOT_ACCEPTABLE_HERE);
    assert!(bench.session.poll_event().is_none() && !bench.session.is_over());
    bench.session.hang_up("bye", bench.now);
    let (_, bye, _) = bench.sent();
    assert_eq!(bye.uri.to_string(), "sip:c@192.0.2.1:5062");
}

#[test]
fn an_accepted_reinvite_moves_the_target() {
    let mut bench = Bench::confirmed();
    let moved = ["Contact: <sip:c@192.0.2.99>", SDP_TYPE];
    bench.inside("INVITE", &moved, &sdp("192.0.2.1", ""));
    bench.ack("");
    bench.session.hang_up("bye", bench.now);
    let (_, bye, to) = bench.sent();
    assert_eq!(bye.uri.to_string(), "sip:c@192.0.2.99");
    assert_eq!(to.remote, "192.0.2.99:5060".parse().unwrap());
}

#[test]
fn a_reinvite_without_ack_ends_the_call() {
    let mut bench = Bench::confirmed();
    bench.inside("INVITE", &[SDP_TYPE], &sdp("192.0.2.1", ""));
    bench.run_until(32_000);
    let mut repeated = 0;
    let reason = loop {
        match bench.session.poll_output() {
            Some(Output::Respond { .. }) => repeated += 1,
            Some(Output::Request { request, .. }) => {
                break text(&request.headers, &Name::Reason);
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        (repeated, reason.as_str()),
        (10, "SIP;cause=408;text=\"no ACK received\"")
    );
}

/// RFC 5407 §3.2.2: a re-INVITE crosses our BYE.
#[test]
fn section_3_2_2_a_reinvite_after_our_bye_gets_481() {
    let mut bench = Bench::confirmed();
    bench.session.hang_up("bye", bench.now);
    bench.sent();
    let response = bench.inside("INVITE", &[SDP_TYPE], &sdp("192.0.2.1", ""));
    assert_eq!(response.status, StatusCode::CALL_DOES_NOT_EXIST);
    assert_eq!(bench.inside("BYE", &[], "").status, StatusCode::OK);
    assert_eq!(bench.ended().by, Party::Local);
}

#[test]
fn update_with_and_without_an_offer() {
    let mut bench = Bench::confirmed();
    let plain = bench.inside("UPDATE", &["Contact: <sip:c@192.0.2.50>"], "");
    assert_eq!((plain.status, plain.body.len()), (StatusCode::OK, 0));
    let held = bench.inside("UPDATE", &[SDP_TYPE], &sdp("192.0.2.1", "a=inactive\r\n"));
    assert!(body(&held).contains("a=inactive"));
    assert_eq!(bench.negotiated().direction, Direction::Inactive);
    assert_eq!(bench.inside("UPDATE", &[SDP_TYPE], G729).status.0, 488);
    assert_eq!(
        bench.inside("UPDATE", &["Content-Type: a/b"], "x").status.0,
        415
    );
    let mut early = Bench::incoming(invite(&[SDP_TYPE], &sdp("192.0.2.1", "")));
    assert_eq!(
        early
            .inside("UPDATE", &[SDP_TYPE], &sdp("192.0.2.1", ""))
            .status
            .0,
        500
    );
}

#[test]
fn keys_by_info() {
    let relay = "Content-Type: application/dtmf-relay";
    for (signal, digit) in [
        ("5", '5'),
        ("*", '*'),
        ("#", '#'),
        ("11", '#'),
        ("10", '*'),
        ("d", 'D'),
    ] {
        let mut bench = Bench::confirmed();
        let pressed = format!("Signal= {signal}\r\nDuration= 160\r\n");
        let response = bench.inside("INFO", &[relay], &pressed);
        assert_eq!(response.status, StatusCode::OK);
        let told = bench.session.poll_event();
        assert!(
            matches!(told, Some(Event::Digit(it)) if it == digit),
            "{signal} {told:?}"
        );
    }
    let mut bench = Bench::confirmed();
    assert_eq!(bench.inside("INFO", &[relay], "Signal=x\r\n").status.0, 400);
    assert_eq!(bench.inside("INFO", &[relay], "nothing").status.0, 400);
    assert_eq!(bench.inside("INFO", &[], "").status.0, 200);
    let other = bench.inside("INFO", &["Content-Type: text/plain"], "hi");
    assert_eq!(other.status.0, 415);
    assert!(text(&other.headers, &Name::Accept).contains("application/dtmf-relay"));
    assert_eq!(
        bench
            .inside("INFO", &["Info-Package: x", relay], "Signal=1")
            .status
            .0,
        469
    );
    assert!(bench.session.poll_event().is_none());
}

#[test]
fn options_and_the_methods_not_allowed() {
    let mut bench = Bench::confirmed();
    let options = bench.inside("OPTIONS", &[], "");
    assert_eq!(options.status, StatusCode::OK);
    assert!(options.headers.contains(&Name::Accept) && options.headers.contains(&Name::Supported));
    for method in ["MESSAGE", "SUBSCRIBE", "REGISTER", "JUMP"] {
        let response = bench.inside(method, &[], "");
        assert_eq!(response.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
        assert!(text(&response.headers, &Name::Allow).contains("BYE"));
    }
    assert!(!bench.session.is_over());
}

#[test]
fn requests_out_of_order_or_of_another_dialog_are_refused() {
    let mut bench = Bench::confirmed();
    let tag = bench.tag();
    let old = bench.give(request("BYE", 1, Some(&tag), &[], ""));
    assert_eq!(old.status, StatusCode::SERVER_INTERNAL_ERROR);
    let mut foreign = request("BYE", 9, Some(&tag), &[], "");
    foreign
        .headers
        .set(Name::From, "<sip:c@192.0.2.1>;tag=other");
    assert_eq!(bench.give(foreign).status, StatusCode::CALL_DOES_NOT_EXIST);
    assert!(!bench.session.is_over());
}

/// The key of the INFO that goes out next.
fn pressed(bench: &mut Bench) -> (TransactionId, String) {
    let (transaction, info, _) = bench.sent();
    assert_eq!(info.method, Method::Info);
    let content_type = info.headers.content_type();
    assert_eq!(content_type.as_deref(), Some("application/dtmf-relay"));
    let body = String::from_utf8(info.body.to_vec()).unwrap();
    (transaction, body)
}

fn answered(bench: &mut Bench, transaction: TransactionId, status: StatusCode) {
    let response = Response::new(status);
    let input = Input::Response {
        transaction,
        response,
    };
    bench.session.handle(input, bench.now);
}

#[test]
fn keys_of_ours_go_by_info_one_after_the_other() {
    let mut bench = Bench::confirmed();
    bench.session.press('5');
    bench.session.press('#');
    let (first, body) = pressed(&mut bench);
    assert_eq!(body, "Signal=5\r\nDuration=100\r\n");
    assert!(bench.session.poll_output().is_none(), "one at a time");
    answered(&mut bench, first, StatusCode(100));
    assert!(bench.session.poll_output().is_none());
    answered(&mut bench, first, StatusCode::OK);
    let told = bench.session.poll_event();
    assert!(matches!(told, Some(Event::Pressed(StatusCode::OK))));
    let (second, body) = pressed(&mut bench);
    assert!(body.starts_with("Signal=#\r\n"), "{body}");
    let input = Input::Failed {
        transaction: second,
        status: StatusCode::REQUEST_TIMEOUT,
    };
    bench.session.handle(input, bench.now);
    let told = bench.session.poll_event();
    assert!(matches!(told, Some(Event::Pressed(StatusCode(408)))));
}

#[test]
fn keys_that_cannot_be_sent_are_refused() {
    let mut bench = Bench::confirmed();
    for _ in 0..=info::WAITING_KEYS {
        bench.session.press('1');
        assert!(bench.session.poll_event().is_none());
    }
    bench.session.press('1');
    let told = bench.session.poll_event();
    assert!(matches!(told, Some(Event::Pressed(StatusCode(500)))));
    let mut bench = Bench::incoming(invite(&[], &sdp("192.0.2.1", "")));
    bench.drain();
    bench.session.press('1');
    let told = bench.session.poll_event();
    assert!(
        matches!(told, Some(Event::Pressed(StatusCode(481)))),
        "{told:?}"
    );
}
