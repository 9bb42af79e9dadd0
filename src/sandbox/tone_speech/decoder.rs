//! Sound to characters, as it comes in.

use core::f32::consts::TAU;
use std::time::Duration;

use super::{HIGH_TONES, LOW_TONES, alphabet, high_hertz, low_hertz};

/// Windows a second: one every 5 ms.
const HOPS: u32 = 200;
/// A window is this many hops long: 20 ms, over which all tones are orthogonal.
const WINDOW_HOPS: u32 = 4;
/// A pair of tones must carry this much of a window's energy: three quarters of the window are one character.
const PURITY: f32 = 0.55;
/// One window alone is believed from here on; else two in a row must agree.
const SURE: f32 = 0.8;
/// Each tone's own part of the energy.
const TONE: f32 = 0.15;
/// Quieter windows (root mean square, of 32768) are silence.
const QUIET: f32 = 200.0;
/// The same pair heard again this long after a character began is a new character.
const AGAIN: Duration = Duration::from_millis(65);

/// A character that was heard. Times count from the decoder's first sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Character {
    /// Lower case.
    pub character: char,
    /// When it began, to some 10 ms.
    pub start: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Run {
    pair: (u16, u16),
    start: Duration,
    emitted: bool,
}

/// Reads tone speech at any offset and phase; survives G.711, noise and lost frames.
#[derive(Clone, Debug)]
pub struct Decoder {
    rate: u32,
    low: Vec<Goertzel>,
    high: Vec<Goertzel>,
    pending: Vec<f32>,
    consumed: u64,
    run: Option<Run>,
    spoken: Option<Run>,
    last_tone: Option<Duration>,
}

impl Decoder {
    /// A listener at `rate` samples a second, at least 8000.
    #[must_use]
    pub fn new(rate: u32) -> Self {
        let rate = rate.max(8_000);
        let tones = |count: u16, hertz: fn(u16) -> f32| {
            (0..count)
                .map(|index| Goertzel::new(hertz(index), rate))
                .collect()
        };
        Self {
            rate,
            low: tones(LOW_TONES, low_hertz),
            high: tones(HIGH_TONES, high_hertz),
            pending: Vec::new(),
            consumed: 0,
            run: None,
            spoken: None,
            last_tone: None,
        }
    }

    /// Takes the next samples and adds the characters that became certain to `heard`.
    pub fn push(&mut self, samples: &[i16], heard: &mut Vec<Character>) {
        self.pending
            .extend(samples.iter().map(|sample| f32::from(*sample)));
        let hop = (self.rate / HOPS) as usize;
        let window = hop * WINDOW_HOPS as usize;
        let mut from = 0;
        while from + window <= self.pending.len() {
            let found = self.pair(&self.pending[from..from + window]);
            let start = self.time(from);
            let end = self.time(from + window);
            if let Some(character) = self.step(found, start, end) {
                heard.push(character);
            }
            from += hop;
        }
        self.pending.drain(..from);
        self.consumed = self.consumed.saturating_add(from as u64);
    }

    /// How much audio has been taken.
    #[must_use]
    pub fn position(&self) -> Duration {
        self.time(self.pending.len())
    }

    /// When the last tone ended; `None` before the first.
    #[must_use]
    pub fn last_tone(&self) -> Option<Duration> {
        self.last_tone
    }

    fn time(&self, offset: usize) -> Duration {
        let samples = self.consumed.saturating_add(offset as u64);
        Duration::from_micros(samples.saturating_mul(1_000_000) / u64::from(self.rate))
    }

    /// The pair of tones in a window and how sure it is.
    fn pair(&self, window: &[f32]) -> Option<((u16, u16), f32)> {
        let energy: f32 = window.iter().map(|sample| sample * sample).sum();
        if energy < QUIET * QUIET * window.len() as f32 {
            return None;
        }
        let scale = 2.0 / (energy * window.len() as f32);
        let (low, low_share) = loudest(&self.low, window, scale);
        if low_share < TONE {
            return None;
        }
        let (high, high_share) = loudest(&self.high, window, scale);
        let share = low_share + high_share;
        (high_share >= TONE && share >= PURITY).then_some(((low, high), share))
    }

    fn step(
        &mut self,
        found: Option<((u16, u16), f32)>,
        start: Duration,
        end: Duration,
    ) -> Option<Character> {
        let Some((pair, share)) = found else {
            self.run = None;
            return None;
        };
        let second = self.run.is_some_and(|run| run.pair == pair);
        let mut run = self.run.filter(|run| run.pair == pair).unwrap_or(Run {
            pair,
            start,
            emitted: false,
        });
        let known = self
            .spoken
            .is_some_and(|last| last.pair == pair && (run.emitted || start < last.start + AGAIN));
        if known {
            self.last_tone = Some(end);
            run.emitted = true;
            self.run = Some(run);
            return None;
        }
        self.run = Some(run);
        if !second && share < SURE {
            return None;
        }
        run.emitted = true;
        self.run = Some(run);
        self.spoken = Some(run);
        self.last_tone = Some(end);
        Some(Character {
            character: alphabet::character(pair.0 * 8 + pair.1 / 2),
            start: run.start,
        })
    }
}

fn loudest(tones: &[Goertzel], window: &[f32], scale: f32) -> (u16, f32) {
    let mut best = (0, 0.0);
    for (index, tone) in (0..).zip(tones) {
        let share = tone.power(window) * scale;
        if share > best.1 {
            best = (index, share);
        }
    }
    best
}

/// The power of one frequency in a window.
#[derive(Clone, Copy, Debug)]
struct Goertzel {
    coefficient: f32,
}

impl Goertzel {
    fn new(hertz: f32, rate: u32) -> Self {
        Self {
            coefficient: 2.0 * (TAU * hertz / rate as f32).cos(),
        }
    }

    fn power(self, window: &[f32]) -> f32 {
        let (mut newer, mut older) = (0.0f32, 0.0f32);
        for sample in window {
            (newer, older) = (sample + self.coefficient * newer - older, newer);
        }
        newer * newer + older * older - self.coefficient * newer * older
    }
}
