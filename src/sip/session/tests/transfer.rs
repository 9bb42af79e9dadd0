//! REFER both ways (RFC 3515, RFC 3892) and the dialog as Replaces names it (RFC 3891).

use super::calling::{calling, response};
use super::*;
use crate::sip::message::Replaces;

fn target() -> Uri {
    Uri::sip(Some("sales"), flow().remote.ip(), None)
}

fn referring() -> (Bench, TransactionId, Request) {
    let mut bench = Bench::confirmed();
    bench.session.refer(target(), None, bench.now);
    let (transaction, refer, _) = bench.sent();
    (bench, transaction, refer)
}

fn accepting() -> Bench {
    Bench::confirmed_with(Policy {
        accepts_refer: true,
        ..Policy::default()
    })
}

impl Bench {
    fn referral(&mut self) -> Option<Referral> {
        match self.session.poll_event() {
            Some(Event::Referral(referral)) => Some(referral),
            None => None,
            other => panic!("{other:?}"),
        }
    }

    fn waits_for_nothing(&self) -> bool {
        let timers = &self.session.timers;
        !timers.is_running(Timer::Referral) && !timers.is_running(Timer::Referred)
    }

    fn told(&mut self, state: &str, fragment: &str) -> u16 {
        let state = format!("Subscription-State: {state}");
        let head = [
            "Event: refer",
            &state,
            "Content-Type: message/sipfrag;version=2.0",
        ];
        self.inside("NOTIFY", &head, fragment).status.0
    }

    /// The next output is a NOTIFY: its Subscription-State and first line.
    fn notified(&mut self) -> (TransactionId, String, String) {
        let (transaction, notify, _) = self.sent();
        assert_eq!(notify.method, Method::Notify);
        assert!(text(&notify.headers, &Name::Event).starts_with("refer"));
        assert_eq!(notify.headers.content_type().unwrap(), "message/sipfrag");
        let body = String::from_utf8(notify.body.to_vec()).unwrap();
        let state = text(&notify.headers, &Name::SubscriptionState);
        (transaction, state, body.trim_end().to_owned())
    }
}

#[test]
fn section_2_4_1_the_refer_is_complete() {
    let (_, _, refer) = referring();
    assert_eq!(refer.method, Method::Refer);
    assert_eq!(
        text(&refer.headers, &Name::ReferTo),
        "<sip:sales@192.0.2.1>"
    );
    assert_eq!(
        text(&refer.headers, &Name::ReferredBy),
        "<sip:box@192.0.2.9>"
    );
    assert!(refer.headers.contains(&Name::Contact) && refer.headers.contains(&Name::UserAgent));
    assert_eq!(refer.uri.to_string(), "sip:c@192.0.2.1:5062");
}

#[test]
fn rfc_3891_replaces_is_escaped_and_can_be_read_back() {
    let replaces = Replaces {
        call_id: "98732?{x}1%41@sip.example".into(),
        to_tag: "r33th4x0r".into(),
        from_tag: "ff87ff".into(),
        early_only: false,
    };
    let mut bench = Bench::confirmed();
    let target = target().with_param("transport", Some("tcp"));
    bench
        .session
        .refer(target, Some(replaces.clone()), bench.now);
    let (_, refer, _) = bench.sent();
    assert_eq!(
        text(&refer.headers, &Name::ReferTo),
        "<sip:sales@192.0.2.1;transport=tcp?Replaces=98732?%7Bx%7D1%2541%40sip.example\
         %3Bto-tag%3Dr33th4x0r%3Bfrom-tag%3Dff87ff>"
    );
    let uri = refer.headers.address(&Name::ReferTo).unwrap().uri;
    let headers = uri.headers();
    assert_eq!(headers.len(), 1);
    assert_eq!(Replaces::parse(&headers[0].1), Some(replaces));
}

#[test]
fn rfc_3891_a_call_as_others_are_told_of_it() {
    let bench = Bench::confirmed();
    let replaces = bench.session.replaces().unwrap();
    assert_eq!(
        (
            &replaces.call_id[..],
            &replaces.to_tag[..],
            &replaces.from_tag[..]
        ),
        (&b"c1"[..], &b"theirs"[..], bench.tag().as_bytes())
    );
    let (mut bench, transaction, invite) = calling();
    bench.answer_with(transaction, response(&invite, 180, "x", ""));
    assert_eq!(bench.session.replaces(), None);
    bench.answer_with(
        transaction,
        response(&invite, 200, "x", &sdp("192.0.2.1", "")),
    );
    assert_eq!(bench.session.replaces().unwrap().to_tag, "x");
    bench.session.hang_up("bye", bench.now);
    assert_eq!(bench.session.replaces(), None);
}

#[test]
fn section_2_4_4_notify_tells_how_it_goes() {
    let (mut bench, transaction, _) = referring();
    bench.answer_with(transaction, Response::new(StatusCode::ACCEPTED));
    assert_eq!(bench.referral(), Some(Referral::Accepted));
    assert_eq!(
        bench.told("active;expires=60", "SIP/2.0 100 Trying\r\n"),
        200
    );
    assert_eq!(bench.referral(), Some(Referral::Progress(100)));
    let ringing = "SIP/2.0 180 Ringing\r\nContact: <sip:x@y>\r\n\r\n";
    assert_eq!(bench.told("Active", ringing), 200);
    assert_eq!(bench.referral(), Some(Referral::Progress(180)));
    assert_eq!(
        bench.told("terminated;reason=noresource", "SIP/2.0 200 OK"),
        200
    );
    assert_eq!(bench.referral(), Some(Referral::Finished(200)));
    assert!(bench.waits_for_nothing());
    // That was the last word.
    assert_eq!(bench.told("terminated", "SIP/2.0 200 OK"), 481);
    assert_eq!(bench.referral(), None);
}

#[test]
fn every_end_of_a_transfer() {
    let ends = [
        ("active", "SIP/2.0 486 Busy Here\r\n", 486),
        (
            "terminated;reason=noresource",
            "SIP/2.0 603 Decline\r\n",
            603,
        ),
        ("terminated;reason=noresource", "SIP/2.0 503 x", 503),
        ("terminated;reason=giveup", "SIP/2.0 100 Trying\r\n", 408),
        ("terminated", "", 408),
    ];
    for (state, fragment, status) in ends {
        let (mut bench, transaction, _) = referring();
        bench.answer_with(transaction, Response::new(StatusCode::ACCEPTED));
        bench.referral();
        assert_eq!(bench.told(state, fragment), 200);
        assert_eq!(bench.referral(), Some(Referral::Finished(status)));
        assert!(!bench.session.is_over());
    }
    for status in [403, 405, 420, 501, 603] {
        let (mut bench, transaction, _) = referring();
        bench.answer_with(transaction, Response::new(StatusCode(100)));
        bench.answer_with(transaction, Response::new(StatusCode(status)));
        assert_eq!(bench.referral(), Some(Referral::Finished(status)));
        assert!(bench.waits_for_nothing());
    }
}

#[test]
fn a_notify_before_the_202_is_as_good() {
    let (mut bench, transaction, _) = referring();
    assert_eq!(bench.told("active", "SIP/2.0 100 Trying\r\n"), 200);
    assert_eq!(bench.referral(), Some(Referral::Accepted));
    assert_eq!(bench.referral(), Some(Referral::Progress(100)));
    bench.answer_with(transaction, Response::new(StatusCode::ACCEPTED));
    assert_eq!(bench.referral(), None);
    assert_eq!(bench.told("terminated", "SIP/2.0 200 OK"), 200);
    assert_eq!(bench.referral(), Some(Referral::Finished(200)));
}

#[test]
fn silence_ends_a_transfer_with_408() {
    // No response: the transaction gives up.
    let (mut bench, transaction, _) = referring();
    let status = StatusCode::REQUEST_TIMEOUT;
    bench.session.handle(
        Input::Failed {
            transaction,
            status,
        },
        bench.now,
    );
    assert_eq!(bench.referral(), Some(Referral::Finished(408)));
    // A 202 and no NOTIFY.
    let (mut bench, transaction, _) = referring();
    bench.answer_with(transaction, Response::new(StatusCode::ACCEPTED));
    bench.referral();
    bench.run_until(31_999);
    assert_eq!(bench.referral(), None);
    bench.run_until(32_000);
    assert_eq!(bench.referral(), Some(Referral::Finished(408)));
    // A NOTIFY and nothing more, for as long as it may ring.
    let (mut bench, transaction, _) = referring();
    bench.answer_with(transaction, Response::new(StatusCode::ACCEPTED));
    bench.told("active", "SIP/2.0 180 Ringing\r\n");
    bench.drain();
    bench.run_until(180_000 + 31_999);
    assert_eq!(bench.referral(), None);
    bench.run_until(180_000 + 32_000);
    assert_eq!(bench.referral(), Some(Referral::Finished(408)));
    assert_eq!(bench.told("terminated", "SIP/2.0 200 OK"), 481);
}

#[test]
fn a_peer_that_hangs_up_after_its_202_has_made_the_call() {
    let (mut bench, transaction, _) = referring();
    bench.answer_with(transaction, Response::new(StatusCode::ACCEPTED));
    bench.referral();
    assert_eq!(bench.inside("BYE", &[], "").status.0, 200);
    assert_eq!(bench.referral(), Some(Referral::Finished(200)));
    let ended = bench.ended();
    assert_eq!(
        (ended.by, ended.text.as_str()),
        (Party::Remote, "transferred")
    );

    // Before that it has just hung up.
    let (mut bench, _, _) = referring();
    assert_eq!(bench.inside("BYE", &[], "").status.0, 200);
    assert_eq!(bench.ended().text, "hung up");
}

#[test]
fn one_refer_at_a_time_and_only_in_a_call() {
    let (mut bench, transaction, _) = referring();
    bench.session.refer(target(), None, bench.now);
    assert_eq!(bench.referral(), Some(Referral::Finished(491)));
    assert!(bench.session.poll_output().is_none());
    bench.answer_with(transaction, Response::new(StatusCode::DECLINE));
    assert_eq!(bench.referral(), Some(Referral::Finished(603)));
    bench.session.refer(target(), None, bench.now);
    let (_, again, _) = bench.sent();
    // The second is told apart by the id, which is its CSeq.
    let id = again.cseq().unwrap().number;
    for (event, status) in [(id - 1, 481), (id, 200)] {
        let event = format!("Event: refer ; id={event}");
        let head = [event.as_str(), "Subscription-State: active"];
        assert_eq!(bench.inside("NOTIFY", &head, "").status.0, status);
    }
    let (mut bench, ..) = calling();
    bench.session.refer(target(), None, bench.now);
    assert_eq!(bench.referral(), Some(Referral::Finished(481)));
}

#[test]
fn notifies_of_no_use_are_refused() {
    let mut bench = Bench::confirmed();
    let presence = bench.inside("NOTIFY", &["Event: presence"], "");
    assert_eq!(presence.status.0, 489);
    assert_eq!(text(&presence.headers, &Name::AllowEvents), "refer");
    assert_eq!(bench.inside("NOTIFY", &[], "").status.0, 489);
    assert_eq!(bench.inside("NOTIFY", &["Event: refer"], "").status.0, 481);

    let (mut bench, transaction, _) = referring();
    bench.answer_with(transaction, Response::new(StatusCode::ACCEPTED));
    bench.drain();
    let foreign = bench.inside(
        "NOTIFY",
        &["Event: refer", "Content-Type: text/plain"],
        "hi",
    );
    assert_eq!(foreign.status.0, 415);
    assert_eq!(text(&foreign.headers, &Name::Accept), "message/sipfrag");
    for fragment in [
        "hello",
        "SIP/2.0",
        "SIP/2.0 99 x",
        "SIP/2.0 2000",
        "INVITE sip:x SIP/2.0",
    ] {
        assert_eq!(bench.told("active", fragment), 400, "{fragment}");
    }
    assert_eq!(bench.referral(), None);
}

#[test]
fn a_refer_is_refused_unless_the_line_allows_it() {
    let mut bench = Bench::confirmed();
    let refused = bench.inside("REFER", &["Refer-To: <sip:x@192.0.2.3>"], "");
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(bench.session.poll_output().is_none() && bench.session.poll_event().is_none());
}

#[test]
fn refers_of_no_use_are_refused() {
    let cases: [(&[&str], u16); 6] = [
        (&[], 400),
        (&["Refer-To: what"], 400),
        (&["Refer-To: <sip:a@b>", "Refer-To: <sip:c@d>"], 400),
        (&["Refer-To: <http://example.com/>"], 416),
        (&["Refer-To: <sip:a@b;method=BYE>"], 501),
        (&["Refer-To: <sip:a@b?Replaces=no-tags>"], 400),
    ];
    for (head, status) in cases {
        let mut bench = accepting();
        let refused = bench.inside("REFER", head, "");
        assert_eq!(refused.status.0, status, "{head:?}");
        assert!(bench.session.poll_event().is_none());
    }
}

#[test]
fn section_2_4_2_an_allowed_refer_is_told_its_outcome() {
    let mut bench = accepting();
    let head = [
        "Refer-To: <sip:x@192.0.2.3?Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2>",
        "Referred-By: <sip:c@192.0.2.1>",
    ];
    let accepted = bench.inside("REFER", &head, "");
    assert_eq!(accepted.status, StatusCode::ACCEPTED);
    assert!(accepted.headers.contains(&Name::Contact));
    let (_, state, line) = bench.notified();
    assert_eq!(
        (state.as_str(), line.as_str()),
        ("active;expires=212", "SIP/2.0 100 Trying")
    );
    let Some(Event::Referred(referred)) = bench.session.poll_event() else {
        panic!("the call hears of it");
    };
    assert_eq!(referred.to.to_string(), "sip:x@192.0.2.3");
    assert_eq!(referred.replaces.unwrap().call_id, "a@b");
    assert_eq!(referred.by.unwrap(), "<sip:c@192.0.2.1>");

    assert_eq!(bench.inside("REFER", &head, "").status.0, 491);
    bench.run_until(12_000);
    bench.session.notify(180, bench.now);
    let (_, state, line) = bench.notified();
    assert_eq!(
        (state.as_str(), line.as_str()),
        ("active;expires=200", "SIP/2.0 180 Ringing")
    );
    bench.session.notify(486, bench.now);
    let (_, state, line) = bench.notified();
    assert_eq!(
        (state.as_str(), line.as_str()),
        ("terminated;reason=noresource", "SIP/2.0 486 Busy Here")
    );
    bench.session.notify(200, bench.now);
    assert!(bench.session.poll_output().is_none());
    assert!(bench.waits_for_nothing());

    // The next one is told apart (RFC 3515 §2.4.6).
    assert_eq!(bench.inside("REFER", &head, "").status.0, 202);
    let cseq = bench.cseq;
    let (_, notify, _) = bench.sent();
    assert_eq!(
        text(&notify.headers, &Name::Event),
        format!("refer;id={cseq}")
    );
}

#[test]
fn a_subscription_expires_or_is_given_up() {
    let head = ["Refer-To: <sip:x@192.0.2.3>"];
    let mut bench = accepting();
    bench.inside("REFER", &head, "");
    bench.drain();
    bench.run_until(212_000);
    let (_, state, line) = bench.notified();
    assert_eq!(
        (state.as_str(), line.as_str()),
        ("terminated;reason=timeout", "SIP/2.0 408 Request Timeout")
    );

    let mut bench = accepting();
    bench.inside("REFER", &head, "");
    let (transaction, ..) = bench.notified();
    bench.answer_with(transaction, Response::new(StatusCode::CALL_DOES_NOT_EXIST));
    bench.session.notify(200, bench.now);
    assert!(bench.session.poll_output().is_none());
    assert!(bench.waits_for_nothing());
}
