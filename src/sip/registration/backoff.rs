//! How long to wait: between tries (RFC 5626 §4.5), and from one refresh to the next.

use std::time::Duration;

use crate::sip::Random;

/// What went wrong decides how patient the retries are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// Nobody answers, or the registrar is in trouble: it may be back in seconds.
    Quick,
    /// We were refused: the same again soon would be taken for guessing passwords, and locked out.
    Slow,
}

impl Pace {
    /// The longest wait after the first failure, and at all. An office whose PBX was off all night has its
    /// line back five minutes after; a password that is wrong is offered some eight times in the first hour.
    fn bounds(self) -> (Duration, Duration) {
        match self {
            Self::Quick => (Duration::from_secs(5), Duration::from_mins(5)),
            Self::Slow => (Duration::from_mins(2), Duration::from_mins(30)),
        }
    }

    /// The least part of the bound that is waited, in percent. Chance keeps clients of one registrar apart.
    fn least(self) -> u64 {
        match self {
            Self::Quick => 50,
            Self::Slow => 75,
        }
    }

    /// The wait after the `failures`th failure in a row, from 1.
    pub(super) fn wait(self, failures: u32, random: &mut Random) -> Duration {
        let (first, most) = self.bounds();
        let doubled = first.saturating_mul(1 << failures.saturating_sub(1).min(16));
        part(doubled.min(most), self.least(), 100, random)
    }
}

/// When to refresh what was granted: after 80 to 90 percent of it, five seconds before its end at the latest,
/// and never at once.
pub(super) fn refresh_after(granted: Duration, random: &mut Random) -> Duration {
    let latest = granted.saturating_sub(Duration::from_secs(5));
    part(granted, 80, 90, random)
        .min(latest)
        .max(granted / 2)
        .max(Duration::from_secs(1))
}

/// Between `from` and `to` percent of a duration.
fn part(duration: Duration, from: u64, to: u64, random: &mut Random) -> Duration {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX / 100);
    let span = millis.saturating_mul(to - from) / 100;
    let chance = random.next_u64() % (span + 1);
    Duration::from_millis(millis.saturating_mul(from) / 100 + chance)
}
