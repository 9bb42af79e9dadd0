//! How a registration stands, in words for the administrator.

use core::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::sip::Flow;

/// The state of a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum State {
    /// Not started.
    #[default]
    Idle,
    /// The registrar is being looked up.
    Resolving,
    /// A REGISTER is on its way.
    Registering,
    /// The registrar knows us.
    Registered,
    /// It went wrong and is tried again later.
    Waiting,
    /// We take leave.
    Unregistering,
    /// Over.
    Gone,
}

/// How a registration stands.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Status {
    /// The state.
    pub state: State,
    /// The last status code that the registrar sent.
    pub last_code: Option<u16>,
    /// In plain words: what is, or why it is not.
    pub reason: String,
    /// When the next REGISTER is due.
    pub next_try: Option<Instant>,
    /// How long the registrar has granted, while it does.
    pub granted: Option<Duration>,
    /// The path that the registrar knows us by, to be kept open.
    pub flow: Option<Flow>,
    /// How the registrar sees us.
    pub public: Option<SocketAddr>,
}

impl Status {
    /// One line: `registered, refresh in 4 min`; `wrong password or user name, next try in 90 s`.
    #[must_use]
    pub fn sentence(&self, now: Instant) -> String {
        let what = match self.state {
            State::Registered => "refresh",
            _ => "next try",
        };
        match self.next_try {
            Some(at) => {
                let left = in_words(at.saturating_duration_since(now));
                format!("{}, {what} in {left}", self.reason)
            }
            None => self.reason.clone(),
        }
    }
}

/// A duration as people say it: seconds up to two minutes, minutes up to two hours, then hours.
pub(super) fn in_words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3600),
    }
}

/// `UDP 192.0.2.1:5060`.
pub(super) fn place(flow: Flow) -> String {
    format!("{} {}", flow.transport.name(), flow.remote)
}
