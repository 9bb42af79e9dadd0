//! Servers on a free port of the loopback.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use ringwell::ticket::CallId;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// The longest any test waits for something that must come.
pub const SOON: Duration = Duration::from_secs(10);

/// Serves until the test ends; gives the address.
pub async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

/// The name of every test's call.
pub fn call_id() -> CallId {
    CallId("test-call".to_owned())
}

/// An address where nobody listens.
pub async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    format!("http://{address}")
}

/// An address where connections are taken and never answered.
pub async fn mute() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        let mut taken = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            taken.push(stream);
        }
    });
    format!("http://{address}")
}

/// What a client asked for when it connected.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Counts connections from 0.
    pub nth: usize,
    pub uri: Uri,
    pub headers: HeaderMap,
}

/// A WebSocket route. `script` runs for each connection, unless `refuse` gives a status for it.
pub fn socket<F, Fut>(refuse: fn(usize) -> Option<u16>, script: F) -> MethodRouter
where
    F: FnOnce(Asked, Peer) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let count = Arc::new(AtomicUsize::new(0));
    get(
        async move |uri: Uri, headers: HeaderMap, upgrade: WebSocketUpgrade| -> Response {
            let nth = count.fetch_add(1, Ordering::Relaxed);
            if let Some(status) = refuse(nth) {
                let status = StatusCode::from_u16(status).expect("a status");
                let told = [("dg-error", "No."), ("dg-request-id", "refused-1")];
                return (status, told, "No.").into_response();
            }
            let asked = Asked { nth, uri, headers };
            upgrade.on_upgrade(async move |socket| script(asked, Peer { socket }).await)
        },
    )
}

/// Nobody is refused.
pub fn welcome(_: usize) -> Option<u16> {
    None
}

/// The server's end of a connection.
pub struct Peer {
    socket: WebSocket,
}

/// What a client sent.
#[derive(Debug)]
pub enum Sent {
    Text(Value),
    Audio(Vec<u8>),
    Gone,
}

impl Peer {
    pub async fn next(&mut self) -> Sent {
        loop {
            match self.socket.recv().await {
                Some(Ok(Message::Text(text))) => {
                    return Sent::Text(serde_json::from_str(&text).expect("a client sends JSON"));
                }
                Some(Ok(Message::Binary(audio))) => return Sent::Audio(audio.to_vec()),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Sent::Gone,
            }
        }
    }

    /// Sends JSON; a client that is gone is no matter.
    pub async fn tell(&mut self, json: Value) {
        let _ = self.socket.send(Message::text(json.to_string())).await;
    }

    /// Sends any text.
    pub async fn blurt(&mut self, text: &str) {
        let _ = self.socket.send(Message::text(text)).await;
    }

    pub async fn play(&mut self, audio: &[u8]) {
        let audio = audio.to_vec();
        let _ = self.socket.send(Message::binary(audio)).await;
    }

    pub async fn close(mut self, code: u16, reason: &'static str) {
        let frame = CloseFrame {
            code,
            reason: reason.into(),
        };
        let _ = self.socket.send(Message::Close(Some(frame))).await;
    }

    /// Says nothing more, but reads on until the client is gone.
    pub async fn stall(mut self) {
        while !matches!(self.next().await, Sent::Gone) {}
    }
}

/// The next of a channel, which must come soon.
pub async fn soon<T>(events: &mut mpsc::Receiver<T>) -> T {
    let event = timeout(SOON, events.recv()).await.expect("in time");
    event.expect("the sender lives")
}
