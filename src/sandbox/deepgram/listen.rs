//! `WS /v2/listen`: Flux.

use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::Refused;
use super::query::{Query, invalid};
use super::turns::{Event, Info, Thresholds, Turns};
use crate::sandbox::World;
use crate::sandbox::door::Peer;
use crate::sandbox::faults::{Service, Stage, Target};
use crate::sandbox::pcm::Encoding;

const PARAMETERS: [&str; 13] = [
    "model",
    "encoding",
    "sample_rate",
    "eot_threshold",
    "eager_eot_threshold",
    "eot_timeout_ms",
    "keyterm",
    "language_hint",
    "profanity_filter",
    "numerals",
    "redact",
    "mip_opt_out",
    "tag",
];
const RATES: [u32; 5] = [8_000, 16_000, 24_000, 44_100, 48_000];
const MAX_KEYTERMS: usize = 100;

struct Settings {
    encoding: Encoding,
    rate: u32,
    thresholds: Thresholds,
    keyterms: Vec<String>,
    language_hints: Vec<String>,
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
    let Ok(axum::extract::Query(query)) = query else {
        return invalid("not a query string").into_response();
    };
    let settings = match settings(&Query(query)) {
        Ok(settings) => settings,
        Err(refused) => return refused.into_response(),
    };
    let id = super::uuid();
    let dg_request_id = HeaderValue::from_str(&id);
    let mut response = match upgrade {
        Ok(upgrade) => {
            upgrade
                .protocols(["token", "bearer"])
                .on_upgrade(move |socket| async move {
                    world.journal().socket(Service::Ear, true);
                    serve(&world, &peer, socket, settings, id).await;
                    world.journal().socket(Service::Ear, false);
                })
        }
        Err(rejection) => rejection.into_response(),
    };
    if let Ok(id) = dg_request_id {
        response.headers_mut().insert("dg-request-id", id);
    }
    response
}

fn settings(query: &Query) -> Result<Settings, Refused> {
    query.only(&PARAMETERS)?;
    match query.get("model") {
        Some("flux-general-en" | "flux-general-multi") => {}
        Some(_) => {
            return Err(Refused::new(
                StatusCode::BAD_REQUEST,
                "Bad Request",
                "Bad Request: No such model/language/tier combination found.",
            ));
        }
        None => return Err(invalid("missing field `model`")),
    }
    let encoding = query.encoding()?;
    let rate = query.rate(&RATES)?;
    let (Some(encoding), Some(rate)) = (encoding, rate) else {
        return Err(invalid("raw audio needs `encoding` and `sample_rate`"));
    };
    let timeout = query.number("eot_timeout_ms", 500, 60_000)?;
    let thresholds = Thresholds {
        eager: query.number("eager_eot_threshold", 0.3, 0.9)?,
        end: query.number("eot_threshold", 0.5, 1.0)?.unwrap_or(0.7),
        timeout: Duration::from_millis(timeout.unwrap_or(5_000)),
    };
    if thresholds.eager.is_some_and(|eager| eager > thresholds.end) {
        return Err(invalid(
            "eager_eot_threshold must be less than or equal to eot_threshold",
        ));
    }
    let keyterms = query.all("keyterm");
    if keyterms.len() > MAX_KEYTERMS {
        return Err(invalid("too many values for `keyterm`"));
    }
    Ok(Settings {
        encoding,
        rate,
        thresholds,
        keyterms,
        language_hints: query.all("language_hint"),
    })
}

/// How a session ends.
enum End {
    /// The peer is gone.
    Gone,
    /// With a close frame.
    Close(u16, &'static str),
    /// By a fault.
    Fault(crate::sandbox::Fault),
}

struct Session<'a> {
    world: &'a World,
    target: Target,
    socket: WebSocket,
    id: String,
    sequence: u64,
    settings: Settings,
    turns: Turns,
    rest: Option<u8>,
}

async fn serve(world: &World, peer: &Peer, socket: WebSocket, settings: Settings, id: String) {
    let turns = Turns::new(settings.rate, settings.thresholds);
    let mut session = Session {
        world,
        target: Target {
            service: Service::Ear,
            method: "GET".to_owned(),
            path: "/v2/listen".to_owned(),
        },
        socket,
        id,
        sequence: 0,
        settings,
        turns,
        rest: None,
    };
    let end = match session.run().await {
        Ok(never) => match never {},
        Err(end) => end,
    };
    match end {
        End::Gone => {}
        End::Close(code, reason) => super::close(session.socket, code, reason).await,
        End::Fault(fault) => {
            let words = json!({"type": "Error", "sequence_id": session.sequence,
                "code": fault.error.as_deref().unwrap_or("INTERNAL_SERVER_ERROR"),
                "description": "The service is not available."});
            super::fail(session.socket, peer, &fault, &words).await;
        }
    }
}

impl Session<'_> {
    async fn run(&mut self) -> Result<std::convert::Infallible, End> {
        self.strike(Stage::FirstByte).await?;
        self.send(json!({"type": "Connected"})).await?;
        loop {
            let idle = self.world.settings.idle;
            let Ok(message) = tokio::time::timeout(idle, self.socket.recv()).await else {
                return Err(End::Close(1011, super::IDLE));
            };
            match message {
                Some(Ok(Message::Binary(audio))) => self.audio(&audio).await?,
                Some(Ok(Message::Text(text))) => self.control(&text).await?,
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(End::Gone),
            }
        }
    }

    async fn strike(&mut self, stage: Stage) -> Result<(), End> {
        let fault = self.world.strike(&self.target, stage).await;
        fault.map_or(Ok(()), |fault| Err(End::Fault(fault)))
    }

    async fn send(&mut self, mut message: Value) -> Result<(), End> {
        message["sequence_id"] = json!(self.sequence);
        if message["type"] != "Error" {
            message["request_id"] = json!(self.id);
        }
        self.sequence += 1;
        super::send(&mut self.socket, &message)
            .await
            .map_err(|_| End::Gone)
    }

    async fn audio(&mut self, bytes: &[u8]) -> Result<(), End> {
        if bytes.is_empty() {
            return Err(End::Close(1000, ""));
        }
        let samples = self.settings.encoding.decode(bytes, &mut self.rest);
        for info in self.turns.push(&samples) {
            self.tell(&info).await?;
            if info.event == Event::StartOfTurn {
                self.strike(Stage::Middle).await?;
            }
        }
        Ok(())
    }

    async fn tell(&mut self, info: &Info) -> Result<(), End> {
        if matches!(info.event, Event::EndOfTurn | Event::EndOfTurnByTimeout) {
            let at = self.world.at();
            self.world.journal().heard(at, info.transcript());
        }
        self.send(message(info)).await
    }

    async fn control(&mut self, text: &str) -> Result<(), End> {
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        match message["type"].as_str() {
            Some("CloseStream") => {
                if let Some(info) = self.turns.finish() {
                    self.tell(&info).await?;
                }
                Err(End::Close(1000, ""))
            }
            Some("Configure") => self.configure(&message).await,
            _ => {
                self.send(json!({"type": "Error", "code": "UNPARSABLE_CLIENT_MESSAGE",
                    "description": "The message is not one of CloseStream, Configure."}))
                    .await?;
                Err(End::Close(super::NO_CODE, ""))
            }
        }
    }

    async fn configure(&mut self, message: &Value) -> Result<(), End> {
        let answer = match thresholds(&message["thresholds"], self.turns.thresholds()) {
            Ok(thresholds) => {
                self.turns.configure(thresholds);
                if let Some(terms) = strings(&message["keyterms"]) {
                    self.settings.keyterms = terms;
                }
                if let Some(hints) = strings(&message["language_hints"]) {
                    self.settings.language_hints = hints;
                }
                json!({"type": "ConfigureSuccess",
                    "thresholds": {"eager_eot_threshold": thresholds.eager,
                        "eot_threshold": thresholds.end,
                        "eot_timeout_ms": thresholds.timeout.as_millis() as u64},
                    "keyterms": self.settings.keyterms,
                    "language_hints": self.settings.language_hints})
            }
            Err(description) => json!({"type": "ConfigureFailure",
                "code": "INVALID_THRESHOLD", "description": description}),
        };
        self.send(answer).await
    }
}

fn strings(value: &Value) -> Option<Vec<String>> {
    let list = value.as_array()?;
    let texts = list.iter().filter_map(|each| each.as_str());
    Some(texts.map(str::to_owned).collect())
}

fn thresholds(change: &Value, mut now: Thresholds) -> Result<Thresholds, &'static str> {
    if let Some(eager) = change["eager_eot_threshold"].as_f64() {
        now.eager = Some(eager);
    }
    if let Some(end) = change["eot_threshold"].as_f64() {
        now.end = end;
    }
    if let Some(timeout) = change["eot_timeout_ms"].as_u64() {
        now.timeout = Duration::from_millis(timeout);
    }
    let eager = now.eager.is_none_or(|eager| (0.3..=0.9).contains(&eager));
    let timeout = (500..=60_000).contains(&now.timeout.as_millis());
    if !eager || !timeout || !(0.5..=1.0).contains(&now.end) {
        return Err("a threshold is out of range");
    }
    if now.eager.is_some_and(|eager| eager > now.end) {
        return Err("eager_eot_threshold must be less than or equal to eot_threshold");
    }
    Ok(now)
}

/// A `TurnInfo`.
fn message(info: &Info) -> Value {
    let (event, trigger) = match info.event {
        Event::Update => ("Update", None),
        Event::StartOfTurn => ("StartOfTurn", None),
        Event::EagerEndOfTurn => ("EagerEndOfTurn", None),
        Event::TurnResumed => ("TurnResumed", None),
        Event::EndOfTurn => ("EndOfTurn", Some("model")),
        Event::EndOfTurnByTimeout => ("EndOfTurn", Some("timeout")),
    };
    let words: Vec<Value> = info
        .words
        .iter()
        .map(|word| {
            json!({"word": word.text, "confidence": 0.9,
                "start": seconds(word.start), "end": seconds(word.end)})
        })
        .collect();
    let mut message = json!({
        "type": "TurnInfo", "event": event, "turn_index": info.turn,
        "audio_window_start": seconds(info.window.0), "audio_window_end": seconds(info.window.1),
        "transcript": info.transcript(), "words": words,
        "end_of_turn_confidence": (info.confidence * 10_000.0).round() / 10_000.0,
    });
    if let Some(trigger) = trigger {
        message["trigger"] = json!(trigger);
    }
    message
}

fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1_000.0).round() / 1_000.0
}
