//! What a network does to packets, and how that is written: `delay=40ms,jitter=20ms,loss=3%,burst=3,seed=7`.

use core::f64::consts::{PI, TAU};
use core::str::FromStr;
use std::time::Duration;

use super::chance::Chance;

/// The trouble of one way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spec {
    /// What every packet takes.
    pub delay: Duration,
    /// What it takes beyond that.
    pub jitter: Jitter,
    /// Packets overtake each other when their jitter says so; otherwise they queue, as they do in most networks.
    pub unordered: bool,
    /// What is lost.
    pub loss: Loss,
    /// Share of packets that come twice.
    pub duplicate: f64,
    /// Share of packets that are held back, so that others overtake them.
    pub reorder: f64,
    /// Bits a second that the bottleneck passes.
    pub rate: Option<u32>,
    /// How long a packet may wait before the bottleneck; a longer wait is a loss.
    pub queue: Duration,
    /// How often a NAT in the way gives the caller another port.
    pub rebind: Option<Duration>,
    /// Where chance begins.
    pub seed: u64,
}

/// How delay is spread. The time given is that which 95 of 100 packets do not exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jitter {
    /// None.
    None,
    /// Every delay up to a limit is as likely.
    Uniform(Duration),
    /// The upper half of a bell.
    Normal(Duration),
    /// Most are short, few are long.
    Exponential(Duration),
    /// Most are very short, some are very long, as on radio links.
    Pareto(Duration),
}

/// Losses by Gilbert and Elliott: chances from packet to packet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Loss {
    /// That bad times begin.
    pub begin: f64,
    /// That they end.
    pub end: f64,
    /// That a packet is lost in bad times.
    pub when_bad: f64,
    /// That a packet is lost in good times.
    pub when_good: f64,
}

impl Default for Spec {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            jitter: Jitter::None,
            unordered: false,
            loss: Loss::random(0.0),
            duplicate: 0.0,
            reorder: 0.0,
            rate: None,
            queue: Duration::from_millis(200),
            rebind: None,
            seed: 1,
        }
    }
}

impl Loss {
    /// Each packet for itself.
    #[must_use]
    pub const fn random(share: f64) -> Self {
        Self {
            begin: 0.0,
            end: 1.0,
            when_bad: 1.0,
            when_good: share,
        }
    }

    /// The same share in bursts of this mean length.
    #[must_use]
    pub fn bursts(share: f64, length: f64) -> Self {
        let end = 1.0 / length.max(1.0);
        let begin = (end * share / (1.0 - share).max(f64::EPSILON)).min(1.0);
        Self {
            begin,
            end,
            when_bad: 1.0,
            when_good: 0.0,
        }
    }
}

impl Jitter {
    /// A delay.
    pub(super) fn draw(self, chance: &mut Chance) -> Duration {
        let (one, other) = (chance.part(), chance.part());
        let (time, factor) = match self {
            Self::None => (Duration::ZERO, 0.0),
            Self::Uniform(time) => (time, one / 0.95),
            // Box and Muller; 95 of 100 are within 1.96 deviations.
            Self::Normal(time) => {
                let bell = (-2.0 * (1.0 - one).ln()).sqrt() * (TAU * other - PI).cos();
                (time, bell.abs() / 1.959_964)
            }
            Self::Exponential(time) => (time, (1.0 - one).ln() / 0.05_f64.ln()),
            Self::Pareto(time) => {
                let tail = |left: f64| left.powf(-1.0 / PARETO_SHAPE) - 1.0;
                (time, (tail(1.0 - one) / tail(0.05)).min(PARETO_MOST))
            }
        };
        time.mul_f64(factor.clamp(0.0, 100.0))
    }
}

/// A network that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrongSpec {
    /// No such word.
    #[error(
        "a network has no {0:?}; it has delay, jitter, unordered, loss, burst, gilbert, duplicate, reorder, rate, \
         queue, rebind and seed"
    )]
    Word(String),
    /// A value that is none.
    #[error("{word}={value} is no {what}")]
    Value {
        /// Of which word.
        word: String,
        /// As given.
        value: String,
        /// What it should be.
        what: &'static str,
    },
}

impl FromStr for Spec {
    type Err = WrongSpec;

    fn from_str(text: &str) -> Result<Self, WrongSpec> {
        let mut spec = Self::default();
        let (mut share, mut burst) = (0.0, None);
        for part in text.split(',').map(str::trim).filter(|it| !it.is_empty()) {
            let (word, value) = part.split_once('=').unwrap_or((part, ""));
            let wrong = |what| WrongSpec::Value {
                word: word.to_owned(),
                value: value.to_owned(),
                what,
            };
            let time = || time(value).ok_or_else(|| wrong("time, such as 40ms or 2s"));
            let share_of = || percent(value).ok_or_else(|| wrong("share, such as 3%"));
            match word {
                "delay" => spec.delay = time()?,
                "queue" => spec.queue = time()?,
                "rebind" => spec.rebind = Some(time()?),
                "jitter" => {
                    let what = "jitter, such as 20ms, uniform:20ms, normal:20ms or pareto:20ms";
                    spec.jitter = jitter(value).ok_or_else(|| wrong(what))?;
                }
                "unordered" if value.is_empty() => spec.unordered = true,
                "loss" => share = share_of()?,
                "duplicate" => spec.duplicate = share_of()?,
                "reorder" => spec.reorder = share_of()?,
                "burst" => {
                    let length = value.parse().ok().filter(|&it: &f64| it >= 1.0);
                    let length = length.filter(|it| it.is_finite());
                    burst = Some(length.ok_or_else(|| wrong("mean number of packets"))?);
                }
                "gilbert" => {
                    let what = "model, such as 1%:30% or 1%:30%:90%:0.1% \
                                (bad begins, ends, loss when bad, when good)";
                    spec.loss = gilbert(value).ok_or_else(|| wrong(what))?;
                }
                "rate" => {
                    let what = "rate in bit/s, such as 64k or 1M";
                    spec.rate = Some(rate(value).ok_or_else(|| wrong(what))?);
                }
                "seed" => spec.seed = value.parse().map_err(|_| wrong("whole number"))?,
                _ => return Err(WrongSpec::Word(word.to_owned())),
            }
        }
        if share > 0.0 {
            spec.loss = burst.map_or(Loss::random(share), |length| Loss::bursts(share, length));
        }
        Ok(spec)
    }
}

fn time(text: &str) -> Option<Duration> {
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 0.001),
        None => (text.strip_suffix('s')?, 1.0),
    };
    let seconds = number.trim().parse::<f64>().ok()? * unit;
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|time| *time <= LONGEST)
}

fn percent(text: &str) -> Option<f64> {
    let share = text.strip_suffix('%')?.trim().parse::<f64>().ok()? / 100.0;
    (0.0..=1.0).contains(&share).then_some(share)
}

fn jitter(text: &str) -> Option<Jitter> {
    let (kind, length) = text.split_once(':').unwrap_or(("exponential", text));
    let length = time(length)?;
    Some(match kind {
        "uniform" => Jitter::Uniform(length),
        "normal" => Jitter::Normal(length),
        "exponential" => Jitter::Exponential(length),
        "pareto" => Jitter::Pareto(length),
        _ => return None,
    })
}

fn gilbert(text: &str) -> Option<Loss> {
    let parts: Vec<Option<f64>> = text.split(':').map(percent).collect();
    let part = |at: usize, absent: f64| parts.get(at).copied().unwrap_or(Some(absent));
    let loss = Loss {
        begin: part(0, -1.0)?,
        end: part(1, -1.0)?,
        when_bad: part(2, 1.0)?,
        when_good: part(3, 0.0)?,
    };
    (loss.begin >= 0.0 && loss.end >= 0.0 && parts.len() <= 4).then_some(loss)
}

fn rate(text: &str) -> Option<u32> {
    let (number, factor) = match text.as_bytes().last()? {
        b'k' => (&text[..text.len() - 1], 1_000),
        b'M' => (&text[..text.len() - 1], 1_000_000),
        _ => (text, 1),
    };
    let rate = number.parse::<u32>().ok()?.checked_mul(factor)?;
    (rate > 0).then_some(rate)
}

/// Of a delay.
const LONGEST: Duration = Duration::from_secs(3_600);
/// Mean and spread are finite, long delays are not rare.
const PARETO_SHAPE: f64 = 2.5;
/// No delay is longer than so many times that which 95 of 100 do not exceed.
const PARETO_MOST: f64 = 10.0;
