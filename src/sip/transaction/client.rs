//! Non-INVITE client transaction (RFC 3261 §17.1.2).
//!
//! ```text
//!                   | request from TU: send; E, F
//!      E: repeat    v
//!       +----+------------+ F or transport error: to TU
//!       |    |   TRYING   |--------------------------------+
//!       +--->|            |------------+                   |
//!            +------------+            |                   |
//!                   | 1xx: to TU       |                   |
//!      E: repeat    v                  |                   |
//!       +----+------------+            | 200-699: to TU; K |
//!       |    | PROCEEDING |---+ 1xx:   |                   |
//!       +--->|            |<--+ to TU  |                   |
//!            +------------+------------|-------------------+
//!                   | 200-699: to TU; K|                   |
//!                   v                  v                   |
//!            +-------------------------------+             |
//!            |           COMPLETED           |             |
//!            +-------------------------------+             |
//!                   | K                                    |
//!                   v                                      |
//!            +------------+                                |
//!            | TERMINATED |<-------------------------------+
//!            +------------+
//! ```

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Class, ClientEvent, Reliability, Timers, Timing};
use crate::sip::message::Response;

/// The machine.
#[derive(Clone, Debug)]
pub struct Client {
    state: State,
    timing: Timing,
    reliability: Reliability,
    timers: Timers<Timer>,
    /// Interval of Timer E.
    interval: Duration,
    /// The request as sent; let go once a final response has come.
    request: Option<Bytes>,
    outgoing: Option<Bytes>,
    event: Option<ClientEvent>,
}

impl Client {
    /// Sends the request, one whole message whose topmost Via is this transaction's.
    #[must_use]
    pub fn start(request: Bytes, reliability: Reliability, timing: Timing, now: Instant) -> Self {
        let mut timers = Timers::default();
        timers.set(Timer::F, now + timing.patience());
        if reliability == Reliability::Unreliable {
            timers.set(Timer::E, now + timing.t1);
        }
        Self {
            state: State::Trying,
            timing,
            reliability,
            timers,
            interval: timing.t1,
            outgoing: Some(request.clone()),
            request: Some(request),
            event: None,
        }
    }

    /// A response matched this transaction.
    pub fn handle_response(&mut self, response: Response, now: Instant) {
        match (self.state, Class::of(response.status)) {
            (State::Trying | State::Proceeding, Class::Provisional) => {
                self.state = State::Proceeding;
                self.event = Some(ClientEvent::Response(response));
            }
            (State::Trying | State::Proceeding, Class::Success | Class::Failure) => {
                self.event = Some(ClientEvent::Response(response));
                self.complete(now);
            }
            (State::Completed | State::Terminated, _) => {}
        }
    }

    /// The message could not be sent, or the connection it went by is lost.
    pub fn handle_transport_error(&mut self) {
        if matches!(self.state, State::Trying | State::Proceeding) {
            self.event = Some(ClientEvent::TransportFailed);
            self.terminate();
        }
    }

    /// Time has come to [`Self::poll_timeout`].
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                Timer::E => {
                    self.outgoing.clone_from(&self.request);
                    self.interval = match self.state {
                        State::Proceeding => self.timing.t2,
                        _ => self.timing.backed_off(self.interval),
                    };
                    self.timers.set(Timer::E, now + self.interval);
                }
                Timer::F => {
                    self.event = Some(ClientEvent::TimedOut);
                    self.terminate();
                }
                Timer::K => self.terminate(),
            }
        }
    }

    /// The message to send now.
    pub fn poll_transmit(&mut self) -> Option<Bytes> {
        self.outgoing.take()
    }

    /// The news for the TU.
    pub fn poll_event(&mut self) -> Option<ClientEvent> {
        self.event.take()
    }

    /// When to call [`Self::handle_timeout`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.earliest()
    }

    /// Whether the transaction is over and can be forgotten.
    #[must_use]
    pub fn is_terminated(&self) -> bool {
        self.state == State::Terminated
    }

    fn complete(&mut self, now: Instant) {
        self.timers.clear();
        self.request = None;
        match self.reliability {
            Reliability::Reliable => self.terminate(),
            Reliability::Unreliable => {
                self.state = State::Completed;
                self.timers.set(Timer::K, now + self.timing.t4);
            }
        }
    }

    fn terminate(&mut self) {
        self.state = State::Terminated;
        self.timers.clear();
        self.request = None;
    }
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
    /// Repeats the request.
    E,
    /// Gives up waiting for a final response.
    F,
    /// Absorbs repeated responses.
    K,
}

#[cfg(test)]
mod tests;
