//! What was said, as the model and the record are told it.

use std::collections::VecDeque;
use std::time::Instant;

use super::Exchange;
use super::utterance::Said;
use crate::ticket::{Entry, Speaker};

/// Most exchanges the model is told: the oldest are dropped, for a long call must not grow the question.
const EXCHANGES_MAX: usize = 60;

/// The conversation so far.
#[derive(Clone, Debug)]
pub(super) struct Transcript {
    started: Instant,
    history: VecDeque<Exchange>,
}

impl Transcript {
    pub(super) fn new(started: Instant) -> Self {
        Self {
            started,
            history: VecDeque::new(),
        }
    }

    /// The agent was heard. Pieces of one answer are one exchange.
    pub(super) fn agent(&mut self, said: Said) -> Entry {
        if let Some(Exchange::Agent(before)) = self.history.back_mut() {
            before.push(' ');
            before.push_str(&said.text);
        } else {
            self.push(Exchange::Agent(said.text.clone()));
        }
        Entry::Line {
            at: said.at.saturating_duration_since(self.started),
            speaker: Speaker::Agent,
            text: said.text,
            interrupted: said.interrupted,
        }
    }

    /// The caller finished a turn that began at `since`.
    pub(super) fn caller(&mut self, text: &str, since: Instant) -> Entry {
        self.push(Exchange::Caller(text.to_owned()));
        Entry::Line {
            at: since.saturating_duration_since(self.started),
            speaker: Speaker::Caller,
            text: text.to_owned(),
            interrupted: false,
        }
    }

    /// Facts for what the caller has said last; facts for earlier questions make room, but for one.
    pub(super) fn note(&mut self, text: String) {
        let notes = self
            .history
            .iter()
            .filter(|exchange| matches!(exchange, Exchange::Note(_)))
            .count();
        if notes >= 2
            && let Some(oldest) = self
                .history
                .iter()
                .position(|e| matches!(e, Exchange::Note(_)))
        {
            self.history.remove(oldest);
        }
        let at = match self.history.back() {
            Some(Exchange::Caller(_)) => self.history.len() - 1,
            _ => self.history.len(),
        };
        self.history.insert(at, Exchange::Note(text));
    }

    /// Oldest first.
    pub(super) fn history(&self) -> Vec<Exchange> {
        self.history.iter().cloned().collect()
    }

    fn push(&mut self, exchange: Exchange) {
        if self.history.len() >= EXCHANGES_MAX {
            self.history.pop_front();
        }
        self.history.push_back(exchange);
    }
}

#[cfg(test)]
mod tests;
