//! RTP (RFC 3550) as values: one call's stream, driven with the time as an argument.
//!
//! [`session::Session`] is what others drive; the rest are its parts, named as the RFC names them.

pub mod burst;
pub mod jitter_buffer;
pub mod opus_packet;
pub mod packet;
pub mod playout;
pub mod quality;
pub mod receiver;
pub mod rtcp;
pub mod sender;
pub mod session;
pub mod telephone_event;

use std::time::Duration;

/// Ticks of an RTP clock of this rate in a stretch of time.
#[must_use]
pub fn ticks(duration: Duration, clock_rate: u32) -> u64 {
    let rate = u64::from(clock_rate);
    let part = u64::from(duration.subsec_nanos()) * rate / 1_000_000_000;
    duration.as_secs() * rate + part
}
