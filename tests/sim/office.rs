//! The telephone of a person in the office, whom the box may call; and what the caller's telephone makes of
//! being transferred.

use std::time::{Duration, Instant};

use bytes::Bytes;
use ringwell::call::{self, Input, SecondLeg};
use ringwell::sip::endpoint::{self, Endpoint};
use ringwell::sip::message::{NameAddr, StatusCode, Uri};
use ringwell::sip::session::{self, Session};
use ringwell::sip::{Flow, Random, SessionId, Transport};

use crate::link::session_settings;
use crate::world::{INSIDE, World};

/// What the person does with a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Answers after two seconds.
    #[default]
    Answers,
    /// Answers, and hangs up so much later.
    AnswersFor(Duration),
    /// Refuses with this status.
    Refuses(u16),
    /// Lets it ring.
    Rings,
    /// The telephone is unplugged: nobody says anything.
    Absent,
}

/// What the caller's telephone does with a REFER.
#[derive(Clone, Debug, Default)]
pub(crate) enum Obeys {
    /// It takes none.
    #[default]
    Never,
    /// It tells these statuses, so long after each other.
    Tells(Vec<(Duration, u16)>),
    /// It accepts and hangs up so much later without a word.
    Leaves(Duration),
}

/// The office's telephone.
#[derive(Debug)]
pub(crate) struct Office {
    pub(crate) endpoint: Endpoint,
    pub(crate) manner: Manner,
    pub(crate) calls: u32,
    pub(crate) answered: Option<Instant>,
    pub(crate) ended: Option<session::Ended>,
    /// Its side takes no telephone-events; and no INFO.
    pub(crate) takes_no_events: bool,
    pub(crate) takes_no_info: bool,
    /// Keys that came by INFO.
    pub(crate) keys: Vec<char>,
    session: Option<(SessionId, Session)>,
    next: Option<Instant>,
    random: Random,
}

const ADDRESS: &str = "192.0.2.20";

/// Whom the box may call.
pub(crate) fn target(mode: call::Mode) -> call::Target {
    call::Target {
        name: "sales".to_owned(),
        refer_to: Some(uri()),
        mode,
        ring_max: Duration::from_secs(25),
        digits: String::new(),
    }
}

pub(crate) fn uri() -> Uri {
    Uri::parse(format!("sip:201@{ADDRESS}")).unwrap()
}

pub(crate) fn flow(from_office: bool) -> Flow {
    let office = format!("{ADDRESS}:5060").parse().unwrap();
    let the_box = "192.0.2.1:5060".parse().unwrap();
    let (local, remote) = if from_office {
        (office, the_box)
    } else {
        (the_box, office)
    };
    Flow {
        transport: Transport::Udp,
        local,
        remote,
    }
}

/// The message with a word in it that nobody knows.
pub(crate) fn unknown(message: &Bytes, word: &str) -> Bytes {
    let text = String::from_utf8(message.to_vec()).expect("UTF-8");
    let other = "x".repeat(word.len());
    text.replace(word, &other).into()
}

impl Office {
    pub(crate) fn new(mut random: Random) -> Self {
        Self {
            endpoint: Endpoint::new(endpoint::Settings::default(), random.fork()),
            manner: Manner::default(),
            calls: 0,
            answered: None,
            ended: None,
            takes_no_events: false,
            takes_no_info: false,
            keys: Vec::new(),
            session: None,
            next: None,
            random,
        }
    }

    /// The person does not stay on a dead line for longer than a minute.
    pub(crate) fn gives_up(&mut self) {
        self.manner = Manner::AnswersFor(Duration::from_secs(60));
    }

    /// The telephone is in a call.
    pub(crate) fn is_busy(&self) -> bool {
        self.session.is_some()
    }

    pub(crate) fn handle(&mut self, bytes: Bytes, now: Instant) {
        let mut bytes = bytes;
        if self.takes_no_events {
            bytes = unknown(&bytes, "telephone-event");
        }
        if self.takes_no_info {
            bytes = unknown(&bytes, "application/dtmf-relay");
        }
        if self.manner != Manner::Absent {
            self.endpoint.handle_message(bytes, flow(true), now);
            self.drain(now);
        }
    }

    pub(crate) fn due(&self) -> Option<Instant> {
        let session = self.session.as_ref();
        let dues = [
            self.endpoint.poll_timeout(),
            session.and_then(|(_, session)| session.poll_timeout()),
            self.next.filter(|_| session.is_some()),
        ];
        dues.into_iter().flatten().min()
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.endpoint.handle_timeout(now);
        if let Some((_, session)) = &mut self.session {
            session.handle_timeout(now);
            if self.next.is_some_and(|at| at <= now) {
                self.next = None;
                match (self.manner, self.answered) {
                    (Manner::Refuses(status), _) => session.refuse(StatusCode(status)),
                    (_, None) => {
                        session.accept(now);
                        if let Manner::AnswersFor(time) = self.manner {
                            self.next = Some(now + time);
                        }
                    }
                    (_, Some(_)) => session.hang_up("back to work", now),
                }
            }
        }
        self.drain(now);
    }

    fn drain(&mut self, now: Instant) {
        loop {
            if let Some((id, session)) = &mut self.session {
                while let Some(output) = session.poll_output() {
                    self.endpoint.handle_output(*id, output, now);
                }
                if let Some(event) = session.poll_event() {
                    match event {
                        session::Event::Answered => self.answered = Some(now),
                        session::Event::Digit(key) => self.keys.push(key),
                        session::Event::Ended(ended) => {
                            self.endpoint.forget(*id, now);
                            self.ended = Some(ended);
                            self.session = None;
                        }
                        _ => {}
                    }
                    continue;
                }
            }
            match self.endpoint.poll_event() {
                None => return,
                Some(endpoint::Event::Session { input, .. }) => {
                    if let Some((_, session)) = &mut self.session {
                        session.handle(input, now);
                    }
                }
                Some(endpoint::Event::Incoming {
                    session,
                    transaction,
                    invite,
                    flow,
                    ..
                }) => {
                    let settings = session_settings("sales", ADDRESS);
                    let random = self.random.fork();
                    let mut call =
                        Session::incoming(transaction, invite, flow, settings, random, now);
                    call.ring(now);
                    self.calls += 1;
                    self.answered = None;
                    self.ended = None;
                    self.session = Some((session, call));
                    let picks_up = Duration::from_secs(2);
                    self.next = (self.manner != Manner::Rings).then_some(now + picks_up);
                }
            }
        }
    }
}

impl World {
    /// A world whose caller may be connected with the sales team.
    pub(crate) fn with_sales(mut self, mode: call::Mode, manner: Manner, obeys: Obeys) -> Self {
        self.targets = vec![target(mode)];
        self.settings.destinations = vec![ringwell::conversation::Destination {
            name: "sales".to_owned(),
            announcement: "I will connect you with sales. One moment, please.".to_owned(),
        }];
        self.office.manner = manner;
        self.phone.obeys = obeys;
        self
    }

    /// The same where keys are wanted after the answer.
    pub(crate) fn with_digits(mut self, digits: &str) -> Self {
        self.targets[0].digits = digits.to_owned();
        self
    }

    /// The daemon's answer to the wish for a second leg.
    pub(crate) fn open_second_leg(&mut self, name: &str, elsewhere: bool) {
        if elsewhere && let Some(manner) = self.other_way.take() {
            self.office.manner = manner;
        }
        self.note(format!("daemon: dials {name}"));
        if self.no_way {
            return self.news(INSIDE, Input::NoSecondLeg("no port is free".to_owned()));
        }
        let id = self.running.endpoint.start_session();
        self.running.second = Some(id);
        let own = Uri::parse("sip:assistant@192.0.2.1".to_owned()).unwrap();
        let leg = SecondLeg {
            call: session::Call {
                uri: uri(),
                from: NameAddr::new(own),
                to: NameAddr::new(uri()),
            },
            flow: flow(false),
            more: self.other_way.is_some(),
            settings: session_settings("assistant", "192.0.2.1"),
            random: self.chance.fork(),
        };
        self.news(INSIDE, Input::SecondLeg(Box::new(leg)));
    }

    pub(crate) fn close_second_leg(&mut self) {
        self.joined = false;
        let id = self.running.second.take().expect("it is over once");
        self.running.endpoint.forget(id, self.now);
    }
}
