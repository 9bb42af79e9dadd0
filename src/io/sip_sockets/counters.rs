//! What the sockets count.

use core::sync::atomic::{AtomicU64, Ordering};

/// Counts of what was not taken.
#[derive(Debug, Default)]
pub struct Counters {
    /// Messages taken.
    pub received: AtomicU64,
    /// Messages handed to the kernel.
    pub sent: AtomicU64,
    /// Datagrams and connections of sources that nothing admits.
    pub strangers: AtomicU64,
    /// Datagrams dropped because the queue was full.
    pub queue_full: AtomicU64,
    /// Messages that could not be sent.
    pub send_failed: AtomicU64,
    /// Datagrams dropped because they are neither SIP nor an answer that was asked for.
    pub garbage: AtomicU64,
    /// Datagrams dropped because their source sent more than its share.
    pub over_share: AtomicU64,
    /// Connections refused because there are too many.
    pub connections_refused: AtomicU64,
    /// Silent connections closed to make room for another source's.
    pub connections_evicted: AtomicU64,
    /// TLS handshakes of peers that failed or took too long.
    pub handshakes_failed: AtomicU64,
    /// Connections closed because a ping was not answered.
    pub pongs_missing: AtomicU64,
    /// Connections closed because the peer was too slow with a message, or idle.
    pub connections_timed_out: AtomicU64,
    /// Connections that are up (not a counter: it falls, too).
    pub connections: AtomicU64,
}

impl Counters {
    /// All of them by name.
    #[must_use]
    pub fn snapshot(&self) -> [(&'static str, u64); 13] {
        [
            ("received", &self.received),
            ("sent", &self.sent),
            ("strangers", &self.strangers),
            ("queue_full", &self.queue_full),
            ("send_failed", &self.send_failed),
            ("garbage", &self.garbage),
            ("over_share", &self.over_share),
            ("connections_refused", &self.connections_refused),
            ("connections_evicted", &self.connections_evicted),
            ("handshakes_failed", &self.handshakes_failed),
            ("pongs_missing", &self.pongs_missing),
            ("connections_timed_out", &self.connections_timed_out),
            ("connections", &self.connections),
        ]
        .map(|(name, value)| (name, value.load(Ordering::Relaxed)))
    }

    /// One table's number of connections has changed.
    pub(in crate::io) fn connections_are(&self, before: usize, after: usize) {
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let grown = number(after).wrapping_sub(number(before));
        // Wraps around as a negative number does.
        self.connections.fetch_add(grown, Ordering::Relaxed);
    }
}

pub(in crate::io) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
