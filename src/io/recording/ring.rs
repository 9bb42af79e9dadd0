//! The ring between the media thread and the recording thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};

use ringbuf::traits::{Consumer, Producer, Split};
use ringbuf::{HeapCons, HeapProd, HeapRb};

use crate::audio::{FRAME_SAMPLES, Law};

/// Five seconds of both directions: longer than an SD card stalls when it cleans up. When full the newest tick
/// is dropped and counted in [`super::Counters::ticks_dropped`]; the file has silence there.
pub const RECORDING_RING: usize = 250;

/// Twenty milliseconds of a call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tick {
    /// Counts from the stream's start, also while nothing is recorded.
    pub(super) number: u32,
    pub(super) law: Law,
    pub(super) caller: [u8; FRAME_SAMPLES],
    pub(super) agent: [u8; FRAME_SAMPLES],
}

#[derive(Debug, Default)]
struct Shared {
    /// One of [`OFF`], [`ON`], [`STOPPED`], [`DISCARDED`].
    state: AtomicU8,
    /// Ticks that the stream has made; all before it are in the ring, or never will be.
    ticks: AtomicU32,
    dropped: AtomicU64,
    closed: AtomicBool,
}

/// Not begun, or paused.
const OFF: u8 = 0;
const ON: u8 = 1;
const STOPPED: u8 = 2;
const DISCARDED: u8 = 3;

/// The media thread's end. Nothing of it waits or allocates.
pub struct Tap {
    ring: HeapProd<Tick>,
    shared: Arc<Shared>,
    tick: u32,
    /// Ticks that were slept through; what was heard in them comes with the next.
    stalled: u32,
}

/// The recording thread's end.
pub struct TapReader {
    ring: HeapCons<Tick>,
    shared: Arc<Shared>,
}

/// The call's hand on the recording.
#[derive(Clone, Debug)]
pub struct Switch {
    shared: Arc<Shared>,
}

/// A tap that is off.
#[must_use]
pub fn tap() -> (Tap, TapReader) {
    let (producer, consumer) = HeapRb::new(RECORDING_RING).split();
    let shared = Arc::new(Shared::default());
    let tap = Tap {
        ring: producer,
        shared: Arc::clone(&shared),
        tick: 0,
        stalled: 0,
    };
    let reader = TapReader {
        ring: consumer,
        shared,
    };
    (tap, reader)
}

impl Tap {
    /// What was heard and said in this tick, at most 160 bytes each; the rest is silence.
    pub fn take(&mut self, law: Law, caller: &[u8], agent: &[u8]) {
        if self.shared.state.load(Ordering::Acquire) == ON {
            let tick = Tick {
                number: self.tick,
                law,
                caller: frame(law, caller),
                agent: frame(law, agent),
            };
            if self.ring.try_push(tick).is_err() {
                self.shared.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.skip();
    }

    /// A tick is slept through; what was heard in it follows with the next.
    pub fn stall(&mut self) {
        self.stalled = self.stalled.saturating_add(1);
    }

    /// A tick, and so many frames are to be taken: what is missing to those slept through is silence.
    pub fn catch_up(&mut self, frames: u32) {
        let made = std::mem::take(&mut self.stalled).saturating_add(1);
        for _ in frames..made {
            self.skip();
        }
    }

    /// A tick that will never be made up.
    pub fn skip(&mut self) {
        self.tick = self.tick.wrapping_add(1);
        self.shared.ticks.store(self.tick, Ordering::Release);
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Release);
    }
}

fn frame(law: Law, audio: &[u8]) -> [u8; FRAME_SAMPLES] {
    let mut frame = [law.silence(); FRAME_SAMPLES];
    let length = audio.len().min(FRAME_SAMPLES);
    frame[..length].copy_from_slice(&audio[..length]);
    frame
}

impl TapReader {
    /// The switch of this recording.
    #[must_use]
    pub fn switch(&self) -> Switch {
        Switch {
            shared: Arc::clone(&self.shared),
        }
    }

    pub(super) fn pop(&mut self) -> Option<Tick> {
        self.ring.try_pop()
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
