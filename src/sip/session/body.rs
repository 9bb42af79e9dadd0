//! What a request or response carries (RFC 3261 §7.4, §8.2.3).

use bytes::Bytes;

use crate::sip::message::{Headers, Name, Request, Response};

/// The type of session descriptions.
pub(super) const SDP: &str = "application/sdp";

/// Why a body is not understood; to be refused with 415.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Foreign {
    /// Another Content-Type.
    Type,
    /// A Content-Encoding.
    Encoding,
}

/// The session description in a request; `None` when it has no body, or one of another type that
/// may be ignored (RFC 3261 §20.11, `handling=optional`). A body without Content-Type is taken for
/// a session description, the usual one.
pub(super) fn offer_in(request: &Request) -> Result<Option<Bytes>, Foreign> {
    session_description(&request.headers, &request.body, request.body_of(SDP))
}

/// The same in a response.
pub(super) fn answer_in(response: &Response) -> Result<Option<Bytes>, Foreign> {
    session_description(&response.headers, &response.body, response.body_of(SDP))
}

fn session_description(
    headers: &Headers,
    body: &Bytes,
    found: Option<Bytes>,
) -> Result<Option<Bytes>, Foreign> {
    if body.is_empty() {
        return Ok(None);
    }
    if is_encoded(headers) {
        return Err(Foreign::Encoding);
    }
    match found {
        Some(found) => Ok(Some(found)),
        None if !headers.contains(&Name::ContentType) => Ok(Some(body.clone())),
        None if is_optional(headers) => Ok(None),
        None => Err(Foreign::Type),
    }
}

/// Whether the sender of a request can read a session description (RFC 3261 §20.1): it says so, or
/// says nothing.
pub(super) fn accepts_answer(headers: &Headers) -> bool {
    let takes = |range: &[u8]| {
        let ranges = [SDP, "application/*", "*/*"];
        ranges
            .iter()
            .any(|it| range.eq_ignore_ascii_case(it.as_bytes()))
    };
    let mut ranges = headers.elements(&Name::Accept);
    !headers.contains(&Name::Accept)
        || ranges.any(|range| {
            takes(
                range
                    .split(|&byte| byte == b';')
                    .next()
                    .unwrap_or_default()
                    .trim_ascii(),
            )
        })
}

/// Whether a body is compressed or the like.
pub(super) fn is_encoded(headers: &Headers) -> bool {
    headers
        .elements(&Name::ContentEncoding)
        .any(|encoding| !encoding.eq_ignore_ascii_case(b"identity"))
}

fn is_optional(headers: &Headers) -> bool {
    let Some(value) = headers.get(&Name::ContentDisposition) else {
        return false;
    };
    let text = String::from_utf8_lossy(value).to_ascii_lowercase();
    let mut params = text.split(';').skip(1);
    params.any(|param| param.split_whitespace().collect::<String>() == "handling=optional")
}
