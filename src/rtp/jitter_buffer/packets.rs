//! Packets that cannot be cut, by place: Opus.

use super::Chunk;

/// Packets that wait. The buffer's bytes are used in a circle: what is overwritten is lost.
#[derive(Debug)]
pub(super) struct Packets {
    entries: Box<[Option<Entry>]>,
    /// Bytes written since the beginning.
    written: usize,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    place: u64,
    ticks: u32,
    /// Where its bytes begin, counted from the beginning.
    from: usize,
    len: usize,
}

impl Packets {
    pub(super) fn new() -> Self {
        Self {
            entries: vec![None; ENTRIES].into(),
            written: 0,
        }
    }

    pub(super) fn clear(&mut self) {
        self.entries.fill(None);
    }

    /// Stores a packet; false when it was there.
    pub(super) fn write(
        &mut self,
        bytes: &mut [u8],
        place: u64,
        ticks: u32,
        payload: &[u8],
    ) -> bool {
        if self.entries.iter().flatten().any(|it| it.place == place) {
            return false;
        }
        let room = bytes.len();
        let mut from = self.written;
        if from % room + payload.len() > room {
            from += room - from % room; // a packet stands in one piece
        }
        let at = from % room;
        bytes[at..at + payload.len()].copy_from_slice(payload);
        self.written = from + payload.len();
        let oldest = self.written.saturating_sub(room);
        for entry in &mut self.entries {
            if entry.is_some_and(|it| it.from < oldest) {
                *entry = None;
            }
        }
        let free = self.entries.iter().position(Option::is_none);
        let place_of = |index: &usize| self.entries[*index].map_or(0, |it| it.place);
        let slot = free.or_else(|| (0..ENTRIES).min_by_key(place_of));
        if let Some(slot) = slot {
            self.entries[slot] = Some(Entry {
                place,
                ticks,
                from,
                len: payload.len(),
            });
        }
        true
    }

    /// The place of the first packet.
    pub(super) fn next(&self) -> Option<u64> {
        self.entries.iter().flatten().map(|it| it.place).min()
    }

    /// Moves the first packet out.
    pub(super) fn take(&mut self, bytes: &[u8], buffer: &mut [u8]) -> Option<Chunk> {
        let next = self.next()?;
        let is_next = |it: &Option<Entry>| it.is_some_and(|it| it.place == next);
        let entry = self.entries.iter_mut().find(|it| is_next(it))?.take()?;
        let at = entry.from % bytes.len();
        let len = entry.len.min(buffer.len());
        buffer[..len].copy_from_slice(&bytes[at..at + len]);
        Some(Chunk {
            len,
            ticks: entry.ticks,
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
