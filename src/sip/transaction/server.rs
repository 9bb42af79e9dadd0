//! Non-INVITE server transaction (RFC 3261 §17.2.2 as changed by RFC 4320).
//!
//! ```text
//!                 | request: to TU; N, F
//!                 v
//!           +------------+ request: absorbed
//!           |   TRYING   |---+ N: 100 is due, to TU
//!           |            |<--+
//!           +------------+------------------------------+
//!    1xx from TU: |    | 200-699 from TU: send; J       | F: too late
//!    send         v    |                                | to answer,
//!           +------------+ request: repeat 1xx          | to TU
//!           | PROCEEDING |---+ 1xx from TU: send        |
//!           |            |<--+                          |
//!           +------------+------------------------------+
//!                 |    | 200-699 from TU: send; J       |
//!                 v    v                                |
//!           +------------+ request: repeat 200-699      |
//!           | COMPLETED  |---+                          |
//!           |            |<--+                          |
//!           +------------+                              |
//!                 | J                                   |
//!                 v                                     |
//!           +------------+                              |
//!           | TERMINATED |<-----------------------------+
//!           +------------+
//! ```
//!
//! RFC 4320 §4.1: the only provisional response is 100, and over UDP not before the client's
//! Timer E has grown to T2. So the machine itself says when 100 is due (N), and takes no other.
//! RFC 4320 §4.2: 408 is never sent; a request unanswered for 64*T1 (the client's Timer F) is
//! dropped without an answer.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Class, Reliability, ServerEvent, Timers, Timing};
use crate::sip::message::StatusCode;

/// The machine.
#[derive(Clone, Debug)]
pub struct Server {
    state: State,
    timing: Timing,
    reliability: Reliability,
    timers: Timers<Timer>,
    /// The latest response, for repetition.
    response: Option<Bytes>,
    outgoing: Option<Bytes>,
    event: Option<ServerEvent>,
}

impl Server {
    /// A transaction whose request has just come and is with the TU.
    #[must_use]
    pub fn start(reliability: Reliability, timing: Timing, now: Instant) -> Self {
        let mut timers = Timers::default();
        timers.set(Timer::N, now + trying_delay(&timing));
        timers.set(Timer::F, now + timing.patience());
        Self {
            state: State::Trying,
            timing,
            reliability,
            timers,
            response: None,
            outgoing: None,
            event: None,
        }
    }

    /// The request came again.
    pub fn handle_retransmission(&mut self) {
        match self.state {
            State::Proceeding | State::Completed => self.outgoing.clone_from(&self.response),
            State::Trying | State::Terminated => {}
        }
    }

    /// The TU answers. Returns whether the answer was taken: not a second final one, not a
    /// provisional one other than 100 or before its time, not 408.
    pub fn respond(&mut self, status: StatusCode, response: Bytes, now: Instant) -> bool {
        match (self.state, Class::of(status)) {
            (State::Trying | State::Proceeding, Class::Provisional) => {
                let too_early =
                    self.reliability == Reliability::Unreliable && self.timers.is_running(Timer::N);
                if status.0 != 100 || too_early {
                    return false;
                }
                self.timers.cancel(Timer::N);
                self.state = State::Proceeding;
                self.response = Some(response.clone());
                self.outgoing = Some(response);
            }
            (State::Trying | State::Proceeding, Class::Success | Class::Failure) => {
                if status.0 == 408 {
                    return false;
                }
                self.complete(response, now);
            }
            (State::Completed | State::Terminated, _) => return false,
        }
        true
    }

    /// Time has come to [`Self::poll_timeout`].
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                Timer::N => self.event = Some(ServerEvent::TryingDue),
                Timer::F => {
                    self.event = Some(ServerEvent::Unanswered);
                    self.terminate();
                }
                Timer::J => self.terminate(),
            }
        }
    }

    /// The message to send now.
    pub fn poll_transmit(&mut self) -> Option<Bytes> {
        self.outgoing.take()
    }

    /// The news for the TU.
    pub fn poll_event(&mut self) -> Option<ServerEvent> {
        self.event.take()
    }

    /// When to call [`Self::handle_timeout`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.earliest()
    }

    /// Whether the TU still owes the final response.
    #[must_use]
    pub fn is_unanswered(&self) -> bool {
        matches!(self.state, State::Trying | State::Proceeding)
    }

    /// Whether the transaction is over and can be forgotten.
    #[must_use]
    pub fn is_terminated(&self) -> bool {
        self.state == State::Terminated
    }

    fn complete(&mut self, response: Bytes, now: Instant) {
        self.timers.clear();
        self.outgoing = Some(response.clone());
        match self.reliability {
            Reliability::Reliable => self.terminate(),
            Reliability::Unreliable => {
                self.state = State::Completed;
                self.response = Some(response);
                self.timers.set(Timer::J, now + self.timing.patience());
            }
        }
    }

    fn terminate(&mut self) {
        self.state = State::Terminated;
        self.timers.clear();
        self.response = None;
    }
}

/// How long the client's Timer E (T1, then doubled) takes until it is reset to T2.
fn trying_delay(timing: &Timing) -> Duration {
    let (mut interval, mut delay) = (timing.t1, Duration::ZERO);
    while interval < timing.t2 && !interval.is_zero() {
        delay += interval;
        interval *= 2;
    }
    delay
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Trying,
    Proceeding,
    Completed,
    Terminated,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timer {
    /// 100 is due (RFC 4320 §4.1; the RFC gives it no letter).
    N,
    /// The client's own Timer F: an answer would come too late.
    F,
    /// Absorbs repeated requests.
    J,
}

#[cfg(test)]
mod tests;
