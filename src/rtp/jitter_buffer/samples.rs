//! A frame of a codec that may be cut anywhere: G.711 and G.722.

use super::{
    Codec, Content, FADED, FRAME_SAMPLES, JitterBuffer, Law, Move, Noise, Played, law, level,
    stretch,
};

impl JitterBuffer {
    /// The next 20 ms.
    pub(super) fn play(&mut self, frame: &mut [u8; FRAME_SAMPLES]) -> Played {
        if self.playout.read().is_none() {
            frame.fill(law(self.codec).silence());
            return Played::Silence;
        }
        if self.playout.is_wrong()
            && let Some(played) = self.put_right(frame)
        {
            return played;
        }
        let read = self.playout.read().unwrap_or(0);
        let played = match self.codec {
            Codec::G711(_) => self.read_concealed(read, frame),
            Codec::G722 | Codec::Opus => self.read_whole_frame(read, frame),
        };
        self.playout.consume(FRAME_SAMPLES as u64);
        played
    }

    /// Changes the delay, or puts reading straight; gives the frame that this makes, if it makes one.
    fn put_right(&mut self, frame: &mut [u8; FRAME_SAMPLES]) -> Option<Played> {
        let read = self.playout.read()?;
        match self.playout.adjust(self.content(read)) {
            Move::Stay => None,
            Move::Skip(ticks) => {
                self.ring.discard(read, ticks);
                self.playout.skip(ticks);
                self.counts.shortened += u64::from(ticks >= FRAME_SAMPLES as u64);
                None
            }
            Move::Hold => Some(self.hold(read, frame)),
            Move::Shrink => self.stretch(read, frame, true),
            Move::Grow => {
                let stretched = self.stretch(read, frame, false);
                Some(stretched.unwrap_or_else(|| self.hold(read, frame)))
            }
        }
    }

    /// What would be read; only G.711 is looked into.
    fn content(&self, read: u64) -> Content {
        let mut frame = [0; FRAME_SAMPLES];
        if self.ring.peek(&self.bytes[..], read, &mut frame) {
            return match self.codec.law() {
                Some(law) if level::is_silent(law, &frame) => Content::Quiet,
                _ => Content::Speech,
            };
        }
        let (present, missing) = self.ring.run(read, FRAME_SAMPLES);
        let pause = self.playout.is_pause(read);
        if !present && missing == FRAME_SAMPLES && pause {
            Content::Pause
        } else {
            Content::Gap
        }
    }

    /// A frame more than was sent.
    fn hold(&mut self, read: u64, frame: &mut [u8; FRAME_SAMPLES]) -> Played {
        self.playout.consume(0);
        self.counts.lengthened += 1;
        let pause = self.playout.is_pause(read);
        match self.codec {
            Codec::G711(law) if !pause => {
                self.concealment.make_up(law, &[], frame);
                self.concealment.remember(frame);
                Played::Concealed
            }
            Codec::G711(law) => {
                be_silent(&mut self.noise, law, frame);
                self.concealment.remember(frame);
                Played::Silence
            }
            _ if pause => Played::Silence,
            _ => Played::Lost,
        }
    }

    /// A frame of more, or of less, than a frame; `None` when what is there does not allow it.
    fn stretch(
        &mut self,
        read: u64,
        frame: &mut [u8; FRAME_SAMPLES],
        shrink: bool,
    ) -> Option<Played> {
        let Some(law) = self.codec.law() else {
            return Some(self.leap(read, frame, shrink));
        };
        let mut span = [0; stretch::SPAN];
        if self.concealment.is_active() || !self.ring.peek(&self.bytes[..], read, &mut span) {
            return None;
        }
        let used = if shrink {
            stretch::shrink(law, &span, frame)?
        } else {
            stretch::grow(law, &span, frame)?
        };
        self.counts.shortened += u64::from(shrink);
        self.counts.lengthened += u64::from(!shrink);
        self.ring.discard(read, used);
        self.playout.consume(used);
        self.concealment.remember(frame);
        self.missed = 0;
        Some(Played::Audio)
    }

    /// What cannot be stretched without its decoder leaves a frame out, or lets one be made up.
    fn leap(&mut self, read: u64, frame: &mut [u8; FRAME_SAMPLES], shrink: bool) -> Played {
        if !shrink {
            return self.hold(read, frame);
        }
        let ticks = FRAME_SAMPLES as u64;
        self.ring.discard(read, ticks);
        self.playout.skip(ticks);
        self.counts.shortened += 1;
        let played = self.read_whole_frame(read + ticks, frame);
        self.playout.consume(ticks);
        played
    }

    /// Reads a frame of G.711 and makes up what is missing.
    fn read_concealed(&mut self, read: u64, frame: &mut [u8; FRAME_SAMPLES]) -> Played {
        let law = law(self.codec);
        let mut missing = 0;
        let mut made_up = false;
        let mut at = 0;
        while at < FRAME_SAMPLES {
            let place = read + at as u64;
            let (present, length) = self.ring.run(place, FRAME_SAMPLES - at);
            let (before, rest) = frame.split_at_mut(at);
            let part = &mut rest[..length];
            if present {
                self.ring.take(&self.bytes[..], place, part);
                if self.concealment.is_active() {
                    self.concealment.join(law, part);
                }
            } else {
                missing += length;
                if self.is_made_up(place) {
                    self.concealment.make_up(law, before, part);
                    made_up = true;
                } else {
                    be_silent(&mut self.noise, law, part);
                }
            }
            at += length;
        }
        self.concealment.remember(frame);
        self.account(read, missing, made_up)
    }

    /// Reads a frame of a codec with a decoder of its own: all of it, or none.
    fn read_whole_frame(&mut self, read: u64, frame: &mut [u8; FRAME_SAMPLES]) -> Played {
        let length = self.ring.take(&self.bytes[..], read, frame);
        if length == FRAME_SAMPLES {
            self.missed = 0;
            return Played::Audio;
        }
        self.ring.discard(read, FRAME_SAMPLES as u64);
        let made_up = self.is_made_up(read + length as u64);
        match self.account(read, FRAME_SAMPLES, made_up) {
            Played::Silence => Played::Silence,
            _ => Played::Lost,
        }
    }

    /// Whether what is missing at a place is to be made up: it was sent, and is not missing for long.
    fn is_made_up(&self, place: u64) -> bool {
        let waits = place < self.playout.end();
        let silent = self.playout.is_pause(place) || self.suppressed && !waits;
        !silent && (waits || self.missed < FADED)
    }

    fn account(&mut self, read: u64, missing: usize, made_up: bool) -> Played {
        if missing == 0 {
            self.missed = 0;
            return Played::Audio;
        }
        self.missed = if missing < FRAME_SAMPLES {
            0
        } else {
            self.missed.saturating_add(1)
        };
        if made_up {
            let waits = read < self.playout.end();
            self.counts.concealed += u64::from(waits);
            self.unsettled += u64::from(!waits);
            return Played::Concealed;
        }
        if missing < FRAME_SAMPLES {
            Played::Audio
        } else {
            Played::Silence
        }
    }
}

/// What silence sounds like: as the far end described it, or like nothing.
fn be_silent(noise: &mut Noise, law: Law, part: &mut [u8]) {
    if !noise.is_described() {
        return part.fill(law.silence());
    }
    let mut samples = [0; FRAME_SAMPLES];
    for codes in part.chunks_mut(FRAME_SAMPLES) {
        let samples = &mut samples[..codes.len()];
        noise.fill(samples);
        for (code, sample) in codes.iter_mut().zip(samples) {
            *code = law.encode(*sample);
        }
    }
}
