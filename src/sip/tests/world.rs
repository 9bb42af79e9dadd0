//! Two parties, each an endpoint with its sessions, on a virtual link with a virtual clock.

use core::net::SocketAddr;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::ladder::{Line, label};
use crate::audio::Codec;
use crate::io::clock;
use crate::sdp::Local;
use crate::sip::endpoint::{self, Endpoint};
use crate::sip::message::{NameAddr, StatusCode, Uri};
use crate::sip::session::{self, Call, Event, Session};
use crate::sip::transaction::Timing;
use crate::sip::{Flow, Random, SessionId, Transport};

/// Which messages the link loses.
pub(super) enum Loss {
    None,
    /// By chance, but no more than so many in a row in one direction.
    Bounded {
        percent: u64,
        in_a_row: u32,
    },
    /// All from this time on.
    PartitionAt(u64),
    /// By their place in the ladder: the n-th with this label from this end.
    Named(Vec<(usize, &'static str, usize)>),
}

/// What an end does of its own accord.
#[derive(Clone, Debug)]
pub(super) enum Verb {
    Ring,
    Accept,
    Refuse(u16),
    HangUp,
    Hold,
    Resume,
    Progress,
    Refer,
    Notify(u16),
}

pub(super) struct Party {
    pub(super) endpoint: Endpoint,
    pub(super) sessions: BTreeMap<SessionId, Session>,
    /// What the sessions told, with the time in milliseconds.
    pub(super) told: Vec<(u64, Event)>,
    /// The rules of its line.
    pub(super) policy: session::Policy,
    address: SocketAddr,
    random: Random,
    last_session: Option<SessionId>,
}

pub(super) struct World {
    start: Instant,
    now: Instant,
    transport: Transport,
    pub(super) parties: [Party; 2],
    loss: Loss,
    lost_in_a_row: [u32; 2],
    chance: Random,
    latency_ms: (u64, u64),
    order: u64,
    wire: BTreeMap<(Instant, u64), (usize, Bytes)>,
    agenda: BTreeMap<(Instant, u64), (usize, Verb)>,
    pub(super) ladder: Vec<Line>,
}

/// The caller and the box.
pub(super) const CALLER: usize = 0;
pub(super) const BOX: usize = 1;

impl Party {
    fn new(index: usize, seed: u64) -> Self {
        let mut random = Random::new([seed, index as u64]);
        Self {
            endpoint: Endpoint::new(endpoint::Settings::default(), random.fork()),
            sessions: BTreeMap::new(),
            told: Vec::new(),
            policy: session::Policy::default(),
            address: SocketAddr::from(([192, 0, 2, 1 + index as u8], 5060)),
            random,
            last_session: None,
        }
    }

    fn settings(&self) -> session::Settings {
        session::Settings {
            contact: Uri::sip(Some("me"), self.address.ip(), Some(5060)),
            server_name: "test".to_owned(),
            local_media: Local {
                address: self.address.ip(),
                port: 4000,
                session_id: 7,
                codecs: vec![Codec::PCMU, Codec::PCMA],
                srtp: Default::default(),
            },
            policy: self.policy.clone(),
            timing: Timing::default(),
        }
    }

    pub(super) fn has_told(&self, what: &str) -> bool {
        self.told
            .iter()
            .any(|(_, event)| format!("{event:?}").starts_with(what))
    }

    /// How the one session ended.
    pub(super) fn ended(&self) -> Option<session::Ended> {
        self.told.iter().find_map(|(_, event)| match event {
            Event::Ended(ended) => Some(ended.clone()),
            _ => None,
        })
    }
}

impl World {
    pub(super) fn new(seed: u64, transport: Transport, loss: Loss) -> Self {
        let start = clock::now();
        Self {
            start,
            now: start,
            transport,
            parties: [Party::new(CALLER, seed), Party::new(BOX, seed)],
            loss,
            lost_in_a_row: [0; 2],
            chance: Random::new([seed, 99]),
            latency_ms: (5, 5),
            order: 0,
            wire: BTreeMap::new(),
            agenda: BTreeMap::new(),
            ladder: Vec::new(),
        }
    }

    /// Messages take between so many milliseconds, so that they may overtake each other.
    pub(super) fn with_latency(mut self, from: u64, to: u64) -> Self {
        self.latency_ms = (from, to);
        self
    }

    pub(super) fn ms(&self) -> u64 {
        u64::try_from((self.now - self.start).as_millis()).unwrap()
    }

    /// Plans something that an end does.
    pub(super) fn at(&mut self, ms: u64, party: usize, verb: Verb) {
        self.order += 1;
        let at = self.start + Duration::from_millis(ms);
        self.agenda.insert((at, self.order), (party, verb));
    }

    /// The caller calls, now.
    pub(super) fn call(&mut self) {
        let flow = self.flow(CALLER);
        let to = Uri::sip(Some("box"), flow.remote.ip(), None);
        let call = Call {
            uri: to.clone(),
            from: NameAddr::new(Uri::sip(Some("alice"), flow.local.ip(), None)),
            to: NameAddr::new(to),
        };
        let caller = &mut self.parties[CALLER];
        let id = caller.endpoint.start_session();
        let session = Session::outgoing(call, flow, caller.settings(), caller.random.fork());
        caller.sessions.insert(id, session);
        caller.last_session = Some(id);
        self.drain(CALLER);
    }

    /// Runs until so many milliseconds after the start.
    pub(super) fn run_until(&mut self, ms: u64) {
        let end = self.start + Duration::from_millis(ms);
        while let Some(next) = self.next_instant().filter(|next| *next <= end) {
            self.now = next.max(self.now);
            self.step();
        }
        self.now = end;
    }

    pub(super) fn both(&self, what: &str) -> bool {
        self.parties.iter().all(|party| party.has_told(what))
    }

    /// Both ends have let go of everything.
    pub(super) fn assert_clean(&self) {
        for party in &self.parties {
            let counts = party.endpoint.counts();
            assert_eq!(
                (counts.transactions(), counts.sessions),
                (0, 0),
                "{counts:?}"
            );
            assert_eq!(counts.totals.farewells, 0, "a session left its call open");
            assert!(party.sessions.is_empty());
            assert_eq!(party.endpoint.poll_timeout(), None);
        }
        assert!(self.wire.is_empty());
    }

    /// The messages as they went, such as `caller INVITE (1 INVITE) sdp`.
    pub(super) fn sent(&self, from: usize) -> Vec<String> {
        let lines = self.ladder.iter().filter(|line| line.from == from);
        lines.map(|line| line.label.clone()).collect()
    }

    pub(super) fn times_of(&self, from: usize, label: &str) -> Vec<u64> {
        let lines = self
            .ladder
            .iter()
            .filter(|line| line.from == from && line.label == label);
        lines.map(|line| line.at_ms).collect()
    }

    pub(super) fn flow(&self, party: usize) -> Flow {
        Flow {
            transport: self.transport,
            local: self.parties[party].address,
            remote: self.parties[1 - party].address,
        }
    }

    fn next_instant(&self) -> Option<Instant> {
        let wire = self.wire.keys().next().map(|(at, _)| *at);
        let agenda = self.agenda.keys().next().map(|(at, _)| *at);
        let parties = self.parties.iter().flat_map(|party| {
            let sessions = party.sessions.values().map(Session::poll_timeout);
            sessions.chain([party.endpoint.poll_timeout()])
        });
        parties.chain([wire, agenda]).flatten().min()
    }

    fn step(&mut self) {
        self.expire();
        if let Some(((at, key), (party, verb))) = self.agenda.pop_first() {
            if at <= self.now {
                self.act(party, verb);
            } else {
                self.agenda.insert((at, key), (party, verb));
            }
        }
        if let Some(((at, key), (to, bytes))) = self.wire.pop_first() {
            if at <= self.now {
                let flow = self.flow(to);
                self.parties[to]
                    .endpoint
                    .handle_message(bytes, flow, self.now);
                self.drain(to);
            } else {
                self.wire.insert((at, key), (to, bytes));
            }
        }
    }

    fn expire(&mut self) {
        for index in [CALLER, BOX] {
            let party = &mut self.parties[index];
            party.endpoint.handle_timeout(self.now);
            for session in party.sessions.values_mut() {
                session.handle_timeout(self.now);
            }
            self.drain(index);
        }
    }

    fn act(&mut self, index: usize, verb: Verb) {
        let party = &mut self.parties[index];
        let id = party
            .last_session
            .expect("a party acts on a session it has had");
        let address = party.address;
        let Some(session) = party.sessions.get_mut(&id) else {
            return;
        };
        match verb {
            Verb::Ring => session.ring(self.now),
            Verb::Accept => session.accept(self.now),
            Verb::Refuse(status) => session.refuse(StatusCode(status)),
            Verb::HangUp => session.hang_up("goodbye", self.now),
            Verb::Hold => session.hold(self.now),
            Verb::Resume => session.resume(self.now),
            Verb::Progress => session.progress(self.now),
            Verb::Refer => session.refer(Uri::sip(Some("x"), address.ip(), None), None, self.now),
            Verb::Notify(status) => session.notify(status, self.now),
        }
        self.drain(index);
    }

    fn drain(&mut self, index: usize) {
        while self.drain_sessions(index) | self.drain_endpoint(index) {}
        let party = &self.parties[index];
        assert!(party.endpoint.poll_timeout().is_none_or(|at| at > self.now));
        for session in party.sessions.values() {
            assert!(session.poll_timeout().is_none_or(|at| at > self.now));
        }
    }

    fn drain_sessions(&mut self, index: usize) -> bool {
        let ms = self.ms();
        let party = &mut self.parties[index];
        let mut busy = false;
        let mut over = Vec::new();
        for (id, session) in &mut party.sessions {
            while let Some(output) = session.poll_output() {
                busy = true;
                party.endpoint.handle_output(*id, output, self.now);
            }
            while let Some(event) = session.poll_event() {
                party.told.push((ms, event));
            }
            if session.is_over() {
                assert_eq!(session.poll_timeout(), None);
                over.push(*id);
            }
        }
        for id in over {
            busy = true;
            party.sessions.remove(&id);
            party.endpoint.forget(id, self.now);
        }
        busy
    }

    fn drain_endpoint(&mut self, index: usize) -> bool {
        let mut busy = false;
        while let Some(event) = self.parties[index].endpoint.poll_event() {
            busy = true;
            self.on_endpoint_event(index, event);
        }
        while let Some(transmit) = self.parties[index].endpoint.poll_transmit() {
            assert_eq!(transmit.flow.remote, self.parties[1 - index].address);
            self.send(index, transmit.bytes);
        }
        busy
    }

    fn on_endpoint_event(&mut self, index: usize, event: endpoint::Event) {
        let party = &mut self.parties[index];
        match event {
            endpoint::Event::Incoming {
                session,
                transaction,
                invite,
                flow,
                ..
            } => {
                let random = party.random.fork();
                let settings = party.settings();
                let call = Session::incoming(transaction, invite, flow, settings, random, self.now);
                party.sessions.insert(session, call);
                party.last_session = Some(session);
            }
            endpoint::Event::Session { session, input } => {
                if let Some(session) = party.sessions.get_mut(&session) {
                    session.handle(input, self.now);
                }
            }
        }
    }

    fn send(&mut self, from: usize, bytes: Bytes) {
        let label = label(&bytes);
        assert!(ends_with_reason(&bytes), "{label} has no Reason");
        let lost = self.loses(from, &label);
        self.ladder.push(Line {
            at_ms: self.ms(),
            from,
            label,
            lost,
        });
        if lost {
            return;
        }
        let (low, high) = self.latency_ms;
        let latency = low + self.chance.next_u64() % (high - low + 1);
        self.order += 1;
        let at = self.now + Duration::from_millis(latency);
        self.wire.insert((at, self.order), (1 - from, bytes));
    }

    fn loses(&mut self, from: usize, label: &str) -> bool {
        let earlier = self
            .ladder
            .iter()
            .filter(|line| line.from == from && line.label == label);
        let nth = earlier.count() + 1;
        let lost = match &self.loss {
            Loss::None => false,
            Loss::Bounded { percent, in_a_row } => {
                let hit = self.chance.next_u64() % 100 < *percent;
                hit && self.lost_in_a_row[from] < *in_a_row
            }
            Loss::PartitionAt(ms) => self.ms() >= *ms,
            Loss::Named(names) => names.contains(&(from, label, nth)),
        };
        self.lost_in_a_row[from] = if lost {
            self.lost_in_a_row[from] + 1
        } else {
            0
        };
        lost
    }
}

/// Whoever ends a call says why (RFC 3326).
fn ends_with_reason(bytes: &Bytes) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let ends = text.starts_with("BYE ") || text.starts_with("CANCEL ");
    !ends || text.contains("\r\nReason: ")
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for line in &self.ladder {
                println!("{line}");
            }
            for (party, name) in self.parties.iter().zip(["caller", "box"]) {
                println!("{name}: {:?}", party.told);
            }
        }
    }
}
