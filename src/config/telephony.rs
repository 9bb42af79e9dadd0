//! The tables of the telephone side. What each key means to an administrator stands in
//! `config/ringwell.toml`; the cross-field rules stand in `check.rs`.

use core::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::stun_server::StunServer;
use super::values::{PortRange, duration, one_or_more};

/// `[sip]`: where calls come in.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sip {
    /// UDP addresses to listen on.
    pub listen_udp: Vec<SocketAddr>,
    /// TCP addresses to listen on.
    pub listen_tcp: Vec<SocketAddr>,
    /// TLS addresses to listen on.
    pub listen_tls: Vec<SocketAddr>,
    /// PEM file with our certificate and those that lead to its authority.
    pub certificate: Option<PathBuf>,
    /// PEM file with its private key.
    pub certificate_key: Option<PathBuf>,
    /// The address peers reach this box at, where it is not the one of its own interface.
    pub public_address: Option<IpAddr>,
    /// Who is asked for that address.
    pub stun_server: Option<StunServer>,
    /// What the Server header says.
    pub server_name: String,
    /// What a source address gets that no line allows.
    pub unknown_source: UnknownSource,
}

impl Default for Sip {
    fn default() -> Self {
        let everywhere = SocketAddr::from(([0, 0, 0, 0], 5060));
        Self {
            listen_udp: vec![everywhere],
            listen_tcp: vec![everywhere],
            listen_tls: Vec::new(),
            certificate: None,
            certificate_key: None,
            public_address: None,
            stun_server: None,
            server_name: "Ringwell".to_owned(),
            unknown_source: UnknownSource::Drop,
        }
    }
}

/// What a stranger gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum UnknownSource {
    /// Silence.
    Drop,
    /// 403 Forbidden.
    Forbid,
}

/// `[calls]`: limits of calls.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Calls {
    /// Calls at once; one more is answered 503.
    pub max: usize,
    /// How long the answer may wait for ear and voice.
    #[serde(with = "duration")]
    pub answer_after_max: Duration,
    /// A call is ended politely after this time.
    #[serde(with = "duration")]
    pub max_duration: Duration,
    /// How long calls may go on after the daemon was asked to stop.
    #[serde(with = "duration")]
    pub drain_limit: Duration,
    /// What becomes of a fax machine that calls.
    pub on_fax: OnFax,
    /// Of the targets of callers the one that takes fax.
    pub fax_target: Option<String>,
}

/// What becomes of a fax machine that calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFax {
    /// The call is ended.
    Refuse,
    /// It is connected with `fax_target`.
    Transfer,
    /// It is a caller like others.
    Ignore,
}

impl Calls {
    /// The name of the target that takes fax, where fax is taken.
    #[must_use]
    pub fn takes_fax(&self) -> Option<&str> {
        let name = self.fax_target.as_deref();
        name.filter(|_| self.on_fax == OnFax::Transfer)
    }
}

impl Default for Calls {
    fn default() -> Self {
        Self {
            max: 20,
            answer_after_max: Duration::from_secs(2),
            max_duration: Duration::from_mins(30),
            drain_limit: Duration::from_mins(1),
            on_fax: OnFax::Refuse,
            fax_target: None,
        }
    }
}

/// `[media]`: RTP.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Media {
    /// UDP ports for RTP and RTCP.
    pub ports: PortRange,
    /// The addresses to send and receive audio on, one of a family; of a family without, the signalling's own.
    #[serde(with = "one_or_more", skip_serializing_if = "Vec::is_empty")]
    pub address: Vec<IpAddr>,
    /// Media threads; chosen by `calls.max` when absent.
    pub threads: Option<usize>,
    /// Give up when no audio came after the answer for this long.
    #[serde(with = "duration")]
    pub timeout_initial: Duration,
    /// Give up when audio stopped in mid-call for this long.
    #[serde(with = "duration")]
    pub timeout_running: Duration,
    /// Ask the kernel for real-time scheduling of the media threads.
    pub realtime: bool,
    /// Threads that decode and encode G.722 and Opus.
    pub codec_threads: usize,
    /// How much the encoder of Opus tries, 0 to 10; by the machine when absent.
    pub opus_complexity: Option<u8>,
    /// Processors that the media threads stay on, one each in turn; none means any.
    pub cpus: Vec<usize>,
    /// The code point that voice packets are marked with (RFC 2474); 0 is none.
    pub dscp: u8,
}

impl Default for Media {
    fn default() -> Self {
        Self {
            ports: PortRange {
                first: 10_000,
                last: 10_999,
            },
            address: Vec::new(),
            threads: None,
            timeout_initial: Duration::from_secs(15),
            timeout_running: Duration::from_secs(30),
            realtime: true,
            codec_threads: 1,
            opus_complexity: None,
            cpus: Vec::new(),
            dscp: 46,
        }
    }
}
