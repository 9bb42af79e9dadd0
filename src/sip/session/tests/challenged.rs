//! Challenges to our requests (RFC 3261 §22): answered in calls that we make, in no other.

use super::calling::{calling_with, response};
use super::*;
use crate::sip::digest::{Credentials, Password};
use crate::sip::message::Host;

fn policy() -> Policy {
    Policy {
        credentials: Some(Credentials {
            realm: Some("office".to_owned()),
            username: "box".to_owned(),
            password: Password::new("secret"),
        }),
        redirect_hosts: vec![Host::parse("192.0.2.77").unwrap()],
        ..Policy::default()
    }
}

fn challenge(request: &Request, status: u16, nonce: &str, more: &str) -> Response {
    let name = match status {
        401 => Name::WwwAuthenticate,
        _ => Name::ProxyAuthenticate,
    };
    let value = format!("Digest realm=\"office\", nonce=\"{nonce}\", qop=\"auth\"{more}");
    response(request, status, "proxy", "").with_header(name, value)
}

fn proof(request: &Request) -> String {
    text(&request.headers, &Name::ProxyAuthorization)
}

/// A call of ours through a proxy that asks once.
fn confirmed() -> (Bench, Request) {
    let (mut bench, transaction, invite) = calling_with(policy());
    bench.answer_with(transaction, challenge(&invite, 407, "n1", ""));
    let (transaction, again, _) = bench.sent();
    let answer = response(&again, 200, "x", &sdp("192.0.2.1", ""))
        .with_header(Name::RecordRoute, "<sip:192.0.2.1;lr>");
    bench.answer_with(transaction, answer);
    (bench, again)
}

#[test]
fn section_22_3_the_invite_is_sent_again_with_credentials() {
    for (status, name) in [(401, Name::Authorization), (407, Name::ProxyAuthorization)] {
        let (mut bench, transaction, invite) = calling_with(policy());
        assert!(!invite.headers.contains(&name));
        bench.answer_with(transaction, challenge(&invite, status, "n1", ""));
        let (_, again, to) = bench.sent();
        assert_eq!(text(&again.headers, &Name::CSeq), "2 INVITE");
        assert_eq!(again.call_id(), invite.call_id());
        assert_eq!(again.from_tag(), invite.from_tag());
        assert_eq!((again.to_tag(), to), (None, flow()));
        let proof = text(&again.headers, &name);
        for part in [
            "username=\"box\"",
            "nonce=\"n1\"",
            "uri=\"sip:box@192.0.2.1\"",
        ] {
            assert!(proof.contains(part), "{proof}");
        }
        assert!(!proof.contains("secret"));
    }
}

#[test]
fn section_13_2_2_4_the_ack_has_the_same_credentials() {
    let (mut bench, again) = confirmed();
    let (ack, _) = bench.acked();
    assert_eq!(text(&ack.headers, &Name::CSeq), "2 ACK");
    assert_eq!(proof(&ack), proof(&again));
}

#[test]
fn a_wrong_password_ends_the_call_and_a_stale_nonce_does_not() {
    let (mut bench, transaction, invite) = calling_with(policy());
    bench.answer_with(transaction, challenge(&invite, 407, "n1", ""));
    let (transaction, again, _) = bench.sent();
    bench.answer_with(transaction, challenge(&again, 407, "n2", ""));
    assert!(bench.session.poll_output().is_none());
    let ended = bench.ended();
    assert_eq!((ended.by, ended.status), (Party::Remote, Some(407)));

    let (mut bench, transaction, invite) = calling_with(policy());
    bench.answer_with(transaction, challenge(&invite, 407, "n1", ""));
    let (transaction, again, _) = bench.sent();
    bench.answer_with(transaction, challenge(&again, 407, "n2", ", stale=true"));
    let (transaction, third, _) = bench.sent();
    assert_eq!(text(&third.headers, &Name::CSeq), "3 INVITE");
    assert!(proof(&third).contains("nonce=\"n2\""));
    bench.answer_with(transaction, challenge(&third, 407, "n3", ", stale=true"));
    assert_eq!(bench.ended().status, Some(407));
}

#[test]
fn what_is_not_for_us_gets_no_answer() {
    let (mut bench, transaction, invite) = calling_with(policy());
    let foreign = response(&invite, 401, "x", "")
        .with_header(Name::WwwAuthenticate, "Digest realm=\"evil\", nonce=\"n\"");
    bench.answer_with(transaction, foreign);
    assert_eq!(bench.ended().status, Some(401));

    let (mut bench, transaction, invite) = calling_with(Policy::default());
    bench.answer_with(transaction, challenge(&invite, 407, "n", ""));
    assert_eq!(bench.ended().status, Some(407));

    // Given up meanwhile.
    let (mut bench, transaction, invite) = calling_with(policy());
    bench.session.hang_up("never mind", bench.now);
    bench.answer_with(transaction, challenge(&invite, 407, "n", ""));
    assert_eq!(bench.ended().status, Some(407));
}

#[test]
fn another_next_hop_gets_no_credentials() {
    let (mut bench, transaction, invite) = calling_with(policy());
    bench.answer_with(transaction, challenge(&invite, 407, "n1", ""));
    let (transaction, again, _) = bench.sent();
    let mut moved = response(&again, 302, "x", "");
    moved.headers.set(Name::Contact, "<sip:a@192.0.2.77>");
    bench.answer_with(transaction, moved);
    let (transaction, there, to) = bench.sent();
    assert_eq!(
        to.remote.ip(),
        "192.0.2.77".parse::<std::net::IpAddr>().unwrap()
    );
    assert_eq!(proof(&there), "");
    bench.answer_with(transaction, challenge(&there, 407, "n2", ""));
    assert_eq!(bench.ended().status, Some(407));
}

#[test]
fn requests_inside_a_call_of_ours_are_sent_again_in_their_order() {
    let (mut bench, _) = confirmed();
    bench.drain();
    let target = Uri::sip(Some("x"), flow().remote.ip(), None);
    bench.session.refer(target, None, bench.now);
    let (transaction, refer, _) = bench.sent();
    assert!(proof(&refer).contains("nc=00000002"), "{}", proof(&refer));
    bench.session.hold(bench.now);
    let (change, reinvite, _) = bench.sent();
    assert_eq!(text(&reinvite.headers, &Name::CSeq), "4 INVITE");
    bench.answer_with(transaction, challenge(&refer, 407, "n2", ", stale=true"));
    let (transaction, refer, _) = bench.sent();
    assert_eq!(text(&refer.headers, &Name::CSeq), "5 REFER");
    bench.answer_with(transaction, Response::new(StatusCode::ACCEPTED));
    assert!(matches!(
        bench.session.poll_event(),
        Some(Event::Referral(Referral::Accepted))
    ));
    // The re-INVITE, too; its ACK is that of the one that was taken.
    bench.answer_with(change, challenge(&reinvite, 407, "n3", ", stale=true"));
    let (change, reinvite, _) = bench.sent();
    assert_eq!(text(&reinvite.headers, &Name::CSeq), "6 INVITE");
    let answer = response(&reinvite, 200, "x", &sdp("192.0.2.1", "a=recvonly\r\n"));
    bench.answer_with(change, answer);
    let (ack, _) = bench.acked();
    assert_eq!(text(&ack.headers, &Name::CSeq), "6 ACK");
    assert_eq!(proof(&ack), proof(&reinvite));
    bench.drain();

    bench.session.hang_up("bye", bench.now);
    let (transaction, bye, _) = bench.sent();
    bench.answer_with(transaction, challenge(&bye, 407, "n4", ", stale=true"));
    let (transaction, bye, _) = bench.sent();
    assert_eq!(text(&bye.headers, &Name::CSeq), "8 BYE");
    assert!(proof(&bye).contains("nonce=\"n4\""));
    assert!(!bench.session.is_over());
    bench.answer_with(transaction, Response::new(StatusCode::OK));
    assert_eq!(bench.ended().by, Party::Local);
}

#[test]
fn a_call_that_came_in_answers_no_challenge() {
    let mut bench = Bench::confirmed_with(policy());
    bench.session.hang_up("bye", bench.now);
    let (transaction, bye, _) = bench.sent();
    bench.answer_with(transaction, challenge(&bye, 407, "n1", ""));
    assert!(bench.session.poll_output().is_none());
    assert_eq!(bench.ended().by, Party::Local);
}
