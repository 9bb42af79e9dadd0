//! One RTP packet (RFC 3550 §5.1): read without copying, written into the caller's buffer.

use rtp_rs::{RtpPacketBuilder, RtpReader, Seq};
use thiserror::Error;

/// The largest packet we write or take: an Ethernet frame's worth.
pub const MAX_PACKET: usize = 1500;

/// A packet as it was received or is to be sent. CSRCs and header extensions are skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Payload type, 0 to 127.
    pub payload_type: u8,
    /// The marker: first packet of a talkspurt (RFC 3551 §4.1) or of a telephone event.
    pub marker: bool,
    /// Sequence number.
    pub sequence: u16,
    /// When the first sample was taken, in clock ticks.
    pub timestamp: u32,
    /// Synchronization source.
    pub ssrc: u32,
    /// What is carried, without padding.
    pub payload: &'a [u8],
}

/// Bytes that are not an RTP packet: too short, another version, or lengths that do not add up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not an RTP packet")]
pub struct Malformed;

impl<'a> Packet<'a> {
    /// Reads a packet.
    ///
    /// # Errors
    /// [`Malformed`], for whatever reason.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let reader = RtpReader::new(bytes).map_err(|_| Malformed)?;
        Ok(Self {
            payload_type: reader.payload_type(),
            marker: reader.mark(),
            sequence: reader.sequence_number().into(),
            timestamp: reader.timestamp(),
            ssrc: reader.ssrc(),
            payload: reader.payload(),
        })
    }

    /// Writes the packet and gives its length; `None` when the buffer is too small or the payload type
    /// does not fit in seven bits. Allocates nothing.
    pub fn write(&self, buffer: &mut [u8]) -> Option<usize> {
        RtpPacketBuilder::new()
            .payload_type(self.payload_type)
            .marked(self.marker)
            .sequence(Seq::from(self.sequence))
            .timestamp(self.timestamp)
            .ssrc(self.ssrc)
            .payload(self.payload)
            .build_into(buffer)
            .ok()
    }
}

#[cfg(test)]
mod tests;
