//! Tones that no person makes: fax machines (ITU-T T.30: CNG of 1100 Hz, CED of 2100 Hz), ring-back, busy
//! and dial tone (ITU-T E.180 and its national tables).
//!
//! Every 40 ms the audio is one of a few things: a fax's tone, a tone of the band from 340 to 640 Hz where all
//! countries have theirs, quiet, or something else. What is told follows from how long these last and how they
//! take turns, so a vowel or a whistle is not enough. Each is told once, and again after something else or a long quiet.

use super::goertzel::{Bank, energy};
use super::level;
use super::{Law, SAMPLE_RATE};

/// What was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tone {
    /// A fax machine calls: two bursts of CNG, half a second each and some three seconds apart.
    FaxCalling,
    /// A fax machine or modem answers: CED, also as ANSam with its phase reversals.
    FaxAnswering,
    /// It rings at a far end: the caller has been sent on, or has called somebody else in a conference.
    RingBack,
    /// Busy or congestion: nobody is there any more.
    Busy,
    /// Nobody is there, and a line waits for digits.
    Dial,
}

/// Listens to one stream of linear samples at 8 kHz. Nothing is allocated after [`Listener::new`].
#[derive(Clone, Debug)]
pub struct Listener {
    bank: Bank<20>,
    block: [f32; BLOCK],
    filled: usize,
    quiet: f32,
    /// Looks so far.
    looks: u32,
    now: Run,
    /// Something else that was just seen, until it is seen twice.
    change: Option<Kind>,
    /// The last bursts of a line's tone and the quiet after each, the newest last.
    bursts: [Burst; BURSTS],
    /// When the last burst of the length of CNG ended.
    calling: Option<u32>,
    told: Option<Tone>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Quiet,
    Line,
    Calling,
    Answering,
    Other,
}

#[derive(Clone, Copy, Debug)]
struct Run {
    kind: Kind,
    since: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Burst {
    on: u32,
    off: u32,
}

impl Listener {
    /// Has heard nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            bank: Bank::new(FREQUENCIES, SAMPLE_RATE),
            block: [0.0; BLOCK],
            filled: 0,
            quiet: BLOCK as f32 * level::milliwatt(Law::Mu) as f32 * QUIET,
            looks: 0,
            now: Run {
                kind: Kind::Quiet,
                since: 0,
            },
            change: None,
            bursts: [Burst::default(); BURSTS],
            calling: None,
            told: None,
        }
    }

    /// Takes samples, and tells what they make certain.
    pub fn hear(&mut self, samples: &[i16], mut told: impl FnMut(Tone)) {
        let mut rest = samples;
        while !rest.is_empty() {
            let room = &mut self.block[self.filled..];
            let (now, later) = rest.split_at(rest.len().min(room.len()));
            for (to, &from) in room.iter_mut().zip(now) {
                *to = f32::from(from);
            }
            self.filled += now.len();
            rest = later;
            if self.filled == BLOCK {
                self.filled = 0;
                if let Some(tone) = self.step() {
                    told(tone);
                }
            }
        }
    }

    /// A block is full.
    fn step(&mut self) -> Option<Tone> {
        self.looks = self.looks.saturating_add(1);
        let kind = self.look();
        self.follow(kind);
        if self.now.kind == Kind::Quiet && self.looks - self.now.since > FORGOTTEN {
            self.told = None;
        }
        let tone = self.certain().filter(|tone| self.told != Some(*tone))?;
        self.told = Some(tone);
        Some(tone)
    }

    /// What was told and has not given way to anything else yet.
    #[must_use]
    pub const fn lasting(&self) -> Option<Tone> {
        self.told
    }

    fn look(&self) -> Kind {
        let energy = energy(&self.block);
        if energy < self.quiet {
            return Kind::Quiet;
        }
        let powers = self.bank.bins(&self.block).map(|bin| bin.power());
        let share = |bins: &[f32]| bins.iter().sum::<f32>() * 2.0 / BLOCK as f32 / energy;
        match (
            share(&powers[..LINE]),
            share(&powers[LINE..LINE + 5]),
            share(&powers[LINE + 5..]),
        ) {
            (line, _, _) if line > PURITY => Kind::Line,
            (_, calling, _) if calling > PURITY => Kind::Calling,
            (_, _, answering) if answering > PURITY => Kind::Answering,
            _ => Kind::Other,
        }
    }

    /// A change counts when it is seen twice: edges, phase reversals and lost packets are shorter.
    fn follow(&mut self, kind: Kind) {
        if kind == self.now.kind {
            self.change = None;
        } else if self.change.is_some() {
            self.turn(kind);
            self.change = None;
        } else {
            self.change = Some(kind);
        }
    }

    fn turn(&mut self, kind: Kind) {
        let since = self.looks - 1;
        let length = since - self.now.since;
        match (self.now.kind, kind) {
            (Kind::Line, _) => {
                self.bursts.rotate_left(1);
                self.bursts[BURSTS - 1] = Burst { on: length, off: 0 };
            }
            (Kind::Quiet, Kind::Line) => self.bursts[BURSTS - 1].off = length,
            (Kind::Calling, _) if CALLING_ON.contains(&length) => self.calling = Some(since),
            _ => {}
        }
        if !matches!(kind, Kind::Quiet | Kind::Line) {
            self.bursts = [Burst::default(); BURSTS];
        }
        if kind == Kind::Other {
            self.told = None;
        }
        self.now = Run { kind, since };
    }

    fn certain(&self) -> Option<Tone> {
        let length = self.looks - self.now.since;
        match self.now.kind {
            Kind::Calling => {
                let pause = self.now.since - self.calling?;
                (length >= *CALLING_ON.start() && CALLING_OFF.contains(&pause))
                    .then_some(Tone::FaxCalling)
            }
            Kind::Answering => (length >= ANSWERING_ON).then_some(Tone::FaxAnswering),
            Kind::Line if length >= DIAL_ON => Some(Tone::Dial),
            Kind::Line => cadence(&self.bursts),
            Kind::Quiet | Kind::Other => None,
        }
    }
}

impl Default for Listener {
    fn default() -> Self {
        Self::new()
    }
}

/// What three bursts, each with the quiet after it, are.
fn cadence(bursts: &[Burst; BURSTS]) -> Option<Tone> {
    let short = |length: u32| (5..=20).contains(&length); // 0.2 to 0.8 s
    let alike = |a: u32, b: u32| a.abs_diff(b) <= 2;
    let [first, second, third] = *bursts;
    let even = |a: Burst, b: Burst| alike(a.on, b.on) && alike(a.off, b.off);
    if even(first, second) && even(second, third) && short(third.on) && short(third.off) {
        return Some(Tone::Busy);
    }
    let long_pause = |burst: Burst| (45..=160).contains(&burst.off); // 1.8 to 6.4 s
    let single = even(second, third) && (18..=65).contains(&third.on) && long_pause(third);
    let double =
        alike(second.on, third.on) && short(third.on) && second.off <= 7 && long_pause(third);
    (single || double && second.off > 0).then_some(Tone::RingBack)
}

/// How many bins lie in the band of the lines' tones.
const LINE: usize = 12;
/// Bins of the block, 25 Hz apart, so that what their sum leaves out is not a tone of the band.
const FREQUENCIES: [f64; 20] = [
    350.0, 375.0, 400.0, 425.0, 450.0, 475.0, 500.0, 525.0, 550.0, 575.0, 600.0,
    625.0, // lines
    1_050.0, 1_075.0, 1_100.0, 1_125.0, 1_150.0, // CNG, 1100 ± 38 Hz
    2_075.0, 2_100.0, 2_125.0, // CED, 2100 ± 15 Hz
];
/// 40 ms.
const BLOCK: usize = 320;
/// Of the milliwatt's power: -43 dBm0.
const QUIET: f32 = 0.000_05;
/// A tone's share of the energy.
const PURITY: f32 = 0.85;
/// What the longest pattern needs.
const BURSTS: usize = 3;
/// CNG lasts 0.5 s and its pause 3 s, 15 % more or less; and a look more or less.
const CALLING_ON: core::ops::RangeInclusive<u32> = 9..=16;
const CALLING_OFF: core::ops::RangeInclusive<u32> = 60..=95;
/// Of CED's 2.6 to 4 s.
const ANSWERING_ON: u32 = 30;
/// 7 s of quiet: longer than the pause of any pattern.
const FORGOTTEN: u32 = 175;
/// 4 s: longer than any ring.
const DIAL_ON: u32 = 100;

#[cfg(test)]
mod tests;
