//! `[transfer]`: whom a caller may be connected with. What each key means to an administrator stands in
//! `config/ringwell.toml`; the rules between keys stand in `check/transfer.rs`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::values::duration;

/// `[transfer]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Transfer {
    /// How long somebody's telephone may ring.
    #[serde(with = "duration")]
    pub ring_max: Duration,
    /// How a target is reached that does not say so itself.
    pub mode: TransferMode,
    /// Whom the caller may be connected with; the first is for who just asks for a person.
    pub target: Vec<TransferTarget>,
}

impl Default for Transfer {
    fn default() -> Self {
        Self {
            ring_max: Duration::from_secs(25),
            mode: TransferMode::Bridge,
            target: Vec::new(),
        }
    }
}

/// How somebody is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TransferMode {
    /// The caller's PBX or provider is asked to call (REFER).
    Blind,
    /// The box calls, then hands both sides to each other (REFER with Replaces).
    Attended,
    /// The box calls and stays between the two.
    Bridge,
}

/// In [`TransferTarget::digits`]: two seconds without a key.
pub const PAUSE: char = ',';

/// `[[transfer.target]]`: somebody.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TransferTarget {
    /// What the caller, the model, the log and the ticket call it.
    pub name: String,
    /// A whole `sip:` address; or else
    pub uri: Option<String>,
    /// a number or extension,
    pub number: Option<String>,
    /// called over this line.
    pub line: Option<String>,
    /// How it is reached.
    pub mode: Option<TransferMode>,
    /// Keys pressed when its side has answered; [`PAUSE`] is a pause.
    pub digits: Option<String>,
    /// What the caller hears before.
    pub say: Option<String>,
    /// When the model should choose it.
    #[serde(default)]
    pub description: String,
}

impl Transfer {
    /// How a target is reached.
    #[must_use]
    pub fn mode_of(&self, target: &TransferTarget) -> TransferMode {
        target.mode.unwrap_or(self.mode)
    }
}
