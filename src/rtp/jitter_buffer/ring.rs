//! One second of samples by place, each present or not.

use crate::audio::{Law, level};

use super::FRAME_SAMPLES;

/// Samples held: 1.024 s. What lies further ahead than this is a jump; older samples are overwritten.
pub(super) const CAPACITY: u64 = 8192;

/// Samples by place modulo the capacity.
#[derive(Debug)]
pub(super) struct Ring {
    samples: Box<[u8]>,
    present: Box<[bool]>,
}

impl Ring {
    pub(super) fn new() -> Self {
        Self {
            samples: vec![0; CAPACITY as usize].into(),
            present: vec![false; CAPACITY as usize].into(),
        }
    }

    pub(super) fn clear(&mut self) {
        self.present.fill(false);
    }

    /// Stores samples; false when all of them were there.
    pub(super) fn write(&mut self, place: u64, payload: &[u8]) -> bool {
        let mut any = false;
        for (offset, &sample) in payload.iter().enumerate() {
            let index = index(place + offset as u64);
            any |= !self.present[index];
            self.present[index] = true;
            self.samples[index] = sample;
        }
        any
    }

    pub(super) fn has(&self, place: u64) -> bool {
        self.present[index(place)]
    }

    /// Moves a frame out, silence where nothing is; gives the number of samples missing.
    pub(super) fn read(&mut self, place: u64, frame: &mut [u8; FRAME_SAMPLES], law: Law) -> usize {
        let mut missing = 0;
        for (offset, sample) in frame.iter_mut().enumerate() {
            let index = index(place + offset as u64);
            if self.present[index] {
                self.present[index] = false;
                *sample = self.samples[index];
            } else {
                missing += 1;
                *sample = law.silence();
            }
        }
        missing
    }

    /// Moves out what is present without a gap; gives the number of samples.
    pub(super) fn take(&mut self, place: u64, buffer: &mut [u8]) -> usize {
        for (offset, sample) in buffer.iter_mut().enumerate() {
            let index = index(place + offset as u64);
            if !self.present[index] {
                return offset;
            }
            self.present[index] = false;
            *sample = self.samples[index];
        }
        buffer.len()
    }

    pub(super) fn discard(&mut self, place: u64, samples: u64) {
        for offset in 0..samples {
            self.present[index(place + offset)] = false;
        }
    }

    /// Whether nobody can be heard in the frame at a place.
    pub(super) fn is_silent(&self, place: u64, law: Law) -> bool {
        let mut frame = [law.silence(); FRAME_SAMPLES];
        for (offset, sample) in frame.iter_mut().enumerate() {
            let index = index(place + offset as u64);
            if self.present[index] {
                *sample = self.samples[index];
            }
        }
        level::is_silent(law, &frame)
    }
}

fn index(place: u64) -> usize {
    (place % CAPACITY) as usize
}
