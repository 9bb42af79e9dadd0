//! From the wire's codec to linear samples.

use ezk_g722::libg722::{Bitrate, decoder::Decoder as G722};

use crate::audio::plc::Concealer;
use crate::audio::resample::Resampler;
use crate::audio::speech_format::WIDEBAND_RATE;
use crate::audio::{Codec, Law, SAMPLE_RATE};
use crate::io::rings::Item;

/// The longest packet of Opus sounds 120 ms (RFC 6716 §3.2.5).
const LONGEST_PACKETS: usize = 6;
/// A packet of at most this length is only a sign of life in discontinuous transmission (RFC 7587 §3.1.3).
const DTX: usize = 2;

/// One direction of a call, decoded to linear samples at a rate that its owner wants.
pub struct Decoder {
    kind: Kind,
    rate: u32,
    /// Between the codec's rate and the wanted one, where they differ.
    resampler: Option<Resampler>,
    undecodable: u64,
}

enum Kind {
    G711(Law),
    G722 {
        decoder: Box<G722>,
        concealer: Box<Concealer>,
    },
    Opus(OpusState),
}

struct OpusState {
    decoder: opus::Decoder,
    /// A frame was lost that the next packet may tell of.
    owed: bool,
    /// The far end pauses, and its last packet said so.
    pausing: bool,
}

impl Decoder {
    /// A decoder of this codec. Opus decodes to any of its own rates itself; what it does not have, and others,
    /// are resampled.
    ///
    /// # Errors
    /// When the codec cannot be made.
    pub fn new(codec: Codec, rate: u32) -> Result<Self, String> {
        let kind = match codec {
            Codec::G711(law) => Kind::G711(law),
            Codec::G722 => Kind::G722 {
                decoder: Box::new(G722::new(Bitrate::Mode1_64000, false, false)),
                concealer: Box::new(Concealer::new(WIDEBAND_RATE)),
            },
            Codec::Opus => Kind::Opus(OpusState {
                decoder: opus::Decoder::new(rate, opus::Channels::Mono)
                    .map_err(|error| error.to_string())?,
                owed: false,
                pausing: false,
            }),
        };
        let native = match codec {
            Codec::G711(_) => SAMPLE_RATE,
            Codec::G722 => WIDEBAND_RATE,
            Codec::Opus => rate,
        };
        let resampler = (native != rate)
            .then(|| Resampler::new(native, rate))
            .transpose()
            .map_err(|odd| odd.to_string())?;
        Ok(Self {
            kind,
            rate,
            resampler,
            undecodable: 0,
        })
    }

    /// Appends what an item sounds like. What Opus has lost sounds when the next packet is there, which may tell it.
    pub fn decode(&mut self, item: Item<'_>, samples: &mut Vec<i16>) {
        let Some(resampler) = &mut self.resampler else {
            self.kind
                .decode(item, self.rate, &mut self.undecodable, samples);
            return;
        };
        let mut native = Vec::new();
        self.kind
            .decode(item, self.rate, &mut self.undecodable, &mut native);
        resampler.process(&native, samples);
    }

    /// Packets that could not be decoded.
    #[must_use]
    pub fn undecodable(&self) -> u64 {
        self.undecodable
    }
}

impl Kind {
    fn decode(&mut self, item: Item<'_>, rate: u32, undecodable: &mut u64, samples: &mut Vec<i16>) {
        match (self, item) {
            (Self::G711(law), Item::Heard(packet)) => {
                samples.extend(packet.iter().map(|code| law.decode(*code)));
            }
            (Self::G711(_), Item::Lost | Item::Silence) => silence(SAMPLE_RATE, samples),
            (Self::G722 { decoder, concealer }, Item::Heard(packet)) => {
                let mut frame = decoder.decode(packet);
                concealer.heard(&mut frame);
                samples.append(&mut frame);
            }
            (Self::G722 { concealer, .. }, Item::Lost) => {
                let mut frame = [0; WIDEBAND_RATE as usize / 50];
                concealer.conceal(&mut frame);
                samples.extend_from_slice(&frame);
            }
            (Self::G722 { concealer, .. }, Item::Silence) => {
                concealer.reset();
                silence(WIDEBAND_RATE, samples);
            }
            (Self::Opus(state), item) => {
                if state.decode(item, rate, samples).is_err() {
                    *undecodable += 1;
                    silence(rate, samples);
                }
            }
        }
    }
}

impl OpusState {
    fn decode(&mut self, item: Item<'_>, rate: u32, samples: &mut Vec<i16>) -> opus::Result<()> {
        let frame = rate as usize / 50;
        match item {
            Item::Heard(packet) => {
                if core::mem::take(&mut self.owed) {
                    self.append(packet, frame, true, samples)?;
                }
                self.pausing = packet.len() <= DTX;
                self.append(packet, LONGEST_PACKETS * frame, false, samples)
            }
            Item::Lost => match core::mem::replace(&mut self.owed, true) {
                true => self.append(&[], frame, false, samples),
                false => Ok(()),
            },
            Item::Silence => {
                if core::mem::take(&mut self.owed) {
                    self.append(&[], frame, false, samples)?;
                }
                if self.pausing {
                    return self.append(&[], frame, false, samples);
                }
                silence(rate, samples);
                Ok(())
            }
        }
    }

    /// Appends at most `room` samples of a packet: what it says, or (`earlier`) what it tells of the one before.
    /// Without a packet they are made up.
    fn append(
        &mut self,
        packet: &[u8],
        room: usize,
        earlier: bool,
        samples: &mut Vec<i16>,
    ) -> opus::Result<()> {
        let start = samples.len();
        samples.resize(start + room, 0);
        let decoded = self.decoder.decode(packet, &mut samples[start..], earlier);
        samples.truncate(start + decoded.as_ref().copied().unwrap_or(0));
        decoded.map(|_| ())
    }
}

fn silence(rate: u32, samples: &mut Vec<i16>) {
    samples.resize(samples.len() + rate as usize / 50, 0);
}
