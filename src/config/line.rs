//! `[[line]]`: an attachment to the telephone network. What each key means to an administrator stands
//! in `config/ringwell.toml`; the rules between the keys stand in `check/lines.rs`.

use core::fmt;
use core::net::IpAddr;
use core::str::FromStr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::values::{Cidr, NoSecret, duration};

/// `[[line]]`: a PBX or provider that may call, and that we may call through.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Its name in logs and status.
    pub name: String,
    /// How it is attached.
    #[serde(default)]
    pub kind: LineKind,
    /// Source addresses of its signalling.
    #[serde(default)]
    pub allow: Vec<Cidr>,
    /// Transports it may use.
    #[serde(default)]
    pub transport: LineTransport,
    /// Whether `echo` and `tone` answer on it.
    #[serde(default)]
    pub diagnostics: bool,
    /// Where a line of the kind `register` registers.
    pub registrar: Option<Peer>,
    /// The domain of its addresses, where it is not the registrar's or the peer's own host.
    pub domain: Option<String>,
    /// The extension, or the user of a trunk with digest.
    pub user: Option<String>,
    /// The user name of the digest, where it differs from `user`.
    pub auth_user: Option<String>,
    /// The only realm that the password is for; the first one asked for when absent.
    pub realm: Option<String>,
    /// A file with the password.
    pub password_file: Option<PathBuf>,
    /// An environment variable with the password.
    pub password_env: Option<String>,
    /// `"none"`: nobody asks for one.
    pub password: Option<NoSecret>,
    /// The registration's lifetime to ask for.
    #[serde(default = "expires", with = "duration")]
    pub expires: Duration,
    /// Where the calls that we make on a trunk go.
    pub peer: Option<Peer>,
    /// Codecs, the dearest first.
    #[serde(default = "all_codecs")]
    pub codecs: Vec<Codec>,
    /// The address at which this line's peers reach the box, in place of `sip.public_address`.
    pub public_address: Option<IpAddr>,
    /// The name that the peer's certificate must have, where it is not the registrar's or peer's host.
    pub tls_name: Option<String>,
    /// Certificates (PEM) that are trusted besides the machine's own.
    pub tls_ca: Option<PathBuf>,
    /// The country whose numbers are written without a country code, as ISO 3166 has it.
    #[serde(default = "country")]
    pub country: String,
    /// Whether P-Asserted-Identity and its like are believed.
    #[serde(default)]
    pub trust_identity: bool,
    /// The session interval to ask for (RFC 4028); zero leaves it to the peer.
    #[serde(default = "session_expires", with = "duration")]
    pub session_expires: Duration,
    /// Reliable provisional responses (RFC 3262).
    #[serde(default)]
    pub reliable: Reliable,
    /// Whether the peer may transfer us with REFER.
    #[serde(default)]
    pub accept_refer: bool,
    /// Whether its audio is encrypted.
    #[serde(default)]
    pub srtp: LineSrtp,
}

impl Line {
    /// The registrar, or where a trunk's calls go.
    #[must_use]
    pub fn remote(&self) -> Option<&Peer> {
        match self.kind {
            LineKind::Register => self.registrar.as_ref(),
            LineKind::Trunk => self.peer.as_ref(),
        }
    }

    /// The domain of its addresses: told, or the host of its registrar or peer.
    #[must_use]
    pub fn domain(&self) -> Option<&str> {
        let host = self.remote().map(Peer::host);
        self.domain.as_deref().or(host)
    }
}

/// How a line is attached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LineKind {
    /// An extension of a PBX: the box registers there.
    Register,
    /// A PBX or provider that sends calls from known addresses, without registration.
    #[default]
    Trunk,
}

impl LineKind {
    /// As the file spells it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Trunk => "trunk",
        }
    }
}

/// Whether the audio of a line is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LineSrtp {
    /// Never.
    Off,
    /// When the caller wants it.
    #[default]
    Accepted,
    /// Always.
    Required,
}

/// Transports a line may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LineTransport {
    /// Whatever is listened on.
    #[default]
    Any,
    /// UDP alone.
    Udp,
    /// TCP alone.
    Tcp,
    /// TLS alone.
    Tls,
}

impl LineTransport {
    /// As the file and a URI spell it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }
}

/// A codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// G.711 mu-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// G.722, 16 kHz.
    G722,
    /// Opus.
    Opus,
}

/// Reliable provisional responses (RFC 3262).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Reliable {
    /// Never; a peer that demands them is refused.
    Off,
    /// When the peer demands them.
    #[default]
    Allowed,
    /// Whenever the peer can.
    Wanted,
}

fn expires() -> Duration {
    Duration::from_mins(10)
}

fn session_expires() -> Duration {
    Duration::from_mins(30)
}

fn all_codecs() -> Vec<Codec> {
    vec![Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus]
}

fn country() -> String {
    "US".to_owned()
}

/// A place to send SIP to: `host`, `host:port`, or `sip:host:port;transport=tcp`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    host: String,
    port: Option<u16>,
    transport: LineTransport,
}

impl Peer {
    /// A name or an address; IPv6 in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, where one is written.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The transport that it names.
    #[must_use]
    pub fn transport(&self) -> LineTransport {
        self.transport
    }
}

impl FromStr for Peer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || {
            format!(
                "`{text}` is not a place to send SIP to; write a name or an address, such as \
                 \"pbx.example.com\", \"192.168.1.10:5080\" or \"sip:pbx.example.com;transport=tcp\""
            )
        };
        let (rest, secure) = match text.split_once(':') {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("sip") => (rest, false),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("sips") => (rest, true),
            _ => (text, false),
        };
        let (place, parameter) = match rest.split_once(';') {
            Some((place, parameter)) => (place, Some(parameter)),
            None => (rest, None),
        };
        let transport = match parameter.map(str::to_ascii_lowercase).as_deref() {
            None if secure => LineTransport::Tls,
            None => LineTransport::Any,
            Some("transport=udp") if !secure => LineTransport::Udp,
            Some("transport=tcp") if !secure => LineTransport::Tcp,
            Some("transport=tls") => LineTransport::Tls,
            Some(_) => return Err(refuse()),
        };
        let (host, port) = host_and_port(place).ok_or_else(refuse)?;
        Ok(Self {
            host,
            port,
            transport,
        })
    }
}

/// `host` or `host:port`, apart.
pub(super) fn host_and_port(text: &str) -> Option<(String, Option<u16>)> {
    let split = match text.find(']') {
        Some(bracket) => bracket + 1,
        None => text.find(':').unwrap_or(text.len()),
    };
    let (host, rest) = text.split_at(split);
    let port = match rest.strip_prefix(':') {
        Some(digits) => Some(digits.parse().ok().filter(|port| *port > 0)?),
        None if rest.is_empty() => None,
        None => return None,
    };
    is_host(host).then(|| (host.to_owned(), port))
}

/// A domain name, an IPv4 address, or an IPv6 address in brackets.
pub(super) fn is_host(text: &str) -> bool {
    if let Some(inner) = text.strip_prefix('[') {
        let address = inner.strip_suffix(']');
        return address.is_some_and(|address| address.parse::<core::net::Ipv6Addr>().is_ok());
    }
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    !text.is_empty() && text.bytes().all(is_name)
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sip:{}", self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        match self.transport {
            LineTransport::Any => Ok(()),
            transport => write!(f, ";transport={}", transport.name()),
        }
    }
}

impl<'de> Deserialize<'de> for Peer {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for Peer {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

#[cfg(test)]
mod tests;
