//! The two lock-free rings of a call, between the media thread and the speech tasks; and those that join two calls.
//!
//! Each carries the negotiated codec as it is on the wire: the [`caller`] ring packets of any length with the gaps
//! between them, the agent ring frames of 20 ms. The media thread never waits on them: a full caller ring drops the
//! newest item and counts it, an empty agent ring is silence.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::task::Poll;

use futures_util::task::AtomicWaker;
use ringbuf::traits::{Consumer, Observer, Producer, Split};
use ringbuf::{HeapCons, HeapProd, HeapRb};

use crate::audio::FRAME_SAMPLES;
use crate::conversation::UtteranceId;

mod caller;
mod relay;

pub use caller::{
    CALLER_RING_BYTES, CALLER_RING_FRAMES, CallerReader, CallerWriter, Item, Items, LONGEST_PACKET,
    caller_ring,
};
pub use relay::{RELAY_RING, RelayEnd, relay};

/// One second of agent audio: covers the scheduling of the speech task, and is the latency ceiling.
/// When full the speech task waits; nothing is dropped.
pub const AGENT_RING_FRAMES: usize = 50;

/// One packet's worth of audio, at most 20 ms.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    len: u8,
    data: [u8; FRAME_SAMPLES],
}

impl Frame {
    /// A frame of at most 160 bytes; what is beyond is cut.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        let len = bytes.len().min(FRAME_SAMPLES);
        let mut data = [0; FRAME_SAMPLES];
        data[..len].copy_from_slice(&bytes[..len]);
        Self {
            len: u8::try_from(len).unwrap_or(u8::MAX),
            data,
        }
    }

    /// The payload.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.data[..usize::from(self.len)]
    }
}

/// One frame of agent speech.
#[derive(Clone, Copy, Debug)]
pub struct AgentFrame {
    /// The epoch it was rendered for; stale ones die at the reader.
    pub epoch: u32,
    /// What it belongs to.
    pub utterance: UtteranceId,
    /// The last frame of its utterance.
    pub last: bool,
    /// The audio.
    pub audio: Frame,
}

#[derive(Debug, Default)]
struct AgentShared {
    epoch: AtomicU32,
    /// Utterance id in the upper half, frames of it sent in the lower; 0 is "nothing yet".
    position: AtomicU64,
    waker: AtomicWaker,
    closed: AtomicBool,
}

/// The voice's end of the agent ring.
pub struct AgentWriter {
    ring: HeapProd<AgentFrame>,
    shared: Arc<AgentShared>,
}

/// The media thread's end of the agent ring.
pub struct AgentReader {
    ring: HeapCons<AgentFrame>,
    shared: Arc<AgentShared>,
}

/// What the call's task sees of the agent ring: it bumps the epoch to stop, and reads the position.
#[derive(Clone, Debug)]
pub struct Playout {
    shared: Arc<AgentShared>,
}

/// An agent ring.
#[must_use]
pub fn agent_ring() -> (AgentWriter, AgentReader, Playout) {
    let (producer, consumer) = HeapRb::new(AGENT_RING_FRAMES).split();
    let shared = Arc::new(AgentShared::default());
    (
        AgentWriter {
            ring: producer,
            shared: Arc::clone(&shared),
        },
        AgentReader {
            ring: consumer,
            shared: Arc::clone(&shared),
        },
        Playout { shared },
    )
}

impl AgentWriter {
    /// Waits until there is room. Returns false when the media thread has dropped its end. Cancel-safe.
    pub async fn room(&mut self) -> bool {
        let Self { ring, shared } = self;
        let ring: &mut HeapProd<AgentFrame> = ring; // a shared borrow would not be Send
        poll_fn(move |context| {
            shared.waker.register(context.waker());
            let closed = shared.closed.load(Ordering::Acquire);
            if !ring.is_full() || closed {
                Poll::Ready(!closed)
            } else {
                Poll::Pending
            }
        })
        .await
    }

    /// Adds a frame; false when there is no room.
    pub fn push(&mut self, frame: AgentFrame) -> bool {
        self.ring.try_push(frame).is_ok()
    }

    /// The epoch in force; a frame stamped with an older one is never played.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.shared.epoch.load(Ordering::Acquire)
    }
}

impl AgentReader {
    /// The next frame of the epoch in force, if any; older ones are dropped. Publishes the position.
    pub fn pop(&mut self) -> Option<AgentFrame> {
        let epoch = self.shared.epoch.load(Ordering::Acquire);
        let mut frame = self.ring.try_pop();
        while frame.is_some_and(|frame| frame.epoch != epoch) {
            frame = self.ring.try_pop();
        }
        if let Some(frame) = frame {
            self.publish(&frame);
        }
        if self.ring.occupied_len() <= AGENT_RING_FRAMES / 2 {
            self.shared.waker.wake(); // also when nothing but stale frames was there
        }
        frame
    }

    fn publish(&self, frame: &AgentFrame) {
        let before = self.shared.position.load(Ordering::Relaxed);
        let utterance = u64::from(frame.utterance.0);
        let same = before != 0 && before >> 32 == utterance;
        let sounds = u64::from(!frame.audio.bytes().is_empty()); // an empty frame only says "last"
        let frames = if same { before & 0xFFFF_FFFF } else { 0 } + sounds;
        let position = utterance << 32 | frames;
        self.shared.position.store(position, Ordering::Release);
    }

    /// The epoch in force: what was rendered for an older one is never played.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.shared.epoch.load(Ordering::Acquire)
    }

    /// True when no frame is waiting (stale ones included).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ring.is_empty()
    }
}

impl Drop for AgentReader {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Release);
        self.shared.waker.wake();
    }
}

impl Playout {
    /// Stops what is playing: everything rendered so far is stale from now on. Returns what was
    /// played last and how many frames of it.
    pub fn stop(&self) -> Option<(UtteranceId, u32)> {
        self.shared.epoch.fetch_add(1, Ordering::AcqRel);
        self.shared.waker.wake();
        self.position()
    }

    /// The epoch in force.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.shared.epoch.load(Ordering::Acquire)
    }

    /// The utterance that sounded last, and how many frames of it were sent.
    #[must_use]
    pub fn position(&self) -> Option<(UtteranceId, u32)> {
        let position = self.shared.position.load(Ordering::Acquire);
        let utterance = u32::try_from(position >> 32).unwrap_or(u32::MAX);
        let frames = u32::try_from(position & 0xFFFF_FFFF).unwrap_or(u32::MAX);
        (position != 0).then_some((UtteranceId(utterance), frames))
    }
}

#[cfg(test)]
mod tests;
