//! A wake every 1 ms of absolute time: the kernel counts the periods, so nothing drifts and nothing is missed unseen.

use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use nix::unistd::read;

use crate::io::clock;

/// A periodic timer.
#[derive(Debug)]
pub(super) struct Pacer {
    timer: TimerFd,
    start: Instant,
    steps: u32,
}

impl Pacer {
    /// A timer that is not running.
    pub(super) fn new() -> Result<Self, Errno> {
        Ok(Self {
            timer: TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_CLOEXEC)?,
            start: clock::now(),
            steps: 0,
        })
    }

    /// Begins to count periods from now.
    pub(super) fn start(&mut self) -> Result<(), Errno> {
        let period = TimeSpec::from(STEP);
        self.start = clock::now();
        self.steps = 0;
        self.timer.set(
            Expiration::IntervalDelayed(period, period),
            TimerSetTimeFlags::empty(),
        )
    }

    /// Stops the wakes.
    pub(super) fn stop(&mut self) -> Result<(), Errno> {
        self.timer.unset()
    }

    /// Waits for the end of the period that runs; gives how many have ended since the last wait. Zero after a signal.
    pub(super) fn wait(&mut self) -> u64 {
        let mut count = [0; 8];
        match read(&self.timer, &mut count) {
            Ok(8) => u64::from_ne_bytes(count),
            _ => 0,
        }
    }

    /// Whether more than so many periods have ended.
    pub(super) fn is_behind(&self, periods: u64) -> bool {
        let taken = u32::try_from(periods)
            .unwrap_or(0)
            .saturating_add(self.steps);
        clock::now() >= self.start + STEP * taken.saturating_add(1)
    }

    /// Takes the next period; gives its phase and when it should have ended.
    pub(super) fn step(&mut self) -> (usize, Instant) {
        self.steps += 1;
        if self.steps == REBASE {
            self.start += STEP * REBASE;
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

/// Wakes in a tick of 20 ms: a twentieth of the calls each, so that what leaves at once is little.
pub(super) const PHASES: usize = 20;
/// A wake.
pub(super) const STEP: Duration = Duration::from_millis(20 / PHASES as u64);
/// Periods after which the origin moves, so that the count stays small; a multiple of the phases.
const REBASE: u32 = PHASES as u32 * (1 << 16);
