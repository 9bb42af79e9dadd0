use core::net::SocketAddr;
use std::time::Duration;

use super::*;
use crate::io::clock;
use crate::sip::Transport;
use crate::sip::message::{Method, Name, NameAddr, Uri};

mod guard;
mod strays;

/// An endpoint alone, fed with text.
struct Bench {
    endpoint: Endpoint,
    start: Instant,
    now: Instant,
}

fn flow(transport: Transport, remote: &str) -> Flow {
    Flow {
        transport,
        local: SocketAddr::from(([192, 0, 2, 9], 5060)),
        remote: remote.parse().unwrap(),
    }
}

fn udp() -> Flow {
    flow(Transport::Udp, "192.0.2.1:5060")
}

fn tcp() -> Flow {
    flow(Transport::Tcp, "192.0.2.1:40000")
}

/// A request with the usual headers; `head` replaces those of the same name, `Name:` alone drops.
fn request(method: &str, head: &[&str]) -> String {
    let cseq = format!("CSeq: 1 {method}");
    let usual = [
        "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa",
        "Max-Forwards: 70",
        "From: <sip:c@192.0.2.1>;tag=theirs",
        "To: <sip:box@192.0.2.9>",
        "Call-ID: c1",
        &cseq,
        "Contact: <sip:c@192.0.2.1>",
    ];
    let name = |line: &str| line.split(':').next().map(str::to_owned);
    let kept = usual
        .iter()
        .filter(|line| head.iter().all(|it| name(it) != name(line)));
    let lines: Vec<&str> = kept
        .chain(head)
        .copied()
        .filter(|it| !it.ends_with(':'))
        .collect();
    format!(
        "{method} sip:box@192.0.2.9 SIP/2.0\r\n{}\r\n\r\n",
        lines.join("\r\n")
    )
}

impl Bench {
    fn new() -> Self {
        Self::with(Settings::default())
    }

    fn with(settings: Settings) -> Self {
        let start = clock::now();
        Self {
            endpoint: Endpoint::new(settings, Random::new([1, 2])),
            start,
            now: start,
        }
    }

    fn feed(&mut self, text: impl Into<Bytes>, flow: Flow) {
        self.endpoint.handle_message(text.into(), flow, self.now);
        assert!(self.endpoint.poll_timeout().is_none_or(|at| at > self.now));
    }

    /// Feeds a request over UDP and gives what was answered.
    fn ask(&mut self, text: impl Into<Bytes>) -> Option<Response> {
        self.feed(text, udp());
        self.response()
    }

    fn response(&mut self) -> Option<Response> {
        match message::parse(self.endpoint.poll_transmit()?.bytes) {
            Ok(Message::Response(response)) => Some(response),
            other => panic!("{other:?}"),
        }
    }

    fn sent_request(&mut self) -> (Request, Flow) {
        let transmit = self.endpoint.poll_transmit().expect("something is sent");
        match message::parse(transmit.bytes) {
            Ok(Message::Request(request)) => (request, transmit.flow),
            other => panic!("{other:?}"),
        }
    }

    /// A call that came in and was answered with a status.
    fn answered(&mut self, status: StatusCode) -> SessionId {
        self.feed(request("INVITE", &[]), udp());
        let (session, transaction, invite) = self.incoming();
        self.respond(session, transaction, &invite, status);
        while self.endpoint.poll_transmit().is_some() {}
        session
    }

    fn incoming(&mut self) -> (SessionId, TransactionId, Request) {
        match self.endpoint.poll_event() {
            Some(Event::Incoming {
                session,
                transaction,
                invite,
                ..
            }) => (session, transaction, invite),
            other => panic!("{other:?}"),
        }
    }

    fn respond(
        &mut self,
        session: SessionId,
        transaction: TransactionId,
        request: &Request,
        status: StatusCode,
    ) {
        let mut response = Response::to_request(request, status);
        if response.to_tag().is_none() {
            let to = response.to().unwrap().with_tag("ours");
            response.headers.set(Name::To, to);
        }
        let output = Output::Respond {
            transaction,
            response,
        };
        self.endpoint.handle_output(session, output, self.now);
    }

    fn news(&mut self) -> Option<Input> {
        match self.endpoint.poll_event()? {
            Event::Session { input, .. } => Some(input),
            other @ Event::Incoming { .. } => panic!("{other:?}"),
        }
    }

    fn outgoing(&mut self, session: SessionId, method: Method, flow: Flow) {
        let cseq = format!("1 {method}");
        let request = Request::new(method, Uri::sip(None, flow.remote.ip(), None))
            .with_header(Name::From, "<sip:a@b>;tag=ours")
            .with_header(
                Name::To,
                NameAddr::new(Uri::sip(None, flow.remote.ip(), None)),
            )
            .with_header(Name::CallId, "o1")
            .with_header(Name::CSeq, cseq);
        let output = Output::Request {
            transaction: TransactionId(70),
            request,
            flow,
        };
        self.endpoint.handle_output(session, output, self.now);
    }

    fn run_until(&mut self, ms: u64) {
        let end = self.start + Duration::from_millis(ms);
        while let Some(at) = self.endpoint.poll_timeout().filter(|at| *at <= end) {
            self.now = at;
            self.endpoint.handle_timeout(at);
            assert!(self.endpoint.poll_timeout().is_none_or(|next| next > at));
        }
        self.now = end;
    }

    /// Runs every timer out and expects nothing to be left.
    fn assert_clean(&mut self) {
        self.run_until(1_000_000);
        let counts = self.endpoint.counts();
        assert_eq!((counts.transactions(), counts.sessions), (0, 0));
        assert!(self.endpoint.is_clean());
    }
}

fn text(response: &Response, name: &Name) -> String {
    let value = response.headers.get(name).map(|value| value.to_vec());
    String::from_utf8(value.unwrap_or_default()).unwrap()
}

#[test]
fn an_invite_gets_100_at_once_and_becomes_a_call() {
    let mut bench = Bench::new();
    let trying = bench.ask(request("INVITE", &[])).unwrap();
    assert_eq!(trying.status, StatusCode::TRYING);
    assert_eq!(trying.to_tag(), None);
    let (session, transaction, invite) = bench.incoming();
    assert_eq!(invite.call_id().unwrap(), "c1");
    let again = bench.ask(request("INVITE", &[])).unwrap();
    assert_eq!(again.status, StatusCode::TRYING);
    assert!(bench.endpoint.poll_event().is_none());
    bench.respond(session, transaction, &invite, StatusCode::BUSY_HERE);
    assert_eq!(bench.response().unwrap().status, StatusCode::BUSY_HERE);
    bench.endpoint.forget(session, bench.now);
    let ack = request("ACK", &["To: <sip:box@192.0.2.9>;tag=ours"]);
    assert!(bench.ask(ack).is_none());
    assert_eq!(bench.endpoint.counts().totals.stray_acks, 0);
    bench.run_until(5_000);
    assert_eq!(bench.endpoint.counts().transactions(), 0);
    bench.assert_clean();
}

#[test]
fn the_endpoint_refuses_by_itself() {
    let cases: [(&str, &[&str], u16, Refusal, &str); 14] = [
        ("REGISTER", &[], 405, Refusal::Method, "Allow: INVITE"),
        ("MESSAGE", &[], 405, Refusal::Method, "Allow: INVITE"),
        (
            "SUBSCRIBE",
            &["Event: x"],
            405,
            Refusal::Method,
            "Allow: INVITE",
        ),
        ("REFER", &[], 403, Refusal::Method, "Allow: INVITE"),
        ("NOTIFY", &[], 481, Refusal::Dialog, ""),
        ("JUMP", &[], 501, Refusal::Method, "Allow: INVITE"),
        ("BYE", &[], 481, Refusal::Dialog, ""),
        (
            "BYE",
            &["To: <sip:b@c>;tag=unknown"],
            481,
            Refusal::Dialog,
            "",
        ),
        (
            "INVITE",
            &["To: <sip:b@c>;tag=unknown"],
            481,
            Refusal::Dialog,
            "",
        ),
        ("CANCEL", &[], 481, Refusal::Cancel, ""),
        (
            "INVITE",
            &["Require: 100rel, nothing"],
            420,
            Refusal::Extension,
            "Unsupported: nothing",
        ),
        (
            "OPTIONS",
            &["Require: nothing"],
            420,
            Refusal::Extension,
            "Unsupported: nothing",
        ),
        (
            "INVITE",
            &["Max-Forwards: 0"],
            483,
            Refusal::MaxForwards,
            "",
        ),
        ("INVITE", &["CSeq: 1 OPTIONS"], 400, Refusal::Malformed, ""),
    ];
    let mut bench = Bench::new();
    for (method, head, status, refusal, header) in cases {
        let before = bench.endpoint.counts().refused(refusal);
        let response = bench.ask(request(method, head)).unwrap();
        assert_eq!(response.status.0, status, "{method} {head:?}");
        assert!(response.to_tag().is_some(), "{method} {head:?}");
        let written = String::from_utf8(response.write().to_vec()).unwrap();
        assert!(written.contains(header), "{written}");
        assert_eq!(
            bench.endpoint.counts().refused(refusal),
            before + 1,
            "{method} {head:?}"
        );
    }
    assert!(bench.endpoint.poll_event().is_none());
    assert_eq!(bench.endpoint.counts().transactions(), 0);
}

#[test]
fn versions_and_schemes_are_checked() {
    let mut bench = Bench::new();
    let newer = request("INVITE", &[]).replacen("SIP/2.0\r\n", "SIP/7.0\r\n", 1);
    assert_eq!(
        bench.ask(newer).unwrap().status,
        StatusCode::VERSION_NOT_SUPPORTED
    );
    let with_uri = |uri| request("INVITE", &[]).replacen("sip:box@192.0.2.9", uri, 1);
    let response = bench.ask(with_uri("nobody:knows")).unwrap();
    assert_eq!(response.status, StatusCode::UNSUPPORTED_URI_SCHEME);
    assert!(bench.endpoint.poll_event().is_none());
    assert_eq!(
        bench.ask(with_uri("tel:+15550123")).unwrap().status,
        StatusCode::TRYING
    );
    let counts = bench.endpoint.counts();
    assert_eq!(
        (
            counts.refused(Refusal::Version),
            counts.refused(Refusal::Scheme)
        ),
        (1, 1)
    );
}

#[test]
fn options_tell_what_we_can() {
    let mut bench = Bench::new();
    let response = bench.ask(request("OPTIONS", &["Max-Forwards: 0"])).unwrap();
    assert_eq!(response.status, StatusCode::OK);
    assert!(text(&response, &Name::Allow).contains("INVITE"));
    assert!(text(&response, &Name::Accept).contains("application/sdp"));
    assert!(response.headers.contains(&Name::Supported));
    assert!(response.to_tag().is_some());
    bench.endpoint.set_accepting(false);
    for method in ["OPTIONS", "INVITE"] {
        let response = bench.ask(request(method, &[])).unwrap();
        assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(!text(&response, &Name::RetryAfter).is_empty());
    }
    assert_eq!(bench.endpoint.counts().refused(Refusal::NotAccepting), 2);
    assert_eq!(bench.endpoint.counts().transactions(), 0);
}

#[test]
fn a_stateless_answer_has_the_same_tag_each_time() {
    let mut bench = Bench::new();
    let tag = |response: Option<Response>| response.unwrap().to_tag().unwrap();
    let first = tag(bench.ask(request("OPTIONS", &[])));
    assert_eq!(first, tag(bench.ask(request("OPTIONS", &[]))));
    assert_ne!(first, tag(bench.ask(request("OPTIONS", &["Call-ID: c2"]))));
}

#[test]
fn the_same_request_by_two_paths_is_merged() {
    let mut bench = Bench::new();
    bench.ask(request("INVITE", &[])).unwrap();
    let other = request("INVITE", &["Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKb"]);
    assert_eq!(bench.ask(other).unwrap().status, StatusCode::LOOP_DETECTED);
    let next = [
        "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKc",
        "CSeq: 2 INVITE",
    ];
    assert_eq!(
        bench.ask(request("INVITE", &next)).unwrap().status,
        StatusCode::TRYING
    );
}

#[test]
fn responses_go_back_where_the_request_came_from() {
    let cases = [
        ("192.0.2.1:5070", "192.0.2.1:4000", "192.0.2.1:5070", ""),
        ("192.0.2.1", "192.0.2.1:4000", "192.0.2.1:5060", ""),
        (
            "10.0.0.1:5070",
            "192.0.2.1:4000",
            "192.0.2.1:5070",
            "received=192.0.2.1",
        ),
        (
            "pbx.example",
            "192.0.2.1:4000",
            "192.0.2.1:5060",
            "received=192.0.2.1",
        ),
        (
            "10.0.0.1;rport",
            "192.0.2.1:4000",
            "192.0.2.1:4000",
            "rport=4000",
        ),
        (
            "192.0.2.1;rport",
            "192.0.2.1:4000",
            "192.0.2.1:4000",
            "received=192.0.2.1",
        ),
        (
            "192.0.2.1;maddr=203.0.113.1",
            "192.0.2.1:4000",
            "192.0.2.1:5060",
            "",
        ),
    ];
    for (sent_by, source, goes_to, contains) in cases {
        let mut bench = Bench::new();
        let via = format!("Via: SIP/2.0/UDP {sent_by};branch=z9hG4bKa");
        for method in ["OPTIONS", "INVITE"] {
            let text = request(method, &[&via]);
            bench.feed(text, flow(Transport::Udp, source));
            let transmit = bench.endpoint.poll_transmit().unwrap();
            assert_eq!(transmit.flow, flow(Transport::Udp, goes_to), "{sent_by}");
            let bytes = String::from_utf8(transmit.bytes.to_vec()).unwrap();
            assert!(bytes.contains(contains), "{bytes}");
        }
    }
}

#[test]
fn over_tcp_responses_take_the_connection_or_the_told_port() {
    let mut bench = Bench::new();
    let via = "Via: SIP/2.0/TCP 192.0.2.1:5070;branch=z9hG4bKa";
    bench.feed(request("INVITE", &[via]), tcp());
    assert_eq!(bench.endpoint.poll_transmit().unwrap().flow, tcp());
    let (session, transaction, invite) = bench.incoming();
    bench.endpoint.handle_flow_lost(tcp(), bench.now);
    assert!(matches!(bench.news(), Some(Input::FlowLost)));
    for _ in 0..2 {
        bench.respond(session, transaction, &invite, StatusCode::OK);
        let transmit = bench.endpoint.poll_transmit().unwrap();
        assert_eq!(transmit.flow, flow(Transport::Tcp, "192.0.2.1:5070"));
    }
    bench.endpoint.forget(session, bench.now);
    bench.assert_clean();
}

#[test]
fn a_lost_connection_fails_the_requests_on_it() {
    let mut bench = Bench::new();
    let session = bench.endpoint.start_session();
    bench.outgoing(session, Method::Invite, tcp());
    bench.outgoing(
        session,
        Method::Info,
        flow(Transport::Tcp, "192.0.2.2:5060"),
    );
    bench.endpoint.handle_flow_lost(tcp(), bench.now);
    let failed = bench.news();
    assert!(
        matches!(
            failed,
            Some(Input::Failed {
                transaction: TransactionId(70),
                status: StatusCode::SERVICE_UNAVAILABLE
            })
        ),
        "{failed:?}"
    );
    assert_eq!(bench.endpoint.counts().transactions(), 1);
    assert_eq!(bench.endpoint.counts().totals.transport_failed, 1);
}

#[test]
fn our_requests_carry_a_via_of_ours() {
    let mut bench = Bench::new();
    let session = bench.endpoint.start_session();
    bench.outgoing(session, Method::Invite, udp());
    let (invite, to) = bench.sent_request();
    let via = invite.top_via().unwrap();
    assert_eq!(to, udp());
    assert_eq!(
        (via.host.to_string().as_str(), via.port),
        ("192.0.2.9", Some(5060))
    );
    assert!(via.rport().is_some() && via.branch().unwrap().starts_with(b"z9hG4bK"));
    bench.outgoing(session, Method::Cancel, udp());
    let (cancel, _) = bench.sent_request();
    assert_eq!(cancel.top_via().unwrap().branch(), via.branch());
    let ringing = Response::to_request(&invite, StatusCode::RINGING);
    bench.feed(ringing.write(), udp());
    assert!(matches!(bench.news(), Some(Input::Response { .. })));
    let answer = Response::to_request(&cancel, StatusCode::OK);
    bench.feed(answer.write(), udp());
    assert!(matches!(bench.news(), Some(Input::Response { .. })));
    bench.run_until(32_000);
    let failed = Some(StatusCode::REQUEST_TIMEOUT);
    let status = bench.news().map(|it| match it {
        Input::Failed { status, .. } => status,
        other => panic!("{other:?}"),
    });
    assert_eq!(status, failed);
    bench.endpoint.forget(session, bench.now);
    bench.assert_clean();
}

#[test]
fn a_via_host_can_be_told() {
    let mut bench = Bench::with(Settings {
        via_host: Host::parse("box.example"),
        ..Settings::default()
    });
    let session = bench.endpoint.start_session();
    bench.outgoing(session, Method::Info, udp());
    let (info, _) = bench.sent_request();
    assert_eq!(info.top_via().unwrap().host.to_string(), "box.example");
}

#[test]
fn cancel_is_answered_and_passed_on_once() {
    let mut bench = Bench::new();
    bench.ask(request("INVITE", &[]));
    let (session, transaction, invite) = bench.incoming();
    bench.respond(session, transaction, &invite, StatusCode::RINGING);
    let tag = bench.response().unwrap().to_tag();
    for _ in 0..2 {
        let response = bench.ask(request("CANCEL", &[])).unwrap();
        assert_eq!(
            (response.status, response.to_tag()),
            (StatusCode::OK, tag.clone())
        );
    }
    assert!(matches!(bench.news(), Some(Input::Cancelled)));
    assert!(bench.news().is_none());
    bench.respond(session, transaction, &invite, StatusCode::OK);
    bench.response();
    assert_eq!(
        bench.ask(request("CANCEL", &[])).unwrap().status,
        StatusCode::OK
    );
    assert!(bench.news().is_none());
}

#[test]
fn acks_reach_their_session() {
    let mut bench = Bench::new();
    bench.answered(StatusCode::OK);
    let own_branch = "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKack";
    let to = "To: <sip:box@192.0.2.9>;tag=ours";
    assert!(bench.ask(request("ACK", &[own_branch, to])).is_none());
    assert!(matches!(bench.news(), Some(Input::Ack(_))));
    // Some user agents acknowledge a 2xx on the INVITE's own branch.
    assert!(bench.ask(request("ACK", &[to])).is_none());
    assert!(matches!(bench.news(), Some(Input::Ack(_))));
    let unknown = "To: <sip:box@192.0.2.9>;tag=unknown";
    assert!(bench.ask(request("ACK", &[own_branch, unknown])).is_none());
    assert!(bench.news().is_none());
    assert_eq!(bench.endpoint.counts().totals.stray_acks, 1);
}

#[test]
fn without_the_cookie_an_ack_needs_our_tag() {
    let mut bench = Bench::new();
    let old = "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=1";
    bench.ask(request("INVITE", &[old]));
    let (session, transaction, invite) = bench.incoming();
    bench.respond(session, transaction, &invite, StatusCode::BUSY_HERE);
    bench.response();
    bench.ask(request("ACK", &[old, "To: <sip:box@192.0.2.9>;tag=other"]));
    assert_eq!(bench.endpoint.counts().totals.stray_acks, 1);
    bench.run_until(500);
    assert_eq!(bench.response().unwrap().status, StatusCode::BUSY_HERE);
    bench.ask(request("ACK", &[old, "To: <sip:box@192.0.2.9>;tag=ours"]));
    bench.run_until(4_000);
    assert!(bench.response().is_none());
}

#[test]
fn requests_inside_a_dialog_reach_their_session() {
    let mut bench = Bench::new();
    let session = bench.answered(StatusCode::OK);
    let to = "To: <sip:box@192.0.2.9>;tag=ours";
    let via = "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKbye";
    let bye = request("BYE", &[via, to, "CSeq: 2 BYE"]);
    assert!(bench.ask(bye.clone()).is_none());
    let Some(Input::Request {
        transaction,
        request: received,
        ..
    }) = bench.news()
    else {
        panic!("the session hears of the BYE");
    };
    bench.respond(session, transaction, &received, StatusCode::OK);
    assert_eq!(bench.response().unwrap().status, StatusCode::OK);
    bench.endpoint.forget(session, bench.now);
    assert_eq!(bench.ask(bye).unwrap().status, StatusCode::OK);
    let later = "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKlater";
    let gone = bench
        .ask(request("BYE", &[later, to, "CSeq: 3 BYE"]))
        .unwrap();
    assert_eq!(gone.status, StatusCode::CALL_DOES_NOT_EXIST);
    bench.assert_clean();
}

#[test]
fn a_silent_session_is_covered_by_100_and_then_by_silence() {
    let mut bench = Bench::new();
    let session = bench.answered(StatusCode::OK);
    let via = "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKi";
    let to = "To: <sip:box@192.0.2.9>;tag=ours";
    bench.ask(request("INFO", &[via, to, "CSeq: 2 INFO"]));
    bench.run_until(3_499);
    assert!(bench.response().is_none());
    bench.run_until(3_500);
    assert_eq!(bench.response().unwrap().status, StatusCode::TRYING);
    bench.run_until(40_000);
    assert!(bench.response().is_none());
    assert_eq!(bench.endpoint.counts().totals.unanswered, 1);
    bench.endpoint.forget(session, bench.now);
    assert_eq!(bench.sent_request().0.method, Method::Bye);
    assert!(bench.response().is_none());
    bench.assert_clean();
}

#[test]
fn a_forgotten_call_is_answered_500() {
    let mut bench = Bench::new();
    bench.ask(request("INVITE", &[]));
    let (session, ..) = bench.incoming();
    bench.endpoint.forget(session, bench.now);
    let response = bench.response().unwrap();
    assert_eq!(response.status, StatusCode::SERVER_INTERNAL_ERROR);
    assert!(response.to_tag().is_some());
    bench.assert_clean();
    assert_eq!(bench.endpoint.counts().totals.unacknowledged, 1);
}

#[test]
fn limits_refuse_new_calls_but_let_running_ones_end() {
    let mut bench = Bench::with(Settings {
        transactions_max: 8,
        ..Settings::default()
    });
    bench.answered(StatusCode::OK);
    for number in 2..=8 {
        let via = format!("Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{number}");
        let call_id = format!("Call-ID: c{number}");
        let response = bench.ask(request("INVITE", &[&via, &call_id])).unwrap();
        assert_eq!(response.status, StatusCode::TRYING);
        bench.incoming();
    }
    let invite = ["Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK9", "Call-ID: c9"];
    let response = bench.ask(request("INVITE", &invite)).unwrap();
    assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!text(&response, &Name::RetryAfter).is_empty());
    assert_eq!(bench.endpoint.counts().refused(Refusal::Overload), 1);
    let to = "To: <sip:box@192.0.2.9>;tag=ours";
    let via = "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKbye";
    assert!(
        bench
            .ask(request("BYE", &[via, to, "CSeq: 2 BYE"]))
            .is_none()
    );
    assert!(matches!(bench.news(), Some(Input::Request { .. })));
}

#[test]
fn too_many_sessions_are_refused() {
    let mut bench = Bench::with(Settings {
        sessions_max: 1,
        ..Settings::default()
    });
    bench.answered(StatusCode::OK);
    let invite = ["Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK9", "Call-ID: c9"];
    let response = bench.ask(request("INVITE", &invite)).unwrap();
    assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[test]
fn what_means_nothing_is_dropped_and_counted() {
    let mut bench = Bench::new();
    assert!(bench.ask("\r\n\r\n").is_none());
    assert!(bench.ask("").is_none());
    assert!(bench.ask("GET / HTTP/1.1\r\n\r\n").is_none());
    let stray = Response::new(StatusCode::OK)
        .with_header(Name::Via, "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKnone")
        .with_header(Name::From, "<sip:a@b>;tag=1")
        .with_header(Name::To, "<sip:a@b>;tag=2")
        .with_header(Name::CallId, "x")
        .with_header(Name::CSeq, "1 INVITE");
    assert!(bench.ask(stray.write()).is_none());
    let totals = bench.endpoint.counts().totals;
    assert_eq!(
        (totals.keepalives, totals.unreadable, totals.stray_responses),
        (2, 1, 1)
    );
}

#[test]
fn a_stranger_is_told_403_along_its_stamped_via() {
    let mut bench = Bench::new();
    let via = "Via: SIP/2.0/UDP 10.0.0.1;rport;branch=z9hG4bKa";
    let source = flow(Transport::Udp, "203.0.113.7:4000");
    bench
        .endpoint
        .handle_stranger(request("INVITE", &[via]).into(), source, bench.now);
    let transmit = bench.endpoint.poll_transmit().unwrap();
    assert_eq!(transmit.flow, source);
    let bytes = String::from_utf8(transmit.bytes.to_vec()).unwrap();
    assert!(
        bytes.starts_with("SIP/2.0 403 ") && bytes.contains("received=203.0.113.7"),
        "{bytes}"
    );
    bench
        .endpoint
        .handle_stranger(request("ACK", &[via]).into(), source, bench.now);
    bench
        .endpoint
        .handle_stranger("GET / HTTP/1.1\r\n\r\n".into(), source, bench.now);
    assert!(bench.endpoint.poll_transmit().is_none());
    assert_eq!(bench.endpoint.counts().refused(Refusal::Stranger), 1);
}

#[test]
fn a_call_left_open_is_ended_with_bye() {
    let mut bench = Bench::new();
    bench.feed(
        request("INVITE", &["Record-Route: <sip:192.0.2.5;lr>"]),
        udp(),
    );
    let (session, transaction, invite) = bench.incoming();
    bench.respond(session, transaction, &invite, StatusCode::OK);
    while bench.endpoint.poll_transmit().is_some() {}
    bench.endpoint.forget(session, bench.now);
    let (bye, to) = bench.sent_request();
    assert_eq!(
        (bye.method.clone(), bye.uri.to_string()),
        (Method::Bye, "sip:c@192.0.2.1".into())
    );
    assert_eq!(to, flow(Transport::Udp, "192.0.2.5:5060"));
    assert_eq!(
        (bye.from_tag().unwrap(), bye.to_tag().unwrap()),
        ("ours".into(), "theirs".into())
    );
    assert!(
        bye.headers
            .get(&Name::Reason)
            .unwrap()
            .starts_with(b"SIP;cause=500")
    );
    let answer = Response::to_request(&bye, StatusCode::OK);
    bench.feed(answer.write(), udp());
    assert_eq!(bench.endpoint.counts().totals.farewells, 1);
    bench.assert_clean();
}

#[test]
fn an_outgoing_call_left_open_is_ended_with_bye() {
    let mut bench = Bench::new();
    let session = bench.endpoint.start_session();
    bench.outgoing(session, Method::Invite, udp());
    let (invite, _) = bench.sent_request();
    let mut answer = Response::to_request(&invite, StatusCode::OK);
    let to = answer.to().unwrap().with_tag("far");
    answer.headers.set(Name::To, to);
    bench.feed(answer.write(), udp());
    let mut ack = invite;
    ack.method = Method::Ack;
    ack.headers.remove(&Name::Via);
    ack.headers.set(Name::CSeq, "1 ACK");
    ack.headers
        .set(Name::To, answer.headers.get(&Name::To).unwrap().clone());
    let output = Output::Ack {
        request: ack,
        flow: udp(),
    };
    bench.endpoint.handle_output(session, output, bench.now);
    bench.sent_request();
    bench.endpoint.forget(session, bench.now);
    let (bye, _) = bench.sent_request();
    assert_eq!(
        (bye.method.clone(), bye.cseq().unwrap().number),
        (Method::Bye, 2)
    );
    bench.assert_clean();
}

#[test]
fn a_call_that_the_peer_ended_gets_no_bye() {
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
    bench.endpoint.forget(session, bench.now);
    assert!(bench.endpoint.poll_transmit().is_none());
    assert_eq!(bench.endpoint.counts().totals.farewells, 0);
}
