//! The four transaction machines (RFC 3261 §17, RFC 6026, RFC 4320).
//!
//! | file            | role   | method     | RFC 3261 | corrected by        |
//! |-----------------|--------|------------|----------|---------------------|
//! | `client_invite` | client | INVITE     | §17.1.1  | RFC 6026 (Timer M)  |
//! | `client`        | client | all others | §17.1.2  | RFC 4320            |
//! | `server_invite` | server | INVITE     | §17.2.1  | RFC 6026 (Timer L)  |
//! | `server`        | server | all others | §17.2.2  | RFC 4320            |
//!
//! A machine knows nothing of addresses and dialogs: it says *when* to send *which* bytes and what
//! its user (the "TU" of the figures) gets to see. One input gives at most one message to send and
//! at most one event; the owner drains both after every input.

use std::time::Duration;

mod client;
mod client_invite;
mod key;
mod server;
mod server_invite;
mod timers;

pub use client::Client;
pub use client_invite::ClientInvite;
pub use key::{Key, has_cookie};
pub use server::Server;
pub use server_invite::ServerInvite;
pub use timers::Timers;

use super::message::Response;

/// The three times all timers are made of (RFC 3261 §17.1.1.1, table 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Estimate of the round trip time.
    pub t1: Duration,
    /// Longest interval between retransmissions of non-INVITE requests and INVITE responses.
    pub t2: Duration,
    /// Longest time a message stays in the network.
    pub t4: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
        }
    }
}

impl Timing {
    /// 64*T1: the patience of Timers B, F, H, J, L and M, and of a 2xx that waits for its ACK.
    #[must_use]
    pub fn patience(&self) -> Duration {
        self.t1 * 64
    }

    /// The retransmission interval after `interval`: doubled, T2 at most.
    #[must_use]
    pub fn backed_off(&self, interval: Duration) -> Duration {
        (interval * 2).min(self.t2)
    }
}

/// Whether the transport itself delivers or repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reliability {
    /// UDP: we retransmit.
    Unreliable,
    /// TCP: the transport retransmits; lingering timers are zero.
    Reliable,
}

/// What a client transaction tells its user.
#[derive(Clone, Debug)]
pub enum ClientEvent {
    /// A response to act on; retransmissions of it are absorbed.
    Response(Response),
    /// Timer B or F: nobody answered. To be treated as 408 (RFC 3261 §8.1.3.1).
    TimedOut,
    /// The transport failed. To be treated as 503 (RFC 3261 §8.1.3.1).
    TransportFailed,
}

/// What a server transaction tells its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerEvent {
    /// An ACK that matched this transaction belongs to its 2xx (RFC 6026 §7.1).
    Acknowledged,
    /// Timer H: the ACK of a 300-699 never came.
    NotAcknowledged,
    /// A non-INVITE request has waited so long that 100 is due (RFC 4320 §4.1).
    TryingDue,
    /// A non-INVITE request has waited so long that its client has given up; nothing may be sent
    /// any more, 408 least of all (RFC 4320 §4.2).
    Unanswered,
}

/// The classes of a status code that the machines tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// 100-199.
    Provisional,
    /// 200-299.
    Success,
    /// 300-699.
    Failure,
}

impl Class {
    fn of(status: super::message::StatusCode) -> Self {
        match status.0 {
            0..200 => Self::Provisional,
            200..300 => Self::Success,
            _ => Self::Failure,
        }
    }
}

#[cfg(test)]
mod fixtures;
