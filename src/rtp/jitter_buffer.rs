//! Between the network's uneven arrival and our even 20 ms: one second of what has come, laid out by timestamp.
//!
//! A place on the line of [`Playout`] is a timestamp, so reordering, duplicates, lost packets and any packet
//! length come out right without a queue. Two ways to read: [`JitterBuffer::begin`] and [`JitterBuffer::poll`]
//! give 20 ms each tick whatever has come, for ears that need time to pass evenly; [`JitterBuffer::take`]
//! gives what came, in order and without anything added, for an echo and for tests.
//!
//! G.711 and G.722 are kept sample by sample, since they may be cut anywhere; what is missing of G.711 is made
//! up here. Packets of Opus are kept whole, and what is missing of it or of G.722 is told as
//! [`Played::Lost`], since only their decoders can make it up.

use std::time::{Duration, Instant};

use crate::audio::comfort_noise::{Description, Noise};
use crate::audio::{Codec, FRAME_SAMPLES, Law, level};

use super::opus_packet;
use super::playout::{Arrival, Content, Move, Playout, Verdict};

mod concealment;
mod packets;
mod ring;
mod samples;
mod stretch;
mod whole;

use concealment::Concealment;
use packets::Packets;
use ring::{CAPACITY, Ring};

/// Reorders and paces one stream.
#[derive(Debug)]
pub struct JitterBuffer {
    codec: Codec,
    playout: Playout,
    /// Samples by place, or packets; a stream is one or the other.
    bytes: Box<[u8; CAPACITY]>,
    ring: Ring,
    packets: Packets,
    concealment: Concealment,
    /// What the far end's silence sounds like, where it has said so.
    noise: Noise,
    /// What of this tick has not been given yet.
    window: Option<Window>,
    /// How far packets that cannot be cut have been given, which may be beyond what is read.
    given: u64,
    /// Frames in a row for which nothing had come.
    missed: u32,
    /// Those of them that were made up, and are a loss unless the far end turns out to have been silent.
    unsettled: u64,
    /// The far end has said that it sends nothing for now.
    suppressed: bool,
    gap_since: Option<Instant>,
    /// One past what was taken last.
    taken: Option<u64>,
    counts: Counts,
}

/// What a tick reads.
#[derive(Clone, Copy, Debug)]
struct Window {
    from: u64,
    until: u64,
    held: bool,
}

/// A packet to be heard.
#[derive(Clone, Copy, Debug)]
pub struct Incoming<'a> {
    /// What it carries.
    pub payload: &'a [u8],
    /// Its timestamp.
    pub timestamp: u32,
    /// It is marked as the first of a talkspurt, or its source has begun anew.
    pub marker: bool,
    /// No packet with a higher sequence number came before.
    pub newest: bool,
    /// Its sequence number is one above the newest before, so that a gap in time is a pause and not a loss.
    pub follows: bool,
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
    /// Frames made up for lost or late packets, here or by a decoder.
    pub concealed: u64,
    /// Frames left out, or shortened, to shorten the delay.
    pub shortened: u64,
    /// Frames added, or stretched, because packets take longer.
    pub lengthened: u64,
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

/// A piece of a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Bytes written.
    pub len: usize,
    /// How long it sounds, in ticks of the codec's clock.
    pub ticks: u32,
    /// What it is.
    pub played: Played,
}

/// A stretch of what was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Bytes written.
    pub len: usize,
    /// How long it sounds, in ticks of the codec's clock.
    pub ticks: u32,
    /// Ticks since the first of the stream.
    pub position: u64,
    /// Nothing stands between this and the chunk before.
    pub contiguous: bool,
}

impl JitterBuffer {
    /// An empty buffer.
    #[must_use]
    pub fn new(codec: Codec) -> Self {
        Self {
            codec,
            playout: Playout::new(codec),
            bytes: Box::new([0; CAPACITY]),
            ring: Ring::new(),
            packets: Packets::new(),
            concealment: Concealment::new(law(codec)),
            noise: Noise::new(NOISE_SEED),
            window: None,
            given: 0,
            missed: FADED,
            unsettled: 0,
            suppressed: false,
            gap_since: None,
            taken: None,
            counts: Counts::default(),
        }
    }

    /// Forgets the stream, because its source or its codec has changed. Counts stay.
    pub fn restart(&mut self, codec: Codec) {
        self.codec = codec;
        self.playout.restart(codec);
        self.clear();
        self.concealment.restart(law(codec));
        self.noise.reset();
        self.window = None;
        self.given = 0;
        self.missed = FADED;
        self.unsettled = 0;
        self.suppressed = false;
    }

    fn clear(&mut self) {
        self.ring.clear();
        self.packets.clear();
        self.gap_since = None;
        self.taken = None;
    }

    /// Takes a packet for playing; `now` in ticks of the codec's clock. False when it comes too late to be heard.
    pub fn handle(&mut self, packet: Incoming<'_>, now: u64) -> bool {
        let Some(arrival) = self.arrival(&packet) else {
            return true;
        };
        if arrival.newest {
            self.settle(&arrival);
        }
        let verdict = self.playout.handle(arrival, now);
        self.store(verdict, &arrival, packet.payload)
    }

    /// Takes a packet for taking; false when it comes too late.
    pub fn handle_unpaced(&mut self, packet: Incoming<'_>) -> bool {
        let Some(arrival) = self.arrival(&packet) else {
            return true;
        };
        let verdict = self.playout.handle_unpaced(arrival);
        self.store(verdict, &arrival, packet.payload)
    }

    /// Takes the far end's word that it is silent from now on (RFC 3389): nothing that follows is a loss.
    /// What it tells of its silence is what silence sounds like from now on; of no bytes it sounds like nothing.
    pub fn handle_silence(&mut self, description: &[u8]) {
        self.suppressed = true;
        self.unsettled = 0;
        match Description::read(description) {
            Some(description) => self.noise.describe(&description),
            None => self.noise.reset(),
        }
    }

    /// A packet that had come before is only counted.
    pub fn handle_duplicate(&mut self) {
        self.counts.duplicates += 1;
    }

    fn arrival(&self, packet: &Incoming<'_>) -> Option<Arrival> {
        let ticks = match self.codec {
            Codec::G711(_) | Codec::G722 => u64::try_from(packet.payload.len()).ok()?,
            Codec::Opus => u64::from(opus_packet::duration(packet.payload)?),
        };
        let fits = (1..=MAX_PAYLOAD).contains(&packet.payload.len());
        fits.then_some(Arrival {
            timestamp: packet.timestamp,
            ticks,
            marker: packet.marker,
            newest: packet.newest,
            follows: packet.follows,
        })
    }

    /// What was made up while nothing came was a loss, or the far end was silent and says so now.
    fn settle(&mut self, arrival: &Arrival) {
        let told = arrival.follows || arrival.marker;
        let silent = self.suppressed || told && self.playout.is_ahead(arrival);
        if !silent {
            self.counts.concealed += self.unsettled;
        }
        self.unsettled = 0;
        self.suppressed = false;
    }

    fn store(&mut self, verdict: Verdict, arrival: &Arrival, payload: &[u8]) -> bool {
        let place = match verdict {
            Verdict::Late => {
                self.counts.late += 1;
                return false;
            }
            Verdict::Anew(place) => {
                self.clear();
                place
            }
            Verdict::At(place) => place,
        };
        let new = if self.codec == Codec::Opus {
            let ticks = u32::try_from(arrival.ticks).unwrap_or(0);
            if arrival.newest {
                self.suppressed = opus_packet::is_silence(payload);
                self.given = self.given.min(place.max(self.playout.read().unwrap_or(0)));
            }
            self.packets.write(&mut self.bytes, place, ticks, payload)
        } else {
            self.ring.write(&mut self.bytes[..], place, payload)
        };
        self.counts.duplicates += u64::from(!new);
        true
    }

    /// A tick of 20 ms begins: what is to be heard in it is given by [`JitterBuffer::poll`].
    pub fn begin(&mut self, now: u64) {
        let frame = u64::from(self.codec.frame_ticks());
        let from = self.playout.begin(now).unwrap_or(0);
        self.window = Some(Window {
            from,
            until: from + frame,
            held: false,
        });
        if self.codec == Codec::Opus {
            self.adjust_whole();
        }
    }

    /// The next piece of the tick: one for G.711 and G.722; whole packets, and what is missing between them, for
    /// Opus. The buffer must hold a packet.
    pub fn poll(&mut self, buffer: &mut [u8]) -> Option<Part> {
        if self.codec == Codec::Opus {
            return self.poll_whole(buffer);
        }
        self.window.take()?;
        let frame = buffer.first_chunk_mut::<FRAME_SAMPLES>()?;
        let played = self.play(frame);
        let len = match played {
            Played::Lost => 0,
            Played::Silence if self.codec == Codec::G722 => 0,
            _ => FRAME_SAMPLES,
        };
        Some(Part {
            len,
            ticks: self.codec.frame_ticks(),
            played,
        })
    }

    /// What has come, in order, at most a packet's worth. Waits a little for what is missing, then goes on after it.
    pub fn take(&mut self, buffer: &mut [u8], now: Instant) -> Option<Chunk> {
        if self.playout.depth() == 0 {
            return None;
        }
        let mut read = self.playout.read()?;
        if !self.has(read) {
            let since = *self.gap_since.get_or_insert(now);
            if now.saturating_duration_since(since) < REORDER_WAIT {
                return None;
            }
            read = self.next_after(read)?;
            self.playout.resume(read);
        }
        self.gap_since = None;
        let mut chunk = if self.codec == Codec::Opus {
            self.packets.discard_before(read);
            self.packets.take(&self.bytes, buffer)?
        } else {
            let packet = usize::try_from(self.playout.packet()).unwrap_or(FRAME_SAMPLES);
            let most = buffer.len().min(packet);
            let len = self.ring.take(&self.bytes[..], read, &mut buffer[..most]);
            Chunk {
                len,
                ticks: u32::try_from(len).unwrap_or(0),
                position: 0,
                contiguous: false,
            }
        };
        chunk.position = read.saturating_sub(self.playout.first());
        chunk.contiguous = self.taken == Some(read);
        let end = read + u64::from(chunk.ticks);
        self.taken = Some(end);
        self.playout.resume(end);
        Some(chunk)
    }

    fn has(&self, place: u64) -> bool {
        match self.codec {
            Codec::Opus => self.packets.next() == Some(place),
            Codec::G711(_) | Codec::G722 => self.ring.has(place),
        }
    }

    /// The first place from here on at which something is.
    fn next_after(&self, place: u64) -> Option<u64> {
        match self.codec {
            Codec::Opus => self.packets.next(),
            Codec::G711(_) | Codec::G722 => {
                (place..self.playout.end()).find(|place| self.ring.has(*place))
            }
        }
    }

    /// The memory that a frame which follows the newest is stored in.
    #[must_use]
    pub fn room(&self) -> (&[u8], &u64) {
        let end = self.playout.end();
        self.ring.room(&self.bytes[..], end, FRAME_SAMPLES)
    }

    /// What is to be read next is there.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.playout.read().is_some_and(|read| self.has(read))
    }

    /// How long the newest packet sounds, in ticks.
    #[must_use]
    pub fn packet(&self) -> u32 {
        u32::try_from(self.playout.packet()).unwrap_or(0)
    }

    /// Ticks that wait to be read, gaps included.
    #[must_use]
    pub fn depth(&self) -> u64 {
        self.playout.depth()
    }

    /// How long what comes fastest waits here, in ticks.
    #[must_use]
    pub fn delay(&self) -> u64 {
        self.playout.delay()
    }

    /// What the buffer has seen.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            resyncs: self.playout.resyncs(),
            ..self.counts
        }
    }
}

/// The law; other codecs have none, and nothing of theirs is looked into.
fn law(codec: Codec) -> Law {
    codec.law().unwrap_or(Law::Mu)
}

/// Any noise is as good as another.
const NOISE_SEED: u32 = 0x9E37_79B9;
/// The longest payload taken: 180 ms of G.711.
const MAX_PAYLOAD: usize = 1440;
/// Frames until what is made up has faded, and silence begins.
const FADED: u32 = 3;
/// How long an unpaced reader waits for a missing packet.
const REORDER_WAIT: Duration = Duration::from_millis(60);

#[cfg(test)]
mod tests;
