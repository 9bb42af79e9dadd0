//! How long packets are on their way: the distribution of the last ten seconds.
//!
//! A delay is the time of arrival less the place on the line, so only differences mean something. A window
//! of packets forgets by itself; a drift of the clocks is in it as a delay that grows or shrinks.

/// The delays of the newest packets, in ticks of a clock.
#[derive(Debug)]
pub(super) struct Delays {
    window: Box<[i32]>,
    len: usize,
    next: usize,
    /// What the window's delays are relative to.
    base: i64,
    /// Ticks of a millisecond.
    unit: i32,
    least: i32,
    /// How much later than the least nearly all packets come.
    spread: i32,
    /// Added to the spread until enough has been seen.
    prior: i32,
    /// Packets since the window was last looked through.
    unseen: u32,
}

impl Delays {
    pub(super) fn new(clock_rate: u32) -> Self {
        let unit = (clock_rate / 1000).max(1).cast_signed();
        Self {
            window: vec![0; WINDOW].into(),
            len: 0,
            next: 0,
            base: 0,
            unit,
            least: 0,
            spread: 0,
            prior: FIRST_MS * unit,
            unseen: 0,
        }
    }

    /// Begins anew, for another source or clock: what is known of the network's unevenness stays.
    pub(super) fn restart(&mut self, clock_rate: u32) {
        let unit = (clock_rate / 1000).max(1).cast_signed();
        self.prior = self.spread() / self.unit * unit;
        self.unit = unit;
        self.len = 0;
        self.next = 0;
        self.least = 0;
        self.spread = 0;
    }

    pub(super) fn handle(&mut self, delay: i64) {
        if self.len == 0 {
            self.base = delay;
        }
        let relative = delay.saturating_sub(self.base);
        let relative = relative.clamp(i64::from(i32::MIN / 2), i64::from(i32::MAX / 2));
        let delay = i32::try_from(relative).unwrap_or(0);
        self.window[self.next] = delay;
        self.next = (self.next + 1) % WINDOW;
        self.len = (self.len + 1).min(WINDOW);
        self.unseen += 1;
        let inside = delay >= self.least && delay - self.least <= self.spread;
        if self.unseen >= LOOK_EVERY || !inside || self.len < ENOUGH {
            self.look();
        }
    }

    fn look(&mut self) {
        self.unseen = 0;
        let window = &self.window[..self.len];
        self.least = window.iter().copied().min().unwrap_or(0);
        let mut counts = [0u16; BUCKETS];
        for delay in window {
            let bucket = usize::try_from((delay - self.least) / self.unit).unwrap_or(0);
            counts[bucket.min(BUCKETS - 1)] += 1;
        }
        let mut later = 0;
        let allowed = self.len / ONE_OF;
        let mut bucket = BUCKETS - 1;
        while bucket > 0 {
            later += usize::from(counts[bucket]);
            if later > allowed {
                break;
            }
            bucket -= 1;
        }
        self.spread = i32::try_from(bucket).unwrap_or(0) * self.unit;
    }

    /// How much later than the fastest nearly all come.
    pub(super) fn spread(&self) -> i32 {
        if self.len < ENOUGH {
            self.spread.saturating_add(self.prior)
        } else {
            self.spread
        }
    }

    /// The delay of the fastest.
    pub(super) fn least(&self) -> i64 {
        self.base + i64::from(self.least)
    }

    /// The delay that nearly all keep.
    pub(super) fn needed(&self) -> i64 {
        self.least() + i64::from(self.spread())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// Packets looked at: ten seconds of 20 ms packets. Older ones are forgotten.
const WINDOW: usize = 512;
/// Of so many packets one may come too late: what it is worth to wait for.
const ONE_OF: usize = 200;
/// Milliseconds told apart, and the longest wait: more delay disturbs the talk more than a gap does.
const BUCKETS: usize = 201;
/// Packets until the distribution is believed.
const ENOUGH: usize = 50;
/// Milliseconds that packets may come apart before anything is known: what ticks and arrivals waver. On an uneven
/// network the first that comes later leaves a gap, and is waited for from then on.
const FIRST_MS: i32 = 1;
/// The window is looked through each so many packets, and at once when one falls outside.
const LOOK_EVERY: u32 = 10;

#[cfg(test)]
mod tests;
