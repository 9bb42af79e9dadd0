//! WebSocket client (RFC 6455) as the speech services need it: small buffers, bounded waiting,
//! the key never printed, every way of failing told as one [`Failure`].

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::header::{AUTHORIZATION, USER_AGENT};
use tokio_tungstenite::tungstenite::http::{HeaderMap, HeaderValue, Response};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message, Utf8Bytes};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream};

use super::tls::{self, Tls};
use crate::conversation::Failure;

/// A write that makes no progress for this long means a dead connection.
const WRITE_PATIENCE: Duration = Duration::from_secs(1);
/// Read at once: two sockets a call must fit its memory, and a buffer is used again from its beginning, instead of
/// growing, where little of the next message is in it. Longer messages grow it while they pass.
const READ_BUFFER: usize = 1024;
/// What may wait to be written: the longest text the voice accepts, several times over. When full
/// the write fails and the connection is given up.
const WRITE_BUFFER: usize = 64 * 1024;
/// The longest message accepted: a minute of audio. A longer one ends the connection.
const MAX_MESSAGE: usize = 512 * 1024;
/// How much of a refusal's text is kept.
const MAX_REASON: usize = 200;

/// Where to connect, and as whom.
#[derive(Debug)]
pub struct Target {
    /// `wss://` or `ws://` address with path and query.
    pub url: String,
    /// Value of the Authorization header.
    pub authorization: SecretString,
    /// Patience for name look-up, TCP, TLS and upgrade together.
    pub connect: Duration,
}

/// What came in.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    /// A text message.
    Text(Utf8Bytes),
    /// A binary message; may be empty and of any size.
    Binary(Bytes),
    /// The connection is over; why, with the close code if there was one.
    Closed(String),
}

/// An open connection.
#[derive(Debug)]
pub struct Socket {
    stream: Box<WebSocketStream<MaybeTlsStream<TcpStream>>>,
    request_id: String,
}

/// Opens a connection.
///
/// # Errors
/// `Refused` for an answer that a retry cannot change (4xx other than 408, 425, 429), `Stalled` when
/// the patience ends, `Unavailable` for everything else.
pub async fn connect(tls: &Tls, target: &Target) -> Result<Socket, Failure> {
    let mut request = target
        .url
        .as_str()
        .into_client_request()
        .map_err(|error| Failure::Refused(format!("the address is not usable: {error}")))?;
    let mut authorization = HeaderValue::from_str(target.authorization.expose_secret())
        .map_err(|_| Failure::Refused("the key holds characters no header can carry".to_owned()))?;
    authorization.set_sensitive(true);
    let headers = request.headers_mut();
    headers.insert(AUTHORIZATION, authorization);
    headers.insert(USER_AGENT, HeaderValue::from_static(tls::USER_AGENT));
    let host = request.uri().host().unwrap_or_default().to_owned();

    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(WRITE_BUFFER)
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    let connector = Connector::Rustls(tls.websocket());
    // Boxed: a handshake holds some kilobytes that a call need not keep room for.
    let opening = Box::pin(tokio_tungstenite::connect_async_tls_with_config(
        request,
        Some(config),
        true,
        Some(connector),
    ));
    match timeout(target.connect, opening).await {
        Ok(Ok((stream, response))) => {
            let request_id = request_id(response.headers());
            let stream = Box::new(stream);
            Ok(Socket { stream, request_id })
        }
        Ok(Err(tungstenite::Error::Http(response))) => Err(refused(&host, &response)),
        Ok(Err(error)) if tls::untrusted(&error) => {
            Err(Failure::Refused(format!("{host}: {error}")))
        }
        Ok(Err(error)) => Err(Failure::Unavailable(format!("{host}: {error}"))),
        Err(_) => Err(Failure::Stalled(format!("{host} did not answer in time"))),
    }
}

fn request_id(headers: &HeaderMap) -> String {
    let value = headers.get("dg-request-id");
    value
        .and_then(|value| value.to_str().ok())
        .map(printable)
        .unwrap_or_default()
}

fn refused(host: &str, response: &Response<Option<Vec<u8>>>) -> Failure {
    let body = response.body().as_deref().unwrap_or_default();
    let told = match response.headers().get("dg-error") {
        Some(error) => printable(&String::from_utf8_lossy(error.as_bytes())),
        None => printable(&String::from_utf8_lossy(body)),
    };
    let id = request_id(response.headers());
    let status = response.status().as_u16();
    failure_of_status(host, status, &format!("{told} (request {id})"))
}

/// What an HTTP status that is no success means for a call.
#[must_use]
pub fn failure_of_status(host: &str, status: u16, told: &str) -> Failure {
    let text = format!("{host} answered {status}: {told}");
    match status {
        408 | 425 | 429 => Failure::Unavailable(text),
        400..=499 => Failure::Refused(text),
        _ => Failure::Unavailable(text),
    }
}

/// Foreign text made fit for a log line: no control characters, at most 200 characters.
#[must_use]
pub fn printable(text: &str) -> String {
    let cleaned = text.chars().filter(|letter| !letter.is_control());
    cleaned.take(MAX_REASON).collect()
}

impl Socket {
    /// The service's own name for this connection; empty when it gave none.
    #[must_use]
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// The next message; pings are answered on the way. Cancel-safe.
    pub async fn receive(&mut self) -> Received {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Text(text))) => return Received::Text(text),
                Some(Ok(Message::Binary(bytes))) => return Received::Binary(bytes),
                Some(Ok(Message::Close(Some(frame)))) => {
                    let reason = printable(&frame.reason);
                    return Received::Closed(format!("{} {reason}", u16::from(frame.code)));
                }
                Some(Ok(Message::Close(None))) => {
                    return Received::Closed("1005 without a code".to_owned());
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Err(error)) => return Received::Closed(printable(&error.to_string())),
                None => return Received::Closed("1006 the connection ended".to_owned()),
            }
        }
    }

    /// Sends a text message.
    ///
    /// # Errors
    /// When the connection is gone or takes nothing for a second.
    pub async fn send_text(&mut self, text: String) -> Result<(), Failure> {
        self.send(Message::text(text)).await
    }

    /// Sends a binary message; an empty one is not sent, since services take it for the end.
    ///
    /// # Errors
    /// When the connection is gone or takes nothing for a second.
    pub async fn send_binary(&mut self, bytes: Bytes) -> Result<(), Failure> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.send(Message::Binary(bytes)).await
    }

    /// Sends a ping, which holds an idle connection.
    ///
    /// # Errors
    /// When the connection is gone or takes nothing for a second.
    pub async fn ping(&mut self) -> Result<(), Failure> {
        self.send(Message::Ping(Bytes::new())).await
    }

    async fn send(&mut self, message: Message) -> Result<(), Failure> {
        match timeout(WRITE_PATIENCE, self.stream.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Failure::Unavailable(printable(&error.to_string()))),
            Err(_) => Err(Failure::Unavailable(
                "the connection takes nothing".to_owned(),
            )),
        }
    }

    /// Says `farewell`, waits for the far end to close, at most `cap`, and lets go.
    pub async fn finish(mut self, farewell: &str, cap: Duration) {
        let parting = async {
            if self.send_text(farewell.to_owned()).await.is_ok() {
                while !matches!(self.receive().await, Received::Closed(_)) {}
            }
            // The answer to a close frame; an error means that the connection is gone already.
            let _ = (*self.stream).close(None).await;
        };
        if timeout(cap, parting).await.is_err() {
            log::debug!(request_id = self.request_id.as_str(); "closed without an answer");
        }
    }
}

#[cfg(test)]
mod tests;
