//! The caller ring, and what must be done to its items before the ear can take them.

use tokio::sync::oneshot;

use super::{Decoder, Place, Transcoder};
use crate::audio::speech_format::{SpeechFormat, linear};
use crate::audio::{Codec, Law};
use crate::io::attention::Attention;
use crate::io::rings::{CallerReader, Items};

/// What came of the caller, in the form that the ear takes.
pub struct CallerAudio {
    ring: CallerReader,
    format: SpeechFormat,
    /// With the decoder, where there is one.
    attention: Option<Attention>,
    decoding: Option<Decoding>,
}

/// The decoder is here, or with the pool.
struct Decoding {
    codec: Codec,
    place: Place,
    decoder: Option<Decoder>,
    attention: Option<Attention>,
    /// Taken from the ring, not yet given to the pool.
    items: Items,
    answer: Option<oneshot::Receiver<Done>>,
}

/// What the pool has done, and what it gives back.
struct Done {
    decoder: Decoder,
    attention: Option<Attention>,
    audio: Vec<u8>,
}

impl CallerAudio {
    /// A call in G.711: nothing is done to it.
    #[must_use]
    pub fn g711(law: Law, ring: CallerReader) -> Self {
        Self {
            ring,
            format: SpeechFormat::G711(law),
            attention: None,
            decoding: None,
        }
    }

    /// The same, listened to on the way.
    #[must_use]
    pub fn attended(mut self, attention: Attention) -> Self {
        match &mut self.decoding {
            Some(decoding) => decoding.attention = Some(attention),
            None => self.attention = Some(attention),
        }
        self
    }

    /// A call in any codec.
    ///
    /// # Errors
    /// When there is no decoder to be had.
    pub fn open(transcoder: &Transcoder, codec: Codec, ring: CallerReader) -> Result<Self, String> {
        if let Codec::G711(law) = codec {
            return Ok(Self::g711(law, ring));
        }
        let format = SpeechFormat::heard_in(codec);
        let decoding = Decoding {
            codec,
            place: transcoder.place(),
            decoder: Some(Decoder::new(codec, format.sample_rate())?),
            attention: None,
            items: Items::default(),
            answer: None,
        };
        Ok(Self {
            ring,
            format,
            attention: None,
            decoding: Some(decoding),
        })
    }

    /// The form of what is read.
    #[must_use]
    pub fn format(&self) -> SpeechFormat {
        self.format
    }

    /// Waits until `frames` items are there (or the stream has ended), then appends all that is there to `audio`.
    /// Returns false when the writer is gone and nothing is left. Cancel-safe.
    pub async fn read(&mut self, frames: usize, audio: &mut Vec<u8>) -> bool {
        let Some(decoding) = &mut self.decoding else {
            let before = audio.len();
            let more = self.ring.read(frames, audio).await;
            if let (Some(attention), SpeechFormat::G711(law)) = (&mut self.attention, self.format) {
                attention.hear_law(law, &audio[before..]);
            }
            return more;
        };
        if decoding.answer.is_none()
            && decoding.items.is_empty()
            && !self.ring.read_items(frames, &mut decoding.items).await
        {
            return false;
        }
        decoding.give(self.format.sample_rate()).await;
        decoding.take(audio).await;
        true
    }
}

impl Decoding {
    /// Gives what was taken from the ring to the pool.
    async fn give(&mut self, rate: u32) {
        if self.answer.is_some() || self.items.is_empty() {
            return;
        }
        let Some(permit) = self.place.room().await else {
            self.items = Items::default(); // the pool is gone, and so is the daemon
            return;
        };
        let decoder = self.decoder.take();
        let Some(mut decoder) = decoder.or_else(|| Decoder::new(self.codec, rate).ok()) else {
            self.items = Items::default();
            return;
        };
        let items = core::mem::take(&mut self.items);
        let counters = self.place.counters.clone();
        let mut attention = self.attention.take();
        let (job, answer) = self.place.job(move || {
            let mut samples = Vec::new();
            let before = decoder.undecodable();
            for item in items.iter() {
                decoder.decode(item, &mut samples);
            }
            let after = decoder.undecodable();
            counters.count_undecodable(after - before);
            if let Some(attention) = &mut attention {
                attention.hear_wide(&samples);
            }
            Done {
                decoder,
                attention,
                audio: linear(&samples),
            }
        });
        permit.send(job);
        self.answer = Some(answer);
    }

    /// Takes what the pool has done.
    async fn take(&mut self, audio: &mut Vec<u8>) {
        let Some(answer) = &mut self.answer else {
            return;
        };
        let done = answer.await;
        self.answer = None;
        if let Ok(done) = done {
            self.decoder = Some(done.decoder); // or it broke, and a new one goes on
            self.attention = done.attention;
            audio.extend_from_slice(&done.audio);
        }
    }
}
