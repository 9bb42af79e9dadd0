//! What a session is given at its beginning.

use core::net::SocketAddr;
use std::time::{Duration, SystemTime};

use crate::audio::{Codec, Law};

/// What signalling agreed on, as far as media is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// The codec on the wire.
    pub codec: Codec,
    /// Payload type that we send the codec with.
    pub send_payload_type: u8,
    /// Payload type that we receive the codec with.
    pub receive_payload_type: u8,
    /// telephone-event payload types (send, receive).
    pub telephone_event: Option<(u8, u8)>,
    /// Payload types of comfort noise (send, receive): with it our silence is told and not sent (RFC 3389).
    pub comfort_noise: Option<(u8, u8)>,
    /// Milliseconds of audio in each packet we send; taken as 10 to 60. Opus goes in packets of 20.
    pub ptime_ms: u16,
    /// Where the far end wants RTP; `None` on hold.
    pub remote: Option<SocketAddr>,
    /// Where the far end wants RTCP.
    pub remote_rtcp: Option<SocketAddr>,
    /// How the two control each other.
    pub control: Control,
    /// We may send.
    pub sends: bool,
    /// The far end may send.
    pub receives: bool,
}

/// What was agreed on about RTCP beyond its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Control {
    /// RTP and RTCP share a port (RFC 5761).
    pub mux: bool,
    /// The far end wants VoIP metrics (RFC 3611).
    pub metrics: bool,
}

/// How received audio is handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Delivery {
    /// One frame each tick, whatever has come: gaps are concealed or silent.
    #[default]
    Paced,
    /// What came, in order, as soon as it is there; nothing is added and nothing is left out.
    AsReceived,
}

/// How long the far end may be silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaTimeout {
    /// Until the first packet.
    pub initial: Duration,
    /// After a packet.
    pub running: Duration,
}

/// A session's beginning.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What was agreed.
    pub stream: Stream,
    /// The law of the audio handed in and out; what is on the wire is converted when it is G.711 of the other
    /// law. Other codecs are handed in and out as they are on the wire.
    pub audio_law: Law,
    /// How received audio is handed on.
    pub delivery: Delivery,
    /// When to report [`super::Event::MediaTimeout`]; suspended while either side holds.
    pub media_timeout: MediaTimeout,
    /// Our synchronization source.
    pub ssrc: u32,
    /// Sequence number of our first packet.
    pub first_sequence: u16,
    /// Timestamp of our first packet.
    pub first_timestamp: u32,
    /// Our canonical name in RTCP, at most 255 bytes.
    pub cname: String,
    /// Civil time of the session's start, for sender reports.
    pub wallclock: SystemTime,
    /// Spreads the times of RTCP reports.
    pub seed: u64,
}

impl Settings {
    /// Settings with unpredictable source, sequence and timestamp from two random words.
    #[must_use]
    pub fn new(stream: Stream, cname: String, wallclock: SystemTime, seed: [u64; 2]) -> Self {
        let [a, b, c, d, e, f, g, h] = seed[0].to_le_bytes();
        let [i, j, ..] = seed[1].to_le_bytes();
        Self {
            audio_law: stream.codec.law().unwrap_or(Law::Mu),
            stream,
            delivery: Delivery::default(),
            media_timeout: MediaTimeout {
                initial: Duration::from_secs(30),
                running: Duration::from_secs(30),
            },
            ssrc: u32::from_le_bytes([a, b, c, d]),
            first_sequence: u16::from_le_bytes([i, j]),
            first_timestamp: u32::from_le_bytes([e, f, g, h]),
            cname,
            wallclock,
            seed: seed[1],
        }
    }
}
