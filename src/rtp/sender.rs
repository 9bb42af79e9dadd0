//! What we send: one source with its sequence numbers and its clock (RFC 3550 §5.1).
//!
//! The clock runs with the ticks of the media thread whether or not anything is sent, so that a
//! timestamp says when a sample was due, also after silence, hold or digits. Sequence numbers count
//! packets alone.

use super::packet::Packet;

/// The sending half of a stream.
#[derive(Clone, Debug)]
pub struct Sender {
    ssrc: u32,
    sequence: u16,
    clock: u32,
    packets: u32,
    octets: u32,
}

impl Sender {
    /// A source that has sent nothing; sequence and timestamp should be unpredictable (RFC 3550 §5.1).
    #[must_use]
    pub fn new(ssrc: u32, sequence: u16, clock: u32) -> Self {
        Self {
            ssrc,
            sequence,
            clock,
            packets: 0,
            octets: 0,
        }
    }

    /// Time goes on by so many samples.
    pub fn advance(&mut self, samples: u32) {
        self.clock = self.clock.wrapping_add(samples);
    }

    /// Writes the next packet; gives its length. `None`, and nothing counted, when it does not fit.
    pub fn write(
        &mut self,
        payload_type: u8,
        marker: bool,
        timestamp: u32,
        payload: &[u8],
        buffer: &mut [u8],
    ) -> Option<usize> {
        let packet = Packet {
            payload_type,
            marker,
            sequence: self.sequence,
            timestamp,
            ssrc: self.ssrc,
            payload,
        };
        let length = packet.write(buffer)?;
        self.sequence = self.sequence.wrapping_add(1);
        self.packets = self.packets.wrapping_add(1);
        let octets = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        self.octets = self.octets.wrapping_add(octets);
        Some(length)
    }

    /// Our synchronization source.
    #[must_use]
    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// The timestamp of the sample that is due next.
    #[must_use]
    pub fn clock(&self) -> u32 {
        self.clock
    }

    /// Packets sent; wraps as the sender report's field does.
    #[must_use]
    pub fn packets(&self) -> u32 {
        self.packets
    }

    /// Payload bytes sent; wraps as the sender report's field does.
    #[must_use]
    pub fn octets(&self) -> u32 {
        self.octets
    }
}

#[cfg(test)]
mod tests;
