//! Overload and strangers.

use std::time::Duration;

use super::*;

fn guarded() -> Bench {
    Bench::with(Settings {
        throttle: throttle::Limits {
            requests: 5,
            calls: 2,
            calls_overall: 0,
            burst: Duration::from_secs(1),
        },
        ..Settings::default()
    })
}

/// An INVITE or another request of its own transaction and call.
fn numbered(method: &str, number: usize, head: &[&str]) -> String {
    let via = format!("Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK{number}");
    let call_id = format!("Call-ID: c{number}");
    request(method, &[&[via.as_str(), call_id.as_str()], head].concat())
}

/// The final status of each of so many requests; `None` for silence, 100 for a call.
fn statuses(bench: &mut Bench, method: &str, numbers: core::ops::Range<usize>) -> Vec<Option<u16>> {
    let asked = numbers.map(|number| {
        let answer = bench.ask(numbered(method, number, &[]));
        answer.map(|answer| {
            let retry_after = answer.headers.contains(&Name::RetryAfter);
            assert_eq!(retry_after, answer.status.0 == 503, "{answer:?}");
            answer.status.0
        })
    });
    asked.collect()
}

#[test]
fn a_flood_of_calls_is_refused_then_ignored_and_another_source_is_served() {
    let mut bench = guarded();
    let told = statuses(&mut bench, "INVITE", 0..1000);
    assert_eq!(told[..4], [Some(100), Some(100), Some(503), Some(503)]);
    assert!(told[4..].iter().all(Option::is_none));
    let counts = bench.endpoint.counts();
    assert_eq!((counts.sessions, counts.server_invite), (2, 2));
    assert_eq!(counts.refused(Refusal::Rate), 2);
    assert_eq!(counts.refused(Refusal::Flood), 996);
    bench.feed(
        numbered("INVITE", 2000, &[]),
        flow(Transport::Udp, "192.0.2.77:5060"),
    );
    assert_eq!(bench.response().unwrap().status, StatusCode::TRYING);
    bench.now += Duration::from_secs(1);
    let told = statuses(&mut bench, "INVITE", 3000..3002);
    assert_eq!(told, [Some(100), Some(100)]);
}

#[test]
fn what_belongs_to_running_calls_is_never_throttled() {
    let mut bench = guarded();
    let session = bench.answered(StatusCode::OK);
    statuses(&mut bench, "INVITE", 0..50);
    statuses(&mut bench, "OPTIONS", 100..200);
    while bench.endpoint.poll_event().is_some() {}
    let to = bench.endpoint.sessions.get_mut(session).is_some();
    assert!(to, "the call runs");
    for number in 300..400 {
        let via = format!("Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK{number}");
        let inside = request("INFO", &[&via, "To: <sip:box@192.0.2.9>;tag=ours"]);
        bench.feed(inside, udp());
        let event = bench.endpoint.poll_event();
        assert!(matches!(event, Some(Event::Session { .. })), "{event:?}");
        assert!(bench.endpoint.poll_transmit().is_none());
    }
    // The same for a dialog that is none is a request like any other.
    let told: Vec<_> = (500..520)
        .map(|number| {
            let inside = numbered("INFO", number, &["To: <sip:box@192.0.2.9>;tag=none"]);
            bench.ask(inside).map(|answer| answer.status.0)
        })
        .collect();
    assert!(told.iter().all(Option::is_none), "{told:?}");
}

#[test]
fn other_requests_have_a_rate_of_their_own() {
    let mut bench = guarded();
    let told = statuses(&mut bench, "OPTIONS", 0..20);
    let count = |status| told.iter().filter(|told| **told == status).count();
    assert_eq!(
        (count(Some(200)), count(Some(503)), count(None)),
        (5, 5, 10)
    );
    let told = statuses(&mut bench, "INVITE", 100..101);
    assert_eq!(told, [Some(100)], "calls are not touched by it");
    for number in 200..300 {
        let garbage = numbered("OPTIONS", number, &["CSeq: x OPTIONS"]);
        assert!(bench.ask(garbage).is_none());
    }
    assert_eq!(bench.endpoint.counts().refused(Refusal::Malformed), 0);
}

#[test]
fn retransmissions_of_a_call_cost_no_rate() {
    let mut bench = guarded();
    for _ in 0..20 {
        let answer = bench.ask(numbered("INVITE", 1, &[])).unwrap();
        assert_eq!(answer.status, StatusCode::TRYING);
    }
    assert_eq!(bench.endpoint.counts().refused(Refusal::Rate), 0);
}

#[test]
fn under_pressure_new_calls_are_refused_first() {
    let mut bench = Bench::new();
    bench.endpoint.set_pressed(true);
    assert_eq!(statuses(&mut bench, "INVITE", 0..1), [Some(503)]);
    assert_eq!(statuses(&mut bench, "OPTIONS", 1..2), [Some(200)]);
    assert_eq!(bench.endpoint.counts().refused(Refusal::Overload), 1);
    bench.endpoint.set_pressed(false);
    assert_eq!(statuses(&mut bench, "INVITE", 2..3), [Some(100)]);
}

#[test]
fn strangers_are_told_403_so_often_and_are_told_of_each_time() {
    let mut bench = guarded();
    let source = flow(Transport::Udp, "203.0.113.7:4000");
    for number in 0..100 {
        let invite = numbered("INVITE", number, &[]);
        let now = bench.now;
        bench.endpoint.handle_stranger(invite.into(), source, now);
        let refused = bench.endpoint.poll_refused().expect("it is told of");
        assert_eq!((refused.reason, refused.flow), (Refusal::Stranger, source));
        assert_eq!(refused.method, Some(Method::Invite));
    }
    let mut answers = 0;
    while let Some(answer) = bench.response() {
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        answers += 1;
    }
    assert_eq!(answers, 5);
    assert_eq!(bench.endpoint.counts().refused(Refusal::Stranger), 100);
}

#[test]
fn refusals_that_nobody_asks_for_take_no_memory() {
    let mut bench = Bench::new();
    statuses(&mut bench, "SUBSCRIBE", 0..500);
    let told = core::iter::from_fn(|| bench.endpoint.poll_refused());
    assert_eq!(told.count(), REFUSED_MAX);
}

#[test]
fn an_unknown_user_is_answered_exactly_as_a_known_one() {
    let answers = ["box", "100", "admin"].map(|user| {
        let mut bench = Bench::new();
        let text = request("INVITE", &[]).replace("sip:box@", &format!("sip:{user}@"));
        bench.feed(text, udp());
        let answer = bench.endpoint.poll_transmit().expect("an answer").bytes;
        let answer = String::from_utf8(answer.to_vec()).expect("text");
        answer.replace(&format!("sip:{user}@"), "sip:USER@")
    });
    assert!(answers[0].starts_with("SIP/2.0 100 "), "{}", answers[0]);
    assert!(answers.iter().all(|answer| *answer == answers[0]));
}

#[test]
fn a_response_tells_our_public_address() {
    let mut bench = Bench::new();
    let provider = flow(Transport::Udp, "198.51.100.5:5060");
    let session = bench.endpoint.start_session();
    let uri = Uri::parse("sip:198.51.100.5").unwrap();
    let from = NameAddr::new(uri.clone()).with_tag("a");
    let question = Request::new(Method::Options, uri.clone())
        .with_header(Name::From, from)
        .with_header(Name::To, NameAddr::new(uri))
        .with_header(Name::CallId, "c9")
        .with_header(Name::CSeq, "1 OPTIONS");
    for (received, told) in [("203.0.113.7;rport=4444", true), ("192.0.2.9", false)] {
        let output = Output::Request {
            transaction: TransactionId(u64::from(told)),
            request: question.clone(),
            flow: provider,
        };
        let now = bench.now;
        bench.endpoint.handle_output(session, output, now);
        let (sent, _) = bench.sent_request();
        let answer = Response::to_request(&sent, StatusCode::OK).write();
        let answer = String::from_utf8(answer.to_vec()).unwrap();
        let answer = answer.replace(";rport", &format!(";received={received}"));
        bench.feed(answer, provider);
        let found = bench.endpoint.poll_seen_as().map(|seen| seen.to_string());
        let expected = told.then(|| "203.0.113.7:4444".to_owned());
        assert_eq!(found, expected, "{received}");
    }
}

#[test]
fn the_public_address_is_told_beyond_our_networks_only() {
    let mut bench = Bench::with(Settings {
        via_host: Host::parse("203.0.113.7"),
        ..Settings::default()
    });
    for (peer, told) in [
        ("192.168.1.10:5060", "192.0.2.9"),
        ("198.51.100.5:5060", "203.0.113.7"),
    ] {
        let via = bench.endpoint.new_via(flow(Transport::Udp, peer));
        assert_eq!(via.host.to_string(), told, "{peer}");
    }
}
