//! The test tone in codecs that cannot be written down as a table: encoded once and then played round and round.

use core::f64::consts::TAU;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use super::Encoder;
use crate::audio::speech_format::WIDEBAND_RATE;
use crate::audio::{Codec, Law, level};
use crate::io::rings::Frame;

/// The tone's frequency: a second holds whole cycles of it, so that a second can be repeated.
const FREQUENCY: f64 = 1004.0;
/// Frames of a second.
const FRAMES: usize = 50;

/// One second of the milliwatt tone. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Looped {
    codec: Codec,
    made: Arc<Made>,
    next: usize,
}

#[derive(Debug, Default)]
struct Made {
    begun: AtomicBool,
    frames: OnceLock<Box<[Frame]>>,
}

impl Looped {
    pub(super) fn new(codec: Codec) -> Self {
        Self {
            codec,
            made: Arc::default(),
            next: 0,
        }
    }

    /// What it is encoded in.
    #[must_use]
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// The next frame, when the tone has been made. Does not wait.
    pub fn next_frame(&mut self) -> Option<Frame> {
        let frames = self.made.frames.get()?;
        let frame = *frames.get(self.next % FRAMES)?;
        self.next = (self.next + 1) % FRAMES;
        Some(frame)
    }

    /// Whether nobody has begun to make it; who asks begins.
    pub(super) fn begin(&self) -> bool {
        !self.made.begun.swap(true, Ordering::AcqRel)
    }

    pub(super) fn give_up(&self) {
        self.made.begun.store(false, Ordering::Release);
    }

    /// Encodes two seconds; the second is kept, which begins as it ends.
    pub(super) fn fill(&self, complexity: u8) {
        let amplitude = (2.0 * level::milliwatt(Law::Mu)).sqrt();
        let rate = f64::from(WIDEBAND_RATE);
        let samples = (0..2 * WIDEBAND_RATE).map(|at| {
            let sample = amplitude * (TAU * FREQUENCY * f64::from(at) / rate).sin();
            sample.round() as i16
        });
        let samples: Vec<i16> = samples.collect();
        let mut frames = Vec::with_capacity(2 * FRAMES);
        match Encoder::new(self.codec, WIDEBAND_RATE, complexity) {
            Ok(mut encoder) => encoder.encode(&samples, |frame| frames.push(Frame::new(frame))),
            Err(error) => log::error!("no test tone: {error}"),
        }
        if frames.len() == 2 * FRAMES {
            // It is made once.
            let _ = self.made.frames.set(frames.split_off(FRAMES).into());
        }
    }
}
