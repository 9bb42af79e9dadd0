//! The ladder for a caller who says nothing, or nothing that can be understood.

use std::time::{Duration, Instant};

/// What to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rung {
    /// Ask again.
    Again,
    /// Offer a person.
    Offer,
    /// A person it is.
    GiveUp,
}

/// How often in a row nothing was understood.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct NoInput {
    misses: u8,
    /// Since when the next miss has been put off.
    waits: Option<Instant>,
}

impl NoInput {
    /// Nothing was said or understood.
    pub(super) fn miss(&mut self) -> Rung {
        self.misses = self.misses.saturating_add(1);
        self.waits = None;
        match self.misses {
            0..=2 => Rung::Again,
            3 => Rung::Offer,
            _ => Rung::GiveUp,
        }
    }

    /// Something was understood.
    pub(super) fn understood(&mut self) {
        *self = Self::default();
    }

    /// Whether a miss may be put off: for so long at most.
    pub(super) fn may_wait(&mut self, now: Instant) -> bool {
        let since = *self.waits.get_or_insert(now);
        now.saturating_duration_since(since) < WAITS_MAX
    }
}

/// Longer than most people are left on hold, and not so long that a noisy line is a dead one.
const WAITS_MAX: Duration = Duration::from_mins(2);

#[cfg(test)]
mod tests;
