//! STUN binding requests and their answers (RFC 8489): asks a server which address it sees us at.
//!
//! Only what a client on the SIP port needs (RFC 5626 §3.5.2): no authentication, no server role.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bytes::{BufMut, Bytes, BytesMut};

/// The second word of each message (RFC 8489 §5).
const MAGIC: u32 = 0x2112_A442;

const HEADER: usize = 20;
const BINDING_REQUEST: u16 = 0x0001;
const BINDING_SUCCESS: u16 = 0x0101;
const BINDING_ERROR: u16 = 0x0111;
const MAPPED_ADDRESS: u16 = 0x0001;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;

/// What ties an answer to its request; unpredictable.
pub type Id = [u8; 12];

/// The answer to a binding request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Which request.
    pub id: Id,
    /// Where the server sees us; `None` when it refused, or told nothing that can be read.
    pub mapped: Option<SocketAddr>,
}

/// A binding request: one datagram of 20 bytes.
#[must_use]
pub fn request(id: Id) -> Bytes {
    let mut bytes = BytesMut::with_capacity(HEADER);
    bytes.put_u16(BINDING_REQUEST);
    bytes.put_u16(0);
    bytes.put_u32(MAGIC);
    bytes.put_slice(&id);
    bytes.freeze()
}

/// Whether a datagram is STUN of any kind; SIP never begins like that (RFC 5626 §8).
#[must_use]
pub fn is_stun(datagram: &[u8]) -> bool {
    datagram.len() >= HEADER && datagram[0] & 0xC0 == 0 && word(datagram, 4) == Some(MAGIC)
}

/// Reads the answer to a binding request; `None` for anything else.
#[must_use]
pub fn answer(datagram: &[u8]) -> Option<Answer> {
    if !is_stun(datagram) {
        return None;
    }
    let kind = half(datagram, 0)?;
    if kind != BINDING_SUCCESS && kind != BINDING_ERROR {
        return None;
    }
    let id: Id = datagram[8..HEADER].try_into().ok()?;
    let length = usize::from(half(datagram, 2)?);
    let body = datagram.get(HEADER..HEADER + length)?;
    let mapped = (kind == BINDING_SUCCESS).then(|| mapped(body, &id));
    Some(Answer {
        id,
        mapped: mapped.flatten(),
    })
}

/// The XOR-MAPPED-ADDRESS, or the MAPPED-ADDRESS of an old server.
fn mapped(mut body: &[u8], id: &Id) -> Option<SocketAddr> {
    let mut plain = None;
    while let (Some(kind), Some(length)) = (half(body, 0), half(body, 2)) {
        let length = usize::from(length);
        let value = body.get(4..4 + length)?;
        match kind {
            XOR_MAPPED_ADDRESS => return address(value).map(|found| unmasked(found, id)),
            MAPPED_ADDRESS => plain = address(value),
            _ => {}
        }
        // Values are padded to words (RFC 8489 §14).
        body = body.get(4 + length.next_multiple_of(4)..).unwrap_or(&[]);
    }
    plain
}

fn address(value: &[u8]) -> Option<SocketAddr> {
    let ip = match value.get(1)? {
        1 => IpAddr::from(<[u8; 4]>::try_from(value.get(4..8)?).ok()?),
        2 => IpAddr::from(<[u8; 16]>::try_from(value.get(4..20)?).ok()?),
        _ => return None,
    };
    Some(SocketAddr::new(ip, half(value, 2)?))
}

fn unmasked(found: SocketAddr, id: &Id) -> SocketAddr {
    let [high, low, ..] = MAGIC.to_be_bytes();
    let port = found.port() ^ u16::from_be_bytes([high, low]);
    let ip = match found.ip() {
        IpAddr::V4(ip) => IpAddr::V4(Ipv4Addr::from_bits(ip.to_bits() ^ MAGIC)),
        IpAddr::V6(ip) => {
            let mut mask = [0; 16];
            mask[..4].copy_from_slice(&MAGIC.to_be_bytes());
            mask[4..].copy_from_slice(id);
            IpAddr::V6(Ipv6Addr::from_bits(
                ip.to_bits() ^ u128::from_be_bytes(mask),
            ))
        }
    };
    SocketAddr::new(ip, port)
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at + 2)?;
    Some(u16::from_be_bytes(bytes.try_into().ok()?))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?;
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests;
