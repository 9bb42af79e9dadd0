//! The offer/answer model (RFC 3264) for one audio stream over RTP/AVP.

use core::net::SocketAddr;

use super::format::Format;
use super::{
    Attribute, Connection, Direction, Local, Media, Negotiated, Origin, SessionDescription,
};
use crate::audio::Law;

#[cfg(test)]
mod tests;

/// The payload type that our offers give to telephone events; 101 is what most of the field uses.
const TELEPHONE_EVENT: u8 = 101;
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
    /// Audio only over a profile that is not spoken here (such as `RTP/SAVP`).
    #[error("audio only over {0}")]
    Profile(String),
    /// Audio, but none of our codecs.
    #[error("no common codec among {0}")]
    Codec(String),
}

/// Answers an offer, the first or a later one. The first audio stream with a common codec is taken, with its first
/// such codec alone and with telephone events if offered; every other stream is refused in its place.
///
/// # Errors
/// Nothing to take.
pub fn answer(
    offer: &SessionDescription,
    local: &Local,
) -> Result<(SessionDescription, Negotiated), NoCommonCodec> {
    let (index, payload_type, law) = choose(offer, &local.codecs)?;
    let offered = &offer.media[index];
    let event = offered.payload_type(Format::TelephoneEvent);
    let negotiated = Negotiated {
        law,
        send_payload_type: payload_type,
        receive_payload_type: payload_type,
        telephone_event: event.map(|number| (number, number)),
        ptime_ms: offered.packet_ms(),
        remote: remote(offer, offered),
        remote_rtcp: remote_rtcp(offer, offered),
        direction: our_direction(offer, offered),
        crypto: None,
    };
    let mut formats = vec![(payload_type, Format::Audio(law))];
    formats.extend(event.map(|number| (number, Format::TelephoneEvent)));
    let events = match event.and_then(|number| offered.of_format("fmtp", number)) {
        Some(DTMF_AND_FLASH) => DTMF_AND_FLASH,
        _ => DTMF,
    };
    let mut ours = audio(local, &formats, events, negotiated.ptime_ms);
    ours.protocol.clone_from(&offered.protocol);
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
        .map(|&law| (assigned(law), Format::Audio(law)));
    let formats: Vec<_> = codecs
        .chain([(TELEPHONE_EVENT, Format::TelephoneEvent)])
        .collect();
    let mut ours = audio(local, &formats, DTMF_AND_FLASH, 20);
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
    if !is_plain_rtp(&theirs.protocol) {
        return Err(NoCommonCodec::Profile(theirs.protocol.clone()));
    }
    let (law, send, receive) = theirs
        .audio_formats()
        .find_map(|(number, format)| match format {
            Format::Audio(law) => Some((law, number, ours.payload_type(format)?)),
            Format::TelephoneEvent => None,
        })
        .ok_or_else(|| NoCommonCodec::Codec(names(theirs)))?;
    let event = |media: &Media| media.payload_type(Format::TelephoneEvent);
    Ok(Negotiated {
        law,
        send_payload_type: send,
        receive_payload_type: receive,
        telephone_event: event(theirs).zip(event(ours)),
        ptime_ms: theirs.packet_ms(),
        remote: remote(answer, theirs),
        remote_rtcp: remote_rtcp(answer, theirs),
        direction: our_direction(answer, theirs).within(offer.direction_of(ours)),
        crypto: None,
    })
}

/// The stream, payload type and codec to take of an offer.
fn choose(offer: &SessionDescription, codecs: &[Law]) -> Result<(usize, u8, Law), NoCommonCodec> {
    let mut refusal = NoCommonCodec::NoAudio;
    for (index, media) in offer.media.iter().enumerate() {
        if !is_audio(media) {
            continue;
        }
        if !is_plain_rtp(&media.protocol) {
            refusal = NoCommonCodec::Profile(media.protocol.clone());
            continue;
        }
        let chosen = media
            .audio_formats()
            .find_map(|(number, format)| match format {
                Format::Audio(law) if codecs.contains(&law) => Some((number, law)),
                _ => None,
            });
        if let Some((payload_type, law)) = chosen {
            return Ok((index, payload_type, law));
        }
        refusal = NoCommonCodec::Codec(names(media));
    }
    Err(refusal)
}

fn is_audio(media: &Media) -> bool {
    media.kind.eq_ignore_ascii_case("audio") && media.port != 0
}

/// `RTP/AVP`, or `RTP/AVPF` whose feedback we need not send.
fn is_plain_rtp(protocol: &str) -> bool {
    ["RTP/AVP", "RTP/AVPF"]
        .iter()
        .any(|plain| protocol.eq_ignore_ascii_case(plain))
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
    for &(number, format) in formats {
        attributes.push(format.rtpmap(number));
        if format == Format::TelephoneEvent {
            attributes.push(Attribute::new("fmtp", format!("{number} {events}")));
        }
    }
    attributes.push(Attribute::new("ptime", ptime_ms.to_string()));
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

fn assigned(law: Law) -> u8 {
    match law {
        Law::Mu => 0,
        Law::A => 8,
    }
}
