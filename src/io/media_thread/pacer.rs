//! Periods of 1 ms of absolute time, so that nothing drifts and nothing is missed unseen.

use std::time::{Duration, Instant};

use nix::sys::time::TimeSpec;
use nix::time::{ClockId, ClockNanosleepFlags, clock_gettime, clock_nanosleep};

use crate::io::clock;

/// Counts the periods, and sleeps until one of them ends.
#[derive(Debug)]
pub(super) struct Pacer {
    start: Instant,
    /// The start, on the kernel's monotonic clock.
    zero: Duration,
    steps: u32,
}

impl Pacer {
    /// Begins to count periods from now.
    pub(super) fn start() -> Self {
        let start = clock::now(); // first, so that nobody wakes before a period has ended
        let zero = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("the kernel has the clock");
        Self {
            start,
            zero: zero.into(),
            steps: 0,
        }
    }

    /// Sleeps until so many periods have ended that were not taken yet, or a signal comes.
    pub(super) fn sleep(&self, periods: usize) {
        let after = u32::try_from(self.steps as usize + periods).unwrap_or(0);
        let until = self.zero + STEP * after;
        let flags = ClockNanosleepFlags::TIMER_ABSTIME;
        // Whoever is woken too early sees that nothing is due, and sleeps again.
        let _ = clock_nanosleep(ClockId::CLOCK_MONOTONIC, flags, &TimeSpec::from(until));
    }

    /// How many periods have ended that were not taken yet.
    pub(super) fn ended(&self) -> u64 {
        let ended = (clock::now() - self.start).as_nanos() / STEP.as_nanos();
        u64::try_from(ended).map_or(0, |ended| ended.saturating_sub(u64::from(self.steps)))
    }

    /// Takes the next period; gives its phase and when it should have ended.
    pub(super) fn step(&mut self) -> (usize, Instant) {
        self.steps += 1;
        if self.steps == REBASE {
            self.start += STEP * REBASE;
            self.zero += STEP * REBASE;
            self.steps = 0;
        }
        let phase = self.steps as usize % PHASES;
        (phase, self.start + STEP * self.steps)
    }

    /// How many times all phases have passed.
    pub(super) fn round(&self) -> u64 {
        u64::from(self.steps) / PHASES as u64
    }

    /// The phase of the next period.
    pub(super) fn next_phase(&self) -> usize {
        (self.steps as usize + 1) % PHASES
    }
}

/// A tick of 20 ms in parts, so that what leaves at once is little.
pub(super) const PHASES: usize = 20;
/// A period.
pub(super) const STEP: Duration = Duration::from_millis(20 / PHASES as u64);
/// Periods after which the origin moves, so that the count stays small; a multiple of the phases.
const REBASE: u32 = PHASES as u32 * (1 << 16);
