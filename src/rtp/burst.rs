//! How packets are lost: in bursts or one by one (RFC 3611 §4.7.2, Appendix A.2).
//!
//! A packet is judged once 64 later numbers have come, so that one that was only overtaken is no loss.

/// What became of the packets of a source.
#[derive(Clone, Debug, Default)]
pub struct Losses {
    /// The newest sequence number; bit n of the masks stands for the one n before it.
    newest: Option<u16>,
    came: u64,
    discarded: u64,
    /// How many of the masks' bits stand for packets.
    waiting: u32,
    tally: Tally,
}

/// Counts over the packets that were judged; the names of the transitions are the RFC's.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    packets: u64,
    lost: u64,
    discarded: u64,
    /// Stretches of packets in a row that were not heard.
    runs: u64,
    c11: u64,
    c13: u64,
    c14: u64,
    c22: u64,
    c23: u64,
    c33: u64,
    /// Packets heard since the last one that was not.
    heard: u64,
    /// Packets not heard since the burst or the single loss began.
    unheard: u64,
}

/// Losses in numbers; shares are of all packets.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pattern {
    /// Never came.
    pub loss: f64,
    /// Came too late to be heard.
    pub discard: f64,
    /// Mean number of packets in a row that were not heard.
    pub mean_length: f64,
    /// Share that was not heard inside bursts.
    pub burst_density: f64,
    /// Share that was not heard outside of them.
    pub gap_density: f64,
    /// Mean length of a burst in packets.
    pub burst_packets: f64,
    /// Mean length of a gap between bursts in packets.
    pub gap_packets: f64,
}

impl Losses {
    /// Takes a packet that is the newest so far, or one that was overtaken, by its sequence number.
    pub fn came(&mut self, sequence: u16) {
        let Some(newest) = self.newest else {
            self.newest = Some(sequence);
            self.came = 1;
            self.waiting = 1;
            return;
        };
        let ahead = sequence.wrapping_sub(newest);
        if ahead == 0 || ahead > u16::MAX / 2 {
            if let Some(bit) = self.bit(sequence) {
                self.came |= bit;
            }
            return;
        }
        for _ in 0..ahead {
            self.shift();
        }
        self.came |= 1;
        self.newest = Some(sequence);
    }

    /// A packet came, but too late to be heard.
    pub fn discard(&mut self, sequence: u16) {
        if let Some(bit) = self.bit(sequence) {
            self.discarded |= bit;
        }
    }

    /// The source began anew, or another one took over: numbers before and after have nothing to do with each other.
    pub fn restart(&mut self) {
        for age in (0..self.waiting).rev() {
            self.judge(age);
        }
        self.tally.end_stretch();
        *self = Self {
            tally: self.tally,
            ..Self::default()
        };
    }

    /// The pattern so far, the packets that are not judged yet included as they stand.
    #[must_use]
    pub fn pattern(&self) -> Pattern {
        let mut all = self.clone();
        for age in (0..all.waiting).rev() {
            all.judge(age);
        }
        all.tally.pattern()
    }

    /// Packets judged and not judged yet.
    #[must_use]
    pub fn packets(&self) -> u64 {
        self.tally.packets + u64::from(self.waiting)
    }

    fn bit(&self, sequence: u16) -> Option<u64> {
        let age = u32::from(self.newest?.wrapping_sub(sequence));
        (age < self.waiting).then(|| 1 << age)
    }

    fn shift(&mut self) {
        if self.waiting == u64::BITS {
            self.judge(u64::BITS - 1);
        } else {
            self.waiting += 1;
        }
        self.came <<= 1;
        self.discarded <<= 1;
    }

    fn judge(&mut self, age: u32) {
        let bit = 1 << age;
        self.tally
            .take(self.came & bit != 0, self.discarded & bit != 0);
    }
}

impl Tally {
    /// A.2 for one packet.
    fn take(&mut self, came: bool, discarded: bool) {
        self.packets += 1;
        if came && !discarded {
            self.heard += 1;
            return;
        }
        self.lost += u64::from(!came);
        self.discarded += u64::from(came);
        self.runs += u64::from(self.heard > 0 || self.unheard == 0);
        if self.heard >= GAP_MIN || self.unheard == 0 {
            self.end_stretch();
            self.unheard = 1;
        } else {
            self.unheard += 1;
            if self.heard == 0 {
                self.c33 += 1;
            } else {
                self.c23 += 1;
                self.c22 += self.heard - 1;
            }
        }
        self.heard = 0;
    }

    /// What was lost lately is a burst, or a loss for itself.
    fn end_stretch(&mut self) {
        match self.unheard {
            0 => {}
            1 => self.c14 += 1,
            _ => self.c13 += 1,
        }
        self.c11 += self.heard;
        (self.heard, self.unheard) = (0, 0);
    }

    /// A.2's end.
    fn pattern(mut self) -> Pattern {
        self.end_stretch();
        let share = |part: u64, whole: u64| part as f64 / whole.max(1) as f64;
        let bursts = self.c13;
        // In a burst: its first packet (one for each), further ones after others heard, further ones in a row.
        let unheard = bursts + self.c23 + self.c33;
        let inside = unheard + self.c22 + self.c23;
        let outside = self.c11 + self.c14;
        Pattern {
            loss: share(self.lost, self.packets),
            discard: share(self.discarded, self.packets),
            mean_length: share(self.lost + self.discarded, self.runs),
            burst_density: if bursts == 0 {
                0.0
            } else {
                share(unheard, inside)
            },
            gap_density: share(self.c14, outside),
            burst_packets: if bursts == 0 {
                0.0
            } else {
                share(inside, bursts)
            },
            gap_packets: share(outside, bursts + 1),
        }
    }
}

/// Packets in a row that must have been heard between two bursts (RFC 3611 §4.7.2).
pub const GAP_MIN: u64 = 16;

#[cfg(test)]
mod tests;
