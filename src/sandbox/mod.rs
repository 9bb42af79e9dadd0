//! The stand-in cloud on loopback, and the test caller.
//!
//! One server on one port stands in for every outside service, so that the product can be tried and
//! tested on a machine without any account: Deepgram (`WS /v2/listen`, `WS /v1/speak`, `POST /v1/speak`),
//! OpenAI (`POST /v1/responses`, `POST /v1/chat/completions`) and Kayako (`/api/v1/..`). Any key is taken,
//! except `refused`. Speech is [`tone_speech`]. The model is a rule engine over the prompt it gets.
//!
//! # What it holds: `GET /state`
//!
//! ```json
//! {"tickets": [{"id": 1, "subject": "..", "contents": "..", "tags": ["voice-call"], "channel": "NOTE",
//!               "requester": {"id": 7, "full_name": "..", "emails": [".."], "phones": ["+1.."]},
//!               "status": "New", "priority": null, "posts": [{"id": 1, "channel": "NOTE", "contents": ".."}]}],
//!  "users": [{"id": 7, "full_name": "..", "role": "Customer", "emails": [".."], "phones": [".."]}],
//!  "emails_sent": [{"case_id": 1, "to": ".."}],
//!  "requests": {"model": {"total": 3, "last": [{"number": 2, "at": 4.2, "method": "POST",
//!               "path": "/v1/responses", "body": {}, "status": 200}]}},
//!  "speech": {"spoken": [{"at": 1.5, "text": ".."}], "heard": [{"at": 3.0, "text": ".."}]},
//!  "sockets": {"ear": 1, "voice": 1}, "connections": 4, "uptime": 12.5, "faults": []}
//! ```
//!
//! Times are seconds since the start. The last 100 requests of each service and the last 500 texts are kept.
//!
//! # What goes wrong on demand: `POST /faults`
//!
//! A fault, a list of them, or `{"clear": true}`; `DELETE /faults` clears too, `GET /faults` lists.
//!
//! ```json
//! {"service": "ear|voice|voice_rest|model|helpdesk|articles",
//!  "stage": "connect|first_byte|middle|after",
//!  "kind": "refuse|stall|close|status|slow",
//!  "status": 503, "code": 1011, "error": "..", "retry_after": 2, "delay_ms": 800,
//!  "count": 1, "method": "POST", "path": "/cases"}
//! ```
//!
//! All but the first three are optional. `connect` is before anything is answered. `first_byte` is: for the ear
//! before `Connected`, for the voice before the first audio of an utterance, for the rest after the head of
//! the answer. `middle` is: for the ear after `StartOfTurn`, for the voice after half of an utterance, for the
//! rest after a part of the body. `after` (helpdesk and articles) is when the effect is done and nothing
//! has been answered. `refuse` resets the connection; `close` closes a WebSocket with `code` (1011; 1005 is a
//! close frame without a code) and resets anything else; `status` answers with `status` (500), `error` and
//! `retry_after`, or in the middle of a stream with the service's error message; `stall` says nothing more;
//! `slow` waits `delay_ms` (1000) and goes on. `count` is how many times (absent: always).

pub mod caller;
mod control;
mod deepgram;
mod door;
mod faults;
mod gate;
mod journal;
mod kayako;
pub mod network;
mod openai;
mod pcm;
mod script;
mod tls;
pub mod tone_speech;

use core::net::{Ipv4Addr, SocketAddr};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::io::clock;

pub use faults::{Fault, Kind, Service, Stage};
pub use kayako::seed::{Article, articles};
pub use tls::TlsFiles;

/// The port of [`Settings::default`].
pub const PORT: u16 = 8_900;

/// How the stand-in behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The certificate to show; without it connections are plain.
    pub tls: Option<TlsFiles>,
    /// The knowledge base.
    pub articles: Vec<Article>,
    /// From a question to the model's first token.
    pub first_token: Duration,
    /// Between tokens.
    pub token: Duration,
    /// From a flush to the voice's first audio.
    pub first_audio: Duration,
    /// How much faster than real time audio comes.
    pub audio_speed: u32,
    /// A speech socket on which nothing comes for this long is closed.
    pub idle: Duration,
    /// Warnings of the voice in the words of the published schema instead of those seen on the wire.
    pub schema_warnings: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)),
            tls: None,
            articles: articles(),
            first_token: Duration::from_millis(20),
            token: Duration::from_millis(5),
            first_audio: Duration::from_millis(20),
            audio_speed: 8,
            idle: Duration::from_secs(60),
            schema_warnings: false,
        }
    }
}

/// What all requests share.
struct Shared {
    settings: Settings,
    started: Instant,
    connections: door::Connections,
    faults: Mutex<faults::Faults>,
    journal: Mutex<journal::Journal>,
    desk: Mutex<kayako::Desk>,
}

type World = Arc<Shared>;

impl Shared {
    fn new(settings: Settings) -> Self {
        let desk = kayako::Desk::new(&settings.articles);
        Self {
            settings,
            started: clock::now(),
            connections: door::Connections::default(),
            faults: Mutex::default(),
            journal: Mutex::default(),
            desk: Mutex::new(desk),
        }
    }

    /// Seconds since the start.
    fn at(&self) -> f64 {
        let elapsed = clock::now().saturating_duration_since(self.started);
        (elapsed.as_secs_f64() * 1_000.0).round() / 1_000.0
    }

    fn journal(&self) -> MutexGuard<'_, journal::Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn faults(&self) -> MutexGuard<'_, faults::Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn desk(&self) -> MutexGuard<'_, kayako::Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The fault that strikes at a stage. A `slow` one is served here.
    async fn strike(&self, target: &faults::Target, stage: Stage) -> Option<Fault> {
        loop {
            let fault = self.faults().strike(target, stage)?;
            if fault.kind != Kind::Slow {
                return Some(fault);
            }
            tokio::time::sleep(fault.delay()).await;
            fault.count?; // without one it would strike again and again
        }
    }
}

/// A running stand-in cloud; it stops when dropped.
pub struct Sandbox {
    /// Where it listens.
    pub addr: SocketAddr,
    shared: World,
    server: JoinHandle<()>,
}

impl Sandbox {
    /// Starts it.
    ///
    /// # Errors
    ///
    /// When the address cannot be listened on, or the certificate cannot be used.
    pub async fn start(settings: Settings) -> io::Result<Self> {
        let acceptor = settings.tls.as_ref().map(TlsFiles::acceptor).transpose()?;
        let listener = TcpListener::bind(settings.listen).await?;
        let addr = listener.local_addr()?;
        let shared: World = Arc::new(Shared::new(settings));
        let door = door::Door {
            listener,
            acceptor,
            connections: shared.connections.clone(),
        };
        let service = router(&shared).into_make_service_with_connect_info::<door::Peer>();
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(door, service).await {
                log::error!("sandbox: the server ended: {error}");
            }
        });
        log::info!("sandbox listens on {addr}");
        Ok(Self {
            addr,
            shared,
            server,
        })
    }

    /// What `GET /state` answers.
    #[must_use]
    pub fn state(&self) -> serde_json::Value {
        control::state(&self.shared)
    }

    /// Puts a fault in force.
    ///
    /// # Errors
    ///
    /// In words, when there are too many.
    pub fn fault(&self, fault: Fault) -> Result<(), String> {
        self.shared.faults().add(vec![fault])
    }

    /// Ends all faults.
    pub fn clear_faults(&self) {
        self.shared.faults().clear();
    }

    /// Cuts all connections that are open now.
    pub fn cut(&self) {
        self.shared.connections.cut();
    }

    /// Stops listening and cuts all connections.
    pub async fn stop(mut self) {
        self.shut();
        // Aborted is how it is meant to end.
        drop((&mut self.server).await);
    }

    fn shut(&self) {
        self.server.abort();
        self.shared.connections.cut();
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.shut();
    }
}

/// Serves until SIGINT or SIGTERM.
///
/// # Errors
///
/// When the address cannot be listened on, or signals cannot be received.
pub async fn run(settings: Settings) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let sandbox = Sandbox::start(settings).await?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    sandbox.stop().await;
    Ok(())
}

fn router(shared: &World) -> Router {
    Router::new()
        .merge(deepgram::routes())
        .merge(openai::routes())
        .merge(kayako::routes())
        .merge(control::routes())
        .layer(axum::middleware::from_fn_with_state(
            Arc::clone(shared),
            gate::pass,
        ))
        .with_state(Arc::clone(shared))
}

#[cfg(test)]
mod tests;
