//! INVITE server transaction (RFC 3261 §17.2.1 as corrected by RFC 6026 §7.1).
//!
//! ```text
//!                              | INVITE: to TU, 100 is sent at once
//!           INVITE:            v
//!           repeat 1xx   +------------+
//!            +-----------|            |-----------+ 101-199 from TU:
//!            +---------->| PROCEEDING |<----------+ send
//!                        +------------+
//!        300-699 from TU:  |        |  2xx from TU:
//!        send; G, H        |        |  send; L
//!           +--------------+        +---------------+
//!           v                                       v
//!     +-----------+ INVITE or G: repeat       +-----------+ INVITE: absorbed
//!     | COMPLETED |---+                       | ACCEPTED  |---+ ACK: to TU
//!     |           |<--+                       |           |<--+ 2xx from TU: send
//!     +-----------+                           +-----------+
//!       |       | H: no ACK, to TU                  | L
//!   ACK |       +----------------------+            |
//!     I v                              v            |
//!     +-----------+ I            +------------+     |
//!     | CONFIRMED |------------->| TERMINATED |<----+
//!     +-----------+              +------------+
//! ```
//!
//! Deviation: 100 is not delayed by 200 ms; the owner answers it with the first response at once,
//! because what follows (opening the speech services) may take longer than that.
//! A transport error changes nothing (RFC 6026 §8.10): the next INVITE may come by a path that works.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Class, Reliability, ServerEvent, Timers, Timing};
use crate::sip::message::StatusCode;

/// The machine.
#[derive(Clone, Debug)]
pub struct ServerInvite {
    state: State,
    timing: Timing,
    reliability: Reliability,
    timers: Timers<Timer>,
    /// Interval of Timer G.
    interval: Duration,
    /// The latest response, for repetition.
    response: Option<Bytes>,
    outgoing: Option<Bytes>,
    event: Option<ServerEvent>,
}

impl ServerInvite {
    /// A transaction whose INVITE has just come and is with the TU.
    #[must_use]
    pub fn start(reliability: Reliability, timing: Timing) -> Self {
        Self {
            state: State::Proceeding,
            timing,
            reliability,
            timers: Timers::default(),
            interval: timing.t1,
            response: None,
            outgoing: None,
            event: None,
        }
    }

    /// The INVITE came again.
    pub fn handle_retransmission(&mut self) {
        match self.state {
            State::Proceeding | State::Completed => self.outgoing.clone_from(&self.response),
            State::Accepted | State::Confirmed | State::Terminated => {}
        }
    }

    /// An ACK matched this transaction.
    pub fn handle_ack(&mut self, now: Instant) {
        match self.state {
            State::Completed => self.confirm(now),
            State::Accepted => self.event = Some(ServerEvent::Acknowledged),
            State::Proceeding | State::Confirmed | State::Terminated => {}
        }
    }

    /// The TU answers. Answers that the state does not allow (a second final one, unless it is a
    /// repeated 2xx) are dropped; returns whether the answer was taken.
    pub fn respond(&mut self, status: StatusCode, response: Bytes, now: Instant) -> bool {
        match (self.state, Class::of(status)) {
            (State::Proceeding, Class::Provisional) => {
                self.response = Some(response.clone());
                self.outgoing = Some(response);
            }
            (State::Proceeding, Class::Success) => self.accept(response, now),
            (State::Proceeding, Class::Failure) => self.complete(response, now),
            (State::Accepted, Class::Success) => self.outgoing = Some(response),
            _ => return false,
        }
        true
    }

    /// Time has come to [`Self::poll_timeout`].
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                Timer::G => {
                    self.outgoing.clone_from(&self.response);
                    self.interval = self.timing.backed_off(self.interval);
                    self.timers.set(Timer::G, now + self.interval);
                }
                Timer::H => {
                    self.event = Some(ServerEvent::NotAcknowledged);
                    self.terminate();
                }
                Timer::I | Timer::L => self.terminate(),
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
    pub fn is_proceeding(&self) -> bool {
        self.state == State::Proceeding
    }

    /// Whether the transaction is over and can be forgotten.
    #[must_use]
    pub fn is_terminated(&self) -> bool {
        self.state == State::Terminated
    }

    fn accept(&mut self, response: Bytes, now: Instant) {
        self.state = State::Accepted;
        self.response = None;
        self.outgoing = Some(response);
        self.timers.set(Timer::L, now + self.timing.patience());
    }

    fn complete(&mut self, response: Bytes, now: Instant) {
        self.state = State::Completed;
        self.response = Some(response.clone());
        self.outgoing = Some(response);
        self.timers.set(Timer::H, now + self.timing.patience());
        if self.reliability == Reliability::Unreliable {
            self.timers.set(Timer::G, now + self.interval);
        }
    }

    fn confirm(&mut self, now: Instant) {
        self.timers.clear();
        match self.reliability {
            Reliability::Reliable => self.terminate(),
            Reliability::Unreliable => {
                self.state = State::Confirmed;
                self.response = None;
                self.timers.set(Timer::I, now + self.timing.t4);
            }
        }
    }

    fn terminate(&mut self) {
        self.state = State::Terminated;
        self.timers.clear();
        self.response = None;
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Proceeding,
    Accepted,
    Completed,
    Confirmed,
    Terminated,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timer {
    /// Repeats the 300-699.
    G,
    /// Gives up waiting for the ACK.
    H,
    /// Absorbs repeated ACKs.
    I,
    /// Absorbs repeated INVITEs after a 2xx.
    L,
}

#[cfg(test)]
mod tests;
