//! INVITING: responses to our INVITE.

use super::*;

pub(super) fn calling() -> (Bench, TransactionId, Request) {
    calling_as(settings())
}

pub(super) fn calling_with(policy: Policy) -> (Bench, TransactionId, Request) {
    calling_as(settings_with(policy))
}

/// A call of ours that was answered and drained.
pub(super) fn answered() -> Bench {
    answered_with(&[])
}

pub(super) fn answered_with(head: &[(Name, &str)]) -> Bench {
    let (mut bench, transaction, invite) = calling();
    let mut ok = response(&invite, 200, "x", &sdp("192.0.2.1", ""));
    for (name, value) in head {
        ok = ok.with_header(name.clone(), (*value).to_owned());
    }
    bench.answer_with(transaction, ok);
    bench.drain();
    bench
}

pub(super) fn calling_as(settings: Settings) -> (Bench, TransactionId, Request) {
    let now = clock::now();
    let to = Uri::sip(Some("box"), flow().remote.ip(), None);
    let call = Call {
        uri: to.clone(),
        from: NameAddr::new(Uri::sip(Some("alice"), flow().local.ip(), None)).with_display("A"),
        to: NameAddr::new(to),
    };
    let session = Session::outgoing(call, flow(), settings, Random::new([5, 6]));
    let mut bench = Bench {
        session,
        start: now,
        now,
        cseq: 0,
    };
    let (transaction, invite, _) = bench.sent();
    (bench, transaction, invite)
}

pub(super) fn response(invite: &Request, status: u16, tag: &str, body: &str) -> Response {
    let mut response = Response::to_request(invite, StatusCode(status))
        .with_header(Name::Contact, "<sip:them@192.0.2.1:5099>");
    if !tag.is_empty() {
        let to = response.to().unwrap().with_tag(tag);
        response.headers.set(Name::To, to);
    }
    if !body.is_empty() {
        response = response.with_body("application/sdp", body.to_owned());
    }
    response
}

impl Bench {
    pub(super) fn answer_with(&mut self, transaction: TransactionId, response: Response) {
        self.session.handle(
            Input::Response {
                transaction,
                response,
            },
            self.now,
        );
    }

    pub(super) fn acked(&mut self) -> (Request, Flow) {
        match self.session.poll_output() {
            Some(Output::Ack { request, flow }) => (request, flow),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_invite_is_complete() {
    let (bench, _, invite) = calling();
    assert_eq!(invite.method, Method::Invite);
    assert_eq!(invite.call_id(), Some(bench.session.call_id()));
    assert_eq!(invite.to_tag(), None);
    assert_eq!(invite.from_tag().unwrap(), bench.tag());
    assert_eq!(
        text(&invite.headers, &Name::From),
        format!("\"A\" <sip:alice@192.0.2.9>;tag={}", bench.tag())
    );
    for name in [
        Name::Contact,
        Name::Allow,
        Name::UserAgent,
        Name::MaxForwards,
    ] {
        assert!(invite.headers.contains(&name), "{name}");
    }
    assert!(
        String::from_utf8(invite.body.to_vec())
            .unwrap()
            .contains("m=audio 4000 RTP/AVP 0 8")
    );
}

#[test]
fn a_2xx_is_acknowledged_each_time_it_comes() {
    let (mut bench, transaction, invite) = calling();
    bench.answer_with(transaction, response(&invite, 180, "x", ""));
    bench.answer_with(transaction, response(&invite, 183, "x", ""));
    assert!(matches!(bench.session.poll_event(), Some(Event::Ringing)));
    let ok = response(&invite, 200, "x", &sdp("192.0.2.1", ""));
    bench.answer_with(transaction, ok.clone());
    let (ack, to) = bench.acked();
    assert_eq!(ack.uri.to_string(), "sip:them@192.0.2.1:5099");
    assert_eq!(to.remote, "192.0.2.1:5099".parse().unwrap());
    assert_eq!(text(&ack.headers, &Name::CSeq), "1 ACK");
    bench.negotiated();
    assert!(matches!(bench.session.poll_event(), Some(Event::Answered)));
    assert!(matches!(bench.session.poll_event(), Some(Event::Confirmed)));
    bench.answer_with(transaction, ok);
    assert_eq!(bench.acked().0, ack);
    assert!(bench.session.poll_event().is_none());
}

#[test]
fn a_fork_is_acknowledged_and_hung_up_on() {
    let (mut bench, transaction, invite) = calling();
    bench.answer_with(
        transaction,
        response(&invite, 200, "x", &sdp("192.0.2.1", "")),
    );
    bench.drain();
    bench.answer_with(
        transaction,
        response(&invite, 200, "y", &sdp("192.0.2.1", "")),
    );
    assert_eq!(bench.acked().0.to_tag().unwrap(), "y");
    let (_, bye, _) = bench.sent();
    assert_eq!(
        (bye.method.clone(), bye.to_tag().unwrap()),
        (Method::Bye, "y".into())
    );
    assert!(!bench.session.is_over());
}

#[test]
fn a_2xx_without_a_usable_answer_is_hung_up_on() {
    for answer in ["", G729] {
        let (mut bench, transaction, invite) = calling();
        bench.answer_with(transaction, response(&invite, 200, "x", answer));
        bench.acked();
        let (transaction, bye, _) = bench.sent();
        assert_eq!(bye.method, Method::Bye);
        bench.answer_with(transaction, Response::new(StatusCode::OK));
        assert_eq!(bench.ended().status, Some(488));
    }
}

#[test]
fn a_refusal_or_silence_ends_it() {
    let (mut bench, transaction, invite) = calling();
    bench.answer_with(transaction, response(&invite, 404, "x", ""));
    let ended = bench.ended();
    assert_eq!((ended.by, ended.status), (Party::Remote, Some(404)));
    assert_eq!(ended.text, "Not Found");
    for status in [StatusCode::REQUEST_TIMEOUT, StatusCode::SERVICE_UNAVAILABLE] {
        let (mut bench, transaction, _) = calling();
        bench.session.handle(
            Input::Failed {
                transaction,
                status,
            },
            bench.now,
        );
        let ended = bench.ended();
        assert_eq!((ended.by, ended.status), (Party::Network, Some(status.0)));
    }
}

#[test]
fn hanging_up_cancels_when_that_is_allowed() {
    let (mut bench, transaction, invite) = calling();
    bench.session.hang_up("never mind", bench.now);
    assert!(bench.session.poll_output().is_none());
    bench.answer_with(transaction, response(&invite, 100, "", ""));
    let (_, cancel, to) = bench.sent();
    assert_eq!((cancel.method.clone(), to), (Method::Cancel, flow()));
    assert_eq!(text(&cancel.headers, &Name::CSeq), "1 CANCEL");
    assert_eq!(cancel.uri, invite.uri);
    assert!(text(&cancel.headers, &Name::Reason).contains("never mind"));
    bench.session.hang_up("again", bench.now);
    bench.answer_with(transaction, response(&invite, 180, "x", ""));
    assert!(bench.session.poll_output().is_none());
    bench.drain();
    bench.answer_with(transaction, response(&invite, 487, "x", ""));
    let ended = bench.ended();
    assert_eq!(
        (ended.by, ended.text.as_str()),
        (Party::Local, "never mind")
    );
}

#[test]
fn requests_in_the_early_dialog() {
    let (mut bench, transaction, invite) = calling();
    bench.answer_with(transaction, response(&invite, 183, "x", ""));
    bench.drain();
    let tag = bench.tag();
    let mut from_them = |method: &str, cseq: u32, body: &str| {
        let mut request = request(method, cseq, Some(&tag), &[], body);
        request.headers.set(Name::From, "<sip:box@192.0.2.1>;tag=x");
        request
            .headers
            .set(Name::CallId, invite.call_id().unwrap().clone());
        bench.give(request).status.0
    };
    assert_eq!(from_them("OPTIONS", 1, ""), 200);
    assert_eq!(from_them("INVITE", 2, ""), 491);
    assert_eq!(from_them("UPDATE", 3, &sdp("192.0.2.1", "")), 491);
    assert_eq!(from_them("UPDATE", 4, ""), 200);
    assert_eq!(from_them("BYE", 5, ""), 481);
    assert!(!bench.session.is_over());
}
