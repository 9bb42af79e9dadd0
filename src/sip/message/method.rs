//! Methods (RFC 3261 §7.1): case-sensitive tokens, unknown ones kept.

use core::fmt;

use bytes::Bytes;

use super::scan;

/// A method; unknown ones are kept. Case-sensitive.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// RFC 3261.
    Invite,
    /// RFC 3261.
    Ack,
    /// RFC 3261.
    Bye,
    /// RFC 3261.
    Cancel,
    /// RFC 3261.
    Options,
    /// RFC 3261.
    Register,
    /// RFC 3262.
    Prack,
    /// RFC 3311.
    Update,
    /// RFC 6086.
    Info,
    /// RFC 3515.
    Refer,
    /// RFC 6665.
    Notify,
    /// RFC 6665.
    Subscribe,
    /// RFC 3428.
    Message,
    /// RFC 3903.
    Publish,
    /// Any other token.
    Other(Bytes),
}

impl Method {
    /// Reads a token; `None` when it is not one.
    #[must_use]
    pub fn parse(token: &Bytes) -> Option<Self> {
        Some(match token.as_ref() {
            b"INVITE" => Self::Invite,
            b"ACK" => Self::Ack,
            b"BYE" => Self::Bye,
            b"CANCEL" => Self::Cancel,
            b"OPTIONS" => Self::Options,
            b"REGISTER" => Self::Register,
            b"PRACK" => Self::Prack,
            b"UPDATE" => Self::Update,
            b"INFO" => Self::Info,
            b"REFER" => Self::Refer,
            b"NOTIFY" => Self::Notify,
            b"SUBSCRIBE" => Self::Subscribe,
            b"MESSAGE" => Self::Message,
            b"PUBLISH" => Self::Publish,
            other if scan::is_token(other) => Self::Other(token.clone()),
            _ => return None,
        })
    }

    /// The method as written.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Invite => b"INVITE",
            Self::Ack => b"ACK",
            Self::Bye => b"BYE",
            Self::Cancel => b"CANCEL",
            Self::Options => b"OPTIONS",
            Self::Register => b"REGISTER",
            Self::Prack => b"PRACK",
            Self::Update => b"UPDATE",
            Self::Info => b"INFO",
            Self::Refer => b"REFER",
            Self::Notify => b"NOTIFY",
            Self::Subscribe => b"SUBSCRIBE",
            Self::Message => b"MESSAGE",
            Self::Publish => b"PUBLISH",
            Self::Other(token) => token,
        }
    }

    /// Whether a 2xx to it creates a dialog, so that Record-Route is copied (RFC 3261 §12.1, RFC 6665, RFC 3515).
    #[must_use]
    pub fn forms_dialog(&self) -> bool {
        matches!(
            self,
            Self::Invite | Self::Subscribe | Self::Refer | Self::Notify
        )
    }
}

impl fmt::Display for Method {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        scan::lossy(self.as_bytes(), out)
    }
}
