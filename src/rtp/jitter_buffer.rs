//! Between the network's uneven arrival and our even 20 ms: one second of samples, laid out by timestamp.
//!
//! A sample's place is its timestamp, so reordering, duplicates, lost packets and any packet length
//! come out right without a queue. Two ways to read: [`JitterBuffer::play`] gives a frame each 20 ms
//! whatever has come, for ears that need time to pass evenly; [`JitterBuffer::take`] gives what came,
//! in order and without anything added, for an echo and for tests.

use std::time::{Duration, Instant};

use crate::audio::{Codec, FRAME_SAMPLES, Law};

mod ring;

use ring::Ring;

/// Reorders and paces one stream of G.711.
#[derive(Debug)]
pub struct JitterBuffer {
    law: Law,
    ring: Ring,
    stream: Option<Stream>,
    /// How long a sample waits, in samples; grows when packets come late, shrinks when they don't.
    target: u64,
    /// Frames since the target was last changed.
    calm: u32,
    window: Window,
    last_frame: [u8; FRAME_SAMPLES],
    /// Frames in a row that were made up.
    fading: u32,
    gap_since: Option<Instant>,
    counts: Counts,
}

/// Places are extended timestamps: they do not wrap.
#[derive(Clone, Copy, Debug)]
struct Stream {
    first: u64,
    /// Where the newest packet began, and its timestamp: the anchor from which others are placed.
    anchor: u64,
    timestamp: u32,
    /// One past the newest sample.
    end: u64,
    /// The next sample to read.
    read: u64,
    /// Where the talkspurt began: what is missing before it was never sent.
    spurt: u64,
    /// Samples of the newest packet.
    packet_samples: usize,
    /// What is read next does not follow what was read before.
    resumed: bool,
}

/// Watches whether the delay has grown for good: the smallest depth of a second says it.
#[derive(Clone, Copy, Debug)]
struct Window {
    lowest: u64,
    frames: u32,
}

/// What a buffer has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Packets whose samples had all come before.
    pub duplicates: u64,
    /// Packets that came after their time and were dropped.
    pub late: u64,
    /// Times the playout had to be moved: late arrival, jumps of the timestamp.
    pub resyncs: u64,
    /// Frames made up for lost packets.
    pub concealed: u64,
    /// Frames left out to shorten the delay.
    pub shortened: u64,
}

/// What a played frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Played {
    /// What the far end sent.
    Audio,
    /// Partly or wholly made up, because packets are missing.
    Concealed,
    /// Missing, and not G.711: whoever decodes the stream is to make it up. Nothing is written.
    Lost,
    /// The far end sends nothing.
    Silence,
}

/// A stretch of received samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Bytes written.
    pub len: usize,
    /// How long it sounds, in ticks of the codec's clock.
    pub ticks: u32,
    /// Samples since the first of the stream.
    pub position: u64,
    /// Nothing stands between this and the chunk before.
    pub contiguous: bool,
}

impl JitterBuffer {
    /// An empty buffer.
    #[must_use]
    pub fn new(codec: Codec) -> Self {
        let law = codec.law().unwrap_or(Law::Mu);
        Self {
            law,
            ring: Ring::new(),
            stream: None,
            target: MIN_TARGET,
            calm: 0,
            window: Window::default(),
            last_frame: [law.silence(); FRAME_SAMPLES],
            fading: FADED,
            gap_since: None,
            counts: Counts::default(),
        }
    }

    /// Forgets the stream, because its source or its law has changed. Counts stay.
    pub fn restart(&mut self, codec: Codec) {
        let law = codec.law().unwrap_or(Law::Mu);
        self.ring.clear();
        self.stream = None;
        self.law = law;
        self.last_frame = [law.silence(); FRAME_SAMPLES];
        self.fading = FADED;
        self.gap_since = None;
    }

    /// Takes a packet's payload, for playing. `newest`: no packet with a higher sequence number came before.
    pub fn handle(&mut self, payload: &[u8], timestamp: u32, marker: bool, newest: bool) {
        self.insert(payload, timestamp, marker, newest, self.target);
    }

    /// Takes a packet's payload, for taking. `follows`: the sequence number is one above the newest before, so
    /// that a gap in time is a pause and not a loss.
    pub fn handle_unpaced(&mut self, payload: &[u8], timestamp: u32, newest: bool, follows: bool) {
        self.insert(payload, timestamp, follows, newest, 0);
    }

    /// `may_move`: when nothing waits to be read, reading may go on at this packet.
    fn insert(&mut self, payload: &[u8], timestamp: u32, may_move: bool, newest: bool, delay: u64) {
        let length = payload.len() as u64;
        if length == 0 || length > MAX_PAYLOAD {
            return;
        }
        let stream = self
            .stream
            .get_or_insert_with(|| Stream::begin(timestamp, delay));
        let place = stream.place(timestamp);
        if newest {
            let late = place < stream.read;
            let idle = stream.end <= stream.read;
            if late || place + length > stream.read + ring::CAPACITY {
                self.counts.resyncs += 1;
                if late && place >= stream.end && stream.read - place < ring::CAPACITY {
                    if delay > 0 {
                        self.target = (self.target + STEP).min(MAX_TARGET);
                        self.calm = 0;
                    }
                } else {
                    self.ring.clear(); // the timestamps jumped: nothing here belongs together
                }
                stream.resume(place.saturating_sub(delay));
                stream.spurt = place;
                self.gap_since = None;
            } else if idle {
                stream.spurt = place;
                if may_move && place > stream.read {
                    stream.resume(place.saturating_sub(delay)); // the silence before may give
                }
            }
            stream.anchor = place;
            stream.timestamp = timestamp;
            stream.end = place + length;
            stream.packet_samples = payload.len();
        } else if place < stream.read || place + length > stream.end {
            self.counts.late += 1;
            return;
        }
        if !self.ring.write(place, payload) {
            self.counts.duplicates += 1;
        }
    }

    /// The next 20 ms.
    pub fn play(&mut self, frame: &mut [u8; FRAME_SAMPLES]) -> Played {
        let Some(stream) = &mut self.stream else {
            frame.fill(self.law.silence());
            return Played::Silence;
        };
        self.calm = self.calm.saturating_add(1);
        if self.calm >= CALM_FRAMES {
            self.target = self.target.saturating_sub(STEP).max(MIN_TARGET);
            self.calm = 0;
        }
        let depth = stream.end.saturating_sub(stream.read);
        let silent = self.ring.is_silent(stream.read, self.law);
        if self.window.shortens(depth, self.target, silent) {
            self.ring.discard(stream.read, STEP);
            stream.read += STEP;
            self.counts.shortened += 1;
        }
        let missing = self.ring.read(stream.read, frame, self.law);
        stream.read += STEP;
        let behind = stream.end > stream.read && stream.read > stream.spurt;
        self.finish(frame, missing, behind)
    }

    /// Fills what is missing and remembers the frame.
    fn finish(&mut self, frame: &mut [u8; FRAME_SAMPLES], missing: usize, behind: bool) -> Played {
        if missing == 0 {
            self.last_frame = *frame;
            self.fading = 0;
            return Played::Audio;
        }
        if missing < FRAME_SAMPLES {
            self.last_frame = *frame; // what is missing was read as silence
            self.fading = 0;
            self.counts.concealed += u64::from(behind);
            return Played::Concealed;
        }
        self.counts.concealed += u64::from(behind);
        if self.fading >= FADED {
            frame.fill(self.law.silence());
            return if behind {
                Played::Concealed
            } else {
                Played::Silence
            };
        }
        self.fading += 1;
        for (code, last) in frame.iter_mut().zip(self.last_frame) {
            *code = self.law.encode(self.law.decode(last) >> self.fading);
        }
        Played::Concealed
    }

    /// What has come, in order, at most a packet's worth. Waits a little for what is missing, then goes on after it.
    pub fn take(&mut self, buffer: &mut [u8], now: Instant) -> Option<Chunk> {
        let stream = self.stream.as_mut()?;
        if stream.end <= stream.read {
            return None;
        }
        if !self.ring.has(stream.read) {
            let since = *self.gap_since.get_or_insert(now);
            if now.saturating_duration_since(since) < REORDER_WAIT {
                return None;
            }
            let mut next = stream.read;
            while next < stream.end && !self.ring.has(next) {
                next += 1;
            }
            stream.resume(next);
        }
        self.gap_since = None;
        let most = buffer.len().min(stream.packet_samples);
        let len = self.ring.take(stream.read, &mut buffer[..most]);
        let chunk = Chunk {
            len,
            ticks: u32::try_from(len).unwrap_or(0),
            position: stream.read.saturating_sub(stream.first),
            contiguous: !core::mem::take(&mut stream.resumed),
        };
        stream.read += len as u64;
        Some(chunk)
    }

    /// Samples that wait to be read, gaps included.
    #[must_use]
    pub fn depth(&self) -> u64 {
        self.stream
            .map_or(0, |stream| stream.end.saturating_sub(stream.read))
    }

    /// What the buffer has seen.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }
}

impl Stream {
    fn begin(timestamp: u32, delay: u64) -> Self {
        Self {
            first: ORIGIN,
            anchor: ORIGIN,
            timestamp,
            end: ORIGIN,
            read: ORIGIN - delay,
            spurt: ORIGIN,
            packet_samples: FRAME_SAMPLES,
            resumed: true,
        }
    }

    /// Goes on reading elsewhere.
    fn resume(&mut self, read: u64) {
        self.read = read;
        self.resumed = true;
    }

    /// Where a timestamp stands, within half the wrap of the newest packet.
    fn place(&self, timestamp: u32) -> u64 {
        let ahead = timestamp.wrapping_sub(self.timestamp).cast_signed();
        self.anchor.saturating_add_signed(i64::from(ahead))
    }
}

impl Window {
    /// Takes the depth before a frame is read; says whether a frame is to be left out.
    fn shortens(&mut self, depth: u64, target: u64, silent: bool) -> bool {
        self.lowest = self.lowest.min(depth);
        self.frames += 1;
        if self.frames < WINDOW_FRAMES {
            return false;
        }
        let excess = self.lowest.saturating_sub(target);
        let waits = excess <= LARGE_EXCESS && !silent; // for a silent frame, then measures anew
        if excess <= EXCESS || waits && self.frames > 2 * WINDOW_FRAMES {
            *self = Self::default();
            return false;
        }
        if waits {
            return false;
        }
        self.lowest -= STEP;
        self.frames = WINDOW_FRAMES - FAST_FRAMES;
        true
    }
}

impl Default for Window {
    fn default() -> Self {
        Self {
            lowest: u64::MAX,
            frames: 0,
        }
    }
}

/// Far from either end of the numbers.
const ORIGIN: u64 = 1 << 48;
/// A frame, as a step of delay.
const STEP: u64 = FRAME_SAMPLES as u64;
/// 40 ms: two packets may change places.
const MIN_TARGET: u64 = 2 * STEP;
/// 120 ms: more delay disturbs the talk more than a gap does.
const MAX_TARGET: u64 = 6 * STEP;
/// The longest payload taken: 180 ms.
const MAX_PAYLOAD: u64 = 1440;
/// Ten seconds without a late packet before the delay shrinks.
const CALM_FRAMES: u32 = 500;
/// The depth is judged by its minimum over one second.
const WINDOW_FRAMES: u32 = 50;
/// While far too deep, a frame is left out each 100 ms.
const FAST_FRAMES: u32 = 5;
/// 40 ms more than the target is left alone.
const EXCESS: u64 = 2 * STEP;
/// 100 ms more is cut also out of speech.
const LARGE_EXCESS: u64 = 5 * STEP;
/// Frames until a repeated frame has faded.
const FADED: u32 = 3;
/// How long an unpaced reader waits for a missing packet.
const REORDER_WAIT: Duration = Duration::from_millis(60);

#[cfg(test)]
mod tests;
