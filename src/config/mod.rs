//! The configuration: one struct per table, the rules between keys, and where secrets come from.
//!
//! Read by `daemon` and `main` alone; everything else gets a small `Settings` struct of its own.
//! An error names the file, the line, the key and the remedy. Secrets never stand in the file.

use core::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

mod appliance;
mod check;
mod emergency;
mod error;
mod guard;
mod line;
mod locate;
mod recording;
mod secrets;
mod services;
mod stun_server;
mod telephony;
mod transfer;
mod values;

pub use appliance::{Control, Log, State};
pub use emergency::{EMERGENCY_NUMBERS, is_emergency};
pub use error::{ConfigError, Problem};
pub use guard::Guard;
pub use line::{Codec, Line, LineKind, LineSrtp, LineTransport, Peer, Reliable};
pub use recording::{Consent, Recording};
pub use secrets::{Environment, SecretError, SecretString, Secrets};
pub use services::{
    Assistant, Dialect, Ear, EarProvider, Effort, Helpdesk, HelpdeskKind, Knowledge, Model,
    Prompts, SystemRole, TicketPolicy, TokenKey, Voice, VoiceProvider,
};
pub use stun_server::StunServer;
pub use telephony::{Calls, Media, OnFax, Sip, UnknownSource};
pub use transfer::{PAUSE, Transfer, TransferMode, TransferTarget};
pub use values::{Cidr, NoSecret, PortRange};

/// Longest configuration file, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The whole file.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where calls come in.
    #[serde(default)]
    pub sip: Sip,
    /// Who may call.
    #[serde(default)]
    pub line: Vec<Line>,
    /// How much they may ask for.
    #[serde(default)]
    pub guard: Guard,
    /// Limits of calls.
    #[serde(default)]
    pub calls: Calls,
    /// RTP.
    #[serde(default)]
    pub media: Media,
    /// Speech to text.
    #[serde(default)]
    pub ear: Ear,
    /// Text to speech.
    #[serde(default)]
    pub voice: Voice,
    /// What thinks.
    pub model: Model,
    /// Where knowledge comes from and tickets go.
    pub helpdesk: Helpdesk,
    /// The local copy of the knowledge base.
    #[serde(default)]
    pub knowledge: Knowledge,
    /// Who answers.
    #[serde(default)]
    pub assistant: Assistant,
    /// Whom a caller may be connected with.
    #[serde(default)]
    pub transfer: Transfer,
    /// Whether calls are recorded.
    #[serde(default)]
    pub recording: Recording,
    /// What has to last.
    #[serde(default)]
    pub state: State,
    /// Logging.
    #[serde(default)]
    pub log: Log,
    /// The socket of `ringwell status`.
    #[serde(default)]
    pub control: Control,
}

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// Everything that is wrong with it, or why it cannot be read.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let name = path.display().to_string();
        let unreadable = |what: String| {
            ConfigError::one(&name, None, "", what, "name a readable file with --config")
        };
        let size = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?;
        if size.len() > FILE_BYTES_MAX {
            return Err(unreadable("the file is larger than 1 MiB".to_owned()));
        }
        let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
        Self::parse(&name, &text)
    }

    /// Reads and checks a text; `name` stands in the errors.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(name: &str, text: &str) -> Result<Self, ConfigError> {
        let config: Self =
            toml::from_str(text).map_err(|error| error::from_toml(name, text, &error))?;
        let problems = check::problems(&config);
        if problems.is_empty() {
            return Ok(config);
        }
        Err(error::from_problems(name, text, problems))
    }

    /// Things that work but are seldom meant, in words.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        check::warnings(self)
    }

    /// Moves every SIP address to another port.
    pub fn set_sip_port(&mut self, port: u16) {
        let Sip {
            listen_udp,
            listen_tcp,
            ..
        } = &mut self.sip;
        listen_udp
            .iter_mut()
            .chain(listen_tcp)
            .for_each(|address: &mut SocketAddr| address.set_port(port));
    }

    /// Path of the control socket.
    #[must_use]
    pub fn control_socket(&self) -> PathBuf {
        match &self.control.socket {
            Some(path) => path.clone(),
            None => self.state.dir.join("control.sock"),
        }
    }
}

#[cfg(test)]
mod tests;
