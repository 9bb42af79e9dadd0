//! The stand-ins over real sockets.

mod desk;
mod faults;
mod model;
mod speech;

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::tone_speech::{Decoder, Encoder};
use super::*;
use crate::audio::Law;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

const FLUX: &str = "/v2/listen?model=flux-general-en&encoding=mulaw&sample_rate=8000";
const AURA: &str = "/v1/speak?model=aura-2-thalia-en&encoding=mulaw&sample_rate=8000";
const PATIENCE: Duration = Duration::from_secs(10);

async fn sandbox() -> Sandbox {
    start(|_| ()).await
}

async fn start(change: fn(&mut Settings)) -> Sandbox {
    let mut settings = Settings {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        ..Settings::default()
    };
    change(&mut settings);
    Sandbox::start(settings).await.unwrap()
}

async fn open(sandbox: &Sandbox, path: &str, key: &str) -> Result<Socket, Error> {
    let mut request = format!("ws://{}{path}", sandbox.addr).into_client_request()?;
    if !key.is_empty() {
        let key = format!("Token {key}").parse().unwrap();
        request.headers_mut().insert("authorization", key);
    }
    timeout(PATIENCE, connect_async(request))
        .await
        .unwrap()
        .map(|(socket, _)| socket)
}

async fn next(socket: &mut Socket) -> Option<Message> {
    timeout(PATIENCE, socket.next())
        .await
        .expect("a message in time")?
        .ok()
}

async fn next_json(socket: &mut Socket) -> Value {
    loop {
        match next(socket).await {
            Some(Message::Text(text)) => return serde_json::from_str(&text).unwrap(),
            Some(Message::Binary(_) | Message::Ping(_)) => {}
            other => panic!("{other:?} instead of a text"),
        }
    }
}

/// Reads until the socket is closed; the close code, `None` when there was no close frame.
async fn closed(socket: &mut Socket) -> Option<Option<u16>> {
    while let Some(message) = next(socket).await {
        if let Message::Close(frame) = message {
            return Some(frame.map(|frame| u16::from(frame.code)));
        }
    }
    None
}

async fn tell(socket: &mut Socket, message: Value) {
    socket
        .send(Message::text(message.to_string()))
        .await
        .unwrap();
}

fn speech(text: &str) -> Vec<u8> {
    let mut samples = Encoder::new(8_000).say(text);
    samples.extend([0; 4_000]);
    samples
        .iter()
        .map(|sample| Law::Mu.encode(*sample))
        .collect()
}

fn words(audio: &[u8]) -> String {
    let samples: Vec<i16> = audio.iter().map(|byte| Law::Mu.decode(*byte)).collect();
    let mut heard = Vec::new();
    Decoder::new(8_000).push(&samples, &mut heard);
    heard.iter().map(|each| each.character).collect()
}

fn fault(sandbox: &Sandbox, fault: Value) {
    sandbox
        .fault(serde_json::from_value(fault).unwrap())
        .unwrap();
}

struct Answer {
    status: u16,
    headers: String,
    body: Vec<u8>,
    /// The connection ended as the length said.
    whole: bool,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// One HTTP request on a connection of its own; `None` when it is cut before an answer.
async fn ask(
    sandbox: &Sandbox,
    method: &str,
    path: &str,
    headers: &[&str],
    body: &str,
) -> Option<Answer> {
    let url = format!("http://{}{path}", sandbox.addr);
    // Without this no client can be made; another test may have done it already.
    drop(rustls::crypto::ring::default_provider().install_default());
    let client = reqwest::Client::builder()
        .timeout(PATIENCE)
        .build()
        .unwrap();
    let mut request = client
        .request(method.parse().unwrap(), url)
        .body(body.to_owned());
    for header in headers {
        let (name, value) = header.split_once(": ").unwrap();
        request = request.header(name, value);
    }
    let response = request.send().await.ok()?;
    let status = response.status().as_u16();
    let headers = format!("{:?}", response.headers());
    let mut body = Vec::new();
    let mut whole = true;
    let mut stream = response.bytes_stream();
    while let Some(piece) = stream.next().await {
        match piece {
            Ok(piece) => body.extend(piece),
            Err(_) => whole = false,
        }
    }
    Some(Answer {
        status,
        headers,
        body,
        whole,
    })
}

const KEY: &str = "authorization: Bearer k";
const JSON: &str = "content-type: application/json";
const LOGIN: &str = "authorization: Basic YUBiLmM6cA==";

fn question(text: &str) -> String {
    json!({"model": "m", "stream": true, "instructions": "answer", "store": false,
        "input": [{"role": "developer", "content": "Article: Opening hours\nWe are open from 8 to 6."},
            {"role": "user", "content": text}]})
    .to_string()
}
