//! Hosts and ports as URIs and Via write them (RFC 3261 §19.1.1, §20.42).

use core::fmt;
use core::net::{IpAddr, Ipv6Addr};

use bytes::Bytes;

use super::scan;

#[cfg(test)]
mod tests;

/// A host: an address, or a name to look up.
#[derive(Clone, Debug)]
pub enum Host {
    /// IPv4, or IPv6 (in brackets on the wire).
    Ip(IpAddr),
    /// A name; case does not count.
    Name(Bytes),
}

impl Host {
    /// Reads a name or an address; IPv6 with or without brackets. Underscores are let through.
    #[must_use]
    pub fn parse(text: impl Into<Bytes>) -> Option<Self> {
        let text = text.into();
        let plain = core::str::from_utf8(&text).ok()?;
        if let Some(inner) = plain.strip_prefix('[') {
            let address: Ipv6Addr = inner.strip_suffix(']')?.parse().ok()?;
            return Some(Self::Ip(address.into()));
        }
        if let Ok(address) = plain.parse() {
            return Some(Self::Ip(address));
        }
        let is_name = !plain.is_empty()
            && plain
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
        is_name.then_some(Self::Name(text))
    }

    /// The address, if it is one.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Ip(address) => Some(*address),
            Self::Name(_) => None,
        }
    }

    /// Reads `host` or `host:port`, with white space around the colon. IPv6 must stand in brackets, as its colons
    /// would be told from a port's by guessing only (RFC 5118 §4.2).
    pub(super) fn with_port(text: &Bytes) -> Option<(Self, Option<u16>)> {
        let text = scan::trim(text);
        let host_end = match text.iter().position(|&byte| byte == b']') {
            Some(bracket) => bracket + 1,
            None => text
                .iter()
                .position(|&byte| byte == b':')
                .unwrap_or(text.len()),
        };
        let host = Self::parse(scan::trim(&text.slice(..host_end)))?;
        match text[host_end..].trim_ascii() {
            [] => Some((host, None)),
            [b':', digits @ ..] => Some((host, Some(scan::number(digits.trim_ascii())?))),
            _ => None,
        }
    }
}

impl PartialEq for Host {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Ip(one), Self::Ip(two)) => one == two,
            (Self::Name(one), Self::Name(two)) => one.eq_ignore_ascii_case(two),
            _ => false,
        }
    }
}

impl Eq for Host {}

impl From<IpAddr> for Host {
    fn from(address: IpAddr) -> Self {
        Self::Ip(address)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(IpAddr::V4(address)) => address.fmt(out),
            Self::Ip(IpAddr::V6(address)) => write!(out, "[{address}]"),
            Self::Name(name) => scan::lossy(name, out),
        }
    }
}
