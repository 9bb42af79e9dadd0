//! The line itself: where on it we read, and how much was left after reading.

use super::Arrival;

/// Where everything stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub(super) first: u64,
    /// Where the newest packet began, its timestamp and length: the anchor from which others are placed.
    pub(super) anchor: u64,
    pub(super) timestamp: u32,
    pub(super) packet: u64,
    /// One past the newest packet.
    pub(super) end: u64,
    /// What is read next.
    pub(super) read: u64,
    /// What is missing between these was never sent.
    pub(super) pause: (u64, u64),
    /// Time less place of what is read, in 64ths of a tick: the least of late, so that a tick that came late is no delay.
    pub(super) offset: i64,
    /// Reading has begun.
    pub(super) begun: bool,
}

impl Line {
    pub(super) fn begin(arrival: Arrival) -> Self {
        Self {
            first: ORIGIN,
            anchor: ORIGIN,
            timestamp: arrival.timestamp,
            packet: arrival.ticks.max(1),
            end: ORIGIN + arrival.ticks,
            read: ORIGIN,
            pause: (ORIGIN, ORIGIN),
            offset: 0,
            begun: false,
        }
    }

    /// Where a timestamp stands, within half the wrap of the newest packet.
    pub(super) fn place(&self, timestamp: u32) -> u64 {
        let ahead = timestamp.wrapping_sub(self.timestamp).cast_signed();
        self.anchor.saturating_add_signed(i64::from(ahead))
    }

    pub(super) fn move_to(&mut self, place: u64) {
        self.offset += delay(self.read, place) * FINE;
        self.read = place;
    }

    /// The tick that reads may itself be late, never early.
    pub(super) fn see(&mut self, now: u64) {
        let offset = delay(now, self.read) * FINE;
        self.offset += if offset < self.offset {
            offset - self.offset
        } else {
            (offset - self.offset) / FINE
        };
    }
}

/// How much was left after reading, at the least, in the last second.
#[derive(Clone, Copy, Debug)]
pub(super) struct Depths {
    now: u64,
    before: u64,
    ticks: u32,
}

impl Depths {
    pub(super) fn see(&mut self, depth: u64) {
        self.now = self.now.min(depth);
        self.ticks += 1;
        if self.ticks >= HALF_WINDOW {
            self.before = self.now;
            self.now = u64::MAX;
            self.ticks = 0;
        }
    }

    pub(super) fn lower(&mut self, ticks: u64) {
        self.now = self.now.saturating_sub(ticks);
        self.before = self.before.saturating_sub(ticks);
    }

    pub(super) fn lowest(&self) -> u64 {
        self.now.min(self.before)
    }
}

impl Default for Depths {
    fn default() -> Self {
        Self {
            now: u64::MAX,
            before: 0,
            ticks: 0,
        }
    }
}

/// Time less place; both far from the ends of the numbers.
pub(super) fn delay(now: u64, place: u64) -> i64 {
    now.cast_signed().wrapping_sub(place.cast_signed())
}

/// Far from either end of the numbers.
pub(super) const ORIGIN: u64 = 1 << 48;
/// Parts of a tick, for what is averaged.
pub(super) const FINE: i64 = 64;
/// Half a second.
const HALF_WINDOW: u32 = 25;
