//! The exact writer (RFC 8866 §9): lines in the order of the grammar, CRLF.

use core::fmt;
use core::net::IpAddr;

use bytes::Bytes;

use super::{Attribute, Connection, Media, SessionDescription};

impl SessionDescription {
    /// The description as a body of type `application/sdp`.
    #[must_use]
    pub fn write(&self) -> Bytes {
        self.to_string().into()
    }
}

impl fmt::Display for SessionDescription {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = &self.origin;
        let name = if self.name.is_empty() {
            "-"
        } else {
            &self.name
        };
        write!(out, "v=0\r\no={} ", origin.username)?;
        write!(out, "{} {} ", origin.session_id, origin.version)?;
        write!(out, "{}\r\ns={name}\r\n", origin.address)?;
        if let Some(connection) = &self.connection {
            write!(out, "c={connection}\r\n")?;
        }
        out.write_str("t=0 0\r\n")?;
        self.attributes.iter().try_for_each(|line| line.fmt(out))?;
        self.media.iter().try_for_each(|media| media.fmt(out))
    }
}

impl fmt::Display for Media {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "m={} {} {}", self.kind, self.port, self.protocol)?;
        for format in &self.formats {
            write!(out, " {format}")?;
        }
        out.write_str("\r\n")?;
        if let Some(connection) = &self.connection {
            write!(out, "c={connection}\r\n")?;
        }
        self.attributes.iter().try_for_each(|line| line.fmt(out))
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(out, "a={}:{value}\r\n", self.name),
            None => write!(out, "a={}\r\n", self.name),
        }
    }
}

impl fmt::Display for Connection {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(IpAddr::V4(address)) => write!(out, "IN IP4 {address}"),
            Self::Ip(IpAddr::V6(address)) => write!(out, "IN IP6 {address}"),
            Self::Name(name) => write!(out, "IN IP4 {name}"),
        }
    }
}
