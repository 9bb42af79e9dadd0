//! Text to sound.

use core::f32::consts::TAU;

use super::{CHARACTER, TAIL, alphabet, high_hertz, low_hertz};

/// Peak of each of the two tones; together they have the level of speech.
const AMPLITUDE: f32 = 4_000.0;
/// The tones fade in and out this long, so that they do not click.
const RAMP_SECONDS: f32 = 0.002;

/// Speaks: remembers the form of the last character, so that pieces of text join without a gap.
#[derive(Clone, Debug)]
pub struct Encoder {
    rate: u32,
    odd: bool,
}

impl Encoder {
    /// A speaker at `rate` samples a second, at least 8000.
    #[must_use]
    pub fn new(rate: u32) -> Self {
        Self { rate, odd: false }
    }

    /// The sound of a text (see [`super::spoken`] for what of it is heard), without silence after it.
    pub fn say(&mut self, text: &str) -> Vec<i16> {
        let mut samples = Vec::new();
        for character in super::spoken(text).chars() {
            if let Some(number) = alphabet::number(character) {
                self.tone(number, &mut samples);
            }
        }
        samples
    }

    /// A space: keeps two pieces of text apart.
    pub fn space(&mut self) -> Vec<i16> {
        let mut samples = Vec::new();
        self.tone(0, &mut samples);
        samples
    }

    /// Silence.
    #[must_use]
    pub fn silence(&self, length: std::time::Duration) -> Vec<i16> {
        vec![0; samples(self.rate, length)]
    }

    fn tone(&mut self, number: u16, out: &mut Vec<i16>) {
        let low = low_hertz(number / 8);
        let high = high_hertz(2 * (number % 8) + u16::from(self.odd));
        self.odd = !self.odd;
        let length = samples(self.rate, CHARACTER);
        let rate = self.rate as f32;
        for index in 0..length {
            let at = index as f32 / rate;
            let left = (length - 1 - index) as f32 / rate;
            let edge = (at.min(left) / RAMP_SECONDS).min(1.0);
            let wave = (TAU * low * at).sin() + (TAU * high * at).sin();
            out.push((AMPLITUDE * edge * wave) as i16);
        }
    }
}

/// The sound of a text at 8000 samples a second, with a short silence after it.
#[must_use]
pub fn encode(text: &str) -> Vec<i16> {
    let mut encoder = Encoder::new(crate::audio::SAMPLE_RATE);
    let mut samples = encoder.say(text);
    samples.extend(encoder.silence(TAIL));
    samples
}

fn samples(rate: u32, length: std::time::Duration) -> usize {
    (length.as_secs_f64() * f64::from(rate)).round() as usize
}
