//! Where a SIP URI leads (RFC 3263): which records to ask for, and the order to try what they say.

use core::net::SocketAddr;

use super::Transport;

/// A place to send a request to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// How.
    pub transport: Transport,
    /// Where.
    pub address: SocketAddr,
}
