//! Cuts rendered audio of any size into frames of one utterance.

use std::collections::VecDeque;
use std::time::Duration;

use crate::audio::{FRAME, SpeechFormat};
use crate::conversation::UtteranceId;
use crate::io::transcode::Spoken;

/// The most leading silence taken away; voices begin with 150 to 250 ms of it.
const MAX_TRIM: u32 = 15;
/// Silent frames left before the first sound, so that soft consonants keep their beginning.
const LEFT_BEFORE: usize = 2;

/// Which utterance the audio belongs to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owner {
    pub(super) utterance: UtteranceId,
    pub(super) epoch: u32,
    pub(super) format: SpeechFormat,
}

/// Makes frames. At least one byte stays in hand until the end, because the last frame is marked.
#[derive(Clone, Debug)]
pub(super) struct Cutter {
    owner: Owner,
    hand: Vec<u8>,
    /// Silence is sent before it.
    afresh: bool,
    /// Leading frames that may still be taken away.
    trim: u32,
    /// Silent frames kept back until it is known whether sound follows.
    held: VecDeque<Vec<u8>>,
    frames: u32,
}

impl Cutter {
    /// After silence, which is told by `afresh`, leading silence is taken away.
    pub(super) fn new(owner: Owner, afresh: bool) -> Self {
        Self {
            owner,
            hand: Vec::with_capacity(owner.format.frame_bytes()),
            afresh,
            trim: if afresh { MAX_TRIM } else { 0 },
            held: VecDeque::new(),
            frames: 0,
        }
    }

    /// Adds audio.
    pub(super) fn push(&mut self, mut audio: &[u8], frames: &mut Vec<Spoken>) {
        while !audio.is_empty() {
            let whole = self.frame_bytes();
            if self.hand.len() == whole {
                let frame = std::mem::replace(&mut self.hand, Vec::with_capacity(whole));
                self.frame(frame, frames);
            }
            let fits = audio.len().min(whole - self.hand.len());
            let (head, rest) = audio.split_at(fits);
            self.hand.extend_from_slice(head);
            audio = rest;
        }
    }

    /// Bytes of a frame.
    pub(super) fn frame_bytes(&self) -> usize {
        self.owner.format.frame_bytes()
    }

    /// How long audio sounds that is all there is to come.
    pub(super) fn length(&self, audio: &[u8]) -> Duration {
        let (mut cutter, mut frames) = (self.clone(), Vec::new());
        for part in audio.chunks(self.frame_bytes()) {
            cutter.push(part, &mut frames);
            frames.clear();
        }
        cutter.finish(&mut frames)
    }

    /// Ends the utterance; returns how long it sounds. There is always a last frame, so that the
    /// end of playing is always told.
    pub(super) fn finish(mut self, frames: &mut Vec<Spoken>) -> Duration {
        self.release(frames);
        let format = self.owner.format;
        self.hand.resize(format.frame_bytes(), format.silence());
        let last = std::mem::take(&mut self.hand);
        self.emit(last, true, frames);
        FRAME * self.frames
    }

    fn frame(&mut self, frame: Vec<u8>, frames: &mut Vec<Spoken>) {
        if self.trim == 0 || !self.owner.format.is_quiet(&frame) {
            self.trim = 0;
            self.release(frames);
            self.emit(frame, false, frames);
            return;
        }
        self.held.push_back(frame);
        if self.held.len() > LEFT_BEFORE {
            self.held.pop_front();
            self.trim -= 1;
        }
    }

    fn release(&mut self, frames: &mut Vec<Spoken>) {
        while let Some(frame) = self.held.pop_front() {
            self.emit(frame, false, frames);
        }
    }

    fn emit(&mut self, audio: Vec<u8>, last: bool, frames: &mut Vec<Spoken>) {
        self.frames = self.frames.saturating_add(1);
        frames.push(Spoken {
            epoch: self.owner.epoch,
            utterance: self.owner.utterance,
            last,
            afresh: core::mem::take(&mut self.afresh),
            audio,
        });
    }
}

#[cfg(test)]
mod tests;
