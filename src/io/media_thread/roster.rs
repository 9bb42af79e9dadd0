//! The calls of one thread: by number, by place, and by the phase in which they are ticked.

use std::collections::HashMap;

use super::CALLS;
use super::call::Call;
use super::pacer::PHASES;

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

    /// A call begins in the phase that has the fewest; of several, in the one that comes soonest after `phase`, the
    /// one that is next. So no phase ever has more than its share of [`CALLS`]. Gives the call back when it is full.
    pub(super) fn insert(&mut self, call: Box<Call>, phase: usize) -> Result<(), Box<Call>> {
        let Some(place) = self.free.pop() else {
            return Err(call);
        };
        let phases = (0..PHASES).map(|ahead| (phase + ahead) % PHASES);
        let phase = phases
            .min_by_key(|phase| self.rounds[*phase].len())
            .unwrap_or(0);
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

    pub(super) fn len(&self) -> usize {
        self.count
    }

    #[cfg(test)]
    pub(super) fn load(&self) -> [usize; PHASES] {
        std::array::from_fn(|phase| self.rounds[phase].len())
    }
}
