//! `WS /v1/speak`: Aura.

use std::time::Instant;

use axum::extract::rejection::QueryRejection;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::time::{sleep_until, timeout_at};

use super::Refused;
use super::query::{Query, invalid};
use super::synthesis::{Piece, Place, Synthesis, TooMuch};
use crate::io::clock;
use crate::sandbox::World;
use crate::sandbox::door::Peer;
use crate::sandbox::faults::{Service, Stage, Target};
use crate::sandbox::pcm::Encoding;

const PARAMETERS: [&str; 7] = [
    "model",
    "encoding",
    "sample_rate",
    "speed",
    "mip_opt_out",
    "container",
    "tag",
];

/// What a request wants rendered.
pub(super) struct Format {
    pub(super) model: String,
    pub(super) encoding: Encoding,
    pub(super) rate: u32,
}

/// Reads the parameters that the socket and the REST form share.
pub(super) fn format(query: &Query) -> Result<Format, Refused> {
    let model = query.get("model").unwrap_or("aura-asteria-en");
    if !model.starts_with("aura-") {
        return Err(Refused::new(
            StatusCode::BAD_REQUEST,
            "Bad Request",
            "No such model/version combination found.",
        ));
    }
    query.number("speed", 0.7, 1.5)?;
    let encoding = query.encoding()?.unwrap_or(Encoding::Linear16);
    let (usual, rates): (u32, &[u32]) = match encoding {
        Encoding::Linear16 => (24_000, &[8_000, 16_000, 24_000, 32_000, 48_000]),
        Encoding::G711(_) => (8_000, &[8_000, 16_000]),
    };
    Ok(Format {
        model: model.to_owned(),
        encoding,
        rate: query.rate(rates)?.unwrap_or(usual),
    })
}

/// The upgrade: key and parameters are checked before it.
pub(super) async fn open(
    State(world): State<World>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    headers: HeaderMap,
    query: Result<axum::extract::Query<Vec<(String, String)>>, QueryRejection>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    if let Err(refused) = super::authorize(&headers) {
        return refused.into_response();
    }
    let query = match query {
        Ok(axum::extract::Query(query)) => Query(query),
        Err(_) => return invalid("not a query string").into_response(),
    };
    let format = query
        .only(&PARAMETERS)
        .and_then(|()| match query.get("container") {
            None | Some("none") => format(&query),
            Some(_) => Err(invalid("container: a socket is always raw")),
        });
    let format = match format {
        Ok(format) => format,
        Err(refused) => return refused.into_response(),
    };
    let id = super::uuid();
    let dg_request_id = HeaderValue::from_str(&id);
    let mut response = match upgrade {
        Ok(upgrade) => {
            upgrade
                .protocols(["token", "bearer"])
                .on_upgrade(move |socket| async move {
                    world.journal().socket(Service::Voice, true);
                    serve(&world, &peer, socket, &format, &id).await;
                    world.journal().socket(Service::Voice, false);
                })
        }
        Err(rejection) => rejection.into_response(),
    };
    if let Ok(id) = dg_request_id {
        response.headers_mut().insert("dg-request-id", id);
    }
    response
}

enum End {
    Gone,
    Close(u16, &'static str),
    Fault(crate::sandbox::Fault),
}

struct Session<'a> {
    world: &'a World,
    target: Target,
    socket: WebSocket,
    synthesis: Synthesis,
    next: Instant,
    heard: Instant,
    cleared: u64,
    closing: bool,
}

async fn serve(world: &World, peer: &Peer, socket: WebSocket, format: &Format, id: &str) {
    let now = clock::now();
    let mut session = Session {
        world,
        target: Target {
            service: Service::Voice,
            method: "GET".to_owned(),
            path: "/v1/speak".to_owned(),
        },
        socket,
        synthesis: Synthesis::new(format.encoding, format.rate),
        next: now,
        heard: now,
        cleared: 0,
        closing: false,
    };
    let model = super::uuid();
    let metadata = json!({"type": "Metadata", "request_id": id, "model_name": format.model,
        "model_version": "2026-01-01.0", "model_uuid": model, "additional_model_uuids": []});
    let end = match session.run(&metadata).await {
        Ok(never) => match never {},
        Err(end) => end,
    };
    match end {
        End::Gone => {}
        End::Close(code, reason) => super::close(session.socket, code, reason).await,
        End::Fault(fault) => {
            let words = json!({"type": "Error", "code": fault.error.as_deref().unwrap_or("NET-0000"),
                "description": "The service is not available."});
            super::fail(session.socket, peer, &fault, &words).await;
        }
    }
}

impl Session<'_> {
    async fn run(&mut self, metadata: &Value) -> Result<std::convert::Infallible, End> {
        self.send(metadata).await?;
        loop {
            if self.closing && self.synthesis.is_idle() {
                return Err(End::Close(1000, ""));
            }
            let idle = self.heard + self.world.settings.idle;
            tokio::select! {
                biased;
                message = timeout_at(idle.into(), self.socket.recv()) => match message {
                    Ok(message) => self.receive(message).await?,
                    Err(_) => return Err(End::Close(1011, super::IDLE)),
                },
                () = sleep_until(self.next.into()), if !self.synthesis.is_idle() => {
                    self.piece().await?;
                }
            }
        }
    }

    async fn send(&mut self, message: &Value) -> Result<(), End> {
        super::send(&mut self.socket, message)
            .await
            .map_err(|_| End::Gone)
    }

    async fn receive(&mut self, message: Option<Result<Message, axum::Error>>) -> Result<(), End> {
        self.heard = clock::now();
        match message {
            Some(Ok(Message::Text(text))) => self.control(&text).await,
            Some(Ok(Message::Binary(_))) => {
                Err(End::Close(1003, "MESSAGE-0000: not a text message"))
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
            Some(Ok(Message::Close(_)) | Err(_)) | None => Err(End::Gone),
        }
    }

    async fn control(&mut self, text: &str) -> Result<(), End> {
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        let invalid = End::Close(1008, "DATA-0000: not a valid command");
        match (message["type"].as_str(), message["text"].as_str()) {
            (Some("Speak"), Some(text)) => self.speak(text),
            (Some("Flush"), _) => self.flush().await,
            (Some("Clear"), _) => {
                // What is already under way still arrives.
                if let Some(Piece::Audio { bytes, .. }) = self.synthesis.poll() {
                    self.binary(bytes).await?;
                }
                self.synthesis.clear();
                self.cleared += 1;
                let message = json!({"type": "Cleared", "sequence_id": self.cleared - 1});
                self.send(&message).await
            }
            (Some("Close"), _) => {
                self.synthesis.finish();
                self.closing = true;
                Ok(())
            }
            _ => Err(invalid),
        }
    }

    fn speak(&mut self, text: &str) -> Result<(), End> {
        let was_idle = self.synthesis.is_idle();
        match self.synthesis.speak(text, clock::now()) {
            Ok(rendered) => {
                if let Some(text) = rendered {
                    self.rendered(text, was_idle);
                }
                Ok(())
            }
            Err(TooMuch::Message) => Err(End::Close(1009, "BIG-0001: text too long")),
            Err(TooMuch::Minute) => Err(End::Close(
                1008,
                "DATA-0001: too many characters in the window",
            )),
        }
    }

    async fn flush(&mut self) -> Result<(), End> {
        let was_idle = self.synthesis.is_idle();
        if let Some(text) = self.synthesis.flush(clock::now()) {
            self.rendered(text, was_idle);
            return Ok(());
        }
        let (code, words) = if self.world.settings.schema_warnings {
            ("code", "description")
        } else {
            ("warn_code", "warn_msg")
        };
        let message = json!({"type": "Warning", code: "EXCESSIVE_FLUSH",
            words: "Rate limit exceeded for flushes."});
        self.send(&message).await
    }

    fn rendered(&mut self, text: String, was_idle: bool) {
        if was_idle {
            self.next = clock::now() + self.world.settings.first_audio;
        }
        if !text.trim().is_empty() {
            let at = self.world.at();
            self.world.journal().spoke(at, text);
        }
    }

    async fn binary(&mut self, bytes: Vec<u8>) -> Result<(), End> {
        self.socket
            .send(Message::binary(bytes))
            .await
            .map_err(|_| End::Gone)
    }

    async fn piece(&mut self) -> Result<(), End> {
        match self.synthesis.poll() {
            None => Ok(()),
            Some(Piece::Flushed(number)) => {
                let message = json!({"type": "Flushed", "sequence_id": number});
                self.send(&message).await
            }
            Some(Piece::Audio {
                bytes,
                length,
                place,
            }) => {
                let stage = match place {
                    Place::First => Some(Stage::FirstByte),
                    Place::Half => Some(Stage::Middle),
                    Place::Other => None,
                };
                if let Some(stage) = stage
                    && let Some(fault) = self.world.strike(&self.target, stage).await
                {
                    return Err(End::Fault(fault));
                }
                self.next = clock::now() + length / self.world.settings.audio_speed.max(1);
                self.binary(bytes).await
            }
        }
    }
}
