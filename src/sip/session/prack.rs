//! Reliable provisional responses (RFC 3262), both ways.

use std::time::Instant;

use super::Session;
use crate::sip::message::Response;

impl Session {
    pub(super) fn on_prack_response(&mut self, _response: &Response, _now: Instant) {}
}
