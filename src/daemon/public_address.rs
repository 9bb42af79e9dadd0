//! The address by which the internet reaches this box: configured, or found out.

use core::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use serde_json::{Value, json};

use super::event_loop::EventLoop;
use crate::sip::nat;

/// How an address became known; the stronger one stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Origin {
    /// A peer told it in `received` (RFC 3261 §18.2.1).
    Peer,
    /// A STUN server (RFC 5389).
    Stun,
    /// The configuration.
    Configured,
}

impl Origin {
    /// Its name in the status.
    fn name(self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Stun => "stun",
            Self::Configured => "configuration",
        }
    }
}

/// What is known.
#[derive(Debug)]
pub(crate) struct PublicAddress(Mutex<Option<(Origin, IpAddr)>>);

impl PublicAddress {
    /// With what the configuration says, which nothing changes.
    pub(crate) fn new(configured: Option<IpAddr>) -> Self {
        Self(Mutex::new(
            configured.map(|address| (Origin::Configured, address)),
        ))
    }

    /// The address, when one is known.
    pub(crate) fn known(&self) -> Option<IpAddr> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.map(|(_, address)| address)
    }

    fn origin(&self) -> Option<Origin> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.map(|(origin, _)| origin)
    }

    /// Takes what was found out; true when the address has changed. An address of an office's own
    /// networks says only that there is no router on the way to who told it.
    pub(crate) fn learn(&self, origin: Origin, address: IpAddr) -> bool {
        let address = address.to_canonical();
        if !nat::is_outside(address) {
            return false;
        }
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.is_some_and(|(stronger, _)| stronger > origin) {
            return false;
        }
        let before = known.replace((origin, address));
        before.map(|(_, address)| address) != Some(address)
    }
}

impl EventLoop {
    /// A STUN server has seen the socket at `local`.
    pub(super) fn on_mapped(&mut self, local: SocketAddr, public: SocketAddr, now: Instant) {
        log::debug!(LOCAL:% = local, PUBLIC:% = public; "a STUN server has answered");
        self.stun.on_answer(public, now);
        self.learn_public_address(Origin::Stun, public.ip());
    }

    /// For `ringwell status`.
    pub(super) fn public_address_status(&self, now: Instant) -> Value {
        let public = &self.services.public_address;
        let mut told = json!({
            "address": public.known().map(|address| address.to_string()),
            "told_by": public.origin().map(Origin::name),
        });
        if let (Value::Object(told), Value::Object(stun)) = (&mut told, self.stun.status(now)) {
            told.extend(stun);
        }
        told
    }

    /// What somebody found out about our public address: later calls and requests tell it.
    pub(super) fn learn_public_address(&mut self, origin: Origin, address: IpAddr) {
        let public = &self.services.public_address;
        if public.learn(origin, address) {
            log::info!(ADDRESS:% = address, ORIGIN:? = origin; "the public address is known");
            self.endpoint.set_via_host(public.known().map(Into::into));
        }
    }
}

#[cfg(test)]
mod tests;
