//! Session-Expires (RFC 4028 §4).

use bytes::Bytes;

use super::Params;
use crate::sip::message::scan;

/// Who refreshes the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresher {
    /// The client of the transaction that agreed it.
    Uac,
    /// The server of that transaction.
    Uas,
}

/// A session interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionExpires {
    /// Seconds.
    pub seconds: u32,
    /// Who refreshes, once it is settled.
    pub refresher: Option<Refresher>,
}

impl SessionExpires {
    /// Reads `1800;refresher=uac`.
    #[must_use]
    pub fn parse(value: &Bytes) -> Option<Self> {
        let end = scan::find(value, b';').unwrap_or(value.len());
        let refresher = Params::parse(&value.slice(end..)).get("refresher");
        Some(Self {
            seconds: scan::saturating(value[..end].trim_ascii())?,
            refresher: refresher.and_then(|refresher| Refresher::parse(&refresher)),
        })
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.seconds.to_string().as_bytes());
        match self.refresher {
            Some(Refresher::Uac) => out.extend_from_slice(b";refresher=uac"),
            Some(Refresher::Uas) => out.extend_from_slice(b";refresher=uas"),
            None => {}
        }
    }
}

impl Refresher {
    fn parse(token: &Bytes) -> Option<Self> {
        if token.eq_ignore_ascii_case(b"uac") {
            Some(Self::Uac)
        } else if token.eq_ignore_ascii_case(b"uas") {
            Some(Self::Uas)
        } else {
            None
        }
    }
}
