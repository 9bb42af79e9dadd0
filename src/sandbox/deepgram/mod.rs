//! The stand-in for Deepgram: Flux (`/v2/listen`) and Aura (`/v1/speak`).

mod listen;
mod query;
mod rest;
mod speak;
mod synthesis;
mod turns;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::World;
use super::door::Peer;
use super::faults::{Fault, Kind};
use crate::io::clock;

/// The close code that means "a close frame without a code" (RFC 6455 §7.4.1).
const NO_CODE: u16 = 1005;
/// How long a peer has to answer a close frame.
const CLOSING: std::time::Duration = std::time::Duration::from_secs(3);
/// "Did not receive audio data or a text message".
const IDLE: &str = "Deepgram did not receive audio data or a text message within the timeout window. See https://dpgr.am/net0001";

pub(super) fn routes() -> Router<World> {
    Router::new()
        .route("/v2/listen", get(listen::open))
        .route("/v1/speak", get(speak::open).post(rest::speak))
}

/// An id as Deepgram makes them.
fn uuid() -> String {
    let [high, low] = clock::seed();
    format!(
        "{:08x}-{:04x}-7{:03x}-a{:03x}-{:012x}",
        high >> 32,
        high >> 16 & 0xFFFF,
        high & 0xFFF,
        low >> 48 & 0xFFF,
        low & 0xFFFF_FFFF_FFFF
    )
}

/// An error answer; `code` in place of the usual one.
pub(super) fn error(status: StatusCode, code: Option<&str>) -> Response {
    let (usual, message) = match status.as_u16() {
        400 => ("Bad Request", "Bad Request."),
        401 => ("INVALID_AUTH", "Invalid credentials."),
        402 => (
            "ASR_PAYMENT_REQUIRED",
            "Project does not have enough credits for an ASR request and does not have an overage agreement.",
        ),
        403 => (
            "INSUFFICIENT_PERMISSIONS",
            "User does not have sufficient permissions.",
        ),
        429 => (
            "TOO_MANY_REQUESTS",
            "Too many requests. Please try again later",
        ),
        _ => ("INTERNAL_SERVER_ERROR", "The service is not available."),
    };
    Refused::new(status, code.unwrap_or(usual), message).into_response()
}

/// A request that is refused, in the service's words.
#[derive(Clone, Debug)]
struct Refused {
    status: StatusCode,
    code: String,
    message: String,
}

impl Refused {
    fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.to_owned(),
            message: message.into(),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let id = uuid();
        let body = json!({"err_code": self.code, "err_msg": self.message, "request_id": id});
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        let error = HeaderValue::from_str(&self.message);
        if let (Ok(id), Ok(error)) = (HeaderValue::from_str(&id), error) {
            headers.insert("dg-request-id", id);
            headers.insert("dg-error", error);
        }
        response
    }
}

/// Checks the key: `Authorization: Token` or `Bearer`, or the sub-protocol that browsers use.
fn authorize(headers: &HeaderMap) -> Result<(), Refused> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let header = text("authorization").and_then(|value| {
        let (scheme, key) = value.split_once(' ')?;
        let known = scheme.eq_ignore_ascii_case("token") || scheme.eq_ignore_ascii_case("bearer");
        known.then(|| key.trim())
    });
    let protocol = text("sec-websocket-protocol").and_then(|value| {
        let (scheme, key) = value.split_once(',')?;
        matches!(scheme.trim(), "token" | "bearer").then(|| key.trim())
    });
    match header.or(protocol) {
        Some(key) if !key.is_empty() && key != "refused" => Ok(()),
        _ => Err(Refused::new(
            StatusCode::UNAUTHORIZED,
            "INVALID_AUTH",
            "Invalid credentials.",
        )),
    }
}

async fn send(socket: &mut WebSocket, message: &Value) -> Result<(), axum::Error> {
    socket.send(Message::text(message.to_string())).await
}

/// Sends a close frame and waits for the peer to have it.
async fn close(mut socket: WebSocket, code: u16, reason: &str) {
    let frame = (code != NO_CODE).then(|| CloseFrame {
        code,
        reason: reason.to_owned().into(),
    });
    if socket.send(Message::Close(frame)).await.is_ok() {
        // The peer has a few seconds to answer it.
        drop(tokio::time::timeout(CLOSING, swallow(socket)).await);
    }
}

/// Reads and ignores everything until the peer is gone.
async fn swallow(mut socket: WebSocket) {
    while let Some(Ok(_)) = socket.recv().await {}
}

/// A fault strikes an open socket; `words` is the service's error message.
async fn fail(mut socket: WebSocket, peer: &Peer, fault: &Fault, words: &Value) {
    match fault.kind {
        Kind::Refuse | Kind::Slow => peer.cut(),
        Kind::Stall => swallow(socket).await,
        Kind::Close => {
            let reason = "Deepgram did not provide a response message within the timeout window. See https://dpgr.am/net0000";
            close(socket, fault.code.unwrap_or(1011), reason).await;
        }
        Kind::Status => {
            if send(&mut socket, words).await.is_ok() {
                close(socket, fault.code.unwrap_or(1011), "").await;
            }
        }
    }
}
