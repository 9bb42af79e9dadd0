//! The lenient reader (RFC 8866 §5).

use core::net::IpAddr;
use core::str::FromStr;

use super::{Attribute, Connection, Media, Origin, SessionDescription};

#[cfg(test)]
mod tests;

/// Streams of one description; video conferences offer some ten. More is refused.
const MAX_MEDIA: usize = 32;
/// Formats of one stream: there are 128 payload types. The rest is passed over.
const MAX_FORMATS: usize = 128;
/// Bytes of one description, which a UDP message cannot exceed. More is refused.
const MAX_LENGTH: usize = 64 * 1024;

/// Why a body is no session description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Neither `v=0` nor any stream.
    #[error("not a session description")]
    NotSdp,
    /// A stream that cannot be read cannot be answered in its place either.
    #[error("unreadable m= line {0}")]
    Media(usize),
    /// Over the limits of this reader.
    #[error("session description too large")]
    TooLarge,
}

impl SessionDescription {
    /// Reads a body. Lines of no use to offer/answer are passed over; any line break will do; `s=`, `t=` and
    /// `o=` may be missing.
    ///
    /// # Errors
    /// No description at all, an unreadable `m=` line, or one over the limits.
    pub fn parse(body: &[u8]) -> Result<Self, Unreadable> {
        if body.len() > MAX_LENGTH {
            return Err(Unreadable::TooLarge);
        }
        let text = String::from_utf8_lossy(body);
        let mut description = Self::default();
        let mut has_version = false;
        for line in text.split(['\r', '\n', '\0']) {
            let Some((kind, value)) = line.trim_start().split_once('=') else {
                continue;
            };
            let value = value.trim();
            match kind {
                "v" => has_version = true,
                "m" => description.add_media(value)?,
                "o" => description.origin = Origin::parse(value),
                "s" if value != "-" => value.clone_into(&mut description.name),
                "c" => description.set_connection(Connection::parse(value)),
                "a" => description.add_attribute(Attribute::parse(value)),
                _ => {}
            }
        }
        if has_version || !description.media.is_empty() {
            Ok(description)
        } else {
            Err(Unreadable::NotSdp)
        }
    }

    fn add_media(&mut self, value: &str) -> Result<(), Unreadable> {
        if self.media.len() == MAX_MEDIA {
            return Err(Unreadable::TooLarge);
        }
        let media = Media::parse(value).ok_or(Unreadable::Media(self.media.len()))?;
        self.media.push(media);
        Ok(())
    }

    fn set_connection(&mut self, connection: Option<Connection>) {
        let place = match self.media.last_mut() {
            Some(media) => &mut media.connection,
            None => &mut self.connection,
        };
        // Of several addresses for layers of a stream the first is the base (RFC 8866 §5.7).
        if place.is_none() {
            *place = connection;
        }
    }

    fn add_attribute(&mut self, attribute: Attribute) {
        match self.media.last_mut() {
            Some(media) => media.attributes.push(attribute),
            None => self.attributes.push(attribute),
        }
    }
}

impl Origin {
    fn parse(value: &str) -> Self {
        let mut words = value.split_whitespace();
        let mut word = || words.next().unwrap_or("-").to_owned();
        let (username, session_id, version) = (word(), word(), word());
        let rest: Vec<&str> = words.collect();
        Self {
            username,
            session_id,
            version,
            address: Connection::parse(&rest.join(" ")).unwrap_or(Self::default().address),
        }
    }
}

impl Connection {
    /// Reads `IN IP4 192.0.2.1`, with or without TTL and count.
    fn parse(value: &str) -> Option<Self> {
        let mut words = value.split_whitespace();
        let (_network, _family) = (words.next()?, words.next()?);
        let address = words.next()?;
        let address = address.split('/').next()?;
        let plain = address.trim_start_matches('[').trim_end_matches(']');
        Some(match IpAddr::from_str(plain) {
            Ok(address) => Self::Ip(address),
            Err(_) if address.is_empty() => return None,
            Err(_) => Self::Name(address.to_owned()),
        })
    }
}

impl Media {
    /// Reads `audio 49170/2 RTP/AVP 0 8 101`.
    fn parse(value: &str) -> Option<Self> {
        let mut words = value.split_whitespace();
        let kind = words.next()?.to_owned();
        let port = words.next()?.split('/').next()?.parse().ok()?;
        let protocol = words.next()?.to_owned();
        Some(Self {
            kind,
            port,
            protocol,
            formats: words.take(MAX_FORMATS).map(str::to_owned).collect(),
            connection: None,
            attributes: Vec::new(),
        })
    }
}

impl Attribute {
    fn parse(value: &str) -> Self {
        match value.split_once(':') {
            Some((name, value)) => Self::new(name.trim(), value.trim()),
            None => Self::flag(value),
        }
    }
}
