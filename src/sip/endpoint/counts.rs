//! What an endpoint counts.

use crate::sip::Flow;
use crate::sip::message::Method;

/// A snapshot of an endpoint: what there is now, and what there has been since its start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Running INVITE client transactions.
    pub client_invite: usize,
    /// Running non-INVITE client transactions.
    pub client: usize,
    /// Running INVITE server transactions, those that linger after the answer included.
    pub server_invite: usize,
    /// Running non-INVITE server transactions, those that linger after the answer included.
    pub server: usize,
    /// Sessions not yet forgotten.
    pub sessions: usize,
    /// What there has been.
    pub totals: Totals,
    /// Requests refused by the endpoint itself, by reason; every reason is listed.
    pub refusals: Vec<(Refusal, u64)>,
}

impl Counts {
    /// Running transactions of all kinds.
    #[must_use]
    pub fn transactions(&self) -> usize {
        self.client_invite + self.client + self.server_invite + self.server
    }

    /// How often requests were refused for this reason.
    #[must_use]
    pub fn refused(&self, refusal: Refusal) -> u64 {
        let mut found = self.refusals.iter();
        found
            .find(|(reason, _)| *reason == refusal)
            .map_or(0, |(_, count)| *count)
    }
}

/// Counters since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Well-formed requests received, retransmissions included.
    pub requests: u64,
    /// Well-formed responses received.
    pub responses: u64,
    /// Calls offered with [`super::Event::Incoming`].
    pub incoming: u64,
    /// Requests that were retransmissions.
    pub retransmissions: u64,
    /// OPTIONS outside a dialog answered 200.
    pub options: u64,
    /// Datagrams without content (keepalives of NAT bindings).
    pub keepalives: u64,
    /// Messages that were neither readable nor worth an answer.
    pub unreadable: u64,
    /// Responses without a transaction.
    pub stray_responses: u64,
    /// ACKs without a transaction or a dialog.
    pub stray_acks: u64,
    /// Answers refused by a transaction: too late, too early or not allowed.
    pub stray_answers: u64,
    /// Final responses to INVITE whose ACK never came (Timer H).
    pub unacknowledged: u64,
    /// Requests in a dialog that their session left unanswered for 64*T1.
    pub unanswered: u64,
    /// Calls that their sessions left open, ended with BYE by the endpoint.
    pub farewells: u64,
    /// Calls of ours whose sessions were gone when the far end rang or answered: cancelled or hung up on.
    pub abandoned: u64,
    /// Requests of ours that nobody answered (Timers B and F).
    pub timed_out: u64,
    /// Requests of ours whose connection was lost.
    pub transport_failed: u64,
}

/// Why the endpoint refused a request by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Not readable as a request (400 and what else the parser says).
    Malformed,
    /// A version other than SIP/2.0 (505).
    Version,
    /// Too many hops (483).
    MaxForwards,
    /// A Request-URI that is neither sip, sips nor tel (416).
    Scheme,
    /// A method that is not for us (405) or not known (501).
    Method,
    /// An extension demanded that we do not have (420).
    Extension,
    /// A dialog that we do not have (481).
    Dialog,
    /// A CANCEL of nothing (481).
    Cancel,
    /// The same request by two paths (482).
    Merged,
    /// New calls are not accepted at the moment (503).
    NotAccepting,
    /// A limit is reached (503).
    Overload,
    /// A source address that nothing admits (403).
    Stranger,
    /// More than a source, or all together, may ask for (503).
    Rate,
    /// More than twice as much as that (silence).
    Flood,
}

impl Refusal {
    /// All reasons.
    pub const ALL: [Self; 14] = [
        Self::Malformed,
        Self::Version,
        Self::MaxForwards,
        Self::Scheme,
        Self::Method,
        Self::Extension,
        Self::Dialog,
        Self::Cancel,
        Self::Merged,
        Self::NotAccepting,
        Self::Overload,
        Self::Stranger,
        Self::Rate,
        Self::Flood,
    ];

    /// The reason as a label of a metric.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Version => "version",
            Self::MaxForwards => "max_forwards",
            Self::Scheme => "scheme",
            Self::Method => "method",
            Self::Extension => "extension",
            Self::Dialog => "dialog",
            Self::Cancel => "cancel",
            Self::Merged => "merged",
            Self::NotAccepting => "not_accepting",
            Self::Overload => "overload",
            Self::Stranger => "stranger",
            Self::Rate => "rate",
            Self::Flood => "flood",
        }
    }
}

/// A request that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub reason: Refusal,
    /// What it asked for; `None` when it was not readable.
    pub method: Option<Method>,
    /// The path it came by.
    pub flow: Flow,
}

/// The running counters.
#[derive(Clone, Debug, Default)]
pub(super) struct Counters {
    pub(super) totals: Totals,
    refusals: [u64; Refusal::ALL.len()],
}

impl Counters {
    pub(super) fn refuse(&mut self, refusal: Refusal) {
        self.refusals[refusal as usize] += 1;
    }

    pub(super) fn refusals(&self) -> Vec<(Refusal, u64)> {
        Refusal::ALL.into_iter().zip(self.refusals).collect()
    }
}
