//! The sandbox's own pages: `/state` and `/faults`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::faults::Fault;
use super::{Shared, World};

pub(super) fn routes() -> Router<World> {
    Router::new()
        .route("/state", get(show))
        .route("/faults", get(list).post(add).delete(clear))
}

/// Everything the sandbox holds.
pub(super) fn state(world: &Shared) -> Value {
    let (requests, speech, sockets) = world.journal().json();
    let mut state = world.desk().json();
    state["requests"] = requests;
    state["speech"] = speech;
    state["sockets"] = sockets;
    state["connections"] = json!(world.connections.open());
    state["uptime"] = json!(world.at());
    state["faults"] = json!(world.faults().list());
    state
}

async fn show(State(world): State<World>) -> Json<Value> {
    Json(state(&world))
}

async fn list(State(world): State<World>) -> Json<Value> {
    Json(json!(world.faults().list()))
}

async fn clear(State(world): State<World>) -> Json<Value> {
    world.faults().clear();
    Json(json!([]))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Clear {
    clear: bool,
    #[serde(default)]
    faults: Vec<Fault>,
}

async fn add(State(world): State<World>, body: String) -> Response {
    match change(&world, &body) {
        Ok(list) => Json(list).into_response(),
        Err(message) => (StatusCode::BAD_REQUEST, Json(json!({"error": message}))).into_response(),
    }
}

fn change(world: &Shared, body: &str) -> Result<Value, String> {
    let value: Value = serde_json::from_str(body).map_err(|error| error.to_string())?;
    let faults: Vec<Fault> = if value.get("clear").is_some() {
        let Clear { clear, faults } = parse(value)?;
        if clear {
            world.faults().clear();
        }
        faults
    } else if value.is_array() {
        parse(value)?
    } else {
        vec![parse(value)?]
    };
    let mut held = world.faults();
    held.add(faults)?;
    Ok(json!(held.list()))
}

fn parse<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, String> {
    serde_json::from_value(value).map_err(|error| error.to_string())
}
