//! What a session tells its call.

use std::time::Duration;

use super::{Referral, Referred};
use crate::sdp::Negotiated;
use crate::sip::message::StatusCode;

/// What a session tells its call.
#[derive(Clone, Debug)]
pub enum Event {
    /// Media is agreed, for the first time or anew.
    Negotiated(Negotiated),
    /// 18x was received (outgoing calls).
    Ringing,
    /// A 2xx was sent or received.
    Answered,
    /// The ACK was received or sent.
    Confirmed,
    /// A key was pressed, told by INFO (application/dtmf-relay): `0-9*#A-D`.
    Digit(char),
    /// A key that [`super::Session::press`] sent has its final answer: 2xx when the peer took it.
    Pressed(StatusCode),
    /// The peer has put us on hold, or has come back. [`Event::Negotiated`] comes beside it.
    Held(bool),
    /// Media before the answer (outgoing calls): what the provisional response described.
    EarlyMedia(Negotiated),
    /// News of the transfer that [`super::Session::refer`] began.
    Referral(Referral),
    /// The peer asks us to call somebody else, which its line allows; it has been answered 202 and is told
    /// how it goes with [`super::Session::notify`].
    Referred(Referred),
    /// The session is over; nothing follows.
    Ended(Ended),
}

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Who ended it.
    pub by: Party,
    /// Status code where a response ended it (487, 488, 408 ...).
    pub status: Option<u16>,
    /// In plain words, also sent as Reason (RFC 3326).
    pub text: String,
    /// How long the peer asked not to be called again (Retry-After of a 503 or other refusal).
    pub retry_after: Option<Duration>,
}

impl Ended {
    /// An end without more to say.
    pub(super) fn new(by: Party, status: Option<u16>, text: impl Into<String>) -> Self {
        Self {
            by,
            status,
            text: text.into(),
            retry_after: None,
        }
    }
}

/// A side of the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// The far end.
    Remote,
    /// This end.
    Local,
    /// Neither: a timer or the network.
    Network,
}
