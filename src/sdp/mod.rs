//! Session descriptions (RFC 8866) and the offer/answer model (RFC 3264) for one audio stream.

use core::net::{IpAddr, SocketAddr};

use crate::audio::Law;

// `sdp -> audio::Law` is the one leaf-to-leaf import besides `sip::session -> sdp`.

/// What we can say about our own side of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Local {
    /// The address the peer shall send RTP to.
    pub address: IpAddr,
    /// Our RTP port; RTCP is one above.
    pub port: u16,
    /// `o=` session id; stays for the life of the session.
    pub session_id: u64,
    /// Audio codecs we take, most liked first (used when we offer; an answer keeps the offer's order).
    pub codecs: Vec<Law>,
}

/// Which way audio flows, from our point of view.
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
    pub law: Law,
    /// Payload type that we send the codec with (the peer's number).
    pub send_payload_type: u8,
    /// Payload type that we receive the codec with (our number; in an answer the offer's).
    pub receive_payload_type: u8,
    /// telephone-event payload types (send, receive), when both sides have it.
    pub telephone_event: Option<(u8, u8)>,
    /// Milliseconds of audio in each packet we send.
    pub ptime_ms: u16,
    /// Where to send RTP; `None` when the peer has put the stream on hold with 0.0.0.0.
    pub remote: Option<SocketAddr>,
    /// Where to send RTCP.
    pub remote_rtcp: Option<SocketAddr>,
    /// Our direction.
    pub direction: Direction,
}
