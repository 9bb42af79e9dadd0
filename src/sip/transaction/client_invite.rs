//! INVITE client transaction (RFC 3261 §17.1.1 as corrected by RFC 6026 §7.2).
//!
//! ```text
//!                         | INVITE from TU: send; A, B
//!        A: repeat        v
//!         +--------+-----------+ B or transport error: to TU
//!         |        |  CALLING  |---------------------------------+
//!         +------->|           |------------+                    |
//!                  +-----------+            |                    |
//!         300-699: |     | 1xx: to TU       |                    |
//!         to TU,   |     v                  | 2xx: to TU; M      |
//!         send ACK;|  +------------+ 1xx:   |                    |
//!         D        |  | PROCEEDING |--+     |                    |
//!                  |  |            |<-+     |                    |
//!                  |  +------------+ to TU  |                    |
//!                  |    |        | 2xx: to  |                    |
//!      300-699: as |    |        | TU; M    |                    |
//!      beside      v    v        v          v                    |
//!         +-----------+            +-----------+                 |
//!  +------| COMPLETED |            | ACCEPTED  |---+ 2xx: to TU  |
//!  +----->|           |            |           |<--+             |
//!  300-699:-----------+            +-----------+                 |
//!  send ACK  | D or transport error    | M                       |
//!            v (to TU)                 v                         |
//!         +--------------------------------+                     |
//!         |           TERMINATED           |<--------------------+
//!         +--------------------------------+
//! ```
//!
//! In PROCEEDING no timer of the RFC's runs. When the TU has sent CANCEL or lost interest, a
//! patience of 64*T1 starts (RFC 3261 §9.1), so that every transaction ends.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Class, ClientEvent, Reliability, Timers, Timing};
use crate::sip::message::{CSeq, Method, Name, Request, Response};

/// The machine.
#[derive(Clone, Debug)]
pub struct ClientInvite {
    state: State,
    timing: Timing,
    reliability: Reliability,
    timers: Timers<Timer>,
    /// Interval of Timer A.
    interval: Duration,
    /// The INVITE as sent, with its Via; let go once a final response has come.
    invite: Option<Invite>,
    /// The ACK of the 300-699, for repetition.
    ack: Option<Bytes>,
    outgoing: Option<Bytes>,
    event: Option<ClientEvent>,
}

#[derive(Clone, Debug)]
struct Invite {
    request: Request,
    bytes: Bytes,
}

impl ClientInvite {
    /// Sends the INVITE; its topmost Via is this transaction's.
    #[must_use]
    pub fn start(request: Request, reliability: Reliability, timing: Timing, now: Instant) -> Self {
        let bytes = request.write();
        let mut timers = Timers::default();
        timers.set(Timer::B, now + timing.patience());
        if reliability == Reliability::Unreliable {
            timers.set(Timer::A, now + timing.t1);
        }
        Self {
            state: State::Calling,
            timing,
            reliability,
            timers,
            interval: timing.t1,
            outgoing: Some(bytes.clone()),
            invite: Some(Invite { request, bytes }),
            ack: None,
            event: None,
        }
    }

    /// A response matched this transaction.
    pub fn handle_response(&mut self, response: Response, now: Instant) {
        match (self.state, Class::of(response.status)) {
            (State::Calling | State::Proceeding, Class::Provisional) => {
                self.proceed();
                self.event = Some(ClientEvent::Response(response));
            }
            (State::Calling | State::Proceeding, Class::Success) => {
                self.accept(now);
                self.event = Some(ClientEvent::Response(response));
            }
            (State::Calling | State::Proceeding, Class::Failure) => {
                self.complete(&response, now);
                self.event = Some(ClientEvent::Response(response));
            }
            (State::Completed, Class::Failure) => self.outgoing.clone_from(&self.ack),
            (State::Accepted, Class::Success) => {
                self.event = Some(ClientEvent::Response(response));
            }
            (State::Completed, Class::Provisional | Class::Success)
            | (State::Accepted, Class::Provisional | Class::Failure)
            | (State::Terminated, _) => {}
        }
    }

    /// The TU has sent CANCEL, or is gone: a final response must come within 64*T1.
    pub fn handle_cancelled(&mut self, now: Instant) {
        let waits = matches!(self.state, State::Calling | State::Proceeding);
        if waits && !self.timers.is_running(Timer::Cancel) {
            let at = now + self.timing.patience();
            self.timers.set(Timer::Cancel, at);
        }
    }

    /// The message could not be sent, or the connection it went by is lost.
    pub fn handle_transport_error(&mut self) {
        match self.state {
            State::Calling | State::Proceeding | State::Completed => {
                self.event = Some(ClientEvent::TransportFailed);
                self.terminate();
            }
            State::Accepted | State::Terminated => {}
        }
    }

    /// Time has come to [`Self::poll_timeout`].
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                Timer::A => {
                    self.outgoing = self.invite.as_ref().map(|invite| invite.bytes.clone());
                    self.interval *= 2;
                    self.timers.set(Timer::A, now + self.interval);
                }
                Timer::B | Timer::Cancel => {
                    self.event = Some(ClientEvent::TimedOut);
                    self.terminate();
                }
                Timer::D | Timer::M => self.terminate(),
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

    /// The INVITE while no final response has come: what a CANCEL is made from (RFC 3261 §9.1).
    #[must_use]
    pub fn unanswered(&self) -> Option<&Request> {
        self.invite.as_ref().map(|invite| &invite.request)
    }

    /// Whether a provisional response has come and no final one, so that CANCEL may be sent.
    #[must_use]
    pub fn is_proceeding(&self) -> bool {
        self.state == State::Proceeding
    }

    /// Whether the transaction is over and can be forgotten.
    #[must_use]
    pub fn is_terminated(&self) -> bool {
        self.state == State::Terminated
    }

    fn proceed(&mut self) {
        self.state = State::Proceeding;
        self.timers.cancel(Timer::A);
        self.timers.cancel(Timer::B);
    }

    fn accept(&mut self, now: Instant) {
        self.state = State::Accepted;
        self.invite = None;
        self.timers.clear();
        self.timers.set(Timer::M, now + self.timing.patience());
    }

    fn complete(&mut self, response: &Response, now: Instant) {
        let invite = self.invite.take();
        self.timers.clear();
        self.ack = invite.map(|invite| ack(&invite.request, response).write());
        self.outgoing.clone_from(&self.ack);
        match self.reliability {
            Reliability::Reliable => self.terminate(),
            Reliability::Unreliable => {
                self.state = State::Completed;
                let linger = LINGER_MIN.max(self.timing.patience());
                self.timers.set(Timer::D, now + linger);
            }
        }
    }

    fn terminate(&mut self) {
        self.state = State::Terminated;
        self.timers.clear();
        self.invite = None;
        self.ack = None;
    }
}

/// The ACK of a 300-699: same Request-URI, Call-ID, From, CSeq number, topmost Via and Route as the
/// INVITE, the To of the response (RFC 3261 §17.1.1.3).
fn ack(invite: &Request, response: &Response) -> Request {
    let mut ack = Request::new(Method::Ack, invite.uri.clone());
    if let Some(via) = invite.top_via() {
        ack.headers.push(Name::Via, via);
    }
    ack.headers.push(Name::MaxForwards, "70");
    for name in [Name::Route, Name::From, Name::CallId] {
        for value in invite.headers.all(&name) {
            ack.headers.push(name.clone(), value.clone());
        }
    }
    if let Some(to) = response.headers.get(&Name::To) {
        ack.headers.push(Name::To, to.clone());
    }
    if let Some(CSeq { number, .. }) = invite.cseq() {
        let method = Method::Ack;
        ack.headers.push(Name::CSeq, CSeq { number, method });
    }
    ack
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Calling,
    Proceeding,
    Accepted,
    Completed,
    Terminated,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timer {
    /// Repeats the INVITE.
    A,
    /// Gives up waiting for any response.
    B,
    /// Absorbs repeated 300-699.
    D,
    /// Lets repeated 2xx through (RFC 6026).
    M,
    /// Gives up waiting for the final response after CANCEL (RFC 3261 §9.1 gives it no letter).
    Cancel,
}

/// Timer D lasts at least this long over UDP (RFC 3261 §17.1.1.2).
const LINGER_MIN: Duration = Duration::from_secs(32);

#[cfg(test)]
mod tests;
