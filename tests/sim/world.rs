//! The world of one call: everything that happens, in order of its time.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, UNIX_EPOCH};

use bytes::Bytes;
use ringwell::call::{self, Arrival, Call, Command, Input, Kind, Leg, RecordingAct, RecordingNews};
use ringwell::conversation::{self, Heard};
use ringwell::sip::endpoint::{self, Endpoint};
use ringwell::sip::message::{NameAddr, Uri};
use ringwell::sip::session::{self, Session};
use ringwell::sip::{Random, SessionId};
use ringwell::ticket::{CallId, Entry};

use crate::desk::{Helpdesk, Outbox, Store};
use crate::ladder::Ladder;
use crate::link::{Loss, Way, flow, session_settings};
use crate::office::{Manner, Office};
use crate::phone::{Act, Phone};
use crate::services::{self, Player, Services};

/// What is to happen of itself.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a few wait at a time")]
pub(crate) enum Event {
    /// A message arrives.
    Wire { way: Way, bytes: Bytes },
    /// News for the call, of the box that ran when it was sent.
    News { life: u32, input: Input },
    /// The caller's words reach the ear.
    Words(Heard),
    /// News that the call gets if the box still runs the daemon's way.
    Daemon(Daemon),
}

/// What happens to the box as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Daemon {
    Crash,
    Restart,
    Drain,
    Kill,
    MediaTimeout,
    SecondMediaTimeout,
    /// The office presses a key as telephone-event.
    SecondDigit(char),
}

/// The box: what a crash takes away.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) endpoint: Endpoint,
    call: Option<(SessionId, Call)>,
    /// The leg to the office.
    pub(crate) second: Option<SessionId>,
    pub(crate) player: Player,
}

pub(crate) struct World {
    pub(crate) start: Instant,
    pub(crate) now: Instant,
    pub(crate) services: Services,
    pub(crate) loss: Loss,
    pub(crate) settings: conversation::Settings,
    pub(crate) kind: Kind,
    pub(crate) phone: Phone,
    pub(crate) office: Office,
    pub(crate) targets: Vec<call::Target>,
    pub(crate) fax: call::Fax,
    /// How the call is recorded, if it is, and what the box has done about that, and when.
    pub(crate) recording: Option<call::Recording>,
    pub(crate) tape: Vec<(Instant, RecordingAct)>,
    /// The caller's side takes no telephone-events.
    pub(crate) phone_takes_no_events: bool,
    /// The caller's line may transfer us.
    pub(crate) accepts_refer: bool,
    /// The daemon finds no way to call anybody.
    pub(crate) no_way: bool,
    /// How the person is reached by the next address, where there is one.
    pub(crate) other_way: Option<Manner>,
    /// Caller and office hear each other through the box, now or once.
    pub(crate) joined: bool,
    pub(crate) was_joined: bool,
    /// Keys pressed as telephone-events, and when.
    pub(crate) pressed: Vec<(Instant, Leg, char)>,
    /// Since when the caller hears the person's telephone ring in place of the assistant, and when it did.
    pub(crate) rings: Option<Instant>,
    pub(crate) rang: Vec<(Instant, Instant)>,
    pub(crate) store: Store,
    pub(crate) outbox: Outbox,
    pub(crate) helpdesk: Helpdesk,
    pub(crate) ladder: Ladder,
    pub(crate) chance: Random,
    /// Utterances sounded in earlier lives of the box.
    pub(crate) past: Vec<services::Sounded>,
    /// When the caller spoke, from and until.
    pub(crate) caller_spoke: Vec<(Instant, Instant)>,
    /// When a service went wrong, as the caller could notice it.
    pub(crate) faulted: Option<Instant>,
    pub(crate) overs: u32,
    /// When the box took the call as ended, or the caller hung up.
    pub(crate) over_since: Option<Instant>,
    pub(crate) running: Running,
    /// Between a crash and the restart nothing is received.
    pub(crate) is_down: bool,
    pub(crate) life: u32,
    pub(crate) agenda: BTreeMap<(Instant, u64), Event>,
    /// What a running search will find.
    pub(crate) running_search: Option<(Instant, u64)>,
    /// The end of the caller's turn as the ear will tell it, and the words.
    pub(crate) open_turn: Option<((Instant, u64), String)>,
    order: u64,
    pub(crate) lost: u32,
    pub(crate) lost_in_a_row: u32,
}

/// How long a message takes.
pub(crate) const LINK: Duration = Duration::from_millis(5);
/// How long news take inside the box.
pub(crate) const INSIDE: Duration = Duration::from_millis(1);

impl World {
    pub(crate) fn new(seed: u64, script: Vec<Act>) -> Self {
        Self::of_a_phone(seed, script, true)
    }

    /// A world whose caller's side takes REFER, or not.
    pub(crate) fn of_a_phone(seed: u64, script: Vec<Act>, takes_refer: bool) -> Self {
        let start = ringwell::io::clock::now();
        let mut chance = Random::new([seed, 1]);
        let uri = |text: &str| Uri::parse(text.to_owned()).unwrap();
        let target = session::Call {
            uri: uri("sip:assistant@192.0.2.1"),
            from: NameAddr::new(uri("sip:+15550100199@192.0.2.9")).with_display("Jane"),
            to: NameAddr::new(uri("sip:assistant@192.0.2.1")),
        };
        let mut settings = session_settings("jane", "192.0.2.9");
        settings.policy.accepts_refer = takes_refer;
        let session = Session::outgoing(target, flow(true), settings, chance.fork());
        let phone = Phone::calls(script, session, chance.fork(), start);
        Self {
            start,
            now: start,
            services: Services::default(),
            loss: Loss::None,
            settings: conversation::Settings::default(),
            kind: Kind::Assistant,
            phone,
            office: Office::new(chance.fork()),
            targets: Vec::new(),
            fax: call::Fax::default(),
            recording: None,
            tape: Vec::new(),
            phone_takes_no_events: false,
            accepts_refer: false,
            no_way: false,
            other_way: None,
            joined: false,
            was_joined: false,
            pressed: Vec::new(),
            rings: None,
            rang: Vec::new(),
            store: Store::default(),
            outbox: Outbox::default(),
            helpdesk: Helpdesk::default(),
            ladder: Ladder::default(),
            running: Running::new(&mut chance),
            chance,
            past: Vec::new(),
            caller_spoke: Vec::new(),
            faulted: None,
            overs: 0,
            over_since: None,
            is_down: false,
            life: 1,
            agenda: BTreeMap::new(),
            running_search: None,
            open_turn: None,
            order: 0,
            lost: 0,
            lost_in_a_row: 0,
        }
    }

    /// Lets something happen to the box, so long after the start.
    pub(crate) fn at(mut self, millis: u64, daemon: Daemon) -> Self {
        self.schedule(Duration::from_millis(millis), Event::Daemon(daemon));
        self
    }

    /// Runs until nothing more can happen, or for a day.
    pub(crate) fn run(mut self) -> Self {
        self.phone.drain(self.now);
        self.settle();
        let end = self.start + Duration::from_secs(24 * 3_600);
        while let Some(due) = self.due().filter(|due| *due <= end) {
            assert!(due >= self.now, "time runs backwards");
            self.now = due;
            self.happen();
            self.settle();
        }
        self
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    /// What the phone sounded, in all lives of the box.
    pub(crate) fn sounded(&self) -> impl Iterator<Item = &services::Sounded> {
        self.past.iter().chain(&self.running.player.sounded)
    }

    pub(crate) fn box_counts(&self) -> endpoint::Counts {
        self.running.endpoint.counts()
    }

    pub(crate) fn has_call(&self) -> bool {
        self.running.call.is_some()
    }

    pub(crate) fn has_crashed(&self) -> bool {
        self.life > 1
    }

    fn due(&self) -> Option<Instant> {
        let call = self
            .running
            .call
            .as_ref()
            .and_then(|(_, call)| call.poll_timeout());
        let dues = [
            self.agenda.keys().next().map(|(at, _)| *at),
            self.running.endpoint.poll_timeout(),
            call,
            self.running.player.due(),
            self.phone.due(),
            self.office.due(),
            self.outbox.due(),
        ];
        dues.into_iter()
            .flatten()
            .min()
            .map(|due| due.max(self.now))
    }

    /// Everything that is due at this moment, once.
    fn happen(&mut self) {
        while let Some(entry) = self
            .agenda
            .first_entry()
            .filter(|entry| entry.key().0 <= self.now)
        {
            let event = entry.remove();
            self.on_event(event);
        }
        if self
            .running
            .endpoint
            .poll_timeout()
            .is_some_and(|due| due <= self.now)
        {
            self.running.endpoint.handle_timeout(self.now);
        }
        if let Some((_, call)) = &mut self.running.call
            && call.poll_timeout().is_some_and(|due| due <= self.now)
        {
            call.handle_timeout(self.now);
        }
        self.on_player();
        if self.phone.due().is_some_and(|due| due <= self.now) {
            self.phone.handle_timeout(self.now);
            self.act();
        }
        if self.office.due().is_some_and(|due| due <= self.now) {
            self.office.handle_timeout(self.now);
        }
        if self.outbox.due().is_some_and(|due| due <= self.now) {
            let Self {
                outbox,
                store,
                helpdesk,
                chance,
                ..
            } = self;
            let said = outbox.step(store, helpdesk, chance, self.now);
            self.note(format!("outbox: {said}"));
        }
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::Wire { way, bytes } => self.on_wire(way, bytes),
            Event::News { life, input } if life == self.life => self.tell(input),
            Event::News { .. } => {}
            Event::Words(heard) => self.on_words(heard),
            Event::Daemon(daemon) => self.on_daemon(daemon),
        }
    }

    fn on_daemon(&mut self, daemon: Daemon) {
        self.note(format!("daemon: {daemon:?}"));
        match daemon {
            Daemon::Crash => {
                let mut fresh = Running::new(&mut self.chance);
                std::mem::swap(&mut fresh, &mut self.running);
                fresh.player.stop(self.now);
                self.past.append(&mut fresh.player.sounded);
                self.life += 1;
                self.is_down = true;
                self.joined = false;
                self.outbox = Outbox::default();
            }
            Daemon::Restart => {
                self.is_down = false;
                self.store.recover();
                self.outbox.begin(&self.store, self.now);
            }
            Daemon::Drain => self.tell(Input::Drain),
            Daemon::Kill => self.tell(Input::Kill("the telephone system was stopped".to_owned())),
            Daemon::MediaTimeout => self.tell(Input::MediaTimeout),
            Daemon::SecondMediaTimeout => self.tell(Input::SecondMediaTimeout),
            Daemon::SecondDigit(key) => self.tell(Input::SecondDigit(key)),
        }
    }

    fn tell(&mut self, input: Input) {
        if let Some((_, call)) = &mut self.running.call {
            call.handle(input, self.now);
        }
    }

    /// Carries out everything the machines ask for, until they are silent.
    fn settle(&mut self) {
        loop {
            let command = self
                .running
                .call
                .as_mut()
                .and_then(|(_, call)| call.poll_command());
            if let Some(command) = command {
                self.perform(command);
            } else if let Some(event) = self.running.endpoint.poll_event() {
                self.on_endpoint_event(event);
            } else if let Some(transmit) = self.running.endpoint.poll_transmit() {
                self.send_from_box(transmit.flow, transmit.bytes);
            } else if let Some(transmit) = self.phone.endpoint.poll_transmit() {
                self.send(Way::FromPhone, transmit.bytes);
            } else if let Some(transmit) = self.office.endpoint.poll_transmit() {
                self.send(Way::FromOffice, transmit.bytes);
            } else {
                return;
            }
        }
    }

    fn on_endpoint_event(&mut self, event: endpoint::Event) {
        match event {
            endpoint::Event::Incoming {
                session,
                transaction,
                invite,
                flow,
                ..
            } => {
                if self.running.call.is_some() || !self.store.record.entries.is_empty() {
                    return self.running.endpoint.forget(session, self.now);
                }
                let at = UNIX_EPOCH + Duration::from_secs(1_772_366_400);
                let arrival = Arrival {
                    kind: self.kind,
                    transaction,
                    invite,
                    flow,
                    at,
                };
                let mut session_settings = session_settings("assistant", "192.0.2.1");
                session_settings.policy.accepts_refer = self.accepts_refer;
                let settings = call::Settings {
                    session: session_settings,
                    conversation: self.settings.clone().into(),
                    answer_after_max: Duration::from_millis(1_500),
                    diagnostic_max: Duration::from_secs(600),
                    trust: Default::default(),
                    recording: self.recording,
                    targets: self.targets.clone(),
                    fax: self.fax.clone(),
                };
                let call = Call::incoming(arrival, settings, self.chance.fork(), self.now);
                self.running.call = Some((session, call));
            }
            endpoint::Event::Session { session, input } => {
                if self.running.second == Some(session) {
                    self.tell(Input::SecondSip(input));
                } else {
                    self.tell(Input::Sip(input));
                }
            }
        }
    }

    fn perform(&mut self, command: Command) {
        match command {
            Command::Sip(output) => {
                let session = self
                    .running
                    .call
                    .as_ref()
                    .map(|(session, _)| *session)
                    .expect("a call commands");
                self.running
                    .endpoint
                    .handle_output(session, output, self.now);
            }
            Command::OpenServices(_) => self.open_services(),
            Command::Media(_) => {}
            Command::Speak(id, speech) => {
                assert!(
                    self.rings.is_none(),
                    "nobody hears the assistant while it rings"
                );
                self.speak(id, &speech);
            }
            Command::StopSpeaking => {
                let position = self.running.player.stop(self.now);
                self.note("agent  |  (stops)".to_owned());
                self.news(INSIDE, Input::Stopped(position));
            }
            Command::Search(query) => self.search(&query),
            Command::Ask(request) => self.ask(&request),
            Command::CancelReply(_) => {}
            Command::Record(entry) => {
                if let Entry::Ended {
                    outcome, reason, ..
                } = &entry
                {
                    self.note(format!("ended: {outcome:?}, {reason}"));
                    self.over_since.get_or_insert(self.now);
                }
                self.store.keep(entry);
            }
            Command::Recording(act) => self.record(act),
            Command::OpenSecondLeg { target, elsewhere } => {
                self.open_second_leg(&target, elsewhere);
            }
            Command::SecondSip(output) => {
                let id = self.running.second.expect("a second leg is open");
                self.running.endpoint.handle_output(id, output, self.now);
            }
            Command::SecondMedia(_) => {}
            Command::RingBack | Command::JoinEarly => {
                self.rings.get_or_insert(self.now);
            }
            Command::Press(leg, key) => self.pressed.push((self.now, leg, key)),
            Command::Resume => self.stops_ringing(),
            Command::Join => {
                self.joined = true;
                self.was_joined = true;
                self.stops_ringing();
                self.running.player.stop(self.now);
            }
            Command::SecondLegOver => self.close_second_leg(),
            Command::Over => self.on_over(),
        }
    }

    fn record(&mut self, act: RecordingAct) {
        self.note(format!("recording: {act:?}"));
        self.tape.push((self.now, act));
        if act == RecordingAct::Begin {
            let began = RecordingNews::Began("call.wav".to_owned());
            self.news(INSIDE, Input::Recording(began));
        }
    }

    fn on_over(&mut self) {
        self.overs += 1;
        let (session, call) = self.running.call.take().expect("a call is over once");
        assert!(call.is_over() && call.poll_timeout().is_none());
        self.running.endpoint.forget(session, self.now);
        if self.running.second.is_some() {
            self.close_second_leg();
        }
        self.running.player.stop(self.now);
        self.outbox.begin(&self.store, self.now);
    }

    pub(crate) fn news(&mut self, after: Duration, input: Input) {
        self.schedule(
            after,
            Event::News {
                life: self.life,
                input,
            },
        );
    }

    pub(crate) fn schedule(&mut self, after: Duration, event: Event) -> (Instant, u64) {
        self.order += 1;
        let key = (self.now + after, self.order);
        self.agenda.insert(key, event);
        key
    }

    fn stops_ringing(&mut self) {
        if let Some(since) = self.rings.take() {
            self.rang.push((since, self.now));
        }
    }

    pub(crate) fn note(&mut self, text: String) {
        self.ladder.note(self.elapsed(), text);
    }
}

impl Running {
    fn new(chance: &mut Random) -> Self {
        Self {
            endpoint: Endpoint::new(endpoint::Settings::default(), chance.fork()),
            call: None,
            second: None,
            player: Player::default(),
        }
    }
}

/// The id under which the store knows the call.
pub(crate) fn call_id() -> CallId {
    crate::desk::call_id()
}
