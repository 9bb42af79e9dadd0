//! The tables of the box itself.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// `[state]`: what has to last.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct State {
    /// Folder of the store, the prompt cache and the control socket.
    pub dir: PathBuf,
}

impl Default for State {
    fn default() -> Self {
        Self {
            dir: PathBuf::from("/var/lib/ringwell"),
        }
    }
}

/// `[log]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// `"info"`, or levels by module: `"info,sip=debug"`.
    pub level: String,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            level: "info".to_owned(),
        }
    }
}

/// `[control]`: the socket of `ringwell status`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Control {
    /// Its path; `control.sock` in the state folder when absent.
    pub socket: Option<PathBuf>,
}
