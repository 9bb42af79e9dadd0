//! Ear and voice on one port: the ear notes how old the last frame of each message is, the voice speaks a
//! second of marked frames for each flush. Rendering by request is refused, so that prompts come live, too.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use axum::serve::ListenerExt as _;

use super::{FRAME, HOST, Times};

/// Frames of an utterance.
const SPOKEN: usize = 50;

pub async fn start(times: Times) -> std::io::Result<SocketAddr> {
    let listener = tokio::net::TcpListener::bind(SocketAddr::from((HOST, 0))).await?;
    let address = listener.local_addr()?;
    let listener = listener.tap_io(|stream| {
        stream.set_nodelay(true).expect("a flag is set");
    });
    let routes = Router::new()
        .route("/v2/listen", get(listen))
        .route("/v1/speak", get(speak).post(refuse))
        .with_state(times);
    tokio::spawn(async move { axum::serve(listener, routes).await });
    Ok(address)
}

async fn refuse() -> StatusCode {
    StatusCode::SERVICE_UNAVAILABLE
}

async fn listen(State(times): State<Times>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(|socket| hear(socket, times))
}

async fn hear(mut socket: WebSocket, times: Times) {
    let greeting = Message::text(r#"{"type":"Connected","sequence_id":0}"#);
    if socket.send(greeting).await.is_err() {
        return;
    }
    let mut sequence = 0;
    while let Some(Ok(message)) = socket.recv().await {
        let Message::Binary(audio) = message else {
            continue;
        };
        let frames = audio.chunks_exact(FRAME);
        let made: Option<Vec<u64>> = frames.map(Times::made).collect();
        if let Some(last) = made.and_then(|made| made.last().copied()) {
            times.note(&times.ear, last);
        }
        // Now and then a word, so that nobody takes the service for dead.
        sequence += 1;
        if sequence % 10 == 0 {
            let update = format!(
                r#"{{"type":"TurnInfo","event":"Update","transcript":"","sequence_id":{}}}"#,
                sequence / 10
            );
            if socket.send(Message::text(update)).await.is_err() {
                return;
            }
        }
    }
}

async fn speak(State(times): State<Times>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(|socket| say(socket, times))
}

async fn say(mut socket: WebSocket, times: Times) {
    while let Some(Ok(message)) = socket.recv().await {
        let Message::Text(text) = message else {
            continue;
        };
        let answer = if text.contains("Flush") {
            let audio: Vec<u8> = (0..SPOKEN).flat_map(|_| times.frame()).collect();
            if socket.send(Message::Binary(audio.into())).await.is_err() {
                return;
            }
            r#"{"type":"Flushed","sequence_id":0}"#
        } else if text.contains("Clear") {
            r#"{"type":"Cleared","sequence_id":0}"#
        } else {
            continue;
        };
        if socket.send(Message::text(answer)).await.is_err() {
            return;
        }
    }
}
