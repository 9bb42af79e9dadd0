//! Comfort noise (RFC 3389): silence as a few bytes that tell its level and spectrum, and the way back.
//!
//! Reflection coefficients have the sign that everybody's have: the first is minus the correlation of
//! neighbours, so dull noise has a negative first one. 0 dBov is the overload of µ-law, a square wave of
//! ±8031 (RFC 3389 §3), or 32124 of 16 bits.

/// Coefficients that are read and written at most; more of them are left unheard (RFC 3389 §3.2 lets a
/// receiver take as many as it likes).
pub const ORDER_MAX: usize = 12;
/// The longest payload that is written.
pub const PAYLOAD_MAX: usize = 1 + ORDER_MAX;

/// Silence described: the payload of a comfort noise packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Description {
    /// Noise level in -dBov, 0 to 127.
    level: u8,
    order: usize,
    /// As they are on the wire, 127 for zero.
    coefficients: [u8; ORDER_MAX],
}

impl Description {
    /// White noise of so many -dBov.
    #[must_use]
    pub fn white(level: u8) -> Self {
        Self {
            level: level.min(LEVEL_MAX),
            order: 0,
            coefficients: [ZERO; ORDER_MAX],
        }
    }

    /// Reads a payload; `None` when it is empty. An unknown high bit of the level is ignored, and the reserved
    /// coefficient 255 counts as 254.
    #[must_use]
    pub fn read(payload: &[u8]) -> Option<Self> {
        let (&level, spectrum) = payload.split_first()?;
        let mut read = Self::white(level & LEVEL_MAX);
        for (to, &from) in read.coefficients.iter_mut().zip(spectrum) {
            *to = from.min(LARGEST);
            read.order += 1;
        }
        Some(read)
    }

    /// Writes the payload and gives its length; zero when the buffer is empty. What does not fit is left out.
    pub fn write(&self, payload: &mut [u8]) -> usize {
        let Some((level, spectrum)) = payload.split_first_mut() else {
            return 0;
        };
        *level = self.level;
        let count = self.order.min(spectrum.len());
        spectrum[..count].copy_from_slice(&self.coefficients[..count]);
        1 + count
    }

    /// Describes silence of any length; 20 ms or more of it give a spectrum that holds.
    #[must_use]
    pub fn of(silence: &[i16], order: usize) -> Self {
        let order = order.min(ORDER_MAX);
        let correlation = correlation(silence);
        let mean_square = correlation[0] / silence.len().max(1) as f64;
        let level = -10.0 * (mean_square / OVERLOAD.powi(2)).max(1e-13).log10();
        let mut described = Self::white(level.round() as u8); // saturates
        described.order = order;
        let reflections = reflections(&correlation);
        for (to, &from) in described.coefficients.iter_mut().zip(&reflections[..order]) {
            let steps = (from / STEP).round().clamp(-127.0, 127.0);
            *to = (f64::from(ZERO) + steps) as u8;
        }
        described
    }

    /// The noise level in -dBov.
    #[must_use]
    pub const fn level(&self) -> u8 {
        self.level
    }
}

/// Makes noise as described, without end, from a seed. Nothing is allocated.
#[derive(Clone, Debug)]
pub struct Noise {
    seed: u32,
    reflections: [f32; ORDER_MAX],
    /// Delayed backward errors of the lattice.
    state: [f32; ORDER_MAX + 1],
    /// Root mean square of the excitation: now, and what it moves to, so that no description clicks.
    gain: f32,
    towards: f32,
    described: bool,
}

impl Noise {
    /// Silent until something is described.
    #[must_use]
    pub const fn new(seed: u32) -> Self {
        Self {
            seed: seed | 1,
            reflections: [0.0; ORDER_MAX],
            state: [0.0; ORDER_MAX + 1],
            gain: 0.0,
            towards: 0.0,
            described: false,
        }
    }

    /// From here on it is to sound like this.
    pub fn describe(&mut self, description: &Description) {
        let mut share = 1.0;
        for (index, to) in self.reflections.iter_mut().enumerate() {
            let steps = f64::from(description.coefficients[index]) - f64::from(ZERO);
            let known = index < description.order;
            let value = if known {
                (steps * STEP).clamp(-STABLE, STABLE)
            } else {
                0.0
            };
            share *= 1.0 - value * value;
            *to = value as f32;
        }
        let level = OVERLOAD * 10f64.powf(-f64::from(description.level) / 20.0);
        self.towards = (level * share.sqrt()) as f32;
        if !self.described {
            self.gain = self.towards;
            self.described = true;
        }
    }

    /// Forgets what was described: silent again.
    pub fn reset(&mut self) {
        *self = Self::new(self.seed);
    }

    /// Whether anything was described.
    #[must_use]
    pub const fn is_described(&self) -> bool {
        self.described
    }

    /// Fills a frame of any length.
    pub fn fill(&mut self, frame: &mut [i16]) {
        for sample in frame {
            self.gain += (self.towards - self.gain) * GLIDE;
            let mut forward = self.gain * self.chance();
            for stage in (0..ORDER_MAX).rev() {
                forward -= self.reflections[stage] * self.state[stage];
                self.state[stage + 1] = self.state[stage] + self.reflections[stage] * forward;
            }
            self.state[0] = forward;
            *sample = forward.round() as i16; // saturates
        }
    }

    /// Evenly between ±√3, so of variance 1.
    fn chance(&mut self) -> f32 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 17;
        self.seed ^= self.seed << 5;
        let unit = (self.seed >> 8) as f32 / (1 << 24) as f32;
        (unit - 0.5) * 3.464_101_6
    }
}

fn correlation(samples: &[i16]) -> [f64; ORDER_MAX + 1] {
    core::array::from_fn(|lag| {
        let pairs = samples.iter().zip(samples.get(lag..).unwrap_or_default());
        pairs.map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
    })
}

/// Levinson and Durbin's recursion.
fn reflections(correlation: &[f64; ORDER_MAX + 1]) -> [f64; ORDER_MAX] {
    let mut reflections = [0.0; ORDER_MAX];
    let mut predictor = [0.0; ORDER_MAX + 1];
    predictor[0] = 1.0;
    let mut error = correlation[0] * WHITENING + f64::MIN_POSITIVE;
    for order in 1..=ORDER_MAX {
        let sum: f64 = (0..order)
            .map(|j| predictor[j] * correlation[order - j])
            .sum();
        let reflection = (-sum / error).clamp(-STABLE, STABLE);
        let before = predictor;
        for j in 1..=order {
            predictor[j] = before[j] + reflection * before[order - j];
        }
        error *= 1.0 - reflection * reflection;
        reflections[order - 1] = reflection;
    }
    reflections
}

/// The root mean square of 0 dBov.
const OVERLOAD: f64 = 8031.0 * 4.0;
const LEVEL_MAX: u8 = 127;
/// The byte of a coefficient of zero, and the largest (255 is reserved).
const ZERO: u8 = 127;
const LARGEST: u8 = 254;
/// RFC 3389 §3.2: k = 258 (N - 127) / 32768.
const STEP: f64 = 258.0 / 32_768.0;
/// Where the filter still rings out within a second.
const STABLE: f64 = 0.995;
/// A noise floor 40 dB below, so that a pure tone in the silence makes no endless filter.
const WHITENING: f64 = 1.0001;
/// Per sample: some 10 ms at 8 kHz.
const GLIDE: f32 = 1.0 / 80.0;

#[cfg(test)]
mod tests;
