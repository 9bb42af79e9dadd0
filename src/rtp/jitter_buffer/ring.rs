//! One second of samples by place, each present or not.

use core::ops::Range;

/// Samples held: 1.024 s. What lies further ahead than this is a jump; older samples are overwritten.
pub(super) const CAPACITY: u64 = 8192;

/// Samples by place modulo the capacity.
#[derive(Debug)]
pub(super) struct Ring {
    samples: Box<[u8]>,
    present: Box<[bool]>,
}

impl Ring {
    pub(super) fn new() -> Self {
        Self {
            samples: vec![0; CAPACITY as usize].into(),
            present: vec![false; CAPACITY as usize].into(),
        }
    }

    pub(super) fn clear(&mut self) {
        self.present.fill(false);
    }

    /// Stores samples; false when all of them were there.
    pub(super) fn write(&mut self, place: u64, payload: &[u8]) -> bool {
        let mut complete = true;
        let mut from = 0;
        for run in runs(place, payload.len()) {
            let part = &payload[from..from + run.len()];
            let present = &mut self.present[run.clone()];
            complete &= present.iter().fold(true, |all, one| all & one);
            present.fill(true);
            self.samples[run].copy_from_slice(part);
            from += part.len();
        }
        !complete
    }

    pub(super) fn has(&self, place: u64) -> bool {
        self.present[index(place)]
    }

    /// How many samples from a place on are all present, or all missing; `limit` at most.
    pub(super) fn run(&self, place: u64, limit: usize) -> (bool, usize) {
        let present = self.has(place);
        let same = |offset: &usize| self.has(place + *offset as u64) == present;
        (present, (0..limit).take_while(same).count())
    }

    /// Copies what is there without taking it; false, and nothing copied that can be used, when something is missing.
    pub(super) fn peek(&self, place: u64, samples: &mut [u8]) -> bool {
        for (offset, sample) in samples.iter_mut().enumerate() {
            let index = index(place + offset as u64);
            if !self.present[index] {
                return false;
            }
            *sample = self.samples[index];
        }
        true
    }

    /// Moves out what is present without a gap; gives the number of samples.
    pub(super) fn take(&mut self, place: u64, buffer: &mut [u8]) -> usize {
        let mut taken = 0;
        for run in runs(place, buffer.len()) {
            let present = &mut self.present[run.clone()];
            let count = present.iter().position(|one| !one).unwrap_or(run.len());
            present[..count].fill(false);
            let samples = &self.samples[run.start..run.start + count];
            buffer[taken..taken + count].copy_from_slice(samples);
            taken += count;
            if count < run.len() {
                break;
            }
        }
        taken
    }

    pub(super) fn discard(&mut self, place: u64, samples: u64) {
        for offset in 0..samples {
            self.present[index(place + offset)] = false;
        }
    }
}

fn index(place: u64) -> usize {
    (place % CAPACITY) as usize
}

/// Where so many samples from a place on stand: one stretch, or two around the end. Not more than the capacity.
fn runs(place: u64, length: usize) -> [Range<usize>; 2] {
    let (start, capacity) = (index(place), CAPACITY as usize);
    let length = length.min(capacity);
    let first = length.min(capacity - start);
    [start..start + first, 0..length - first]
}
