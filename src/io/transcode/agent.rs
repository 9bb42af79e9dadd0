//! The agent ring, and what must be done to speech before it can go on the wire.

use super::{Encoder, Place, Transcoder};
use crate::audio::speech_format::{SpeechFormat, samples};
use crate::audio::{Codec, Law};
use crate::conversation::UtteranceId;
use crate::io::rings::{AgentFrame, AgentWriter, Frame};

/// Where the voice's audio goes.
pub struct AgentAudio {
    ring: AgentWriter,
    format: SpeechFormat,
    encoding: Option<Encoding>,
}

struct Encoding {
    codec: Codec,
    place: Place,
    complexity: u8,
    /// Here, or with the pool.
    encoder: Option<Encoder>,
}

/// One frame of speech as the voice made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spoken {
    /// The epoch it was rendered for.
    pub epoch: u32,
    /// What it belongs to.
    pub utterance: UtteranceId,
    /// The last frame of its utterance.
    pub last: bool,
    /// Silence is sent before it, which was not encoded here.
    pub afresh: bool,
    /// 20 ms in the voice's form.
    pub audio: Vec<u8>,
}

impl Spoken {
    fn as_frame(&self, audio: &[u8]) -> AgentFrame {
        AgentFrame {
            epoch: self.epoch,
            utterance: self.utterance,
            last: self.last,
            audio: Frame::new(audio),
        }
    }
}

impl AgentAudio {
    /// A call in G.711: nothing is done to it.
    #[must_use]
    pub fn g711(law: Law, ring: AgentWriter) -> Self {
        Self {
            ring,
            format: SpeechFormat::G711(law),
            encoding: None,
        }
    }

    /// A call in any codec.
    ///
    /// # Errors
    /// When there is no encoder to be had.
    pub fn open(transcoder: &Transcoder, codec: Codec, ring: AgentWriter) -> Result<Self, String> {
        if let Codec::G711(law) = codec {
            return Ok(Self::g711(law, ring));
        }
        let format = SpeechFormat::spoken_in(codec);
        let complexity = transcoder.settings().complexity;
        let encoding = Encoding {
            codec,
            place: transcoder.place(),
            complexity,
            encoder: Some(Encoder::new(codec, format.sample_rate(), complexity)?),
        };
        Ok(Self {
            ring,
            format,
            encoding: Some(encoding),
        })
    }

    /// The form that the voice is asked for.
    #[must_use]
    pub fn format(&self) -> SpeechFormat {
        self.format
    }

    /// Waits until there is room. Returns false when the media thread has dropped its end. Cancel-safe.
    pub async fn room(&mut self) -> bool {
        self.ring.room().await
    }

    /// Adds a frame; false when there is no room.
    pub fn push(&mut self, frame: AgentFrame) -> bool {
        self.ring.push(frame)
    }

    /// The epoch in force; a frame stamped with an older one is never played.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.ring.epoch()
    }

    /// Speech as it goes on the wire, frame by frame. A frame that could not be encoded is empty, so that the end
    /// of its utterance is told.
    pub async fn encode(&mut self, spoken: Vec<Spoken>) -> Vec<AgentFrame> {
        match &mut self.encoding {
            None => {
                let frames = spoken.iter();
                frames.map(|frame| frame.as_frame(&frame.audio)).collect()
            }
            Some(_) if spoken.is_empty() => Vec::new(),
            Some(encoding) => encoding.encode(spoken, self.format.sample_rate()).await,
        }
    }
}

impl Encoding {
    async fn encode(&mut self, spoken: Vec<Spoken>, rate: u32) -> Vec<AgentFrame> {
        let mute = |spoken: &[Spoken]| spoken.iter().map(|frame| frame.as_frame(&[])).collect();
        let encoder = self.encoder.take();
        let made = || Encoder::new(self.codec, rate, self.complexity).ok();
        let Some(mut encoder) = encoder.or_else(made) else {
            return mute(&spoken);
        };
        let silent = mute(&spoken);
        let work = move || {
            let mut frames = Vec::with_capacity(spoken.len());
            for frame in &spoken {
                if frame.afresh {
                    let before = Spoken {
                        last: false,
                        audio: Vec::new(),
                        ..*frame
                    };
                    encoder.restart(|audio| frames.push(before.as_frame(audio)));
                }
                let samples: Vec<i16> = samples(&frame.audio).collect();
                encoder.encode(&samples, |audio| frames.push(frame.as_frame(audio)));
            }
            (encoder, frames)
        };
        match self.place.give(work).await.await {
            Ok((encoder, frames)) => {
                self.encoder = Some(encoder);
                frames
            }
            Err(_) => silent,
        }
    }
}
