//! `[guard]`: how much callers may ask for.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::values::duration;

/// Limits of what comes in; 0 stands for no limit.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Guard {
    /// Messages of one source in a second, of whatever kind.
    pub messages_per_second: u32,
    /// Requests outside calls (OPTIONS and the like) of one source in a second.
    pub requests_per_second: u32,
    /// New calls of one source in a second.
    pub calls_per_second: u32,
    /// New calls of all sources in a second.
    pub calls_per_second_overall: u32,
    /// How long a source may save up what it does not use.
    #[serde(with = "duration")]
    pub burst: Duration,
    /// Lines in the log about refusals of one source in a minute.
    pub refusal_lines_per_minute: u32,
}

impl Default for Guard {
    fn default() -> Self {
        Self {
            messages_per_second: 1000,
            requests_per_second: 50,
            calls_per_second: 30,
            calls_per_second_overall: 60,
            burst: Duration::from_secs(2),
            refusal_lines_per_minute: 10,
        }
    }
}
