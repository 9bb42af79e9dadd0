//! The voice: Deepgram Aura (`/v1/speak`), text in, audio out, one utterance after the other.
//!
//! One task a call. It renders ahead of the agent ring and fills the ring as there is room. Kept
//! prompts need no network and sound even when the service is lost.

mod active;
mod ahead;
mod link;
mod speaker;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{Notify, mpsc};

use self::speaker::Speaker;
use super::rest::Renderer;
use super::{Endpoint, encoding};
use crate::audio::SpeechFormat;
use crate::conversation::{Failure, Speech, UtteranceId};
use crate::io::prompt_cache::PromptCache;
use crate::io::tls::{Tls, TlsError};
use crate::io::transcode::AgentAudio;
use crate::ticket::CallId;

/// Utterances that may wait: an answer has a handful of clauses. When full, [`VoiceHandle::speak`]
/// refuses the newest, counted in [`Counters::refused`].
const QUEUE: usize = 64;

/// How the voice speaks.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The account.
    pub endpoint: Endpoint,
    /// Such as `aura-2-thalia-en`.
    pub model: String,
    /// Keeps the text out of the service's training.
    pub mip_opt_out: bool,
    /// Flushes the service allows within 60 s; utterances beyond are rendered by request.
    pub flushes_per_minute: usize,
    /// When to give up.
    pub patience: Patience,
}

/// When the voice gives up.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// To connect, tries included.
    pub connect: Duration,
    /// To connect again in mid-utterance.
    pub reconnect: Duration,
    /// From the text to its first audio.
    pub first_byte: Duration,
    /// Between two parts of an utterance's audio.
    pub between_bytes: Duration,
    /// After a failure, text is refused at once for this long; then it is tried again.
    pub rest: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            reconnect: Duration::from_millis(1200),
            first_byte: Duration::from_millis(1500),
            between_bytes: Duration::from_millis(1500),
            rest: Duration::from_secs(3),
        }
    }
}

/// What the voice reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VoiceEvent {
    /// The service's connection is open for the first time.
    Ready,
    /// The first audio of an utterance is there.
    Rendering(UtteranceId),
    /// All audio of an utterance is there; this long.
    Rendered(UtteranceId, Duration),
    /// Text cannot be spoken; this utterance (or none yet, when the connection was not made) is given
    /// up. Prompts still sound. Told again for each further text that cannot be spoken.
    Failed(Option<UtteranceId>, Failure),
}

/// What happened since the start, over all calls.
#[derive(Debug, Default)]
pub struct Counters {
    /// Connections opened.
    pub connects: AtomicU64,
    /// Connections replaced in mid-utterance.
    pub reconnects: AtomicU64,
    /// Times a call's voice failed.
    pub failures: AtomicU64,
    /// Utterances spoken from kept prompts.
    pub prompts: AtomicU64,
    /// Utterances rendered by request because the budget of flushes was spent.
    pub requests: AtomicU64,
    /// Messages of an unknown kind, and audio nobody asked for, ignored.
    pub unknown: AtomicU64,
    /// Utterances refused because too many waited.
    pub refused: AtomicU64,
}

/// The voice of all calls. Cheap to clone; make one.
#[derive(Clone, Debug)]
pub struct Voice {
    shared: Arc<Shared>,
    call: CallId,
}

#[derive(Debug)]
struct Shared {
    settings: Settings,
    tls: Tls,
    renderer: Renderer,
    prompts: Arc<PromptCache>,
    counters: Counters,
}

/// One utterance to be spoken.
#[derive(Debug)]
struct Say {
    utterance: UtteranceId,
    speech: Speech,
    epoch: u32,
}

/// One call's voice; closed when dropped.
#[derive(Debug)]
pub struct VoiceHandle {
    commands: mpsc::Sender<Say>,
    nudge: Arc<Notify>,
    shared: Arc<Shared>,
}

impl Voice {
    /// A voice with these settings and prompts.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(settings: Settings, tls: Tls, prompts: Arc<PromptCache>) -> Result<Self, TlsError> {
        let renderer = Renderer::new(settings.endpoint.clone(), &settings.model, &tls)?;
        Ok(Self {
            shared: Arc::new(Shared {
                settings,
                tls,
                renderer,
                prompts,
                counters: Counters::default(),
            }),
            call: CallId(String::new()),
        })
    }

    /// The same voice, with the call's name in every log line.
    #[must_use]
    pub fn for_call(&self, call: CallId) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            call,
        }
    }

    /// Counts over all calls.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    /// Opens a connection and speaks into the ring until the handle is dropped or the ring's reader
    /// is gone. Events wait for room in `events`.
    ///
    /// Must be called within a tokio runtime.
    #[must_use]
    pub fn open(&self, agent: AgentAudio, events: mpsc::Sender<VoiceEvent>) -> VoiceHandle {
        let (commands, queue) = mpsc::channel(QUEUE);
        let nudge = Arc::new(Notify::new());
        let shared = Arc::clone(&self.shared);
        let speaker = Box::new(Speaker::new(
            &shared,
            self.call.clone(),
            agent,
            events.clone(),
            queue,
            Arc::clone(&nudge),
        ));
        tokio::spawn(async move {
            let speaking = AssertUnwindSafe(speaker.run()).catch_unwind().await;
            if speaking.is_err() {
                let broken = Failure::Unavailable("the voice broke".to_owned());
                // Nobody to tell when the call is over.
                let _ = events.send(VoiceEvent::Failed(None, broken)).await;
            }
        });
        VoiceHandle {
            commands,
            nudge,
            shared,
        }
    }
}

impl VoiceHandle {
    /// Speaks after whatever is queued, stamped with `epoch` (`Playout::epoch`).
    ///
    /// # Errors
    /// When too much waits already or the voice broke.
    pub fn speak(&self, utterance: UtteranceId, speech: Speech, epoch: u32) -> Result<(), Failure> {
        let say = Say {
            utterance,
            speech,
            epoch,
        };
        self.commands.try_send(say).map_err(|_| {
            let counter = &self.shared.counters.refused;
            counter.fetch_add(1, Ordering::Relaxed);
            Failure::Unavailable("the voice takes no more text".to_owned())
        })
    }

    /// Drops everything of older epochs, queued or rendering. Call `Playout::stop` first: it is what
    /// makes the epoch new and silences the ring; this stops the work.
    pub fn stop(&self) {
        self.nudge.notify_one();
    }
}

impl Drop for VoiceHandle {
    fn drop(&mut self) {
        self.nudge.notify_one();
    }
}

impl Settings {
    fn url(&self, format: SpeechFormat) -> Result<String, Failure> {
        let mut query = vec![
            ("model", self.model.clone()),
            ("encoding", encoding(format).to_owned()),
            ("sample_rate", format.sample_rate().to_string()),
        ];
        if self.mip_opt_out {
            query.push(("mip_opt_out", "true".to_owned()));
        }
        self.endpoint.websocket("/v1/speak", &query)
    }
}
