//! Whose packets are heard, and what they carry.

use core::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::rtp::packet::Packet;
use crate::rtp::receiver::{Order, Receiver};
use crate::rtp::telephone_event::Detector;

use super::Session;

/// The source that is heard.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) receiver: Receiver,
    last: Instant,
}

/// What a packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Audio,
    Event,
    ComfortNoise,
}

impl Session {
    pub(super) fn kind(&self, payload_type: u8) -> Option<Kind> {
        let event = self.stream.telephone_event.map(|(_, receive)| receive);
        if payload_type == self.stream.receive_payload_type {
            Some(Kind::Audio)
        } else if Some(payload_type) == event {
            Some(Kind::Event)
        } else {
            let noise = self.stream.comfort_noise.map(|(_, receive)| receive);
            (payload_type == noise.unwrap_or(COMFORT_NOISE)).then_some(Kind::ComfortNoise)
        }
    }

    /// Where the packet stands in its source; `None` when it is not (yet) to be believed.
    pub(super) fn order(&mut self, packet: &Packet<'_>, now: Instant) -> Option<Order> {
        if let Some(source) = &self.source {
            let silent = now.saturating_duration_since(source.last) >= SOURCE_SILENT;
            let other = source.receiver.ssrc() != packet.ssrc;
            let confirmed = self.candidate == Some((packet.ssrc, packet.sequence));
            if other && !confirmed && !silent {
                self.candidate = Some((packet.ssrc, packet.sequence.wrapping_add(1)));
                return None;
            }
            if other || silent && !source.receiver.is_followed_by(packet.sequence) {
                self.retire_source();
            }
        }
        if self.source.is_none() {
            self.candidate = None;
            self.detector = Detector::new(self.stream.codec.clock_rate());
            if self.heard_any {
                self.counts.source_changes += 1;
                self.buffer.restart(self.stream.codec);
            }
        }
        let source = self.source.get_or_insert_with(|| Source {
            receiver: Receiver::new(packet.ssrc, packet.sequence),
            last: now,
        });
        source.last = now;
        match source.receiver.handle_sequence(packet.sequence) {
            Order::Invalid => None,
            order => {
                if order == Order::Restarted {
                    self.losses.restart();
                }
                self.losses.came(packet.sequence);
                Some(order)
            }
        }
    }

    /// The far end's stream goes on from another port of its host, and the old one is silent: a NAT has given it
    /// another port. Whoever knows neither source nor sequence number cannot say so.
    pub(super) fn is_rebound(&self, packet: &Packet<'_>, from: SocketAddr, now: Instant) -> bool {
        self.source.as_ref().is_some_and(|source| {
            source.receiver.ssrc() == packet.ssrc
                && source.receiver.is_followed_by(packet.sequence)
                && now.saturating_duration_since(source.last) >= SOURCE_SILENT
                && self.latch.same_host(from)
        })
    }

    pub(super) fn retire_source(&mut self) {
        if let Some(source) = self.source.take() {
            self.counts.retire(&source.receiver);
            self.losses.restart();
        }
    }
}

/// Static payload type of comfort noise (RFC 3389), which some send unasked.
const COMFORT_NOISE: u8 = 13;
/// A source silent for so long gives way to another at once, or may begin anew at any number.
const SOURCE_SILENT: Duration = Duration::from_millis(200);
