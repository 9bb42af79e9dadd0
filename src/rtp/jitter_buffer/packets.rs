//! Packets that cannot be cut, by place: Opus.

use std::num::NonZeroU16;
use std::ops::Range;

use super::{CAPACITY, Chunk};

/// Packets that wait. The buffer's bytes are used in a circle: what is overwritten is lost.
#[derive(Debug)]
pub(super) struct Packets {
    entries: Box<[Option<Entry>]>,
    /// Where the next packet's bytes begin, if they fit before the end.
    end: u16,
}

/// Small, since each call has room for all.
#[derive(Clone, Copy, Debug)]
struct Entry {
    place: u64,
    ticks: NonZeroU16,
    /// Where its bytes are.
    at: u16,
    len: u16,
}

const _: () = assert!(size_of::<Option<Entry>>() == 16);

impl Entry {
    fn bytes(&self) -> Range<usize> {
        let at = usize::from(self.at);
        at..at + usize::from(self.len)
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.at < other.at + other.len && other.at < self.at + self.len
    }
}

impl Packets {
    pub(super) fn new() -> Self {
        Self {
            entries: vec![None; ENTRIES].into(),
            end: 0,
        }
    }

    pub(super) fn clear(&mut self) {
        self.entries.fill(None);
    }

    /// Stores a packet; false when it was there, or is none: of no duration, or longer than any.
    pub(super) fn write(
        &mut self,
        bytes: &mut [u8; CAPACITY],
        place: u64,
        ticks: u32,
        payload: &[u8],
    ) -> bool {
        let Some(entry) = self.entry(place, ticks, payload.len()) else {
            return false;
        };
        if self.entries.iter().flatten().any(|it| it.place == place) {
            return false;
        }
        bytes[entry.bytes()].copy_from_slice(payload);
        self.end = entry.at + entry.len;
        for old in &mut self.entries {
            if old.is_some_and(|it| it.overlaps(&entry)) {
                *old = None;
            }
        }
        let free = self.entries.iter().position(Option::is_none);
        let place_of = |index: &usize| self.entries[*index].map_or(0, |it| it.place);
        let slot = free.or_else(|| (0..ENTRIES).min_by_key(place_of));
        if let Some(slot) = slot {
            self.entries[slot] = Some(entry);
        }
        true
    }

    fn entry(&self, place: u64, ticks: u32, len: usize) -> Option<Entry> {
        let ticks = NonZeroU16::new(u16::try_from(ticks).ok()?)?;
        let room = CAPACITY.checked_sub(len)?; // a packet stands in one piece
        let at = if usize::from(self.end) > room {
            0
        } else {
            self.end
        };
        Some(Entry {
            place,
            ticks,
            at,
            len: u16::try_from(len).ok()?,
        })
    }

    /// The place of the first packet.
    pub(super) fn next(&self) -> Option<u64> {
        self.entries.iter().flatten().map(|it| it.place).min()
    }

    /// Moves the first packet out.
    pub(super) fn take(&mut self, bytes: &[u8; CAPACITY], buffer: &mut [u8]) -> Option<Chunk> {
        let next = self.next()?;
        let is_next = |it: &Option<Entry>| it.is_some_and(|it| it.place == next);
        let entry = self.entries.iter_mut().find(|it| is_next(it))?.take()?;
        let packet = &bytes[entry.bytes()];
        let len = packet.len().min(buffer.len());
        buffer[..len].copy_from_slice(&packet[..len]);
        Some(Chunk {
            len,
            ticks: u32::from(entry.ticks.get()),
            position: entry.place,
            contiguous: true,
        })
    }

    /// Drops what begins before a place.
    pub(super) fn discard_before(&mut self, place: u64) {
        for entry in &mut self.entries {
            if entry.is_some_and(|it| it.place < place) {
                *entry = None;
            }
        }
    }
}

/// A second of 20 ms packets, and a third of one of 5 ms. When full the one that is due first gives way. The buffer's
/// bytes are a second of 64 kbit/s, more than speech takes.
const ENTRIES: usize = 64;

#[cfg(test)]
mod tests;
