//! Rendering by request (`POST /v1/speak`): for prompts that are kept, and when the connection's
//! budget of flushes is spent.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use secrecy::ExposeSecret;
use tokio::sync::mpsc;

use super::wire::{RenderBody, pieces};
use super::{Endpoint, encoding};
use crate::audio::SpeechFormat;
use crate::conversation::Failure;
use crate::io::tls::{self, Tls, TlsError};
use crate::io::websocket::{failure_of_status, printable};

/// Parts of audio between the request and the utterance: the network is read this far ahead. When
/// full the network waits; nothing is dropped.
const PARTS: usize = 4;
/// The longest a whole rendering may take.
const WHOLE: Duration = Duration::from_secs(20);
/// The most audio one text may become: two minutes. A longer answer is an error.
const MAX_WHOLE_SECONDS: usize = 120;
/// Patience for a new connection.
const CONNECT: Duration = Duration::from_secs(2);

/// Renders one voice.
#[derive(Clone, Debug)]
pub struct Renderer {
    http: reqwest::Client,
    endpoint: Endpoint,
    model: String,
}

impl Renderer {
    /// A renderer for this voice.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(endpoint: Endpoint, model: &str, tls: &Tls) -> Result<Self, TlsError> {
        Ok(Self {
            http: tls.http_client(CONNECT)?,
            endpoint,
            model: model.to_owned(),
        })
    }

    /// The voice.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Renders text part by part, as raw audio of this form. Dropping the receiver ends it; a
    /// failure is the last part. Must be called within a tokio runtime.
    #[must_use]
    pub fn start(
        &self,
        format: SpeechFormat,
        text: &str,
    ) -> mpsc::Receiver<Result<Bytes, Failure>> {
        let (parts, receiver) = mpsc::channel(PARTS);
        let (renderer, text) = (self.clone(), text.to_owned());
        tokio::spawn(async move {
            for piece in pieces(&text) {
                if let Err(failure) = renderer.piece(format, piece, &parts).await {
                    // Nobody to tell when the utterance was given up.
                    let _ = parts.send(Err(failure)).await;
                    return;
                }
            }
        });
        receiver
    }

    /// Renders text whole.
    ///
    /// # Errors
    /// When the service refuses, fails, takes too long, or gives no audio.
    pub async fn whole(&self, format: SpeechFormat, text: &str) -> Result<Vec<u8>, Failure> {
        let mut parts = self.start(format, text);
        let collecting = async {
            let mut audio = Vec::new();
            while let Some(part) = parts.recv().await {
                audio.extend_from_slice(&part?);
                if audio.len() > MAX_WHOLE_SECONDS * format.byte_rate() {
                    return Err(Failure::Unavailable("the audio has no end".to_owned()));
                }
            }
            Ok(audio)
        };
        match tokio::time::timeout(WHOLE, collecting).await {
            Ok(Ok(audio)) if audio.is_empty() => {
                Err(Failure::Unavailable("the voice gave no audio".to_owned()))
            }
            Ok(collected) => collected,
            Err(_) => Err(Failure::Stalled("the voice took too long".to_owned())),
        }
    }

    async fn piece(
        &self,
        format: SpeechFormat,
        text: &str,
        parts: &mpsc::Sender<Result<Bytes, Failure>>,
    ) -> Result<(), Failure> {
        let query = [
            ("model", self.model.clone()),
            ("encoding", encoding(format).to_owned()),
            ("sample_rate", format.sample_rate().to_string()),
            ("container", "none".to_owned()),
        ];
        let url = self.endpoint.http("/v1/speak", &query)?;
        let secret = self.endpoint.authorization();
        let mut authorization = HeaderValue::from_str(secret.expose_secret()).map_err(|_| {
            Failure::Refused("the key holds characters no header can carry".to_owned())
        })?;
        authorization.set_sensitive(true);
        let request = self.http.post(url).header(AUTHORIZATION, authorization);
        let answer = request.json(&RenderBody { text }).send().await;
        let mut answer = answer.map_err(|error| unavailable(&error))?;
        if !answer.status().is_success() {
            let status = answer.status().as_u16();
            let told = answer.chunk().await.ok().flatten().unwrap_or_default();
            let told = printable(&String::from_utf8_lossy(&told));
            return Err(failure_of_status("the voice", status, &told));
        }
        while let Some(part) = answer.chunk().await.map_err(|error| unavailable(&error))? {
            if parts.send(Ok(part)).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// The error without the address, which is long and tells nothing.
fn unavailable(error: &reqwest::Error) -> Failure {
    let mut told = String::new();
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        told = error.to_string();
        cause = error.source();
    }
    let told = format!("the voice: {}", printable(&told));
    if tls::untrusted(error) {
        return Failure::Refused(told);
    }
    Failure::Unavailable(told)
}
