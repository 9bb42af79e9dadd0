//! The ring between the media thread and the recording thread. It carries what was heard and said as the call's codec
//! has it, since the media thread decodes nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use ringbuf::traits::{Consumer, Observer, Producer, Split};
use ringbuf::{HeapCons, HeapProd, HeapRb};

use crate::audio::{Codec, FRAME_SAMPLES, Law};
use crate::io::rings::Item;

/// Five seconds of both directions: longer than an SD card stalls when it cleans up.
pub(super) const RECORDING_TICKS: usize = 250;
/// Room for that many ticks of G.711 or G.722, in bytes; Opus is smaller, as it is told to be. When full the newest
/// tick is dropped and counted in [`super::Counters::ticks_dropped`]; the file has silence there.
pub const RECORDING_RING: usize = RECORDING_TICKS * 2 * (HEAD + FRAME_SAMPLES);
/// Number, what it is, codec and length.
const HEAD: usize = 8;

/// What was heard or said, with the tick that it belongs to.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    /// Counts from the stream's start, also while nothing is recorded.
    pub(super) tick: u32,
    pub(super) side: Side,
    pub(super) codec: Codec,
    what: What,
    bytes: Vec<u8>,
}

/// Who is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Caller,
    Agent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Heard,
    Lost,
    Silence,
}

#[derive(Debug, Default)]
struct Shared {
    /// One of [`OFF`], [`ON`], [`STOPPED`], [`DISCARDED`].
    state: AtomicU8,
    /// Ticks that the stream has made; all before it are in the ring, or never will be.
    ticks: AtomicU32,
    dropped: AtomicU64,
    /// Whole pieces in the ring.
    pieces: AtomicUsize,
    closed: AtomicBool,
}

/// Not begun, or paused.
const OFF: u8 = 0;
const ON: u8 = 1;
const STOPPED: u8 = 2;
const DISCARDED: u8 = 3;

/// The media thread's end. Nothing of it waits or allocates.
pub struct Tap {
    ring: HeapProd<u8>,
    shared: Arc<Shared>,
    /// The first of the ticks being taken, and how many they are.
    tick: u32,
    taken: u32,
    /// The tick that there was no room for.
    full: Option<u32>,
    /// Ticks that were slept through; what was heard in them comes with the next.
    stalled: u32,
}

/// The recording thread's end.
pub struct TapReader {
    ring: HeapCons<u8>,
    shared: Arc<Shared>,
    rate: u32,
}

/// The call's hand on the recording.
#[derive(Clone, Debug)]
pub struct Switch {
    shared: Arc<Shared>,
}

/// A tap that is off, of a recording at this rate.
#[must_use]
pub fn tap(rate: u32) -> (Tap, TapReader) {
    let (producer, consumer) = HeapRb::new(RECORDING_RING).split();
    let shared = Arc::new(Shared::default());
    let tap = Tap {
        ring: producer,
        shared: Arc::clone(&shared),
        tick: 0,
        taken: 0,
        full: None,
        stalled: 0,
    };
    let reader = TapReader {
        ring: consumer,
        shared,
        rate,
    };
    (tap, reader)
}

impl Tap {
    /// A tick is slept through; what was heard in it follows with the next.
    pub fn stall(&mut self) {
        self.stalled = self.stalled.saturating_add(1);
    }

    /// So many ticks are to be taken, up to the present one: what is missing to those slept through is silence.
    pub fn begin(&mut self, ticks: u32) {
        let made = std::mem::take(&mut self.stalled).saturating_add(1);
        self.pass(made.saturating_sub(ticks));
        self.taken = ticks;
    }

    /// What was heard in one of them; `left` are still to be taken after it.
    pub fn hear(&mut self, left: u32, codec: Codec, item: Item<'_>) {
        let index = self.taken.saturating_sub(1).saturating_sub(left);
        self.put(self.tick.wrapping_add(index), Side::Caller, codec, item);
    }

    /// What is said in the present tick, which is the last of them; nothing is silence.
    pub fn say(&mut self, codec: Codec, said: &[u8]) {
        let item = if said.is_empty() {
            Item::Silence
        } else {
            Item::Heard(said)
        };
        let last = self.taken.saturating_sub(1);
        self.put(self.tick.wrapping_add(last), Side::Agent, codec, item);
        let taken = std::mem::take(&mut self.taken);
        self.pass(taken);
    }

    /// So many ticks are over.
    fn pass(&mut self, ticks: u32) {
        self.tick = self.tick.wrapping_add(ticks);
        self.shared.ticks.store(self.tick, Ordering::Release);
    }

    fn put(&mut self, tick: u32, side: Side, codec: Codec, item: Item<'_>) {
        if self.shared.state.load(Ordering::Acquire) != ON || self.full == Some(tick) {
            return;
        }
        let (what, body): (_, &[u8]) = match item {
            Item::Heard(packet) => (What::Heard, packet),
            Item::Lost => (What::Lost, &[]),
            Item::Silence => (What::Silence, &[]),
        };
        // Where the caller is heard there is room for what is said, so that a tick is there with both sides or not.
        let answer = match side {
            Side::Caller => HEAD + FRAME_SAMPLES,
            Side::Agent => 0,
        };
        let length = u16::try_from(body.len()).ok();
        let room = self.ring.vacant_len() >= HEAD + body.len() + answer;
        let Some(length) = length.filter(|_| room) else {
            self.full = Some(tick);
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let [one, two, three, four] = tick.to_le_bytes();
        let [low, high] = length.to_le_bytes();
        let kind = what as u8 | (u8::from(side == Side::Agent) << 4);
        self.ring
            .push_slice(&[one, two, three, four, kind, code(codec), low, high]);
        self.ring.push_slice(body);
        self.shared.pieces.fetch_add(1, Ordering::Release);
    }
}

fn code(codec: Codec) -> u8 {
    match codec {
        Codec::G711(Law::Mu) => 0,
        Codec::G711(Law::A) => 1,
        Codec::G722 => 2,
        Codec::Opus => 3,
    }
}

fn codec(code: u8) -> Codec {
    match code {
        0 => Codec::G711(Law::Mu),
        1 => Codec::G711(Law::A),
        2 => Codec::G722,
        _ => Codec::Opus,
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Release);
    }
}

impl Piece {
    /// A place to read pieces into.
    pub(super) fn new() -> Self {
        Self {
            tick: 0,
            side: Side::Caller,
            codec: Codec::PCMU,
            what: What::Silence,
            bytes: Vec::new(),
        }
    }

    /// What it is to a decoder.
    pub(super) fn item(&self) -> Item<'_> {
        match self.what {
            What::Heard => Item::Heard(&self.bytes),
            What::Lost => Item::Lost,
            What::Silence => Item::Silence,
        }
    }
}

impl TapReader {
    /// The switch of this recording.
    #[must_use]
    pub fn switch(&self) -> Switch {
        Switch {
            shared: Arc::clone(&self.shared),
        }
    }

    /// Samples of each side in a second of the file.
    pub(super) fn rate(&self) -> u32 {
        self.rate
    }

    /// Takes the next piece; false when there is none.
    pub(super) fn pop(&mut self, piece: &mut Piece) -> bool {
        if self.shared.pieces.load(Ordering::Acquire) == 0 {
            return false;
        }
        self.shared.pieces.fetch_sub(1, Ordering::Relaxed);
        let mut head = [0; HEAD];
        self.ring.pop_slice(&mut head);
        let [one, two, three, four, kind, code, low, high] = head;
        piece.tick = u32::from_le_bytes([one, two, three, four]);
        piece.side = if kind >> 4 == 0 {
            Side::Caller
        } else {
            Side::Agent
        };
        piece.what = match kind & 0x0F {
            0 => What::Heard,
            1 => What::Lost,
            _ => What::Silence,
        };
        piece.codec = codec(code);
        piece
            .bytes
            .resize(u16::from_le_bytes([low, high]).into(), 0);
        self.ring.pop_slice(&mut piece.bytes);
        true
    }

    /// Ticks made so far. Read it before the ring is emptied: what is before it and did not come was dropped,
    /// paused or slept through.
    pub(super) fn ticks(&self) -> u32 {
        self.shared.ticks.load(Ordering::Acquire)
    }

    pub(super) fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }

    /// The stream is over.
    pub(super) fn is_closed(&self) -> bool {
        self.shared.closed.load(Ordering::Acquire)
    }

    /// The call wants no more of it.
    pub(super) fn is_stopped(&self) -> bool {
        self.shared.state.load(Ordering::Acquire) >= STOPPED
    }

    /// The call wants nothing of it.
    pub(super) fn is_discarded(&self) -> bool {
        self.shared.state.load(Ordering::Acquire) == DISCARDED
    }
}

impl Switch {
    /// From the next tick on both sides are recorded.
    pub fn record(&self) {
        self.change(ON);
    }

    /// From the next tick on there is silence.
    pub fn pause(&self) {
        self.change(OFF);
    }

    /// The recording ends here.
    pub fn stop(&self) {
        self.change(STOPPED);
    }

    /// The recording ends here, and its file is deleted.
    pub fn discard(&self) {
        self.shared.state.store(DISCARDED, Ordering::Release);
    }

    /// What is stopped stays so.
    fn change(&self, to: u8) {
        let state = &self.shared.state;
        let stopped = |now: u8| (now < STOPPED).then_some(to);
        // Refused when it was stopped, which is meant.
        let _ = state.fetch_update(Ordering::AcqRel, Ordering::Acquire, stopped);
    }
}
