//! Whether somebody speaks, how loud, and how clean: frame by frame, against a floor that follows the quietest of
//! them.
//!
//! A frame is active when it stands well above the floor, which is the least energy of the last seconds (minimum
//! statistics): pauses between words are enough to find it, and a steady noise becomes the floor itself.

use super::level;
use super::{FRAME_SAMPLES, Law};

/// Listens to one stream of frames of linear samples, 20 ms each. Nothing is allocated.
#[derive(Clone, Debug)]
pub struct Activity {
    floor: Floor,
    /// Somebody speaks.
    speaks: bool,
    /// Frames that say otherwise, in a row as far as they outnumber the others.
    doubt: u32,
    /// The mean square of the last second or so.
    loudness: f32,
    /// Frames in a row without a pause.
    unbroken: u32,
    /// Quiet frames in a row.
    quiet: u32,
    sounds: bool,
    sums: Sums,
}

/// What changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Somebody begins to speak, or has stopped.
    Speech(bool),
    /// Something sounds without a pause for longer than anybody speaks in one breath (music on hold, a machine), or
    /// has stopped.
    Unbroken(bool),
}

/// What a stream was like so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Levels {
    /// Frames of 20 ms.
    pub frames: u32,
    /// Those in which somebody spoke.
    pub spoken: u32,
    /// Those of them that were cut off at the top.
    pub clipped: u32,
    /// The mean level of speech in dBm0; [`level::SILENCE_DBM0`] where there was none.
    pub speech_dbm0: f64,
    /// The mean level between it in dBm0.
    pub noise_dbm0: f64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    frames: u32,
    spoken: u32,
    clipped: u32,
    /// Of mean squares.
    speech: f64,
    noise: f64,
}

/// The least energy of one to two windows.
#[derive(Clone, Copy, Debug)]
struct Floor {
    before: f32,
    least: f32,
    smooth: f32,
    frames: u32,
}

impl Floor {
    fn follow(&mut self, square: f32) -> f32 {
        self.smooth += (square - self.smooth) * SMOOTHING;
        self.least = self.least.min(self.smooth);
        self.frames += 1;
        if self.frames == WINDOW {
            self.before = self.least;
            self.least = self.smooth;
            self.frames = 0;
        }
        self.before.min(self.least)
    }
}

impl Activity {
    /// Has heard nothing yet.
    #[must_use]
    pub fn new() -> Self {
        let floor = FAINTEST / ABOVE;
        Self {
            floor: Floor {
                before: floor,
                least: floor,
                smooth: floor,
                frames: 0,
            },
            speaks: false,
            doubt: 0,
            loudness: 0.0,
            unbroken: 0,
            quiet: 0,
            sounds: false,
            sums: Sums::default(),
        }
    }

    /// Takes a frame, and tells what changes with it. Gives the frame's mean square.
    pub fn hear(&mut self, frame: &[i16; FRAME_SAMPLES], mut told: impl FnMut(Change)) -> f32 {
        let (mut sums, mut topped) = ([0.0_f32; 8], [0_u16; 8]);
        for eight in frame.chunks(8) {
            for (lane, &sample) in eight.iter().enumerate() {
                let value = f32::from(sample);
                sums[lane] += value * value;
                topped[lane] += u16::from(value.abs() >= TOP);
            }
        }
        let square = sums.iter().sum::<f32>() / frame.len().max(1) as f32;
        let topped = topped.iter().sum::<u16>();
        let floor = self.floor.follow(square);
        let active = square > (floor * ABOVE).max(FAINTEST);
        self.count(square, active, topped >= TOPPED);
        if self.decide(active) {
            told(Change::Speech(self.speaks));
        }
        if self.follow_sound(square) {
            told(Change::Unbroken(self.sounds));
        }
        square
    }

    fn count(&mut self, square: f32, active: bool, topped: bool) {
        let sums = &mut self.sums;
        sums.frames = sums.frames.saturating_add(1);
        if active {
            sums.spoken = sums.spoken.saturating_add(1);
            sums.clipped = sums.clipped.saturating_add(u32::from(topped));
            sums.speech += f64::from(square);
        } else {
            sums.noise += f64::from(square);
        }
    }

    /// Speech begins with more frames than a click has, and ends with a pause longer than those between words.
    fn decide(&mut self, active: bool) -> bool {
        if active == self.speaks {
            self.doubt = self.doubt.saturating_sub(1 + u32::from(active) * CERTAIN);
            return false;
        }
        self.doubt += 1;
        let enough = if self.speaks { ENDS } else { BEGINS };
        if self.doubt < enough {
            return false;
        }
        self.doubt = 0;
        self.speaks = active;
        true
    }

    fn follow_sound(&mut self, square: f32) -> bool {
        self.loudness += (square - self.loudness) * SLOWLY;
        if square >= LOUD.max(self.loudness * DIP) {
            self.quiet = 0;
            self.unbroken = self.unbroken.saturating_add(1);
        } else {
            self.quiet = self.quiet.saturating_add(1);
            if self.quiet >= PAUSE {
                self.unbroken = 0;
            }
        }
        let before = self.sounds;
        self.sounds = match before {
            true => self.quiet < STOPPED,
            false => self.unbroken >= UNBROKEN,
        };
        self.sounds != before
    }

    /// What the stream was like so far.
    #[must_use]
    pub fn levels(&self) -> Levels {
        let sums = &self.sums;
        let dbm0 =
            |sum: f64, frames: u32| level::of_square(Law::Mu, sum / f64::from(frames.max(1)));
        Levels {
            frames: sums.frames,
            spoken: sums.spoken,
            clipped: sums.clipped,
            speech_dbm0: dbm0(sums.speech, sums.spoken),
            noise_dbm0: dbm0(sums.noise, sums.frames - sums.spoken),
        }
    }
}

impl Default for Activity {
    fn default() -> Self {
        Self::new()
    }
}

/// Speech stands so far above the floor: 8 dB.
const ABOVE: f32 = 6.3;
/// Fainter than this nobody is heard.
const FAINTEST: f32 = level::SILENT_SQUARE as f32;
/// The floor follows energies smoothed over some 60 ms.
const SMOOTHING: f32 = 0.3;
/// 2 s: longer than any vowel.
const WINDOW: u32 = 100;
/// 100 ms.
const BEGINS: u32 = 5;
/// 500 ms.
const ENDS: u32 = 25;
/// An active frame within speech outweighs so many quiet ones beyond its own.
const CERTAIN: u32 = 9;
/// Of 16 bits: the topmost step of either law.
const TOP: f32 = 31_700.0;
/// So many samples of a frame's 160 at the top are no peak of a voice but one cut off.
const TOPPED: u16 = 5;
/// As loud as somebody who speaks: -38 dBm0 as a mean square.
const LOUD: f32 = 41_000.0;
/// Per frame: some 1.3 s.
const SLOWLY: f32 = 1.0 / 64.0;
/// 15 dB below what is usual: between syllables and words every voice falls so low.
const DIP: f32 = 0.03;
/// 60 ms so low, or as quiet as a pause between sentences.
const PAUSE: u32 = 3;
/// 8 s without one: nobody speaks so.
const UNBROKEN: u32 = 400;
/// 1 s.
const STOPPED: u32 = 50;

#[cfg(test)]
mod tests;
