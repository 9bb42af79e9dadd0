//! Session descriptions (RFC 8866) and the offer/answer model (RFC 3264) for one audio stream.
//!
//! The reader takes what the field sends (missing lines, host names, odd session ids); the writer is exact.
//! [`answer`], [`offer`] and [`conclude`] are the negotiation; [`SessionDescription::with_direction`] and
//! [`SessionDescription::succeeding`] make the next description of a session from the last.

use core::net::{IpAddr, SocketAddr};

use crate::audio::Codec;

mod control;
pub mod crypto;
mod format;
mod offer_answer;
mod parse;
mod write;

pub use crypto::{Crypto, Srtp, SrtpPolicy, Suite};
pub use offer_answer::{NoCommonCodec, answer, audio_addresses, conclude, offer};
pub use parse::Unreadable;

// `sdp -> audio::Codec` is the one leaf-to-leaf import besides `sip::session -> sdp`.

/// What we can say about our own side of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Local {
    /// The address the peer shall send RTP to.
    pub address: IpAddr,
    /// Our RTP port; RTCP is one above.
    pub port: u16,
    /// `o=` session id; stays for the life of the session.
    pub session_id: u64,
    /// Audio codecs we take, most liked first; which law of G.711 an answer takes is the offer's choice.
    pub codecs: Vec<Codec>,
    /// Whether and how the stream is encrypted.
    pub srtp: Srtp,
}

/// Which way audio flows, from the point of view of the side that says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Direction {
    /// Both ways.
    #[default]
    SendRecv,
    /// We only send.
    SendOnly,
    /// We only receive.
    RecvOnly,
    /// Neither.
    Inactive,
}

/// What offer and answer agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// The audio codec.
    pub codec: Codec,
    /// Payload type that we send the codec with (the peer's number).
    pub send_payload_type: u8,
    /// Payload type that we receive the codec with (our number; in an answer the offer's).
    pub receive_payload_type: u8,
    /// telephone-event payload types (send, receive), when both sides have it.
    pub telephone_event: Option<(u8, u8)>,
    /// Payload types of comfort noise (send, receive), when both sides have it.
    pub comfort_noise: Option<(u8, u8)>,
    /// Milliseconds of audio in each packet we send: 10 to 60, a multiple of 10.
    pub ptime_ms: u16,
    /// Where to send RTP; `None` when the peer has put the stream on hold with 0.0.0.0, or names a host instead
    /// of an address (then the source of its packets tells).
    pub remote: Option<SocketAddr>,
    /// Where to send RTCP.
    pub remote_rtcp: Option<SocketAddr>,
    /// RTP and RTCP share a port, on both sides (RFC 5761).
    pub rtcp_mux: bool,
    /// The peer wants VoIP metrics in its reports (RFC 3611).
    pub voip_metrics: bool,
    /// Our direction.
    pub direction: Direction,
    /// How the stream is encrypted, if it is.
    pub crypto: Option<Crypto>,
}

/// A session description: what offer/answer reads of one, and all that we write.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct SessionDescription {
    /// `o=`
    pub origin: Origin,
    /// `s=`; empty stands for `-`.
    pub name: String,
    /// `c=` at session level.
    pub connection: Option<Connection>,
    /// `a=` at session level.
    pub attributes: Vec<Attribute>,
    /// The streams, in order.
    pub media: Vec<Media>,
}

/// The `o=` line. The numbers stay text: some peers send letters, or more than 64 bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// User name, often `-`.
    pub username: String,
    /// Session id.
    pub session_id: String,
    /// Version of the description.
    pub version: String,
    /// Where the session was made.
    pub address: Connection,
}

/// An address of a `c=` or `o=` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Connection {
    /// An address; 0.0.0.0 means hold.
    Ip(IpAddr),
    /// A host name.
    Name(String),
}

/// One `m=` section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    /// `audio`, `video`, `image` ..
    pub kind: String,
    /// RTP port; 0 refuses or ends the stream.
    pub port: u16,
    /// `RTP/AVP` ..
    pub protocol: String,
    /// Payload types, or other formats, in order of preference.
    pub formats: Vec<String>,
    /// `c=` of this stream, which goes before the session's.
    pub connection: Option<Connection>,
    /// `a=` of this stream.
    pub attributes: Vec<Attribute>,
}

/// An `a=` line. Its `Debug` does not show keys.
#[derive(Clone, PartialEq, Eq)]
pub struct Attribute {
    /// What stands before the colon.
    pub name: String,
    /// What stands after it.
    pub value: Option<String>,
}

impl Local {
    /// The place of a codec in our order, if it is taken; both laws of G.711 share theirs.
    fn rank(&self, codec: Codec) -> Option<usize> {
        self.codecs.iter().find(|taken| **taken == codec)?;
        let kin =
            |taken: &Codec| *taken == codec || (taken.law().is_some() && codec.law().is_some());
        self.codecs.iter().position(kin)
    }

    /// What was agreed on once goes first from then on: a refresh of the session, by either side, leaves the codec as
    /// it is.
    pub fn prefer(&mut self, codec: Codec) {
        if self.rank(codec).is_some_and(|rank| rank > 0) {
            let kin =
                |taken: &Codec| *taken == codec || (taken.law().is_some() && codec.law().is_some());
            self.codecs.sort_by_key(|taken| !kin(taken));
        }
    }
}

impl Default for Origin {
    fn default() -> Self {
        Self {
            username: "-".to_owned(),
            session_id: "0".to_owned(),
            version: "0".to_owned(),
            address: Connection::Ip(core::net::Ipv4Addr::UNSPECIFIED.into()),
        }
    }
}

impl core::fmt::Debug for Attribute {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let secret = self.name.eq_ignore_ascii_case("crypto");
        let value = self.value.as_deref();
        let value = value.map(|value| if secret { "(a key)" } else { value });
        formatter
            .debug_struct("Attribute")
            .field("name", &self.name)
            .field("value", &value)
            .finish()
    }
}

impl Attribute {
    /// An attribute with a value.
    #[must_use]
    pub fn new(name: &str, value: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            value: Some(value.into()),
        }
    }

    /// An attribute that stands for itself.
    #[must_use]
    pub fn flag(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            value: None,
        }
    }
}

impl Direction {
    const ALL: [Self; 4] = [
        Self::SendRecv,
        Self::SendOnly,
        Self::RecvOnly,
        Self::Inactive,
    ];

    /// The name of its attribute.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// The same from the other side.
    #[must_use]
    pub const fn reversed(self) -> Self {
        match self {
            Self::SendOnly => Self::RecvOnly,
            Self::RecvOnly => Self::SendOnly,
            both => both,
        }
    }

    /// Whether this side sends.
    #[must_use]
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether this side receives.
    #[must_use]
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// As much of this as `limit` allows.
    #[must_use]
    pub const fn within(self, limit: Self) -> Self {
        let sends = self.sends() && limit.sends();
        let receives = self.receives() && limit.receives();
        match (sends, receives) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// The direction that a list of attributes states.
    fn stated(attributes: &[Attribute]) -> Option<Self> {
        attributes.iter().find_map(|attribute| {
            let named = |direction: &Self| attribute.name.eq_ignore_ascii_case(direction.as_str());
            Self::ALL.into_iter().find(named)
        })
    }
}

impl SessionDescription {
    /// The address of a stream: its own, or the session's.
    #[must_use]
    pub fn connection_of<'a>(&'a self, media: &'a Media) -> Option<&'a Connection> {
        media.connection.as_ref().or(self.connection.as_ref())
    }

    /// The direction of a stream: its own, or the session's, or both ways.
    #[must_use]
    pub fn direction_of(&self, media: &Media) -> Direction {
        Direction::stated(&media.attributes)
            .or_else(|| Direction::stated(&self.attributes))
            .unwrap_or_default()
    }

    /// The same description with every live stream in `direction`: how we hold and resume.
    #[must_use]
    pub fn with_direction(mut self, direction: Direction) -> Self {
        let states = |attribute: &Attribute| Direction::stated(core::slice::from_ref(attribute));
        self.attributes
            .retain(|attribute| states(attribute).is_none());
        for media in self.media.iter_mut().filter(|media| media.port != 0) {
            media
                .attributes
                .retain(|attribute| states(attribute).is_none());
            media.attributes.push(Attribute::flag(direction.as_str()));
        }
        self
    }

    /// This description as the one after `last` in the same session: the version is one higher if anything
    /// else differs, and the same if nothing does (RFC 3264 §8).
    #[must_use]
    pub fn succeeding(mut self, last: &Self) -> Self {
        self.origin.clone_from(&last.origin);
        if self != *last {
            let version: u64 = last.origin.version.parse().unwrap_or(0);
            self.origin.version = version.wrapping_add(1).to_string();
        }
        self
    }
}

impl Media {
    /// The value of the first attribute of this name.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        let named = |attribute: &&Attribute| attribute.name.eq_ignore_ascii_case(name);
        self.attributes.iter().find(named)?.value.as_deref()
    }

    /// This stream refused: port 0, nothing else said (RFC 3264 §6).
    fn refused(&self) -> Self {
        Self {
            port: 0,
            connection: None,
            attributes: Vec::new(),
            ..self.clone()
        }
    }
}
