use super::*;
use core::net::IpAddr;

use crate::audio::Codec;
use crate::io::clock;
use crate::sdp;
use crate::sip::digest::{Credentials, Password};
use crate::sip::endpoint::{Event, Settings};
use crate::sip::message::{self, Message, Method, NameAddr, StatusCode, Uri};
use crate::sip::session::{self, Call, Input, Output, Policy, Session};
use crate::sip::transaction::Timing;
use crate::sip::{Random, SessionId};

struct Bench {
    endpoint: Endpoint,
    session: SessionId,
    now: Instant,
}

fn udp() -> Flow {
    Flow {
        transport: Transport::Udp,
        local: "192.0.2.9:5060".parse().unwrap(),
        remote: "192.0.2.1:5070".parse().unwrap(),
    }
}

fn tcp() -> Flow {
    Flow {
        transport: Transport::Tcp,
        local: "192.0.2.9:5062".parse().unwrap(),
        ..udp()
    }
}

fn request(method: &str, body: usize) -> Request {
    let text = format!(
        "{method} sip:b@192.0.2.1:5070 SIP/2.0\r\nMax-Forwards: 70\r\nFrom: <sip:a@192.0.2.9>;tag=1\r\n\
         To: <sip:b@192.0.2.1>\r\nCall-ID: c\r\nCSeq: 1 {method}\r\nContact: <sip:a@192.0.2.9>\r\n\
         Content-Type: text/plain\r\nContent-Length: {body}\r\nVia: SIP/2.0/UDP x;branch=z9hG4bKx\r\n\r\n{}",
        "x".repeat(body)
    );
    match message::parse(text.into()) {
        Ok(Message::Request(mut request)) => {
            request.headers.remove(&message::Name::Via);
            request
        }
        other => panic!("{other:?}"),
    }
}

impl Bench {
    fn new(tcp: &[&str]) -> Self {
        let settings = Settings {
            tcp: tcp.iter().map(|text| text.parse().unwrap()).collect(),
            ..Settings::default()
        };
        let mut endpoint = Endpoint::new(settings, Random::new([1, 2]));
        let session = endpoint.start_session();
        Self {
            endpoint,
            session,
            now: clock::now(),
        }
    }

    fn send(&mut self, method: &str, body: usize) {
        let output = Output::Request {
            transaction: TransactionId(7),
            request: request(method, body),
            flow: udp(),
        };
        self.endpoint.handle_output(self.session, output, self.now);
    }

    fn sent(&mut self) -> (Request, Flow) {
        let transmit = self.endpoint.poll_transmit().expect("something is sent");
        match message::parse(transmit.bytes) {
            Ok(Message::Request(request)) => (request, transmit.flow),
            other => panic!("{other:?}"),
        }
    }

    fn answer(&mut self, request: &Request, status: StatusCode, flow: Flow) {
        let response = message::Response::to_request(request, status);
        self.endpoint
            .handle_message(response.write(), flow, self.now);
    }

    fn input(&mut self) -> Option<Input> {
        match self.endpoint.poll_event() {
            Some(Event::Session { input, .. }) => Some(input),
            Some(other) => panic!("{other:?}"),
            None => None,
        }
    }
}

#[test]
fn a_request_over_1300_bytes_goes_by_tcp() {
    let mut bench = Bench::new(&["0.0.0.0:5062"]);
    bench.send("INVITE", 1200);
    let (invite, flow) = bench.sent();
    assert_eq!(flow, tcp());
    let via = invite.top_via().unwrap();
    assert_eq!(&via.transport[..], b"TCP");
    assert_eq!(via.port, Some(5062));
    // CANCEL goes the way of its INVITE, whatever the session believes.
    bench.answer(&invite, StatusCode::RINGING, flow);
    bench.send("CANCEL", 0);
    let (cancel, flow) = bench.sent();
    assert_eq!(flow, tcp());
    assert_eq!(cancel.method, Method::Cancel);
    assert_eq!(cancel.top_via(), invite.top_via());
}

#[test]
fn what_fits_or_has_no_listener_of_ours_goes_by_udp() {
    for (tcp, body) in [
        (&["0.0.0.0:5062"][..], 100),
        (&[], 3000),
        (&["[::]:5062"], 3000),
        (&["192.0.2.8:5062"], 3000),
    ] {
        let mut bench = Bench::new(tcp);
        bench.send("MESSAGE", body);
        assert_eq!(bench.sent().1, udp(), "{tcp:?} {body}");
    }
}

#[test]
fn a_peer_without_tcp_gets_it_by_udp_and_is_remembered() {
    for method in ["INVITE", "MESSAGE"] {
        let mut bench = Bench::new(&["192.0.2.9:5062"]);
        bench.send(method, 2000);
        let (first, flow) = bench.sent();
        assert_eq!(flow, tcp());
        bench.endpoint.handle_flow_lost(flow, bench.now);
        let (second, flow) = bench.sent();
        assert_eq!(flow, udp());
        let via = second.top_via().unwrap();
        assert_eq!(&via.transport[..], b"UDP");
        assert_ne!(via.branch(), first.top_via().unwrap().branch());
        assert_eq!(second.body.len(), 2000);
        assert!(bench.input().is_none(), "the session is not troubled");
        // A late answer to the first is nobody's; one to the second counts.
        bench.answer(&first, StatusCode::OK, tcp());
        assert!(bench.input().is_none());
        bench.answer(&second, StatusCode::OK, udp());
        assert!(matches!(
            bench.input(),
            Some(Input::Response { transaction, .. }) if transaction == TransactionId(7)
        ));
        bench.send(method, 2000);
        assert_eq!(bench.sent().1, udp(), "asked once, not each time");
        bench.now += REFUSAL_LASTS;
        bench.send(method, 2000);
        assert_eq!(bench.sent().1, tcp());
    }
}

#[test]
fn what_was_answered_by_tcp_is_not_sent_again() {
    let mut bench = Bench::new(&["0.0.0.0:5062"]);
    bench.send("INVITE", 2000);
    let (invite, flow) = bench.sent();
    bench.answer(&invite, StatusCode::RINGING, flow);
    assert!(bench.input().is_some());
    bench.endpoint.handle_flow_lost(flow, bench.now);
    assert!(bench.endpoint.poll_transmit().is_none());
    assert!(matches!(bench.input(), Some(Input::Failed { .. })));
}

#[test]
fn nothing_is_sent_again_for_a_session_that_is_gone() {
    let mut bench = Bench::new(&["0.0.0.0:5062"]);
    bench.send("INVITE", 2000);
    let (_, flow) = bench.sent();
    bench.endpoint.forget(bench.session, bench.now);
    while bench.endpoint.poll_transmit().is_some() {}
    bench.endpoint.handle_flow_lost(flow, bench.now);
    assert!(bench.endpoint.poll_transmit().is_none());
}

#[test]
fn the_memory_of_refusals_is_bounded() {
    let now = clock::now();
    let mut refusals = Refusals::default();
    for port in 0..1000 {
        refusals.remember(SocketAddr::new(udp().remote.ip(), port), now);
    }
    assert!(refusals.0.len() <= REFUSALS_MAX);
    assert!(refusals.stand(SocketAddr::new(udp().remote.ip(), 999), now));
}

/// The INVITE of a call that we make over UDP, all codecs offered, as an extension of a PBX.
fn our_invite(bench: &mut Bench) -> (Session, Request, Flow) {
    let server = "pbx.example.com";
    let own: IpAddr = "203.0.113.217".parse().unwrap();
    let uri = |user: &str| Uri::parse(format!("sip:{user}@{server}")).unwrap();
    let settings = session::Settings {
        contact: Uri::sip(Some("gateway-support"), own, Some(5060)),
        server_name: "Ringwell".to_owned(),
        local_media: sdp::Local {
            address: own,
            port: 16_384,
            session_id: u64::from(u32::MAX),
            codecs: vec![Codec::Opus, Codec::G722, Codec::PCMU, Codec::PCMA],
            srtp: sdp::Srtp::default(),
        },
        policy: Policy {
            credentials: Some(Credentials {
                realm: None,
                username: "1001".to_owned(),
                password: Password::new("pa55"),
            }),
            ..Policy::default()
        },
        timing: Timing::default(),
    };
    let call = Call {
        uri: uri("+15550100123"),
        from: NameAddr::new(uri("1001")),
        to: NameAddr::new(uri("+15550100123")),
    };
    let mut session = Session::outgoing(call, udp(), settings, Random::new([3, 4]));
    send_of(&mut session, bench);
    let (invite, flow) = bench.sent();
    (session, invite, flow)
}

/// Passes on what the session sends.
fn send_of(session: &mut Session, bench: &mut Bench) {
    while let Some(output) = session.poll_output() {
        bench
            .endpoint
            .handle_output(bench.session, output, bench.now);
    }
}

#[test]
fn an_ordinary_invite_of_ours_fits_a_datagram_and_so_does_the_one_with_credentials() {
    let mut bench = Bench::new(&["0.0.0.0:5062"]);
    let (mut session, invite, flow) = our_invite(&mut bench);
    assert_eq!(flow, udp());
    let bytes = invite.write();
    assert!(
        bytes.len() <= 1050,
        "{} bytes:\n{}",
        bytes.len(),
        String::from_utf8_lossy(&bytes)
    );
    let challenge = "Digest realm=\"pbx.example.com\", nonce=\"5f0c1d2e7a9b4c6d8e0f1a2b3c4d5e6f\", \
                     qop=\"auth\", algorithm=MD5";
    let refused = message::Response::to_request(&invite, StatusCode::PROXY_AUTHENTICATION_REQUIRED)
        .with_header(message::Name::ProxyAuthenticate, challenge);
    bench
        .endpoint
        .handle_message(refused.write(), udp(), bench.now);
    let input = bench.input().expect("the session is told");
    session.handle(input, bench.now);
    bench.endpoint.poll_transmit().expect("the ACK");
    send_of(&mut session, &mut bench);
    let (proven, flow) = bench.sent();
    assert!(proven.headers.contains(&message::Name::ProxyAuthorization));
    let bytes = proven.write();
    assert_eq!(
        flow,
        udp(),
        "{} bytes:\n{}",
        bytes.len(),
        String::from_utf8_lossy(&bytes)
    );
}
