//! How the daemon stops: no new calls, running ones may finish, then a goodbye, then an end.

use std::time::{Duration, Instant};

/// How long goodbyes may take: the longest prompt and a margin.
const GOODBYE: Duration = Duration::from_secs(15);
/// How long ends may take to be acknowledged.
const KILL: Duration = Duration::from_secs(5);

/// What begins now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Take no new calls.
    Stop,
    /// Calls that are left say goodbye.
    SayGoodbye,
    /// Calls that are left are ended.
    Kill,
    /// Nothing is left.
    Over,
}

/// The machine of a stop.
#[derive(Debug)]
pub(crate) struct Shutdown {
    drain_limit: Duration,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Running,
    Requested(Instant),
    Draining { until: Instant },
    Goodbye { until: Instant },
    Killing { until: Instant },
}

impl Shutdown {
    /// A daemon that runs.
    pub(crate) fn new(drain_limit: Duration) -> Self {
        Self {
            drain_limit,
            state: State::Running,
        }
    }

    /// Asks to stop; asked again, the phase at hand is cut short.
    pub(crate) fn request(&mut self, now: Instant) {
        self.state = match self.state {
            State::Running => State::Requested(now),
            State::Requested(at) => State::Requested(at),
            State::Draining { .. } => State::Draining { until: now },
            State::Goodbye { .. } => State::Goodbye { until: now },
            State::Killing { .. } => State::Killing { until: now },
        };
    }

    /// In one word, for the status.
    pub(crate) fn state(&self) -> &'static str {
        match self.state {
            State::Running => "running",
            State::Requested(_) | State::Draining { .. } => "draining",
            State::Goodbye { .. } | State::Killing { .. } => "stopping",
        }
    }

    /// The phase that begins now, if one does.
    pub(crate) fn step(&mut self, now: Instant, calls: usize) -> Option<Phase> {
        let (state, phase) = match self.state {
            State::Running => return None,
            State::Requested(at) => (
                State::Draining {
                    until: at + self.drain_limit,
                },
                Phase::Stop,
            ),
            _ if calls == 0 => (self.state, Phase::Over),
            State::Draining { until } if now >= until => (
                State::Goodbye {
                    until: now + GOODBYE,
                },
                Phase::SayGoodbye,
            ),
            State::Goodbye { until } if now >= until => {
                (State::Killing { until: now + KILL }, Phase::Kill)
            }
            State::Killing { until } if now >= until => (self.state, Phase::Over),
            State::Draining { .. } | State::Goodbye { .. } | State::Killing { .. } => return None,
        };
        self.state = state;
        Some(phase)
    }
}

#[cfg(test)]
mod tests;
