//! What a UDP socket sends of its own accord: keep-alives of flows, and STUN questions until they are
//! answered. A machine; the receiving task gives it the time.
//!
//! A flow is kept with line breaks (RFC 5626 §3.5.1 as far as a datagram goes): each PBX ignores them,
//! while STUN on the SIP port (§3.5.2) is noise to most, and to some a reason to block the sender.

use core::net::SocketAddr;
use std::collections::HashMap;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::sip::{Flow, Transport, stun};

/// Flows kept open: one or two for each line. More are not kept, with a warning.
const KEPT_MAX: usize = 256;

/// STUN questions at once: one for each local address. More are not asked, with a warning.
const QUESTIONS_MAX: usize = 32;

/// Interval of the first repetition of a question; it doubles (RFC 8489 §6.2.1).
const RTO: Duration = Duration::from_millis(500);

/// How often a question is sent before the server counts as silent, some 16 s.
const TRIES: u32 = 5;

#[derive(Debug)]
struct Kept {
    every: Duration,
    due: Instant,
}

#[derive(Debug)]
struct Question {
    local: SocketAddr,
    server: SocketAddr,
    tries: u32,
    due: Instant,
}

/// The machine.
#[derive(Debug, Default)]
pub(super) struct Errands {
    kept: HashMap<Flow, Kept>,
    questions: HashMap<stun::Id, Question>,
}

impl Errands {
    /// Keeps a flow open from now on, or no longer.
    pub(super) fn keep_alive(&mut self, flow: Flow, every: Option<Duration>, now: Instant) {
        let Some(every) = every else {
            self.kept.remove(&flow);
            return;
        };
        if self.kept.len() >= KEPT_MAX && !self.kept.contains_key(&flow) {
            log::warn!(PEER:% = flow.remote; "too many flows are kept open; this one is not");
            return;
        }
        let due = now + every;
        self.kept.insert(flow, Kept { every, due });
    }

    /// Asks a server, at once and again until it answers.
    pub(super) fn ask_stun(
        &mut self,
        id: stun::Id,
        local: SocketAddr,
        server: SocketAddr,
        now: Instant,
    ) {
        if self.questions.len() >= QUESTIONS_MAX {
            log::warn!(PEER:% = server; "too many STUN questions at once; this one is not asked");
            return;
        }
        let question = Question {
            local,
            server,
            tries: 0,
            due: now,
        };
        self.questions.insert(id, question);
    }

    /// The local address that was asked about and what the server sees; `None` when it was not asked.
    pub(super) fn handle_answer(
        &mut self,
        answer: &stun::Answer,
        from: SocketAddr,
    ) -> Option<(SocketAddr, Option<SocketAddr>)> {
        let question = self.questions.get(&answer.id)?;
        if question.server != from {
            return None;
        }
        let question = self.questions.remove(&answer.id)?;
        Some((question.local, answer.mapped))
    }

    /// When something is due.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let kept = self.kept.values().map(|kept| kept.due);
        let questions = self.questions.values().map(|question| question.due);
        kept.chain(questions).min()
    }

    /// The next datagram that is due, and its path.
    pub(super) fn poll_transmit(&mut self, now: Instant) -> Option<(Flow, Bytes)> {
        let kept = self.kept.iter_mut().find(|(_, kept)| kept.due <= now);
        if let Some((flow, kept)) = kept {
            kept.due = now + kept.every;
            return Some((*flow, Bytes::from_static(b"\r\n\r\n")));
        }
        loop {
            let due = |question: &&mut Question| question.due <= now;
            let (id, question) = self
                .questions
                .iter_mut()
                .find(|(_, question)| due(question))?;
            if question.tries < TRIES {
                question.due = now + RTO * (1 << question.tries);
                question.tries += 1;
                let flow = Flow {
                    transport: Transport::Udp,
                    local: question.local,
                    remote: question.server,
                };
                return Some((flow, stun::request(*id)));
            }
            let id = *id;
            log::warn!(PEER:% = question.server; "the STUN server does not answer");
            self.questions.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests;
