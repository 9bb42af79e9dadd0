//! What a line allows its calls, and asks of them.

use std::time::Duration;

use crate::sip::digest::Credentials;
use crate::sip::message::Host;

/// Whether provisional responses are sent so that they arrive (RFC 3262).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ReliableProvisionals {
    /// Never; a peer that demands it is refused with 420.
    Off,
    /// When the peer demands it.
    #[default]
    Allowed,
    /// Whenever the peer can.
    Wanted,
}

/// A line's rules for one call.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The session interval to ask for (RFC 4028); `None` leaves it to the peer.
    pub session_expires: Option<Duration>,
    /// The shortest session interval taken.
    pub min_se: Duration,
    /// Reliable provisional responses.
    pub reliable: ReliableProvisionals,
    /// What to answer challenges of our own calls with. Never used in a call that came in.
    pub credentials: Option<Credentials>,
    /// Hosts that a 3xx may send our call to.
    pub redirect_hosts: Vec<Host>,
    /// How long a call of ours may ring.
    pub ring_max: Duration,
    /// Whether the peer may transfer us (REFER).
    pub accepts_refer: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            session_expires: Some(Duration::from_mins(30)),
            min_se: Duration::from_secs(90),
            reliable: ReliableProvisionals::default(),
            credentials: None,
            redirect_hosts: Vec::new(),
            ring_max: Duration::from_mins(3),
            accepts_refer: false,
        }
    }
}
