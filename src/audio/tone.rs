//! Tones of telephone networks: the 1004 Hz milliwatt, what an engineer calls to measure a line, and ring-back,
//! what a caller hears while a telephone rings (ITU-T E.180).

use super::{Law, SAMPLE_RATE, level};

/// A tone that is repeated without a seam. Filling frames allocates nothing.
#[derive(Clone, Debug)]
pub struct Tone {
    samples: [u8; PERIOD_MAX],
    /// How many of the samples are one period.
    period: usize,
    next: usize,
    /// On and off in turn, in samples; always on where there is none.
    cadence: &'static [u32],
    /// Where in the cadence, and how much of that is over.
    step: (usize, u32),
    silence: u8,
}

/// Ring-back tones, by who knows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum RingBack {
    /// 425 Hz, a second of five: most of the world.
    #[default]
    International,
    /// 440 and 480 Hz, two seconds of six: North America.
    NorthAmerican,
    /// 400 and 450 Hz, twice 0.4 s in three seconds: the British Isles, Australia.
    British,
}

impl RingBack {
    /// That of a country, by its ISO 3166-1 alpha-2 code.
    #[must_use]
    pub fn of(country: &str) -> Self {
        match country.to_ascii_uppercase().as_str() {
            "US" | "CA" | "PR" => Self::NorthAmerican,
            "GB" | "IE" | "AU" | "NZ" => Self::British,
            _ => Self::International,
        }
    }

    /// Frequencies, and on and off in turn in samples.
    fn parts(self) -> (&'static [f64], &'static [u32]) {
        match self {
            Self::International => (&[425.0], &[8000, 32_000]),
            Self::NorthAmerican => (&[440.0, 480.0], &[16_000, 32_000]),
            Self::British => (&[400.0, 450.0], &[3200, 1600, 3200, 16_000]),
        }
    }

    /// One round of it, from the beginning of a ring to the next, in linear samples at a rate that is a multiple of
    /// 8000. Each frequency has whole turns in it.
    #[must_use]
    pub fn round(self, rate: u32) -> Vec<i16> {
        let (frequencies, cadence) = self.parts();
        let part = RING_BACK / frequencies.len() as f64;
        let wave = wave(Law::Mu, frequencies, part, rate);
        let steps = cadence.iter().enumerate();
        let sounds = steps.flat_map(|(step, length)| {
            let samples = length * (rate / SAMPLE_RATE);
            core::iter::repeat_n(step % 2 == 0, samples as usize)
        });
        let sample = |(at, sounds)| if sounds { wave(at) } else { 0 };
        sounds.enumerate().map(sample).collect()
    }
}

/// A second of the milliwatt in linear samples: whole turns, so that it can be repeated.
#[must_use]
pub fn milliwatt_second(rate: u32) -> Vec<i16> {
    let wave = wave(Law::Mu, MILLIWATT, 1.0, rate);
    (0..rate as usize).map(wave).collect()
}

/// The linear samples of sines together, each at this part of the milliwatt's amplitude in a law.
fn wave(law: Law, frequencies: &[f64], part: f64, rate: u32) -> impl Fn(usize) -> i16 {
    let peak = part * (2.0 * level::milliwatt(law)).sqrt();
    move |at| {
        let sines = frequencies.iter().map(|frequency| {
            let turns = at as f64 * frequency / f64::from(rate);
            (core::f64::consts::TAU * turns).sin()
        });
        (peak * sines.sum::<f64>()).round() as i16 // the peak is 22 827 at most
    }
}

impl Tone {
    /// The milliwatt in a law, from phase zero: a sine of 1004 Hz at 0 dBm0.
    #[must_use]
    pub fn milliwatt(law: Law) -> Self {
        Self::new(law, MILLIWATT, 1.0, &[])
    }

    /// A ring-back tone in a law, from the beginning of a ring.
    #[must_use]
    pub fn ring_back(law: Law, kind: RingBack) -> Self {
        let (frequencies, cadence) = kind.parts();
        Self::new(
            law,
            frequencies,
            RING_BACK / frequencies.len() as f64,
            cadence,
        )
    }

    /// Sines whose frequencies all have whole turns in [`PERIOD_MAX`] samples, each at this part of the milliwatt.
    fn new(law: Law, frequencies: &[f64], part: f64, cadence: &'static [u32]) -> Self {
        let wave = wave(law, frequencies, part, SAMPLE_RATE);
        let samples = core::array::from_fn(|at| law.encode(wave(at)));
        // 425 Hz has no whole turns in 2000 samples, but in 1920.
        let whole = |period: &usize| {
            let turns = |frequency: &f64| frequency * *period as f64 / f64::from(SAMPLE_RATE);
            frequencies
                .iter()
                .all(|frequency| turns(frequency).fract() == 0.0)
        };
        Self {
            samples,
            period: (1..=PERIOD_MAX).rev().find(whole).unwrap_or(PERIOD_MAX),
            next: 0,
            cadence,
            step: (0, 0),
            silence: law.silence(),
        }
    }

    /// Fills a frame of any length with the tone's continuation.
    pub fn fill(&mut self, frame: &mut [u8]) {
        for code in frame {
            *code = match self.sounds() {
                true => self.samples[self.next],
                false => self.silence,
            };
            self.next = (self.next + 1) % self.period;
        }
    }

    /// Whether the next sample is one of the tone, and not of a pause.
    fn sounds(&mut self) -> bool {
        let (step, over) = self.step;
        let Some(length) = self.cadence.get(step) else {
            return true;
        };
        self.step = match over + 1 < *length {
            true => (step, over + 1),
            false => ((step + 1) % self.cadence.len(), 0),
        };
        step % 2 == 0
    }
}

/// The frequency of the milliwatt.
const MILLIWATT: &[f64] = &[1004.0];
/// 251 whole turns of 1004 Hz at 8000 samples a second.
const PERIOD_MAX: usize = 2000;
/// Of the milliwatt's amplitude: 16 dB below it, a level at which ring-back is usual.
const RING_BACK: f64 = 0.158;

#[cfg(test)]
mod tests;
