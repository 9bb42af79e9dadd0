//! One call's ear: carries audio one way and events the other, over one connection or two.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::{Counters, EarEvent, Shared};
use crate::conversation::{Failure, Heard};
use crate::io::clock;
use crate::io::deepgram::feed::{CHUNK_FRAMES, Feed};
use crate::io::deepgram::turn::Turns;
use crate::io::deepgram::wire::{Control, Listen};
use crate::io::deepgram::{Timer, jittered, until};
use crate::io::tls::Tls;
use crate::io::transcode::CallerAudio;
use crate::io::websocket::{self, Received, Socket, Target};
use crate::ticket::CallId;

/// Audio that pauses longer than this is replaced by silence.
const GAP: Duration = Duration::from_millis(200);
/// How long one message of audio sounds.
const CHUNK_TIME: Duration = Duration::from_millis(80);
/// Audio that waits is sent at 1.25 times its speed, the fastest the service recommends.
const PACE: Duration = Duration::from_millis(64);
/// The pause before a second try to connect.
const RETRY: Duration = Duration::from_millis(200);
/// A connection that held this long may be replaced once more.
const SETTLED: Duration = Duration::from_secs(10);
/// How long the far end may take to close.
const FAREWELL: Duration = Duration::from_secs(1);
/// A turn that began on a lost connection ends when no word follows for this long.
const HANGING: Duration = Duration::from_millis(1200);

/// One call's ear.
pub(super) struct Listener {
    shared: Arc<Shared>,
    call: CallId,
    url: Result<String, Failure>,
    caller: CallerAudio,
    events: mpsc::Sender<EarEvent>,
    closed: oneshot::Receiver<()>,
    feed: Feed,
    turns: Turns,
    /// The last message's number on this connection.
    sequence: Option<u64>,
    /// When the connection was last replaced.
    replaced: Option<Instant>,
}

/// What one connection has to wait for.
enum Event {
    Closed,
    Received(Received),
    Silent,
    Send,
    Audio(bool),
    Gap,
    Hanging,
}

/// How one connection ended.
enum End {
    /// The call is over.
    Over,
    /// It was lost; the next one must speak within this time.
    Lost(Failure, Duration),
}

impl Listener {
    pub(super) fn new(
        shared: &Arc<Shared>,
        call: CallId,
        caller: CallerAudio,
        events: mpsc::Sender<EarEvent>,
        closed: oneshot::Receiver<()>,
    ) -> Self {
        Self {
            shared: Arc::clone(shared),
            call,
            url: shared.settings.url(caller.format()),
            feed: Feed::new(caller.format()),
            caller,
            events,
            closed,
            turns: Turns::default(),
            sequence: None,
            replaced: None,
        }
    }

    /// Boxed, since a future holds what it is given twice: as its argument, and as its own.
    pub(super) async fn run(mut self: Box<Self>) -> Result<(), Failure> {
        let patience = self.shared.settings.patience;
        let Some(opened) = self.dial(patience.connect).await else {
            return Ok(());
        };
        let mut socket = opened?;
        if self.events.send(EarEvent::Ready).await.is_err() {
            return Ok(());
        }
        let mut silent = patience.stall;
        loop {
            let (failure, patience) = match self.listen(&mut socket, silent).await {
                End::Over => {
                    socket.finish(&Control::CloseStream.json(), FAREWELL).await;
                    return Ok(());
                }
                End::Lost(failure, patience) => (failure, patience),
            };
            log::info!(CALL_ID = self.call.0, request_id = socket.request_id();
                "the ear's connection is lost: {failure:?}");
            let lost = clock::now();
            let settled = |at: Instant| lost.saturating_duration_since(at) >= SETTLED;
            if !self.replaced.is_none_or(settled) {
                return Err(failure);
            }
            self.replaced = Some(lost);
            self.turns.lost();
            self.drop_audio_beyond_patience();
            let Some(opened) = self.dial(patience).await else {
                return Ok(());
            };
            socket = opened.map_err(|later| match later {
                Failure::Refused(_) => later,
                _ => failure,
            })?;
            self.count(&self.shared.counters.reconnects);
            silent = patience.saturating_sub(clock::now().saturating_duration_since(lost));
        }
    }

    fn drop_audio_beyond_patience(&mut self) {
        let dropped = self.feed.rewind();
        let counter = &self.shared.counters.dropped_audio;
        counter.fetch_add(dropped as u64, Ordering::Relaxed);
    }

    fn count(&self, counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Connects and waits for the service's greeting, trying again while there is patience. `None`
    /// when the call ended meanwhile.
    async fn dial(&mut self, patience: Duration) -> Option<Result<Socket, Failure>> {
        let url = match &self.url {
            Ok(url) => url.clone(),
            Err(failure) => return Some(Err(failure.clone())),
        };
        let target = Target {
            url,
            authorization: self.shared.settings.endpoint.authorization(),
            connect: patience,
        };
        self.sequence = None;
        let mut last = Failure::Stalled("the ear's service does not answer".to_owned());
        let tries = async {
            loop {
                match greeted(&self.shared.tls, &target).await {
                    Err(refused @ Failure::Refused(_)) => return Err(refused),
                    Err(failure) => last = failure,
                    Ok(greeted) => return Ok(greeted),
                }
                tokio::time::sleep(jittered(RETRY)).await;
            }
        };
        let dialled = tokio::select! {
            biased;
            _ = &mut self.closed => return None,
            dialled = timeout(patience, tries) => dialled,
        };
        let greeted = match dialled {
            Ok(Ok((socket, sequence))) => {
                self.sequence = sequence;
                log::info!(CALL_ID = self.call.0, request_id = socket.request_id(); "the ear listens");
                self.count(&self.shared.counters.connects);
                Ok(socket)
            }
            Ok(Err(failure)) => Err(failure),
            Err(_) => Err(last),
        };
        Some(greeted)
    }

    /// Carries audio one way and events the other until the connection or the call ends. The first
    /// message must come within `silent`.
    async fn listen(&mut self, socket: &mut Socket, silent: Duration) -> End {
        let stall = self.shared.settings.patience.stall;
        let mut silence = Timer::after(silent);
        let mut gap = Timer::after(Duration::ZERO);
        let mut next = clock::now();
        let mut hanging = Timer::after(HANGING);
        loop {
            let ready = self.feed.ready();
            let hangs = self.turns.hangs();
            let event = tokio::select! {
                biased;
                _ = &mut self.closed => Event::Closed,
                received = socket.receive() => Event::Received(received),
                () = silence.elapsed() => Event::Silent,
                () = hanging.elapsed(), if hangs => Event::Hanging,
                () = until(next), if ready => Event::Send,
                more = hear(&mut self.caller, &mut self.feed, &self.shared.counters) => Event::Audio(more),
                () = gap.elapsed(), if !ready => Event::Gap,
            };
            let ended = match event {
                Event::Closed | Event::Audio(false) => Some(End::Over),
                Event::Received(received) => {
                    silence.restart(stall);
                    self.received(received).await
                }
                Event::Silent => Some(self.stalled()),
                Event::Hanging => {
                    let heard = self.turns.expire();
                    self.report(heard).await
                }
                Event::Send => {
                    next = clock::now() + PACE;
                    self.send(socket).await
                }
                Event::Audio(true) => {
                    gap.restart(GAP);
                    None
                }
                Event::Gap => match self.fill().await {
                    Some(next) => {
                        gap.restart(next);
                        None
                    }
                    None => Some(End::Over),
                },
            };
            if let Some(end) = ended {
                return end;
            }
        }
    }

    /// Takes one message of the service.
    async fn received(&mut self, received: Received) -> Option<End> {
        let patience = self.shared.settings.patience.reconnect;
        let text = match received {
            Received::Text(text) => text,
            Received::Binary(_) => {
                self.count(&self.shared.counters.unknown);
                return None;
            }
            Received::Closed(reason) => {
                let failure = Failure::Unavailable(format!("the ear's service closed: {reason}"));
                return Some(End::Lost(failure, patience));
            }
        };
        let Ok(message) = serde_json::from_str::<Listen>(&text) else {
            self.count(&self.shared.counters.unknown);
            return None;
        };
        self.number(message.sequence_id);
        match message.kind.as_str() {
            "TurnInfo" => self.turn(&message).await,
            "Error" => {
                let told = told(&message);
                let failure = Failure::Unavailable(format!("the ear's service failed: {told}"));
                Some(End::Lost(failure, patience))
            }
            "Warning" => {
                log::warn!(CALL_ID = self.call.0; "the ear's service warns: {}", told(&message));
                None
            }
            "Connected" => None,
            _ => {
                self.count(&self.shared.counters.unknown);
                None
            }
        }
    }

    /// Every message has a number one above the last; a leap means that some were never seen.
    fn number(&mut self, sequence: Option<u64>) {
        let Some(sequence) = sequence else { return };
        let expected = self.sequence.map_or(sequence, |last| last.wrapping_add(1));
        if sequence > expected {
            let counter = &self.shared.counters.sequence_gaps;
            counter.fetch_add(sequence - expected, Ordering::Relaxed);
        }
        self.sequence = Some(sequence);
    }

    async fn turn(&mut self, message: &Listen) -> Option<End> {
        let event = message.event.as_deref().unwrap_or_default();
        let transcript = message.transcript.as_deref().unwrap_or_default();
        if let Some(seconds) = message.audio_window_end {
            self.feed.transcribed(seconds);
        }
        let Some(heard) = self.turns.handle(event, transcript) else {
            self.count(&self.shared.counters.unknown);
            return None;
        };
        for heard in heard {
            let over = self.report(heard).await;
            if over.is_some() {
                return over;
            }
        }
        None
    }

    async fn report(&mut self, heard: Heard) -> Option<End> {
        let sent = self.events.send(EarEvent::Heard(heard)).await;
        sent.is_err().then_some(End::Over)
    }

    fn stalled(&self) -> End {
        let failure = Failure::Stalled("the ear's service says nothing".to_owned());
        End::Lost(failure, self.shared.settings.patience.reconnect_stalled)
    }

    async fn send(&mut self, socket: &mut Socket) -> Option<End> {
        let patience = self.shared.settings.patience.reconnect;
        let sent = socket.send_binary(self.feed.chunk()).await;
        sent.err().map(|failure| End::Lost(failure, patience))
    }

    /// Puts silence where the caller's audio pauses, behind what little of it came. Gives the time
    /// until it must be looked at again; `None` when the caller's audio has ended.
    async fn fill(&mut self) -> Option<Duration> {
        let mut audio = Vec::new();
        if !self.caller.read(0, &mut audio).await {
            return None;
        }
        if audio.is_empty() {
            self.feed.pad();
            return Some(CHUNK_TIME);
        }
        // It has just begun again; silence now would stand in the middle of a word.
        self.feed.push(&audio);
        Some(GAP)
    }
}

/// Waits for a message's worth of the caller's audio; false when there will be none. Cancel-safe.
async fn hear(caller: &mut CallerAudio, feed: &mut Feed, counters: &Counters) -> bool {
    let mut audio = Vec::new();
    let more = caller.read(CHUNK_FRAMES, &mut audio).await;
    let dropped = feed.push(&audio);
    let counter = &counters.dropped_audio;
    counter.fetch_add(dropped as u64, Ordering::Relaxed);
    more
}

/// Connects and waits for `Connected`, before which no audio may be sent. Gives its number too.
pub(super) async fn greeted(tls: &Tls, target: &Target) -> Result<(Socket, Option<u64>), Failure> {
    let mut socket = websocket::connect(tls, target).await?;
    loop {
        let text = match socket.receive().await {
            Received::Text(text) => text,
            Received::Binary(_) => continue,
            Received::Closed(reason) => {
                return Err(Failure::Unavailable(format!(
                    "the ear's service closed: {reason}"
                )));
            }
        };
        let message: Listen = serde_json::from_str(&text).unwrap_or_default();
        match message.kind.as_str() {
            "Connected" => return Ok((socket, message.sequence_id)),
            "Error" => return Err(Failure::Unavailable(told(&message))),
            _ => {}
        }
    }
}

fn told(message: &Listen) -> String {
    let code = message.code.as_deref().unwrap_or_default();
    let text = message.description.as_deref().unwrap_or_default();
    websocket::printable(&format!("{code} {text}"))
}
