//! Via (RFC 3261 §20.42): where a response goes back to.

use core::net::IpAddr;

use bytes::Bytes;

use super::Params;
use crate::sip::message::{Host, scan};

#[cfg(test)]
mod tests;

/// One Via value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Via {
    /// `UDP`, `TCP`, `TLS` .. as written.
    pub transport: Bytes,
    /// The sent-by host.
    pub host: Host,
    /// The sent-by port.
    pub port: Option<u16>,
    /// All parameters: branch, received, rport, ttl, maddr and any other.
    pub params: Params,
}

impl Via {
    /// A Via of our own with a branch and an empty `rport` (RFC 3581).
    #[must_use]
    pub fn new(transport: &'static str, host: impl Into<Host>, port: u16, branch: &str) -> Self {
        let mut params = Params::default();
        params.set("branch", Some(branch));
        params.set("rport", None);
        Self {
            transport: Bytes::from_static(transport.as_bytes()),
            host: host.into(),
            port: Some(port),
            params,
        }
    }

    /// Reads one value; of any version, so that a request of SIP/7.0 can be refused along it.
    #[must_use]
    pub fn parse(value: &Bytes) -> Option<Self> {
        let end = scan::find(value, b';').unwrap_or(value.len());
        let (protocol, rest) = scan::split_once(&value.slice(..end), b'/')?;
        let (version, rest) = scan::split_once(&rest, b'/')?;
        if !protocol.eq_ignore_ascii_case(b"SIP") || !scan::is_token(&version) {
            return None;
        }
        let space = rest.iter().position(u8::is_ascii_whitespace)?;
        let transport = rest.slice(..space);
        let (host, port) = Host::with_port(&rest.slice(space..))?;
        scan::is_token(&transport).then(|| Self {
            transport,
            host,
            port,
            params: Params::parse(&value.slice(end..)),
        })
    }

    /// The branch, where there is one (RFC 2543 had none).
    #[must_use]
    pub fn branch(&self) -> Option<Bytes> {
        self.params
            .get("branch")
            .filter(|branch| !branch.is_empty())
    }

    /// The address the next hop saw.
    #[must_use]
    pub fn received(&self) -> Option<IpAddr> {
        Host::parse(self.params.get("received")?)?.ip()
    }

    /// `Some(None)` asks for the port, `Some(Some(port))` tells it (RFC 3581).
    #[must_use]
    pub fn rport(&self) -> Option<Option<u16>> {
        let value = self.params.get("rport")?;
        Some(scan::number(&value))
    }

    /// Sets `received`.
    pub fn set_received(&mut self, address: IpAddr) {
        self.params.set("received", Some(&address.to_string()));
    }

    /// Sets the value of `rport`.
    pub fn set_rport(&mut self, port: u16) {
        self.params.set("rport", Some(&port.to_string()));
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"SIP/2.0/");
        out.extend_from_slice(&self.transport);
        out.extend_from_slice(format!(" {}", self.host).as_bytes());
        if let Some(port) = self.port {
            out.extend_from_slice(format!(":{port}").as_bytes());
        }
        self.params.write(out);
    }
}
