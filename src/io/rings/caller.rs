//! The ring from the media thread to the ear: what came of the caller, in the wire's codec.
//!
//! It is a ring of bytes. An item begins with one byte that is its length or says what it is, so a call in G.711
//! takes the same memory as with frames of a fixed size, and a packet of Opus may be as long as any.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Poll, Waker};

use futures_util::task::AtomicWaker;
use ringbuf::traits::{Consumer, Observer, Producer, Split};
use ringbuf::{HeapCons, HeapProd, HeapRb};

use crate::audio::FRAME_SAMPLES;

/// Two seconds of caller audio: the tail that is replayed when a listening socket is opened anew.
/// When full the newest item is dropped and counted in [`CallerWriter::dropped`].
pub const CALLER_RING_FRAMES: usize = 100;
/// Room for that many frames of G.711 or G.722, each with its length. Opus is smaller, as it is told to be
/// (`maxaveragebitrate`). When full the newest item is dropped and counted in [`CallerWriter::dropped`].
pub const CALLER_RING_BYTES: usize = CALLER_RING_FRAMES * (FRAME_SAMPLES + 1);
/// The longest packet of 20 ms that Opus knows (RFC 6716 §3.4); what is beyond is dropped and counted.
pub const LONGEST_PACKET: usize = 1275;

/// The first byte of an item is its length up to here; these are the others.
const LONGEST_SHORT: usize = 252;
const LONG: u8 = 253;
const SILENCE: u8 = 254;
const LOST: u8 = 255;

/// What came in 20 ms. A packet of Opus that sounds longer is one item and covers its duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// A packet's payload, in the wire's codec.
    Heard(&'a [u8]),
    /// A frame was lost: the decoder conceals it. Never in G.711, which is concealed before it comes here.
    Lost,
    /// Nothing was sent, nothing was lost.
    Silence,
}

/// Items taken out of the ring, in order.
#[derive(Clone, Debug, Default)]
pub struct Items {
    bytes: Vec<u8>,
    shapes: Vec<Shape>,
}

#[derive(Clone, Copy, Debug)]
enum Shape {
    Heard(usize),
    Lost,
    Silence,
}

#[derive(Debug, Default)]
struct Shared {
    waker: AtomicWaker,
    wanted: AtomicUsize,
    /// Whole items in the ring.
    items: AtomicUsize,
    dropped: AtomicU64,
    closed: AtomicBool,
}

/// The media thread's end of the caller ring.
pub struct CallerWriter {
    ring: HeapProd<u8>,
    shared: Arc<Shared>,
}

/// The ear's end of the caller ring.
pub struct CallerReader {
    ring: HeapCons<u8>,
    shared: Arc<Shared>,
}

/// A caller ring.
#[must_use]
pub fn caller_ring() -> (CallerWriter, CallerReader) {
    let (producer, consumer) = HeapRb::new(CALLER_RING_BYTES).split();
    let shared = Arc::new(Shared::default());
    (
        CallerWriter {
            ring: producer,
            shared: Arc::clone(&shared),
        },
        CallerReader {
            ring: consumer,
            shared,
        },
    )
}

impl CallerWriter {
    /// Adds a frame of audio.
    pub fn push(&mut self, audio: &[u8]) {
        self.push_item(Item::Heard(audio));
    }

    /// Adds an item and wakes the reader when it has as much as it asked for.
    pub fn push_item(&mut self, item: Item<'_>) {
        self.add(item);
        if let Some(waker) = self.waiting() {
            waker.wake();
        }
    }

    /// Adds an item and leaves the waking to the caller.
    pub fn add(&mut self, item: Item<'_>) {
        if self.put(item) {
            self.shared.items.fetch_add(1, Ordering::Release);
        } else {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Who waits and has as much as it asked for. It must be woken.
    #[must_use]
    pub fn waiting(&self) -> Option<Waker> {
        let items = self.shared.items.load(Ordering::Relaxed);
        let enough = items >= self.shared.wanted.load(Ordering::Acquire);
        enough.then(|| self.shared.waker.take()).flatten()
    }

    /// Writes head and body, or nothing.
    fn put(&mut self, item: Item<'_>) -> bool {
        let body = match item {
            Item::Heard(packet) => packet,
            Item::Lost | Item::Silence => &[],
        };
        let [low, high] = match u16::try_from(body.len()) {
            Ok(length) if body.len() <= LONGEST_PACKET => length.to_le_bytes(),
            _ => return false,
        };
        let long = [LONG, low, high];
        let head: &[u8] = match item {
            Item::Heard(packet) if packet.len() > LONGEST_SHORT => &long,
            Item::Heard(_) => &long[1..2],
            Item::Lost => &[LOST],
            Item::Silence => &[SILENCE],
        };
        let full = self.shared.items.load(Ordering::Relaxed) >= CALLER_RING_FRAMES;
        if full || self.ring.vacant_len() < head.len() + body.len() {
            return false;
        }
        self.ring.push_slice(head) + self.ring.push_slice(body) == head.len() + body.len()
    }

    /// Whether somebody holds the other end.
    #[must_use]
    pub fn is_heard(&self) -> bool {
        self.ring.read_is_held()
    }

    /// Items dropped because the reader was too slow, or because they were longer than any packet may be.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }
}

impl Drop for CallerWriter {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Release);
        self.shared.waker.wake();
    }
}

impl CallerReader {
    /// Waits until `frames` items are there (or the stream has ended), then appends all audio that is
    /// there to `audio`: for G.711, where nothing else comes. Returns false when the writer is gone and nothing is
    /// left. Cancel-safe.
    pub async fn read(&mut self, frames: usize, audio: &mut Vec<u8>) -> bool {
        self.wait(frames).await;
        let mut items = Items {
            bytes: core::mem::take(audio),
            shapes: Vec::new(),
        };
        let any = self.take(&mut items);
        *audio = items.bytes;
        any || !self.shared.closed.load(Ordering::Acquire)
    }

    /// The same with each item for itself.
    pub async fn read_items(&mut self, frames: usize, items: &mut Items) -> bool {
        self.wait(frames).await;
        self.take(items) || !self.shared.closed.load(Ordering::Acquire)
    }

    async fn wait(&mut self, frames: usize) {
        let frames = frames.min(CALLER_RING_FRAMES);
        self.shared.wanted.store(frames.max(1), Ordering::Release);
        let shared = &self.shared;
        poll_fn(move |context| {
            shared.waker.register(context.waker());
            let closed = shared.closed.load(Ordering::Acquire);
            if shared.items.load(Ordering::Acquire) >= frames || closed {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    /// Takes all that is there; whether anything was.
    fn take(&mut self, items: &mut Items) -> bool {
        let whole = self.shared.items.load(Ordering::Acquire);
        for _ in 0..whole {
            let shape = self.shape();
            if let Shape::Heard(length) = shape {
                let start = items.bytes.len();
                items.bytes.resize(start + length, 0);
                self.ring.pop_slice(&mut items.bytes[start..]);
            }
            items.shapes.push(shape);
            self.shared.items.fetch_sub(1, Ordering::Relaxed);
        }
        whole > 0
    }

    fn shape(&mut self) -> Shape {
        let mut byte = || self.ring.try_pop().unwrap_or(LOST);
        match byte() {
            LOST => Shape::Lost,
            SILENCE => Shape::Silence,
            LONG => Shape::Heard(usize::from(u16::from_le_bytes([byte(), byte()]))),
            length => Shape::Heard(usize::from(length)),
        }
    }
}

impl Items {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shapes.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shapes.is_empty()
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = Item<'_>> {
        let mut at = 0;
        self.shapes.iter().map(move |shape| match *shape {
            Shape::Heard(length) => {
                at += length;
                Item::Heard(&self.bytes[at - length..at])
            }
            Shape::Lost => Item::Lost,
            Shape::Silence => Item::Silence,
        })
    }
}

#[cfg(test)]
mod tests;
