//! What can be said about a call's media afterwards, or while it runs.

use core::net::SocketAddr;
use std::time::Duration;

use crate::rtp::burst::Pattern;
use crate::rtp::quality::Quality;
use crate::rtp::receiver::Receiver;
use crate::rtp::sender::Sender;
use crate::rtp::{jitter_buffer, rtcp};

/// What a session itself counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    pub(super) packets_received: u64,
    pub(super) bytes_received: u64,
    pub(super) first_packet_after: Option<Duration>,
    pub(super) malformed: u64,
    pub(super) unexpected_payload: u64,
    pub(super) unconfirmed: u64,
    pub(super) strays: u64,
    pub(super) stray_from: Option<SocketAddr>,
    pub(super) source_changes: u64,
    pub(super) digits: u64,
    pub(super) events_dropped: u64,
    pub(super) rtcp_received: u64,
    pub(super) rtcp_sent: u64,
    lost_before: i64,
}

impl Counts {
    /// Keeps the loss of a source that is heard no more.
    pub(super) fn retire(&mut self, receiver: &Receiver) {
        self.lost_before += i64::from(receiver.lost());
    }
}

/// A session in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Statistics {
    /// Packets taken: audio, events, comfort noise.
    pub packets_received: u64,
    /// Their payload.
    pub bytes_received: u64,
    /// RTP packets sent.
    pub packets_sent: u32,
    /// Their payload.
    pub bytes_sent: u32,
    /// Time from the session's start to the first packet.
    pub first_packet_after: Option<Duration>,
    /// Packets that never came, over all sources; negative when more came than were sent.
    pub lost: i64,
    /// Interarrival jitter (RFC 3550 §6.4.1) of the source heard last.
    pub jitter: Duration,
    /// Playout: duplicates, late packets, moves, concealed and shortened frames.
    pub playout: jitter_buffer::Counts,
    /// How long what comes fastest waits in the playout.
    pub playout_delay: Duration,
    /// Datagrams that are no RTP or RTCP.
    pub malformed: u64,
    /// Packets of a payload type that was not agreed.
    pub unexpected_payload: u64,
    /// Packets dropped because their source or sequence was not confirmed.
    pub unconfirmed: u64,
    /// Packets from addresses that are not the far end.
    pub strays: u64,
    /// Where the last of these came from.
    pub stray_from: Option<SocketAddr>,
    /// Times the far end changed its synchronization source or address.
    pub source_changes: u64,
    /// Keys pressed by the far end.
    pub digits: u64,
    /// Events nobody read in time.
    pub events_dropped: u64,
    /// Control packets received.
    pub rtcp_received: u64,
    /// Control packets sent.
    pub rtcp_sent: u64,
    /// What the far end reports about our stream.
    pub heard: rtcp::Heard,
    /// Where the far end sends from.
    pub source: Option<SocketAddr>,
    /// RTP and RTCP share a port (RFC 5761).
    pub mux: bool,
    /// How packets were lost or came too late.
    pub pattern: Pattern,
    /// How we hear the far end; `None` before anything came.
    pub received_as: Option<Quality>,
    /// How the far end hears us; `None` before it has reported.
    pub sent_as: Option<Quality>,
}

impl Statistics {
    pub(super) fn collect(
        counts: &Counts,
        (receiver, clock_rate): (Option<&Receiver>, u32),
        playout: jitter_buffer::Counts,
        sender: &Sender,
        heard: rtcp::Heard,
        source: Option<SocketAddr>,
    ) -> Self {
        let jitter = receiver.map_or(0, |receiver| u64::from(receiver.jitter()));
        let jitter = Duration::from_secs(jitter) / clock_rate;
        Self {
            packets_received: counts.packets_received,
            bytes_received: counts.bytes_received,
            packets_sent: sender.packets(),
            bytes_sent: sender.octets(),
            first_packet_after: counts.first_packet_after,
            lost: counts.lost_before + receiver.map_or(0, |receiver| i64::from(receiver.lost())),
            jitter,
            playout,
            playout_delay: Duration::ZERO,
            malformed: counts.malformed,
            unexpected_payload: counts.unexpected_payload,
            unconfirmed: counts.unconfirmed,
            strays: counts.strays,
            stray_from: counts.stray_from,
            source_changes: counts.source_changes,
            digits: counts.digits,
            events_dropped: counts.events_dropped,
            rtcp_received: counts.rtcp_received,
            rtcp_sent: counts.rtcp_sent,
            heard,
            source,
            ..Self::default()
        }
    }
}
