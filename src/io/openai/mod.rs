//! The language model: OpenAI's Responses, or Chat Completions for local and compatible servers.

pub mod chat;
mod exchange;
pub mod responses;
pub mod sse;
pub mod think;
pub mod wire;

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use secrecy::SecretString;
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use self::wire::Adaptation;
use super::tls::{Tls, TlsError};
use crate::conversation::{Failure, ReplyEvent, ReplyRequest};
use crate::ticket::CallId;

/// Parts of a reply that may wait: a second or two of the fastest model. When full the stream is
/// not read; nothing is dropped.
const REPLY_QUEUE: usize = 64;

/// Which of the two ways to ask a server understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `POST /responses`.
    Responses,
    /// `POST /chat/completions`.
    Chat,
}

/// Who instructions come from, in Chat Completions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// As OpenAI's newer models have it.
    Developer,
    /// As everybody else has it.
    System,
}

/// What the limit of an answer's tokens is called, in Chat Completions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenLimit {
    /// As OpenAI's newer models have it.
    MaxCompletionTokens,
    /// As everybody else has it.
    MaxTokens,
}

/// How the model is asked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which way.
    pub dialect: Dialect,
    /// Address with the version, such as `https://api.openai.com/v1`.
    pub base_url: String,
    /// The model's name.
    pub model: String,
    /// The account's key; local servers need none.
    pub key: Option<SecretString>,
    /// How freely it speaks; not sent when absent, and not taken by reasoning models.
    pub temperature: Option<f64>,
    /// How long it reasons (`none`, `low` ...); not sent when absent.
    pub reasoning_effort: Option<String>,
    /// The longest answer.
    pub max_output_tokens: Option<u32>,
    /// What that limit is called.
    pub token_limit: TokenLimit,
    /// Who instructions come from.
    pub instruction_role: Role,
    /// Sends fields that only OpenAI knows: `store`, `strict`, `stream_options`, and the two below.
    pub openai_fields: bool,
    /// Keeps one office's questions on one cache.
    pub prompt_cache_key: Option<String>,
    /// `auto`, `priority` ...
    pub service_tier: Option<String>,
    /// Further fields, put into each question as they are; they win over all others.
    pub options: Map<String, Value>,
    /// When to give up.
    pub patience: Patience,
}

impl Settings {
    /// What fits OpenAI (Responses) or a local server (Chat), everything else as usual.
    #[must_use]
    pub fn new(dialect: Dialect, base_url: &str, model: &str) -> Self {
        let openai = dialect == Dialect::Responses;
        Self {
            dialect,
            base_url: base_url.to_owned(),
            model: model.to_owned(),
            key: None,
            temperature: None,
            reasoning_effort: None,
            max_output_tokens: Some(300),
            token_limit: TokenLimit::MaxTokens,
            instruction_role: Role::System,
            openai_fields: openai,
            prompt_cache_key: None,
            service_tier: None,
            options: Map::new(),
            patience: Patience::default(),
        }
    }
}

/// When the model is given up.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For a new connection.
    pub connect: Duration,
    /// From the question to the first part of the answer, tries included.
    pub first_token: Duration,
    /// Between two parts of the answer.
    pub idle: Duration,
    /// Within which a failed question is asked again.
    pub retry: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            first_token: Duration::from_millis(2200),
            idle: Duration::from_secs(2),
            retry: Duration::from_secs(1),
        }
    }
}

/// What happened since the start, over all calls.
#[derive(Debug, Default)]
pub struct Counters {
    /// Questions.
    pub asked: AtomicU64,
    /// Answers given whole.
    pub answered: AtomicU64,
    /// Questions asked again.
    pub retries: AtomicU64,
    /// Questions without an answer, or with half of one.
    pub failures: AtomicU64,
    /// Tokens of questions.
    pub input_tokens: AtomicU64,
    /// Of these, served from the provider's cache.
    pub cached_tokens: AtomicU64,
    /// Tokens of answers.
    pub output_tokens: AtomicU64,
}

/// The model of all calls. Cheap to clone; make one, since it keeps connections.
#[derive(Clone, Debug)]
pub struct Model {
    shared: Arc<Shared>,
    call: CallId,
}

#[derive(Debug)]
struct Shared {
    settings: Settings,
    http: reqwest::Client,
    counters: Counters,
    /// What this server was found not to know; each at most once.
    adaptations: Mutex<Vec<Adaptation>>,
}

/// An answer as it comes. Dropping it ends the question.
#[derive(Debug)]
pub struct ReplyStream {
    /// The parts; the last is `Done` or `Failed`.
    pub rx: mpsc::Receiver<ReplyEvent>,
}

impl Model {
    /// A model with these settings.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(settings: Settings, tls: &Tls) -> Result<Self, TlsError> {
        Ok(Self {
            shared: Arc::new(Shared {
                http: tls.http_client(settings.patience.connect)?,
                settings,
                counters: Counters::default(),
                adaptations: Mutex::default(),
            }),
            call: CallId(String::new()),
        })
    }

    /// The same model, with the call's name in every log line.
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

    /// Asks. Must be called within a tokio runtime.
    #[must_use]
    pub fn ask(&self, request: ReplyRequest) -> ReplyStream {
        let (replies, rx) = mpsc::channel(REPLY_QUEUE);
        let (shared, call) = (Arc::clone(&self.shared), self.call.clone());
        shared.counters.asked.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(async move {
            let asking = AssertUnwindSafe(shared.answer(&call, request, &replies)).catch_unwind();
            let asked = tokio::select! {
                biased;
                // Nobody wants the answer any more.
                () = replies.closed() => return,
                asked = asking => asked,
            };
            let broke = |_| Err(Failure::Unavailable("the model's adapter broke".to_owned()));
            match asked.unwrap_or_else(broke) {
                Ok(reply) => shared.settle(&call, reply).await,
                Err(failure) => {
                    shared.counters.failures.fetch_add(1, Ordering::Relaxed);
                    match &failure {
                        Failure::Refused(reason) => {
                            log::error!(CALL_ID = call.0; "the model refuses: {reason}");
                        }
                        failure => log::warn!(CALL_ID = call.0; "the model failed: {failure:?}"),
                    }
                    // Nobody to tell when the call is over.
                    let _ = replies.send(ReplyEvent::Failed(failure)).await;
                }
            }
        });
        ReplyStream { rx }
    }

    /// Opens a connection for the question to come, in the background; failing is no matter. Must
    /// be called within a tokio runtime.
    pub fn warm(&self) {
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move {
            if let Err(error) = shared.touch().await {
                log::debug!("the model's connection is not warm: {error}");
            }
        });
    }
}
