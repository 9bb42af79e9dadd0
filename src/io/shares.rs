//! Fair shares of the receiving queue: a token bucket for each source of datagrams, and one for each
//! connection. A machine; whoever receives gives it the time.

use core::net::IpAddr;
use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::sip_sockets::RECEIVED_CAPACITY;
use super::sip_stream::source_of;

/// Sources with a bucket of their own; the rest share one. It holds every peer of an office and many
/// strangers, in some 200 kB.
const SOURCES_MAX: usize = 4096;

/// How often a full table is searched for sources that went quiet.
const SWEEP_EVERY: Duration = Duration::from_millis(100);

/// What a source may send: so many at once, and so many a second in the long run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Messages at once.
    pub burst: u32,
    /// Messages a second.
    pub rate: u32,
}

impl Share {
    /// For a stranger: enough to be told 403.
    pub const STRANGER: Self = Self {
        burst: 20,
        rate: 20,
    };

    /// For a source that is admitted: so many a second, and at once half of the receiving queue; 0 stands for no limit.
    #[must_use]
    pub fn admitted(rate: u32) -> Option<Self> {
        let burst = u32::try_from(RECEIVED_CAPACITY / 2).unwrap_or(u32::MAX);
        (rate > 0).then_some(Self { burst, rate })
    }

    fn interval(self) -> Duration {
        Duration::from_secs(1) / self.rate.max(1)
    }
}

/// One token bucket, told by the time at which it will be full again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    full_at: Instant,
}

impl Bucket {
    pub(super) fn full(now: Instant) -> Self {
        Self { full_at: now }
    }

    /// Takes one token; else tells when there will be one.
    pub(super) fn take(&mut self, share: Share, now: Instant) -> Result<(), Instant> {
        let full_at = self.full_at.max(now) + share.interval();
        let room = share.interval() * share.burst.max(1);
        if full_at > now + room {
            return Err(full_at - room);
        }
        self.full_at = full_at;
        Ok(())
    }
}

/// The buckets of all sources.
#[derive(Debug)]
pub(super) struct Shares {
    sources: HashMap<IpAddr, Bucket>,
    others: Bucket,
    sweep_at: Instant,
}

impl Shares {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            sources: HashMap::new(),
            others: Bucket::full(now),
            sweep_at: now,
        }
    }

    /// Whether a source may have one more message taken.
    pub(super) fn take(&mut self, source: IpAddr, share: Share, now: Instant) -> bool {
        let source = source_of(source);
        let is_known = self.sources.contains_key(&source);
        if !is_known && self.sources.len() >= SOURCES_MAX && now >= self.sweep_at {
            self.sweep_at = now + SWEEP_EVERY;
            // Who has a full bucket need not be remembered.
            self.sources.retain(|_, bucket| bucket.full_at > now);
        }
        let bucket = if is_known || self.sources.len() < SOURCES_MAX {
            let entry = self.sources.entry(source);
            entry.or_insert_with(|| Bucket::full(now))
        } else {
            &mut self.others
        };
        bucket.take(share, now).is_ok()
    }
}

#[cfg(test)]
mod tests;
