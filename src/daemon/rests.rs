//! Who asked not to be called for a while: a server that answers 503 with Retry-After is sent no further call
//! until that time is over (RFC 3261 §21.5.4). Registrations look after that themselves.

use core::net::SocketAddr;
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::sip::SessionId;
use crate::sip::message::{Name, StatusCode};
use crate::sip::session::Input;

/// Servers remembered: as many as there can be lines. When full the one that asked first is forgotten.
const SERVERS_MAX: usize = 64;

/// The longest rest: longer ones are mistakes, and persons shall be reached again.
const REST_MAX: Duration = Duration::from_mins(10);

/// The servers that rest.
#[derive(Debug, Default)]
pub(crate) struct Rests {
    /// Calls of ours that are up or under way.
    called: HashMap<SessionId, SocketAddr>,
    until: VecDeque<(SocketAddr, Instant)>,
}

impl Rests {
    /// Why a server is not to be called now.
    pub(crate) fn check(&mut self, server: SocketAddr, now: Instant) -> Result<(), String> {
        self.until.retain(|(_, until)| *until > now);
        let found = self.until.iter().find(|(resting, _)| *resting == server);
        match found {
            None => Ok(()),
            Some((_, until)) => Err(format!(
                "the telephone system asked for a pause, {} s more (503)",
                until.saturating_duration_since(now).as_secs() + 1
            )),
        }
    }

    /// A call of ours begins.
    pub(crate) fn began(&mut self, session: SessionId, server: SocketAddr) {
        self.called.insert(session, server);
    }

    /// It is over.
    pub(crate) fn ended(&mut self, session: SessionId) {
        self.called.remove(&session);
    }

    /// What came for it.
    pub(crate) fn heard(&mut self, session: SessionId, input: &Input, now: Instant) {
        let Input::Response { response, .. } = input else {
            return;
        };
        let (Some(server), StatusCode::SERVICE_UNAVAILABLE) =
            (self.called.get(&session).copied(), response.status)
        else {
            return;
        };
        let seconds = response.headers.number(&Name::RetryAfter);
        let Some(seconds) = seconds.filter(|seconds| *seconds > 0) else {
            return;
        };
        let rest = Duration::from_secs(seconds.into()).min(REST_MAX);
        log::warn!(PEER:% = server, SECONDS = rest.as_secs(); "a peer asked not to be called for a while");
        self.until.retain(|(resting, _)| *resting != server);
        if self.until.len() >= SERVERS_MAX {
            self.until.pop_front();
        }
        self.until.push_back((server, now + rest));
    }
}

#[cfg(test)]
mod tests;
