//! INVITE with Replaces (RFC 3891 §3), and calls whose sessions are gone.

use super::*;

const REPLACING: [&str; 2] = [
    "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKr",
    "Call-ID: other",
];

impl Bench {
    /// What an INVITE with this Replaces gets: a status, or the session that it names.
    fn replacing(&mut self, head: &[&str]) -> Result<Option<SessionId>, u16> {
        let head: Vec<_> = REPLACING.iter().chain(head).copied().collect();
        let response = self.ask(request("INVITE", &head)).unwrap();
        if response.status != StatusCode::TRYING {
            assert!(self.endpoint.poll_event().is_none());
            return Err(response.status.0);
        }
        match self.endpoint.poll_event() {
            Some(Event::Incoming { replaces, .. }) => Ok(replaces),
            other => panic!("{other:?}"),
        }
    }

    /// A call of ours, with a response of the far end's.
    fn calling(&mut self, status: Option<u16>) -> (SessionId, Request) {
        let session = self.endpoint.start_session();
        self.outgoing(session, Method::Invite, udp());
        let (invite, _) = self.sent_request();
        if let Some(status) = status {
            self.far_end(&invite, status, "far");
            assert!(self.news().is_some());
        }
        (session, invite)
    }

    fn far_end(&mut self, request: &Request, status: u16, tag: &str) {
        let mut response = Response::to_request(request, StatusCode(status));
        let to = response.to().unwrap().with_tag(tag);
        response.headers.set(Name::To, to);
        self.feed(response.write(), udp());
    }
}

#[test]
fn section_3_replaces_names_a_session_or_is_refused() {
    let ours = "Replaces: c1;to-tag=ours;from-tag=theirs";
    let early_only = "Replaces: c1;to-tag=ours;from-tag=theirs;early-only";
    let cases: [(&[&str], Option<u16>); 8] = [
        (&[ours], None),
        (&[early_only], Some(486)),
        (&["Replaces: c1;to-tag=ours;from-tag=x"], Some(481)),
        (&["Replaces: c1;to-tag=theirs;from-tag=ours"], Some(481)),
        (&["Replaces: c2;to-tag=ours;from-tag=theirs"], Some(481)),
        (&["Replaces: c1"], Some(400)),
        (&[ours, "Replaces: c2;to-tag=a;from-tag=b"], Some(400)),
        (&[ours, "Join: c1;to-tag=ours;from-tag=theirs"], Some(400)),
    ];
    for (head, refused) in cases {
        let mut bench = Bench::new();
        let session = bench.answered(StatusCode::OK);
        let expected = refused.map_or(Ok(Some(session)), Err);
        assert_eq!(bench.replacing(head), expected, "{head:?}");
    }
    let mut bench = Bench::new();
    assert_eq!(bench.replacing(&[]), Ok(None));
}

#[test]
fn section_3_an_early_dialog_is_replaced_only_by_who_called() {
    let mut bench = Bench::new();
    bench.answered(StatusCode::RINGING);
    let ours = "Replaces: c1;to-tag=ours;from-tag=theirs";
    assert_eq!(bench.replacing(&[ours]), Err(481));

    let mut bench = Bench::new();
    let (session, _) = bench.calling(Some(180));
    let early_only = "Replaces: o1;to-tag=ours;from-tag=far;early-only";
    assert_eq!(bench.replacing(&[early_only]), Ok(Some(session)));
}

#[test]
fn section_3_a_call_that_was_hung_up_is_declined() {
    let mut bench = Bench::new();
    let session = bench.answered(StatusCode::OK);
    let to = "To: <sip:box@192.0.2.9>;tag=ours";
    let via = "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKbye";
    bench.ask(request("BYE", &[via, to, "CSeq: 2 BYE"]));
    let Some(Input::Request {
        transaction,
        request: bye,
        ..
    }) = bench.news()
    else {
        panic!("the session hears of the BYE");
    };
    bench.respond(session, transaction, &bye, StatusCode::OK);
    bench.response();
    let ours = "Replaces: c1;to-tag=ours;from-tag=theirs";
    assert_eq!(bench.replacing(&[ours]), Err(603));
    bench.endpoint.forget(session, bench.now);
    let later = "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKlater";
    assert_eq!(bench.replacing(&[ours, later]), Err(481));
}

#[test]
fn a_forgotten_call_of_ours_stops_ringing() {
    // It rings already, or begins to when the session has gone.
    for rings in [true, false] {
        let mut bench = Bench::new();
        let (session, invite) = bench.calling(rings.then_some(180));
        bench.endpoint.forget(session, bench.now);
        if !rings {
            assert!(bench.endpoint.poll_transmit().is_none());
            bench.far_end(&invite, 180, "far");
        }
        let (cancel, to) = bench.sent_request();
        assert_eq!((cancel.method.clone(), to), (Method::Cancel, udp()));
        let branch = |request: &Request| request.top_via().unwrap().branch();
        assert_eq!(branch(&cancel), branch(&invite));
        bench.far_end(&invite, 180, "far");
        assert!(bench.endpoint.poll_transmit().is_none());
        bench.far_end(&cancel, 200, "far");
        bench.far_end(&invite, 487, "far");
        assert_eq!(bench.sent_request().0.method, Method::Ack);
        assert_eq!(bench.endpoint.counts().totals.abandoned, 1);
        bench.assert_clean();
    }
}

#[test]
fn a_2xx_to_a_forgotten_call_of_ours_is_acknowledged_and_ended() {
    let mut bench = Bench::new();
    let (session, invite) = bench.calling(None);
    bench.endpoint.forget(session, bench.now);
    bench.far_end(&invite, 200, "far");
    let (ack, _) = bench.sent_request();
    assert_eq!(
        (ack.method.clone(), ack.to_tag().unwrap()),
        (Method::Ack, "far".into())
    );
    let (bye, _) = bench.sent_request();
    assert_eq!(
        (bye.method.clone(), bye.cseq().unwrap().number),
        (Method::Bye, 2)
    );
    bench.far_end(&bye, 200, "far");
    // The same again is only acknowledged.
    bench.far_end(&invite, 200, "far");
    assert_eq!(bench.sent_request().0.method, Method::Ack);
    assert!(bench.endpoint.poll_transmit().is_none());
    bench.assert_clean();
}

#[test]
fn the_farewell_comes_after_the_pracks_of_the_call() {
    let mut bench = Bench::new();
    let (session, invite) = bench.calling(Some(183));
    let inside = |method: Method, number: u32| {
        let mut request = invite.clone();
        request.method = method;
        request.headers.remove(&Name::Via);
        request.headers.set(Name::To, "<sip:192.0.2.1>;tag=far");
        let method = request.method.clone();
        request
            .headers
            .set(Name::CSeq, format!("{number} {method}"));
        request
    };
    let prack = Output::Request {
        transaction: TransactionId(71),
        request: inside(Method::Prack, 5),
        flow: udp(),
    };
    bench.endpoint.handle_output(session, prack, bench.now);
    let (prack, _) = bench.sent_request();
    bench.far_end(&prack, 200, "far");
    bench.far_end(&invite, 200, "far");
    let ack = Output::Ack {
        request: inside(Method::Ack, 1),
        flow: udp(),
    };
    bench.endpoint.handle_output(session, ack, bench.now);
    bench.sent_request();
    bench.endpoint.forget(session, bench.now);
    let (bye, _) = bench.sent_request();
    assert_eq!(
        (bye.method.clone(), bye.cseq().unwrap().number),
        (Method::Bye, 6)
    );
    bench.far_end(&bye, 200, "far");
    bench.assert_clean();
}

#[test]
fn the_farewell_goes_where_a_re_invite_has_moved_the_peer() {
    let mut bench = Bench::new();
    let session = bench.answered(StatusCode::OK);
    let to = "To: <sip:box@192.0.2.9>;tag=ours";
    let inside = |method: &str, number: u32, branch: &str, contact: &str| {
        let via = format!("Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{branch}");
        let cseq = format!("CSeq: {number} {method}");
        let contact = format!("Contact: <sip:{contact}>");
        request(method, &[via.as_str(), to, &cseq, &contact])
    };
    let moves = [
        ("INVITE", "new@192.0.2.7:5070", StatusCode::OK),
        ("UPDATE", "newer@192.0.2.8:5080", StatusCode::OK),
        (
            "INVITE",
            "refused@192.0.2.6",
            StatusCode::NOT_ACCEPTABLE_HERE,
        ),
    ];
    for (number, (method, contact, status)) in (2..).zip(moves) {
        let branch = format!("move{number}");
        bench.feed(inside(method, number, &branch, contact), udp());
        let Some(Input::Request {
            transaction,
            request: asked,
            ..
        }) = bench.news()
        else {
            panic!("the session hears of {method}");
        };
        bench.respond(session, transaction, &asked, status);
        while bench.endpoint.poll_transmit().is_some() {}
    }
    bench.endpoint.forget(session, bench.now);
    let (bye, to) = bench.sent_request();
    assert_eq!(bye.uri.to_string(), "sip:newer@192.0.2.8:5080");
    assert_eq!(to, flow(Transport::Udp, "192.0.2.8:5080"));
}

#[test]
fn the_farewell_goes_where_an_answer_to_our_update_has_moved_the_peer() {
    let mut bench = Bench::new();
    let session = bench.answered(StatusCode::OK);
    let update = Request::new(Method::Update, Uri::parse("sip:c@192.0.2.1").unwrap())
        .with_header(Name::From, "<sip:box@192.0.2.9>;tag=ours")
        .with_header(Name::To, "<sip:c@192.0.2.1>;tag=theirs")
        .with_header(Name::CallId, "c1")
        .with_header(Name::CSeq, "1 UPDATE");
    let output = Output::Request {
        transaction: TransactionId(71),
        request: update,
        flow: udp(),
    };
    bench.endpoint.handle_output(session, output, bench.now);
    let (update, _) = bench.sent_request();
    let answer = Response::to_request(&update, StatusCode::OK)
        .with_header(Name::Contact, "<sip:c@192.0.2.7:5070>");
    bench.feed(answer.write(), udp());
    bench.endpoint.forget(session, bench.now);
    let (bye, to) = bench.sent_request();
    assert_eq!(bye.uri.to_string(), "sip:c@192.0.2.7:5070");
    assert_eq!(bye.cseq().unwrap().number, 2);
    assert_eq!(to, flow(Transport::Udp, "192.0.2.7:5070"));
}
