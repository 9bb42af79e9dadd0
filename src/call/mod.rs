//! One call: its signalling session and its conversation, composed, and the facts of it recorded.
//!
//! ```text
//!   RINGING --services ready, or patience over: 200--> ANSWERED --ACK, or a second--> TALKING
//!      |                                                  |                             |
//!      | CANCEL, refused                                  | no ACK                      | hung up, goodbye, no media
//!      v                                                  v                             v
//!   ENDED (recorded, once) ----------- the session is over, too -----------------------> OVER
//! ```
//!
//! The diagnostics have no conversation: they are answered at once and last until somebody hangs up.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::conversation::{self, Conversation, Service};
use crate::sdp::Negotiated;
use crate::sip::identity::Trust;
use crate::sip::message::Request;
use crate::sip::session::{self, Session};
use crate::sip::{Flow, Random, TransactionId};
use crate::ticket::Entry;

mod arrival;
mod ending;
mod interface;
mod keys;
mod recording;
mod second_leg;
mod sounds;
mod transfer;

pub use interface::{Command, Input, Kind, Leg};
pub use recording::{Recording, RecordingAct, RecordingNews};
pub use second_leg::SecondLeg;
pub use sounds::{FAX, Fax};
pub use transfer::{Mode, PAUSE, Target};

use keys::Heard;
use recording::Stage;
use second_leg::{Ringing, Second};
use sounds::Sounds;
use transfer::Transfer;

/// What a call needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Of the signalling.
    pub session: session::Settings,
    /// Of the conversation.
    pub conversation: Arc<conversation::Settings>,
    /// The longest a caller hears ringing while speech services are not ready.
    pub answer_after_max: Duration,
    /// The longest call of a diagnostic.
    pub diagnostic_max: Duration,
    /// How far the line's word about callers goes.
    pub trust: Trust,
    /// How the call is recorded, if it is.
    pub recording: Option<Recording>,
    /// Whom the caller may be connected with, by the names the conversation knows.
    pub targets: Vec<Target>,
    /// What becomes of a fax machine that calls.
    pub fax: Fax,
}

/// An INVITE that opens a call, as the endpoint tells it.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// What is to answer.
    pub kind: Kind,
    /// The server transaction to answer on.
    pub transaction: TransactionId,
    /// The INVITE.
    pub invite: Request,
    /// The path it came by.
    pub flow: Flow,
    /// Civil time, for the record.
    pub at: SystemTime,
}

/// One call.
#[derive(Debug)]
pub struct Call {
    kind: Kind,
    started: Instant,
    answer_after_max: Duration,
    diagnostic_max: Duration,
    session: Session,
    conversation: Conversation,
    negotiated: Option<Negotiated>,
    targets: Vec<Target>,
    fax: Fax,
    sounds: Sounds,
    transfer: Option<Transfer>,
    second: Second,
    /// What the caller hears of the target's telephone.
    ringing: Ringing,
    /// The transfer was the peer's wish: it is told how it goes.
    referred: bool,
    /// The record says that keys were not taken.
    keys_refused: bool,
    /// Whom the caller was connected with.
    reached: Option<String>,
    recording: Option<Recording>,
    stage: Stage,
    ear: Readiness,
    voice: Readiness,
    state: State,
    /// The end was recorded.
    ended: bool,
    timer: Option<(Timer, Instant)>,
    /// Drained after every input, so it never holds more than one input's worth.
    commands: VecDeque<Command>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The INVITE is not answered yet.
    Ringing,
    /// 200 was sent.
    Answered,
    /// The conversation has begun (or there is none).
    Talking,
    /// The end is recorded; the session still has to say goodbye to its peer.
    Ended,
    /// Nothing follows.
    Over,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Readiness {
    Awaited,
    /// It is ready, or it never will be.
    Settled,
}

/// One at a time: each belongs to one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timer {
    /// Answer although a service is not ready.
    Answer,
    /// Begin although no ACK has come: the caller must not wait in silence for it.
    Begin,
    /// A diagnostic has lasted long enough.
    Diagnostic,
    /// The daemon waits no longer for the answer to our BYE.
    Kill,
}

/// How long an ACK is waited for before the greeting: longer than any round trip.
const BEGIN_WITHOUT_ACK: Duration = Duration::from_secs(1);
/// How long a killed call waits for the answer to its BYE.
const KILL_PATIENCE: Duration = Duration::from_secs(1);

impl Call {
    /// A call that comes in.
    #[must_use]
    pub fn incoming(arrival: Arrival, settings: Settings, random: Random, now: Instant) -> Self {
        let started = arrival::started(&arrival.invite, settings.trust, arrival.at);
        let Arrival {
            kind,
            transaction,
            invite,
            flow,
            ..
        } = arrival;
        let mut call = Self {
            kind,
            started: now,
            answer_after_max: settings.answer_after_max,
            diagnostic_max: settings.diagnostic_max,
            session: Session::incoming(transaction, invite, flow, settings.session, random, now),
            conversation: Conversation::new(settings.conversation, now),
            negotiated: None,
            targets: settings.targets,
            fax: settings.fax,
            sounds: Sounds::default(),
            transfer: None,
            second: Second::None,
            ringing: Ringing::default(),
            referred: false,
            keys_refused: false,
            reached: None,
            recording: settings.recording,
            stage: Stage::new(kind, settings.recording),
            ear: Readiness::Awaited,
            voice: Readiness::Awaited,
            state: State::Ringing,
            ended: false,
            timer: None,
            commands: VecDeque::new(),
        };
        call.push(Command::Record(started));
        call.drain(now);
        call.on_arrived(now);
        call.drain(now);
        call
    }

    /// Takes an input.
    pub fn handle(&mut self, input: Input, now: Instant) {
        match (self.state, input) {
            (State::Over, _) => return,
            (_, Input::Sip(input)) => self.session.handle(input, now),
            (_, Input::SecondSip(input)) => self.on_second_sip(input, now),
            (_, Input::SecondLeg(leg)) => self.on_second_leg(*leg, now),
            (_, Input::NoSecondLeg(reason)) => self.on_no_second_leg(reason, now),
            (State::Ended, Input::Kill(_)) => self.timer = Some((Timer::Kill, now + KILL_PATIENCE)),
            (State::Ended, _) => {}
            (_, Input::EarReady) => self.ear = Readiness::Settled,
            (_, Input::VoiceReady) => self.voice = Readiness::Settled,
            (_, Input::SecondDigit(key)) => self.on_second_key(Heard::InMedia, key, now),
            (_, Input::Recording(news)) => self.on_recording_news(news, now),
            (_, Input::MediaTimeout) => self.on_media_timeout(now),
            (_, Input::SecondMediaTimeout) => self.on_second_media_timeout(now),
            (_, Input::Noticed(event)) => self.on_noticed(event, now),
            (_, Input::Digit(key)) => self.on_caller_key(Heard::InMedia, key, now),
            (_, Input::Drain) => self.on_drain(now),
            (_, Input::Kill(reason)) => self.on_kill(&reason, now),
            (_, input) => self.on_news(input, now),
        }
        self.answer_if_ready(now);
        self.drain(now);
    }

    /// The time given by [`Self::poll_timeout`] has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.state == State::Over {
            return;
        }
        let due = |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= now);
        if due(self.session.poll_timeout()) {
            self.session.handle_timeout(now);
        }
        if due(self.second.poll_timeout())
            && let Some(session) = self.second.session()
        {
            session.handle_timeout(now);
        }
        self.handle_transfer_timeout(now);
        if due(self.conversation.poll_timeout()) {
            self.conversation.handle_timeout(now);
        }
        if due(self.timer.map(|(_, deadline)| deadline)) {
            self.on_timer(now);
        }
        self.drain(now);
    }

    /// The next thing to be done.
    pub fn poll_command(&mut self) -> Option<Command> {
        self.commands.pop_front()
    }

    /// When [`Self::handle_timeout`] is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.state == State::Over {
            return None;
        }
        let own = self.timer.map(|(_, deadline)| deadline);
        let deadlines = [
            self.session.poll_timeout(),
            self.conversation.poll_timeout(),
            self.second.poll_timeout(),
            self.transfer.as_ref().and_then(Transfer::poll_timeout),
            own,
        ];
        deadlines.into_iter().flatten().min()
    }

    /// True when [`Command::Over`] has been given or is about to be.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// What answers.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The INVITE was read: ring, or answer.
    fn on_arrived(&mut self, now: Instant) {
        if self.state != State::Ringing {
            return;
        }
        let waits = self.kind == Kind::Assistant && self.negotiated.is_some();
        if waits {
            self.session.ring(now);
            self.timer = Some((Timer::Answer, now + self.answer_after_max));
        } else {
            // A diagnostic needs nothing; an INVITE without an offer tells its codec only after the 200.
            self.answer(now);
        }
    }

    fn answer_if_ready(&mut self, now: Instant) {
        let ready = self.ear == Readiness::Settled && self.voice == Readiness::Settled;
        if self.state == State::Ringing && ready {
            self.answer(now);
        }
    }

    fn answer(&mut self, now: Instant) {
        self.timer = Some((Timer::Begin, now + BEGIN_WITHOUT_ACK));
        self.state = State::Answered;
        if let Some(negotiated) = self.negotiated.clone() {
            self.push(Command::Media(negotiated));
        }
        self.session.accept(now);
    }

    /// The caller can hear us.
    fn begin(&mut self, now: Instant) {
        if self.state != State::Answered {
            return;
        }
        self.state = State::Talking;
        self.timer = match self.kind {
            Kind::Assistant => {
                self.conversation.handle(conversation::Input::Answered, now);
                None
            }
            Kind::Echo | Kind::Tone => Some((Timer::Diagnostic, now + self.diagnostic_max)),
        };
    }

    /// News of speech, model and media; the conversation's business.
    fn on_news(&mut self, input: Input, now: Instant) {
        let input = match input {
            Input::Heard(heard) => conversation::Input::Heard(heard),
            Input::Passages(passages) => conversation::Input::Passages(passages),
            Input::Reply(id, event) => conversation::Input::Reply(id, event),
            Input::Rendering(id) => conversation::Input::Rendering(id),
            Input::Rendered(id, duration) => conversation::Input::Rendered(id, duration),
            Input::Playing(id) => conversation::Input::Playing(id),
            Input::Played(id) => conversation::Input::Played(id),
            Input::Stopped(position) => conversation::Input::Stopped(position),
            Input::Failed(service, failure) => {
                match service {
                    Service::Ear => self.ear = Readiness::Settled,
                    Service::Voice => self.voice = Readiness::Settled,
                    Service::Model => {}
                }
                conversation::Input::Failed(service, failure)
            }
            Input::Sip(_)
            | Input::EarReady
            | Input::VoiceReady
            | Input::SecondSip(_)
            | Input::SecondLeg(_)
            | Input::NoSecondLeg(_)
            | Input::MediaTimeout
            | Input::SecondMediaTimeout
            | Input::Digit(_)
            | Input::Noticed(_)
            | Input::SecondDigit(_)
            | Input::Recording(_)
            | Input::Drain
            | Input::Kill(_) => return,
        };
        if self.kind == Kind::Assistant {
            self.conversation.handle(input, now);
        }
    }

    fn on_timer(&mut self, now: Instant) {
        match self.timer.take() {
            Some((Timer::Answer, _)) => self.answer(now),
            Some((Timer::Begin, _)) => self.begin(now),
            Some((Timer::Diagnostic, _)) => self.hang_up("the test has lasted long enough", now),
            Some((Timer::Kill, _)) => self.release(),
            None => {}
        }
    }

    /// Everything that session and conversation have to say, until both are silent.
    fn drain(&mut self, now: Instant) {
        loop {
            if let Some(output) = self.session.poll_output() {
                self.push(Command::Sip(output));
            } else if let Some(event) = self.session.poll_event() {
                self.on_session_event(event, now);
            } else if let Some(output) = self.second.poll_output() {
                self.push(Command::SecondSip(output));
            } else if let Some(event) = self.second.poll_event() {
                self.on_second_event(event, now);
            } else if let Some(command) = self.conversation.poll_command() {
                self.on_conversation_command(command, now);
            } else {
                return;
            }
        }
    }

    fn on_session_event(&mut self, event: session::Event, now: Instant) {
        match event {
            session::Event::Negotiated(negotiated) => self.on_negotiated(negotiated, now),
            session::Event::Answered => {
                self.push(Command::Record(Entry::Answered(self.since_start(now))));
            }
            session::Event::Confirmed => self.on_confirmed(now),
            session::Event::Digit(key) => self.on_caller_key(Heard::Signalled, key, now),
            session::Event::Pressed(status) => self.on_pressed(status, now),
            session::Event::Held(held) if self.kind == Kind::Assistant => {
                self.on_held(held, now);
            }
            session::Event::Ringing | session::Event::Held(_) | session::Event::EarlyMedia(_) => {}
            session::Event::Referral(referral) => self.on_referral(referral, now),
            session::Event::Referred(referred) => self.on_referred(&referred, now),
            session::Event::Ended(ended) => self.on_session_ended(&ended, now),
        }
    }

    /// The codec and where to send: at the INVITE, with the ACK of a late answer, or with a re-INVITE.
    fn on_negotiated(&mut self, negotiated: Negotiated, now: Instant) {
        let first = self.negotiated.replace(negotiated.clone()).is_none();
        if first && self.kind == Kind::Assistant {
            self.push(Command::OpenServices(negotiated.clone()));
        }
        match self.state {
            State::Answered | State::Talking => self.push(Command::Media(negotiated)),
            State::Ringing | State::Ended | State::Over => {}
        }
        if first && self.state == State::Answered {
            self.timer = Some((Timer::Begin, now + BEGIN_WITHOUT_ACK));
        }
    }

    /// The ACK has come.
    fn on_confirmed(&mut self, now: Instant) {
        self.begin(now);
    }

    fn on_conversation_command(&mut self, command: conversation::Command, now: Instant) {
        use conversation::Command as Said;
        if self.ended && !matches!(command, Said::Record(_) | Said::StopSpeaking) {
            return;
        }
        let command = match command {
            Said::Speak(id, speech) => Command::Speak(id, speech),
            Said::StopSpeaking => Command::StopSpeaking,
            Said::Search(query) => Command::Search(query),
            Said::Ask(request) => Command::Ask(request),
            Said::CancelReply(id) => Command::CancelReply(id),
            Said::Record(entry) => Command::Record(entry),
            Said::RecordCall(allowed) => return self.record_call(allowed, now),
            Said::Transfer(name) => return self.transfer(&name, now),
            Said::CancelTransfer => {
                let reason = "the call goes on without it".to_owned();
                return self.tell_transfer(transfer::News::GivenUp(reason), now);
            }
            Said::HangUp(reason) => return self.hang_up(&reason, now),
        };
        self.push(command);
    }

    fn push(&mut self, command: Command) {
        self.commands.push_back(command);
    }

    fn is_answered(&self) -> bool {
        matches!(self.state, State::Answered | State::Talking)
    }

    fn since_start(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.started)
    }
}

#[cfg(test)]
mod tests;
