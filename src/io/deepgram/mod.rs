//! Deepgram: the ear ([`flux`]) and the voice ([`aura`]).

pub mod aura;
mod cutter;
mod feed;
mod flush_budget;
pub mod flux;
pub mod rest;
mod turn;
pub mod wire;

use std::pin::Pin;
use std::time::{Duration, Instant};

use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Sleep;

use super::clock;
use crate::audio::{Law, SpeechFormat};
use crate::conversation::Failure;

/// An account at one address.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Scheme and host, such as `https://api.deepgram.com`; `http`, `ws`, `wss` serve as well. Paths
    /// are appended; WebSocket and HTTP schemes are exchanged as needed.
    pub url: String,
    /// The account's key.
    pub key: SecretString,
}

impl Endpoint {
    fn authorization(&self) -> SecretString {
        format!("Token {}", self.key.expose_secret().trim()).into()
    }

    fn websocket(&self, path: &str, query: &[(&str, String)]) -> Result<String, Failure> {
        let url = self.address(path, query)?;
        with_scheme(url, "ws", "wss")
    }

    fn http(&self, path: &str, query: &[(&str, String)]) -> Result<String, Failure> {
        let url = self.address(path, query)?;
        with_scheme(url, "http", "https")
    }

    fn address(&self, path: &str, query: &[(&str, String)]) -> Result<Url, Failure> {
        let full = format!("{}{path}", self.url.trim_end_matches('/'));
        Url::parse_with_params(&full, query)
            .map_err(|error| Failure::Refused(format!("the address {full} is not usable: {error}")))
    }
}

fn with_scheme(mut url: Url, plain: &str, secure: &str) -> Result<String, Failure> {
    let scheme = match url.scheme() {
        "http" | "ws" => plain,
        "https" | "wss" => secure,
        other => {
            return Err(Failure::Refused(format!("{other}:// is not a web address")));
        }
    };
    url.set_scheme(scheme)
        .map_err(|()| Failure::Refused(format!("{url} cannot become {scheme}")))?;
    Ok(url.into())
}

/// The service's name for a form of speech.
fn encoding(format: SpeechFormat) -> &'static str {
    match format {
        SpeechFormat::G711(Law::Mu) => "mulaw",
        SpeechFormat::G711(Law::A) => "alaw",
        SpeechFormat::Linear16(_) => "linear16",
    }
}

/// A timer that is set anew again and again.
struct Timer {
    sleep: Pin<Box<Sleep>>,
}

impl Timer {
    fn after(patience: Duration) -> Self {
        Self {
            sleep: Box::pin(tokio::time::sleep(patience)),
        }
    }

    fn restart(&mut self, patience: Duration) {
        // Moved and not made anew: a deadline that moves away costs no look at the timer wheel.
        let until = tokio::time::sleep(patience).deadline();
        self.sleep.as_mut().reset(until);
    }

    /// Resolves when the time has come, and again at once until restarted. Cancel-safe.
    async fn elapsed(&mut self) {
        self.sleep.as_mut().await;
    }
}

/// Waits until a moment that mostly is past: a timer that is kept would wake its task each time for nothing.
async fn until(at: Instant) {
    if clock::now() < at {
        tokio::time::sleep_until(at.into()).await;
    }
}

/// A pause before trying again, `base` and up to half as much by chance, so that many calls do not
/// come back together.
fn jittered(base: Duration) -> Duration {
    let [chance, _] = clock::seed();
    let half = u64::try_from(base.as_micros() / 2).unwrap_or(u64::MAX);
    base + Duration::from_micros(chance % half.max(1))
}

#[cfg(test)]
mod tests;
