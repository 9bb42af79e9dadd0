//! RAck (RFC 3262 §7.2).

use bytes::Bytes;

use super::CSeq;
use crate::sip::message::scan;

/// Which reliable provisional response a PRACK acknowledges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RAck {
    /// The response's RSeq.
    pub rseq: u32,
    /// The response's CSeq.
    pub cseq: CSeq,
}

impl RAck {
    /// Reads `776656 1 INVITE`.
    #[must_use]
    pub fn parse(value: &Bytes) -> Option<Self> {
        let value = scan::trim(value);
        let space = value.iter().position(u8::is_ascii_whitespace)?;
        Some(Self {
            rseq: scan::number(&value[..space])?,
            cseq: CSeq::parse(&value.slice(space..))?,
        })
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("{} ", self.rseq).as_bytes());
        self.cseq.write(out);
    }
}
