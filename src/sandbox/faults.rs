//! Faults on demand: what goes wrong, at which service, at which stage, how often.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Faults in force at most. A further one is refused with 400, and nothing is dropped.
const MAX_FAULTS: usize = 64;
/// Delay of `slow` when none is given.
const SLOW: u64 = 1_000;

/// The parts of the stand-in cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    /// Deepgram Flux, `WS /v2/listen`.
    Ear,
    /// Deepgram Aura, `WS /v1/speak`.
    Voice,
    /// Deepgram Aura, `POST /v1/speak`.
    VoiceRest,
    /// OpenAI, both dialects.
    Model,
    /// Kayako, all but the knowledge base.
    Helpdesk,
    /// Kayako's knowledge base.
    Articles,
}

impl Service {
    /// The service a request is for; `None` for the sandbox's own pages.
    pub(super) fn of(get: bool, path: &str) -> Option<Self> {
        match path {
            "/v2/listen" => Some(Self::Ear),
            "/v1/speak" if get => Some(Self::Voice),
            "/v1/speak" => Some(Self::VoiceRest),
            "/state" | "/faults" => None,
            _ if path.starts_with("/api/v1/articles")
                || path.starts_with("/api/v1/helpcenter")
                || path.starts_with("/api/v1/locale") =>
            {
                Some(Self::Articles)
            }
            _ if path.starts_with("/api/") => Some(Self::Helpdesk),
            _ if path.starts_with("/v1/") => Some(Self::Model),
            _ => None,
        }
    }
}

/// When in an exchange a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Before anything is answered, and before any effect.
    Connect,
    /// The request is accepted, nothing of substance has been sent.
    FirstByte,
    /// Some of the answer has been sent.
    Middle,
    /// Helpdesk and articles: the effect is done, nothing of the answer has been sent.
    After,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The TCP connection is reset.
    Refuse,
    /// Nothing (more) is sent, the connection stays.
    Stall,
    /// A WebSocket is closed with `code`; anything else is reset.
    Close,
    /// An error answer with `status` (500); where the answer has begun, the service's own error message.
    Status,
    /// `delay_ms` pass, then all goes on.
    Slow,
}

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Where.
    pub service: Service,
    /// When.
    pub stage: Stage,
    /// What.
    pub kind: Kind,
    /// HTTP status of `status`; 500 if absent.
    #[serde(default)]
    pub status: Option<u16>,
    /// WebSocket close code of `close`; 1011 if absent, 1005 sends a close frame without a code.
    #[serde(default)]
    pub code: Option<u16>,
    /// The service's own error code (`err_code`, `error.code`, `errors[0].code`).
    #[serde(default)]
    pub error: Option<String>,
    /// Seconds for a `Retry-After` header of `status`.
    #[serde(default)]
    pub retry_after: Option<u32>,
    /// Delay of `slow`; 1000 if absent.
    #[serde(default)]
    pub delay_ms: Option<u64>,
    /// How many times; without limit if absent.
    #[serde(default)]
    pub count: Option<u32>,
    /// Only for requests of this method.
    #[serde(default)]
    pub method: Option<String>,
    /// Only for requests whose path contains this.
    #[serde(default)]
    pub path: Option<String>,
}

impl Fault {
    /// The HTTP status of a `status` fault.
    pub(super) fn http_status(&self) -> axum::http::StatusCode {
        self.status
            .and_then(|status| axum::http::StatusCode::from_u16(status).ok())
            .unwrap_or(axum::http::StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The delay of a `slow` fault.
    pub(super) fn delay(&self) -> Duration {
        Duration::from_millis(self.delay_ms.unwrap_or(SLOW))
    }
}

/// A request as faults see it.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) service: Service,
    pub(super) method: String,
    pub(super) path: String,
}

/// The faults in force.
#[derive(Debug, Default)]
pub(super) struct Faults {
    list: Vec<Fault>,
}

impl Faults {
    /// Adds faults; an error in words when there are too many.
    pub(super) fn add(&mut self, faults: Vec<Fault>) -> Result<(), String> {
        if self.list.len() + faults.len() > MAX_FAULTS {
            return Err(format!("at most {MAX_FAULTS} faults can be in force"));
        }
        self.list.extend(faults);
        Ok(())
    }

    pub(super) fn clear(&mut self) {
        self.list.clear();
    }

    pub(super) fn list(&self) -> &[Fault] {
        &self.list
    }

    /// The first fault that strikes here, if any; counts it.
    pub(super) fn strike(&mut self, target: &Target, stage: Stage) -> Option<Fault> {
        let index = self.list.iter().position(|fault| {
            fault.service == target.service
                && fault.stage == stage
                && fault
                    .method
                    .as_ref()
                    .is_none_or(|method| method.eq_ignore_ascii_case(&target.method))
                && fault
                    .path
                    .as_ref()
                    .is_none_or(|path| target.path.contains(path.as_str()))
        })?;
        let fault = self.list[index].clone();
        if let Some(count) = &mut self.list[index].count {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.list.remove(index);
            }
        }
        Some(fault)
    }
}

#[cfg(test)]
mod tests;
