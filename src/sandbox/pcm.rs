//! Samples to bytes and back, in the encodings of the speech services.

use crate::audio::Law;

/// How samples are bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Linear16,
    G711(Law),
}

impl Encoding {
    /// By the name that Deepgram gives it.
    pub(super) fn parse(name: &str) -> Option<Self> {
        match name {
            "linear16" => Some(Self::Linear16),
            "mulaw" => Some(Self::G711(Law::Mu)),
            "alaw" => Some(Self::G711(Law::A)),
            _ => None,
        }
    }

    /// Bytes of one sample.
    pub(super) fn width(self) -> usize {
        match self {
            Self::Linear16 => 2,
            Self::G711(_) => 1,
        }
    }

    pub(super) fn encode(self, samples: &[i16]) -> Vec<u8> {
        match self {
            Self::Linear16 => samples
                .iter()
                .flat_map(|sample| sample.to_le_bytes())
                .collect(),
            Self::G711(law) => samples.iter().map(|sample| law.encode(*sample)).collect(),
        }
    }

    /// Decodes; an odd byte of 16-bit audio waits in `rest` for its other half.
    pub(super) fn decode(self, bytes: &[u8], rest: &mut Option<u8>) -> Vec<i16> {
        match self {
            Self::G711(law) => bytes.iter().map(|byte| law.decode(*byte)).collect(),
            Self::Linear16 => {
                let all: Vec<u8> = rest
                    .take()
                    .into_iter()
                    .chain(bytes.iter().copied())
                    .collect();
                let pairs = all.chunks_exact(2);
                *rest = pairs.remainder().first().copied();
                pairs
                    .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
                    .collect()
            }
        }
    }
}
