//! Keys as telephone-events (RFC 4733), both ways.
//!
//! An event is many packets with one timestamp: the first marked, each longer than the one before,
//! the last sent three times with the end bit. Any of them may be lost, so [`Detector`] reports a key at
//! the first packet it sees of it, and never twice for one timestamp.

use std::collections::VecDeque;

/// Hears keys.
#[derive(Clone, Debug)]
pub struct Detector {
    current: Option<Current>,
    /// Ticks of the clock in one of 8 kHz.
    scale: u32,
}

#[derive(Clone, Copy, Debug)]
struct Current {
    event: u8,
    timestamp: u32,
    /// The longest duration seen.
    duration: u16,
    ended: bool,
}

impl Detector {
    /// For events on a clock of this rate.
    #[must_use]
    pub fn new(clock_rate: u32) -> Self {
        Self {
            current: None,
            scale: (clock_rate / 8_000).max(1),
        }
    }

    /// Takes an event packet; gives the key if one begins here.
    pub fn handle(&mut self, timestamp: u32, marker: bool, payload: &[u8]) -> Option<char> {
        let &[event, flags, high, low, ..] = payload else {
            return None;
        };
        let duration = u16::from_be_bytes([high, low]);
        let ended = flags & END != 0;
        if let Some(current) = &mut self.current {
            let ahead = timestamp.wrapping_sub(current.timestamp);
            if ahead == 0 {
                current.duration = current.duration.max(duration);
                current.ended |= ended;
                return None;
            }
            if current.timestamp.wrapping_sub(timestamp) < STRAGGLER * self.scale {
                return None; // of an earlier key
            }
            if !marker && current.continues(event, ahead, ONE_PACKET * self.scale) {
                *current = Current {
                    event,
                    timestamp,
                    duration,
                    ended,
                };
                return None;
            }
        }
        self.current = Some(Current {
            event,
            timestamp,
            duration,
            ended,
        });
        digit(event)
    }
}

impl Current {
    /// Whether an unmarked packet of a later timestamp is the same long press: a new segment (RFC 4733
    /// §2.5.1.3), or a sender that moves the timestamp with each packet.
    fn continues(&self, event: u8, ahead: u32, packet: u32) -> bool {
        let reached = u32::from(self.duration) + packet;
        event == self.event && !self.ended && (ahead <= reached || ahead == SEGMENT)
    }
}

/// Presses keys, one packet each 20 ms.
#[derive(Clone, Debug)]
pub struct Presser {
    waiting: VecDeque<u8>,
    pressed: Option<Pressed>,
    pause_ticks: u8,
}

#[derive(Clone, Copy, Debug)]
struct Pressed {
    event: u8,
    timestamp: u32,
    duration: u16,
    /// Ticks in which it has sounded.
    frames: u16,
    ends: u8,
}

/// One event packet to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventPacket {
    /// The timestamp of the whole event.
    pub timestamp: u32,
    /// First packet of the event.
    pub marker: bool,
    /// Event, flags and volume, duration.
    pub payload: [u8; 4],
}

impl Presser {
    /// Nothing pressed.
    #[must_use]
    pub fn new() -> Self {
        Self {
            waiting: VecDeque::with_capacity(WAITING_KEYS),
            pressed: None,
            pause_ticks: 0,
        }
    }

    /// Presses a key after those that wait. False when it is no key or [`WAITING_KEYS`] wait already.
    pub fn press(&mut self, key: char) -> bool {
        let Some(event) = event(key) else {
            return false;
        };
        let room = self.waiting.len() < WAITING_KEYS;
        if room {
            self.waiting.push_back(event);
        }
        room
    }

    /// What to send in the 20 ms that begin at `clock` and last `frame_ticks` of it; `None`: no key, audio goes on.
    pub fn tick(&mut self, clock: u32, frame_ticks: u32) -> Option<EventPacket> {
        if self.pressed.is_none() {
            if self.pause_ticks > 0 {
                self.pause_ticks -= 1;
                return None;
            }
            self.pressed = Some(Pressed {
                event: self.waiting.pop_front()?,
                timestamp: clock,
                duration: 0,
                frames: 0,
                ends: 0,
            });
        }
        let pressed = self.pressed.as_mut()?;
        let marker = pressed.frames == 0;
        if pressed.frames < KEY_FRAMES {
            pressed.frames += 1;
            let duration = u32::from(pressed.frames) * frame_ticks;
            pressed.duration = u16::try_from(duration).unwrap_or(u16::MAX);
        }
        let end = pressed.frames >= KEY_FRAMES;
        pressed.ends += u8::from(end);
        let [high, low] = pressed.duration.to_be_bytes();
        let flags = if end { END | VOLUME } else { VOLUME };
        let packet = EventPacket {
            timestamp: pressed.timestamp,
            marker,
            payload: [pressed.event, flags, high, low],
        };
        if pressed.ends == FINAL_PACKETS {
            self.pressed = None;
            self.pause_ticks = PAUSE_TICKS;
        }
        Some(packet)
    }

    /// Whether keys are being pressed or wait.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.pressed.is_some() || !self.waiting.is_empty()
    }
}

impl Default for Presser {
    fn default() -> Self {
        Self::new()
    }
}

/// The key of an event code (RFC 4733 §3.2); hook flash and what is not DTMF is none.
fn digit(event: u8) -> Option<char> {
    KEYS.get(usize::from(event)).map(|&key| char::from(key))
}

fn event(key: char) -> Option<u8> {
    let key = key.to_ascii_uppercase();
    let code = KEYS.iter().position(|&other| char::from(other) == key)?;
    u8::try_from(code).ok()
}

/// Keys that may wait to be pressed: a long extension or card number. More are refused to the one who asks.
pub const WAITING_KEYS: usize = 32;

const KEYS: [u8; 16] = *b"0123456789*#ABCD";
const END: u8 = 0x80;
/// -10 dBm0, a usual level of keys.
const VOLUME: u8 = 10;
/// A key sounds for 100 ms.
const KEY_FRAMES: u16 = 5;
/// RFC 4733 §2.5.1.4: the final packet is sent three times.
const FINAL_PACKETS: u8 = 3;
/// 60 ms between keys; 40 is what receivers must be able to tell apart.
const PAUSE_TICKS: u8 = 3;
/// Five seconds of 8 kHz: what is older is not late, the timestamps have begun anew.
const STRAGGLER: u32 = 40_000;
/// The longest duration a segment can hold.
const SEGMENT: u32 = 0xFFFF;
/// What a sender's step may be: 50 ms of 8 kHz.
const ONE_PACKET: u32 = 400;

#[cfg(test)]
mod tests;
