//! `[recording]`: whether calls are recorded. What each key means to an administrator stands in
//! `config/ringwell.toml`; the rules between keys stand in `check/recording.rs`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::values::duration;

/// `[recording]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recording {
    /// Whether, and how the caller comes to know.
    pub consent: Consent,
    /// The key that refuses it; empty for none.
    pub refuse_key: String,
    /// The key that pauses it and has it go on; empty for none.
    pub pause_key: String,
    /// It goes on when the caller is connected with a person.
    pub after_transfer: bool,
    /// How long files are kept; zero keeps them.
    #[serde(with = "duration")]
    pub keep: Duration,
    /// Megabytes of all files.
    pub max_megabytes: u64,
    /// Megabytes that must be free on the disk.
    pub free_megabytes: u64,
}

/// Whether calls are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Consent {
    /// They are not.
    Off,
    /// The caller is told first, and may refuse.
    Announce,
}

impl Default for Recording {
    fn default() -> Self {
        Self {
            consent: Consent::Off,
            refuse_key: "9".to_owned(),
            pause_key: "*".to_owned(),
            after_transfer: false,
            keep: Duration::from_hours(30 * 24),
            max_megabytes: 4_000,
            free_megabytes: 500,
        }
    }
}

impl Recording {
    /// Whether calls are recorded at all.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.consent != Consent::Off
    }

    /// The key that refuses.
    #[must_use]
    pub fn refuse_key(&self) -> Option<char> {
        self.refuse_key.chars().next()
    }

    /// The key that pauses.
    #[must_use]
    pub fn pause_key(&self) -> Option<char> {
        self.pause_key.chars().next()
    }
}
