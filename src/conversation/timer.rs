//! The timers of a conversation.

use std::time::Instant;

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    /// Silence before the greeting.
    LeadIn,
    /// The caller says nothing.
    NoInput,
    /// The ear leaves the caller's turn open.
    CallerTurn,
    /// The knowledge base does not answer.
    Search,
    /// The model does not go on.
    Model,
    /// The voice does not begin.
    Voice,
    /// What is playing should have ended: look again.
    Playout,
    /// Nothing to be heard on our turn: say so.
    Filler,
    /// Nothing said on our turn: give up.
    DeadAir,
    /// The call is too long.
    CallMax,
    /// The caller is being connected: act, or say that it takes long.
    Connecting,
    /// The last word was played: silence before the hang-up.
    Tail,
    /// The last word was never reported as played: hang up all the same.
    Guard,
}

const ALL: [Timer; 13] = [
    Timer::LeadIn,
    Timer::NoInput,
    Timer::CallerTurn,
    Timer::Search,
    Timer::Model,
    Timer::Voice,
    Timer::Playout,
    Timer::Filler,
    Timer::DeadAir,
    Timer::CallMax,
    Timer::Connecting,
    Timer::Tail,
    Timer::Guard,
];

/// One deadline for each timer.
#[derive(Clone, Debug, Default)]
pub(super) struct Timers {
    deadlines: [Option<Instant>; ALL.len()],
}

impl Timers {
    pub(super) fn arm(&mut self, timer: Timer, deadline: Instant) {
        self.deadlines[timer as usize] = Some(deadline);
    }

    pub(super) fn disarm(&mut self, timer: Timer) {
        self.deadlines[timer as usize] = None;
    }

    /// Arms at a deadline, or disarms.
    pub(super) fn set(&mut self, timer: Timer, deadline: Option<Instant>) {
        self.deadlines[timer as usize] = deadline;
    }

    pub(super) fn is_armed(&self, timer: Timer) -> bool {
        self.deadlines[timer as usize].is_some()
    }

    pub(super) fn clear(&mut self) {
        self.deadlines = Default::default();
    }

    pub(super) fn earliest(&self) -> Option<Instant> {
        self.deadlines.iter().flatten().min().copied()
    }

    /// Takes the earliest timer that is due.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Timer> {
        let due = ALL
            .into_iter()
            .filter_map(|timer| Some((self.deadlines[timer as usize]?, timer)));
        let (_, timer) = due.filter(|(at, _)| *at <= now).min_by_key(|(at, _)| *at)?;
        self.disarm(timer);
        Some(timer)
    }
}

#[cfg(test)]
mod tests;
