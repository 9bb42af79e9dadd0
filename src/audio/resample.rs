//! Between sampling rates: 8 and 16 kHz of telephones, 24 kHz of voices, 48 kHz of Opus.
//!
//! The work is `rubato`'s, by FFT in blocks; it keeps its state from frame to frame, so frames join without a
//! seam. Blocks last 10 ms, and 20 ms where a side has 8 kHz, since a shorter filter would cut the telephone band.
//! The delay is half a block where frames are whole blocks, and is told by [`Resampler::delay`].

use std::time::Duration;

use rubato::audioadapter_buffers::direct::SequentialSlice;
use rubato::{Fft, FixedSync, Resampler as _};

/// Rates that no block of whole milliseconds fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} Hz cannot be made {1} Hz: both must be multiples of 1000 Hz")]
pub struct OddRates(u32, u32);

/// Resamples one stream of linear samples. Nothing is allocated after [`Resampler::new`] but what the
/// caller's output needs.
pub struct Resampler {
    /// `None` where the rates are equal.
    inner: Option<Fft<f32>>,
    input: Vec<f32>,
    filled: usize,
    output: Vec<f32>,
    delay: Duration,
}

impl Resampler {
    /// From one rate to another.
    ///
    /// # Errors
    /// Unless both are whole multiples of 1000 Hz.
    pub fn new(from: u32, to: u32) -> Result<Self, OddRates> {
        let whole = |rate: u32| rate > 0 && rate.is_multiple_of(1_000);
        if !whole(from) || !whole(to) {
            return Err(OddRates(from, to));
        }
        let millis = if from.min(to) < WIDEBAND { 20 } else { 10 };
        let block = |rate: u32| (rate / 1_000 * millis) as usize;
        let inner = if from == to {
            None
        } else {
            let (rate_in, rate_out) = (from as usize, to as usize);
            let made = Fft::new(rate_in, rate_out, block(from), 1, FixedSync::Both);
            Some(made.map_err(|_| OddRates(from, to))?)
        };
        let half_blocks = inner.as_ref().map_or(0, rubato::Resampler::output_delay);
        Ok(Self {
            input: vec![0.0; block(from)],
            output: vec![0.0; block(to)],
            filled: 0,
            delay: Duration::from_secs_f64(half_blocks as f64 / f64::from(to)),
            inner,
        })
    }

    /// Takes samples, and adds to the output what they make: a whole number of blocks, so nothing for less
    /// than a block until the rest has come.
    pub fn process(&mut self, samples: &[i16], output: &mut Vec<i16>) {
        let Some(inner) = &mut self.inner else {
            output.extend_from_slice(samples);
            return;
        };
        for &sample in samples {
            self.input[self.filled] = f32::from(sample);
            self.filled += 1;
            if self.filled < self.input.len() {
                continue;
            }
            self.filled = 0;
            resample(inner, &self.input, &mut self.output);
            output.extend(self.output.iter().map(|&value| value.round() as i16)); // saturates
        }
    }

    /// How much later a sound leaves than it came, beyond the wait for a whole block.
    #[must_use]
    pub const fn delay(&self) -> Duration {
        self.delay
    }

    /// Forgets what was heard: the stream starts anew.
    pub fn reset(&mut self) {
        self.filled = 0;
        if let Some(inner) = &mut self.inner {
            inner.reset();
        }
    }
}

impl core::fmt::Debug for Resampler {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Resampler")
            .field("block", &self.input.len())
            .field("made", &self.output.len())
            .field("filled", &self.filled)
            .finish_non_exhaustive()
    }
}

/// A whole piece of audio at another rate, neither delayed nor cut short.
///
/// # Errors
/// As [`Resampler::new`].
pub fn resampled(samples: &[i16], from: u32, to: u32) -> Result<Vec<i16>, OddRates> {
    let mut resampler = Resampler::new(from, to)?;
    let mut output = Vec::new();
    resampler.process(samples, &mut output);
    let late = (resampler.delay.as_secs_f64() * f64::from(to)).round() as usize;
    let wanted = samples.len() * to as usize / from as usize;
    let silence = vec![0; resampler.input.len()];
    while output.len() < late + wanted {
        resampler.process(&silence, &mut output);
    }
    output.drain(..late);
    output.truncate(wanted);
    Ok(output)
}

/// One block. Its sizes are those the resampler was made for, so it cannot fail; were it to, the
/// block would be silent.
fn resample(inner: &mut Fft<f32>, input: &[f32], output: &mut [f32]) {
    let (taken, made) = (input.len(), output.len());
    let adapted = SequentialSlice::new(input, 1, taken).ok();
    let target = SequentialSlice::new_mut(&mut *output, 1, made).ok();
    let (Some(adapted), Some(mut target)) = (adapted, target) else {
        return output.fill(0.0);
    };
    if inner
        .process_into_buffer(&adapted, &mut target, None)
        .is_err()
    {
        output.fill(0.0);
    }
}

/// The rate from which on blocks may be short.
const WIDEBAND: u32 = 16_000;

#[cfg(test)]
mod tests;
