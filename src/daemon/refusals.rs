//! One line in the log for each refusal, with the address it came from:
//!
//! ```text
//! refused SOURCE=198.51.100.7 REASON=stranger METHOD=INVITE TRANSPORT=udp
//! refusals SOURCE=198.51.100.7 NOT_LOGGED=241
//! ```
//!
//! `config/fail2ban` reads the first form: it is a promise, and a test holds both to it. Nothing in it
//! is a sender's own text. How many lines a source can cause is bounded, and how many all together;
//! the second form tells how many were left out in the minute before.

use core::net::IpAddr;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::io::clock;
use crate::io::sip_sockets::{Admission, Admit};
use crate::sip::Transport;
use crate::sip::endpoint::Refused;
use crate::sip::message::Method;

/// How long a count of lines lasts.
const WINDOW: Duration = Duration::from_secs(60);

/// Sources counted one by one within a window; what others do is counted together.
const SOURCES_MAX: usize = 1024;

/// Lines of all sources together in a window: some three a second.
const LINES_MAX: u32 = 200;

/// Refusals on their way to the log. Shared by the loop and the sockets' judge.
pub(crate) struct Refusals(Mutex<Ledger>);

impl Refusals {
    /// A log of refusals with this many lines a minute for each source.
    pub(crate) fn new(lines_per_source: u32) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Ledger::new(lines_per_source))))
    }

    /// Takes another number of lines a minute for each source.
    pub(crate) fn set_lines(&self, lines_per_source: u32) {
        self.ledger(|ledger| ledger.lines_per_source = lines_per_source);
    }

    /// What the endpoint refused.
    pub(crate) fn note_refused(&self, refused: &Refused) {
        let (source, transport) = (refused.flow.remote.ip(), refused.flow.transport);
        let method = refused.method.as_ref();
        self.note(source, refused.reason.name(), method, transport);
    }

    /// One refusal.
    pub(crate) fn note(
        &self,
        source: IpAddr,
        reason: &str,
        method: Option<&Method>,
        transport: Transport,
    ) {
        let source = source.to_canonical();
        let is_told = self.ledger(|ledger| ledger.note(source, clock::now()));
        if is_told {
            log::warn!("{}", line(source, reason, method, transport));
        }
    }

    /// A judge of source addresses whose silent refusals are told. (Those that are answered are told
    /// by the endpoint.)
    pub(crate) fn watch(self: &Arc<Self>, admit: Admit) -> Admit {
        let refusals = Arc::clone(self);
        Arc::new(move |transport, source| {
            let admission = admit(transport, source);
            if admission == Admission::Drop {
                refusals.note(source, "stranger", None, transport);
            }
            admission
        })
    }

    /// Tells what was left out, when its time has come.
    pub(crate) fn sum_up(&self, now: Instant) {
        for (source, count) in self.ledger(|ledger| ledger.sum_up(now)) {
            let source = source.map_or_else(|| "-".to_owned(), |source| source.to_string());
            log::warn!("refusals SOURCE={source} NOT_LOGGED={count}");
        }
    }

    fn ledger<T>(&self, of: impl FnOnce(&mut Ledger) -> T) -> T {
        of(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The line that fail2ban reads.
fn line(source: IpAddr, reason: &str, method: Option<&Method>, transport: Transport) -> String {
    let method = match method {
        None => "-".to_owned(),
        Some(Method::Other(_)) => "OTHER".to_owned(),
        Some(known) => known.to_string(),
    };
    let transport = transport.name().to_ascii_lowercase();
    format!("refused SOURCE={source} REASON={reason} METHOD={method} TRANSPORT={transport}")
}

/// Who has caused how many lines in this window.
struct Ledger {
    lines_per_source: u32,
    began: Option<Instant>,
    lines: u32,
    sources: HashMap<IpAddr, Count>,
    /// Left out of sources that are not counted one by one.
    others: u64,
}

#[derive(Default)]
struct Count {
    lines: u32,
    left_out: u64,
}

impl Ledger {
    fn new(lines_per_source: u32) -> Self {
        Self {
            lines_per_source,
            began: None,
            lines: 0,
            sources: HashMap::new(),
            others: 0,
        }
    }

    /// Counts a refusal; whether it is told.
    fn note(&mut self, source: IpAddr, now: Instant) -> bool {
        self.began.get_or_insert(now);
        let is_known = self.sources.contains_key(&source);
        if !is_known && self.sources.len() >= SOURCES_MAX {
            self.others += 1;
            return false;
        }
        let count = self.sources.entry(source).or_default();
        let is_told = count.lines < self.lines_per_source && self.lines < LINES_MAX;
        if is_told {
            count.lines += 1;
            self.lines += 1;
        } else {
            count.left_out += 1;
        }
        is_told
    }

    /// Ends a window that is over: what was left out, the worst first, and no more of it than lines
    /// may be written; the rest together.
    fn sum_up(&mut self, now: Instant) -> Vec<(Option<IpAddr>, u64)> {
        if self.began.is_none_or(|began| now < began + WINDOW) {
            return Vec::new();
        }
        let ended = core::mem::replace(self, Self::new(self.lines_per_source));
        let left_out = ended
            .sources
            .into_iter()
            .filter(|(_, count)| count.left_out > 0);
        let mut sums: Vec<_> = left_out
            .map(|(source, count)| (Some(source), count.left_out))
            .collect();
        sums.sort_by_key(|(source, count)| (core::cmp::Reverse(*count), *source));
        let told = usize::try_from(self.lines_per_source).unwrap_or(usize::MAX);
        let beyond = sums.split_off(sums.len().min(told));
        let beyond: u64 = beyond.into_iter().map(|(_, count)| count).sum();
        if ended.others + beyond > 0 {
            sums.push((None, ended.others + beyond));
        }
        sums
    }
}

#[cfg(test)]
mod tests;
