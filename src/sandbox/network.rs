//! An impaired network as a machine: packets go in with the time, and come out later, twice, out of order or never.
//!
//! It knows no sockets and no clock, and everything follows from its seed, so what it did once it does again. Each
//! kind of trouble draws from a sequence of its own: asking for duplicates does not change which packets are lost.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

mod chance;
mod spec;

pub use spec::{Jitter, Loss, Spec, WrongSpec};

use chance::Chance;

/// One way through the network. Two make a connection; each has trouble of its own.
#[derive(Debug)]
pub struct Network<T> {
    spec: Spec,
    start: Instant,
    loss: LossModel,
    duplicates: Chance,
    delays: Chance,
    reorders: Chance,
    under_way: BinaryHeap<Reverse<UnderWay<T>>>,
    entered: u64,
    /// When the bottleneck has sent all that waits there.
    free: Instant,
    /// The latest departure of a packet that keeps its place.
    latest: Instant,
    counts: Counts,
}

/// What a network has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Packets that went in.
    pub entered: u64,
    /// Packets lost by chance.
    pub lost: u64,
    /// Packets that the bottleneck's queue, or ours, had no room for.
    pub overflowed: u64,
    /// Packets that came twice.
    pub duplicated: u64,
    /// Packets that others overtook.
    pub reordered: u64,
}

#[derive(Debug)]
struct UnderWay<T> {
    due: Instant,
    number: u64,
    packet: T,
}

impl<T: Clone> Network<T> {
    /// A network that begins now. The same `spec` and `seed` give the same fate to the same packets at the same times.
    #[must_use]
    pub fn new(spec: Spec, seed: u64, start: Instant) -> Self {
        Self {
            loss: LossModel::new(spec.loss, Chance::new(seed, 1)),
            duplicates: Chance::new(seed, 2),
            delays: Chance::new(seed, 3),
            reorders: Chance::new(seed, 4),
            spec,
            start,
            under_way: BinaryHeap::new(),
            entered: 0,
            free: start,
            latest: start,
            counts: Counts::default(),
        }
    }

    /// A packet of so many bytes goes in.
    pub fn send(&mut self, packet: T, bytes: usize, now: Instant) {
        self.counts.entered += 1;
        let lost = self.loss.strikes();
        let twice = self.duplicates.part() < self.spec.duplicate;
        let delay = self.spec.delay + self.spec.jitter.draw(&mut self.delays);
        let held_back = self.reorders.part() < self.spec.reorder;
        if lost {
            self.counts.lost += 1;
            return;
        }
        let Some(sent) = self.through_bottleneck(bytes, now) else {
            self.counts.overflowed += 1;
            return;
        };
        let mut due = sent + delay;
        if held_back {
            self.counts.reordered += 1;
            due += HELD_BACK;
        } else if !self.spec.unordered {
            due = due.max(self.latest);
            self.latest = due;
        }
        if twice {
            self.counts.duplicated += 1;
            self.put(due, packet.clone());
        }
        self.put(due, packet);
    }

    /// When a packet has passed the bottleneck; `None` when its queue is full.
    fn through_bottleneck(&mut self, bytes: usize, now: Instant) -> Option<Instant> {
        let Some(rate) = self.spec.rate else {
            return Some(now);
        };
        let bits = (bytes + LOWER_LAYERS) as f64 * 8.0;
        let begin = self.free.max(now);
        if begin - now > self.spec.queue {
            return None;
        }
        self.free = begin + Duration::from_secs_f64(bits / f64::from(rate.max(1)));
        Some(self.free)
    }

    fn put(&mut self, due: Instant, packet: T) {
        if self.under_way.len() >= UNDER_WAY {
            self.counts.overflowed += 1;
            return;
        }
        let number = self.entered;
        self.entered += 1;
        self.under_way.push(Reverse(UnderWay {
            due,
            number,
            packet,
        }));
    }

    /// The next packet that comes out by now.
    pub fn poll(&mut self, now: Instant) -> Option<T> {
        let next = self.under_way.peek()?;
        if next.0.due > now {
            return None;
        }
        self.under_way.pop().map(|Reverse(next)| next.packet)
    }

    /// When the next packet comes out.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.under_way.peek().map(|next| next.0.due)
    }

    /// How often the address translation before us has given us another port by now.
    #[must_use]
    pub fn bindings(&self, now: Instant) -> u32 {
        let passed = now.saturating_duration_since(self.start).as_nanos();
        let Some(period) = self.spec.rebind.filter(|period| !period.is_zero()) else {
            return 0;
        };
        u32::try_from(passed / period.as_nanos()).unwrap_or(u32::MAX)
    }

    /// What it has done.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }
}

impl<T> PartialEq for UnderWay<T> {
    fn eq(&self, other: &Self) -> bool {
        (self.due, self.number) == (other.due, other.number)
    }
}

impl<T> Eq for UnderWay<T> {}

impl<T> PartialOrd for UnderWay<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for UnderWay<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.number).cmp(&(other.due, other.number))
    }
}

/// Gilbert and Elliott's model: a good and a bad state, each with a chance of loss and of ending.
#[derive(Debug)]
struct LossModel {
    loss: Loss,
    chance: Chance,
    is_bad: bool,
}

impl LossModel {
    fn new(loss: Loss, chance: Chance) -> Self {
        Self {
            loss,
            chance,
            is_bad: false,
        }
    }

    fn strikes(&mut self) -> bool {
        let (turns, strikes) = (self.chance.part(), self.chance.part());
        let Loss {
            begin,
            end,
            when_bad,
            when_good,
        } = self.loss;
        let turn = if self.is_bad { end } else { begin };
        self.is_bad ^= turns < turn;
        strikes < if self.is_bad { when_bad } else { when_good }
    }
}

/// How much later than its neighbours a packet comes that is to be overtaken: by one or two of 20 ms.
const HELD_BACK: Duration = Duration::from_millis(30);
/// Bytes of IPv4 and UDP, which the bottleneck counts.
const LOWER_LAYERS: usize = 28;
/// Packets under way: those of four seconds at 1000 a second. When full the newest is dropped and counted in
/// [`Counts::overflowed`].
pub const UNDER_WAY: usize = 4_096;

#[cfg(test)]
mod tests;
