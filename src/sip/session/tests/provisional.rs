//! Provisional responses that must arrive (RFC 3262 §3, §5), ours.

use super::*;

const DEMANDED: &[&str] = &[SDP_TYPE, "Require: 100rel"];

fn ringing(head: &[&str], body: &str) -> (Bench, Response) {
    let mut bench = Bench::incoming(invite(head, body));
    while bench.session.poll_event().is_some() {}
    bench.session.ring(bench.now);
    let ringing = bench.answer().unwrap();
    (bench, ringing)
}

fn rseq(response: &Response) -> u32 {
    response.headers.number(&Name::RSeq).unwrap()
}

impl Bench {
    fn prack(&mut self, rack: &str, body: &str) -> Response {
        let rack = format!("RAck: {rack}");
        let mut head = vec![rack.as_str()];
        if !body.is_empty() {
            head.push(SDP_TYPE);
        }
        self.inside("PRACK", &head, body)
    }

    fn prack_of(&mut self, response: &Response, body: &str) -> Response {
        let rack = format!("{} 1 INVITE", rseq(response));
        self.prack(&rack, body)
    }
}

#[test]
fn section_3_the_lines_policy_and_the_caller_decide() {
    use ReliableProvisionals::{Allowed, Off, Wanted};
    let demands = "Require: 100rel";
    let can = "Supported: timer, 100rel";
    let cases = [
        (Off, "X: none", Some(false)),
        (Off, can, Some(false)),
        (Off, demands, None),
        (Allowed, "X: none", Some(false)),
        (Allowed, can, Some(false)),
        (Allowed, demands, Some(true)),
        (Wanted, "X: none", Some(false)),
        (Wanted, can, Some(true)),
        (Wanted, demands, Some(true)),
    ];
    for (reliable, head, expected) in cases {
        let policy = Policy {
            reliable,
            ..Policy::default()
        };
        let invite = invite(&[SDP_TYPE, head], &sdp("192.0.2.1", ""));
        let mut bench = Bench::incoming_with(invite, policy);
        let Some(expected) = expected else {
            let refusal = bench.answer().unwrap();
            assert_eq!(refusal.status, StatusCode::BAD_EXTENSION);
            assert_eq!(text(&refusal.headers, &Name::Unsupported), "100rel");
            assert_eq!(bench.ended().status, Some(420));
            continue;
        };
        bench.session.ring(bench.now);
        let ringing = bench.answer().unwrap();
        let required = ringing.headers.has_token(&Name::Require, "100rel");
        assert_eq!(required, expected, "{reliable:?} {head}");
        assert_eq!(ringing.headers.contains(&Name::RSeq), expected);
        let told = ringing.headers.has_token(&Name::Supported, "100rel");
        assert_eq!(told, reliable != Off);
        assert!(ringing.headers.contains(&Name::Contact) && ringing.body.is_empty());
    }
}

#[test]
fn section_3_it_is_repeated_until_64_t1_and_the_call_refused() {
    let (mut bench, first) = ringing(DEMANDED, &sdp("192.0.2.1", ""));
    assert!((1..=u32::MAX >> 1).contains(&rseq(&first)));
    let mut at = Vec::new();
    for ms in (100..=32_000).step_by(100) {
        bench.run_until(ms);
        while let Some(response) = bench.answer() {
            at.push((ms, response.status.0, response.headers.number(&Name::RSeq)));
        }
    }
    let again = [500, 1_500, 3_500, 7_500, 15_500, 31_500];
    let mut expected: Vec<_> = again.map(|ms| (ms, 180, Some(rseq(&first)))).to_vec();
    expected.push((32_000, 504, None));
    assert_eq!(at, expected);
    let ended = bench.ended();
    assert_eq!((ended.by, ended.status), (Party::Network, Some(504)));
}

#[test]
fn section_3_a_prack_ends_the_repetition_and_counts_once() {
    let (mut bench, first) = ringing(DEMANDED, &sdp("192.0.2.1", ""));
    let number = rseq(&first);
    for rack in [
        format!("{} 1 INVITE", number + 1),
        format!("{number} 2 INVITE"),
        format!("{number} 1 UPDATE"),
    ] {
        assert_eq!(bench.prack(&rack, "").status.0, 481, "{rack}");
    }
    assert_eq!(bench.prack("what", "").status.0, 400);
    assert_eq!(bench.inside("PRACK", &[], "").status.0, 400);
    assert_eq!(bench.prack_of(&first, "").status.0, 200);
    assert_eq!(bench.prack_of(&first, "").status.0, 481);
    bench.run_until(50_000);
    assert!(bench.answer().is_none());
    // The next one, a minute later, goes on counting.
    bench.run_until(60_000);
    let second = bench.answer().unwrap();
    assert_eq!((second.status.0, rseq(&second)), (180, number + 1));
}

#[test]
fn section_3_one_is_on_its_way_at_a_time() {
    let (mut bench, first) = ringing(DEMANDED, &sdp("192.0.2.1", ""));
    bench.session.progress(bench.now);
    assert!(bench.answer().is_none());
    assert_eq!(bench.prack_of(&first, "").status.0, 200);
    let second = bench.answer().unwrap();
    assert_eq!((second.status.0, rseq(&second)), (183, rseq(&first) + 1));
    assert!(body(&second).contains("m=audio 4000"));
}

#[test]
fn section_3_the_2xx_waits_for_the_prack_of_a_description() {
    let mut bench = Bench::incoming(invite(DEMANDED, &sdp("192.0.2.1", "")));
    bench.negotiated();
    bench.session.progress(bench.now);
    let progress = bench.answer().unwrap();
    assert!(body(&progress).contains("m=audio 4000"));
    bench.session.accept(bench.now);
    assert!(bench.answer().is_none() && bench.session.poll_event().is_none());
    assert_eq!(bench.prack_of(&progress, "").status.0, 200);
    let answer = bench.answer().unwrap();
    assert_eq!((answer.status.0, answer.body.len()), (200, 0));
    assert!(!answer.headers.contains(&Name::ContentType));
    assert!(matches!(bench.session.poll_event(), Some(Event::Answered)));
    bench.ack_of(1, "");
    assert!(matches!(bench.session.poll_event(), Some(Event::Confirmed)));
    let timers = &bench.session.timers;
    assert!(!timers.is_running(Timer::Provisional) && !timers.is_running(Timer::NoPrack));
}

#[test]
fn section_3_the_2xx_does_not_wait_without_one_and_its_prack_may_still_come() {
    let (mut bench, first) = ringing(DEMANDED, &sdp("192.0.2.1", ""));
    bench.session.accept(bench.now);
    let answer = bench.answer().unwrap();
    assert!(body(&answer).contains("m=audio 4000"));
    assert_eq!(bench.prack_of(&first, "").status.0, 200);
    bench.ack_of(1, "");
    bench.run_until(70_000);
    assert!(bench.answer().is_none() && !bench.session.is_over());
}

#[test]
fn section_3_a_refusal_does_not_wait() {
    let mut bench = Bench::incoming(invite(DEMANDED, &sdp("192.0.2.1", "")));
    bench.negotiated();
    bench.session.progress(bench.now);
    bench.answer().unwrap();
    bench.session.accept(bench.now);
    bench.session.refuse(StatusCode::BUSY_HERE);
    assert_eq!(bench.answer().unwrap().status, StatusCode::BUSY_HERE);
    assert_eq!(bench.ended().status, Some(486));
}

#[test]
fn section_5_without_an_offer_the_first_one_makes_it_and_the_prack_answers() {
    let (mut bench, first) = ringing(&["Require: 100rel"], "");
    assert!(body(&first).contains("m=audio 4000 RTP/AVP 0 8 101"));
    bench.session.accept(bench.now);
    assert!(bench.answer().is_none());
    let answer = sdp("192.0.2.1", "");
    assert_eq!(bench.prack_of(&first, &answer).status.0, 200);
    assert_eq!(bench.negotiated().codec, Codec::PCMU);
    let answer = bench.answer().unwrap();
    assert_eq!((answer.status.0, answer.body.len()), (200, 0));
    bench.ack_of(1, "");
    assert!(matches!(bench.session.poll_event(), Some(Event::Answered)));
    assert!(matches!(bench.session.poll_event(), Some(Event::Confirmed)));
}

#[test]
fn section_5_a_prack_without_a_usable_answer_is_answered_and_the_call_refused() {
    for (answer, status) in [("", 400), (G729, 488), ("hello", 400)] {
        let (mut bench, first) = ringing(&["Require: 100rel"], "");
        bench.session.accept(bench.now);
        assert_eq!(bench.prack_of(&first, answer).status.0, 200);
        assert_eq!(bench.answer().unwrap().status.0, status);
        assert_eq!(bench.ended().status, Some(status));
        assert!(bench.answer().is_none());
    }
}

#[test]
fn section_5_an_offer_in_the_prack_is_answered_in_its_200() {
    let mut bench = Bench::incoming(invite(DEMANDED, &sdp("192.0.2.1", "")));
    bench.negotiated();
    bench.session.progress(bench.now);
    let progress = bench.answer().unwrap();
    let offer = sdp("192.0.2.7", "a=sendonly\r\n");
    let response = bench.prack_of(&progress, &offer);
    assert_eq!(response.status.0, 200);
    assert!(body(&response).contains("a=recvonly"));
    let negotiated = bench.negotiated();
    assert_eq!(negotiated.remote, Some("192.0.2.7:6000".parse().unwrap()));
    bench.session.accept(bench.now);
    assert!(bench.answer().unwrap().body.is_empty());

    // Before the first offer is answered a second one has no place.
    let (mut bench, first) = ringing(DEMANDED, &sdp("192.0.2.1", ""));
    assert_eq!(bench.prack_of(&first, &offer).status.0, 500);
}

#[test]
fn section_3_a_prack_with_an_offer_of_no_use_is_answered_and_the_call_refused() {
    for (offer, status) in [(G729, 488), ("hello", 400)] {
        let demands = invite(&[SDP_TYPE, "Require: 100rel"], &sdp("192.0.2.1", ""));
        let mut bench = Bench::incoming(demands);
        bench.session.progress(bench.now);
        let progress = bench.answer().unwrap();
        assert_eq!(bench.prack_of(&progress, offer).status.0, 200);
        assert_eq!(bench.answer().unwrap().status.0, status);
        assert!(bench.session.is_over());
    }
}

/// RFC 3311 §5.1: once the first offer is answered for good, an early dialog can change its media.
#[test]
fn an_update_after_a_reliable_answer_is_answered() {
    let mut bench = Bench::incoming(invite(DEMANDED, &sdp("192.0.2.1", "")));
    bench.negotiated();
    let offer = sdp("192.0.2.7", "");
    assert_eq!(bench.inside("UPDATE", &[SDP_TYPE], &offer).status.0, 500);
    bench.session.progress(bench.now);
    let progress = bench.answer().unwrap();
    assert_eq!(bench.prack_of(&progress, "").status.0, 200);
    let updated = bench.inside("UPDATE", &[SDP_TYPE], &offer);
    assert_eq!(updated.status.0, 200);
    assert!(body(&updated).contains("m=audio 4000"));
    let negotiated = bench.negotiated();
    assert_eq!(negotiated.remote, Some("192.0.2.7:6000".parse().unwrap()));
    bench.session.accept(bench.now);
    assert!(bench.answer().unwrap().body.is_empty());
}

#[test]
fn early_media_without_100rel_says_what_the_200_says() {
    let mut bench = Bench::incoming(invite(&[SDP_TYPE], &sdp("192.0.2.1", "")));
    bench.negotiated();
    bench.session.progress(bench.now);
    let progress = bench.answer().unwrap();
    assert_eq!((progress.status.0, rseq_line(&progress)), (183, false));
    bench.session.accept(bench.now);
    assert_eq!(body(&bench.answer().unwrap()), body(&progress));
}

fn rseq_line(response: &Response) -> bool {
    response.headers.contains(&Name::RSeq)
}

#[test]
fn a_caller_that_goes_away_meanwhile() {
    let (mut bench, _) = ringing(DEMANDED, &sdp("192.0.2.1", ""));
    bench.session.handle(Input::Cancelled, bench.now);
    assert_eq!(bench.answer().unwrap().status.0, 487);
    assert_eq!(bench.ended().status, Some(487));

    let (mut bench, first) = ringing(DEMANDED, &sdp("192.0.2.1", ""));
    bench.session.accept(bench.now);
    bench.answer().unwrap();
    assert_eq!(bench.inside("BYE", &[], "").status.0, 200);
    assert_eq!(bench.prack_of(&first, "").status.0, 481);
}
