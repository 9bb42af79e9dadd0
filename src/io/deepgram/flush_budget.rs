//! The service renders at most so many times a minute on one connection; this keeps us below it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The span over which the service counts.
const WINDOW: Duration = Duration::from_secs(60);

/// When the last flushes were sent.
#[derive(Debug)]
pub(super) struct FlushBudget {
    most: usize,
    sent: VecDeque<Instant>,
}

impl FlushBudget {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            sent: VecDeque::new(),
        }
    }

    /// Takes one flush out of the budget; false when it is empty.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let old = |at: &Instant| now.saturating_duration_since(*at) >= WINDOW;
        while self.sent.front().is_some_and(old) {
            self.sent.pop_front();
        }
        let free = self.sent.len() < self.most;
        if free {
            self.sent.push_back(now);
        }
        free
    }

    /// The service says that the budget is empty, whatever we counted.
    pub(super) fn spend(&mut self, now: Instant) {
        self.sent.clear();
        self.sent.resize(self.most, now);
    }
}

#[cfg(test)]
mod tests;
