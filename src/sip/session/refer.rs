//! Transfer: REFER (RFC 3515) and what its NOTIFYs tell, with Replaces (RFC 3891) where a second call is
//! to take over.

use std::time::Instant;

use bytes::Bytes;

use super::Session;
use crate::sip::message::{Replaces, Response, Uri};

/// How a transfer that we asked for goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Referral {
    /// The peer will try (202, or any 2xx).
    Accepted,
    /// The peer tells a provisional status of the call it makes.
    Progress(u16),
    /// Over: the final status of the call it made, or of the REFER itself. 408 when nothing more was heard.
    Finished(u16),
}

/// The peer asks us to call somebody else.
#[derive(Clone, Debug)]
pub struct Referred {
    /// Whom to call.
    pub to: Uri,
    /// The call that the new one takes the place of.
    pub replaces: Option<Replaces>,
    /// Referred-By, as told.
    pub by: Option<Bytes>,
}

impl Session {
    /// Asks the peer to call `target` instead of us; with `replaces` to take the place of that call
    /// there. [`super::Event::Referral`] tells how it goes. The call goes on until somebody hangs up.
    pub fn refer(&mut self, _target: Uri, _replaces: Option<Replaces>, _now: Instant) {}

    /// Tells the peer whose REFER we took how its call goes.
    pub fn notify(&mut self, _status: u16, _now: Instant) {}

    pub(super) fn on_refer_response(&mut self, _response: &Response, _now: Instant) {}
}
