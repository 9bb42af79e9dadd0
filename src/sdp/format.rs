//! RTP formats of an audio stream (RFC 3551 §6, RFC 4733 §7): what its payload types mean.

use super::{Attribute, Media};
use crate::audio::Codec;

/// What we say of ourselves to who sends us Opus (RFC 7587 §6.1): the ear has 16 kHz, a lost frame may be told by the
/// next packet, pauses need not be sent, and 32 kbit/s are plenty for speech in mono.
const OPUS: &str = "maxplaybackrate=16000;maxaveragebitrate=32000;useinbandfec=1;usedtx=1";
/// Packet duration where nothing is said (RFC 3551 §4.5).
const DEFAULT_PTIME_MS: u16 = 20;

/// What a payload type stands for, as far as it is of use here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Audio.
    Audio(Codec),
    /// Named telephone events, at this clock rate.
    TelephoneEvent(u32),
    /// Comfort noise (RFC 3389).
    ComfortNoise,
}

impl Format {
    fn from_rtpmap(encoding: &str) -> Option<Self> {
        let mut parts = encoding.split('/').map(str::trim);
        let name = parts.next()?.to_ascii_uppercase();
        let clock: u32 = parts.next()?.parse().ok()?;
        // Opus is always described with two channels, whatever is sent (RFC 7587 §7).
        let stereo = match parts.next() {
            None | Some("" | "1") => false,
            Some("2") => true,
            Some(_) => return None,
        };
        match (name.as_str(), clock, stereo) {
            ("PCMU", 8_000, false) => Some(Self::Audio(Codec::PCMU)),
            ("PCMA", 8_000, false) => Some(Self::Audio(Codec::PCMA)),
            ("G722", 8_000, false) => Some(Self::Audio(Codec::G722)),
            ("OPUS", 48_000, true) => Some(Self::Audio(Codec::Opus)),
            ("CN", 8_000, false) => Some(Self::ComfortNoise),
            ("TELEPHONE-EVENT", 8_000 | 48_000, false) => Some(Self::TelephoneEvent(clock)),
            _ => None,
        }
    }

    /// Payload types 0, 8, 9 and 13 need no `a=rtpmap` (RFC 3551 §6).
    fn assigned(payload_type: u8) -> Option<Self> {
        match payload_type {
            0 => Some(Self::Audio(Codec::PCMU)),
            8 => Some(Self::Audio(Codec::PCMA)),
            9 => Some(Self::Audio(Codec::G722)),
            13 => Some(Self::ComfortNoise),
            _ => None,
        }
    }

    /// The encoding in an `a=rtpmap`.
    fn encoding(self) -> String {
        let name = match self {
            Self::Audio(Codec::PCMU) => "PCMU/8000",
            Self::Audio(Codec::PCMA) => "PCMA/8000",
            Self::Audio(Codec::G722) => "G722/8000",
            Self::Audio(Codec::Opus) => "opus/48000/2",
            Self::ComfortNoise => "CN/8000",
            Self::TelephoneEvent(clock) => return format!("telephone-event/{clock}"),
        };
        name.to_owned()
    }

    /// The `a=rtpmap` that binds it to a payload type.
    pub(super) fn rtpmap(self, payload_type: u8) -> Attribute {
        Attribute::new("rtpmap", format!("{payload_type} {}", self.encoding()))
    }
}

/// The value of a codec's `a=fmtp`, if it has one.
pub(super) fn parameters(codec: Codec) -> Option<&'static str> {
    match codec {
        Codec::Opus => Some(OPUS),
        Codec::G711(_) | Codec::G722 => None,
    }
}

impl Media {
    /// The payload types that mean something here, in the order of preference.
    pub(super) fn audio_formats(&self) -> impl Iterator<Item = (u8, Format)> {
        self.formats.iter().filter_map(|text| {
            let payload_type = text.parse().ok().filter(|&number: &u8| number < 128)?;
            let format = match self.of_format("rtpmap", payload_type) {
                Some(encoding) => Format::from_rtpmap(encoding),
                None => Format::assigned(payload_type),
            };
            Some((payload_type, format?))
        })
    }

    /// The payload type of a format.
    pub(super) fn payload_type(&self, wanted: Format) -> Option<u8> {
        let mut formats = self.audio_formats();
        formats.find_map(|(number, format)| (format == wanted).then_some(number))
    }

    /// The payload type and clock of the telephone events that go with a codec: those of its own clock (RFC 4733
    /// §2.1), or at 8000, which is all that some peers offer beside Opus.
    pub(super) fn telephone_event(&self, codec: Codec) -> Option<(u8, u32)> {
        let at = |clock| Some((self.payload_type(Format::TelephoneEvent(clock))?, clock));
        at(codec.clock_rate()).or_else(|| at(8_000))
    }

    /// The payload type of the comfort noise that goes with a codec: of the one clock it has, and not with Opus, which
    /// has its own (RFC 3389 §4).
    pub(super) fn comfort_noise(&self, codec: Codec) -> Option<u8> {
        let fits = codec != Codec::Opus;
        fits.then(|| self.payload_type(Format::ComfortNoise))?
    }

    /// The value of an attribute that begins with a payload type (`a=rtpmap:`, `a=fmtp:`).
    pub(super) fn of_format(&self, name: &str, payload_type: u8) -> Option<&str> {
        let named = |attribute: &&Attribute| attribute.name.eq_ignore_ascii_case(name);
        let mut values = self.attributes.iter().filter(named);
        values.find_map(|attribute| {
            let (number, rest) = attribute.value.as_deref()?.split_once([' ', '\t'])?;
            (number.parse() == Ok(payload_type)).then_some(rest.trim())
        })
    }

    /// The packet duration to send this side: what it asks for, within its `a=maxptime`, 10 to 60 ms in steps
    /// of 10. Opus has one duration, whatever is asked (RFC 7587 §7: a wish).
    pub(super) fn packet_ms(&self, codec: Codec) -> u16 {
        if codec == Codec::Opus {
            return DEFAULT_PTIME_MS;
        }
        let number = |name| self.attribute(name)?.trim().parse::<f32>().ok();
        let wanted = number("ptime").filter(|&ms| ms >= 1.0);
        let longest = number("maxptime").filter(|&ms| ms >= 1.0);
        let wanted = wanted.unwrap_or(f32::from(DEFAULT_PTIME_MS));
        let wanted = wanted.min(longest.unwrap_or(f32::INFINITY));
        let tens = (1..=6_u16).rev().map(|tens| tens * 10);
        let mut fitting = tens.filter(|&ms| f32::from(ms) <= wanted);
        fitting.next().unwrap_or(10)
    }
}
