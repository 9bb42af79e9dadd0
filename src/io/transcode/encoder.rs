//! From linear samples to the wire's codec.

use ezk_g722::libg722::{Bitrate, encoder::Encoder as G722};

use crate::audio::resample::Resampler;
use crate::audio::speech_format::WIDEBAND_RATE;
use crate::audio::{Codec, FRAME_SAMPLES, Law, SAMPLE_RATE};

/// Bytes of the longest frame: what an agent frame holds.
pub const LONGEST_FRAME: usize = FRAME_SAMPLES;
/// Frames of silence before the first word: within 40 ms a decoder of G.722 forgets what it has heard.
const LEAD_IN: usize = 2;
/// Bits a second of Opus: speech up to 12 kHz needs no more (RFC 6716 §2.1.1), with what tells of lost frames.
const OPUS_BITRATE: i32 = 32_000;
/// The loss that Opus prepares for, in per cent; it spends some bits of each packet on the one before.
const EXPECTED_LOSS: i32 = 5;

/// One direction of a call, encoded in frames of 20 ms.
pub struct Encoder {
    kind: Kind,
    /// Between the rate of the samples and the codec's, where they differ.
    resampler: Option<Resampler>,
    /// Samples at the codec's rate that wait for a frame to be full.
    waiting: Vec<i16>,
    frame: usize,
}

enum Kind {
    G711(Law),
    G722(Box<G722>),
    Opus(opus::Encoder),
}

impl Encoder {
    /// An encoder of samples at this rate. Opus takes any of its own rates; others are resampled.
    ///
    /// # Errors
    /// When the codec cannot be made.
    pub fn new(codec: Codec, rate: u32, complexity: u8) -> Result<Self, String> {
        let (kind, native) = match codec {
            Codec::G711(law) => (Kind::G711(law), SAMPLE_RATE),
            Codec::G722 => {
                let encoder = G722::new(Bitrate::Mode1_64000, false, false);
                (Kind::G722(Box::new(encoder)), WIDEBAND_RATE)
            }
            Codec::Opus => {
                let encoder = opus_encoder(rate, complexity).map_err(|error| error.to_string())?;
                (Kind::Opus(encoder), rate)
            }
        };
        Ok(Self {
            kind,
            resampler: (native != rate)
                .then(|| Resampler::new(rate, native))
                .transpose()
                .map_err(|odd| odd.to_string())?,
            waiting: Vec::new(),
            frame: native as usize / 50,
        })
    }

    /// Begins anew, since what the far end has decoded last is not what was encoded last but silence of the media
    /// thread's. Gives frames that lead its decoder to where this encoder is, if any are needed.
    pub fn restart(&mut self, each: impl FnMut(&[u8])) {
        self.waiting.clear();
        if let Some(resampler) = &mut self.resampler {
            resampler.reset();
        }
        match &mut self.kind {
            Kind::G711(_) => {}
            Kind::G722(encoder) => {
                **encoder = G722::new(Bitrate::Mode1_64000, false, false);
                let silence = vec![0; LEAD_IN * self.frame];
                self.encode(&silence, each);
            }
            Kind::Opus(encoder) => {
                if let Err(error) = encoder.reset_state() {
                    log::debug!("an encoder is not reset: {error}");
                }
            }
        }
    }

    /// Adds samples and gives each frame that is full. A frame of no bytes is one that the codec could not make.
    pub fn encode(&mut self, samples: &[i16], mut each: impl FnMut(&[u8])) {
        match &mut self.resampler {
            Some(resampler) => resampler.process(samples, &mut self.waiting),
            None => self.waiting.extend_from_slice(samples),
        }
        let mut frame = [0; LONGEST_FRAME];
        let whole = self.waiting.len() / self.frame * self.frame;
        for samples in self.waiting[..whole].chunks_exact(self.frame) {
            let length = self.kind.encode(samples, &mut frame);
            each(&frame[..length]);
        }
        self.waiting.drain(..whole);
    }
}

impl Kind {
    fn encode(&mut self, samples: &[i16], frame: &mut [u8; LONGEST_FRAME]) -> usize {
        match self {
            Self::G711(law) => {
                for (code, sample) in frame.iter_mut().zip(samples) {
                    *code = law.encode(*sample);
                }
                samples.len().min(LONGEST_FRAME)
            }
            Self::G722(encoder) => {
                let bytes = encoder.encode(samples);
                let length = bytes.len().min(LONGEST_FRAME);
                frame[..length].copy_from_slice(&bytes[..length]);
                length
            }
            Self::Opus(encoder) => encoder.encode(samples, frame).unwrap_or(0),
        }
    }
}

/// As RFC 7587 §3 asks for speech. Every frame is sent: our silence is the media thread's.
fn opus_encoder(rate: u32, complexity: u8) -> opus::Result<opus::Encoder> {
    let mut encoder = opus::Encoder::new(rate, opus::Channels::Mono, opus::Application::Voip)?;
    encoder.set_bitrate(opus::Bitrate::Bits(OPUS_BITRATE))?;
    encoder.set_complexity(i32::from(complexity.min(10)))?;
    encoder.set_inband_fec(true)?;
    encoder.set_packet_loss_perc(EXPECTED_LOSS)?;
    encoder.set_signal(opus::Signal::Voice)?;
    Ok(encoder)
}
