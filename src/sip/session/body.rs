//! What a request or response carries (RFC 3261 §7.4, §8.2.3).

use bytes::Bytes;

use crate::sip::message::{Headers, Name};

/// Why a body is not understood; to be refused with 415.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Foreign {
    /// Another Content-Type.
    Type,
    /// A Content-Encoding.
    Encoding,
}

/// The session description in a body; `None` when there is none, or one of another type that
/// may be ignored (RFC 3261 §20.11, `handling=optional`).
pub(super) fn session_description(
    headers: &Headers,
    body: &Bytes,
) -> Result<Option<Bytes>, Foreign> {
    match media_type(headers, body)? {
        None => Ok(None),
        Some(media_type) if media_type.eq_ignore_ascii_case("application/sdp") => {
            Ok(Some(body.clone()))
        }
        Some(_) if is_optional(headers) => Ok(None),
        Some(_) => Err(Foreign::Type),
    }
}

/// The media type of a body without its parameters; `None` when there is no body. A body without
/// Content-Type is taken for a session description, the usual one.
pub(super) fn media_type(headers: &Headers, body: &Bytes) -> Result<Option<String>, Foreign> {
    if body.is_empty() {
        return Ok(None);
    }
    let encoded = headers
        .elements(&Name::ContentEncoding)
        .any(|encoding| !encoding.eq_ignore_ascii_case(b"identity"));
    if encoded {
        return Err(Foreign::Encoding);
    }
    let Some(value) = headers.get(&Name::ContentType) else {
        return Ok(Some("application/sdp".to_owned()));
    };
    let text = String::from_utf8_lossy(value);
    let plain = text.split(';').next().unwrap_or_default();
    Ok(Some(plain.split_whitespace().collect::<String>()))
}

fn is_optional(headers: &Headers) -> bool {
    let Some(value) = headers.get(&Name::ContentDisposition) else {
        return false;
    };
    let text = String::from_utf8_lossy(value).to_ascii_lowercase();
    let mut params = text.split(';').skip(1);
    params.any(|param| param.split_whitespace().collect::<String>() == "handling=optional")
}
