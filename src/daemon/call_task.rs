//! One call's task: waits for one event, gives it to the call, performs what the call commands.
//!
//! The call itself ([`crate::call::Call`]) decides; nothing is decided here.

use core::net::SocketAddr;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

mod facts;

use super::legs::{
    MediaLeg, ModelLeg, RecordingLeg, SearchLeg, SecondLeg, SpeechEvent, SpeechLegs,
};
use super::lines::Line;
use super::metrics::Counter;
use super::second_leg::{Ask, Way};
use super::services::Services;
use crate::audio::Codec;
use crate::audio::tone::RingBack;
use crate::call::{Arrival, Call, Command, Input, Kind, Leg};
use crate::conversation::{Failure, ReplyEvent, Service};
use crate::io::clock;
use crate::io::deepgram::aura::VoiceEvent;
use crate::io::deepgram::flux::EarEvent;
use crate::io::media_socket::MediaPorts;
use crate::io::media_thread::MediaEvent;
use crate::io::recording::RecordingEvent;
use crate::sdp::Negotiated;
use crate::sip::message::{Method, Request, StatusCode};
use crate::sip::session::{self, Output};
use crate::sip::{Flow, Random, SessionId, TransactionId};
use crate::ticket::{CallId, Entry, Outcome};

/// What the daemon's loop tells a call.
#[derive(Debug)]
pub(crate) enum Inbox {
    /// From the endpoint.
    Sip(Box<session::Input>),
    /// From the endpoint, for the second leg.
    SecondSip(Box<session::Input>),
    /// Answer to [`Ask::Open`].
    SecondLeg(Result<Box<Way>, String>),
    /// Say goodbye and end.
    Drain,
    /// End now.
    Kill(String),
}

/// The task.
pub(crate) struct CallTask {
    id: CallId,
    session: SessionId,
    random: Random,
    call: Call,
    services: Arc<Services>,
    inbox: mpsc::Receiver<Inbox>,
    outputs: mpsc::Sender<(SessionId, Output)>,
    asks: mpsc::Sender<Ask>,
    media: MediaLeg,
    second: SecondLeg,
    speech: SpeechLegs,
    recording: RecordingLeg,
    model: ModelLeg,
    search: SearchLeg,
    /// Answers to commands that are known at once.
    answers: VecDeque<Input>,
    ended: bool,
    /// The ring-back tone that its callers know.
    ring_back: RingBack,
    /// Where we asked for audio.
    signalled: SocketAddr,
}

enum Event {
    Inbox(Option<Inbox>),
    Speech(SpeechEvent),
    Media(MediaEvent),
    SecondMedia(MediaEvent),
    Recording(RecordingEvent),
    Reply(ReplyEvent),
    Found(Vec<crate::conversation::Passage>),
    Due,
}

impl CallTask {
    /// A task for an INVITE that was let in.
    pub(crate) fn new(
        services: Arc<Services>,
        (kind, line): (Kind, &Line),
        (session, transaction, invite, flow): (SessionId, TransactionId, Request, Flow),
        ports: MediaPorts,
        inbox: mpsc::Receiver<Inbox>,
        (outputs, asks): (mpsc::Sender<(SessionId, Output)>, mpsc::Sender<Ask>),
        mut random: Random,
    ) -> Self {
        let now = clock::now();
        let id = new_call_id(&mut random);
        log::info!(CALL_ID = id.0.as_str(), LINE = &*line.name, PEER:% = flow.remote, KIND:? = kind; "INVITE");
        let settings = services.call_settings(flow, line, &ports, &mut random);
        let local = &settings.session.local_media;
        let signalled = SocketAddr::new(local.address, local.port);
        let arrival = Arrival {
            kind,
            transaction,
            invite,
            flow,
            at: clock::wallclock(),
        };
        let call = Call::incoming(arrival, settings, random.fork(), now);
        Self {
            media: MediaLeg::new(session, ports, kind),
            second: SecondLeg::default(),
            speech: SpeechLegs::default(),
            recording: RecordingLeg::default(),
            model: ModelLeg::default(),
            search: SearchLeg::default(),
            answers: VecDeque::new(),
            ended: false,
            ring_back: RingBack::of(&line.config.country),
            signalled,
            id,
            session,
            random,
            call,
            services,
            inbox,
            outputs,
            asks,
        }
    }

    /// The call's name.
    pub(crate) fn id(&self) -> &CallId {
        &self.id
    }

    /// Runs until the call is over and everything of it is released.
    /// Boxed, since a future holds what it is given twice: as its argument, and as its own.
    pub(crate) async fn run(mut self: Box<Self>) {
        loop {
            while let Some(command) = self.call.poll_command() {
                if self.perform(command).await {
                    self.finish();
                    return;
                }
            }
            let whole = match self.answers.pop_front() {
                Some(input) => self.handle(input),
                None => match self.next_event().await {
                    Event::Due => self.guard(Call::handle_timeout),
                    event => match self.understand(event) {
                        Some(input) => self.handle(input),
                        None => true,
                    },
                },
            };
            if !whole {
                return self.finish();
            }
        }
    }

    fn handle(&mut self, input: Input) -> bool {
        self.guard(|call, now| call.handle(input, now))
    }

    /// A broken invariant ends this call with a BYE and a ticket, and nothing else; false when not
    /// even that is possible.
    fn guard(&mut self, step: impl FnOnce(&mut Call, Instant)) -> bool {
        let (call, now) = (&mut self.call, clock::now());
        if catch_unwind(AssertUnwindSafe(|| step(call, now))).is_ok() {
            return true;
        }
        self.services.metrics.count(Counter::CallsPanicked);
        log::error!(CALL_ID = self.id.0.as_str(); "the call broke an invariant; it is ended");
        let kill = Input::Kill("internal error".to_owned());
        catch_unwind(AssertUnwindSafe(|| call.handle(kill, now))).is_ok()
    }

    async fn next_event(&mut self) -> Event {
        let due = self.call.poll_timeout();
        let timer = async {
            match due {
                Some(due) => tokio::time::sleep_until(due.into()).await,
                None => core::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            message = self.inbox.recv() => Event::Inbox(message),
            event = self.media.event() => Event::Media(event),
            event = self.second.event() => Event::SecondMedia(event),
            event = self.speech.event() => Event::Speech(event),
            event = self.recording.event() => Event::Recording(event),
            event = self.model.event() => Event::Reply(event),
            passages = self.search.result() => Event::Found(passages),
            () = timer => Event::Due,
        }
    }

    /// The call's word for an event, if it has one.
    fn understand(&mut self, event: Event) -> Option<Input> {
        if let Event::Inbox(Some(Inbox::SecondLeg(way))) = event {
            return Some(self.on_second_leg(way));
        }
        let metrics = &self.services.metrics;
        Some(match event {
            Event::Due => return None,
            Event::Inbox(Some(Inbox::Sip(input))) => Input::Sip(*input),
            Event::Inbox(Some(Inbox::SecondSip(input))) => Input::SecondSip(*input),
            Event::Inbox(Some(Inbox::SecondLeg(_))) => return None,
            Event::Inbox(Some(Inbox::Drain)) => Input::Drain,
            Event::Inbox(Some(Inbox::Kill(reason))) => Input::Kill(reason),
            // The loop holds the other end until this task has ended.
            Event::Inbox(None) => Input::Kill("the telephone system has stopped".to_owned()),
            Event::Media(event) => return self.on_media(event),
            Event::SecondMedia(MediaEvent::MediaTimeout) => {
                metrics.count(Counter::MediaTimeouts);
                Input::SecondMediaTimeout
            }
            Event::SecondMedia(MediaEvent::Digit(key)) => Input::SecondDigit(key),
            Event::SecondMedia(_) => return None,
            Event::Recording(event) => Input::Recording(RecordingLeg::understand(&self.id, event)),
            Event::Speech(event) => return self.on_speech(event),
            Event::Reply(event) => {
                if let ReplyEvent::Failed(_) = &event {
                    metrics.count(Counter::ModelFailures);
                }
                let reply = self.model.id().expect("an event comes of a running reply");
                Input::Reply(reply, event)
            }
            Event::Found(passages) => Input::Passages(passages),
        })
    }

    /// The loop has found a way to the target, or none.
    fn on_second_leg(&mut self, way: Result<Box<Way>, String>) -> Input {
        match way {
            Ok(way) => {
                let codec = self.second.caller_codec();
                let leg = self.services.second_leg(&way, codec, &mut self.random);
                self.second.open(*way);
                Input::SecondLeg(Box::new(leg))
            }
            Err(reason) => Input::NoSecondLeg(reason),
        }
    }

    fn on_speech(&self, event: SpeechEvent) -> Option<Input> {
        let metrics = &self.services.metrics;
        Some(match event {
            SpeechEvent::Noticed(event) => Input::Noticed(event),
            SpeechEvent::Ear(EarEvent::Ready) => Input::EarReady,
            SpeechEvent::Ear(EarEvent::Heard(heard)) => Input::Heard(heard),
            SpeechEvent::Ear(EarEvent::Failed(failure)) => {
                metrics.count(Counter::EarFailures);
                self.lost(Service::Ear, failure)
            }
            SpeechEvent::Voice(VoiceEvent::Ready) => Input::VoiceReady,
            SpeechEvent::Voice(VoiceEvent::Rendering(utterance)) => Input::Rendering(utterance),
            SpeechEvent::Voice(VoiceEvent::Rendered(utterance, length)) => {
                Input::Rendered(utterance, length)
            }
            SpeechEvent::Voice(VoiceEvent::Failed(utterance, failure)) => {
                metrics.count(Counter::VoiceFailures);
                if utterance.is_some_and(|utterance| self.speech.is_stopped(utterance)) {
                    return None;
                }
                self.lost(Service::Voice, failure)
            }
        })
    }

    fn on_media(&mut self, event: MediaEvent) -> Option<Input> {
        let call = self.id.0.as_str();
        match &event {
            MediaEvent::MediaTimeout => self.services.metrics.count(Counter::MediaTimeouts),
            MediaEvent::FirstPacket(from) => {
                log::debug!(CALL_ID = call, PEER:% = from; "first packet");
            }
            MediaEvent::NoMedia { signalled, strays } => {
                let address = |address: &Option<_>| {
                    address.map_or("none".to_owned(), |it: SocketAddr| it.to_string())
                };
                log::warn!(
                    CALL_ID = call, WE_SIGNALLED:% = self.signalled, WE_SEND_TO = address(signalled).as_str(),
                    PACKETS_CAME_FROM = address(strays).as_str();
                    "no audio 2 s after the answer"
                );
            }
            MediaEvent::Underrun(utterance) => {
                log::warn!(CALL_ID = call, UTTERANCE = utterance.0; "speech ran dry");
            }
            MediaEvent::Stopped(summary) if summary.failed => {
                log::error!(CALL_ID = call; "the media of this call broke");
            }
            MediaEvent::Played(utterance) => self.speech.played(*utterance),
            MediaEvent::Digit(_) | MediaEvent::Playing(_) | MediaEvent::Stopped(_) => {}
        }
        MediaLeg::understand(&event)
    }

    /// Opens ear and voice for a codec.
    fn open_speech(&mut self, codec: Codec) {
        let ends = self.media.open_rings(codec);
        let opened = self.speech.open(&self.services, &self.id, codec, ends);
        if let Err(reason) = opened {
            log::error!(CALL_ID = self.id.0.as_str(), CODEC:? = codec; "no speech in this codec: {reason}");
            let failure = Failure::Unavailable(reason);
            self.answers.push_back(Input::Failed(Service::Ear, failure));
        }
    }

    /// Starts the stream, or changes it; ear and voice follow it into another codec.
    fn start_media(&mut self, negotiated: &Negotiated) {
        let codec = negotiated.codec;
        self.media.start(&self.services, &self.id, negotiated);
        if self.media.needs_other_speech(codec) {
            log::info!(CALL_ID = self.id.0.as_str(), CODEC:? = codec; "the call goes on in another codec");
            self.open_speech(codec);
            self.media.turn_to_rings(&self.services, &self.id);
        }
        self.speech.heed_keys(negotiated.telephone_event.is_none());
        self.second.caller_speaks(&self.services, &self.id, codec);
    }

    fn lost(&self, service: Service, failure: Failure) -> Input {
        log::warn!(CALL_ID = self.id.0.as_str(), SERVICE:? = service; "lost: {failure:?}");
        Input::Failed(service, failure)
    }

    /// Performs a command; true when the call is over.
    async fn perform(&mut self, command: Command) -> bool {
        match command {
            Command::Sip(output) => {
                self.count_refusal(&output);
                // The loop outlives its calls; if it is gone, so is the process.
                let _ = self.outputs.send((self.session, output)).await;
            }
            Command::OpenServices(negotiated) => {
                let codec = negotiated.codec;
                self.media.tap(self.recording.tap(&self.services, codec));
                self.open_speech(codec);
                self.services.model.warm();
            }
            Command::Media(negotiated) => self.start_media(&negotiated),
            Command::Speak(utterance, speech) => {
                if let Err(failure) = self.speech.speak(utterance, speech) {
                    self.answers
                        .push_back(Input::Failed(Service::Voice, failure));
                }
            }
            Command::StopSpeaking => {
                let position = self.speech.stop();
                let frames = |frames: u32| crate::audio::FRAME * frames;
                let stopped = position.map(|(utterance, count)| (utterance, frames(count)));
                self.answers.push_back(Input::Stopped(stopped));
            }
            Command::Search(question) => self.search.start(&self.services, question),
            Command::Ask(request) => self.model.ask(&self.services, &self.id, request),
            Command::CancelReply(reply) => self.model.cancel(reply),
            Command::Recording(act) => self.recording.act(&self.services, &self.id, act),
            Command::Record(entry) => {
                if matches!(entry, Entry::Ended { .. }) {
                    self.record_sound().await;
                }
                self.record(entry);
            }
            Command::OpenSecondLeg { target, elsewhere } => {
                let wish = Ask::Open {
                    call: self.session,
                    target,
                    tried: self.second.tried(elsewhere),
                };
                // As with the outputs: the loop outlives its calls.
                let _ = self.asks.send(wish).await;
            }
            Command::SecondSip(output) => {
                if let Some(session) = self.second.session() {
                    let _ = self.outputs.send((session, output)).await;
                }
            }
            Command::SecondMedia(negotiated) => {
                self.second.start(&self.services, &self.id, &negotiated);
            }
            Command::RingBack => {
                let caller = (self.session, self.media.law());
                let second = &self.second;
                second.ring_back(&self.services, &self.id, caller, self.ring_back);
            }
            Command::JoinEarly => self.second.join(&self.services, &self.id, self.session),
            Command::Resume => self.second.resume(&self.services, &self.id, self.session),
            Command::Press(leg, key) => self.press(leg, key),
            Command::Join => self.join(),
            Command::SecondLegOver => {
                if let Some(session) = self.second.close(&self.services) {
                    let _ = self.asks.send(Ask::Close(session)).await;
                }
            }
            Command::Over => return true,
        }
        false
    }

    fn press(&self, leg: Leg, key: char) {
        let session = match leg {
            Leg::Caller => Some(self.session),
            Leg::Second => self.second.session(),
        };
        let Some(session) = session else {
            return;
        };
        if let Err(error) = self.services.media.press(session.0, key) {
            log::error!(CALL_ID = self.id.0.as_str(); "a key is not pressed: {error}");
        }
    }

    /// The caller and the person reached hear each other, and the assistant no longer listens.
    fn join(&mut self) {
        self.second.join(&self.services, &self.id, self.session);
        self.speech.close();
        self.model = ModelLeg::default();
        self.search = SearchLeg::default();
    }

    /// Counts a final answer to the INVITE that is none of success.
    fn count_refusal(&self, output: &Output) {
        let Output::Respond { response, .. } = output else {
            return;
        };
        let of_invite = response
            .cseq()
            .is_some_and(|cseq| cseq.method == Method::Invite);
        if of_invite && response.status.0 >= 300 {
            self.services.metrics.count(match response.status {
                StatusCode::REQUEST_TERMINATED => Counter::CancelledCalls,
                StatusCode::NOT_ACCEPTABLE_HERE => Counter::RefusedMedia,
                _ => Counter::RefusedOther,
            });
        }
    }

    /// What must hold at the end whatever happened before: the record has an end.
    fn finish(&mut self) {
        if !self.ended {
            let reason = "the call broke".to_owned();
            self.record(Entry::Ended {
                at: Duration::ZERO,
                outcome: Outcome::Failed,
                reason,
            });
        }
        let missed = self.speech.missed();
        self.services.metrics.add(Counter::QueueFull, missed);
        self.media.stop(&self.services);
        self.second.close(&self.services);
    }
}

/// Seconds since 1970 and 32 bits of chance, in hexadecimal: sorts by time; two calls of the same second
/// share a name once in four billion.
fn new_call_id(random: &mut Random) -> CallId {
    let since = clock::wallclock()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    let chance = random.next_u64() & 0xFFFF_FFFF;
    CallId(format!("{:08x}{chance:08x}", since.as_secs()))
}
