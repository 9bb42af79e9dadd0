//! Two legs in different codecs: what one hears is decoded and encoded for the other.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::{Decoder, Encoder, Place, Transcoder};
use crate::audio::speech_format::WIDEBAND_RATE;
use crate::audio::{Codec, SAMPLE_RATE};
use crate::io::rings::{Frame, Item, RelayEnd, relay};

/// How often the rings are looked into: half a frame, so that it adds no more than that.
const STEP: Duration = Duration::from_millis(10);

/// One direction: its decoder and encoder are here, or with the pool.
struct Way {
    codecs: [Codec; 2],
    place: Place,
    complexity: u8,
    machines: Option<(Decoder, Encoder)>,
}

/// Two ends for legs in these codecs. Where the codecs are one the ends are joined as they are; else a task stands
/// between them until both are dropped. Must be called within a tokio runtime.
///
/// # Errors
/// When a codec cannot be made.
pub fn bridge(transcoder: &Transcoder, codecs: [Codec; 2]) -> Result<(RelayEnd, RelayEnd), String> {
    let [one, other] = codecs;
    if one == other || (one.law().is_some() && other.law().is_some()) {
        return Ok(relay());
    }
    let (near_one, mut far_one) = relay();
    let (near_other, mut far_other) = relay();
    let mut there = Way::new(transcoder, [one, other])?;
    let mut back = Way::new(transcoder, [other, one])?;
    tokio::spawn(async move {
        let mut step = interval(STEP);
        step.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while far_one.is_joined() && far_other.is_joined() {
            step.tick().await;
            there.carry(&mut far_one, &mut far_other).await;
            back.carry(&mut far_other, &mut far_one).await;
        }
    });
    Ok((near_one, near_other))
}

impl Way {
    fn new(transcoder: &Transcoder, codecs: [Codec; 2]) -> Result<Self, String> {
        let complexity = transcoder.settings().complexity;
        Ok(Self {
            codecs,
            place: transcoder.place(),
            complexity,
            machines: Some(machines(codecs, complexity)?),
        })
    }

    /// Carries what one has said to the other.
    async fn carry(&mut self, from: &mut RelayEnd, to: &mut RelayEnd) {
        let mut said: Vec<Frame> = Vec::new();
        let mut keys = Vec::new();
        while let Some((codec, frame)) = from.take(|key| keys.push(key)) {
            if codec == self.codecs[0] {
                said.push(frame);
            }
        }
        for key in keys {
            to.press(key);
        }
        if said.is_empty() {
            return;
        }
        let machines = self.machines.take();
        let Some(machines) = machines.or_else(|| machines_of(self)) else {
            return;
        };
        let answer = self.place.give(move || transcoded(machines, &said)).await;
        if let Ok((machines, frames)) = answer.await {
            self.machines = Some(machines);
            for frame in frames {
                to.say(self.codecs[1], frame.bytes());
            }
        }
    }
}

fn machines_of(way: &Way) -> Option<(Decoder, Encoder)> {
    machines(way.codecs, way.complexity).ok()
}

/// G.722 has one rate, the others work at that of the telephone.
fn machines([from, to]: [Codec; 2], complexity: u8) -> Result<(Decoder, Encoder), String> {
    let rate = match [from, to].contains(&Codec::G722) {
        true => WIDEBAND_RATE,
        false => SAMPLE_RATE,
    };
    Ok((
        Decoder::new(from, rate)?,
        Encoder::new(to, rate, complexity)?,
    ))
}

fn transcoded(
    (mut decoder, mut encoder): (Decoder, Encoder),
    said: &[Frame],
) -> ((Decoder, Encoder), Vec<Frame>) {
    let mut samples = Vec::new();
    for frame in said {
        let item = match frame.bytes() {
            [] => Item::Lost,
            packet => Item::Heard(packet),
        };
        decoder.decode(item, &mut samples);
    }
    let mut frames = Vec::new();
    encoder.encode(&samples, |frame| frames.push(Frame::new(frame)));
    ((decoder, encoder), frames)
}
