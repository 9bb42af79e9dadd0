//! The calls of one thread: by number, by place, and by the phase in which they are ticked.

use std::collections::HashMap;

use super::CALLS;
use super::call::Call;
use super::pacer::PHASES;
use super::prefetch::prefetch;

/// Room for [`CALLS`], taken at the start: nothing here allocates later.
pub(super) struct Roster {
    slots: Vec<Option<Slot>>,
    free: Vec<usize>,
    /// Places by id. Twice the room that is needed, so that the table never grows.
    places: HashMap<u64, usize>,
    /// Places by phase; see [`Roster::insert`] for why none gets more than its share.
    rounds: [Vec<usize>; PHASES],
    count: usize,
}

struct Slot {
    phase: usize,
    call: Box<Call>,
}

impl Roster {
    pub(super) fn new() -> Self {
        Self {
            slots: std::iter::repeat_with(|| None).take(CALLS).collect(),
            free: (0..CALLS).rev().collect(),
            places: HashMap::with_capacity(2 * CALLS),
            rounds: std::array::from_fn(|_| Vec::with_capacity(CALLS.div_ceil(PHASES))),
            count: 0,
        }
    }

    /// The place that the next call gets; `None` when all are taken.
    pub(super) fn vacancy(&self) -> Option<usize> {
        self.free.last().copied()
    }

    /// A call joins others, since each phase that has a call costs a wake-up: it begins in the phase that comes
    /// soonest from `phase` on, the one that is next, and has not its [`SHARE`] yet. Where others have theirs, a phase is
    /// opened, the soonest; where all have it, it is the one with the fewest. So no phase ever has more than its part of
    /// [`CALLS`]. Gives the call back when it is full.
    pub(super) fn insert(&mut self, call: Box<Call>, phase: usize) -> Result<(), Box<Call>> {
        let Some(place) = self.free.pop() else {
            return Err(call);
        };
        let rank = |phase: &usize| match self.rounds[*phase].len() {
            1..SHARE => 0,
            0 => 1,
            more => more,
        };
        let phase = from(phase).min_by_key(rank).unwrap_or(0);
        self.rounds[phase].push(place);
        self.places.insert(call.id(), place);
        self.slots[place] = Some(Slot { phase, call });
        self.count += 1;
        Ok(())
    }

    /// Takes the call at a place out. The last call of its phase takes its turn.
    pub(super) fn take(&mut self, place: usize) -> Option<Box<Call>> {
        let Slot { phase, call } = self.slots.get_mut(place)?.take()?;
        let round = &mut self.rounds[phase];
        if let Some(turn) = round.iter().position(|other| *other == place) {
            round.swap_remove(turn);
        }
        self.places.remove(&call.id());
        self.free.push(place);
        self.count -= 1;
        Some(call)
    }

    pub(super) fn find(&self, id: u64) -> Option<usize> {
        self.places.get(&id).copied()
    }

    pub(super) fn at(&mut self, place: usize) -> Option<&mut Call> {
        self.slots
            .get_mut(place)?
            .as_mut()
            .map(|slot| &mut *slot.call)
    }

    /// The place whose turn it is in a phase; turns are counted from 0. Who leaves at his turn has the last of the
    /// phase stand there.
    pub(super) fn turn(&self, phase: usize, turn: usize) -> Option<usize> {
        self.rounds[phase].get(turn).copied()
    }

    /// How many phases in a row, from this one on, have no call.
    pub(super) fn empty(&self, phase: usize) -> usize {
        from(phase)
            .take_while(|phase| self.rounds[*phase].is_empty())
            .count()
    }

    /// Asks for the memory of a phase's calls: since their last turn others have filled the caches.
    pub(super) fn prefetch(&self, phase: usize) {
        for place in &self.rounds[phase] {
            if let Some(slot) = &self.slots[*place] {
                prefetch(&*slot.call);
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    #[cfg(test)]
    pub(super) fn load(&self) -> [usize; PHASES] {
        std::array::from_fn(|phase| self.rounds[phase].len())
    }
}

/// All phases in the order in which they come, this one first.
fn from(phase: usize) -> impl Iterator<Item = usize> {
    (phase..phase + PHASES).map(|phase| phase % PHASES)
}

/// Calls of a phase before another is opened: what leaves at once takes less than a millisecond.
pub(super) const SHARE: usize = 16;
