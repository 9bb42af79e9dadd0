//! The offer/answer model (RFC 3264) for one audio stream over RTP/AVP, or over RTP/SAVP with keys (RFC 4568).

use core::net::{IpAddr, SocketAddr};

use super::crypto::line::Line;
use super::format::{self, Format};
use super::{
    Attribute, Connection, Direction, Local, Media, Negotiated, Origin, SessionDescription,
};
use crate::audio::Codec;

#[cfg(test)]
mod tests;

/// The payload types that our offers give to telephone events, at 8000 and at 48000; 101 is what most of the field
/// uses.
const TELEPHONE_EVENT: u8 = 101;
const TELEPHONE_EVENT_48000: u8 = 102;
/// The payload type that our offers give to Opus.
const OPUS: u8 = 111;
/// Opus may come in packets of more than 20 ms, and in 120 ms with nothing said.
const MAX_PTIME_MS: &str = "60";
/// Digits, `*`, `#` and A to D (RFC 4733 §3.2).
const DTMF: &str = "0-15";
/// The same with the hook flash.
const DTMF_AND_FLASH: &str = "0-16";

/// Nothing in the other side's description can be taken: refuse with 488.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoCommonCodec {
    /// No audio stream, or only refused ones.
    #[error("no audio stream")]
    NoAudio,
    /// Audio only over a profile that is not spoken here (such as `RTP/SAVP` on a line without encryption).
    #[error("audio only over {0}")]
    Profile(String),
    /// Audio only with keys by DTLS.
    #[error(
        "audio only over {0}, whose keys come by DTLS; a=crypto (RFC 4568) is what is spoken here"
    )]
    Dtls(String),
    /// Audio only in the clear, where encryption is required.
    #[error("audio without encryption, which is required here")]
    Unencrypted,
    /// Encrypted, but no line with a key can be used; the suites of all.
    #[error("no usable a=crypto line among {0}")]
    Keys(String),
    /// Audio, but none of our codecs.
    #[error("no common codec among {0}")]
    Codec(String),
}

/// Answers an offer, the first or a later one. The first audio stream with a common codec is taken, with one
/// codec alone and with telephone events if offered; every other stream is refused in its place. The codec is the
/// first in our own order that is offered; which law of G.711 is left to the offer (RFC 3264 §6.1), for neither of
/// us can hear the difference.
///
/// # Errors
/// Nothing to take.
pub fn answer(
    offer: &SessionDescription,
    local: &Local,
) -> Result<(SessionDescription, Negotiated), NoCommonCodec> {
    let (index, payload_type, codec) = choose(offer, local)?;
    let offered = &offer.media[index];
    let theirs = offered.security(local.srtp.policy)?;
    let line = theirs.as_ref().map(|theirs| {
        let (suite, key) = theirs.suite_and_key();
        theirs.answered_with(local.srtp.answering_key(suite, key))
    });
    let event = offered.telephone_event(codec);
    let noise = offered.comfort_noise(codec);
    let negotiated = Negotiated {
        codec,
        send_payload_type: payload_type,
        receive_payload_type: payload_type,
        telephone_event: event.map(|(number, _)| (number, number)),
        comfort_noise: noise.map(|number| (number, number)),
        ptime_ms: offered.packet_ms(codec),
        remote: remote(offer, offered),
        remote_rtcp: remote_rtcp(offer, offered),
        rtcp_mux: offered.shares_port(),
        voip_metrics: offered.wants_metrics(),
        direction: our_direction(offer, offered),
        crypto: line
            .as_ref()
            .zip(theirs.as_ref())
            .and_then(|(ours, theirs)| Line::agreed(ours, theirs)),
    };
    let mut formats = vec![(payload_type, Format::Audio(codec))];
    formats.extend(event.map(|(number, clock)| (number, Format::TelephoneEvent(clock))));
    formats.extend(noise.map(|number| (number, Format::ComfortNoise)));
    let events = match event.and_then(|(number, _)| offered.of_format("fmtp", number)) {
        Some(DTMF_AND_FLASH) => DTMF_AND_FLASH,
        _ => DTMF,
    };
    let mut ours = audio(local, &formats, events, negotiated.ptime_ms);
    ours.protocol.clone_from(&offered.protocol);
    ours.attributes.extend(line.as_ref().map(Line::attribute));
    ours.answer_control(offered);
    ours.attributes
        .push(Attribute::flag(negotiated.direction.as_str()));
    let mut description = describe(local);
    description.media = offer.media.iter().map(Media::refused).collect();
    description.media[index] = ours;
    Ok((description, negotiated))
}

/// Our offer: every codec of ours and telephone events, both ways.
#[must_use]
pub fn offer(local: &Local) -> SessionDescription {
    let codecs = local
        .codecs
        .iter()
        .map(|&codec| (assigned(codec), Format::Audio(codec)));
    let clock = |rate: u32| local.codecs.iter().any(|codec| codec.clock_rate() == rate);
    let events = [(TELEPHONE_EVENT, 8_000), (TELEPHONE_EVENT_48000, 48_000)];
    let events = events.into_iter().filter(|(_, rate)| clock(*rate));
    let events = events.map(|(number, rate)| (number, Format::TelephoneEvent(rate)));
    let formats: Vec<_> = codecs.chain(events).collect();
    let mut ours = audio(local, &formats, DTMF_AND_FLASH, 20);
    if let Some(profile) = local.srtp.offered_profile() {
        profile.clone_into(&mut ours.protocol);
        let keys = (1..).zip(local.srtp.offered_keys());
        let lines = keys.map(|(tag, (suite, key))| Line::new(tag, suite, key));
        ours.attributes.extend(lines.map(|line| line.attribute()));
    }
    ours.offer_control();
    ours.attributes
        .push(Attribute::flag(Direction::SendRecv.as_str()));
    let mut description = describe(local);
    description.media.push(ours);
    description
}

/// What an answer to our offer means. Each side sends with the other's payload types (RFC 3264 §5.1, §6.1).
///
/// # Errors
/// The answer refuses our audio stream, or takes none of our codecs.
pub fn conclude(
    offer: &SessionDescription,
    answer: &SessionDescription,
) -> Result<Negotiated, NoCommonCodec> {
    let live = |media: &&Media| is_audio(media);
    let (ours, theirs) = offer
        .media
        .iter()
        .zip(&answer.media)
        .find(|(ours, theirs)| live(ours) && live(theirs))
        .ok_or(NoCommonCodec::NoAudio)?;
    let crypto = ours.concluded(theirs)?;
    let (codec, send, receive) = theirs
        .audio_formats()
        .find_map(|(number, format)| match format {
            Format::Audio(codec) => Some((codec, number, ours.payload_type(format)?)),
            Format::TelephoneEvent(_) | Format::ComfortNoise => None,
        })
        .ok_or_else(|| NoCommonCodec::Codec(names(theirs)))?;
    let event = theirs.telephone_event(codec).and_then(|(send, clock)| {
        let receive = ours.payload_type(Format::TelephoneEvent(clock))?;
        Some((send, receive))
    });
    Ok(Negotiated {
        codec,
        send_payload_type: send,
        receive_payload_type: receive,
        telephone_event: event,
        comfort_noise: theirs.comfort_noise(codec).zip(ours.comfort_noise(codec)),
        ptime_ms: theirs.packet_ms(codec),
        remote: remote(answer, theirs),
        remote_rtcp: remote_rtcp(answer, theirs),
        rtcp_mux: ours.shares_port() && theirs.shares_port(),
        voip_metrics: theirs.wants_metrics(),
        direction: our_direction(answer, theirs).within(offer.direction_of(ours)),
        crypto,
    })
}

/// The stream, payload type and codec to take of an offer.
fn choose(offer: &SessionDescription, local: &Local) -> Result<(usize, u8, Codec), NoCommonCodec> {
    let mut refusal = NoCommonCodec::NoAudio;
    let is_far = |media: &Media| {
        let address = remote(offer, media);
        address.is_some_and(|it| !is_near(it.ip(), local.address))
    };
    let mut streams: Vec<_> = offer.media.iter().enumerate().collect();
    streams.sort_by_key(|(_, media)| is_far(media)); // stable: otherwise in their order
    for (index, media) in streams {
        if !is_audio(media) {
            continue;
        }
        if let Err(insecure) = media.security(local.srtp.policy) {
            refusal = insecure;
            continue;
        }
        let common = media
            .audio_formats()
            .filter_map(|(number, format)| match format {
                Format::Audio(codec) => Some((local.rank(codec)?, number, codec)),
                Format::TelephoneEvent(_) | Format::ComfortNoise => None,
            });
        let chosen = common.min_by_key(|(rank, ..)| *rank); // the first of equals
        if let Some((_, payload_type, codec)) = chosen {
            return Ok((index, payload_type, codec));
        }
        refusal = NoCommonCodec::Codec(names(media));
    }
    Err(refusal)
}

/// The addresses at which a description wants audio, most liked first; none for a stream on hold or at a named host.
pub fn audio_addresses(description: &SessionDescription) -> impl Iterator<Item = IpAddr> {
    let streams = description.media.iter().filter(|media| is_audio(media));
    streams.filter_map(|media| remote(description, media).map(|remote| remote.ip()))
}

/// Whether a socket at `own` can send there. A telephone with both families may name one for audio and call over the
/// other: the source of its packets then shows where to send.
fn is_near(address: IpAddr, own: IpAddr) -> bool {
    address.is_ipv4() == own.is_ipv4()
}

fn is_audio(media: &Media) -> bool {
    media.kind.eq_ignore_ascii_case("audio") && media.port != 0
}

/// The first formats of a stream in words, for the refusal's log line.
fn names(media: &Media) -> String {
    let names = media.formats.iter().take(16).map(|format| {
        let encoding = format
            .parse()
            .ok()
            .and_then(|number| media.of_format("rtpmap", number));
        encoding.unwrap_or(format)
    });
    names.collect::<Vec<_>>().join(", ")
}

/// Where the other side takes RTP.
fn remote(theirs: &SessionDescription, media: &Media) -> Option<SocketAddr> {
    match theirs.connection_of(media)? {
        Connection::Ip(address) if !address.is_unspecified() => {
            Some(SocketAddr::new(*address, media.port))
        }
        _ => None,
    }
}

/// Where the other side takes RTCP: one port above, or where `a=rtcp` says (RFC 3605).
fn remote_rtcp(theirs: &SessionDescription, media: &Media) -> Option<SocketAddr> {
    let rtp = remote(theirs, media)?;
    let Some(stated) = media.attribute("rtcp") else {
        return Some(SocketAddr::new(rtp.ip(), rtp.port().checked_add(1)?));
    };
    let mut words = stated.split_whitespace();
    let port = words.next()?.parse().ok().filter(|&port: &u16| port != 0)?;
    let address = words.nth(2).and_then(|address| address.parse().ok());
    Some(SocketAddr::new(address.unwrap_or(rtp.ip()), port))
}

/// Our direction by the other side's description. Holding with 0.0.0.0 (RFC 2543) leaves nowhere to send to.
fn our_direction(theirs: &SessionDescription, media: &Media) -> Direction {
    let direction = theirs.direction_of(media).reversed();
    match theirs.connection_of(media) {
        Some(Connection::Ip(address)) if address.is_unspecified() => {
            direction.within(Direction::RecvOnly)
        }
        _ => direction,
    }
}

/// A description of ours without streams.
fn describe(local: &Local) -> SessionDescription {
    let address = Connection::Ip(local.address);
    SessionDescription {
        origin: Origin {
            username: "-".to_owned(),
            session_id: local.session_id.to_string(),
            version: "1".to_owned(),
            address: address.clone(),
        },
        connection: Some(address),
        ..SessionDescription::default()
    }
}

/// An audio stream of ours, still without direction.
fn audio(local: &Local, formats: &[(u8, Format)], events: &str, ptime_ms: u16) -> Media {
    let mut attributes = Vec::new();
    // Once: those at a second clock are the usual ones (RFC 4733 §2.4.1), and an offer shall fit a datagram.
    let mut events = Some(events);
    for &(number, format) in formats {
        attributes.push(format.rtpmap(number));
        let parameters = match format {
            Format::TelephoneEvent(_) => events.take(),
            Format::Audio(codec) => format::parameters(codec),
            Format::ComfortNoise => None,
        };
        if let Some(parameters) = parameters {
            attributes.push(Attribute::new("fmtp", format!("{number} {parameters}")));
        }
    }
    attributes.push(Attribute::new("ptime", ptime_ms.to_string()));
    if formats
        .iter()
        .any(|(_, format)| *format == Format::Audio(Codec::Opus))
    {
        attributes.push(Attribute::new("maxptime", MAX_PTIME_MS));
    }
    Media {
        kind: "audio".to_owned(),
        port: local.port,
        protocol: "RTP/AVP".to_owned(),
        formats: formats
            .iter()
            .map(|(number, _)| number.to_string())
            .collect(),
        connection: None,
        attributes,
    }
}

fn assigned(codec: Codec) -> u8 {
    match codec {
        Codec::PCMU => 0,
        Codec::PCMA => 8,
        Codec::G722 => 9,
        Codec::Opus => OPUS,
    }
}
