//! Tone speech: text as sound that a machine can read back, over a telephone line.
//!
//! Each character sounds for 40 ms as two tones at once, one of 8 low (350-1400 Hz) and one of 16 high
//! (1650-3150 Hz). That makes 128 pairs: 64 characters, each in an even and an odd form. Neighbouring
//! characters alternate between the forms, so a repeated character is two characters without a gap
//! and needs no common clock: a character is simply a stretch of sound that differs from the one before.
//! A stretch that a jitter buffer lengthened or shortened, or half of which was lost, is still one character.
//!
//! All tones are multiples of 50 Hz, so over 20 ms they do not disturb each other. The level is that of
//! speech (-18 dB below full scale). Nothing here knows clocks or sockets.

mod alphabet;
mod decoder;
mod encoder;
mod words;

use std::time::Duration;

pub use alphabet::spoken;
pub use decoder::{Character, Decoder};
pub use encoder::{Encoder, encode};
pub use words::{Word, Words};

/// How long one character sounds.
pub const CHARACTER: Duration = Duration::from_millis(40);
/// Silence that ends a word even without a space.
pub const WORD_GAP: Duration = Duration::from_millis(70);
/// Silence that [`encode`] puts after the last character, so that utterances in a row stay apart.
pub const TAIL: Duration = Duration::from_millis(100);

const LOW_TONES: u16 = 8;
const HIGH_TONES: u16 = 16;

/// Frequency of a low tone in Hz.
fn low_hertz(index: u16) -> f32 {
    f32::from(350 + 150 * index)
}

/// Frequency of a high tone in Hz.
fn high_hertz(index: u16) -> f32 {
    f32::from(1650 + 100 * index)
}

#[cfg(test)]
mod tests;
