//! The keep-alive of one connection (RFC 5626 §3.5.1, §4.4.1): a pair of line breaks after silence,
//! answered by one. A machine; its connection gives it the time.
//!
//! Many PBXes never answer a ping (it is an extension), so a missing answer means a dead path only
//! where the peer has answered before. The others are found dead by TCP, which gets no
//! acknowledgement for the ping either.

use std::time::{Duration, Instant};

/// How long the answer may take (RFC 5626 §4.4.1).
const PONG_WITHIN: Duration = Duration::from_secs(10);

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Send a ping.
    Ping,
    /// The path is dead.
    Dead,
    /// Nothing.
    Wait,
}

/// The machine.
#[derive(Debug, Default)]
pub(super) struct KeepAlive {
    every: Option<Duration>,
    due: Option<Instant>,
    /// Until when the answer to the last ping must be here.
    pong_until: Option<Instant>,
    peer_answers: bool,
}

impl KeepAlive {
    /// Pings after so much silence of ours from now on, or no more.
    pub(super) fn set(&mut self, every: Option<Duration>, now: Instant) {
        self.every = every;
        self.due = every.map(|every| now + every);
        if every.is_none() {
            self.pong_until = None;
        }
    }

    pub(super) fn is_on(&self) -> bool {
        self.every.is_some()
    }

    /// A message was written, which keeps a path open as well as a ping.
    pub(super) fn handle_sent(&mut self, now: Instant) {
        self.due = self.every.map(|every| now + every);
    }

    /// The answer to a ping came.
    pub(super) fn handle_pong(&mut self) {
        self.peer_answers |= self.pong_until.is_some();
        self.pong_until = None;
    }

    /// When to call [`Self::handle_timeout`].
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let pong_until = self.pong_until.filter(|_| self.peer_answers);
        self.due.into_iter().chain(pong_until).min()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) -> Step {
        let overdue = self.pong_until.is_some_and(|until| until <= now);
        if overdue && self.peer_answers {
            return Step::Dead;
        }
        let Some(every) = self
            .every
            .filter(|_| self.due.is_some_and(|due| due <= now))
        else {
            return Step::Wait;
        };
        self.due = Some(now + every);
        self.pong_until.get_or_insert(now + PONG_WITHIN);
        Step::Ping
    }
}

#[cfg(test)]
mod tests;
