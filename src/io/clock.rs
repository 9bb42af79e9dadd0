//! The one place that reads clocks and the random device.

use std::time::{Instant, SystemTime};

/// Monotonic time.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "the one reader of the monotonic clock"
)]
pub fn now() -> Instant {
    Instant::now()
}

/// Civil time.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "the one reader of the civil clock"
)]
pub fn wallclock() -> SystemTime {
    SystemTime::now()
}

/// Sixteen unpredictable bytes as two words, to seed a call's generators.
#[must_use]
pub fn seed() -> [u64; 2] {
    [word(), word()]
}

/// Unpredictable bytes that a call's keys are made of.
#[must_use]
pub fn key() -> [u8; 32] {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the kernel's random device answers");
    bytes
}

fn word() -> u64 {
    getrandom::u64().expect("the kernel's random device answers")
}
