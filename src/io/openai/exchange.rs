//! One question and its answer: tries, patience, and the stream in between.

use std::collections::VecDeque;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use reqwest::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Method, RequestBuilder};
use secrecy::ExposeSecret;
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::wire::{Adaptation, ApiError, Usage};
use super::{Dialect, Shared, chat, responses, sse};
use crate::conversation::{Failure, ReplyEvent, ReplyRequest};
use crate::io::clock;
use crate::io::tls;
use crate::io::websocket::printable;
use crate::ticket::CallId;

/// The pause before a failed question is asked again, unless the server names another.
const RETRY: Duration = Duration::from_millis(150);
/// How often one question may be changed to what the server knows.
const MAX_ADAPTATIONS: usize = 4;
/// How long the end of a stream is waited for, so that its connection can be used again.
const SETTLE: Duration = Duration::from_secs(1);
/// The most of an error's body that is read.
const MAX_ERROR: usize = 16 * 1024;

/// An answer on its way.
pub(super) struct Reply {
    response: reqwest::Response,
    events: sse::Parser,
    decoder: Decoder,
    ready: VecDeque<ReplyEvent>,
}

enum Decoder {
    Responses(responses::Decoder),
    Chat(chat::Decoder),
}

/// Why a question failed before its answer began, and what may be done.
struct Trouble {
    failure: Failure,
    remedy: Remedy,
}

enum Remedy {
    None,
    Retry(Option<Duration>),
    Adapt(Adaptation),
}

/// What a stream failed with may pass, unless it is a refusal.
impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        let refused = matches!(failure, Failure::Refused(_));
        let remedy = if refused {
            Remedy::None
        } else {
            Remedy::Retry(None)
        };
        Self { failure, remedy }
    }
}

impl Shared {
    /// Asks and passes on the answer, the last part included; gives what is left of the stream.
    pub(super) async fn answer(
        &self,
        call: &CallId,
        request: ReplyRequest,
        replies: &mpsc::Sender<ReplyEvent>,
    ) -> Result<Reply, Failure> {
        let patience = self.settings.patience;
        let stalled = || Failure::Stalled("the model says nothing".to_owned());
        let mut reply = timeout(patience.first_token, self.first(call, &request))
            .await
            .map_err(|_| stalled())??;
        loop {
            while let Some(event) = reply.ready.pop_front() {
                let done = event == ReplyEvent::Done;
                if replies.send(event).await.is_err() || done {
                    return Ok(reply);
                }
            }
            timeout(patience.idle, reply.more())
                .await
                .map_err(|_| stalled())??;
        }
    }

    /// Counts a whole answer and reads its stream to the end.
    pub(super) async fn settle(&self, call: &CallId, mut reply: Reply) {
        let counters = &self.counters;
        counters.answered.fetch_add(1, Ordering::Relaxed);
        let rest = async {
            while let Ok(true) = reply.fetch().await {
                while let Some(data) = reply.events.pop() {
                    // Only the cost is of interest now.
                    let _ = reply.decoder.take(&data, &mut reply.ready);
                }
            }
        };
        if timeout(SETTLE, rest).await.is_err() {
            log::debug!(CALL_ID = call.0; "the model's stream did not end");
        }
        let usage = reply.decoder.usage();
        let request_id = text(reply.response.headers(), "x-request-id").unwrap_or_default();
        log::debug!(CALL_ID = call.0, request_id = request_id; "the model answered: {usage:?}");
        let cached = usage.input_tokens_details.unwrap_or_default().cached_tokens;
        counters
            .input_tokens
            .fetch_add(usage.input_tokens, Ordering::Relaxed);
        counters.cached_tokens.fetch_add(cached, Ordering::Relaxed);
        counters
            .output_tokens
            .fetch_add(usage.output_tokens, Ordering::Relaxed);
    }

    /// Makes a request that costs nothing, to open a connection.
    pub(super) async fn touch(&self) -> Result<(), String> {
        let request = self
            .request(Method::HEAD, "models")
            .map_err(|failure| format!("{failure:?}"))?;
        let request = request.timeout(self.settings.patience.connect);
        request.send().await.map_err(|error| cause(&error))?;
        Ok(())
    }

    fn request(&self, method: Method, path: &str) -> Result<RequestBuilder, Failure> {
        let url = format!("{}/{path}", self.settings.base_url.trim_end_matches('/'));
        let mut request = self.http.request(method, url);
        if let Some(key) = &self.settings.key {
            let value = format!("Bearer {}", key.expose_secret().trim());
            let mut value = HeaderValue::from_str(&value).map_err(|_| {
                Failure::Refused("the key holds characters no header can carry".to_owned())
            })?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        Ok(request)
    }

    /// Asks until an answer begins, within the patience for tries.
    async fn first(&self, call: &CallId, request: &ReplyRequest) -> Result<Reply, Failure> {
        let begun = clock::now();
        let mut question = self.question(request);
        let mut adapted = 0;
        loop {
            let trouble = match self.attempt(request, &question).await {
                Ok(reply) => return Ok(reply),
                Err(trouble) => trouble,
            };
            match trouble.remedy {
                Remedy::Adapt(adaptation) if adapted < MAX_ADAPTATIONS => {
                    log::info!(CALL_ID = call.0; "the model's server asks for a change: {adaptation:?}");
                    adapted += 1;
                    adaptation.apply(&mut question);
                    let mut known = self
                        .adaptations
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner);
                    if !known.contains(&adaptation) {
                        known.push(adaptation);
                    }
                }
                Remedy::Retry(after) if self.may_wait(begun, after) => {
                    log::debug!(CALL_ID = call.0; "the model is asked again: {:?}", trouble.failure);
                    self.counters.retries.fetch_add(1, Ordering::Relaxed);
                    let pause = after.unwrap_or_else(|| jittered(RETRY));
                    tokio::time::sleep(pause).await;
                }
                _ => return Err(trouble.failure),
            }
        }
    }

    fn may_wait(&self, begun: Instant, after: Option<Duration>) -> bool {
        let spent = clock::now().saturating_duration_since(begun);
        spent.saturating_add(after.unwrap_or(RETRY)) < self.settings.patience.retry
    }

    fn question(&self, request: &ReplyRequest) -> Map<String, Value> {
        let settings = &self.settings;
        let mut question = match settings.dialect {
            Dialect::Responses => responses::question(settings, request),
            Dialect::Chat => chat::question(settings, request),
        };
        question.extend(settings.options.clone());
        let known = self
            .adaptations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for adaptation in known.iter() {
            adaptation.apply(&mut question);
        }
        question
    }

    async fn attempt(
        &self,
        request: &ReplyRequest,
        question: &Map<String, Value>,
    ) -> Result<Reply, Trouble> {
        let (path, decoder) = match self.settings.dialect {
            Dialect::Responses => (
                "responses",
                Decoder::Responses(responses::Decoder::default()),
            ),
            Dialect::Chat => (
                "chat/completions",
                Decoder::Chat(chat::Decoder::new(request.id.0)),
            ),
        };
        let sending = self.request(Method::POST, path)?;
        let sending = sending
            .header(ACCEPT, "text/event-stream")
            // Compressed events would come in clumps.
            .header(ACCEPT_ENCODING, "identity")
            .json(question)
            .send();
        let response = sending.await.map_err(|error| unreachable(&error))?;
        if !response.status().is_success() {
            return Err(trouble(response, question).await);
        }
        let mut reply = Reply {
            response,
            events: sse::Parser::default(),
            decoder,
            ready: VecDeque::new(),
        };
        while !reply.decoder.begun() {
            reply.more().await?;
        }
        Ok(reply)
    }
}

impl Reply {
    /// Waits until something of the answer comes, or at least an event that shows that the model
    /// works; comments, which servers send to keep connections open, show nothing.
    async fn more(&mut self) -> Result<(), Failure> {
        loop {
            let mut any = false;
            while let Some(data) = self.events.pop() {
                any = true;
                self.decoder.take(&data, &mut self.ready)?;
            }
            if any {
                return Ok(());
            }
            if !self.fetch().await? {
                self.events.finish();
                while let Some(data) = self.events.pop() {
                    self.decoder.take(&data, &mut self.ready)?;
                }
                return self.decoder.cut();
            }
        }
    }

    /// Reads on; false at the end of the stream.
    async fn fetch(&mut self) -> Result<bool, Failure> {
        match self.response.chunk().await {
            Ok(Some(bytes)) => {
                let pushed = self.events.push(&bytes);
                pushed.map_err(|error| Failure::Unavailable(error.to_string()))?;
                Ok(true)
            }
            Ok(None) => Ok(false),
            Err(error) => {
                let told = format!("the model's answer was cut: {}", cause(&error));
                Err(Failure::Unavailable(told))
            }
        }
    }
}

impl Decoder {
    fn take(&mut self, data: &str, events: &mut VecDeque<ReplyEvent>) -> Result<(), Failure> {
        match self {
            Self::Responses(decoder) => decoder.take(data, events),
            Self::Chat(decoder) => decoder.take(data, events),
        }
    }

    fn begun(&self) -> bool {
        match self {
            Self::Responses(decoder) => decoder.begun(),
            Self::Chat(decoder) => decoder.begun(),
        }
    }

    fn cut(&self) -> Result<(), Failure> {
        match self {
            Self::Responses(decoder) => decoder.cut(),
            Self::Chat(decoder) => decoder.cut(),
        }
    }

    fn usage(&self) -> Usage {
        match self {
            Self::Responses(decoder) => decoder.usage(),
            Self::Chat(decoder) => decoder.usage(),
        }
    }
}

/// Why no answer began at all.
fn unreachable(error: &reqwest::Error) -> Trouble {
    let told = format!("the model cannot be reached: {}", cause(error));
    if tls::untrusted(error) {
        return Failure::Refused(told).into();
    }
    Failure::Unavailable(told).into()
}

/// What a status that is no success means, and what may be done about it.
async fn trouble(mut response: reqwest::Response, question: &Map<String, Value>) -> Trouble {
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let mut body = Vec::new();
    while let Ok(Some(bytes)) = response.chunk().await {
        body.extend_from_slice(&bytes);
        if body.len() > MAX_ERROR {
            break;
        }
    }
    let error = ApiError::read(&body);
    let request_id = text(&headers, "x-request-id").unwrap_or_default();
    let told = format!("status {status}: {} {request_id}", error.message);
    if status == 400
        && let Some(adaptation) = Adaptation::to(&error, question)
    {
        return Trouble {
            failure: Failure::Refused(told),
            remedy: Remedy::Adapt(adaptation),
        };
    }
    let passing = matches!(status, 408 | 409 | 425 | 429 | 500..=599) && !error.unpaid();
    if !passing {
        return Trouble {
            failure: Failure::Refused(told),
            remedy: Remedy::None,
        };
    }
    let remedy = if text(&headers, "x-should-retry") == Some("false") {
        Remedy::None
    } else {
        Remedy::Retry(retry_after(&headers))
    };
    Trouble {
        failure: Failure::Unavailable(told),
        remedy,
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// How long the server asks to wait: in milliseconds, or in seconds. A date is far beyond any
/// caller's patience.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let number = |name| text(headers, name)?.trim().parse::<f64>().ok();
    let seconds = match number("retry-after-ms") {
        Some(milliseconds) => milliseconds / 1000.0,
        None => number("retry-after")
            .or_else(|| headers.contains_key("retry-after").then_some(3600.0))?,
    };
    Duration::try_from_secs_f64(seconds).ok()
}

/// A pause of about this long, so that many calls do not ask again together.
fn jittered(base: Duration) -> Duration {
    let [chance, _] = clock::seed();
    base + Duration::from_millis(chance % 100)
}

/// The innermost cause: the outer ones only repeat the address.
fn cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    printable(&cause.to_string())
}
