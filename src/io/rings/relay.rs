//! Two rings that join the media of two calls: what one hears the other says.

use ringbuf::traits::{Consumer, Observer, Producer, Split};
use ringbuf::{HeapCons, HeapProd, HeapRb};

use super::Frame;
use crate::audio::{Codec, FRAME_SAMPLES};

/// What may stand in one ring when a media thread wakes late and makes up for 200 ms, with keys among it. When full
/// the newest is dropped and counted in [`RelayEnd::dropped`].
pub const RELAY_RING: usize = 16;
/// More than this is no jitter of two threads but a backlog: the oldest frames are dropped and counted.
const DEPTH: usize = 3;
/// Ticks in a row after which a frame was left over: it is delay and nothing else, so it is dropped.
const SETTLED: u32 = 50;

/// One side of a relay; it goes to the media thread of one call, the other side to that of the other.
pub struct RelayEnd {
    out: HeapProd<Relayed>,
    into: HeapCons<Relayed>,
    left_over: u32,
    dropped: u64,
}

/// What passes.
#[derive(Clone, Copy)]
enum Relayed {
    Audio(Codec, Frame),
    Key(char),
}

/// Two joined ends.
#[must_use]
pub fn relay() -> (RelayEnd, RelayEnd) {
    let (out, into) = HeapRb::new(RELAY_RING).split();
    let (back, from) = HeapRb::new(RELAY_RING).split();
    let end = |out, into| RelayEnd {
        out,
        into,
        left_over: 0,
        dropped: 0,
    };
    (end(out, from), end(back, into))
}

impl RelayEnd {
    /// Passes on a frame that was heard; one without bytes was lost. What is longer than a frame may be is dropped
    /// and counted: a part of a packet means nothing.
    pub fn say(&mut self, codec: Codec, audio: &[u8]) {
        if audio.len() > FRAME_SAMPLES {
            self.dropped += 1;
            return;
        }
        self.put(Relayed::Audio(codec, Frame::new(audio)));
    }

    /// Passes on a key that was pressed.
    pub fn press(&mut self, key: char) {
        self.put(Relayed::Key(key));
    }

    fn put(&mut self, relayed: Relayed) {
        if self.out.try_push(relayed).is_err() {
            self.dropped += 1;
        }
    }

    /// What is to be said in this tick, and in which codec; keys that were pressed on the other side go to `press`.
    /// In the long run not more than one frame waits.
    pub fn hear(&mut self, mut press: impl FnMut(char)) -> Option<(Codec, Frame)> {
        while self.into.occupied_len() > DEPTH {
            self.dropped += u64::from(self.next(&mut press).is_some());
        }
        let frame = self.next(&mut press);
        self.left_over = match self.into.is_empty() {
            true => 0,
            false => self.left_over + 1,
        };
        if self.left_over < SETTLED {
            return frame;
        }
        self.left_over = 0;
        self.dropped += 1;
        self.next(&mut press).or(frame)
    }

    /// The next frame that waits, for somebody who takes them all.
    pub fn take(&mut self, mut press: impl FnMut(char)) -> Option<(Codec, Frame)> {
        self.next(&mut press)
    }

    /// Whether the other side is held by somebody.
    #[must_use]
    pub fn is_joined(&self) -> bool {
        self.out.read_is_held()
    }

    fn next(&mut self, press: &mut impl FnMut(char)) -> Option<(Codec, Frame)> {
        loop {
            match self.into.try_pop()? {
                Relayed::Audio(codec, frame) => return Some((codec, frame)),
                Relayed::Key(key) => press(key),
            }
        }
    }

    /// Frames and keys that were dropped on this side.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}

#[cfg(test)]
mod tests;
