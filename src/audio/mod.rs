//! Telephone audio as values: G.711, levels, tones. Mono, 8000 samples a second.

pub mod g711;
pub mod level;
pub mod tone;

use std::time::Duration;

/// Samples a second of telephone audio.
pub const SAMPLE_RATE: u32 = 8_000;
/// Samples (and G.711 bytes) of one frame.
pub const FRAME_SAMPLES: usize = 160;
/// How long one frame sounds.
pub const FRAME: Duration = Duration::from_millis(20);

/// The two companding laws of ITU-T G.711.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Law {
    /// µ-law, RTP payload type 0 (PCMU).
    Mu,
    /// A-law, RTP payload type 8 (PCMA).
    A,
}

impl Law {
    /// The byte that sounds as silence.
    #[must_use]
    pub const fn silence(self) -> u8 {
        match self {
            Self::Mu => 0xFF,
            Self::A => 0xD5,
        }
    }
}
