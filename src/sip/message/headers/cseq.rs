//! CSeq (RFC 3261 §20.16).

use bytes::Bytes;

use crate::sip::message::{Method, scan};

/// A sequence number and its method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CSeq {
    /// Up to 2^32 - 1 is read; RFC 3261 §8.1.1.5 keeps our own under 2^31.
    pub number: u32,
    /// The method.
    pub method: Method,
}

impl CSeq {
    /// Reads `314159 INVITE`.
    #[must_use]
    pub fn parse(value: &Bytes) -> Option<Self> {
        let value = scan::trim(value);
        let space = value.iter().position(u8::is_ascii_whitespace)?;
        Some(Self {
            number: scan::number(&value[..space])?,
            method: Method::parse(&scan::trim(&value.slice(space..)))?,
        })
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("{} ", self.number).as_bytes());
        out.extend_from_slice(self.method.as_bytes());
    }
}
