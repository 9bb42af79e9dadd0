//! Replaces (RFC 3891): the dialog that an INVITE takes over.

use bytes::Bytes;

use super::Params;
use crate::sip::message::scan;

/// A dialog named by its identifiers, tags as the receiver sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaces {
    /// The dialog's Call-ID.
    pub call_id: Bytes,
    /// The receiver's own tag.
    pub to_tag: Bytes,
    /// The other side's tag.
    pub from_tag: Bytes,
    /// Only a dialog that is not yet answered is to be replaced.
    pub early_only: bool,
}

impl Replaces {
    /// Reads a value whose escapes are resolved (in a Refer-To it is percent-encoded: see `Uri::headers`).
    #[must_use]
    pub fn parse(value: &Bytes) -> Option<Self> {
        let end = scan::find(value, b';')?;
        let call_id = scan::trim(&value.slice(..end));
        let params = Params::parse(&value.slice(end..));
        if call_id.is_empty() {
            return None;
        }
        Some(Self {
            call_id,
            to_tag: params.get("to-tag")?,
            from_tag: params.get("from-tag")?,
            early_only: params.contains("early-only"),
        })
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.call_id);
        out.extend_from_slice(b";to-tag=");
        out.extend_from_slice(&self.to_tag);
        out.extend_from_slice(b";from-tag=");
        out.extend_from_slice(&self.from_tag);
        if self.early_only {
            out.extend_from_slice(b";early-only");
        }
    }
}
