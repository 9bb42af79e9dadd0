//! What can be known of a caller's audio without any service: whether somebody speaks and how loud, and the sounds
//! that no person makes.
//!
//! One machine for one call, fed with frames of 20 ms. Each part looks only where it can find something: keys where
//! the peer cannot send them otherwise, tones where it is not quiet.

use super::activity::{Activity, Change};
use super::call_progress::{self, Tone};
use super::{FRAME_SAMPLES, Law, dtmf};

pub use super::activity::Levels;

/// What was noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Somebody begins to speak, or has stopped for half a second.
    Speech(bool),
    /// Something sounds without a pause for longer than anybody speaks in one breath, or has stopped.
    Unbroken(bool),
    /// A key, by its sound.
    Key(char),
    /// A tone of a machine or of a telephone network.
    Tone(Tone),
    /// The ring-back tone that was told is over.
    RingBackOver,
}

/// Listens to one stream. Nothing is allocated after [`Analysis::new`].
#[derive(Clone, Debug)]
pub struct Analysis {
    activity: Activity,
    tones: call_progress::Listener,
    keys: dtmf::Detector,
    /// Keys were listened to in the frame before.
    heeds_keys: bool,
    halver: Halver,
    frame: [i16; FRAME_SAMPLES],
    filled: usize,
}

impl Analysis {
    /// Has heard nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            activity: Activity::new(),
            tones: call_progress::Listener::new(),
            keys: dtmf::Detector::new(),
            heeds_keys: false,
            halver: Halver::default(),
            frame: [0; FRAME_SAMPLES],
            filled: 0,
        }
    }

    /// Whether keys are to be told from now on.
    pub fn heed_keys(&mut self, heeds: bool) {
        if heeds && !self.heeds_keys {
            self.keys = dtmf::Detector::new();
        }
        self.heeds_keys = heeds;
    }

    /// Takes G.711.
    pub fn hear_law(&mut self, law: Law, codes: &[u8], mut told: impl FnMut(Event)) {
        let mut rest = codes;
        while !rest.is_empty() {
            let room = &mut self.frame[self.filled..];
            let (now, later) = rest.split_at(rest.len().min(room.len()));
            for (to, &code) in room.iter_mut().zip(now) {
                *to = law.decode(code);
            }
            self.filled += now.len();
            self.look_if_full(&mut told);
            rest = later;
        }
    }

    /// Takes linear samples at 16 kHz.
    pub fn hear_wide(&mut self, samples: &[i16], mut told: impl FnMut(Event)) {
        for &sample in samples {
            if let Some(halved) = self.halver.halve(sample) {
                self.frame[self.filled] = halved;
                self.filled += 1;
                self.look_if_full(&mut told);
            }
        }
    }

    fn look_if_full(&mut self, told: &mut impl FnMut(Event)) {
        if self.filled == FRAME_SAMPLES {
            self.filled = 0;
            self.look(told);
        }
    }

    fn look(&mut self, told: &mut impl FnMut(Event)) {
        self.activity.hear(&self.frame, |change| {
            told(match change {
                Change::Speech(speaks) => Event::Speech(speaks),
                Change::Unbroken(sounds) => Event::Unbroken(sounds),
            });
        });
        let before = self.tones.lasting();
        self.tones.hear(&self.frame, |tone| told(Event::Tone(tone)));
        let over = before != self.tones.lasting();
        if before == Some(Tone::RingBack) && over {
            told(Event::RingBackOver);
        }
        if self.heeds_keys {
            self.keys.hear(&self.frame, |key| told(Event::Key(key)));
        }
    }

    /// What the stream was like so far.
    #[must_use]
    pub fn levels(&self) -> Levels {
        self.activity.levels()
    }
}

impl Default for Analysis {
    fn default() -> Self {
        Self::new()
    }
}

/// Every second sample of a stream at 16 kHz, through a half-band filter of seven taps: flat to 2.5 kHz, and what
/// would fold onto the tones that are looked for is 20 dB down or more.
#[derive(Clone, Debug, Default)]
struct Halver {
    /// The samples before, the newest last.
    even: [i32; 4],
    odd: [i32; 3],
    second: bool,
}

impl Halver {
    fn halve(&mut self, sample: i16) -> Option<i16> {
        let sample = i32::from(sample);
        self.second = !self.second;
        if self.second {
            let [_, b, c] = self.odd;
            self.odd = [b, c, sample];
            return None;
        }
        let [_, b, c, d] = self.even;
        self.even = [b, c, d, sample];
        let [first, second, third, fourth] = self.even;
        let sum = 16 * self.odd[1] + 9 * (second + third) - (first + fourth);
        let halved = (sum >> 5).clamp(i16::MIN.into(), i16::MAX.into());
        Some(halved as i16)
    }
}

#[cfg(test)]
mod tests;
