//! How speech goes to the ear and comes from the voice: G.711 as it is on the wire, or linear samples where the
//! call's codec is a wider one.

use super::{Codec, Law};

/// Samples a second that a recognizer is trained on, and as many as G.722 has.
pub const WIDEBAND_RATE: u32 = 16_000;
/// Samples a second that the voice is asked for where Opus can carry them: voices are made at this rate.
pub const SUPERWIDEBAND_RATE: u32 = 24_000;

/// The form of one call's speech.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SpeechFormat {
    /// G.711, 8000 samples a second.
    G711(Law),
    /// 16-bit linear samples, little-endian, so many a second.
    Linear16(u32),
}

impl SpeechFormat {
    /// What the ear takes of a call in this codec.
    #[must_use]
    pub const fn heard_in(codec: Codec) -> Self {
        match codec {
            Codec::G711(law) => Self::G711(law),
            Codec::G722 | Codec::Opus => Self::Linear16(WIDEBAND_RATE),
        }
    }

    /// What the voice is asked for in a call in this codec.
    #[must_use]
    pub const fn spoken_in(codec: Codec) -> Self {
        match codec {
            Codec::G711(law) => Self::G711(law),
            Codec::G722 => Self::Linear16(WIDEBAND_RATE),
            Codec::Opus => Self::Linear16(SUPERWIDEBAND_RATE),
        }
    }

    /// Samples a second.
    #[must_use]
    pub const fn sample_rate(self) -> u32 {
        match self {
            Self::G711(_) => super::SAMPLE_RATE,
            Self::Linear16(rate) => rate,
        }
    }

    /// Bytes of a second.
    #[must_use]
    pub const fn byte_rate(self) -> usize {
        match self {
            Self::G711(_) => super::SAMPLE_RATE as usize,
            Self::Linear16(rate) => 2 * rate as usize,
        }
    }

    /// Bytes of a frame of 20 ms.
    #[must_use]
    pub const fn frame_bytes(self) -> usize {
        self.byte_rate() / 50
    }

    /// The byte that sounds as silence when it is repeated.
    #[must_use]
    pub const fn silence(self) -> u8 {
        match self {
            Self::G711(law) => law.silence(),
            Self::Linear16(_) => 0,
        }
    }

    /// No sample of this audio is louder than about -48 dB of full scale.
    #[must_use]
    pub fn is_quiet(self, audio: &[u8]) -> bool {
        match self {
            Self::G711(Law::Mu) => audio.iter().all(|byte| !byte & 0x7F < 0x10),
            Self::G711(Law::A) => audio.iter().all(|byte| (byte ^ 0x55) & 0x7F < 0x08),
            Self::Linear16(_) => samples(audio).all(|sample| sample.unsigned_abs() < QUIET),
        }
    }
}

/// What the last quiet step of G.711 stands for, on the scale of 16 bits.
const QUIET: u16 = 128;

/// The samples of linear audio; half a sample at the end is left out.
pub fn samples(linear: &[u8]) -> impl Iterator<Item = i16> {
    let (pairs, _) = linear.as_chunks();
    pairs.iter().map(|pair| i16::from_le_bytes(*pair))
}

/// Samples as bytes.
#[must_use]
pub fn linear(samples: &[i16]) -> Vec<u8> {
    samples
        .iter()
        .flat_map(|sample| sample.to_le_bytes())
        .collect()
}

#[cfg(test)]
mod tests;
