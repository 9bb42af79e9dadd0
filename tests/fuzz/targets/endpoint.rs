//! The endpoint and its sessions, fed a sequence of messages, verbs and waits that the input spells:
//! nothing panics, no deadline lies in the past, and when everybody has hung up nothing is left.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use ringwell::sip::endpoint::{Endpoint, Event, Settings};
use ringwell::sip::message::{NameAddr, StatusCode, Uri};
use ringwell::sip::session::{self, Call, Session};
use ringwell::sip::{Flow, Random, SessionId, Transport};

mod words;

use words::Words;

/// Steps of one input; what follows is not looked at.
const STEPS_MAX: usize = 200;

/// Sessions at once.
const SESSIONS_MAX: usize = 6;

/// Requests of ours that can still be answered.
const SENT_MAX: usize = 32;

pub fn run(data: &[u8]) {
    let mut words = Words::new(data);
    let mut bench = Bench::new();
    for _ in 0..STEPS_MAX {
        let Some(step) = words.byte() else { break };
        bench.step(step, &mut words);
        bench.drain();
    }
    bench.finish();
}

struct Bench {
    endpoint: Endpoint,
    sessions: BTreeMap<SessionId, Session>,
    random: Random,
    now: Instant,
    /// The To tag of our latest response, for requests that hit a dialog.
    our_tag: String,
    sent: Vec<(Bytes, Flow)>,
}

fn flow(choice: u8) -> Flow {
    let transport = match choice % 3 {
        0 => Transport::Udp,
        1 => Transport::Tcp,
        _ => Transport::Tls,
    };
    Flow {
        transport,
        local: ([192, 0, 2, 9], 5060).into(),
        remote: ([192, 0, 2, 1], 5060).into(),
    }
}

fn settings(choice: u8) -> session::Settings {
    session::Settings {
        contact: Uri::sip(Some("box"), flow(0).local.ip(), None),
        server_name: "box".to_owned(),
        local_media: super::offer_answer::local(choice),
        policy: session::Policy {
            accepts_refer: choice.is_multiple_of(2),
            ..session::Policy::default()
        },
        timing: Default::default(),
    }
}

impl Bench {
    fn new() -> Self {
        let mut random = Random::new([8, 9]);
        let settings = Settings {
            transactions_max: 24,
            sessions_max: SESSIONS_MAX,
            ..Settings::default()
        };
        Self {
            endpoint: Endpoint::new(settings, random.fork()),
            sessions: BTreeMap::new(),
            random,
            now: ringwell::io::clock::now(),
            our_tag: "none".to_owned(),
            sent: Vec::new(),
        }
    }

    fn step(&mut self, step: u8, words: &mut Words<'_>) {
        match step % 10 {
            0..=2 => {
                let (text, flow) = (words.request(&self.our_tag), flow(words.choice(3)));
                self.endpoint.handle_message(text.into(), flow, self.now);
            }
            3 | 4 => self.answer(words),
            5 => {
                let bytes = Bytes::copy_from_slice(words.bytes());
                let flow = flow(words.choice(3));
                self.endpoint.handle_message(bytes, flow, self.now);
            }
            6 => self.act(words),
            7 => {
                let ms = u64::from(words.choice(255)) * [1, 40, 1000][usize::from(words.choice(3))];
                self.pass(Duration::from_millis(ms));
            }
            8 => self.call(words),
            _ => self.upset(words),
        }
    }

    /// A response to one of the last requests that we sent.
    fn answer(&mut self, words: &mut Words<'_>) {
        let nth = usize::from(words.choice(6));
        let Some((request, flow)) = self.sent.iter().rev().nth(nth).cloned() else {
            return;
        };
        let response = words.response(&String::from_utf8_lossy(&request));
        let bytes = Bytes::from(response);
        self.endpoint.handle_message(bytes, flow, self.now);
    }

    fn act(&mut self, words: &mut Words<'_>) {
        let (nth, verb) = (usize::from(words.choice(4)), words.choice(12));
        let now = self.now;
        let Some(session) = self.sessions.values_mut().nth(nth) else {
            return;
        };
        match verb {
            0 => session.ring(now),
            1 | 2 => session.accept(now),
            3 => session.refuse(StatusCode(603)),
            4 => session.refer(
                Uri::sip(Some("person"), flow(0).remote.ip(), None),
                None,
                now,
            ),
            5 => session.notify(200, now),
            6 => session.progress(now),
            7 | 8 => session.hold(now),
            9 => session.resume(now),
            _ => session.hang_up("enough", now),
        }
    }

    fn call(&mut self, words: &mut Words<'_>) {
        let flow = flow(words.choice(3));
        if self.sessions.len() >= SESSIONS_MAX {
            return;
        }
        let id = self.endpoint.start_session();
        let uri = Uri::sip(Some("far"), flow.remote.ip(), None);
        let call = Call {
            uri: uri.clone(),
            from: NameAddr::new(uri.clone()),
            to: NameAddr::new(uri),
        };
        let settings = settings(words.choice(9));
        let session = Session::outgoing(call, flow, settings, self.random.fork());
        self.sessions.insert(id, session);
    }

    /// What owners and networks do to an endpoint.
    fn upset(&mut self, words: &mut Words<'_>) {
        match words.choice(4) {
            0 => self
                .endpoint
                .handle_flow_lost(flow(words.choice(3)), self.now),
            1 => self.endpoint.set_accepting(words.choice(2) == 0),
            _ => {
                let nth = usize::from(words.choice(4));
                if let Some(id) = self.sessions.keys().nth(nth).copied() {
                    self.sessions.remove(&id);
                    self.endpoint.forget(id, self.now);
                }
            }
        }
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
            self.on_event(event);
        }
        while let Some(transmit) = self.endpoint.poll_transmit() {
            ringwell::sip::message::parse(transmit.bytes.clone()).expect("what we send is whole");
            let text = String::from_utf8_lossy(&transmit.bytes).into_owned();
            if !text.starts_with("SIP/2.0") {
                self.sent.push((transmit.bytes, transmit.flow));
            } else if let Some((_, tag)) = words::line(&text, "To").split_once(";tag=") {
                self.our_tag = tag.to_owned();
            }
        }
        let surplus = self.sent.len().saturating_sub(SENT_MAX);
        self.sent.drain(..surplus);
        assert!(self.endpoint.poll_timeout().is_none_or(|at| at > self.now));
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::Incoming {
                session,
                transaction,
                invite,
                flow,
                ..
            } => {
                let choice = u8::try_from(self.sessions.len() % 9).unwrap_or_default();
                let (settings, random) = (settings(choice), self.random.fork());
                let call = Session::incoming(transaction, invite, flow, settings, random, self.now);
                self.sessions.insert(session, call);
            }
            Event::Session { session, input } => {
                if let Some(session) = self.sessions.get_mut(&session) {
                    session.handle(input, self.now);
                }
            }
        }
    }

    fn drain_sessions(&mut self) {
        let mut over = Vec::new();
        for (id, session) in &mut self.sessions {
            while let Some(output) = session.poll_output() {
                self.endpoint.handle_output(*id, output, self.now);
            }
            while let Some(event) = session.poll_event() {
                if matches!(event, session::Event::Ended(_)) {
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
        assert!(self.sessions.is_empty(), "a session never ends");
        let counts = self.endpoint.counts();
        assert_eq!((counts.transactions(), counts.sessions), (0, 0));
        assert_eq!(self.endpoint.poll_timeout(), None);
    }
}
