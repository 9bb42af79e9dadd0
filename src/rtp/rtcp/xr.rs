//! Extended reports (RFC 3611): the VoIP metrics block, ours and the far end's.

use super::Writer;
use crate::rtp::burst::{GAP_MIN, Pattern};
use crate::rtp::quality::Quality;

/// A VoIP metrics block (§4.7), in its own units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VoipMetrics {
    /// Share of packets that never came.
    pub loss: f64,
    /// Share of packets that came too late.
    pub discard: f64,
    /// Share not heard inside bursts.
    pub burst_density: f64,
    /// Share not heard outside of them.
    pub gap_density: f64,
    /// Mean length of a burst in milliseconds.
    pub burst_ms: u16,
    /// Mean length of a gap in milliseconds.
    pub gap_ms: u16,
    /// Time to the far end and back in milliseconds; 0 is unknown.
    pub round_trip_ms: u16,
    /// What the end that reports adds in milliseconds: packetizing, jitter buffer, playing.
    pub end_system_ms: u16,
    /// The rating of a conversation, if it was computed.
    pub r: Option<f64>,
    /// The mean opinion score of listening, if it was computed.
    pub listening_mos: Option<f64>,
    /// The mean opinion score of a conversation, if it was computed.
    pub conversation_mos: Option<f64>,
    /// Delay of the jitter buffer in milliseconds: now, the most in use, and the most it can be.
    pub buffer_ms: [u16; 3],
}

impl VoipMetrics {
    /// Metrics of a stream as we hear it. `packet_ms` is the length of its packets, `times` the round trip and what
    /// our end adds, in milliseconds.
    #[must_use]
    pub fn new(
        pattern: &Pattern,
        quality: &Quality,
        packet_ms: u16,
        times: [u16; 2],
        buffer_ms: [u16; 3],
    ) -> Self {
        let length = |packets: f64| (packets * f64::from(packet_ms)).min(65_535.0) as u16;
        Self {
            loss: pattern.loss,
            discard: pattern.discard,
            burst_density: pattern.burst_density,
            gap_density: pattern.gap_density,
            burst_ms: length(pattern.burst_packets),
            gap_ms: length(pattern.gap_packets),
            round_trip_ms: times[0],
            end_system_ms: times[1],
            r: Some(quality.r),
            listening_mos: Some(quality.listening_mos),
            conversation_mos: Some(quality.mos),
            buffer_ms,
        }
    }

    /// Writes an XR packet with this block about `source`; the levels, which we don't measure, are told as unknown.
    pub(super) fn write(&self, ours: u32, source: u32, writer: &mut Writer<'_>) -> Option<()> {
        writer.header(0, XR, 8 + BLOCK)?;
        writer.word(ours)?;
        writer.word(u32::from(VOIP_METRICS) << 24 | BLOCK_WORDS)?;
        writer.word(source)?;
        let shares = [
            self.loss,
            self.discard,
            self.burst_density,
            self.gap_density,
        ];
        writer.bytes(&shares.map(share))?;
        let times = [
            self.burst_ms,
            self.gap_ms,
            self.round_trip_ms,
            self.end_system_ms,
        ];
        for time in times {
            writer.bytes(&time.to_be_bytes())?;
        }
        writer.bytes(&[UNKNOWN, UNKNOWN, UNKNOWN, GAP_MIN as u8])?;
        writer.bytes(&[
            self.r
                .map_or(UNKNOWN, |r| r.round().clamp(0.0, 100.0) as u8),
            UNKNOWN,
            tenths(self.listening_mos),
            tenths(self.conversation_mos),
        ])?;
        let [nominal, most, limit] = self.buffer_ms.map(u16::to_be_bytes);
        writer.bytes(&[CONFIGURATION, 0, nominal[0], nominal[1]])?;
        writer.bytes(&[most[0], most[1], limit[0], limit[1]])
    }

    /// The first VoIP metrics block about `source` in an XR packet.
    pub(super) fn read(packet: &[u8], source: u32) -> Option<Self> {
        let mut rest = packet.get(8..)?;
        loop {
            let &[kind, _, high, low, ..] = rest else {
                return None;
            };
            let length = (usize::from(u16::from_be_bytes([high, low])) + 1) * 4;
            let block = rest.get(..length)?;
            rest = &rest[length..];
            if kind == VOIP_METRICS
                && let Some(fields) = block.first_chunk()
                && block[4..8] == source.to_be_bytes()
            {
                return Some(Self::from_block(fields));
            }
        }
    }

    fn from_block(block: &[u8; BLOCK as usize]) -> Self {
        let part = |at: usize| f64::from(block[at]) / 256.0;
        let word = |at: usize| u16::from_be_bytes([block[at], block[at + 1]]);
        let score = |at: usize| {
            let known = (10..=50).contains(&block[at]);
            known.then(|| f64::from(block[at]) / 10.0)
        };
        Self {
            loss: part(8),
            discard: part(9),
            burst_density: part(10),
            gap_density: part(11),
            burst_ms: word(12),
            gap_ms: word(14),
            round_trip_ms: word(16),
            end_system_ms: word(18),
            r: (block[24] <= 100).then(|| f64::from(block[24])),
            listening_mos: score(26),
            conversation_mos: score(27),
            buffer_ms: [word(30), word(32), word(34)],
        }
    }
}

fn share(value: f64) -> u8 {
    (value * 256.0).round().clamp(0.0, 255.0) as u8
}

fn tenths(score: Option<f64>) -> u8 {
    score.map_or(UNKNOWN, |score| {
        (score * 10.0).round().clamp(10.0, 50.0) as u8
    })
}

/// Packet type of an extended report.
pub(super) const XR: u8 = 207;
const VOIP_METRICS: u8 = 7;
/// Bytes of the block, its header included, and its length field.
const BLOCK: u16 = 36;
const BLOCK_WORDS: u32 = 8;
/// A value that is not measured.
const UNKNOWN: u8 = 127;
/// §4.7.7: losses are concealed as well as the standard says (11), the jitter buffer adapts (11), its rate is not told.
const CONFIGURATION: u8 = 0b1111_0000;

#[cfg(test)]
mod tests;
