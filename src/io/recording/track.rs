//! One side of a recording: decoded, at the file's rate, each tick in its place.

use std::collections::VecDeque;

use crate::audio::Codec;
use crate::io::rings::Item;
use crate::io::transcode::Decoder;

/// One side of a call as samples.
pub(super) struct Track {
    rate: u32,
    decoder: Option<(Codec, Decoder)>,
    /// A loss in Opus is outstanding: the next packet may tell of it (RFC 6716 §2.1.7), and its sound comes with that.
    owed: bool,
    /// The tick of the latest packet; what follows in the same one is appended to it.
    heard: Option<u32>,
    /// Samples from the beginning of the file to the end of what is known.
    known: u64,
    /// Of these, those not written yet.
    waiting: VecDeque<i16>,
    decoded: Vec<i16>,
}

impl Track {
    pub(super) fn new(rate: u32) -> Self {
        Self {
            rate,
            decoder: None,
            owed: false,
            heard: None,
            known: 0,
            waiting: VecDeque::new(),
            decoded: Vec::new(),
        }
    }

    /// Where a tick begins, counted from the beginning of the file.
    pub(super) fn place(&self, tick: u32) -> u64 {
        u64::from(tick) * self.frame()
    }

    fn frame(&self) -> u64 {
        u64::from(self.rate) / 50
    }

    /// What there is in a tick.
    pub(super) fn take(&mut self, tick: u32, codec: Codec, item: Item<'_>) {
        self.decode_as(codec);
        self.fill(tick);
        let Some((_, decoder)) = &mut self.decoder else {
            return;
        };
        let mut decoded = std::mem::take(&mut self.decoded);
        decoder.decode(item, &mut decoded);
        let lost = codec == Codec::Opus && matches!(item, Item::Lost);
        let repaid = match std::mem::replace(&mut self.owed, lost) && !lost {
            true => decoded.len().min(self.frame() as usize),
            false => 0,
        };
        self.append(&decoded[..repaid]);
        let follows = self.heard == Some(tick) && matches!(item, Item::Heard(_));
        if !lost && !follows {
            self.reach(self.place(tick));
        }
        if matches!(item, Item::Heard(_)) {
            self.heard = Some(tick);
        }
        self.append(&decoded[repaid..]);
        decoded.clear();
        self.decoded = decoded;
    }

    fn decode_as(&mut self, codec: Codec) {
        if matches!(&self.decoder, Some((known, _)) if *known == codec) {
            return;
        }
        self.owed = false;
        self.decoder = match Decoder::new(codec, self.rate) {
            Ok(decoder) => Some((codec, decoder)),
            Err(error) => {
                log::error!("a recording has silence in {codec:?}: {error}");
                None
            }
        };
    }

    fn append(&mut self, samples: &[i16]) {
        self.known += samples.len() as u64;
        self.waiting.extend(samples);
    }

    /// Makes what is missing before a tick silence; what is owed may still come.
    pub(super) fn fill(&mut self, tick: u32) {
        let owed = if self.owed { self.frame() } else { 0 };
        let end = self.place(tick).saturating_sub(owed);
        if self.known < end {
            self.reach(end);
        }
    }

    /// Ends before a tick, neither sooner nor later.
    pub(super) fn finish(&mut self, tick: u32) {
        self.owed = false;
        self.reach(self.place(tick));
    }

    /// Is as long as this: by silence, or without what lasts longer than it may.
    fn reach(&mut self, end: u64) {
        let missing = end.saturating_sub(self.known) as usize;
        self.waiting.resize(self.waiting.len() + missing, 0);
        let surplus = self.known.saturating_sub(end) as usize;
        let kept = self.waiting.len().saturating_sub(surplus);
        self.known = self.known + missing as u64 - (self.waiting.len() - kept) as u64;
        self.waiting.truncate(kept);
    }

    /// Samples that can be written.
    pub(super) fn ready(&self) -> usize {
        self.waiting.len()
    }

    /// Takes so many of them.
    pub(super) fn drain(&mut self, samples: usize) -> impl Iterator<Item = i16> {
        self.waiting.drain(..samples)
    }
}
