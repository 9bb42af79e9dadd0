//! What this user agent can do, as it tells peers (RFC 3261 §11.2, §20).

use bytes::Bytes;

use super::message::{Headers, Name};

/// Methods answered with something better than 405.
pub const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, REFER, NOTIFY";

/// Bodies understood.
pub const ACCEPT: &str = "application/sdp, multipart/mixed, application/dtmf-relay";

/// Encodings of bodies: none.
pub const ACCEPT_ENCODING: &str = "identity";

/// Option tags of the extensions understood, as Require, Supported and Unsupported name them.
pub const SUPPORTED: &[&str] = &["100rel", "replaces", "timer"];

/// Seconds a peer shall stay away after 503.
pub const RETRY_AFTER: &str = "5";

/// The value of Supported.
#[must_use]
pub fn supported() -> String {
    SUPPORTED.join(", ")
}

/// The options that a request demands and that we do not have, as the value of Unsupported
/// (RFC 3261 §8.2.2.3). `None` when there are none.
#[must_use]
pub fn unsupported(headers: &Headers) -> Option<Bytes> {
    let known = |option: &Bytes| {
        let mut tags = SUPPORTED.iter();
        tags.any(|tag| option.eq_ignore_ascii_case(tag.as_bytes()))
    };
    let demanded = headers.elements(&Name::Require);
    let missing: Vec<Bytes> = demanded
        .filter(|option| !option.is_empty() && !known(option))
        .collect();
    (!missing.is_empty()).then(|| missing.join(&b", "[..]).into())
}
