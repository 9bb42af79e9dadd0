//! What is heard where G.711 is missing.
//!
//! As long as nothing is missing a frame is only remembered as it was played; the work of [`Concealer`] begins
//! with a loss and ends with the first frame after it.

use crate::audio::plc::Concealer;
use crate::audio::{FRAME_SAMPLES, Law, SAMPLE_RATE};

/// Makes up what is missing in one stream.
#[derive(Debug)]
pub(super) struct Concealment {
    concealer: Concealer,
    /// What was played last, the newest at the end.
    played: [u8; REMEMBERED],
    active: bool,
}

impl Concealment {
    pub(super) fn new(law: Law) -> Self {
        Self {
            concealer: Concealer::new(SAMPLE_RATE),
            played: [law.silence(); REMEMBERED],
            active: false,
        }
    }

    pub(super) fn restart(&mut self, law: Law) {
        self.played = [law.silence(); REMEMBERED];
        self.active = false;
    }

    /// Takes a frame as it was played.
    pub(super) fn remember(&mut self, frame: &[u8; FRAME_SAMPLES]) {
        self.played.copy_within(FRAME_SAMPLES.., 0);
        self.played[REMEMBERED - FRAME_SAMPLES..].copy_from_slice(frame);
    }

    /// Whether what was played last was made up, so that what comes next must be joined to it.
    pub(super) fn is_active(&self) -> bool {
        self.active
    }

    /// Fills a part of a frame, of which `before` was already played.
    pub(super) fn make_up(&mut self, law: Law, before: &[u8], part: &mut [u8]) {
        if !self.active {
            self.active = true;
            self.concealer.reset();
            for codes in self.played.chunks(FRAME_SAMPLES).chain([before]) {
                let mut samples = decoded(law, codes);
                self.concealer.heard(&mut samples[..codes.len()]);
            }
        }
        let mut samples = [0; FRAME_SAMPLES];
        let length = part.len();
        self.concealer.conceal(&mut samples[..length]);
        encode(law, &samples, part);
    }

    /// Joins a part that was received to what was made up before it.
    pub(super) fn join(&mut self, law: Law, part: &mut [u8]) {
        let mut samples = decoded(law, part);
        self.concealer.heard(&mut samples[..part.len()]);
        encode(law, &samples, part);
        self.active = false;
    }
}

fn decoded(law: Law, codes: &[u8]) -> [i16; FRAME_SAMPLES] {
    let mut samples = [0; FRAME_SAMPLES];
    for (sample, code) in samples.iter_mut().zip(codes) {
        *sample = law.decode(*code);
    }
    samples
}

fn encode(law: Law, samples: &[i16; FRAME_SAMPLES], part: &mut [u8]) {
    for (code, sample) in part.iter_mut().zip(samples) {
        *code = law.encode(*sample);
    }
}

/// 60 ms: more than the concealer looks back.
const REMEMBERED: usize = 3 * FRAME_SAMPLES;
