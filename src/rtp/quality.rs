//! How a call sounds, by the E-model (ITU-T G.107): a number R out of what was lost, how it was lost, and how long
//! it took; and the mean opinion score (MOS) that goes with it.
//!
//! All that depends on the telephones themselves (levels, side tone, room noise) has G.107's default value, with
//! which an undisturbed call has R = 93.2 and MOS 4.41.

use std::time::Duration;

use crate::audio::Codec;

/// One direction of a call, as far as it bears on how it sounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Path {
    /// What the speech is coded with.
    pub codec: Codec,
    /// Packets lost, or too late to be heard, as a share of all.
    pub loss: f64,
    /// How much longer the losses are than if each packet were lost for itself; 1 is that.
    pub burst_ratio: f64,
    /// From mouth to ear.
    pub delay: Duration,
}

/// A verdict.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quality {
    /// The transmission rating, 0 to 100.
    pub r: f64,
    /// The mean opinion score, 1 to 4.5: of a conversation, so that delay counts.
    pub mos: f64,
    /// The same for somebody who only listens.
    pub listening_mos: f64,
}

impl Path {
    /// How it sounds.
    #[must_use]
    pub fn quality(&self) -> Quality {
        let listening = UNDISTURBED - self.equipment_impairment();
        let delay = self.delay.as_secs_f64() * 1_000.0;
        let r = (listening - delay_impairment(delay)).clamp(0.0, 100.0);
        let undelayed = (listening - delay_impairment(0.0)).clamp(0.0, 100.0);
        Quality {
            r,
            mos: mos(r),
            listening_mos: mos(undelayed),
        }
    }

    /// Ie,eff (G.107 §7.5): the codec, and the packets that did not come.
    fn equipment_impairment(&self) -> f64 {
        let Equipment { ie, bpl } = equipment(self.codec);
        let lost = 100.0 * self.loss.clamp(0.0, 1.0);
        ie + (95.0 - ie) * lost / (lost / self.burst_ratio.max(1.0) + bpl)
    }
}

/// How much longer losses last than if each packet were lost for itself (G.107 §7.5), from their mean length.
#[must_use]
pub fn burst_ratio(mean_length: f64, loss: f64) -> f64 {
    (mean_length * (1.0 - loss.clamp(0.0, 1.0))).max(1.0)
}

/// MOS of a rating (G.107 Annex B).
#[must_use]
pub fn mos(r: f64) -> f64 {
    let r = r.clamp(0.0, 100.0);
    (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6).clamp(1.0, 4.5)
}

struct Equipment {
    ie: f64,
    bpl: f64,
}

/// G.113 Appendix I: what a codec costs, and how well it bears losses, with concealment. For G.722 and Opus there are
/// no values on this scale, which ends at telephone quality: they are taken as costing nothing undisturbed; G.722
/// loses its predictor with a packet, so it bears half as much.
fn equipment(codec: Codec) -> Equipment {
    match codec {
        Codec::G711(_) | Codec::Opus => Equipment { ie: 0.0, bpl: 25.1 },
        Codec::G722 => Equipment { ie: 0.0, bpl: 12.5 },
    }
}

/// Id (G.107 §7.4) for a one-way delay in milliseconds: echo at the talker (TELR 65 dB) and the listener (WEPL
/// 110 dB), and the wait itself.
fn delay_impairment(delay: f64) -> f64 {
    let terv = 65.0 - 40.0 * ((1.0 + delay / 10.0) / (1.0 + delay / 150.0)).log10()
        + 6.0 * (-0.3 * delay * delay).exp();
    let difference = (BASIC_RATIO - (80.0 + 2.5 * (terv - 14.0))) / 2.0;
    let talker = (difference + difference.hypot(10.0) - 1.0) * (1.0 - (-delay).exp());
    let difference = (BASIC_RATIO - 10.5 * 117.0 * (2.0 * delay + 1.0).powf(-0.25)) / 2.0;
    let listener = difference + difference.hypot(13.0);
    talker.max(0.0) + listener + absolute_delay(delay)
}

/// Idd: the wait spoils a conversation from 100 ms on.
fn absolute_delay(delay: f64) -> f64 {
    if delay <= 100.0 {
        return 0.0;
    }
    let x = (delay / 100.0).log2();
    let root = |value: f64| (1.0 + value.powi(6)).powf(1.0 / 6.0);
    25.0 * (root(x) - 3.0 * root(x / 3.0) + 2.0)
}

/// Ro with default values.
const BASIC_RATIO: f64 = 94.77;
/// Ro less Is with default values.
const UNDISTURBED: f64 = BASIC_RATIO - 1.41;

#[cfg(test)]
mod tests;
