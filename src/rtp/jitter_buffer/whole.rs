//! A tick of a codec whose packets cannot be cut: Opus. A packet is given once, when its beginning is due, and
//! covers its time; what is missing before a packet is told first, so that its decoder can look for it there
//! (RFC 6716 §2.1.7, forward error correction).

use super::{Content, FADED, JitterBuffer, Move, Part, Played};

impl JitterBuffer {
    /// Puts the delay right by leaving a packet out, or by having one made up.
    pub(super) fn adjust_whole(&mut self) {
        let frame = u64::from(self.codec.frame_ticks());
        let Some(read) = self.playout.read() else {
            return;
        };
        if !self.playout.is_wrong() {
            return;
        }
        let due = self.packets.next().is_some_and(|next| next < read + frame);
        let content = if due {
            Content::Speech
        } else if self.playout.is_pause(read) {
            Content::Pause
        } else {
            Content::Gap
        };
        match self.playout.adjust(content) {
            Move::Stay => {}
            Move::Skip(ticks) => self.leave_out(ticks),
            Move::Shrink => self.leave_out(frame),
            Move::Hold | Move::Grow => {
                self.counts.lengthened += 1;
                if let Some(window) = &mut self.window {
                    window.held = true;
                }
            }
        }
    }

    fn leave_out(&mut self, ticks: u64) {
        self.playout.skip(ticks);
        self.counts.shortened += u64::from(ticks >= u64::from(self.codec.frame_ticks()));
        let read = self.playout.read().unwrap_or(0);
        self.packets.discard_before(read);
        if let Some(window) = &mut self.window {
            window.until += ticks;
            window.from = read;
        }
    }

    pub(super) fn poll_whole(&mut self, buffer: &mut [u8]) -> Option<Part> {
        let window = self.window?;
        let frame = self.codec.frame_ticks();
        if self.playout.read().is_none() {
            self.window = None;
            return Some(nothing(u64::from(frame), Played::Silence));
        }
        if window.held {
            self.window = None;
            self.playout.consume(0);
            let pause = self.playout.is_pause(window.from);
            let played = if pause { Played::Silence } else { Played::Lost };
            return Some(nothing(u64::from(frame), played));
        }
        self.given = self.given.max(window.from);
        self.packets.discard_before(window.from);
        let next = self.packets.next().filter(|next| *next < window.until);
        if let Some(next) = next.filter(|next| *next <= self.given) {
            let chunk = self.packets.take(&self.bytes, buffer)?;
            self.given = self.given.max(next + u64::from(chunk.ticks));
            self.missed = 0;
            return Some(Part {
                len: chunk.len,
                ticks: chunk.ticks,
                played: Played::Audio,
            });
        }
        let until = next.unwrap_or(window.until);
        if self.given >= until {
            self.window = None;
            self.playout.consume(u64::from(frame));
            return None;
        }
        Some(self.bridge(until))
    }

    /// What is missing up to a place.
    fn bridge(&mut self, until: u64) -> Part {
        let from = self.given;
        self.given = until;
        let waits = from < self.playout.end();
        let silent = self.playout.is_pause(from) || self.suppressed && !waits;
        let lost = !silent && (waits || self.missed < FADED);
        self.missed = self.missed.saturating_add(1);
        if !lost {
            return nothing(until - from, Played::Silence);
        }
        self.counts.concealed += u64::from(waits);
        self.unsettled += u64::from(!waits);
        nothing(until - from, Played::Lost)
    }
}

fn nothing(ticks: u64, played: Played) -> Part {
    Part {
        len: 0,
        ticks: u32::try_from(ticks).unwrap_or(0),
        played,
    }
}
