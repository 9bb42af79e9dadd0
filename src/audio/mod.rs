//! Telephone audio as values: G.711, levels, tones. Mono, 8000 samples a second.

pub mod activity;
pub mod analysis;
pub mod call_progress;
pub mod comfort_noise;
pub mod dtmf;
pub mod g711;
pub mod goertzel;
pub mod level;
pub mod plc;
pub mod resample;
pub mod speech_format;
#[cfg(test)]
mod speech_like;
pub mod tone;

use std::time::Duration;

pub use speech_format::SpeechFormat;

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

/// What an RTP stream carries. G.711 passes from wire to ear untouched; the others are decoded and encoded
/// outside the media thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// G.711 in one of its laws.
    G711(Law),
    /// G.722 at 64 kbit/s, sampled at 16 kHz; its RTP clock runs at 8 kHz by a historic error (RFC 3551 §4.5.2).
    G722,
    /// Opus, mono.
    Opus,
}

impl Codec {
    /// G.711 µ-law.
    pub const PCMU: Self = Self::G711(Law::Mu);
    /// G.711 A-law.
    pub const PCMA: Self = Self::G711(Law::A);

    /// Ticks of the RTP clock in a second.
    #[must_use]
    pub const fn clock_rate(self) -> u32 {
        match self {
            Self::G711(_) | Self::G722 => 8_000,
            Self::Opus => 48_000,
        }
    }

    /// Ticks of the RTP clock in a frame of 20 ms.
    #[must_use]
    pub const fn frame_ticks(self) -> u32 {
        self.clock_rate() / 50
    }

    /// The law, where the stream is G.711.
    #[must_use]
    pub const fn law(self) -> Option<Law> {
        match self {
            Self::G711(law) => Some(law),
            Self::G722 | Self::Opus => None,
        }
    }
}
