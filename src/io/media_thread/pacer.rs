//! A wake every 5 ms of absolute time: the kernel counts the periods, so nothing drifts and nothing is missed unseen.

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

    /// Takes the next period; gives its number and when it should have ended.
    pub(super) fn step(&mut self) -> (u32, Instant) {
        self.steps = self.steps.wrapping_add(1);
        if self.steps == REBASE {
            self.start += STEP * REBASE;
            self.steps = 0;
        }
        (self.steps, self.start + STEP * self.steps)
    }
}

/// A quarter of a tick.
const STEP: Duration = Duration::from_millis(5);
/// Periods after which the origin moves, so that the count stays small; a multiple of the four phases.
const REBASE: u32 = 1 << 20;
