//! One call's voice: takes utterances in order, renders each whole before the next, fills the ring.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{Notify, mpsc};

use super::active::{Active, Source, part};
use super::ahead::Ahead;
use super::link::{Link, LinkEvent};
use super::{Say, Shared, VoiceEvent};
use crate::audio::FRAME;
use crate::conversation::{Failure, Speech};
use crate::io::clock;
use crate::io::deepgram::Timer;
use crate::io::deepgram::cutter::{Cutter, Owner};
use crate::io::deepgram::flush_budget::FlushBudget;
use crate::io::deepgram::wire::{SpeakEvent, pieces};
use crate::io::prompt_cache;
use crate::io::transcode::{AgentAudio, Spoken};
use crate::io::websocket::Received;
use crate::ticket::CallId;

/// Frames rendered ahead of the ring: four seconds, so that the next utterance is ready when one ends, and how long one
/// is is known soon. When full the connection is not read and the next utterance waits; nothing is dropped.
const AHEAD: usize = 200;
/// Frames of a kept prompt ahead of the ring: it is all there, and its length known.
const KEPT_AHEAD: usize = 50;
/// How often an idle connection is pinged, well within the service's minute.
const PING: Duration = Duration::from_secs(20);
/// How long the service may take to confirm a Clear before the connection is given up.
const CLEARING: Duration = Duration::from_secs(1);
/// A connection is not used beyond this age; the service ends it after an hour, be it in mid-word.
const AGE: Duration = Duration::from_secs(55 * 60);
/// How long the far end may take to close.
const FAREWELL: Duration = Duration::from_secs(1);

/// What there is to do.
enum Event {
    Nudged,
    Room(bool),
    Link(LinkEvent),
    Part(Option<Result<Bytes, Failure>>),
    Late,
    Say(Option<Say>),
    Ping,
}

/// One call's voice.
pub(super) struct Speaker {
    shared: Arc<Shared>,
    call: CallId,
    agent: AgentAudio,
    events: mpsc::Sender<VoiceEvent>,
    queue: mpsc::Receiver<Say>,
    nudge: Arc<Notify>,
    url: Result<String, Failure>,
    link: Link,
    budget: FlushBudget,
    frames: Ahead,
    /// The epoch last seen in force.
    epoch: u32,
    active: Option<Active>,
    watchdog: Timer,
    /// When the connection was opened.
    opened: Option<Instant>,
    ready: bool,
    over: bool,
    /// Flushes given up by a Clear, whose `Flushed` may still come.
    strays: u32,
    failed: Option<(Failure, Instant)>,
    /// The ring is held to sound until then.
    sounding: Option<Instant>,
}

impl Speaker {
    pub(super) fn new(
        shared: &Arc<Shared>,
        call: CallId,
        agent: AgentAudio,
        events: mpsc::Sender<VoiceEvent>,
        queue: mpsc::Receiver<Say>,
        nudge: Arc<Notify>,
    ) -> Self {
        let url = shared.settings.url(agent.format());
        Self {
            link: Link::open(shared, url.clone(), shared.settings.patience.connect),
            budget: FlushBudget::new(shared.settings.flushes_per_minute),
            shared: Arc::clone(shared),
            call,
            epoch: agent.epoch(),
            agent,
            events,
            queue,
            nudge,
            url,
            frames: Ahead::default(),
            active: None,
            watchdog: Timer::after(CLEARING),
            opened: None,
            ready: false,
            over: false,
            strays: 0,
            failed: None,
            sounding: None,
        }
    }

    /// Boxed, since a future holds what it is given twice: as its argument, and as its own.
    pub(super) async fn run(mut self: Box<Self>) {
        let mut ping = Timer::after(PING);
        while !self.over && !self.queue.is_closed() {
            self.drop_stale().await;
            match self.event(&mut ping).await {
                Event::Nudged => {}
                Event::Room(true) => self.deliver(),
                Event::Room(false) | Event::Say(None) => self.over = true,
                Event::Link(event) => self.linked(event).await,
                Event::Part(part) => self.part(part).await,
                Event::Late => self.late().await,
                Event::Say(Some(say)) => self.begin(say).await,
                Event::Ping => {
                    ping.restart(PING);
                    self.link.ping().await;
                }
            }
        }
        let link = std::mem::replace(&mut self.link, Link::Down);
        link.finish(FAREWELL).await;
    }

    async fn event(&mut self, ping: &mut Timer) -> Event {
        let room = self.frames.len() < AHEAD;
        let waiting =
            matches!(&self.active, Some(active) if matches!(active.source, Source::Waiting));
        let clearing = matches!(self.link, Link::Clearing(_));
        let up = matches!(self.link, Link::Up(_));
        let kept = self.active.as_ref().is_some_and(Active::is_kept);
        let wanted = room && (!kept || self.frames.len() < KEPT_AHEAD);
        let late = clearing || (room && self.active.is_some() && !waiting && !kept);
        let idle = self.active.is_none();
        tokio::select! {
            biased;
            () = self.nudge.notified() => Event::Nudged,
            room = self.agent.room(), if !self.frames.is_empty() => Event::Room(room),
            event = self.link.next(), if room || !up => Event::Link(event),
            part = part(&mut self.active), if wanted => Event::Part(part),
            () = self.watchdog.elapsed(), if late => Event::Late,
            say = self.queue.recv(), if idle && room => Event::Say(say),
            () = ping.elapsed(), if idle => Event::Ping,
        }
    }

    /// Moves frames into the ring while it has room.
    fn deliver(&mut self) {
        let full = self.frames.len() >= AHEAD;
        let now = clock::now();
        while let Some(frame) = self.frames.first() {
            if !self.agent.push(frame) {
                break;
            }
            self.frames.pop();
            let start = self.sounding.unwrap_or(now).max(now);
            self.sounding = Some(start + FRAME);
        }
        if full && self.frames.len() < AHEAD {
            // Nothing was read meanwhile, so nothing can be late.
            self.watchdog
                .restart(self.shared.settings.patience.between_bytes);
        }
    }

    /// Gives up what belongs to an older epoch.
    async fn drop_stale(&mut self) {
        let epoch = self.agent.epoch();
        if std::mem::replace(&mut self.epoch, epoch) != epoch {
            self.frames.keep(epoch);
            self.sounding = None;
        }
        let stale = |active: &mut Active| active.say.epoch != epoch;
        let Some(active) = self.active.take_if(stale) else {
            return;
        };
        if active.is_on_link() {
            self.clear().await;
        }
    }

    /// Has the service drop the utterance it renders.
    async fn clear(&mut self) {
        self.strays += 1;
        self.link.clear().await;
        self.watchdog.restart(CLEARING);
    }

    async fn begin(&mut self, say: Say) {
        if say.epoch != self.agent.epoch() {
            return;
        }
        let owner = Owner {
            utterance: say.utterance,
            epoch: say.epoch,
            format: self.agent.format(),
        };
        let silent = self.sounding.is_none_or(|until| until <= clock::now());
        let cutter = Cutter::new(owner, silent && self.frames.is_empty());
        let active = Active {
            say,
            source: Source::Waiting,
            cutter,
            came: 0,
            skip: 0,
            retried: false,
        };
        if let Speech::Prompt(text) = &active.say.speech
            && let Some(audio) = self.shared.prompts.get(text, self.agent.format())
        {
            self.count(&self.shared.counters.prompts);
            return self.begin_kept(active, audio).await;
        }
        if let Some(failure) = self.still_failed() {
            let prompt = matches!(active.say.speech, Speech::Prompt(_));
            if prompt {
                let apology = prompt_cache::apology(self.agent.format());
                return self.begin_kept(active, apology).await;
            }
            let utterance = Some(active.say.utterance);
            return self.tell(VoiceEvent::Failed(utterance, failure)).await;
        }
        let wordless = pieces(active.say.speech.text()).is_empty();
        self.active = Some(active);
        if wordless {
            return self.complete().await;
        }
        self.advance().await;
    }

    /// The failure that still holds. A refusal holds for the whole call.
    fn still_failed(&mut self) -> Option<Failure> {
        let rest = self.shared.settings.patience.rest;
        let now = clock::now();
        let (failure, at) = self.failed.as_ref()?;
        let holds =
            matches!(failure, Failure::Refused(_)) || now.saturating_duration_since(*at) < rest;
        if !holds {
            self.failed = None;
        }
        self.failed.as_ref().map(|(failure, _)| failure.clone())
    }

    /// Speaks audio that is all there, slice by slice; how long it sounds is told at once.
    async fn begin_kept(&mut self, active: Active, audio: Bytes) {
        let utterance = active.say.utterance;
        let long = active.cutter.length(&audio);
        let source = Source::Kept(audio);
        self.active = Some(Active { source, ..active });
        self.tell(VoiceEvent::Rendering(utterance)).await;
        self.tell(VoiceEvent::Rendered(utterance, long)).await;
    }

    /// Starts the utterance at hand if what it needs is there.
    async fn advance(&mut self) {
        let patience = self.shared.settings.patience;
        let Some(active) = self.active.as_mut() else {
            return;
        };
        if !matches!(active.source, Source::Waiting) {
            return;
        }
        let text = active.say.speech.text();
        let now = clock::now();
        let aged = |at: Instant| now.saturating_duration_since(at) >= AGE;
        if matches!(self.link, Link::Up(_)) && self.opened.is_some_and(aged) {
            self.link = Link::Down;
        }
        match &self.link {
            Link::Opening(_) | Link::Clearing(_) => return,
            Link::Down => {
                let wait = if active.retried {
                    patience.reconnect
                } else {
                    patience.connect
                };
                self.strays = 0;
                self.budget = FlushBudget::new(self.shared.settings.flushes_per_minute);
                self.link = Link::open(&self.shared, self.url.clone(), wait);
                return;
            }
            Link::Up(_) if self.budget.take(now) => {
                // A connection that does not take it is told lost by its next event.
                self.link.render(text).await;
                active.source = Source::Link;
            }
            Link::Up(_) => {
                active.source =
                    Source::Request(self.shared.renderer.start(self.agent.format(), text));
                self.count(&self.shared.counters.requests);
            }
        }
        self.watchdog.restart(patience.first_byte);
    }

    async fn linked(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Opened(Ok(socket)) => {
                log::info!(CALL_ID = self.call.0, request_id = socket.request_id(); "the voice is open");
                self.link = Link::Up(socket);
                self.opened = Some(clock::now());
                self.count(&self.shared.counters.connects);
                if !std::mem::replace(&mut self.ready, true) {
                    self.tell(VoiceEvent::Ready).await;
                }
                self.advance().await;
            }
            LinkEvent::Opened(Err(failure)) => {
                self.link = Link::Down;
                let wanted = |active: &Active| !active.is_kept();
                if self.active.as_ref().is_some_and(wanted) || !self.ready {
                    self.fail(failure).await;
                }
            }
            LinkEvent::Received(Received::Binary(audio)) => match &self.active {
                Some(active) if active.is_on_link() => self.audio(&audio).await,
                _ if matches!(self.link, Link::Clearing(_)) => {}
                _ => self.count(&self.shared.counters.unknown),
            },
            LinkEvent::Received(Received::Text(text)) => self.message(&text).await,
            LinkEvent::Received(Received::Closed(reason)) => self.closed(&reason).await,
        }
    }

    async fn message(&mut self, text: &str) {
        let message: SpeakEvent = serde_json::from_str(text).unwrap_or_default();
        let rendering = self.active.as_ref().is_some_and(Active::is_on_link);
        let came = self.active.as_ref().map_or(0, |active| active.came);
        match message.kind.as_str() {
            "Flushed" if !rendering => self.strays = self.strays.saturating_sub(1),
            "Flushed" if came == 0 && self.strays > 0 => self.strays -= 1,
            "Flushed" => self.complete().await,
            "Cleared" => {
                self.link.cleared();
                self.advance().await;
            }
            "Warning" if message.refuses_flush() && rendering => self.refused_flush().await,
            "Warning" => {
                log::warn!(CALL_ID = self.call.0; "the voice's service warns: {}", message.told());
            }
            "Metadata" => {}
            _ => self.count(&self.shared.counters.unknown),
        }
    }

    /// The service did not take the Flush, so it will not end the utterance: a request does, and
    /// what sounded already is passed over.
    async fn refused_flush(&mut self) {
        log::info!(CALL_ID = self.call.0; "the voice's flush was refused; rendering by request");
        self.budget.spend(clock::now());
        self.clear().await;
        let Some(active) = self.active.as_mut() else {
            return;
        };
        let text = active.say.speech.text();
        active.source = Source::Request(self.shared.renderer.start(self.agent.format(), text));
        active.skip = active.came;
        self.watchdog
            .restart(self.shared.settings.patience.first_byte);
        self.count(&self.shared.counters.requests);
    }

    async fn closed(&mut self, reason: &str) {
        log::debug!(CALL_ID = self.call.0; "the voice's connection closed: {reason}");
        self.link = Link::Down;
        let Some(active) = self.active.as_mut() else {
            return;
        };
        if !active.is_on_link() {
            return self.advance().await;
        }
        if active.came > 0 || active.retried {
            let told = format!("the voice's service closed: {reason}");
            return self.fail(Failure::Unavailable(told)).await;
        }
        active.retried = true;
        active.source = Source::Waiting;
        self.count(&self.shared.counters.reconnects);
        self.advance().await;
    }

    async fn part(&mut self, part: Option<Result<Bytes, Failure>>) {
        match part {
            Some(Ok(audio)) => self.audio(&audio).await,
            Some(Err(failure)) => self.fail(failure).await,
            None => self.complete().await,
        }
    }

    /// Takes audio of the utterance at hand.
    async fn audio(&mut self, audio: &[u8]) {
        self.watchdog
            .restart(self.shared.settings.patience.between_bytes);
        let Some(active) = self.active.as_mut() else {
            return;
        };
        let passed = active.skip.min(audio.len());
        active.skip -= passed;
        let audio = &audio[passed..];
        if audio.is_empty() {
            return;
        }
        let first = active.came == 0 && !active.is_kept();
        active.came += audio.len();
        let mut spoken = Vec::new();
        active.cutter.push(audio, &mut spoken);
        let utterance = active.say.utterance;
        self.take(spoken).await;
        if first {
            self.tell(VoiceEvent::Rendering(utterance)).await;
        }
    }

    /// Makes ready for the wire what was spoken.
    async fn take(&mut self, spoken: Vec<Spoken>) {
        self.frames.push(self.agent.encode(spoken).await);
    }

    /// All audio of the utterance at hand is there.
    async fn complete(&mut self) {
        let Some(active) = self.active.take() else {
            return;
        };
        self.strays = 0;
        let (utterance, kept) = (active.say.utterance, active.is_kept());
        let mut spoken = Vec::new();
        let long = active.cutter.finish(&mut spoken);
        self.take(spoken).await;
        if kept {
            return; // this was told at its beginning
        }
        if active.came == 0 {
            self.tell(VoiceEvent::Rendering(utterance)).await;
        }
        self.tell(VoiceEvent::Rendered(utterance, long)).await;
    }

    async fn late(&mut self) {
        if matches!(self.link, Link::Clearing(_)) {
            self.link = Link::Down;
            let requesting = self.active.as_ref().is_some_and(Active::is_requested);
            if !requesting {
                return self.advance().await;
            }
        }
        self.fail(Failure::Stalled(
            "the voice's service gives no audio".to_owned(),
        ))
        .await;
    }

    /// The utterance at hand cannot be spoken.
    async fn fail(&mut self, failure: Failure) {
        if let Failure::Refused(reason) = &failure {
            log::error!(CALL_ID = self.call.0; "the speech service refuses to speak: {reason}");
        } else {
            log::warn!(CALL_ID = self.call.0; "the voice failed: {failure:?}");
        }
        self.count(&self.shared.counters.failures);
        if !matches!(self.link, Link::Opening(_)) {
            self.link = Link::Down;
        }
        let given_up = self.active.take_if(|active| !active.is_kept());
        self.failed = Some((failure.clone(), clock::now()));
        let utterance = given_up.as_ref().map(|active| active.say.utterance);
        self.tell(VoiceEvent::Failed(utterance, failure)).await;
        // A prompt that was to be rendered live still has its stand-in.
        if let Some(Active { say, came: 0, .. }) = given_up
            && matches!(say.speech, Speech::Prompt(_))
        {
            self.begin(say).await;
        }
    }

    async fn tell(&mut self, event: VoiceEvent) {
        self.over |= self.events.send(event).await.is_err();
    }

    fn count(&self, counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}
