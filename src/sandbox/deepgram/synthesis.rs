//! Aura's buffers: text in, paced pieces of audio out. Limits as the service has them.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::sandbox::pcm::Encoding;
use crate::sandbox::tone_speech::{Encoder, TAIL};

/// Characters of one message.
pub(super) const MAX_TEXT: usize = 2_000;
/// Characters in [`WINDOW`] on one socket. This also bounds the audio that can be waiting.
const MAX_CHARACTERS: usize = 2_400;
/// Flushes in [`WINDOW`].
const MAX_FLUSHES: usize = 20;
const WINDOW: Duration = Duration::from_secs(60);
/// Text that is rendered without waiting for a flush, up to its last sentence.
const EAGER_TEXT: usize = 150;
/// Samples of the pieces, in turn: like the service's they fit no packet.
const PIECES: [usize; 4] = [997, 1_499, 331, 2_003];

/// What the voice sends next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Audio {
        bytes: Vec<u8>,
        /// How long it sounds.
        length: Duration,
        /// Where in the rendered text it is.
        place: Place,
    },
    /// The answer to a flush.
    Flushed(u64),
}

/// The places where faults strike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    First,
    Half,
    Other,
}

/// Too much text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TooMuch {
    /// In one message.
    Message,
    /// In one minute.
    Minute,
}

/// The machine of one socket.
pub(super) struct Synthesis {
    encoding: Encoding,
    rate: u32,
    encoder: Encoder,
    text: String,
    queue: VecDeque<Piece>,
    flushed: u64,
    flushes: VecDeque<Instant>,
    spoken: VecDeque<(Instant, usize)>,
    piece: usize,
}

impl Synthesis {
    pub(super) fn new(encoding: Encoding, rate: u32) -> Self {
        Self {
            encoding,
            rate,
            encoder: Encoder::new(rate),
            text: String::new(),
            queue: VecDeque::new(),
            flushed: 0,
            flushes: VecDeque::new(),
            spoken: VecDeque::new(),
            piece: 0,
        }
    }

    /// Takes text; gives what of it is rendered at once, if anything.
    pub(super) fn speak(&mut self, text: &str, now: Instant) -> Result<Option<String>, TooMuch> {
        let length = text.chars().count();
        if length > MAX_TEXT {
            return Err(TooMuch::Message);
        }
        self.spoken
            .retain(|(at, _)| now.saturating_duration_since(*at) < WINDOW);
        let before: usize = self.spoken.iter().map(|(_, length)| length).sum();
        if before + length > MAX_CHARACTERS {
            return Err(TooMuch::Minute);
        }
        self.spoken.push_back((now, length));
        if self.text.ends_with(['.', '!', '?', ',', ':', ';']) {
            self.text.push(' ');
        }
        self.text.push_str(text);
        let end = self.text.rfind(['.', '!', '?']).map(|at| at + 1);
        let Some(end) = end.filter(|end| *end >= EAGER_TEXT) else {
            return Ok(None);
        };
        let sentences: String = self.text.drain(..end).collect();
        self.render(&sentences, false);
        Ok(Some(sentences))
    }

    /// Renders all text. `None`, and nothing is done, when there were too many flushes.
    pub(super) fn flush(&mut self, now: Instant) -> Option<String> {
        self.flushes
            .retain(|at| now.saturating_duration_since(*at) < WINDOW);
        if self.flushes.len() >= MAX_FLUSHES {
            return None;
        }
        self.flushes.push_back(now);
        let text = std::mem::take(&mut self.text);
        self.render(&text, true);
        self.queue.push_back(Piece::Flushed(self.flushed));
        self.flushed += 1;
        Some(text)
    }

    /// Drops text and audio.
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.queue.clear();
    }

    /// Renders what is left, before the socket is closed.
    pub(super) fn finish(&mut self) {
        let text = std::mem::take(&mut self.text);
        self.render(&text, true);
    }

    /// The next piece.
    pub(super) fn poll(&mut self) -> Option<Piece> {
        self.queue.pop_front()
    }

    /// True when nothing waits to be sent.
    pub(super) fn is_idle(&self) -> bool {
        self.queue.is_empty()
    }

    fn render(&mut self, text: &str, last: bool) {
        let mut samples = self.encoder.say(text);
        if samples.is_empty() {
            return;
        }
        let more = if last {
            self.encoder.silence(TAIL)
        } else {
            self.encoder.space()
        };
        samples.extend(more);
        let half = samples.len() / 2;
        let mut from = 0;
        let mut halved = false;
        while from < samples.len() {
            let to = (from + PIECES[self.piece % PIECES.len()]).min(samples.len());
            self.piece = self.piece.wrapping_add(1);
            let place = match (from, halved) {
                (0, _) => Place::First,
                (_, false) if to >= half => Place::Half,
                _ => Place::Other,
            };
            halved |= place == Place::Half;
            self.queue.push_back(Piece::Audio {
                bytes: self.encoding.encode(&samples[from..to]),
                length: Duration::from_secs(1) * (to - from) as u32 / self.rate,
                place,
            });
            from = to;
        }
    }
}

#[cfg(test)]
mod tests;
