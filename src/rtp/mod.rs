//! RTP (RFC 3550) as values: one call's stream, driven with the time as an argument.
//!
//! [`session::Session`] is what others drive; the rest are its parts, named as the RFC names them.

pub mod jitter_buffer;
pub mod packet;
pub mod receiver;
pub mod rtcp;
pub mod sender;
pub mod session;
pub mod telephone_event;

use std::time::Duration;

/// Ticks of an RTP clock of this rate in a stretch of time; wraps as timestamps do.
#[must_use]
pub fn ticks(duration: Duration, clock_rate: u32) -> u32 {
    let ticks = duration.as_nanos() * u128::from(clock_rate) / 1_000_000_000;
    (ticks & u128::from(u32::MAX)) as u32
}
