//! What becomes of a message that cannot be taken.

use super::{Response, StatusCode};

/// A message refused by the parser: what to answer with, or silence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Rejected {
    /// The status to refuse a request with; `None` for responses and for what is not SIP.
    pub status: Option<StatusCode>,
    /// What is wrong, in words for a log.
    pub reason: &'static str,
    /// The answer to send, with the raw Via, From, To, Call-ID and CSeq lines as far as there were any. `None`
    /// means silence: a broken response, an ACK, garbage, or a request without a Via to answer along. A tag
    /// for the To is the sender's to add.
    pub response: Option<Box<Response>>,
}

impl Rejected {
    /// Refused without a word.
    pub(super) fn silently(reason: &'static str) -> Self {
        Self {
            status: None,
            reason,
            response: None,
        }
    }

    /// Whether the first line is no start line of SIP.
    pub(super) fn is_not_sip(&self) -> bool {
        self.reason == NOT_SIP
    }
}

/// Why something that is not SIP at all is refused.
pub(super) const NOT_SIP: &str = "not SIP";
