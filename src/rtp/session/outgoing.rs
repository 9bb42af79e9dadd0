//! The sending half of a session: which packets a tick gives.

use std::time::Instant;

use crate::audio::comfort_noise::Description;
use crate::audio::{Codec, FRAME_SAMPLES, Law};
use crate::rtp::jitter_buffer::JitterBuffer;
use crate::rtp::sender::Sender;
use crate::rtp::telephone_event::{EventPacket, Presser};

use super::Stream;

/// What is to be said in a tick. A key that is being pressed sounds instead.
#[derive(Clone, Copy, Debug)]
pub enum Outgoing<'a> {
    /// Nobody speaks: silence is sent at pace, so that firewalls stay open and the far end hears a live line.
    Comfort,
    /// Twenty milliseconds of speech, at most 160 bytes: G.711 in the session's audio law, or what the codec on
    /// the wire makes of them. What a frame of G.711 or G.722 lacks is silence.
    Audio(&'a [u8]),
    /// What has come, packet for packet, as it is there; nothing else. Wants [`super::Delivery::AsReceived`].
    Echo,
    /// No packet.
    Nothing,
}

/// The state of the sending half.
#[derive(Debug)]
pub(super) struct Sending {
    sender: Sender,
    presser: Presser,
    key: Option<EventPacket>,
    /// Audio that waits for a packet to be full; what the clock stands at is one past its end.
    pending: [u8; PENDING],
    pending_len: usize,
    /// The packet that begins where `pending` does is the first of a talkspurt.
    marked: bool,
    talking: bool,
    /// Ticks in a row in which nobody spoke.
    silent: u32,
    /// Our silence is to be described in this tick.
    describes: bool,
    /// Nothing was sent in the last tick.
    paused: bool,
    echo: Echo,
}

/// An echo goes at the pace of our ticks but keeps the far end's packets and gaps.
#[derive(Debug, Default)]
struct Echo {
    /// Ticks of the clock that may go out in this tick of ours.
    credit: u32,
    /// The timestamp that continues what was sent.
    next_timestamp: Option<u32>,
    idle_ticks: u32,
}

impl Sending {
    pub(super) fn new(ssrc: u32, sequence: u16, timestamp: u32) -> Self {
        Self {
            sender: Sender::new(ssrc, sequence, timestamp),
            presser: Presser::new(),
            key: None,
            pending: [0; PENDING],
            pending_len: 0,
            marked: false,
            talking: false,
            silent: 0,
            describes: false,
            paused: true,
            echo: Echo::default(),
        }
    }

    pub(super) fn tick(&mut self, outgoing: Outgoing<'_>, stream: &Stream, audio_law: Law) {
        let due = self.sender.clock();
        self.sender.advance(stream.codec.frame_ticks());
        self.key = None;
        self.describes = false;
        let speaks = !matches!(outgoing, Outgoing::Comfort);
        self.silent = if speaks {
            0
        } else {
            self.silent.saturating_add(1)
        };
        if !stream.sends || stream.remote.is_none() {
            self.pause();
            return;
        }
        if stream.telephone_event.is_some() {
            self.key = self.presser.tick(due, stream.codec.frame_ticks());
        }
        if self.key.is_some() {
            self.pause();
            self.paused = false; // the stream goes on, with a key
            return;
        }
        match outgoing {
            Outgoing::Audio(audio) => {
                self.start_packet(!self.talking);
                self.talking = true;
                self.push(audio, stream.codec, audio_law);
            }
            Outgoing::Comfort if stream.comfort_noise.is_some() && self.silent > HANGOVER => {
                self.pause();
                self.describes = (self.silent - HANGOVER) % DESCRIBED_EACH == 1;
            }
            Outgoing::Comfort => {
                self.start_packet(false);
                self.talking = false;
                self.push(&[], stream.codec, audio_law);
            }
            Outgoing::Echo => self.echo.tick(stream.codec),
            Outgoing::Nothing => self.pause(),
        }
    }

    /// Marks the packet that begins now if it follows a pause, or silence.
    fn start_packet(&mut self, talkspurt: bool) {
        self.marked |= talkspurt || self.paused;
        self.paused = false;
    }

    /// What waits for a packet to be full is dropped: what is sent next does not follow it.
    pub(super) fn pause(&mut self) {
        self.pending_len = 0;
        self.marked = false;
        self.talking = false;
        self.paused = true;
        self.echo = Echo::default();
    }

    fn push(&mut self, audio: &[u8], codec: Codec, audio_law: Law) {
        let from = if codec == Codec::Opus {
            0 // a packet is a frame
        } else {
            self.pending_len
        };
        let audio = match codec {
            Codec::Opus if audio.is_empty() => &OPUS_SILENCE,
            _ => audio,
        };
        let length = match codec {
            Codec::Opus => audio.len().min(FRAME_SAMPLES),
            Codec::G711(_) | Codec::G722 => FRAME_SAMPLES,
        };
        let Some(room) = self.pending.get_mut(from..from + length) else {
            return;
        };
        for (at, code) in room.iter_mut().enumerate() {
            *code = match (codec, audio.get(at)) {
                (Codec::G711(law), Some(&code)) => audio_law.convert(code, law),
                (_, Some(&code)) => code,
                (codec, None) => silence(codec),
            };
        }
        self.pending_len = from + length;
    }

    /// What waits for a packet to be full is kept, and comes so much later.
    pub(super) fn skip(&mut self, ticks: u32, codec: Codec) {
        self.key = None;
        self.echo = Echo::default();
        self.talking = false;
        self.paused = true;
        self.marked |= self.pending_len > 0;
        self.sender.advance(ticks.wrapping_mul(codec.frame_ticks()));
    }

    /// Writes the next packet of this tick.
    pub(super) fn poll(
        &mut self,
        stream: &Stream,
        received: &mut JitterBuffer,
        buffer: &mut [u8],
        now: Instant,
    ) -> Option<usize> {
        if let Some(key) = self.key.take() {
            let (payload_type, _) = stream.telephone_event?;
            let EventPacket {
                timestamp,
                marker,
                payload,
            } = key;
            return self
                .sender
                .write(payload_type, marker, timestamp, &payload, buffer);
        }
        if core::mem::take(&mut self.describes) {
            let (payload_type, _) = stream.comfort_noise?;
            let timestamp = self.sender.clock().wrapping_sub(stream.codec.frame_ticks());
            let mut payload = [0; 1];
            let length = Description::white(OUR_SILENCE).write(&mut payload);
            let payload = &payload[..length];
            return self
                .sender
                .write(payload_type, false, timestamp, payload, buffer);
        }
        let (length, ticks) = if stream.codec == Codec::Opus {
            (self.pending_len.max(1), stream.codec.frame_ticks())
        } else {
            let waiting = u32::try_from(self.pending_len).unwrap_or(0); // a byte is a tick
            (packet_samples(stream.ptime_ms), waiting)
        };
        if self.pending_len >= length {
            let timestamp = self.sender.clock().wrapping_sub(ticks);
            return self.write_pending(length, timestamp, stream.send_payload_type, buffer);
        }
        self.poll_echo(stream, received, buffer, now)
    }

    fn write_pending(
        &mut self,
        length: usize,
        timestamp: u32,
        payload_type: u8,
        buffer: &mut [u8],
    ) -> Option<usize> {
        let marked = core::mem::take(&mut self.marked);
        let payload = &self.pending[..length];
        let written = self
            .sender
            .write(payload_type, marked, timestamp, payload, buffer);
        self.pending.copy_within(length..self.pending_len, 0);
        self.pending_len -= length;
        written
    }

    fn poll_echo(
        &mut self,
        stream: &Stream,
        received: &mut JitterBuffer,
        buffer: &mut [u8],
        now: Instant,
    ) -> Option<usize> {
        if self.echo.credit == 0 {
            return None;
        }
        let mut payload = [0; PENDING];
        let Some(chunk) = received.take(&mut payload, now) else {
            return self.keep_alive(stream, buffer);
        };
        let frame = stream.codec.frame_ticks();
        let deep = received.depth() > u64::from(ECHO_DEEP_FRAMES * frame);
        if !deep {
            self.echo.credit = self.echo.credit.saturating_sub(chunk.ticks);
        }
        self.echo.idle_ticks = 0;
        let due = self.sender.clock().wrapping_sub(frame);
        let timestamp = match self.echo.next_timestamp {
            Some(next) if chunk.contiguous => next,
            Some(next) if due.wrapping_sub(next).cast_signed() <= 0 => next,
            _ => due,
        };
        let marker = self.paused || !chunk.contiguous;
        self.paused = false;
        self.echo.next_timestamp = Some(timestamp.wrapping_add(chunk.ticks));
        self.sender.write(
            stream.send_payload_type,
            marker,
            timestamp,
            &payload[..chunk.len],
            buffer,
        )
    }

    /// A packet of silence now and then keeps firewalls open (RFC 6263) without disturbing what is echoed.
    fn keep_alive(&mut self, stream: &Stream, buffer: &mut [u8]) -> Option<usize> {
        self.echo.credit = 0;
        if self.echo.idle_ticks < KEEPALIVE_TICKS {
            return None;
        }
        self.echo.idle_ticks = 0;
        let frame = stream.codec.frame_ticks();
        let timestamp = self.sender.clock().wrapping_sub(frame);
        self.echo.next_timestamp = Some(timestamp.wrapping_add(frame));
        let silence = [silence(stream.codec); FRAME_SAMPLES];
        let payload = match stream.codec {
            Codec::Opus => &OPUS_SILENCE[..],
            Codec::G711(_) | Codec::G722 => &silence[..],
        };
        self.sender
            .write(stream.send_payload_type, true, timestamp, payload, buffer)
    }

    pub(super) fn press(&mut self, key: char) -> bool {
        self.presser.press(key)
    }

    pub(super) fn is_pressing(&self) -> bool {
        self.presser.is_busy()
    }

    pub(super) fn ssrc(&self) -> u32 {
        self.sender.ssrc()
    }

    pub(super) fn sender(&self) -> &Sender {
        &self.sender
    }
}

impl Echo {
    fn tick(&mut self, codec: Codec) {
        let frame = codec.frame_ticks();
        self.credit = (self.credit + frame).min(ECHO_CREDIT_FRAMES * frame);
        self.idle_ticks += 1;
    }
}

/// Samples of a packet, from what was agreed.
fn packet_samples(ptime_ms: u16) -> usize {
    usize::from(ptime_ms.clamp(10, 60)) * FRAME_SAMPLES / 20
}

/// The byte that sounds as silence.
fn silence(codec: Codec) -> u8 {
    match codec {
        Codec::G711(law) => law.silence(),
        Codec::G722 | Codec::Opus => G722_SILENCE,
    }
}

/// What sounds as silence in G.722 when it is repeated, whatever was heard before. What an encoder gives for silence
/// does not: a decoder makes a constant of a byte of it, which clicks where speech begins and ends.
pub const G722_SILENCE: u8 = 0xFF;

/// Twenty milliseconds of nothing in 48 kHz CELT (RFC 6716 §3.1: configuration 31, mono, one frame).
const OPUS_SILENCE: [u8; 3] = [0xF8, 0xFF, 0xFE];
/// 60 ms, and a frame that came while they were nearly full.
const PENDING: usize = 640;
/// An echo that was kept waiting sends at most so much at once.
const ECHO_CREDIT_FRAMES: u32 = 4;
/// 200 ms: an echo that lags further sends two packets in a tick.
const ECHO_DEEP_FRAMES: u32 = 10;
/// 200 ms of silence are sent as such, so that no pause between two words is a pause of the stream.
const HANGOVER: u32 = 10;
/// A second: a late listener, a lost packet and a firewall are served by one more (RFC 3389 §5).
const DESCRIBED_EACH: u32 = 50;
/// Faint room noise in -dBov: what a far end makes of it says that the line is alive.
const OUR_SILENCE: u8 = 75;
/// Ten seconds.
const KEEPALIVE_TICKS: u32 = 500;
