//! How messages find their transaction (RFC 3261 §17.1.3, §17.2.3).

use bytes::{BufMut, Bytes, BytesMut};

use crate::sip::message::{Method, Request, Response};

/// What all messages of one transaction have in common, as one comparable value.
///
/// ACK has the key of its INVITE. CANCEL has a key of its own; [`Key::cancelled`] gives that of
/// the transaction it cancels.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(Bytes);

impl Key {
    /// The client transaction of a request we send: branch and method.
    #[must_use]
    pub fn client(branch: &[u8], method: &Method) -> Self {
        let method = match method {
            Method::Ack => &Method::Invite,
            other => other,
        };
        Self::joined(&[b"c", branch, method.as_bytes()])
    }

    /// The client transaction that a response belongs to. `None` when it carries no branch, or
    /// more than one Via: then it was meant for somebody else (RFC 3261 §8.1.3.3).
    #[must_use]
    pub fn of_response(response: &Response) -> Option<Self> {
        let mut vias = response.vias();
        let via = vias.next()?;
        if vias.next().is_some() {
            return None;
        }
        Some(Self::client(&via.branch()?, &response.cseq()?.method))
    }

    /// The server transaction of a request that came.
    #[must_use]
    pub fn of_request(request: &Request) -> Option<Self> {
        match request.method {
            Method::Ack => Self::server(request, &Method::Invite),
            ref method => Self::server(request, method),
        }
    }

    /// The server transaction that a CANCEL asks to cancel; only INVITE can be (RFC 3261 §9.1).
    #[must_use]
    pub fn cancelled(cancel: &Request) -> Option<Self> {
        Self::server(cancel, &Method::Invite)
    }

    fn server(request: &Request, method: &Method) -> Option<Self> {
        let via = request.top_via()?;
        if let Some(branch) = via.branch().filter(|branch| has_cookie(branch)) {
            let sent_by = format!("{}:{}", via.host, via.port.unwrap_or_default());
            let sent_by = sent_by.to_ascii_lowercase();
            let parts = [b"s", &branch[..], sent_by.as_bytes(), method.as_bytes()];
            return Some(Self::joined(&parts));
        }
        // RFC 2543: no magic cookie, so all that identifies the request. The ACK of an INVITE has
        // the response's To tag, not the request's; the owner compares that one.
        let to_tag = match method {
            Method::Invite => None,
            _ => request.to_tag(),
        };
        let mut via = via;
        for ours in ["received", "rport"] {
            via.params.remove(ours);
        }
        Some(Self::joined(&[
            b"o",
            request.uri.as_bytes(),
            to_tag.as_deref().unwrap_or_default(),
            request.from_tag().as_deref().unwrap_or_default(),
            request.call_id()?,
            request.cseq()?.number.to_string().as_bytes(),
            method.as_bytes(),
            &Bytes::from(&via),
        ]))
    }

    /// The parts with a separator that stands in none of them.
    fn joined(parts: &[&[u8]]) -> Self {
        let length = parts.iter().map(|part| part.len() + 1).sum();
        let mut key = BytesMut::with_capacity(length);
        for part in parts {
            key.put_slice(part);
            key.put_u8(b'\n');
        }
        Self(key.freeze())
    }
}

/// Whether a branch is unique across space and time, as RFC 3261 §8.1.1.7 makes it.
#[must_use]
pub fn has_cookie(branch: &[u8]) -> bool {
    let cookie = branch.get(..COOKIE.len());
    branch.len() > COOKIE.len() && cookie.is_some_and(|it| it.eq_ignore_ascii_case(COOKIE))
}

const COOKIE: &[u8] = b"z9hG4bK";

#[cfg(test)]
mod tests;
