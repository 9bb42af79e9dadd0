//! `POST /v1/speak`: Aura, one text at a time.

use axum::extract::State;
use axum::extract::rejection::QueryRejection;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::Refused;
use super::query::{Query, invalid};
use super::speak::{Format, format};
use super::synthesis::{Piece, Synthesis};
use crate::audio::Law;
use crate::io::clock;
use crate::sandbox::World;
use crate::sandbox::faults::{Kind, Service, Stage, Target};
use crate::sandbox::pcm::Encoding;
use crate::sandbox::script::{Script, Step};

const PARAMETERS: [&str; 10] = [
    "model",
    "encoding",
    "sample_rate",
    "container",
    "bit_rate",
    "speed",
    "callback",
    "callback_method",
    "tag",
    "mip_opt_out",
];
/// Characters of one text, by the service's error message.
const MAX_TEXT: usize = 2_000;

/// Renders a text.
pub(super) async fn speak(
    State(world): State<World>,
    headers: HeaderMap,
    query: Result<axum::extract::Query<Vec<(String, String)>>, QueryRejection>,
    body: String,
) -> Response {
    let order = super::authorize(&headers)
        .and_then(|()| match query {
            Ok(axum::extract::Query(query)) => order(&Query(query)),
            Err(_) => Err(invalid("not a query string")),
        })
        .and_then(|order| Ok((order, text(&headers, &body)?)));
    let ((format, container), text) = match order {
        Ok(order) => order,
        Err(refused) => return refused.into_response(),
    };
    let mut synthesis = Synthesis::new(format.encoding, format.rate);
    let now = clock::now();
    if synthesis.speak(&text, now).is_err() || synthesis.flush(now).is_none() {
        return too_long().into_response();
    }
    let at = world.at();
    world.journal().spoke(at, text.clone());
    let script = script(&world, &format, container, synthesis).await;
    answer(&format, container, &text, script)
}

fn order(query: &Query) -> Result<(Format, bool), Refused> {
    query.only(&PARAMETERS)?;
    let wav = match query.get("container") {
        None | Some("wav") => true,
        Some("none") => false,
        Some(_) => return Err(invalid("container: unknown variant")),
    };
    Ok((format(query)?, wav))
}

fn text(headers: &HeaderMap, body: &str) -> Result<String, Refused> {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let text = match kind.unwrap_or_default() {
        kind if kind.starts_with("application/json") => {
            let body: Value = serde_json::from_str(body).unwrap_or_default();
            let Some(text) = body["text"].as_str() else {
                return Err(Refused::new(
                    StatusCode::BAD_REQUEST,
                    "PAYLOAD_ERROR",
                    "Failed to deserialize JSON payload. Please specify exactly one of `text` or `url` in the JSON body.",
                ));
            };
            text.to_owned()
        }
        kind if kind.starts_with("text/plain") => body.to_owned(),
        _ => {
            return Err(Refused::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "UNSUPPORTED_MEDIA_TYPE",
                "Content-Type must be application/json or text/plain.",
            ));
        }
    };
    if text.trim().is_empty() {
        return Err(Refused::new(
            StatusCode::BAD_REQUEST,
            "Bad Request",
            "Input text contains no characters.",
        ));
    }
    if text.chars().count() > MAX_TEXT {
        return Err(too_long());
    }
    Ok(text)
}

fn too_long() -> Refused {
    Refused::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "Payload Too Large",
        "Input text exceeds maximum character limit of 2000.",
    )
}

async fn script(world: &World, format: &Format, wav: bool, mut audio: Synthesis) -> Script {
    let settings = &world.settings;
    let mut pieces = Vec::new();
    let mut size = 0;
    while let Some(piece) = audio.poll() {
        if let Piece::Audio { bytes, length, .. } = piece {
            size += bytes.len();
            pieces.push((bytes, length));
        }
    }
    let mut script = Script::default();
    script.push(Step::Wait(settings.first_audio));
    if wav {
        script.push(Step::Send(header(format, size).into()));
    }
    for (bytes, length) in pieces {
        script.push(Step::Send(bytes.into()));
        script.push(Step::Wait(length / settings.audio_speed.max(1)));
    }
    let target = Target {
        service: Service::VoiceRest,
        method: "POST".to_owned(),
        path: "/v1/speak".to_owned(),
    };
    for (stage, index) in [(Stage::FirstByte, 0), (Stage::Middle, script.len() / 2)] {
        if let Some(fault) = world.strike(&target, stage).await {
            let step = match fault.kind {
                Kind::Stall => Step::Stall,
                _ => Step::Cut,
            };
            script.insert(index, step);
        }
    }
    script
}

fn answer(format: &Format, wav: bool, text: &str, script: Script) -> Response {
    let kind = match format.encoding {
        _ if wav => "audio/wav".to_owned(),
        Encoding::Linear16 => format!("audio/l16;rate={}", format.rate),
        Encoding::G711(Law::Mu) => format!("audio/mulaw;rate={}", format.rate),
        Encoding::G711(Law::A) => format!("audio/alaw;rate={}", format.rate),
    };
    let mut response = Response::new(script.body());
    let mut set = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    };
    set("content-type", &kind);
    set("dg-request-id", &super::uuid());
    set("dg-model-name", &format.model);
    set("dg-model-uuid", &super::uuid());
    set("dg-additional-model-uuids", "");
    set("dg-char-count", &text.chars().count().to_string());
    set("dg-project-id", &super::uuid());
    response
}

/// A WAV header for `size` bytes of audio.
fn header(format: &Format, size: usize) -> Vec<u8> {
    let width = u16::try_from(format.encoding.width()).unwrap_or(u16::MAX);
    let code: u16 = match format.encoding {
        Encoding::Linear16 => 1,
        Encoding::G711(Law::A) => 6,
        Encoding::G711(Law::Mu) => 7,
    };
    let size = u32::try_from(size).unwrap_or(u32::MAX);
    let mut header = Vec::with_capacity(44);
    header.extend(b"RIFF");
    header.extend(size.saturating_add(36).to_le_bytes());
    header.extend(b"WAVEfmt ");
    header.extend(16u32.to_le_bytes());
    header.extend(code.to_le_bytes());
    header.extend(1u16.to_le_bytes());
    header.extend(format.rate.to_le_bytes());
    header.extend((format.rate * u32::from(width)).to_le_bytes());
    header.extend(width.to_le_bytes());
    header.extend((width * 8).to_le_bytes());
    header.extend(b"data");
    header.extend(size.to_le_bytes());
    header
}
