//! The test caller: a SIP user agent client that acts a [`script`] and tells what it heard.
//!
//! It speaks [`super::tone_speech`] and reads what it hears back to text, so a test can say any words and see
//! to the word what the assistant said. Signalling and media are the gateway's own pure machines; the
//! sockets and the pace are its own.

mod actor;
mod ear;
mod ladder;
mod media;
mod phone;
mod report;
pub mod script;
mod sockets;
mod wire;

use core::net::{IpAddr, SocketAddr};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::audio::Codec;
use crate::sandbox::network::Spec;
use crate::sdp::SrtpPolicy;
use crate::sip::Transport;
use crate::sip::message::{Scheme, Uri};

pub use ear::Line;
pub use ladder::Rung;
pub use report::{Report, Rtp};
pub use script::{Step, parse_script};

/// A call to be made.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whom to call: `sip:assistant@127.0.0.1:5060`, with `;transport=tcp` for TCP, `;transport=tls` for TLS.
    pub target: String,
    /// What to do.
    pub script: Vec<Step>,
    /// The codecs to offer, most liked first.
    pub codecs: Vec<Codec>,
    /// Whether we offer encryption, and insist on it.
    pub srtp: SrtpPolicy,
    /// Our user part in From: the number that the far end sees.
    pub from: String,
    /// Our name in From.
    pub name: Option<String>,
    /// Our address; the one that leads to the target if absent.
    pub local: Option<IpAddr>,
    /// How long it may take until the call is answered.
    pub answer: Duration,
    /// How long each waiting step may take that does not say otherwise.
    pub patience: Duration,
    /// How long the whole call may take.
    pub longest: Duration,
    /// Extra authorities for TLS, a PEM file.
    pub authorities: Option<PathBuf>,
    /// Where to write a recording (WAV; ours on the left, theirs on the right).
    pub record: Option<PathBuf>,
    /// The impaired network that media passes, both ways.
    pub network: Option<Spec>,
}

impl Options {
    /// A call with the usual choices: both laws, half a minute of patience, five minutes in all.
    #[must_use]
    pub fn new(target: impl Into<String>, script: Vec<Step>) -> Self {
        Self {
            target: target.into(),
            script,
            codecs: vec![Codec::PCMU, Codec::PCMA],
            srtp: SrtpPolicy::Off,
            from: "caller".to_owned(),
            name: None,
            local: None,
            answer: Duration::from_secs(15),
            patience: Duration::from_secs(30),
            longest: Duration::from_secs(300),
            authorities: None,
            record: None,
            network: None,
        }
    }
}

/// Why no call could be made.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The target is no address that can be called.
    #[error("{0} is no SIP URI that can be called; it has the form sip:assistant@127.0.0.1:5060")]
    Target(String),
    /// The target's host is unknown.
    #[error("{host} has no address")]
    Host {
        /// The host.
        host: String,
    },
    /// No socket.
    #[error("no socket to {remote}: {source}")]
    Socket {
        /// Where to.
        remote: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The recording could not be written.
    #[error("the recording {path} could not be written: {source}")]
    Recording {
        /// Where to.
        path: PathBuf,
        /// Why.
        source: hound::Error,
    },
}

/// Makes a call and acts the script.
///
/// # Errors
/// When no call could be made at all. A call that was refused or went wrong is a [`Report`].
pub async fn run(options: Options) -> Result<Report, CallError> {
    let (uri, transport, remote) = target(&options.target).await?;
    phone::call(options, uri, transport, remote).await
}

async fn target(text: &str) -> Result<(Uri, Transport, SocketAddr), CallError> {
    let wrong = || CallError::Target(text.to_owned());
    let uri = Uri::parse(text.to_owned()).map_err(|_| wrong())?;
    if uri.scheme() != Scheme::Sip {
        return Err(wrong());
    }
    let transport = match uri.param("transport") {
        Some(name) if name.eq_ignore_ascii_case(b"tcp") => Transport::Tcp,
        Some(name) if name.eq_ignore_ascii_case(b"tls") => Transport::Tls,
        Some(name) if !name.eq_ignore_ascii_case(b"udp") => return Err(wrong()),
        _ => Transport::Udp,
    };
    let host = uri.host().ok_or_else(wrong)?.to_string();
    let port = uri.port().unwrap_or(transport.default_port());
    let unknown = || CallError::Host { host: host.clone() };
    let name = host.trim_matches(['[', ']']);
    let mut found = tokio::net::lookup_host((name, port))
        .await
        .map_err(|_| unknown())?;
    let remote = found.next().ok_or_else(unknown)?;
    Ok((uri, transport, remote))
}

#[cfg(test)]
mod tests;
