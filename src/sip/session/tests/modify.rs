//! ESTABLISHED: our own re-INVITE and UPDATE.

use super::calling::answered;
use super::*;

impl Bench {
    /// The peer answers a request of ours.
    pub(super) fn finish(&mut self, transaction: TransactionId, request: &Request, status: u16) {
        self.finish_with(transaction, reply(request, status, &[], ""));
    }

    pub(super) fn finish_with(&mut self, transaction: TransactionId, response: Response) {
        let input = Input::Response {
            transaction,
            response,
        };
        self.session.handle(input, self.now);
    }

    pub(super) fn ack_sent(&mut self) -> Request {
        match self.session.poll_output() {
            Some(Output::Ack { request, .. }) => request,
            other => panic!("{other:?}"),
        }
    }

    /// Nothing to send and nothing to tell.
    pub(super) fn is_quiet(&mut self) {
        let (output, event) = (self.session.poll_output(), self.session.poll_event());
        assert!(output.is_none() && event.is_none(), "{output:?} {event:?}");
    }

    /// The next output and the time at which it comes, within `ms`.
    fn sent_within(&mut self, ms: u64) -> (TransactionId, Request, Duration) {
        let from = self.now;
        let end = self.now + Duration::from_millis(ms);
        loop {
            if let Some(Output::Request {
                transaction,
                request,
                ..
            }) = self.session.poll_output()
            {
                return (transaction, request, self.now - from);
            }
            let due = self.session.poll_timeout().filter(|due| *due <= end);
            self.now = due.expect("something is sent in time");
            self.session.handle_timeout(self.now);
        }
    }
}

/// The peer's response to a request of ours.
pub(super) fn reply(request: &Request, status: u16, head: &[(Name, &str)], body: &str) -> Response {
    let mut response = Response::to_request(request, StatusCode(status))
        .with_header(Name::Contact, "<sip:c@192.0.2.1:5062>");
    for (name, value) in head {
        response = response.with_header(name.clone(), (*value).to_owned());
    }
    if body.is_empty() {
        return response;
    }
    response.with_body("application/sdp", body.to_owned())
}

pub(super) fn content(request: &Request) -> String {
    String::from_utf8(request.body.to_vec()).unwrap()
}

fn accepted(request: &Request, direction: &str) -> Response {
    reply(request, 200, &[], &sdp("192.0.2.1", direction))
}

#[test]
fn hold_and_resume_are_offered_and_acknowledged() {
    let mut bench = Bench::confirmed();
    bench.session.hold(bench.now);
    let (transaction, hold, to) = bench.sent();
    assert_eq!(hold.method, Method::Invite);
    assert_eq!(text(&hold.headers, &Name::CSeq), "1 INVITE");
    assert_eq!(to.remote, "192.0.2.1:5062".parse().unwrap());
    for name in [Name::Contact, Name::Allow, Name::Supported, Name::UserAgent] {
        assert!(hold.headers.contains(&name), "{name:?}");
    }
    let offer = content(&hold);
    assert!(
        offer.contains("a=sendonly") && offer.contains("o=- 77 2 "),
        "{offer}"
    );
    bench.finish_with(transaction, accepted(&hold, "a=recvonly\r\n"));
    let ack = bench.ack_sent();
    assert_eq!(text(&ack.headers, &Name::CSeq), "1 ACK");
    assert_eq!(bench.negotiated().direction, Direction::SendOnly);
    bench.is_quiet();

    bench.session.resume(bench.now);
    let (transaction, resume, _) = bench.sent();
    let offer = content(&resume);
    assert!(
        offer.contains("a=sendrecv") && offer.contains("o=- 77 3 "),
        "{offer}"
    );
    bench.finish_with(transaction, accepted(&resume, ""));
    bench.ack_sent();
    assert_eq!(bench.negotiated().direction, Direction::SendRecv);
    bench.is_quiet();
}

/// RFC 3264 §8.4: what was only received becomes inactive; to come back says both ways.
#[test]
fn a_hold_of_both_sides_is_inactive() {
    let mut bench = Bench::confirmed();
    bench.inside("INVITE", &[SDP_TYPE], &sdp("192.0.2.1", "a=sendonly\r\n"));
    bench.ack("");
    bench.drain();
    bench.session.hold(bench.now);
    let (transaction, hold, _) = bench.sent();
    assert!(content(&hold).contains("a=inactive"));
    bench.finish_with(transaction, accepted(&hold, "a=inactive\r\n"));
    bench.ack_sent();
    assert_eq!(bench.negotiated().direction, Direction::Inactive);
    bench.is_quiet();
    bench.session.resume(bench.now);
    let (transaction, resume, _) = bench.sent();
    assert!(content(&resume).contains("a=sendrecv"));
    bench.finish_with(transaction, accepted(&resume, "a=sendonly\r\n"));
    bench.ack_sent();
    assert_eq!(bench.negotiated().direction, Direction::RecvOnly);
    bench.is_quiet();
}

#[test]
fn another_address_is_offered_with_everything_we_can() {
    let mut bench = Bench::confirmed();
    let mut local = settings().local_media;
    local.port = 4_400;
    bench.session.reoffer(local, bench.now);
    let (transaction, request, _) = bench.sent();
    let offer = content(&request);
    assert!(offer.contains("m=audio 4400 RTP/AVP 0 8 101"), "{offer}");
    bench.finish_with(transaction, accepted(&request, ""));
    bench.ack_sent();
    bench.negotiated();
    bench.session.hold(bench.now);
    let (_, hold, _) = bench.sent();
    assert!(content(&hold).contains("m=audio 4400"));
}

/// RFC 3264 §8: the streams keep their places.
#[test]
fn a_refused_stream_keeps_its_place_in_our_offers() {
    let video = "m=video 7000 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n";
    let offer = sdp("192.0.2.1", "").replace("m=audio", &format!("{video}m=audio"));
    let mut bench = Bench::incoming(invite(&[SDP_TYPE], &offer));
    bench.session.accept(bench.now);
    bench.ack("");
    bench.drain();
    bench.session.hold(bench.now);
    let (transaction, hold, _) = bench.sent();
    let order = |body: &str| (body.find("m=video 0 "), body.find("m=audio 4000"));
    let (refused, live) = order(&content(&hold));
    assert!(refused.unwrap() < live.unwrap());
    bench.finish(transaction, &hold, 488);
    let response = bench.inside("INVITE", &[], "");
    let (refused, live) = order(&body(&response));
    assert!(refused.unwrap() < live.unwrap(), "{}", body(&response));
}

#[test]
fn a_repeated_200_is_acknowledged_again() {
    let mut bench = Bench::confirmed();
    bench.session.hold(bench.now);
    let (transaction, hold, _) = bench.sent();
    let ok = accepted(&hold, "a=recvonly\r\n");
    bench.finish_with(transaction, ok.clone());
    let first = bench.ack_sent();
    bench.drain();
    bench.finish_with(transaction, ok);
    assert_eq!(bench.ack_sent(), first);
    bench.is_quiet();
}

/// RFC 3261 §14.1: the owner of the Call-ID comes back after 2.1 to 4 s, the other within 2 s.
#[test]
fn after_491_both_sides_come_back_at_different_times() {
    for seed in 0..200 {
        for owns_call_id in [false, true] {
            let mut bench = if owns_call_id {
                answered()
            } else {
                Bench::confirmed()
            };
            bench.session.random = Random::new([seed, 1]);
            bench.session.hold(bench.now);
            let (transaction, hold, _) = bench.sent();
            bench.finish(transaction, &hold, 491);
            bench.is_quiet();
            let (_, again, after) = bench.sent_within(4_000);
            let range = if owns_call_id {
                2_100..=4_000
            } else {
                0..=2_000
            };
            let ms = after.as_millis();
            assert!(range.contains(&ms) && ms % 10 == 0, "{ms}");
            assert_eq!(again.body, hold.body);
            assert!(again.cseq().unwrap().number > hold.cseq().unwrap().number);
        }
    }
}

#[test]
fn a_peer_that_never_has_time_is_left_in_peace() {
    let mut bench = Bench::confirmed();
    bench.session.hold(bench.now);
    let (mut transaction, mut hold, _) = bench.sent();
    for _ in 1..8 {
        bench.finish(transaction, &hold, 491);
        (transaction, hold, _) = bench.sent_within(4_000);
    }
    bench.finish(transaction, &hold, 491);
    bench.run_until(100_000);
    bench.is_quiet();
    assert!(!bench.session.is_over());
}

/// RFC 3261 §12.2.1.2, RFC 5057: there is no dialog any more.
#[test]
fn a_lost_dialog_is_ended_with_a_reason() {
    for status in [481, 408] {
        let mut bench = Bench::confirmed();
        bench.session.hold(bench.now);
        let (transaction, hold, _) = bench.sent();
        bench.finish(transaction, &hold, status);
        let (transaction, bye, _) = bench.sent();
        assert_eq!(bye.method, Method::Bye);
        let reason = text(&bye.headers, &Name::Reason);
        assert!(
            reason.starts_with(&format!("SIP;cause={status};text=")),
            "{reason}"
        );
        bench.finish(transaction, &bye, 481);
        let ended = bench.ended();
        assert_eq!((ended.by, ended.status), (Party::Network, Some(status)));
    }
    let mut bench = Bench::confirmed();
    bench.session.hold(bench.now);
    let (transaction, ..) = bench.sent();
    let status = StatusCode::REQUEST_TIMEOUT;
    bench.session.handle(
        Input::Failed {
            transaction,
            status,
        },
        bench.now,
    );
    assert_eq!(bench.sent().1.method, Method::Bye);
}

/// RFC 3261 §14.1. A challenge inside a call that came in is not answered: whoever asks is not whom
/// we have credentials for.
#[test]
fn a_refused_change_leaves_the_session_as_it_was() {
    for status in [300, 401, 403, 500, 404, 407, 415, 422, 488, 503, 603] {
        let mut bench = Bench::confirmed();
        bench.session.hold(bench.now);
        let (transaction, hold, _) = bench.sent();
        let head = [
            (Name::WwwAuthenticate, "Digest realm=\"a\", nonce=\"b\""),
            (Name::ProxyAuthenticate, "Digest realm=\"a\", nonce=\"b\""),
            (Name::RetryAfter, "3600"),
        ];
        let told = if status == 500 { &head[..2] } else { &head[..] };
        bench.finish_with(transaction, reply(&hold, status, told, ""));
        bench.run_until(60_000);
        bench.is_quiet();
        // A refused description does not stand, and its version is not used again for another.
        let held = bench.inside("INVITE", &[SDP_TYPE], &sdp("192.0.2.1", "a=recvonly\r\n"));
        assert!(body(&held).contains("a=sendonly"), "{status}");
        bench.ack("");
        bench.drain();
        bench.session.hang_up("bye", bench.now);
        assert_eq!(bench.sent().1.method, Method::Bye);
    }
}

#[test]
fn another_offer_after_a_refused_one_has_another_version() {
    let mut bench = Bench::confirmed();
    bench.session.hold(bench.now);
    let (transaction, hold, _) = bench.sent();
    assert!(content(&hold).contains("o=- 77 2 "));
    bench.finish(transaction, &hold, 488);
    let mut local = settings().local_media;
    local.port = 4_400;
    bench.session.reoffer(local, bench.now);
    let (_, moved, _) = bench.sent();
    assert!(content(&moved).contains("o=- 77 3 "), "{}", content(&moved));
}

#[test]
fn who_is_to_come_back_later_does() {
    let mut bench = Bench::confirmed();
    bench.session.hold(bench.now);
    let (transaction, hold, _) = bench.sent();
    bench.finish_with(
        transaction,
        reply(&hold, 500, &[(Name::RetryAfter, "7")], ""),
    );
    let (_, again, after) = bench.sent_within(8_000);
    assert_eq!(
        (again.method, after),
        (Method::Invite, Duration::from_secs(7))
    );
}

#[test]
fn a_wish_waits_until_no_invite_is_open() {
    let mut bench = Bench::incoming(invite(&[SDP_TYPE], &sdp("192.0.2.1", "")));
    bench.session.hold(bench.now);
    bench.session.accept(bench.now);
    bench.answer();
    bench.drain();
    bench.is_quiet();
    bench.ack("");
    assert!(matches!(bench.session.poll_event(), Some(Event::Confirmed)));
    let (transaction, hold, _) = bench.sent();
    assert!(content(&hold).contains("a=sendonly"));
    bench.session.resume(bench.now);
    bench.is_quiet();
    bench.finish_with(transaction, accepted(&hold, "a=recvonly\r\n"));
    bench.ack_sent();
    let (transaction, resume, _) = bench.sent();
    assert!(content(&resume).contains("a=sendrecv"));
    bench.finish_with(transaction, accepted(&resume, ""));
    bench.ack_sent();
    assert!(bench.session.poll_output().is_none());
}

/// RFC 5407 §3.3.1 and §3.3.2: each side's offer crosses the other's.
#[test]
fn sections_3_3_1_and_3_3_2_an_offer_that_crosses_ours_gets_491() {
    let mut bench = Bench::confirmed();
    bench.session.hold(bench.now);
    let (transaction, hold, _) = bench.sent();
    for method in ["INVITE", "UPDATE"] {
        let crossing = bench.inside(method, &[SDP_TYPE], &sdp("192.0.2.7", ""));
        assert_eq!(crossing.status, StatusCode::REQUEST_PENDING, "{method}");
    }
    assert_eq!(bench.inside("UPDATE", &[], "").status, StatusCode::OK);
    bench.finish(transaction, &hold, 491);
    // The peer is first to come back: what we want goes into our answer.
    let theirs = bench.inside("INVITE", &[SDP_TYPE], &sdp("192.0.2.7", ""));
    assert!(body(&theirs).contains("a=sendonly"), "{}", body(&theirs));
    assert_eq!(bench.negotiated().direction, Direction::SendOnly);
    bench.ack("");
    bench.run_until(60_000);
    bench.is_quiet();
}

#[test]
fn a_reinvite_that_is_never_answered_is_cancelled() {
    let mut bench = Bench::confirmed();
    bench.session.hold(bench.now);
    let (transaction, hold, _) = bench.sent();
    bench.finish(transaction, &hold, 100);
    bench.run_until(32_499);
    bench.is_quiet();
    bench.run_until(32_500);
    let (cancelling, cancel, _) = bench.sent();
    assert_eq!(cancel.method, Method::Cancel);
    assert_eq!(text(&cancel.headers, &Name::CSeq), "1 CANCEL");
    assert!(text(&cancel.headers, &Name::Reason).starts_with("SIP;cause=487"));
    bench.finish(cancelling, &cancel, 200);
    bench.finish(transaction, &hold, 487);
    bench.run_until(60_000);
    bench.is_quiet();
    assert!(!bench.session.is_over());
}

/// RFC 5407 §3.2.3: the 200 of our re-INVITE crosses our BYE, and is acknowledged.
#[test]
fn section_3_2_3_a_200_after_our_bye_is_acknowledged() {
    let mut bench = Bench::confirmed();
    bench.session.hold(bench.now);
    let (transaction, hold, _) = bench.sent();
    bench.session.hang_up("bye", bench.now);
    let (closing, bye, _) = bench.sent();
    bench.finish_with(transaction, accepted(&hold, "a=recvonly\r\n"));
    assert_eq!(text(&bench.ack_sent().headers, &Name::CSeq), "1 ACK");
    bench.is_quiet();
    bench.finish(closing, &bye, 200);
    assert_eq!(bench.ended().by, Party::Local);
}

#[test]
fn an_answer_of_no_use_ends_the_call_and_a_missing_one_changes_nothing() {
    let mut bench = Bench::confirmed();
    bench.session.hold(bench.now);
    let (transaction, hold, _) = bench.sent();
    bench.finish(transaction, &hold, 200);
    bench.ack_sent();
    bench.is_quiet();
    bench.session.hold(bench.now);
    let (transaction, hold, _) = bench.sent();
    bench.finish_with(transaction, reply(&hold, 200, &[], G729));
    bench.ack_sent();
    let (_, bye, _) = bench.sent();
    assert!(text(&bye.headers, &Name::Reason).starts_with("SIP;cause=488;text="));
}
