//! The running timers of one machine, by the RFC's letters.

use std::time::Instant;

/// How many timers of one machine run at the same time at most: a transaction has a retransmission
/// timer and a patience timer; a session repeats, waits, refreshes and tries again. Setting one more
/// is a programming error.
const TIMERS_MAX: usize = 10;

/// A table of running timers.
#[derive(Clone, Debug)]
pub struct Timers<T> {
    running: [Option<(T, Instant)>; TIMERS_MAX],
}

impl<T: Copy + PartialEq> Default for Timers<T> {
    fn default() -> Self {
        Self {
            running: [None; TIMERS_MAX],
        }
    }
}

impl<T: Copy + PartialEq> Timers<T> {
    /// Starts a timer, or moves it when it runs already.
    pub fn set(&mut self, timer: T, at: Instant) {
        self.cancel(timer);
        let slot = self.running.iter_mut().find(|slot| slot.is_none());
        *slot.expect("a machine runs no more timers than the table holds") = Some((timer, at));
    }

    /// Stops a timer.
    pub fn cancel(&mut self, timer: T) {
        for slot in &mut self.running {
            if slot.is_some_and(|(running, _)| running == timer) {
                *slot = None;
            }
        }
    }

    /// Stops all.
    pub fn clear(&mut self) {
        self.running = [None; TIMERS_MAX];
    }

    /// When the first one fires.
    #[must_use]
    pub fn earliest(&self) -> Option<Instant> {
        self.running.iter().flatten().map(|(_, at)| *at).min()
    }

    /// Whether a timer runs.
    #[must_use]
    pub fn is_running(&self, timer: T) -> bool {
        self.running.iter().flatten().any(|(t, _)| *t == timer)
    }

    /// Takes out the first timer that is due, in the order in which they fell due.
    pub fn pop_due(&mut self, now: Instant) -> Option<T> {
        let (timer, _) = self
            .running
            .iter()
            .flatten()
            .filter(|(_, at)| *at <= now)
            .min_by_key(|(_, at)| *at)
            .copied()?;
        self.cancel(timer);
        Some(timer)
    }
}

#[cfg(test)]
mod tests;
