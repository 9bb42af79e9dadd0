//! The ear: Deepgram Flux (`/v2/listen`), which transcribes and detects the ends of turns itself.
//!
//! One task a call. Its clock is the audio: a turn cannot end while nothing is sent, so silence is
//! sent in real time whenever the caller's audio pauses, and while the phone still rings. There is
//! no KeepAlive and no Finalize here; either would end the connection.

mod listener;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use self::listener::Listener;
use super::{Endpoint, encoding};
use crate::audio::{Law, SpeechFormat};
use crate::conversation::{Failure, Heard};
use crate::io::tls::Tls;
use crate::io::transcode::CallerAudio;
use crate::io::websocket::Target;
use crate::ticket::CallId;

/// How the ear listens.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The account.
    pub endpoint: Endpoint,
    /// Such as `flux-general-en`.
    pub model: String,
    /// Confidence at which a turn ends, 0.5 to 0.9.
    pub eot_threshold: f64,
    /// Confidence at which an eager end is told, 0.3 to 0.9; none are told without it.
    pub eager_eot_threshold: Option<f64>,
    /// Silence that ends a turn in any case, 500 to 10000 ms.
    pub eot_timeout_ms: u32,
    /// Names and terms to expect, at most 100.
    pub keyterms: Vec<String>,
    /// Languages to expect, for the model of several languages.
    pub language_hints: Vec<String>,
    /// Keeps the audio out of the service's training.
    pub mip_opt_out: bool,
    /// When to give up.
    pub patience: Patience,
}

/// When the ear gives up.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// From opening to the service's first message, tries included.
    pub connect: Duration,
    /// Without any message while audio flows.
    pub stall: Duration,
    /// From a connection's loss to the first message on the next one.
    pub reconnect: Duration,
    /// The same after a stall, when the caller has waited already.
    pub reconnect_stalled: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            stall: Duration::from_secs(2),
            reconnect: Duration::from_millis(1500),
            reconnect_stalled: Duration::from_millis(900),
        }
    }
}

/// What the ear reports.
#[derive(Clone, Debug, PartialEq)]
pub enum EarEvent {
    /// The service listens.
    Ready,
    /// Something was heard.
    Heard(Heard),
    /// The ear is lost for this call; nothing follows.
    Failed(Failure),
}

/// What happened since the start, over all calls.
#[derive(Debug, Default)]
pub struct Counters {
    /// Connections opened.
    pub connects: AtomicU64,
    /// Connections replaced in mid-call.
    pub reconnects: AtomicU64,
    /// Calls that lost their ear.
    pub failures: AtomicU64,
    /// Messages of the service that never arrived.
    pub sequence_gaps: AtomicU64,
    /// Messages and events of an unknown kind, ignored.
    pub unknown: AtomicU64,
    /// Bytes of audio dropped because the service took too little.
    pub dropped_audio: AtomicU64,
}

/// The ear of all calls. Cheap to clone; make one.
#[derive(Clone, Debug)]
pub struct Ear {
    shared: Arc<Shared>,
    call: CallId,
}

#[derive(Debug)]
struct Shared {
    settings: Settings,
    tls: Tls,
    counters: Counters,
}

/// Listens until dropped; then the service is told and the connection closed.
#[derive(Debug)]
pub struct Listening {
    _open: oneshot::Sender<()>,
}

impl Ear {
    /// An ear with these settings.
    #[must_use]
    pub fn new(settings: Settings, tls: Tls) -> Self {
        Self {
            shared: Arc::new(Shared {
                settings,
                tls,
                counters: Counters::default(),
            }),
            call: CallId(String::new()),
        }
    }

    /// The same ear, with the call's name in every log line.
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

    /// Opens a connection, waits until the service listens, and lets go of it.
    ///
    /// # Errors
    /// Why it does not listen.
    pub async fn check(&self) -> Result<(), Failure> {
        let Shared { settings, tls, .. } = &*self.shared;
        let target = Target {
            url: settings.url(SpeechFormat::G711(Law::Mu))?,
            authorization: settings.endpoint.authorization(),
            connect: settings.patience.connect,
        };
        match timeout(settings.patience.connect, listener::greeted(tls, &target)).await {
            Ok(greeted) => greeted.map(drop),
            Err(_) => Err(Failure::Stalled(
                "the ear's service does not begin".to_owned(),
            )),
        }
    }

    /// Opens a connection and listens to the ring until the handle is dropped or the ring's writer
    /// is gone. Events wait for room in `events`; audio waits meanwhile, two seconds of it.
    ///
    /// Must be called within a tokio runtime.
    #[must_use]
    pub fn open(&self, caller: CallerAudio, events: mpsc::Sender<EarEvent>) -> Listening {
        let (open, closed) = oneshot::channel();
        let listener = Box::new(Listener::new(
            &self.shared,
            self.call.clone(),
            caller,
            events.clone(),
            closed,
        ));
        let (shared, call) = (Arc::clone(&self.shared), self.call.clone());
        tokio::spawn(async move {
            let listening = AssertUnwindSafe(listener.run()).catch_unwind().await;
            let Err(failure) =
                listening.unwrap_or_else(|_| Err(Failure::Unavailable("the ear broke".to_owned())))
            else {
                return;
            };
            shared.counters.failures.fetch_add(1, Ordering::Relaxed);
            if let Failure::Refused(reason) = &failure {
                log::error!(CALL_ID = call.0; "the speech service refuses to listen: {reason}");
            }
            // Nobody to tell when the call is over.
            let _ = events.send(EarEvent::Failed(failure)).await;
        });
        Listening { _open: open }
    }
}

impl Settings {
    fn url(&self, format: SpeechFormat) -> Result<String, Failure> {
        let mut query = vec![
            ("model", self.model.clone()),
            ("encoding", encoding(format).to_owned()),
            ("sample_rate", format.sample_rate().to_string()),
            ("eot_threshold", self.eot_threshold.to_string()),
            ("eot_timeout_ms", self.eot_timeout_ms.to_string()),
        ];
        if let Some(eager) = self.eager_eot_threshold {
            query.push(("eager_eot_threshold", eager.to_string()));
        }
        query.extend(self.keyterms.iter().map(|term| ("keyterm", term.clone())));
        let hints = self.language_hints.iter();
        query.extend(hints.map(|hint| ("language_hint", hint.clone())));
        if self.mip_opt_out {
            query.push(("mip_opt_out", "true".to_owned()));
        }
        self.endpoint.websocket("/v2/listen", &query)
    }
}
