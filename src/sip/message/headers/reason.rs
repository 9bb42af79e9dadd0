//! Reason (RFC 3326): why a request was sent.

use bytes::Bytes;

use super::Params;
use crate::sip::message::scan;

/// One Reason value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// `SIP`, `Q.850` ..
    pub protocol: Bytes,
    /// The protocol's number: a SIP status code, a Q.850 cause.
    pub cause: Option<u16>,
    /// In words.
    pub text: Option<Bytes>,
}

impl Reason {
    /// A reason that is a SIP status code.
    #[must_use]
    pub fn sip(cause: u16, text: impl Into<Bytes>) -> Self {
        Self {
            protocol: Bytes::from_static(b"SIP"),
            cause: Some(cause),
            text: Some(text.into()),
        }
    }

    /// Reads one value, such as `Q.850;cause=16;text="Normal call clearing"`.
    #[must_use]
    pub fn parse(value: &Bytes) -> Option<Self> {
        let end = scan::find(value, b';').unwrap_or(value.len());
        let protocol = scan::trim(&value.slice(..end));
        let params = Params::parse(&value.slice(end..));
        scan::is_token(&protocol).then(|| Self {
            protocol,
            cause: params.get("cause").and_then(|cause| scan::number(&cause)),
            text: params.get("text"),
        })
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.protocol);
        if let Some(cause) = self.cause {
            out.extend_from_slice(format!(";cause={cause}").as_bytes());
        }
        if let Some(text) = &self.text {
            out.extend_from_slice(b";text=");
            scan::quote(text, out);
        }
    }
}
