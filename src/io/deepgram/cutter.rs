//! Cuts rendered audio of any size into frames of one utterance.

use std::collections::VecDeque;
use std::time::Duration;

use crate::audio::{FRAME, FRAME_SAMPLES, Law};
use crate::conversation::UtteranceId;
use crate::io::rings::{AgentFrame, Frame};

/// The most leading silence taken away; voices begin with 150 to 250 ms of it.
const MAX_TRIM: u32 = 15;
/// Silent frames left before the first sound, so that soft consonants keep their beginning.
const LEFT_BEFORE: usize = 2;

/// Which utterance the audio belongs to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owner {
    pub(super) utterance: UtteranceId,
    pub(super) epoch: u32,
    pub(super) law: Law,
}

/// Makes frames. At least one byte stays in hand until the end, because the last frame is marked.
#[derive(Debug)]
pub(super) struct Cutter {
    owner: Owner,
    hand: Vec<u8>,
    /// Leading frames that may still be taken away.
    trim: u32,
    /// Silent frames kept back until it is known whether sound follows.
    held: VecDeque<Frame>,
    frames: u32,
}

impl Cutter {
    /// `trim` takes away leading silence.
    pub(super) fn new(owner: Owner, trim: bool) -> Self {
        Self {
            owner,
            hand: Vec::with_capacity(FRAME_SAMPLES),
            trim: if trim { MAX_TRIM } else { 0 },
            held: VecDeque::new(),
            frames: 0,
        }
    }

    /// Adds audio.
    pub(super) fn push(&mut self, mut audio: &[u8], frames: &mut VecDeque<AgentFrame>) {
        while !audio.is_empty() {
            if self.hand.len() == FRAME_SAMPLES {
                let frame = Frame::new(&self.hand);
                self.hand.clear();
                self.frame(frame, frames);
            }
            let fits = audio.len().min(FRAME_SAMPLES - self.hand.len());
            let (head, rest) = audio.split_at(fits);
            self.hand.extend_from_slice(head);
            audio = rest;
        }
    }

    /// Ends the utterance; returns how long it sounds. There is always a last frame, so that the
    /// end of playing is always told.
    pub(super) fn finish(mut self, frames: &mut VecDeque<AgentFrame>) -> Duration {
        self.release(frames);
        self.hand.resize(FRAME_SAMPLES, self.owner.law.silence());
        let last = Frame::new(&self.hand);
        self.emit(last, true, frames);
        FRAME * self.frames
    }

    fn frame(&mut self, frame: Frame, frames: &mut VecDeque<AgentFrame>) {
        if self.trim == 0 || !silent(self.owner.law, frame.bytes()) {
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

    fn release(&mut self, frames: &mut VecDeque<AgentFrame>) {
        while let Some(frame) = self.held.pop_front() {
            self.emit(frame, false, frames);
        }
    }

    fn emit(&mut self, audio: Frame, last: bool, frames: &mut VecDeque<AgentFrame>) {
        self.frames = self.frames.saturating_add(1);
        frames.push_back(AgentFrame {
            epoch: self.owner.epoch,
            utterance: self.owner.utterance,
            last,
            audio,
        });
    }
}

/// No sample is louder than about -48 dB of full scale.
fn silent(law: Law, audio: &[u8]) -> bool {
    let quiet = |byte: &u8| match law {
        Law::Mu => !byte & 0x7F < 0x10,
        Law::A => (byte ^ 0x55) & 0x7F < 0x08,
    };
    audio.iter().all(quiet)
}

#[cfg(test)]
mod tests;
