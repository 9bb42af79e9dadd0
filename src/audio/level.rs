//! Levels in dBm0, the telephone network's own unit: 0 dBm0 is the milliwatt test tone.

use super::Law;

/// What [`dbm0`] gives for digital silence.
pub const SILENCE_DBM0: f64 = -99.0;

/// The mean square of the linear samples; 0 for none.
#[must_use]
pub fn mean_square(law: Law, payload: &[u8]) -> u64 {
    let sum: u64 = payload
        .iter()
        .map(|&code| {
            let sample = u64::from(law.decode(code).unsigned_abs());
            sample * sample
        })
        .sum();
    sum / payload.len().max(1) as u64
}

/// The level of a stretch of audio, at least [`SILENCE_DBM0`].
#[must_use]
pub fn dbm0(law: Law, payload: &[u8]) -> f64 {
    of_square(law, mean_square(law, payload) as f64)
}

/// The level of a mean square of linear samples, at least [`SILENCE_DBM0`].
#[must_use]
pub fn of_square(law: Law, square: f64) -> f64 {
    (10.0 * (square / milliwatt(law)).log10()).max(SILENCE_DBM0)
}

/// Whether nobody can be heard: below -50 dBm0. Cheap enough for every frame.
#[must_use]
pub fn is_silent(law: Law, payload: &[u8]) -> bool {
    mean_square(law, payload) < SILENT_SQUARE
}

/// The mean square of a 0 dBm0 sine. The largest sine a law carries stands at the overload point:
/// +3.17 dBm0 with peak 8159 of 14 bits in µ-law, +3.14 dBm0 with peak 4096 of 13 bits in A-law (G.711 §4).
#[must_use]
pub fn milliwatt(law: Law) -> f64 {
    let (peak, overload_centibel) = match law {
        Law::Mu => (8159.0 * 4.0, 31.7),
        Law::A => (4096.0 * 8.0, 31.4),
    };
    peak * peak / 2.0 / 10f64.powf(overload_centibel / 100.0)
}

/// Some -50 dBm0 in either law, as a mean square.
pub(super) const SILENT_SQUARE: u64 = 2_590;

#[cfg(test)]
mod tests;
