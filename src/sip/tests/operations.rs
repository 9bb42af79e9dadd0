//! Random operation sequences against one endpoint and its sessions, from a small vocabulary whose
//! messages collide: nothing panics, no deadline lies in the past, nothing is left at the end.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use proptest::prelude::*;

use crate::audio::Codec;
use crate::io::clock;
use crate::sdp::Local;
use crate::sip::endpoint::{Endpoint, Event, Settings};
use crate::sip::message::{NameAddr, StatusCode, Uri};
use crate::sip::session::{self, Call, Session};
use crate::sip::transaction::Timing;
use crate::sip::{Flow, Random, SessionId, Transport};

#[derive(Clone, Debug)]
enum Operation {
    /// A request: method, branch, CSeq, which To tag, which body, over TCP.
    Request(usize, u8, u8, Tag, usize, bool),
    /// A response to the n-th last request that the endpoint sent: status, with tag, with body.
    Response(usize, u16, bool, bool),
    /// Bytes that are hardly a message.
    Noise(Vec<u8>),
    /// Something the n-th session does.
    Act(usize, Act),
    /// The owner drops the n-th session without a word.
    Forget(usize),
    Call(bool),
    FlowLost,
    Accepting(bool),
    Pass(u32),
}

#[derive(Clone, Copy, Debug)]
enum Tag {
    None,
    Ours,
    Unknown,
}

#[derive(Clone, Copy, Debug)]
enum Act {
    Ring,
    Accept,
    Refuse,
    HangUp,
    Hold,
    Resume,
    Reoffer,
    Progress,
    Refer,
    Notify(u16),
}

const METHODS: [&str; 14] = [
    "INVITE", "INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "INFO", "UPDATE", "REGISTER", "REFER",
    "PRACK", "PRACK", "NOTIFY", "JUMP",
];

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
    m=audio 6000 RTP/AVP 0\r\n";

const BODIES: [&str; 4] = ["", SDP, "m=audio 1 RTP/AVP 18\r\n", "Signal=5\r\n"];

fn operation() -> impl Strategy<Value = Operation> {
    let tag = prop_oneof![Just(Tag::None), Just(Tag::Ours), Just(Tag::Unknown)];
    let act = prop_oneof![
        Just(Act::Ring),
        Just(Act::Accept),
        Just(Act::Refuse),
        Just(Act::HangUp),
        Just(Act::Hold),
        Just(Act::Resume),
        Just(Act::Reoffer),
        Just(Act::Progress),
        Just(Act::Refer),
        prop_oneof![Just(180), Just(486)].prop_map(Act::Notify)
    ];
    let status = prop_oneof![
        Just(100),
        Just(180),
        Just(183),
        Just(202),
        Just(200),
        Just(200),
        Just(302),
        Just(422),
        Just(481),
        Just(491),
        Just(487),
        Just(503)
    ];
    prop_oneof![
        6 => (0..METHODS.len(), 0..5u8, 1..4u8, tag, 0..BODIES.len(), any::<bool>())
            .prop_map(|(m, b, c, t, body, tcp)| Operation::Request(m, b, c, t, body, tcp)),
        3 => (0..4usize, status, any::<bool>(), any::<bool>())
            .prop_map(|(n, s, tag, body)| Operation::Response(n, s, tag, body)),
        1 => proptest::collection::vec(any::<u8>(), 0..40).prop_map(Operation::Noise),
        4 => (0..3usize, act).prop_map(|(n, act)| Operation::Act(n, act)),
        1 => (0..3usize).prop_map(Operation::Forget),
        1 => any::<bool>().prop_map(Operation::Call),
        1 => Just(Operation::FlowLost),
        1 => any::<bool>().prop_map(Operation::Accepting),
        3 => prop_oneof![0..600u32, 0..40_000u32].prop_map(Operation::Pass),
    ]
}

struct Bench {
    endpoint: Endpoint,
    sessions: BTreeMap<SessionId, Session>,
    random: Random,
    now: Instant,
    /// The To tag of our latest response, for requests that hit a dialog.
    our_tag: String,
    /// The RSeq of our latest reliable response, for PRACK.
    our_rseq: String,
    /// Requests the endpoint has sent.
    sent: Vec<(Bytes, Flow)>,
    ended: usize,
}

fn flow(tcp: bool) -> Flow {
    Flow {
        transport: if tcp { Transport::Tcp } else { Transport::Udp },
        local: "192.0.2.9:5060".parse().unwrap(),
        remote: "192.0.2.1:5060".parse().unwrap(),
    }
}

fn settings() -> session::Settings {
    session::Settings {
        contact: Uri::sip(Some("box"), flow(false).local.ip(), None),
        server_name: "box".to_owned(),
        local_media: Local {
            address: flow(false).local.ip(),
            port: 4000,
            session_id: 1,
            codecs: vec![Codec::PCMU],
            srtp: Default::default(),
        },
        policy: session::Policy {
            accepts_refer: true,
            redirect_hosts: vec![flow(false).remote.ip().into()],
            ..Default::default()
        },
        timing: Timing::default(),
    }
}

/// A header's value in a message that we wrote ourselves.
fn line<'a>(text: &'a str, name: &str) -> &'a str {
    let found = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    found.unwrap_or_default()
}

impl Bench {
    fn new() -> Self {
        let mut random = Random::new([8, 9]);
        let settings = Settings {
            transactions_max: 24,
            sessions_max: 6,
            ..Settings::default()
        };
        Self {
            endpoint: Endpoint::new(settings, random.fork()),
            sessions: BTreeMap::new(),
            random,
            now: clock::now(),
            our_tag: "none".to_owned(),
            our_rseq: "1".to_owned(),
            sent: Vec::new(),
            ended: 0,
        }
    }

    fn perform(&mut self, operation: Operation) {
        match operation {
            Operation::Request(method, branch, cseq, tag, body, tcp) => {
                let text = self.request(METHODS[method], branch, cseq, tag, BODIES[body]);
                self.endpoint
                    .handle_message(text.into(), flow(tcp), self.now);
            }
            Operation::Response(nth, status, tag, body) => self.answer(nth, status, tag, body),
            Operation::Noise(bytes) => {
                self.endpoint
                    .handle_message(bytes.into(), flow(false), self.now);
            }
            Operation::Act(nth, act) => {
                let Some(session) = self.sessions.values_mut().nth(nth) else {
                    return;
                };
                match act {
                    Act::Ring => session.ring(self.now),
                    Act::Accept => session.accept(self.now),
                    Act::Refuse => session.refuse(StatusCode(603)),
                    Act::HangUp => session.hang_up("bye", self.now),
                    Act::Hold => session.hold(self.now),
                    Act::Resume => session.resume(self.now),
                    Act::Reoffer => session.reoffer(settings().local_media, self.now),
                    Act::Progress => session.progress(self.now),
                    Act::Refer => session.refer(Uri::parse("sip:x@y").unwrap(), None, self.now),
                    Act::Notify(status) => session.notify(status, self.now),
                }
            }
            Operation::Forget(nth) => {
                if let Some(id) = self.sessions.keys().nth(nth).copied() {
                    self.sessions.remove(&id);
                    self.endpoint.forget(id, self.now);
                }
            }
            Operation::Call(tcp) => self.call(tcp),
            Operation::FlowLost => self.endpoint.handle_flow_lost(flow(true), self.now),
            Operation::Accepting(accepting) => self.endpoint.set_accepting(accepting),
            Operation::Pass(ms) => self.pass(Duration::from_millis(ms.into())),
        }
        self.drain();
    }

    fn request(&self, method: &str, branch: u8, cseq: u8, tag: Tag, body: &str) -> String {
        let cookie = if branch == 0 { "" } else { "z9hG4bK" };
        let to_tag = match tag {
            Tag::None => String::new(),
            Tag::Ours => format!(";tag={}", self.our_tag),
            Tag::Unknown => ";tag=unknown".to_owned(),
        };
        // The headers that some methods read; the RAck is that of our latest reliable response.
        let special = match (method, branch) {
            ("INVITE", 1..=2) => "Require: 100rel\r\n".to_owned(),
            ("INVITE", 4) => format!("Replaces: c1;to-tag={};from-tag=theirs\r\n", self.our_tag),
            ("PRACK", _) => format!("RAck: {} {cseq} INVITE\r\n", self.our_rseq),
            ("REFER", _) => "Refer-To: <sip:x@192.0.2.1>\r\n".to_owned(),
            ("NOTIFY", _) => "Event: refer\r\nSubscription-State: active\r\n".to_owned(),
            _ => String::new(),
        };
        let content = if body.starts_with("Signal") {
            "dtmf-relay"
        } else {
            "sdp"
        };
        format!(
            "{method} sip:box@192.0.2.9 SIP/2.0\r\n\
             Via: SIP/2.0/UDP 192.0.2.1;branch={cookie}{branch}\r\n\
             From: <sip:c@192.0.2.1>;tag=theirs\r\nTo: <sip:box@192.0.2.9>{to_tag}\r\n\
             Call-ID: c1\r\nCSeq: {cseq} {method}\r\nContact: <sip:c@192.0.2.1>\r\n\
             {special}Content-Type: application/{content}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    fn answer(&mut self, nth: usize, status: u16, tag: bool, body: bool) {
        let Some((request, flow)) = self.sent.iter().rev().nth(nth).cloned() else {
            return;
        };
        let text = String::from_utf8_lossy(&request);
        let mut to = line(&text, "To").to_owned();
        if tag && !to.contains("tag=") {
            to += ";tag=far";
        }
        let reliable = match status {
            183 => "Require: 100rel\r\nRSeq: 1\r\n",
            _ => "",
        };
        let body = if body { SDP } else { "" };
        let response = format!(
            "SIP/2.0 {status} x\r\nVia: {}\r\nFrom: {}\r\nTo: {to}\r\nCall-ID: {}\r\n\
             CSeq: {}\r\nContact: <sip:far{status}@192.0.2.1>\r\n{reliable}Content-Type: application/sdp\r\n\
             Content-Length: {}\r\n\r\n{body}",
            line(&text, "Via"),
            line(&text, "From"),
            line(&text, "Call-ID"),
            line(&text, "CSeq"),
            body.len()
        );
        self.endpoint
            .handle_message(response.into(), flow, self.now);
    }

    fn call(&mut self, tcp: bool) {
        if self.sessions.len() >= 6 {
            return;
        }
        let id = self.endpoint.start_session();
        let uri = Uri::sip(Some("far"), flow(tcp).remote.ip(), None);
        let call = Call {
            uri: uri.clone(),
            from: NameAddr::new(uri.clone()),
            to: NameAddr::new(uri),
        };
        let session = Session::outgoing(call, flow(tcp), settings(), self.random.fork());
        self.sessions.insert(id, session);
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let sessions = self.sessions.values().map(Session::poll_timeout);
            let next = sessions
                .chain([self.endpoint.poll_timeout()])
                .flatten()
                .min();
            let Some(next) = next.filter(|next| *next <= end) else {
                break;
            };
            assert!(next > self.now, "a deadline in the past after a drain");
            self.now = next;
            self.endpoint.handle_timeout(next);
            for session in self.sessions.values_mut() {
                session.handle_timeout(next);
            }
            self.drain();
        }
        self.now = end;
    }

    fn drain(&mut self) {
        loop {
            self.drain_sessions();
            let Some(event) = self.endpoint.poll_event() else {
                break;
            };
            match event {
                Event::Incoming {
                    session,
                    transaction,
                    invite,
                    flow,
                    ..
                } => {
                    let random = self.random.fork();
                    let call =
                        Session::incoming(transaction, invite, flow, settings(), random, self.now);
                    self.sessions.insert(session, call);
                }
                Event::Session { session, input } => {
                    if let Some(session) = self.sessions.get_mut(&session) {
                        session.handle(input, self.now);
                    }
                }
            }
        }
        while let Some(transmit) = self.endpoint.poll_transmit() {
            let text = String::from_utf8_lossy(&transmit.bytes).into_owned();
            match text.strip_prefix("SIP/2.0") {
                Some(_) => {
                    if let Some(rseq) = Some(line(&text, "RSeq")).filter(|it| !it.is_empty()) {
                        self.our_rseq = rseq.to_owned();
                    }
                    if let Some((_, tag)) = line(&text, "To").split_once(";tag=") {
                        self.our_tag = tag.to_owned();
                    }
                }
                None => self.sent.push((transmit.bytes, transmit.flow)),
            }
        }
        assert!(self.endpoint.is_clean());
        assert!(self.endpoint.counts().transactions() <= 27);
        assert!(self.endpoint.poll_timeout().is_none_or(|at| at > self.now));
    }

    fn drain_sessions(&mut self) {
        let mut over = Vec::new();
        for (id, session) in &mut self.sessions {
            while let Some(output) = session.poll_output() {
                self.endpoint.handle_output(*id, output, self.now);
            }
            while let Some(event) = session.poll_event() {
                if matches!(event, session::Event::Ended(_)) {
                    self.ended += 1;
                    assert!(session.is_over() && session.poll_event().is_none());
                }
            }
            assert!(session.poll_timeout().is_none_or(|at| at > self.now));
            if session.is_over() {
                over.push(*id);
            }
        }
        for id in over {
            self.sessions.remove(&id);
            self.endpoint.forget(id, self.now);
        }
    }

    /// Everybody hangs up, and every timer runs out.
    fn finish(&mut self) {
        for session in self.sessions.values_mut() {
            session.hang_up("the end", self.now);
        }
        self.drain();
        self.pass(Duration::from_secs(600));
        assert!(
            self.sessions.is_empty(),
            "a session never ends: {:?}",
            self.sessions
        );
        let counts = self.endpoint.counts();
        assert_eq!(
            (counts.transactions(), counts.sessions),
            (0, 0),
            "{counts:?}"
        );
        assert_eq!(self.endpoint.poll_timeout(), None);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_ends_clean(operations in proptest::collection::vec(operation(), 1..80)) {
        let mut bench = Bench::new();
        for operation in operations {
            bench.perform(operation);
        }
        bench.finish();
    }
}
