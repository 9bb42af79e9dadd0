//! One synchronization source as we receive it: validation (RFC 3550 A.1), loss (A.3), jitter (A.8).

/// Statistics of one source.
#[derive(Clone, Debug)]
pub struct Receiver {
    ssrc: u32,
    base_sequence: u16,
    max_sequence: u16,
    /// Sequence number wraps, in the upper 16 bits.
    cycles: u32,
    /// Which of the last 64 have come, the newest in the lowest bit.
    seen: u64,
    /// The sequence number that would confirm a restart of the source.
    bad_sequence: Option<u16>,
    received: u32,
    expected_before: u32,
    received_before: u32,
    transit: Option<u32>,
    /// Sixteen times the jitter, as A.8 keeps it.
    jitter: u32,
}

/// How a packet stands to those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The newest so far; `gap` packets before it have not come (yet).
    Newest {
        /// Sequence numbers left out.
        gap: u16,
    },
    /// Older than the newest, and not seen before as far as is remembered.
    Old,
    /// It has come before.
    Duplicate,
    /// The source has begun anew at another number.
    Restarted,
    /// A wild sequence number; not to be used unless the next one follows it.
    Invalid,
}

/// What a report block says about a source (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Loss since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Packets lost in all; negative when duplicates came. Fits in 24 bits.
    pub cumulative_lost: i32,
    /// Highest sequence number with its cycles.
    pub extended_highest_sequence: u32,
    /// Interarrival jitter in clock ticks.
    pub jitter: u32,
}

impl Receiver {
    /// A source whose first packet has this sequence number. The packet itself is counted by
    /// [`Receiver::handle_sequence`], which must be called with it next.
    ///
    /// A.1's probation is left out for the source that signalling announced: its first packet is speech.
    #[must_use]
    pub fn new(ssrc: u32, sequence: u16) -> Self {
        Self {
            ssrc,
            base_sequence: sequence,
            max_sequence: sequence.wrapping_sub(1),
            cycles: 0,
            seen: 0,
            bad_sequence: None,
            received: 0,
            expected_before: 0,
            received_before: 0,
            transit: None,
            jitter: 0,
        }
    }

    /// Takes the sequence number of a packet (A.1).
    pub fn handle_sequence(&mut self, sequence: u16) -> Order {
        let delta = sequence.wrapping_sub(self.max_sequence);
        if delta == 0 || delta > u16::MAX - MAX_MISORDER {
            self.received = self.received.wrapping_add(1);
            let age = u32::from(self.max_sequence.wrapping_sub(sequence));
            let bit = 1u64.checked_shl(age).unwrap_or(0);
            if self.seen & bit != 0 {
                return Order::Duplicate;
            }
            self.seen |= bit;
            return Order::Old;
        }
        if delta < MAX_DROPOUT {
            if sequence < self.max_sequence && self.received > 0 {
                self.cycles = self.cycles.wrapping_add(1 << 16);
            }
            self.max_sequence = sequence;
            self.seen = self.seen.checked_shl(u32::from(delta)).unwrap_or(0) | 1;
            self.bad_sequence = None;
            self.received = self.received.wrapping_add(1);
            return Order::Newest { gap: delta - 1 };
        }
        if self.bad_sequence == Some(sequence) {
            *self = Self {
                jitter: self.jitter,
                transit: None,
                ..Self::new(self.ssrc, sequence)
            };
            self.max_sequence = sequence;
            self.seen = 1;
            self.received = 1;
            return Order::Restarted;
        }
        self.bad_sequence = Some(sequence.wrapping_add(1));
        Order::Invalid
    }

    /// Whether a sequence number follows what was received, with or without a gap.
    #[must_use]
    pub fn is_followed_by(&self, sequence: u16) -> bool {
        let delta = sequence.wrapping_sub(self.max_sequence);
        (1..MAX_DROPOUT).contains(&delta)
    }

    /// Takes the times of an audio packet (A.8); both in clock ticks, each from its own zero.
    pub fn handle_times(&mut self, timestamp: u32, arrival: u32) {
        let transit = arrival.wrapping_sub(timestamp);
        if let Some(before) = self.transit.replace(transit) {
            let difference = transit.wrapping_sub(before).cast_signed().unsigned_abs();
            if difference > MAX_TRANSIT_CHANGE {
                return; // the timestamps jumped: that is no jitter
            }
            let decayed = self.jitter - ((self.jitter + 8) >> 4);
            self.jitter = decayed + difference;
        }
    }

    /// A report of what happened since the last one (A.3).
    pub fn report(&mut self) -> Report {
        let expected = self.expected();
        let expected_interval = expected.wrapping_sub(self.expected_before);
        let received_interval = self.received.wrapping_sub(self.received_before);
        self.expected_before = expected;
        self.received_before = self.received;
        let lost_interval = expected_interval.saturating_sub(received_interval);
        let fraction = if expected_interval == 0 {
            0
        } else {
            (u64::from(lost_interval) << 8) / u64::from(expected_interval)
        };
        Report {
            fraction_lost: u8::try_from(fraction).unwrap_or(u8::MAX),
            cumulative_lost: self.lost().clamp(-0x80_0000, 0x7F_FFFF),
            extended_highest_sequence: self.cycles.wrapping_add(u32::from(self.max_sequence)),
            jitter: self.jitter(),
        }
    }

    /// Who it is.
    #[must_use]
    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Packets received, duplicates included.
    #[must_use]
    pub fn received(&self) -> u32 {
        self.received
    }

    /// Packets that should have come.
    #[must_use]
    pub fn expected(&self) -> u32 {
        if self.received == 0 {
            return 0;
        }
        self.cycles
            .wrapping_add(u32::from(self.max_sequence))
            .wrapping_sub(u32::from(self.base_sequence))
            .wrapping_add(1)
    }

    /// Expected less received.
    #[must_use]
    pub fn lost(&self) -> i32 {
        self.expected().wrapping_sub(self.received).cast_signed()
    }

    /// Interarrival jitter in clock ticks.
    #[must_use]
    pub fn jitter(&self) -> u32 {
        self.jitter >> 4
    }
}

/// RFC 3550 A.1.
const MAX_DROPOUT: u16 = 3000;
/// RFC 3550 A.1.
const MAX_MISORDER: u16 = 100;
/// Two seconds at 8000 ticks.
const MAX_TRANSIT_CHANGE: u32 = 16_000;

#[cfg(test)]
mod tests;
