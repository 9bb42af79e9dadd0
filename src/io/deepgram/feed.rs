//! The caller's audio on its way to the ear: what waits, and what was sent but not yet accounted
//! for by a transcript, to be sent again if the connection is lost.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::audio::SpeechFormat;

/// Frames of one message: 80 ms, as the service recommends.
pub(super) const CHUNK_FRAMES: usize = 4;
/// What may wait: two seconds, more is too old to be answered. When full the oldest is dropped and
/// counted in `dropped_audio`.
const MAX_PENDING_SECONDS: usize = 2;
/// What is kept for a replay: two seconds. When full the oldest is forgotten; that is its purpose.
const MAX_SENT_SECONDS: usize = 2;

/// Audio waiting and audio sent.
#[derive(Debug)]
pub(super) struct Feed {
    format: SpeechFormat,
    pending: VecDeque<u8>,
    sent: VecDeque<u8>,
    /// Bytes sent on this connection; its transcripts count seconds from its first.
    total: u64,
}

impl Feed {
    pub(super) fn new(format: SpeechFormat) -> Self {
        Self {
            format,
            pending: VecDeque::new(),
            sent: VecDeque::new(),
            total: 0,
        }
    }

    /// Bytes of one message.
    fn chunk_bytes(&self) -> usize {
        CHUNK_FRAMES * self.format.frame_bytes()
    }

    /// Adds audio; returns how many bytes of the oldest had to be dropped.
    pub(super) fn push(&mut self, audio: &[u8]) -> usize {
        self.pending.extend(audio);
        let most = MAX_PENDING_SECONDS * self.format.byte_rate();
        cap(&mut self.pending, most)
    }

    /// True when a whole message waits.
    pub(super) fn ready(&self) -> bool {
        self.pending.len() >= self.chunk_bytes()
    }

    /// Makes a whole message of what waits, with silence behind it.
    pub(super) fn pad(&mut self) {
        let length = self
            .pending
            .len()
            .max(1)
            .next_multiple_of(self.chunk_bytes());
        self.pending.resize(length, self.format.silence());
    }

    /// The next message.
    pub(super) fn chunk(&mut self) -> Bytes {
        let length = self.pending.len().min(self.chunk_bytes());
        let chunk: Vec<u8> = self.pending.drain(..length).collect();
        let chunk_bytes = self.chunk_bytes();
        give_back(&mut self.pending, chunk_bytes);
        self.total += chunk.len() as u64;
        self.sent.extend(&chunk);
        cap(&mut self.sent, MAX_SENT_SECONDS * self.format.byte_rate());
        chunk.into()
    }

    /// The service has transcribed this connection's audio up to here.
    pub(super) fn transcribed(&mut self, seconds: f64) {
        let done = (seconds.max(0.0) * self.format.byte_rate() as f64) as u64;
        let whole =
            done - done % (self.format.byte_rate() as u64 / u64::from(self.format.sample_rate()));
        let open = usize::try_from(self.total.saturating_sub(whole)).unwrap_or(usize::MAX);
        cap(&mut self.sent, open);
        let chunk_bytes = self.chunk_bytes();
        give_back(&mut self.sent, chunk_bytes);
    }

    /// A new connection begins: what was sent but not transcribed waits again.
    pub(super) fn rewind(&mut self) -> usize {
        let mut pending = std::mem::take(&mut self.sent);
        pending.append(&mut self.pending);
        self.pending = pending;
        self.total = 0;
        let most = MAX_PENDING_SECONDS * self.format.byte_rate();
        cap(&mut self.pending, most)
    }
}

/// Gives back the room of a time when more waited: while a connection was opened, two seconds of it.
fn give_back(audio: &mut VecDeque<u8>, chunk: usize) {
    let needed = audio.len() + 4 * chunk;
    if audio.capacity() > 2 * needed {
        audio.shrink_to(needed);
    }
}

/// Drops the oldest bytes beyond `most`; returns how many.
fn cap(audio: &mut VecDeque<u8>, most: usize) -> usize {
    let excess = audio.len().saturating_sub(most);
    audio.drain(..excess);
    excess
}

#[cfg(test)]
mod tests;
