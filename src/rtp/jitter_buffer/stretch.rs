//! One frame of speech from more or less than a frame: a period of the voice is left out or said twice, and
//! the seam lies where the periods look alike.

use crate::audio::{FRAME_SAMPLES, Law};

/// Samples to look at: two frames.
pub(super) const SPAN: usize = 2 * FRAME_SAMPLES;

/// Makes a frame of a frame and a period; gives how many samples went into it. `None` when nothing in it repeats.
pub(super) fn shrink(law: Law, span: &[u8; SPAN], frame: &mut [u8; FRAME_SAMPLES]) -> Option<u64> {
    let speech = span.map(|code| i32::from(law.decode(code)));
    let period = period(&speech, LONGEST)?;
    for (at, code) in frame.iter_mut().enumerate() {
        let mixed = seam(speech[at], speech[at + period], at, FADE);
        *code = law.encode(mixed);
    }
    Some((FRAME_SAMPLES + period) as u64)
}

/// Makes a frame of less than one: a period is heard twice.
pub(super) fn grow(law: Law, span: &[u8; SPAN], frame: &mut [u8; FRAME_SAMPLES]) -> Option<u64> {
    let speech = span.map(|code| i32::from(law.decode(code)));
    let period = period(&speech, FADE)?;
    for (at, code) in frame.iter_mut().enumerate() {
        let back = at.saturating_sub(period);
        let mixed = if at < period {
            speech[at]
        } else {
            i32::from(seam(speech[at], speech[back], back, period))
        };
        *code = law.encode(i16::try_from(mixed).unwrap_or(0));
    }
    Some((FRAME_SAMPLES - period) as u64)
}

/// Goes from one to the other.
fn seam(from: i32, to: i32, at: usize, length: usize) -> i16 {
    let (at, length) = (at.min(length) as i32, length as i32);
    let mixed = (from * (length - at) + to * at) / length;
    i16::try_from(mixed).unwrap_or(0)
}

/// The shift at which the beginning is most like what follows it.
fn period(speech: &[i32; SPAN], longest: usize) -> Option<usize> {
    let likeness = |shift: usize| {
        let pairs = speech[..COMPARED].iter().zip(&speech[shift..]);
        let (mut cross, mut here, mut there) = (0i64, 0i64, 0i64);
        for (&one, &other) in pairs {
            cross += i64::from(one * other);
            here += i64::from(one * one);
            there += i64::from(other * other);
        }
        let power = (here as f64 * there as f64).sqrt();
        if power > 0.0 {
            cross as f64 / power
        } else {
            1.0 // nothing is like nothing
        }
    };
    let mut best = (0.0, SHORTEST);
    for shift in SHORTEST..=longest {
        let like = likeness(shift);
        if like >= best.0 {
            best = (like, shift);
        }
    }
    (best.0 >= ALIKE).then_some(best.1)
}

/// 2.5 ms: 400 Hz, the highest voice.
const SHORTEST: usize = 20;
/// 15 ms: 66 Hz, the deepest.
const LONGEST: usize = 120;
/// 10 ms of seam; a longer period cannot be said twice within a frame.
const FADE: usize = 80;
/// 20 ms are compared.
const COMPARED: usize = FRAME_SAMPLES;
/// Correlation from which on a seam is not heard.
const ALIKE: f64 = 0.6;

#[cfg(test)]
mod tests;
