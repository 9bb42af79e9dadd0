//! One call's media: what we send, what we receive, who the far end is, and what is to be told about it.
//!
//! Whoever owns the sockets drives it: give it what comes in ([`Session::handle_rtp`],
//! [`Session::handle_rtcp`]), call [`Session::tick`] every 20 ms with what is to be said, then send
//! what [`Session::poll_transmit`] gives until it gives nothing, and read [`Session::poll_frame`] and
//! [`Session::poll_event`] likewise. None of these allocates.
//!
//! An address is believed by the rules of symmetric RTP, with a guard against thieves. Of one address one
//! synchronization source is heard at a time; another takes over when its packets follow each other or
//! the old one has fallen silent.

use core::net::SocketAddr;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::audio::{Codec, Law, SAMPLE_RATE};

use super::burst::Losses;
use super::jitter_buffer::{Incoming, JitterBuffer, Part, Played};
use super::packet::Packet;
use super::receiver::Order;
use super::rtcp::Rtcp;
use super::telephone_event::Detector;
use super::ticks;

mod control;
mod latch;
mod outgoing;
mod settings;
mod sources;
mod statistics;

pub use control::is_control;
pub use outgoing::{G722_SILENCE, Outgoing};
pub use settings::{Control, Delivery, MediaTimeout, Settings, Stream};
pub use statistics::Statistics;

use latch::{Admission, Latch};
use outgoing::Sending;
use sources::{Kind, Source};
use statistics::Counts;

/// What is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The far end's first packet came, from here.
    FirstPacket(SocketAddr),
    /// A key was pressed.
    Digit(char),
    /// Nothing has come for the configured time. Once per silence.
    MediaTimeout,
}

/// A packet to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Bytes written to the buffer.
    pub len: usize,
    /// Where to.
    pub to: SocketAddr,
    /// What it is.
    pub channel: Channel,
    /// From which of our two ports; differs from what it is where the two share one (RFC 5761).
    pub port: Channel,
}

/// One of the two halves of a stream, each with a port of its own unless they share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// Media.
    Rtp,
    /// Control.
    Rtcp,
}

/// Received audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Bytes written to the buffer: 160 of a paced frame of G.711; a packet of Opus; none of what is lost or silent
    /// in another codec.
    pub len: usize,
    /// How long it sounds, in ticks of the codec's clock.
    pub ticks: u32,
    /// Samples of 8 kHz since our first tick (paced), or ticks since the far end's first (as received).
    pub position: u64,
    /// Heard, made up, or silent.
    pub played: Played,
}

/// The media of one call.
#[derive(Debug)]
pub struct Session {
    stream: Stream,
    audio_law: Law,
    delivery: Delivery,
    timeout: MediaTimeout,
    start: Instant,
    latch: Latch,
    source: Option<Source>,
    /// A source that may take over: its number, and the sequence number that would confirm it.
    candidate: Option<(u32, u16)>,
    buffer: JitterBuffer,
    /// When the audio came that was received last, unless something else came after it.
    newest: Option<Instant>,
    detector: Detector,
    sending: Sending,
    rtcp: Rtcp,
    losses: Losses,
    /// What we had sent when the far end last reported.
    sent_when_heard: u32,
    /// Where RTCP really comes from.
    rtcp_source: Option<SocketAddr>,
    /// The last sign of life, the start of waiting for one, and whether its absence was told.
    alive: Instant,
    told_timeout: bool,
    heard_any: bool,
    frames_due: u32,
    /// A tick is being read.
    reading: bool,
    /// Samples of 8 kHz that were read.
    position: u64,
    events: VecDeque<Event>,
    counts: Counts,
}

impl Session {
    /// A session that begins now.
    #[must_use]
    pub fn new(settings: Settings, now: Instant) -> Self {
        let Settings { stream, ssrc, .. } = settings;
        Self {
            audio_law: settings.audio_law,
            delivery: settings.delivery,
            timeout: settings.media_timeout,
            start: now,
            latch: Latch::new(stream.remote),
            source: None,
            candidate: None,
            buffer: JitterBuffer::new(stream.codec),
            newest: None,
            detector: Detector::new(stream.codec.clock_rate()),
            sending: Sending::new(ssrc, settings.first_sequence, settings.first_timestamp),
            rtcp: Rtcp::new(
                ssrc,
                &settings.cname,
                settings.wallclock,
                settings.seed,
                now,
            ),
            losses: Losses::default(),
            sent_when_heard: 0,
            rtcp_source: None,
            alive: now,
            told_timeout: false,
            heard_any: false,
            frames_due: 0,
            reading: false,
            position: 0,
            events: VecDeque::with_capacity(EVENTS),
            counts: Counts::default(),
            stream,
        }
    }

    /// Takes a datagram of the RTP port.
    pub fn handle_rtp(&mut self, bytes: &[u8], from: SocketAddr, now: Instant) {
        self.newest = None;
        let Ok(packet) = Packet::parse(bytes) else {
            self.counts.malformed += 1;
            return;
        };
        let Some(kind) = self.kind(packet.payload_type) else {
            self.counts.unexpected_payload += 1;
            return;
        };
        match self.latch.admit(from, now) {
            Admission::Refused if self.is_rebound(&packet, from, now) => self.latch.rebind(from),
            Admission::Refused => {
                self.counts.strays += 1;
                self.counts.stray_from = Some(from);
                return;
            }
            Admission::Moved => self.retire_source(), // another host's packets are another stream
            Admission::Accepted => {}
        }
        let Some(order) = self.order(&packet, now) else {
            self.counts.unconfirmed += 1;
            return;
        };
        self.counts.packets_received += 1;
        self.counts.bytes_received += packet.payload.len() as u64;
        self.show_life(now);
        if !self.heard_any {
            self.heard_any = true;
            self.counts.first_packet_after = Some(now.saturating_duration_since(self.start));
            self.tell(Event::FirstPacket(from));
        }
        match kind {
            Kind::Audio => self.handle_audio(&packet, order, now),
            Kind::Event => {
                let key = self
                    .detector
                    .handle(packet.timestamp, packet.marker, packet.payload);
                if let Some(key) = key {
                    self.counts.digits += 1;
                    self.tell(Event::Digit(key));
                }
            }
            Kind::ComfortNoise if matches!(order, Order::Newest { .. }) => {
                self.buffer.handle_silence(packet.payload);
            }
            Kind::ComfortNoise => {}
        }
    }

    /// Nothing more is to be expected before the next tick: what came last has just come, and what is to be heard
    /// next is there. What comes early all the same is taken a tick later and is not too late then.
    #[must_use]
    pub fn has_all(&self, now: Instant) -> bool {
        let packet = Duration::from_secs(1) * self.buffer.packet() / self.stream.codec.clock_rate();
        let next = self.newest.map(|newest| newest + packet);
        next.is_some_and(|next| next > now + EARLY) && self.buffer.is_ready()
    }

    /// The memory that the next packet is stored in, if all goes well. Of many calls the processor's caches hold none,
    /// since a second of audio goes by until it is used again.
    #[must_use]
    pub fn room(&self) -> (&[u8], &u64) {
        self.buffer.room()
    }

    fn handle_audio(&mut self, packet: &Packet<'_>, order: Order, now: Instant) {
        self.newest = matches!(order, Order::Newest { .. }).then_some(now);
        if let Some(source) = &mut self.source {
            let since = now.saturating_duration_since(self.start);
            let arrival = ticks(since, self.stream.codec.clock_rate());
            let arrival = (arrival & u64::from(u32::MAX)) as u32;
            source.receiver.handle_times(packet.timestamp, arrival);
        }
        if !self.stream.receives {
            return;
        }
        if order == Order::Duplicate {
            self.buffer.handle_duplicate();
            return;
        }
        let incoming = Incoming {
            payload: packet.payload,
            timestamp: packet.timestamp,
            marker: packet.marker || order == Order::Restarted,
            newest: order != Order::Old,
            follows: order == Order::Newest { gap: 0 },
        };
        let in_time = match self.delivery {
            Delivery::Paced => self.buffer.handle(incoming, self.clock(now)),
            Delivery::AsReceived => self.buffer.handle_unpaced(incoming),
        };
        if !in_time {
            self.losses.discard(packet.sequence);
        }
    }

    /// Takes what a re-INVITE agreed on: address, payload types, codec, hold.
    pub fn update(&mut self, stream: Stream, now: Instant) {
        if stream.codec != self.stream.codec {
            self.buffer.restart(stream.codec);
            self.detector = Detector::new(stream.codec.clock_rate());
            self.reading = false;
            self.sending.pause();
        }
        if let Some(remote) = stream.remote {
            self.latch.update(remote, now); // on hold the latch stays: the same address may come back
        }
        self.stream = stream;
        self.show_life(now);
    }

    /// Twenty milliseconds have come: takes what is to be said in them.
    pub fn tick(&mut self, outgoing: Outgoing<'_>, now: Instant) {
        self.frames_due = (self.frames_due + 1).min(FRAMES_DUE);
        self.sending.tick(outgoing, &self.stream, self.audio_law);
        let holds = !(self.stream.sends && self.stream.receives && self.stream.remote.is_some());
        let patience = if self.heard_any {
            self.timeout.running
        } else {
            self.timeout.initial
        };
        if holds {
            self.alive = now;
        } else if !self.told_timeout && now.saturating_duration_since(self.alive) >= patience {
            self.told_timeout = true;
            self.tell(Event::MediaTimeout);
        }
    }

    /// Time that was slept through: so many ticks will never be made. The clock of what we send goes on, and so
    /// does the time of what is heard.
    pub fn skip(&mut self, ticks: u32) {
        self.frames_due = self.frames_due.saturating_add(ticks).min(FRAMES_DUE);
        self.sending.skip(ticks, self.stream.codec);
    }

    /// The next packet to send, written into the buffer ([`super::packet::MAX_PACKET`] bytes suffice).
    pub fn poll_transmit(&mut self, buffer: &mut [u8], now: Instant) -> Option<Transmit> {
        if let Some(to) = self.destination() {
            let sent = self
                .sending
                .poll(&self.stream, &mut self.buffer, buffer, now);
            if let Some(len) = sent {
                return Some(Transmit {
                    len,
                    to,
                    channel: Channel::Rtp,
                    port: Channel::Rtp,
                });
            }
        }
        self.poll_control(buffer, now)
    }

    /// The next received audio. Paced: what is to be heard in each tick, one frame of 160 bytes for G.711 (the
    /// buffer must hold it, or a packet of Opus).
    /// As received: what is there, at most a packet's worth; call it after each packet, since a second is all
    /// that is kept.
    pub fn poll_frame(&mut self, buffer: &mut [u8], now: Instant) -> Option<Received> {
        let received = match self.delivery {
            Delivery::Paced => {
                let part = self.poll_part(buffer, now)?;
                let position = self.position;
                let samples = u64::from(part.ticks) * u64::from(SAMPLE_RATE);
                self.position += samples / u64::from(self.stream.codec.clock_rate());
                Received {
                    len: part.len,
                    ticks: part.ticks,
                    position,
                    played: part.played,
                }
            }
            Delivery::AsReceived => {
                let chunk = self.buffer.take(buffer, now)?;
                Received {
                    len: chunk.len,
                    ticks: chunk.ticks,
                    position: chunk.position,
                    played: Played::Audio,
                }
            }
        };
        if let Codec::G711(law) = self.stream.codec
            && law != self.audio_law
        {
            for code in &mut buffer[..received.len] {
                *code = law.convert(*code, self.audio_law);
            }
        }
        Some(received)
    }

    /// Ticks that [`Self::poll_frame`] has still to give, of which the last is the present one.
    #[must_use]
    pub fn frames_due(&self) -> u32 {
        self.frames_due
    }

    /// The next piece of the ticks that are due.
    fn poll_part(&mut self, buffer: &mut [u8], now: Instant) -> Option<Part> {
        loop {
            if !self.reading {
                self.frames_due = self.frames_due.checked_sub(1)?;
                self.buffer.begin(self.clock(now));
                self.reading = true;
            }
            if let Some(part) = self.buffer.poll(buffer) {
                return Some(part);
            }
            self.reading = false;
        }
    }

    /// Time in ticks of the codec's clock.
    fn clock(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.start);
        ticks(since, self.stream.codec.clock_rate())
    }

    /// What is to be told next.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Presses a key after those that wait; false when the far end takes no telephone-events, it is no key, or too many wait.
    pub fn press(&mut self, key: char) -> bool {
        self.stream.telephone_event.is_some() && self.sending.press(key)
    }

    /// Whether keys are still being pressed.
    #[must_use]
    pub fn is_pressing(&self) -> bool {
        self.sending.is_pressing()
    }

    /// Whether what is said goes out: not while on hold.
    #[must_use]
    pub fn is_sending(&self) -> bool {
        self.stream.sends && self.destination().is_some()
    }

    /// The codec on the wire.
    #[must_use]
    pub fn codec(&self) -> Codec {
        self.stream.codec
    }

    /// The law of the audio handed in and out, where it is G.711.
    #[must_use]
    pub fn audio_law(&self) -> Law {
        self.audio_law
    }

    /// Where RTP goes now; nowhere while the far end holds with a null address.
    #[must_use]
    pub fn destination(&self) -> Option<SocketAddr> {
        self.stream.remote.and(self.latch.destination())
    }

    /// Everything that can be counted.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        let receiver = self.source.as_ref().map(|source| &source.receiver);
        let clock_rate = self.stream.codec.clock_rate();
        let delay = u32::try_from(self.buffer.delay()).unwrap_or(u32::MAX);
        Statistics {
            playout_delay: Duration::from_secs(1) * delay / clock_rate,
            received_as: self.received_quality(),
            sent_as: self.sent_quality(),
            pattern: self.losses.pattern(),
            mux: self.stream.control.mux,
            ..Statistics::collect(
                &self.counts,
                (receiver, clock_rate),
                self.buffer.counts(),
                self.sending.sender(),
                self.rtcp.heard(),
                self.latch.source(),
            )
        }
    }
}

impl Session {
    fn show_life(&mut self, now: Instant) {
        self.alive = now;
        self.told_timeout = false;
    }

    fn tell(&mut self, event: Event) {
        if self.events.len() < EVENTS {
            self.events.push_back(event);
        } else {
            self.counts.events_dropped += 1;
        }
    }
}

/// Events between two polls: a poll comes every few milliseconds, so two would do. When full the newest is
/// dropped and counted in [`Statistics::events_dropped`].
pub const EVENTS: usize = 16;
/// A packet that is on time comes this much early, at most.
const EARLY: Duration = Duration::from_millis(2);
/// A second of frames may wait for their reader; more ticks than this without reading are forgotten.
const FRAMES_DUE: u32 = 50;

#[cfg(test)]
mod tests;
