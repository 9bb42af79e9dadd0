//! Every request passes here: it is written down, and faults strike.

use std::convert::Infallible;
use std::future::pending;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::door::Peer;
use super::faults::{Fault, Kind, Service, Stage, Target};
use super::script::{Script, Step};
use super::{World, deepgram, kayako, openai};

/// The largest request body; a larger one is answered 413.
const MAX_BODY: usize = 2 * 1024 * 1024;

/// Journal, faults, then the service itself.
pub(super) async fn pass(
    State(world): State<World>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: Request,
    next: Next,
) -> Response {
    let get = request.method() == axum::http::Method::GET;
    let Some(service) = Service::of(get, request.uri().path()) else {
        return next.run(request).await;
    };
    let target = Target {
        service,
        method: request.method().to_string(),
        path: request.uri().path().to_owned(),
    };
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let path = parts.uri.to_string();
    let entry = world
        .journal()
        .begin(service, world.at(), target.method.clone(), path, &body);
    let mut response = match world.strike(&target, Stage::Connect).await {
        Some(fault) => refuse(&fault, &peer).await,
        None => {
            let request = Request::from_parts(parts, Body::from(body));
            next.run(request).await
        }
    };
    if matches!(service, Service::Helpdesk | Service::Articles) {
        response = spoil(&world, &target, &peer, response).await;
    }
    world.journal().answered(entry, response.status().as_u16());
    response
}

/// A fault that takes the place of the whole answer.
async fn refuse(fault: &Fault, peer: &Peer) -> Response {
    match fault.kind {
        Kind::Status => error(fault),
        Kind::Stall => pending::<Infallible>().await.into_response(),
        Kind::Refuse | Kind::Close | Kind::Slow => {
            peer.cut();
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// The service's own error answer.
pub(super) fn error(fault: &Fault) -> Response {
    let status = fault.http_status();
    let code = fault.error.as_deref();
    let mut response = match fault.service {
        Service::Ear | Service::Voice | Service::VoiceRest => deepgram::error(status, code),
        Service::Model => openai::error(status, code),
        Service::Helpdesk | Service::Articles => kayako::error(status, code),
    };
    if let Some(seconds) = fault.retry_after {
        response
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// Faults of plain answers, whose effect is done.
async fn spoil(world: &World, target: &Target, peer: &Peer, response: Response) -> Response {
    if let Some(fault) = world.strike(target, Stage::After).await {
        return refuse(&fault, peer).await;
    }
    let first = world.strike(target, Stage::FirstByte).await;
    let fault = match first {
        Some(fault) => Some((fault, false)),
        None => world
            .strike(target, Stage::Middle)
            .await
            .map(|fault| (fault, true)),
    };
    let Some((fault, begun)) = fault else {
        return response;
    };
    let (mut parts, body) = response.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let sent = if begun { body.len() / 2 } else { 0 };
    parts
        .headers
        .insert("content-length", HeaderValue::from(body.len()));
    let mut script = Script::default();
    script.push(Step::Send(body.slice(..sent)));
    script.push(match fault.kind {
        Kind::Stall => Step::Stall,
        _ => Step::Cut,
    });
    let rest: Bytes = body.slice(sent..);
    script.push(Step::Send(rest));
    Response::from_parts(parts, script.body())
}
