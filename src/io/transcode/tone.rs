//! The test tone and ring-back in codecs that cannot be written down as a table: encoded once and then played round
//! and round.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use super::Encoder;
use crate::audio::Codec;
use crate::audio::speech_format::WIDEBAND_RATE;
use crate::audio::tone::{RingBack, milliwatt_second};
use crate::io::rings::Frame;

/// Frames that are encoded before those that are kept, which begin as these end: a fifth of a second.
const LEAD: usize = 10;

/// What there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sound {
    /// The milliwatt tone, of which a round is a second.
    Milliwatt,
    RingBack(RingBack),
}

impl Sound {
    pub(super) const ALL: [Self; 4] = [
        Self::Milliwatt,
        Self::RingBack(RingBack::International),
        Self::RingBack(RingBack::NorthAmerican),
        Self::RingBack(RingBack::British),
    ];

    /// What is repeated, at 16 kHz.
    fn round(self) -> Vec<i16> {
        match self {
            Self::Milliwatt => milliwatt_second(WIDEBAND_RATE),
            Self::RingBack(kind) => kind.round(WIDEBAND_RATE),
        }
    }
}

/// A round of a sound. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Looped {
    codec: Codec,
    sound: Sound,
    made: Arc<Made>,
    next: usize,
}

#[derive(Debug, Default)]
struct Made {
    begun: AtomicBool,
    frames: OnceLock<Box<[Frame]>>,
}

impl Looped {
    pub(super) fn new(codec: Codec, sound: Sound) -> Self {
        Self {
            codec,
            sound,
            made: Arc::default(),
            next: 0,
        }
    }

    /// What it is encoded in.
    #[must_use]
    pub fn codec(&self) -> Codec {
        self.codec
    }

    pub(super) fn is(&self, codec: Codec, sound: Sound) -> bool {
        self.codec == codec && self.sound == sound
    }

    /// The next frame, when the tone has been made. Does not wait.
    pub fn next_frame(&mut self) -> Option<Frame> {
        let frames = self.made.frames.get()?;
        let frame = *frames.get(self.next)?;
        self.next = (self.next + 1) % frames.len();
        Some(frame)
    }

    /// Whether nobody has begun to make it; who asks begins.
    pub(super) fn begin(&self) -> bool {
        !self.made.begun.swap(true, Ordering::AcqRel)
    }

    pub(super) fn give_up(&self) {
        self.made.begun.store(false, Ordering::Release);
    }

    /// Encodes a round, and before it how the one before ends.
    pub(super) fn fill(&self, complexity: u8) {
        let round = self.sound.round();
        let frame = WIDEBAND_RATE as usize / 50;
        let wanted = round.len() / frame;
        let mut frames = Vec::with_capacity(LEAD + wanted);
        match Encoder::new(self.codec, WIDEBAND_RATE, complexity) {
            Ok(mut encoder) => {
                let lead = &round[round.len() - LEAD * frame..];
                for samples in [lead, &round] {
                    encoder.encode(samples, |frame| frames.push(Frame::new(frame)));
                }
            }
            Err(error) => log::error!("no tone in {:?}: {error}", self.codec),
        }
        if frames.len() == LEAD + wanted {
            // It is made once.
            let _ = self.made.frames.set(frames.split_off(LEAD).into());
        }
    }
}
