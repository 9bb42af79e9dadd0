//! How much one source, and all together, may ask for: token buckets.
//!
//! Up to its rate a source is served; above it, it is told 503 with Retry-After; above twice the rate
//! it hears nothing, so that a flood costs no more than its reading. What belongs to running calls is
//! not counted here at all.

use core::net::IpAddr;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Sources remembered: half of it in each of two generations. A source more forgets those that were
/// not heard of for longest, who begin with a full bucket when they come again. An address costs some
/// hundred bytes, and only admitted ones get here.
pub const SOURCES_MAX: usize = 4096;

/// The rates; 0 stands for no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Requests outside dialogs other than INVITE, of one source, in a second.
    pub requests: u32,
    /// New calls of one source in a second.
    pub calls: u32,
    /// New calls of all sources in a second.
    pub calls_overall: u32,
    /// How long a source may have saved up what it did not use.
    pub burst: Duration,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is served.
    Pass,
    /// It is told to come later.
    Refuse,
    /// It is not answered.
    Silence,
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A new call.
    Call,
    /// Anything else outside a dialog.
    Other,
}

/// The buckets.
#[derive(Debug)]
pub(super) struct Throttle {
    limits: Limits,
    overall: Gate,
    young: HashMap<IpAddr, Source>,
    old: HashMap<IpAddr, Source>,
}

#[derive(Clone, Copy, Debug)]
struct Source {
    calls: Gate,
    requests: Gate,
}

impl Throttle {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            overall: Gate::new(limits.calls_overall, limits.burst),
            limits,
            young: HashMap::new(),
            old: HashMap::new(),
        }
    }

    /// Takes other rates. What is known of sources is forgotten: they begin with full buckets.
    pub(super) fn set_limits(&mut self, limits: Limits) {
        if self.limits != limits {
            *self = Self::new(limits);
        }
    }

    /// Judges one request, and counts it.
    pub(super) fn judge(&mut self, source: IpAddr, kind: Kind, now: Instant) -> Verdict {
        let source = self.source(source.to_canonical());
        let verdict = match kind {
            Kind::Call => source.calls.pass(now),
            Kind::Other => source.requests.pass(now),
        };
        match (kind, verdict) {
            (Kind::Call, Verdict::Pass) => self.overall.pass(now),
            (Kind::Call | Kind::Other, verdict) => verdict,
        }
    }

    fn source(&mut self, source: IpAddr) -> &mut Source {
        if !self.young.contains_key(&source) && self.young.len() >= SOURCES_MAX / 2 {
            self.old = core::mem::take(&mut self.young);
        }
        let (limits, old) = (self.limits, &mut self.old);
        self.young.entry(source).or_insert_with(|| {
            old.remove(&source).unwrap_or(Source {
                calls: Gate::new(limits.calls, limits.burst),
                requests: Gate::new(limits.requests, limits.burst),
            })
        })
    }

    #[cfg(test)]
    fn sources(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

/// Two buckets: what is served, and what is answered at all.
#[derive(Clone, Copy, Debug)]
struct Gate {
    served: Bucket,
    heard: Bucket,
}

impl Gate {
    fn new(per_second: u32, burst: Duration) -> Self {
        let rate = f64::from(per_second);
        Self {
            served: Bucket::new(rate, burst),
            heard: Bucket::new(2.0 * rate, burst),
        }
    }

    fn pass(&mut self, now: Instant) -> Verdict {
        match (self.heard.take(now), self.served.take(now)) {
            (false, _) => Verdict::Silence,
            (true, false) => Verdict::Refuse,
            (true, true) => Verdict::Pass,
        }
    }
}

/// A bucket that `rate` tokens a second fall into; one of rate 0 is never empty.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    rate: f64,
    room: f64,
    tokens: f64,
    filled: Option<Instant>,
}

impl Bucket {
    fn new(rate: f64, burst: Duration) -> Self {
        let room = (rate * burst.as_secs_f64()).max(1.0);
        Self {
            rate,
            room,
            tokens: room,
            filled: None,
        }
    }

    fn take(&mut self, now: Instant) -> bool {
        if self.rate == 0.0 {
            return true;
        }
        let filled = self.filled.map_or(now, |filled| filled.max(now));
        let since = filled.saturating_duration_since(self.filled.unwrap_or(now));
        self.filled = Some(filled);
        self.tokens = (self.tokens + since.as_secs_f64() * self.rate).min(self.room);
        let full = self.tokens >= 1.0;
        if full {
            self.tokens -= 1.0;
        }
        full
    }
}

#[cfg(test)]
mod tests;
