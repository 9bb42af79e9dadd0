//! SIP (RFC 3261) as values: messages, transactions, dialogs, sessions, and the endpoint that composes them.

use core::net::SocketAddr;

pub mod capabilities;
pub mod dialog;
pub mod digest;
pub mod endpoint;
pub mod identity;
pub mod message;
pub mod nat;
pub mod next_hop;
pub mod probe;
pub mod registration;
pub mod session;
pub mod stun;
pub mod target;
pub mod transaction;

/// How messages travel (RFC 3261 §18).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Datagrams; requests are retransmitted.
    Udp,
    /// A reliable stream.
    Tcp,
    /// A reliable stream inside TLS.
    Tls,
}

impl Transport {
    /// As Via spells it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
        }
    }

    /// The value of a URI's `transport` that names it; UDP goes without saying.
    #[must_use]
    pub fn uri_param(self) -> Option<&'static str> {
        match self {
            Self::Udp => None,
            Self::Tcp => Some("tcp"),
            Self::Tls => Some("tls"),
        }
    }

    /// Whether it is a connection.
    #[must_use]
    pub fn is_stream(self) -> bool {
        self != Self::Udp
    }

    /// The port of SIP where none is told (RFC 3261 §19.1.2).
    #[must_use]
    pub fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls => 5061,
        }
    }

    /// What the transaction machines need to know of it.
    #[must_use]
    pub fn reliability(self) -> transaction::Reliability {
        match self {
            Self::Udp => transaction::Reliability::Unreliable,
            Self::Tcp | Self::Tls => transaction::Reliability::Reliable,
        }
    }
}

/// The path of a message: one UDP address pair, or one TCP or TLS connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    /// The transport.
    pub transport: Transport,
    /// Our address.
    pub local: SocketAddr,
    /// The peer's address: where a message came from, or goes.
    pub remote: SocketAddr,
}

/// Bytes to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Where to. A TCP flow whose connection is gone is dialled anew at `remote`.
    pub flow: Flow,
    /// One whole message.
    pub bytes: bytes::Bytes,
}

/// Identifies one session (call) inside an [`endpoint::Endpoint`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u64);

/// Identifies one transaction, client or server, inside an [`endpoint::Endpoint`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TransactionId(pub u64);

/// Unpredictable tokens (tags, branches, Call-IDs) from one secret seed, so that a run can be repeated.
#[derive(Clone, Debug)]
pub struct Random {
    seed: [u64; 2],
    counter: u64,
}

impl Random {
    /// A generator; the seed comes from the random device (or a test).
    #[must_use]
    pub fn new(seed: [u64; 2]) -> Self {
        Self { seed, counter: 0 }
    }

    /// The next 64 bits: SipHash of the counter under the seed.
    pub fn next_u64(&mut self) -> u64 {
        use std::hash::Hasher;
        self.counter = self.counter.wrapping_add(1);
        let mut hasher = std::hash::DefaultHasher::new();
        for word in [self.seed[0], self.counter, self.seed[1]] {
            hasher.write_u64(word);
        }
        hasher.finish()
    }

    /// A token of 16 hexadecimal digits, for tags and branches.
    pub fn token(&mut self) -> String {
        format!("{:016x}", self.next_u64())
    }

    /// A generator of its own for a child machine.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        Self::new([self.next_u64(), self.next_u64()])
    }
}

#[cfg(test)]
mod tests;
