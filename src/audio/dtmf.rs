//! Keys heard in the audio itself (ITU-T Q.23, Q.24), for peers that send no telephone-event.
//!
//! Every 5 ms the last 20 ms are looked at. They show a key when nearly all their energy lies in one low and one high
//! frequency, both of them right to a few per cent, which the advance of their phases since the look before tells far
//! better than any filter of 20 ms could. Speech does not do that for 30 ms on end. A key counts once it has
//! been seen five times in a row of looks, and the next same key only after a pause of 30 ms: the 10 ms of
//! Q.24 and a lost packet interrupt no key, 40 ms of silence do.

use core::f32::consts::{PI, TAU};

use super::goertzel::{Bank, Bin, energy};
use super::level;
use super::{Law, SAMPLE_RATE};

/// Listens to one stream of linear samples at 8 kHz. Nothing is allocated after [`Detector::new`].
#[derive(Clone, Debug)]
pub struct Detector {
    bank: Bank<8>,
    block: [f32; BLOCK],
    /// Samples since the last look.
    fresh: usize,
    before: [Bin; 8],
    /// What is seen and not sure yet.
    candidate: Option<Seen>,
    /// What was told, until its pause.
    held: Option<Seen>,
    quietest: f32,
}

/// A key, how often it was seen, and how often not since.
#[derive(Clone, Copy, Debug)]
struct Seen {
    key: char,
    times: u32,
    missed: u32,
}

impl Detector {
    /// Has heard nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            bank: Bank::new(FREQUENCIES, SAMPLE_RATE),
            block: [0.0; BLOCK],
            fresh: 0,
            before: [Bin::default(); 8],
            candidate: None,
            held: None,
            quietest: BLOCK as f32 * level::milliwatt(Law::Mu) as f32 * QUIETEST,
        }
    }

    /// Takes samples, and tells of each key once, when it is sure of it.
    pub fn hear(&mut self, samples: &[i16], mut told: impl FnMut(char)) {
        let mut rest = samples;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(HOP - self.fresh));
            self.take(now);
            rest = later;
            if self.fresh == HOP {
                self.fresh = 0;
                if let Some(key) = self.look() {
                    told(key);
                }
            }
        }
    }

    fn take(&mut self, samples: &[i16]) {
        self.block.copy_within(samples.len().., 0);
        let newest = &mut self.block[BLOCK - samples.len()..];
        for (to, &from) in newest.iter_mut().zip(samples) {
            *to = f32::from(from);
        }
        self.fresh += samples.len();
    }

    fn look(&mut self) -> Option<char> {
        let shown = self.see();
        for (seen, patience) in [(&mut self.candidate, GAP), (&mut self.held, PAUSE)] {
            if let Some(it) = seen {
                let again = shown == Some(it.key);
                it.times += u32::from(again);
                it.missed = if again { 0 } else { it.missed + 1 };
                *seen = (it.missed < patience).then_some(*it);
            }
        }
        let key = shown?;
        let times = match self.candidate {
            Some(candidate) if candidate.key == key => candidate.times,
            _ => 1,
        };
        let seen = Seen {
            key,
            times,
            missed: 0,
        };
        self.candidate = Some(seen);
        let sure = times >= SURE && self.held.is_none_or(|held| held.key != key);
        if sure {
            self.held = Some(seen);
        }
        sure.then_some(key)
    }

    /// The key that the block shows by itself.
    fn see(&mut self) -> Option<char> {
        let energy = energy(&self.block);
        if energy < self.quietest {
            self.before = [Bin::default(); 8];
            return None;
        }
        let bins = self.bank.bins(&self.block);
        let before = core::mem::replace(&mut self.before, bins);
        let (row, low) = strongest(&bins[..4])?;
        let (column, high) = strongest(&bins[4..])?;
        let low = low / leakage(deviation(bins[row], before[row], FREQUENCIES[row])?);
        let at = column + 4;
        let high = high / leakage(deviation(bins[at], before[at], FREQUENCIES[at])?);
        if high > low * FORWARD_TWIST || low > high * REVERSE_TWIST {
            return None;
        }
        let explained = (low + high) * 2.0 / BLOCK as f32;
        (explained > PURITY * energy).then_some(KEYS[row][column])
    }
}

impl Default for Detector {
    fn default() -> Self {
        Self::new()
    }
}

/// The strongest of a group of bins, if it stands out, and its power.
fn strongest(bins: &[Bin]) -> Option<(usize, f32)> {
    let mut best = (0, 0.0);
    let mut second = 0.0_f32;
    for (index, power) in bins.iter().map(|bin| bin.power()).enumerate() {
        if power > best.1 {
            second = best.1;
            best = (index, power);
        } else {
            second = second.max(power);
        }
    }
    (best.1 > second * STANDS_OUT).then_some(best)
}

/// How far a tone is from where it should be, in Hz, by its phase's advance; `None` when too far.
fn deviation(bin: Bin, before: Bin, frequency: f64) -> Option<f32> {
    let wanted = TAU * frequency as f32 * HOP as f32 / SAMPLE_RATE as f32;
    let advance = bin.advance(before) - wanted;
    let turned = advance - TAU * (advance / TAU).round();
    let hertz = turned * SAMPLE_RATE as f32 / (TAU * HOP as f32);
    (hertz.abs() < frequency as f32 * TOLERANCE).then_some(hertz)
}

/// The share of its power that a tone so far away leaves in a bin.
fn leakage(hertz: f32) -> f32 {
    let bins = PI * hertz * BLOCK as f32 / SAMPLE_RATE as f32;
    if bins.abs() < 1e-3 {
        return 1.0;
    }
    (bins.sin() / bins).powi(2)
}

const FREQUENCIES: [f64; 8] = [697.0, 770.0, 852.0, 941.0, 1209.0, 1336.0, 1477.0, 1633.0];
const KEYS: [[char; 4]; 4] = [
    ['1', '2', '3', 'A'],
    ['4', '5', '6', 'B'],
    ['7', '8', '9', 'C'],
    ['*', '0', '#', 'D'],
];
/// 20 ms: tells 697 from 770 Hz, and fits into the 40 ms of the shortest key.
const BLOCK: usize = 160;
/// 5 ms.
const HOP: usize = 40;
/// Looks that make a key: at least 30 ms of tone. Q.24 wants 40 ms taken and less than 20 to 25 refused.
const SURE: u32 = 5;
/// Looks without it that end a key: a pause of at least 30 ms.
const PAUSE: u32 = 8;
/// Looks without it that make a key that is not sure begin anew; an interruption of 10 ms is shorter.
const GAP: u32 = 5;
/// Q.24 wants 1.5 % taken and 3.5 % refused.
const TOLERANCE: f32 = 0.025;
/// The high tone stronger: 4 dB must be taken, 6 are.
const FORWARD_TWIST: f32 = 4.0;
/// The low tone stronger: 8 dB must be taken, 10 are.
const REVERSE_TWIST: f32 = 10.0;
/// 8 dB above its neighbours.
const STANDS_OUT: f32 = 6.3;
/// The two tones' share of the energy: noise may be 6 dB below.
const PURITY: f32 = 0.8;
/// Of the milliwatt's power: -36 dBm0 for both tones together.
const QUIETEST: f32 = 0.000_25;

#[cfg(test)]
mod tests;
