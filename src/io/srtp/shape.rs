//! What a packet must look like before the library sees it: too short a one, or an odd header extension, makes it
//! panic or misread.

/// Bytes of an RTP header without sources and extension.
const RTP_HEADER: usize = 12;
/// Bytes of an RTCP header with the sender's source.
const RTCP_HEADER: usize = 8;
/// The encryption flag and the index of SRTCP (RFC 3711 §3.4).
const INDEX: usize = 4;
/// Header extensions of RFC 8285.
const ONE_BYTE: u16 = 0xBEDE;
const TWO_BYTES: u16 = 0x1000;

/// The source of an SRTP packet with a tag of this length.
pub(super) fn srtp_source(packet: &[u8], tag: usize) -> Option<u32> {
    let body = packet.len().checked_sub(tag)?;
    (header_length(packet)? <= body).then(|| word(packet, 8))?
}

pub(super) fn is_rtp(packet: &[u8]) -> bool {
    header_length(packet).is_some()
}

/// The source of an SRTCP packet, by the lengths of the tags before and after its index. One whose payload is not
/// encrypted was never agreed on, and the library would not authenticate it.
pub(super) fn srtcp_source(packet: &[u8], before: usize, after: usize) -> Option<u32> {
    let index = packet.len().checked_sub(INDEX + after)?;
    let whole = is_rtcp(packet) && index >= RTCP_HEADER + before;
    let encrypted = packet.get(index)? & 0x80 != 0;
    (whole && encrypted).then(|| word(packet, 4))?
}

pub(super) fn is_rtcp(packet: &[u8]) -> bool {
    packet.len() >= RTCP_HEADER && packet[0] >> 6 == 2
}

/// The length of an RTP header, if the library will take it for the same.
fn header_length(packet: &[u8]) -> Option<usize> {
    let first = *packet.first()?;
    let fixed = RTP_HEADER + 4 * usize::from(first & 0x0F);
    if first >> 6 != 2 || packet.len() < fixed {
        return None;
    }
    if first & 0x10 == 0 {
        return Some(fixed);
    }
    let head = word(packet, fixed)?;
    let (profile, words) = ((head >> 16) as u16, head & 0xFFFF);
    let end = fixed + 4 + 4 * usize::try_from(words).ok()?;
    let elements = packet.get(fixed + 4..end)?;
    fills(profile, elements).then_some(end)
}

/// Whether the elements of an extension fill it exactly.
fn fills(profile: u16, elements: &[u8]) -> bool {
    let mut rest = elements;
    while let [first, after @ ..] = rest {
        let length = match (profile, first) {
            (ONE_BYTE | TWO_BYTES, 0) => 0,
            (ONE_BYTE, 0xF0..) => return false, // the rest is to be skipped, and the library would count it as payload
            (ONE_BYTE, first) => usize::from(first & 0x0F) + 1,
            (TWO_BYTES, _) => match after.first() {
                Some(length) => usize::from(*length) + 1,
                None => return false,
            },
            _ => return true,
        };
        match after.get(length..) {
            Some(next) => rest = next,
            None => return false,
        }
    }
    true
}

fn word(packet: &[u8], at: usize) -> Option<u32> {
    packet
        .get(at..)?
        .first_chunk()
        .copied()
        .map(u32::from_be_bytes)
}
