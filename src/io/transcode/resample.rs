//! Between sampling rates that are whole multiples of each other, as two legs of different codecs need it.

use core::f64::consts::PI;

/// Taps each side of the middle, in samples of the lower rate: the stop band is 60 dB down, the delay 1 ms at 8 kHz.
const REACH: usize = 8;

/// A windowed sinc, which keeps what the lower rate can carry.
pub(super) struct Resampler {
    up: usize,
    down: usize,
    taps: Vec<f32>,
    /// The latest input, as much as the filter reaches back.
    history: Vec<f32>,
    /// Inputs until the next output, where the rate falls.
    phase: usize,
}

impl Resampler {
    /// From one rate to another; one of them is a multiple of the other.
    pub(super) fn new(from: u32, to: u32) -> Self {
        let up = (to / from).max(1) as usize;
        let down = (from / to).max(1) as usize;
        let factor = up.max(down);
        let half = REACH * factor;
        let taps = (0..=2 * half).map(|tap| {
            let at = (tap as f64 - half as f64) / factor as f64;
            let sinc = if at == 0.0 {
                1.0
            } else {
                (PI * at).sin() / (PI * at)
            };
            let turn = PI * tap as f64 / half as f64;
            let window = 0.42 - 0.5 * turn.cos() + 0.08 * (2.0 * turn).cos();
            (sinc * window / down as f64) as f32
        });
        let taps: Vec<f32> = taps.collect();
        Self {
            history: vec![0.0; taps.len().div_ceil(up)],
            up,
            down,
            taps,
            phase: 0,
        }
    }

    /// Appends what the samples are at the other rate.
    pub(super) fn process(&mut self, samples: &[i16], out: &mut Vec<i16>) {
        for &sample in samples {
            self.history.rotate_right(1);
            self.history[0] = f32::from(sample);
            if self.phase > 0 {
                self.phase -= 1;
                continue;
            }
            self.phase = self.down - 1;
            for branch in 0..self.up {
                let taps = self.taps.iter().skip(branch).step_by(self.up);
                let sum: f32 = taps.zip(&self.history).map(|(tap, past)| tap * past).sum();
                out.push(sum.round() as i16); // a cast saturates
            }
        }
    }
}

/// A whole piece of audio at another rate; one of them is a multiple of the other.
#[must_use]
pub fn resampled(samples: &[i16], from: u32, to: u32) -> Vec<i16> {
    let mut out = Vec::new();
    Resampler::new(from, to).process(samples, &mut out);
    out
}
