//! The 1004 Hz milliwatt: what a telephone engineer calls to measure a line.

use super::{Law, SAMPLE_RATE, level};

/// A sine of 1004 Hz at 0 dBm0, repeated without a seam. Filling frames allocates nothing.
#[derive(Clone, Debug)]
pub struct Tone {
    samples: [u8; PERIOD],
    next: usize,
}

impl Tone {
    /// The milliwatt in a law, from phase zero.
    #[must_use]
    pub fn milliwatt(law: Law) -> Self {
        let peak = (2.0 * level::milliwatt(law)).sqrt();
        let mut samples = [0; PERIOD];
        for (index, sample) in samples.iter_mut().enumerate() {
            let turns = index as f64 * FREQUENCY / f64::from(SAMPLE_RATE);
            let value = peak * (core::f64::consts::TAU * turns).sin();
            *sample = law.encode(value.round() as i16); // the peak is 22 827 at most
        }
        Self { samples, next: 0 }
    }

    /// Fills a frame of any length with the tone's continuation.
    pub fn fill(&mut self, frame: &mut [u8]) {
        for code in frame {
            *code = self.samples[self.next];
            self.next = (self.next + 1) % PERIOD;
        }
    }
}

const FREQUENCY: f64 = 1004.0;
/// 251 whole turns of 1004 Hz at 8000 samples a second.
const PERIOD: usize = 2000;

#[cfg(test)]
mod tests;
