//! One second of samples by place, each present or not.

use core::ops::Range;

/// Samples held: 1.024 s. What lies further ahead than this is a jump; older samples are overwritten.
pub(super) const CAPACITY: usize = 8192;

/// Which places, modulo the capacity, have a sample. The samples stand in the buffer's bytes.
#[derive(Debug)]
pub(super) struct Ring {
    present: Box<[u64; WORDS]>,
}

impl Ring {
    pub(super) fn new() -> Self {
        Self {
            present: Box::new([0; WORDS]),
        }
    }

    pub(super) fn clear(&mut self) {
        self.present.fill(0);
    }

    /// Stores samples; false when all of them were there.
    pub(super) fn write(&mut self, bytes: &mut [u8], place: u64, payload: &[u8]) -> bool {
        let mut new = false;
        let mut from = 0;
        for run in runs(place, payload.len()) {
            let part = &payload[from..from + run.len()];
            for (word, mask) in words(run.clone()) {
                new |= self.present[word] & mask != mask;
                self.present[word] |= mask;
            }
            bytes[run].copy_from_slice(part);
            from += part.len();
        }
        new
    }

    /// Where so many samples from a place on would be stored, as far as they stand together, and the first word of
    /// their presence.
    pub(super) fn room<'a>(
        &'a self,
        bytes: &'a [u8],
        place: u64,
        length: usize,
    ) -> (&'a [u8], &'a u64) {
        let [run, _] = runs(place, length);
        (&bytes[run], &self.present[index(place) / WORD])
    }

    pub(super) fn has(&self, place: u64) -> bool {
        let index = index(place);
        self.present[index / WORD] >> (index % WORD) & 1 == 1
    }

    /// How many samples from a place on are all present, or all missing; `limit` at most.
    pub(super) fn run(&self, place: u64, limit: usize) -> (bool, usize) {
        let present = self.has(place);
        (present, self.same(present, place, limit))
    }

    /// Copies what is there without taking it; false, and nothing copied that can be used, when something is missing.
    pub(super) fn peek(&self, bytes: &[u8], place: u64, samples: &mut [u8]) -> bool {
        if self.same(true, place, samples.len()) < samples.len() {
            return false;
        }
        copy(bytes, place, samples);
        true
    }

    /// Moves out what is present without a gap; gives the number of samples.
    pub(super) fn take(&mut self, bytes: &[u8], place: u64, buffer: &mut [u8]) -> usize {
        let count = self.same(true, place, buffer.len());
        copy(bytes, place, &mut buffer[..count]);
        self.discard(place, count as u64);
        count
    }

    pub(super) fn discard(&mut self, place: u64, samples: u64) {
        for run in runs(place, usize::try_from(samples).unwrap_or(CAPACITY)) {
            for (word, mask) in words(run) {
                self.present[word] &= !mask;
            }
        }
    }

    /// How many places in a row are all present, or all missing.
    fn same(&self, present: bool, place: u64, limit: usize) -> usize {
        let flip = if present { u64::MAX } else { 0 };
        let mut count = 0;
        for run in runs(place, limit) {
            for (word, mask) in words(run.clone()) {
                let other = (self.present[word] ^ flip) & mask;
                if other != 0 {
                    let at = word * WORD + other.trailing_zeros() as usize;
                    return count + at - run.start;
                }
            }
            count += run.len();
        }
        count
    }
}

fn copy(bytes: &[u8], place: u64, samples: &mut [u8]) {
    let mut from = 0;
    for run in runs(place, samples.len()) {
        let part = &mut samples[from..from + run.len()];
        from += run.len();
        part.copy_from_slice(&bytes[run]);
    }
}

fn index(place: u64) -> usize {
    (place % CAPACITY as u64) as usize
}

/// Where so many samples from a place on stand: one stretch, or two around the end. Not more than the capacity.
fn runs(place: u64, length: usize) -> [Range<usize>; 2] {
    let start = index(place);
    let length = length.min(CAPACITY);
    let first = length.min(CAPACITY - start);
    [start..start + first, 0..length - first]
}

/// The words of a stretch, each with those of its bits that belong to it.
fn words(run: Range<usize>) -> impl Iterator<Item = (usize, u64)> {
    let below = |bit: usize| 1_u64.checked_shl(bit as u32).unwrap_or(0).wrapping_sub(1);
    (run.start / WORD..run.end.div_ceil(WORD)).map(move |word| {
        let from = run.start.saturating_sub(word * WORD);
        let until = (run.end - word * WORD).min(WORD);
        (word, below(until) & !below(from))
    })
}

/// Places in a word.
const WORD: usize = u64::BITS as usize;
const WORDS: usize = CAPACITY / WORD;

#[cfg(test)]
mod tests;
