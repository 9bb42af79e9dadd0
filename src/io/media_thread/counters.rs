//! What the media threads have done, in atomics that anyone may read at any time.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// The live counters. Written by the media threads alone, apart from `queue_full`.
#[derive(Debug, Default)]
pub struct MediaCounters {
    calls: AtomicU64,
    packets_in: AtomicU64,
    packets_out: AtomicU64,
    control_in: AtomicU64,
    control_out: AtomicU64,
    send_errors: AtomicU64,
    late_ticks: AtomicU64,
    skipped_ticks: AtomicU64,
    skipped_frames: AtomicU64,
    stalls: AtomicU64,
    worst_stall_us: AtomicU64,
    underruns: AtomicU64,
    events_dropped: AtomicU64,
    queue_full: AtomicU64,
    calls_refused: AtomicU64,
    departures: [AtomicU64; BUCKETS],
    worst_departure_us: AtomicU64,
}

/// The counters at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CountersSnapshot {
    /// Calls being carried.
    pub calls: u64,
    /// Datagrams taken from RTP ports.
    pub packets_in: u64,
    /// RTP packets sent.
    pub packets_out: u64,
    /// Datagrams taken from RTCP ports.
    pub control_in: u64,
    /// RTCP packets sent.
    pub control_out: u64,
    /// Sends the system refused.
    pub send_errors: u64,
    /// Wakes that came after the next was due; what was due in them left late.
    pub late_ticks: u64,
    /// Wakes that were missed by more than a frame, so that their packets were left out.
    pub skipped_ticks: u64,
    /// Frames of calls that were left out in these.
    pub skipped_frames: u64,
    /// Times that the thread was at work 10 ms late or more.
    pub stalls: u64,
    /// The longest of them.
    pub worst_stall: Duration,
    /// Gaps inside utterances.
    pub underruns: u64,
    /// Events dropped because a call's task was too slow.
    pub events_dropped: u64,
    /// Commands refused because the queue was full.
    pub queue_full: u64,
    /// Calls stopped at once because the thread was full.
    pub calls_refused: u64,
    /// How far each RTP packet left from its ideal time.
    pub departure: DepartureError,
}

/// A histogram of times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DepartureError {
    /// Packets per bucket; bucket `n` ends at [`BOUNDS`]`[n]`, the last is open.
    pub counts: [u64; BUCKETS],
    /// The largest.
    pub worst: Duration,
}

impl MediaCounters {
    pub(super) fn snapshot(&self) -> CountersSnapshot {
        let mut counts = [0; BUCKETS];
        for (count, atomic) in counts.iter_mut().zip(&self.departures) {
            *count = atomic.load(Relaxed);
        }
        CountersSnapshot {
            calls: self.calls.load(Relaxed),
            packets_in: self.packets_in.load(Relaxed),
            packets_out: self.packets_out.load(Relaxed),
            control_in: self.control_in.load(Relaxed),
            control_out: self.control_out.load(Relaxed),
            send_errors: self.send_errors.load(Relaxed),
            late_ticks: self.late_ticks.load(Relaxed),
            skipped_ticks: self.skipped_ticks.load(Relaxed),
            skipped_frames: self.skipped_frames.load(Relaxed),
            stalls: self.stalls.load(Relaxed),
            worst_stall: Duration::from_micros(self.worst_stall_us.load(Relaxed)),
            underruns: self.underruns.load(Relaxed),
            events_dropped: self.events_dropped.load(Relaxed),
            queue_full: self.queue_full.load(Relaxed),
            calls_refused: self.calls_refused.load(Relaxed),
            departure: DepartureError {
                counts,
                worst: Duration::from_micros(self.worst_departure_us.load(Relaxed)),
            },
        }
    }

    pub(super) fn count_call_added(&self) {
        self.calls.fetch_add(1, Relaxed);
    }

    pub(super) fn count_call_gone(&self) {
        self.calls.fetch_sub(1, Relaxed);
    }

    pub(super) fn count_call_refused(&self) {
        self.calls_refused.fetch_add(1, Relaxed);
    }

    pub(super) fn count_packet_in(&self) {
        self.packets_in.fetch_add(1, Relaxed);
    }

    pub(super) fn count_control_in(&self) {
        self.control_in.fetch_add(1, Relaxed);
    }

    pub(super) fn count_control_out(&self) {
        self.control_out.fetch_add(1, Relaxed);
    }

    pub(super) fn count_send_error(&self) {
        self.send_errors.fetch_add(1, Relaxed);
    }

    pub(super) fn count_late_ticks(&self, ticks: u64) {
        self.late_ticks.fetch_add(ticks, Relaxed);
    }

    pub(super) fn count_skipped_tick(&self) {
        self.skipped_ticks.fetch_add(1, Relaxed);
    }

    pub(super) fn count_skipped_frames(&self, frames: u64) {
        self.skipped_frames.fetch_add(frames, Relaxed);
    }

    pub(super) fn count_stall(&self, late: Duration) {
        self.stalls.fetch_add(1, Relaxed);
        self.worst_stall_us.fetch_max(micros(late), Relaxed);
    }

    pub(super) fn count_underrun(&self) {
        self.underruns.fetch_add(1, Relaxed);
    }

    pub(super) fn count_event_dropped(&self) {
        self.events_dropped.fetch_add(1, Relaxed);
    }

    pub(super) fn count_queue_full(&self) {
        self.queue_full.fetch_add(1, Relaxed);
    }

    /// An RTP packet left so long after its ideal time.
    pub(super) fn count_departure(&self, error: Duration) {
        self.packets_out.fetch_add(1, Relaxed);
        let microseconds = micros(error);
        let bucket = BOUNDS.partition_point(|bound| *bound < microseconds);
        self.departures[bucket].fetch_add(1, Relaxed);
        self.worst_departure_us.fetch_max(microseconds, Relaxed);
    }
}

impl DepartureError {
    /// The upper bound of the bucket in which this share (0 to 1) of the packets is reached; the worst value when that
    /// is the open one or smaller than the bound. Zero when nothing was sent.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Duration {
        let total: u64 = self.counts.iter().sum();
        let wanted = (total as f64 * share.clamp(0.0, 1.0)).ceil() as u64;
        let mut reached = 0;
        for (count, bound) in self.counts.iter().zip(BOUNDS) {
            reached += count;
            if reached >= wanted {
                return Duration::from_micros(bound).min(self.worst);
            }
        }
        self.worst
    }

    /// What has come since an earlier snapshot; the worst is of all time.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut counts = self.counts;
        for (count, before) in counts.iter_mut().zip(earlier.counts) {
            *count = count.saturating_sub(before);
        }
        Self { counts, ..*self }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Bucket bounds in microseconds.
pub const BOUNDS: [u64; BUCKETS - 1] = [
    10, 20, 50, 100, 150, 200, 300, 500, 700, 1_000, 1_500, 2_000, 3_000, 5_000, 10_000, 20_000,
    50_000, 100_000,
];
const BUCKETS: usize = 19;
