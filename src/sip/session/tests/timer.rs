//! Session timers (RFC 4028) as UAS, as UAC, as refresher and as the one who waits.

use super::calling::{answered_with, calling_as};
use super::modify::{content, reply};
use super::*;

const KNOWS: &str = "Supported: timer";

impl Bench {
    /// An answered call that came in with these headers.
    fn of(head: &[&str]) -> (Self, Response) {
        let head: Vec<&str> = head.iter().copied().chain([SDP_TYPE]).collect();
        let mut bench = Self::incoming(invite(&head, &sdp("192.0.2.1", "")));
        bench.session.accept(bench.now);
        let answer = bench.answer().expect("an answer");
        bench.ack("");
        bench.drain();
        (bench, answer)
    }

    /// What is sent by `ms` after the start: methods and times, each answered so.
    fn sends_until(&mut self, ms: u64, status: u16, head: &[(Name, &str)]) -> Vec<(u64, Method)> {
        let end = self.start + Duration::from_millis(ms);
        let mut sent = Vec::new();
        while let Some(due) = self.session.poll_timeout().filter(|due| *due <= end) {
            self.now = due;
            self.session.handle_timeout(due);
            while let Some(output) = self.session.poll_output() {
                if let Output::Request {
                    transaction,
                    request,
                    ..
                } = output
                {
                    let at = (self.now - self.start).as_secs();
                    let body = match request.method {
                        Method::Invite if status == 200 => sdp("192.0.2.1", ""),
                        _ => String::new(),
                    };
                    sent.push((at, request.method.clone()));
                    self.finish_with(transaction, reply(&request, status, head, &body));
                }
            }
        }
        sent
    }
}

fn expires(response: &Response) -> (String, bool) {
    let demanded = response.headers.has_token(&Name::Require, "timer");
    (text(&response.headers, &Name::SessionExpires), demanded)
}

/// RFC 4028 §9, table 2, and what the line's policy adds (30 minutes, Min-SE 90).
#[test]
fn as_uas_the_2xx_settles_interval_and_refresher() {
    for (head, settled, demanded) in [
        (&[][..], "1800;refresher=uas", false),
        (&[KNOWS][..], "1800;refresher=uas", false),
        (&["Session-Expires: 600"], "600;refresher=uas", false),
        (&["x: 600;refresher=uac"], "600;refresher=uas", false),
        (&["Session-Expires: 60"], "90;refresher=uas", false),
        (&[KNOWS, "Session-Expires: 600"], "600;refresher=uac", true),
        (&[KNOWS, "x: 90;refresher=uac"], "90;refresher=uac", true),
        (&[KNOWS, "x: 90;refresher=uas"], "90;refresher=uas", false),
        (&["Require: timer", "x: 600"], "600;refresher=uac", true),
        (&["k: timer, 100rel", "x: 600"], "600;refresher=uac", true),
        (&["Min-SE: 7200"], "7200;refresher=uas", false),
        (&[KNOWS, "x: nonsense"], "1800;refresher=uas", false),
    ] {
        let (_, answer) = Bench::of(head);
        assert_eq!(expires(&answer), (settled.to_owned(), demanded), "{head:?}");
        assert!(answer.headers.has_token(&Name::Supported, "timer"));
    }
}

#[test]
fn a_line_without_timer_leaves_it_to_the_peer() {
    for (head, settled) in [(&[][..], ""), (&[KNOWS, "x: 600"], "600;refresher=uac")] {
        let mut settings = settings();
        settings.policy.session_expires = None;
        let head: Vec<&str> = head.iter().copied().chain([SDP_TYPE]).collect();
        let invite = invite(&head, &sdp("192.0.2.1", ""));
        let (now, random) = (clock::now(), Random::new([3, 4]));
        let transaction = INVITE_TRANSACTION;
        let session = Session::incoming(transaction, invite, flow(), settings, random, now);
        let mut bench = Bench {
            session,
            start: now,
            now,
            cseq: 1,
        };
        bench.session.accept(now);
        assert_eq!(expires(&bench.answer().unwrap()).0, settled);
        bench.ack("");
        assert_eq!(bench.session.poll_timeout().is_none(), settled.is_empty());
    }
}

#[test]
fn too_short_an_interval_gets_422_with_what_is_taken() {
    let short = [KNOWS, "Session-Expires: 89", SDP_TYPE];
    let mut bench = Bench::incoming(invite(&short, &sdp("192.0.2.1", "")));
    let response = bench.answer().unwrap();
    assert_eq!(response.status.0, 422);
    assert_eq!(text(&response.headers, &Name::MinSe), "90");
    assert_eq!(bench.ended().status, Some(422));
    let (mut bench, _) = Bench::of(&[]);
    for (method, offer) in [
        ("INVITE", sdp("192.0.2.1", "a=sendonly\r\n")),
        ("UPDATE", String::new()),
    ] {
        let response = bench.inside(method, &short, &offer);
        assert_eq!(response.status.0, 422, "{method}");
        assert_eq!(text(&response.headers, &Name::MinSe), "90");
        bench.is_quiet();
    }
}

/// RFC 4028 §10: the one who waits hangs up before the end of the interval.
#[test]
fn a_missed_refresh_ends_the_call_with_a_reason() {
    for (interval, at) in [(90, 60), (300, 268), (1_800, 1_768)] {
        let asked = format!("Session-Expires: {interval};refresher=uac");
        let (mut bench, _) = Bench::of(&[KNOWS, &asked]);
        bench.run_until(at * 1_000 - 1);
        bench.is_quiet();
        bench.run_until(at * 1_000);
        let (transaction, bye, _) = bench.sent();
        let reason = text(&bye.headers, &Name::Reason);
        assert_eq!(reason, "SIP;cause=408;text=\"session expired\"");
        bench.finish(transaction, &bye, 200);
        assert_eq!(bench.ended().by, Party::Network);
    }
}

#[test]
fn every_refresh_of_the_peer_starts_the_interval_anew() {
    let asks = [KNOWS, "Session-Expires: 90;refresher=uac", SDP_TYPE];
    let (mut bench, _) = Bench::of(&asks[..2]);
    for (at, method) in [(45, "UPDATE"), (90, "INVITE"), (149, "UPDATE")] {
        bench.run_until(at * 1_000);
        let offer = if method == "INVITE" {
            sdp("192.0.2.1", "")
        } else {
            String::new()
        };
        let response = bench.inside(method, &asks, &offer);
        assert_eq!(expires(&response), ("90;refresher=uac".to_owned(), true));
        assert!(bench.session.poll_event().is_none(), "a refresh is no news");
        bench.ack("");
    }
    // OPTIONS and INFO refresh nothing.
    bench.run_until(200_000);
    bench.inside("OPTIONS", &[], "");
    bench.run_until(208_999);
    bench.is_quiet();
    bench.run_until(209_000);
    assert_eq!(bench.sent().1.method, Method::Bye);
}

/// RFC 4028 §7.4: UPDATE where it is allowed, else a re-INVITE with an unchanged offer.
#[test]
fn as_refresher_we_refresh_at_half_the_interval() {
    let asked = "Session-Expires: 90;refresher=uas";
    for (allow, method) in [
        ("Allow: INVITE, ACK, BYE", Method::Invite),
        ("Allow: INVITE, ACK, BYE, UPDATE", Method::Update),
    ] {
        let (mut bench, _) = Bench::of(&[KNOWS, asked, allow]);
        bench.run_until(44_999);
        bench.is_quiet();
        bench.run_until(45_000);
        let (transaction, refresh, _) = bench.sent();
        assert_eq!(refresh.method, method);
        let expires = text(&refresh.headers, &Name::SessionExpires);
        assert_eq!(expires, "90;refresher=uac");
        assert_eq!(text(&refresh.headers, &Name::MinSe), "90");
        let mut answer = String::new();
        if method == Method::Invite {
            assert!(
                content(&refresh).contains("o=- 77 1 "),
                "{}",
                content(&refresh)
            );
            answer = sdp("192.0.2.1", "");
        }
        let head = [(Name::SessionExpires, "90;refresher=uac")];
        bench.finish_with(transaction, reply(&refresh, 200, &head, &answer));
        if method == Method::Invite {
            bench.ack_sent();
        }
        bench.is_quiet();
        let sent = bench.sends_until(200_000, 200, &head);
        assert_eq!(
            sent.iter().map(|(at, _)| *at).collect::<Vec<_>>(),
            [90, 135, 180]
        );
    }
}

#[test]
fn a_refresh_that_changes_hands_is_followed() {
    let (mut bench, _) = Bench::of(&[KNOWS, "x: 90;refresher=uas", "Allow: UPDATE"]);
    bench.run_until(45_000);
    let (transaction, refresh, _) = bench.sent();
    let head = [(Name::SessionExpires, "120;refresher=uas")];
    bench.finish_with(transaction, reply(&refresh, 200, &head, ""));
    // Now the peer refreshes, every 60 s; it does not.
    bench.run_until(132_999);
    bench.is_quiet();
    bench.run_until(133_000);
    assert_eq!(bench.sent().1.method, Method::Bye);
}

/// Both sides take themselves for the refresher: the crossing is put right, the call stays.
#[test]
fn a_refresher_conflict_ends_no_call() {
    let (mut bench, _) = Bench::of(&[KNOWS, "x: 90;refresher=uas"]);
    bench.run_until(45_000);
    let (transaction, refresh, _) = bench.sent();
    let asks = [KNOWS, "Session-Expires: 90;refresher=uac", SDP_TYPE];
    let crossing = bench.inside("INVITE", &asks, &sdp("192.0.2.1", ""));
    assert_eq!(crossing.status, StatusCode::REQUEST_PENDING);
    bench.finish(transaction, &refresh, 491);
    let theirs = bench.inside("INVITE", &asks, &sdp("192.0.2.1", ""));
    assert_eq!(expires(&theirs).0, "90;refresher=uac");
    bench.ack("");
    // Theirs has refreshed the session: ours is not wanted any more.
    bench.run_until(104_999);
    bench.is_quiet();
    bench.run_until(105_000);
    assert_eq!(bench.sent().1.method, Method::Bye);
}

#[test]
fn a_refresh_survives_491_and_422_and_a_peer_without_update() {
    let (mut bench, _) = Bench::of(&[KNOWS, "x: 90;refresher=uas", "Allow: UPDATE"]);
    bench.run_until(45_000);
    let (transaction, refresh, _) = bench.sent();
    bench.finish(transaction, &refresh, 491);
    bench.run_until(47_000);
    let (transaction, refresh, _) = bench.sent();
    assert_eq!(refresh.method, Method::Update);
    let head = [(Name::MinSe, "180")];
    bench.finish_with(transaction, reply(&refresh, 422, &head, ""));
    let (transaction, refresh, _) = bench.sent();
    assert_eq!(
        text(&refresh.headers, &Name::SessionExpires),
        "180;refresher=uac"
    );
    assert_eq!(text(&refresh.headers, &Name::MinSe), "180");
    bench.finish(transaction, &refresh, 405);
    let (transaction, refresh, _) = bench.sent();
    assert_eq!(refresh.method, Method::Invite);
    let head = [(Name::SessionExpires, "180;refresher=uac")];
    bench.finish_with(
        transaction,
        reply(&refresh, 200, &head, &sdp("192.0.2.1", "")),
    );
    bench.ack_sent();
    let sent = bench.sends_until(140_000, 200, &head);
    assert_eq!(sent, [(137, Method::Invite)]);
}

#[test]
fn refusals_of_our_refresh_end_a_call_only_where_the_peer_keeps_a_timer() {
    let (mut bench, _) = Bench::of(&[KNOWS, "x: 90;refresher=uas"]);
    let sent = bench.sends_until(200_000, 488, &[]);
    let last = sent.last().unwrap();
    assert_eq!(last, &(60, Method::Bye), "{sent:?}");
    assert!(
        sent.len() >= 3,
        "it is tried again while there is time: {sent:?}"
    );
    // Who knows no timers shows by the refusal that he is there.
    let (mut bench, _) = Bench::of(&["Session-Expires: 90"]);
    let sent = bench.sends_until(600_000, 488, &[]);
    assert_eq!(sent.len(), 13, "{sent:?}");
    assert!(sent.iter().all(|(_, method)| *method == Method::Invite));
    // Who is gone is noticed.
    let sent = bench.sends_until(700_000, 481, &[]);
    assert_eq!(sent.last().map(|(_, method)| method), Some(&Method::Bye));
}

#[test]
fn a_hold_refreshes_as_well() {
    let (mut bench, _) = Bench::of(&[KNOWS, "x: 90;refresher=uas"]);
    bench.run_until(30_000);
    bench.session.hold(bench.now);
    let (transaction, hold, _) = bench.sent();
    let head = [(Name::SessionExpires, "90;refresher=uac")];
    let answer = sdp("192.0.2.1", "a=recvonly\r\n");
    bench.finish_with(transaction, reply(&hold, 200, &head, &answer));
    bench.drain();
    let held = bench.sends_until(80_000, 200, &head);
    assert_eq!(held, [(75, Method::Invite)]);
}

#[test]
fn as_uac_we_ask_and_take_what_the_2xx_says() {
    let (_, _, invite) = calling_as(settings());
    assert_eq!(text(&invite.headers, &Name::SessionExpires), "1800");
    assert_eq!(text(&invite.headers, &Name::MinSe), "90");
    assert!(invite.headers.has_token(&Name::Supported, "timer"));
    for (told, at, method) in [
        (Some("90;refresher=uac"), 45, Method::Invite),
        (Some("90;refresher=uas"), 60, Method::Bye),
        (Some("90"), 45, Method::Invite),
        // Who knows no timers is refreshed.
        (None, 900, Method::Invite),
    ] {
        let head: Vec<_> = told
            .map(|told| (Name::SessionExpires, told))
            .into_iter()
            .collect();
        let mut bench = answered_with(&head);
        let sent = bench.sends_until(at * 1_000, 200, &head);
        assert_eq!(sent, [(at, method)], "{told:?}");
    }
    let mut none = settings();
    none.policy.session_expires = None;
    let (_, _, invite) = calling_as(none);
    assert!(!invite.headers.contains(&Name::SessionExpires));
    assert!(invite.headers.has_token(&Name::Supported, "timer"));
}

/// The early dialog has no session to keep; the timer starts with the 2xx in either direction.
#[test]
fn the_timer_runs_after_an_early_dialog() {
    let head = [(Name::SessionExpires, "90;refresher=uac")];
    let (mut bench, transaction, invite) = calling_as(settings());
    let early = reply(&invite, 183, &[(Name::To, "<sip:box@192.0.2.1>;tag=x")], "");
    bench.finish_with(transaction, early);
    let patience = settings().policy.ring_max;
    assert_eq!(bench.session.poll_timeout(), Some(bench.now + patience));
    bench.run_until(10_000);
    let ok = reply(&invite, 200, &head, &sdp("192.0.2.1", ""));
    bench.finish_with(transaction, ok);
    bench.drain();
    let sent = bench.sends_until(56_000, 200, &head);
    assert_eq!(sent, [(55, Method::Invite)]);

    let asks = [KNOWS, "x: 90;refresher=uas", SDP_TYPE];
    let mut bench = Bench::incoming(super::invite(&asks, &sdp("192.0.2.1", "")));
    bench.session.ring(bench.now);
    bench.run_until(10_000);
    bench.session.accept(bench.now);
    bench.ack("");
    bench.drain();
    let sent = bench.sends_until(56_000, 200, &head);
    assert_eq!(sent, [(55, Method::Invite)]);
}

/// RFC 4028 §7.3.
#[test]
fn a_422_to_our_invite_is_tried_again_a_few_times() {
    let mut few = settings();
    few.policy.session_expires = Some(Duration::from_secs(100));
    let (mut bench, mut transaction, first) = calling_as(few);
    let mut invite = first.clone();
    for (nth, min_se) in [(2, "200"), (3, "300"), (4, "400"), (5, "500")] {
        let head = [(Name::MinSe, min_se)];
        bench.finish_with(transaction, reply(&invite, 422, &head, ""));
        (transaction, invite, _) = bench.sent();
        assert_eq!(text(&invite.headers, &Name::SessionExpires), min_se);
        assert_eq!(text(&invite.headers, &Name::MinSe), min_se);
        assert_eq!(invite.cseq().unwrap().number, nth);
        assert_eq!(invite.call_id(), first.call_id());
        assert_eq!(
            (invite.from_tag(), invite.to_tag()),
            (first.from_tag(), None)
        );
        assert_eq!(invite.body, first.body);
    }
    bench.finish_with(
        transaction,
        reply(&invite, 422, &[(Name::MinSe, "600")], ""),
    );
    assert_eq!(bench.ended().status, Some(422));
    for without in [&[][..], &[(Name::MinSe, "0")]] {
        let (mut bench, transaction, invite) = calling_as(settings());
        bench.finish_with(transaction, reply(&invite, 422, without, ""));
        assert_eq!(bench.ended().status, Some(422));
    }
}
