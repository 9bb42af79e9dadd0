//! A registration on an endpoint, a registrar that misbehaves, and a virtual clock between them.

use core::net::SocketAddr;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::io::clock;
use crate::sip::digest::{Algorithm, Credentials, Password};
use crate::sip::endpoint::{self, Endpoint};
use crate::sip::message::{Auth, Message, Name, NameAddr, Request, Uri, parse};
use crate::sip::registration::{Event, Registration, Settings, State};
use crate::sip::transaction::Timing;
use crate::sip::{Flow, Random, SessionId, Transport};

/// How the registrar deals with nonces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nonces {
    /// Good for ever.
    Kept,
    /// Good for one request; afterwards a plain 401.
    Once,
    /// Stale as soon as they come back.
    Stale,
}

/// A registrar, and how it misbehaves.
pub(super) struct Registrar {
    /// `None` lets everybody in.
    pub(super) password: Option<&'static str>,
    pub(super) algorithm: &'static str,
    pub(super) qop: &'static str,
    pub(super) nonces: Nonces,
    /// What it grants in place of what is asked.
    pub(super) grant: Option<u64>,
    pub(super) min_expires: Option<u64>,
    /// Addresses that answer.
    pub(super) alive: Vec<SocketAddr>,
    /// Source ports whose requests it does not see.
    pub(super) deaf_to: Vec<u16>,
    /// The address that it sees in place of the flow's.
    pub(super) nat: Option<SocketAddr>,
    /// Further lines of every 200, in place of our Contact when told so.
    pub(super) listed: String,
    pub(super) lists_ours: bool,
    /// Answers in compact, folded form.
    pub(super) is_odd: bool,
    /// Status line and further lines of the next answers.
    pub(super) script: VecDeque<(&'static str, &'static str)>,
    nonce: u64,
    spent: bool,
    /// Contacts held.
    pub(super) bindings: Vec<Uri>,
    /// Requests, without retransmissions.
    pub(super) seen: Vec<(u64, Flow, Request)>,
    /// Counted apart from `seen`, which a long test empties.
    pub(super) refused: usize,
    branches: Vec<Bytes>,
}

impl Registrar {
    fn new() -> Self {
        Self {
            password: Some("pa55"),
            algorithm: "MD5",
            qop: "auth",
            nonces: Nonces::Kept,
            grant: None,
            min_expires: None,
            alive: vec![REGISTRAR.parse().unwrap()],
            deaf_to: Vec::new(),
            nat: None,
            listed: String::new(),
            lists_ours: true,
            is_odd: false,
            script: VecDeque::new(),
            nonce: 1,
            spent: false,
            bindings: Vec::new(),
            seen: Vec::new(),
            refused: 0,
            branches: Vec::new(),
        }
    }

    fn answer(&mut self, request: &Request, flow: Flow, ms: u64) -> Option<Bytes> {
        if !self.alive.contains(&flow.remote) || self.deaf_to.contains(&flow.local.port()) {
            return None;
        }
        // A registrar that does not answer a Request-URI with a user part, as some do not.
        if request.uri.user().is_some() {
            return None;
        }
        let branch = request.top_via().unwrap().branch().unwrap();
        if !self.branches.contains(&branch) {
            self.branches.push(branch);
            self.branches.drain(..self.branches.len().saturating_sub(8));
            self.seen.push((ms, flow, request.clone()));
        }
        let (status, lines) = self.decide(request);
        Some(self.write(request, status, &lines, flow))
    }

    fn decide(&mut self, request: &Request) -> (&'static str, String) {
        if let Some((status, lines)) = self.script.pop_front() {
            return (status, lines.to_owned());
        }
        if let Some(password) = self.password {
            let header = request.headers.get(&Name::Authorization);
            let Some(auth) = header.map(|value| Auth::parse(value).unwrap()) else {
                return self.challenge(false);
            };
            let fresh = auth.get("nonce").unwrap() == format!("nonce{}", self.nonce).as_str();
            if !fresh || self.spent {
                return self.challenge(self.nonces != Nonces::Once);
            }
            if self.nonces == Nonces::Stale {
                return self.challenge(true);
            }
            self.spent = self.nonces == Nonces::Once;
            if auth.get("response").unwrap() != self.expected(&auth, request, password).as_str() {
                self.refused += 1;
                self.nonce += 1;
                return self.challenge(false);
            }
        }
        self.bind(request)
    }

    fn challenge(&mut self, stale: bool) -> (&'static str, String) {
        if self.nonces != Nonces::Kept {
            self.nonce += 1;
        }
        self.spent = false;
        let (nonce, algorithm, qop) = (self.nonce, self.algorithm, self.qop);
        let lines = format!(
            "WWW-Authenticate: Digest realm=\"pbx\",\r\n nonce=\"nonce{nonce}\", stale={stale}, \
             algorithm={algorithm}, qop=\"{qop}\"\r\n"
        );
        ("401 Unauthorized", lines)
    }

    /// The digest, put together here a second time.
    fn expected(&self, auth: &Auth, request: &Request, password: &str) -> String {
        let hash = Algorithm::parse(self.algorithm.as_bytes()).unwrap();
        let value = |name| auth.get(name).unwrap();
        let secret = hash.hash(&[b"1001", b"pbx", password.as_bytes()]);
        let mut asked = vec![request.method.as_bytes(), request.uri.as_bytes()];
        let body = hash.hash(&[&request.body]);
        if self.qop == "auth-int" {
            asked.push(body.as_bytes());
        }
        let asked = hash.hash(&asked);
        hash.hash(&[
            secret.as_bytes(),
            &value("nonce"),
            &value("nc"),
            &value("cnonce"),
            &value("qop"),
            asked.as_bytes(),
        ])
    }

    fn bind(&mut self, request: &Request) -> (&'static str, String) {
        let contacts = request.headers.addresses(&Name::Contact);
        let time = |contact: &NameAddr| -> u64 {
            let text = contact.params.get("expires").unwrap();
            core::str::from_utf8(&text).unwrap().parse().unwrap()
        };
        let brief = |asked: u64| asked > 0 && self.min_expires.is_some_and(|least| asked < least);
        if contacts.iter().any(|contact| brief(time(contact))) {
            let lines = format!("Min-Expires: {}\r\n", self.min_expires.unwrap());
            return ("423 Interval Too Brief", lines);
        }
        let mut lines = self.listed.clone();
        for contact in &contacts {
            self.bindings.retain(|held| *held != contact.uri);
            if time(contact) > 0 {
                self.bindings.push(contact.uri.clone());
                if self.lists_ours {
                    let time = self.grant.unwrap_or_else(|| time(contact));
                    lines += &format!("Contact: <{}>;q=0.7;Expires={time}\r\n", contact.uri);
                }
            }
        }
        ("200 OK", lines)
    }

    fn write(&self, request: &Request, status: &str, lines: &str, flow: Flow) -> Bytes {
        let mut via = request.top_via().unwrap();
        if let Some(seen) = self.nat {
            via.set_received(seen.ip());
            via.set_rport(seen.port());
        } else {
            via.set_rport(flow.local.port());
        }
        let header =
            |name| String::from_utf8(request.headers.get(&name).unwrap().to_vec()).unwrap();
        let (from, to) = (header(Name::From), header(Name::To));
        let (call_id, cseq) = (header(Name::CallId), header(Name::CSeq));
        let text = format!(
            "SIP/2.0 {status}\r\nVia: {via}\r\nFrom: {from}\r\nTo: {to};tag=r\r\nCall-ID: {call_id}\r\n\
             CSeq: {cseq}\r\n{lines}Content-Length: 0\r\n\r\n"
        );
        match self.is_odd {
            false => text.into(),
            true => text
                .replace("Via:", "v :")
                .replace("Contact: ", "m:\r\n\t")
                .replace("From:", "f:")
                .replace("To:", "t:")
                .replace("Call-ID:", "i:")
                .replace(";q=0.7", "\r\n ;q=0.7\r\n  ")
                .into(),
        }
    }
}

pub(super) const REGISTRAR: &str = "198.51.100.1:5060";

pub(super) struct World {
    start: Instant,
    pub(super) now: Instant,
    pub(super) endpoint: Endpoint,
    session: SessionId,
    pub(super) registration: Registration,
    pub(super) registrar: Registrar,
    /// What looking up gives.
    pub(super) flows: Result<Vec<Flow>, String>,
    /// The source port in use; another one for each NewPort.
    pub(super) port: u16,
    pub(super) events: Vec<(u64, Event)>,
    pub(super) lost_answers: usize,
    wire: BTreeMap<(Instant, u64), (Bytes, Flow)>,
    order: u64,
}

pub(super) fn flow(transport: Transport, remote: &str) -> Flow {
    Flow {
        transport,
        local: "192.0.2.2:5060".parse().unwrap(),
        remote: remote.parse().unwrap(),
    }
}

pub(super) fn settings() -> Settings {
    Settings {
        registrar: Uri::parse("sip:1001@pbx.example;transport=udp").unwrap(),
        aor: NameAddr::new(Uri::parse("sip:1001@pbx.example").unwrap()),
        contact_user: "line1".to_owned(),
        public_address: None,
        expires: Duration::from_secs(300),
        credentials: Some(Credentials {
            realm: None,
            username: "1001".to_owned(),
            password: Password::new("pa55"),
        }),
        server_name: "test".to_owned(),
        timing: Timing::default(),
    }
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(settings())
    }

    pub(super) fn with(settings: Settings) -> Self {
        let start = clock::now();
        let mut endpoint = Endpoint::new(endpoint::Settings::default(), Random::new([1, 1]));
        let session = endpoint.start_session();
        Self {
            start,
            now: start,
            session,
            endpoint,
            registration: Registration::new(settings, Random::new([2, 2])),
            registrar: Registrar::new(),
            flows: Ok(vec![flow(Transport::Udp, REGISTRAR)]),
            port: 5060,
            events: Vec::new(),
            lost_answers: 0,
            wire: BTreeMap::new(),
            order: 0,
        }
    }

    pub(super) fn ms(&self) -> u64 {
        u64::try_from((self.now - self.start).as_millis()).unwrap()
    }

    /// Starts, and runs for so many seconds.
    pub(super) fn start(&mut self, seconds: u64) {
        self.registration.start(self.now);
        self.run(seconds);
    }

    pub(super) fn run(&mut self, seconds: u64) {
        let until = self.now + Duration::from_secs(seconds);
        loop {
            self.drain();
            let wire = self.wire.keys().next().map(|(at, _)| *at);
            let timeouts = [
                wire,
                self.endpoint.poll_timeout(),
                self.registration.poll_timeout(),
            ];
            let next = timeouts.into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= until) else {
                break;
            };
            self.now = next.max(self.now);
            while let Some(entry) = self.wire.first_entry() {
                if entry.key().0 > self.now {
                    break;
                }
                let (bytes, flow) = entry.remove();
                self.endpoint.handle_message(bytes, flow, self.now);
            }
            self.endpoint.handle_timeout(self.now);
            self.registration.handle_timeout(self.now);
        }
        self.now = until;
    }

    /// Runs until something holds; so many seconds at most.
    pub(super) fn until(&mut self, seconds: u64, holds: impl Fn(&Self) -> bool) {
        for _ in 0..seconds {
            if holds(self) {
                return;
            }
            self.run(1);
        }
        panic!("not in {seconds} s: {:?}", self.registration.status());
    }

    pub(super) fn drain(&mut self) {
        loop {
            let mut idle = true;
            while let Some(output) = self.registration.poll_output() {
                self.endpoint.handle_output(self.session, output, self.now);
                idle = false;
            }
            while let Some(transmit) = self.endpoint.poll_transmit() {
                self.deliver(transmit.bytes, transmit.flow);
                idle = false;
            }
            while let Some(event) = self.endpoint.poll_event() {
                if let endpoint::Event::Session { input, .. } = event {
                    self.registration.handle(input, self.now);
                }
                idle = false;
            }
            while let Some(event) = self.registration.poll_event() {
                self.on_event(event);
                idle = false;
            }
            if idle {
                return;
            }
        }
    }

    fn deliver(&mut self, bytes: Bytes, flow: Flow) {
        let Message::Request(request) = parse(bytes).unwrap() else {
            panic!("a registration sends requests alone");
        };
        let Some(answer) = self.registrar.answer(&request, flow, self.ms()) else {
            return;
        };
        if self.lost_answers > 0 {
            self.lost_answers -= 1;
            return;
        }
        self.order += 1;
        let at = self.now + Duration::from_millis(20);
        self.wire.insert((at, self.order), (answer, flow));
    }

    fn on_event(&mut self, event: Event) {
        self.events.push((self.ms(), event));
        match event {
            Event::NewPort => self.port += 1,
            Event::Resolve => {}
            Event::Changed | Event::PublicAddress(_) | Event::Gone => return,
        }
        let mut flows = self.flows.clone();
        for flow in flows.iter_mut().flatten() {
            flow.local.set_port(self.port);
        }
        self.registration.handle_flows(flows, self.now);
    }

    pub(super) fn lose_connection(&mut self, flow: Flow) {
        self.endpoint.handle_flow_lost(flow, self.now);
        self.drain();
    }

    pub(super) fn is_registered(&self) -> bool {
        self.registration.status().state == State::Registered
    }

    pub(super) fn reason(&self) -> &str {
        &self.registration.status().reason
    }

    pub(super) fn count(&self, event: Event) -> usize {
        self.events.iter().filter(|(_, it)| *it == event).count()
    }

    /// Seconds at which requests came.
    pub(super) fn times(&self) -> Vec<u64> {
        self.registrar
            .seen
            .iter()
            .map(|(ms, ..)| ms / 1000)
            .collect()
    }
}
