//! The stand-in for OpenAI: both dialects over one rule engine.

mod chat;
mod check;
mod prompt;
mod responses;
mod rules;

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::faults::{Kind, Service, Stage, Target};
use super::script::{Script, Step};
use super::{Fault, World};
use crate::io::clock;

/// A model that does not exist, for tests.
const NO_MODEL: &str = "no-such-model";

pub(super) fn routes() -> Router<World> {
    Router::new()
        .route("/v1/responses", post(respond))
        .route("/v1/chat/completions", post(complete))
        .route("/v1/models", get(models))
        .route("/v1/models/{model}", get(model))
}

/// The two ways to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    Responses,
    Chat,
}

/// What is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Refusal {
    status: StatusCode,
    message: String,
    param: Option<String>,
    code: Option<&'static str>,
}

impl Refusal {
    fn new(message: impl Into<String>, param: &str, code: Option<&'static str>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            message: message.into(),
            param: Some(param.to_owned()),
            code,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({"error": {"message": self.message, "type": "invalid_request_error",
            "param": self.param, "code": self.code}});
        with_headers((self.status, Json(body)).into_response())
    }
}

/// An error answer; `code` in place of the usual one.
pub(super) fn error(status: StatusCode, code: Option<&str>) -> Response {
    with_headers((status, Json(json!({"error": trouble(status, code)}))).into_response())
}

/// The object inside an error.
fn trouble(status: StatusCode, code: Option<&str>) -> Value {
    let (kind, usual, message) = match status.as_u16() {
        400 => ("invalid_request_error", None, "The request is not valid."),
        401 => (
            "invalid_request_error",
            Some("invalid_api_key"),
            "Incorrect API key provided.",
        ),
        403 | 404 => (
            "invalid_request_error",
            Some("model_not_found"),
            "The model does not exist or you do not have access to it.",
        ),
        429 if code == Some("insufficient_quota") => (
            "insufficient_quota",
            None,
            "You exceeded your current quota, please check your plan and billing details.",
        ),
        429 => (
            "requests",
            Some("rate_limit_exceeded"),
            "Rate limit reached. Please try again later.",
        ),
        503 => (
            "service_unavailable_error",
            Some("server_is_overloaded"),
            "The server is overloaded.",
        ),
        _ => (
            "server_error",
            None,
            "The server had an error while processing your request.",
        ),
    };
    json!({"message": message, "type": kind, "param": null, "code": code.or(usual)})
}

fn with_headers(mut response: Response) -> Response {
    let id = token("req_");
    let headers = response.headers_mut();
    let mut set = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set("x-request-id", &id);
    set("openai-processing-ms", "20");
    set("x-ratelimit-limit-requests", "10000");
    set("x-ratelimit-remaining-requests", "9999");
    set("x-ratelimit-reset-requests", "6ms");
    response
}

/// A name as OpenAI makes them.
fn token(prefix: &str) -> String {
    let [high, low] = clock::seed();
    format!("{prefix}{high:016x}{low:016x}")
}

fn authorize(headers: &HeaderMap) -> Result<(), Refusal> {
    let header = headers
        .get("authorization")
        .and_then(|value| value.to_str().ok());
    let key = header.and_then(|value| value.strip_prefix("Bearer "));
    let (message, code) = match key.map(str::trim) {
        Some("refused") => (
            "Incorrect API key provided: refused.",
            Some("invalid_api_key"),
        ),
        Some(key) if !key.is_empty() => return Ok(()),
        _ => (
            "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth.",
            None,
        ),
    };
    Err(Refusal {
        status: StatusCode::UNAUTHORIZED,
        message: message.to_owned(),
        param: None,
        code,
    })
}

async fn respond(
    State(world): State<World>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    answer(&world, Dialect::Responses, &headers, body).await
}

async fn complete(
    State(world): State<World>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    answer(&world, Dialect::Chat, &headers, body).await
}

async fn models(headers: HeaderMap) -> Response {
    if let Err(refusal) = authorize(&headers) {
        return refusal.into_response();
    }
    Json(json!({"object": "list", "data": [card("stand-in")]})).into_response()
}

async fn model(Path(model): Path<String>, headers: HeaderMap) -> Response {
    if let Err(refusal) = authorize(&headers) {
        return refusal.into_response();
    }
    if model == NO_MODEL {
        return check::no_model(&model).into_response();
    }
    Json(card(&model)).into_response()
}

fn card(model: &str) -> Value {
    json!({"id": model, "object": "model", "created": 1_700_000_000, "owned_by": "sandbox"})
}

/// One question and its answer.
async fn answer(
    world: &World,
    dialect: Dialect,
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let request = authorize(headers).and_then(|()| {
        let unreadable = || Refusal {
            status: StatusCode::BAD_REQUEST,
            message: "We could not parse the JSON body of your request.".to_owned(),
            param: None,
            code: None,
        };
        let body = body.map_err(|_| unreadable())?;
        let body: Value = serde_json::from_slice(&body).map_err(|_| unreadable())?;
        check::check(dialect, &body)?;
        Ok(body)
    });
    let request = match request {
        Ok(request) => request,
        Err(refusal) => return refusal.into_response(),
    };
    let prompt = match dialect {
        Dialect::Responses => prompt::from_responses(&request),
        Dialect::Chat => prompt::from_chat(&request),
    };
    let reply = rules::reply(&prompt);
    if request["stream"] != true {
        tokio::time::sleep(world.settings.first_token).await;
        let whole = match dialect {
            Dialect::Responses => responses::whole(&request, &reply),
            Dialect::Chat => chat::whole(&request, &reply),
        };
        return with_headers(Json(whole).into_response());
    }
    let events = match dialect {
        Dialect::Responses => responses::stream(&request, &reply),
        Dialect::Chat => chat::stream(&request, &reply),
    };
    stream(world, dialect, events).await
}

/// One event of a stream.
struct Event {
    text: String,
    /// It carries a token: the pace of tokens goes before it.
    token: bool,
}

async fn stream(world: &World, dialect: Dialect, events: Vec<Event>) -> Response {
    let settings = &world.settings;
    let mut script = Script::default();
    let mut waited = false;
    let mut first = 0;
    for event in events {
        if event.token {
            let wait = if waited {
                settings.token
            } else {
                settings.first_token
            };
            if !waited {
                first = script.len();
            }
            waited = true;
            if wait > Duration::ZERO {
                script.push(Step::Wait(wait));
            }
        }
        script.push(Step::Send(event.text.into()));
    }
    let target = Target {
        service: Service::Model,
        method: "POST".to_owned(),
        path: match dialect {
            Dialect::Responses => "/v1/responses".to_owned(),
            Dialect::Chat => "/v1/chat/completions".to_owned(),
        },
    };
    let middle = first + (script.len() - first) / 2;
    for (stage, index) in [(Stage::Middle, middle), (Stage::FirstByte, 0)] {
        if let Some(fault) = world.strike(&target, stage).await {
            spoil(&mut script, index, dialect, &fault);
        }
    }
    let mut response = Response::new(script.body());
    response.headers_mut().insert(
        "content-type",
        HeaderValue::from_static("text/event-stream; charset=utf-8"),
    );
    with_headers(response)
}

/// A fault strikes an answer that has begun.
fn spoil(script: &mut Script, index: usize, dialect: Dialect, fault: &Fault) {
    match fault.kind {
        Kind::Stall => script.insert(index, Step::Stall),
        Kind::Refuse | Kind::Close | Kind::Slow => script.insert(index, Step::Cut),
        Kind::Status => {
            let trouble = trouble(fault.http_status(), fault.error.as_deref());
            let text = match dialect {
                Dialect::Chat => format!("data: {}\n\n", json!({"error": trouble})),
                Dialect::Responses => {
                    let event = json!({"type": "error", "code": trouble["code"],
                        "message": trouble["message"], "param": null, "sequence_number": index});
                    format!("event: error\ndata: {event}\n\n")
                }
            };
            script.truncate(index);
            script.push(Step::Send(text.into()));
        }
    }
}

#[cfg(test)]
mod tests;
