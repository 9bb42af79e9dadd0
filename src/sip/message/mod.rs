//! SIP messages (RFC 3261 §7): one `Bytes`, an index of header slices into it, typed views on demand.
//!
//! [`parse`] reads a datagram, [`StreamFramer`] cuts a stream; what they let through has a readable top
//! Via, From, To, Call-ID and CSeq. Everything stays bytes: Latin-1 names, unknown methods, header names
//! and URI schemes survive a round trip.

use bytes::Bytes;

pub mod framing;
pub mod headers;
mod host;
mod index;
mod lines;
mod method;
mod multipart;
mod name;
mod rejected;
mod scan;
mod status;
mod uri;
mod view;
mod write;

pub use framing::{Frame, StreamFramer};
pub use headers::Headers;
pub use headers::{
    Auth, CSeq, NameAddr, Params, RAck, Reason, Refresher, Replaces, SessionExpires, Via,
};
pub use host::Host;
pub use index::parse;
pub use method::Method;
pub use name::Name;
pub use rejected::Rejected;
pub use status::StatusCode;
pub use uri::{InvalidUri, Scheme, Uri};

/// Bytes of one whole message: the most a UDP datagram can carry. A longer one breaks its stream.
pub const MAX_MESSAGE: usize = 64 * 1024;
/// Bytes of start line and headers together; real ones stay under 4 KiB. A longer head is refused.
pub const MAX_HEAD: usize = 16 * 1024;
/// Header lines of one message; real ones have some 30. A message with more is refused.
pub const MAX_HEADERS: usize = 128;
/// Via values of one message, that is proxies passed: the hops of the usual Max-Forwards. One with more is refused.
pub const MAX_VIAS: usize = 70;

/// A request or a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A request.
    Request(Request),
    /// A response.
    Response(Response),
}

/// A request; also the builder of outgoing ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What is asked.
    pub method: Method,
    /// The Request-URI.
    pub uri: Uri,
    /// Headers in wire order, without Content-Length: that is the length of `body`.
    pub headers: Headers,
    /// The body, exactly Content-Length bytes.
    pub body: Bytes,
}

/// A response; also the builder of outgoing ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: StatusCode,
    /// The reason phrase as received or to be sent.
    pub reason: Bytes,
    /// Headers in wire order, without Content-Length: that is the length of `body`.
    pub headers: Headers,
    /// The body.
    pub body: Bytes,
}

impl Message {
    /// The headers of either kind.
    #[must_use]
    pub fn headers(&self) -> &Headers {
        match self {
            Self::Request(request) => &request.headers,
            Self::Response(response) => &response.headers,
        }
    }
}

impl Request {
    /// A request without headers.
    #[must_use]
    pub fn new(method: Method, uri: Uri) -> Self {
        Self {
            method,
            uri,
            headers: Headers::default(),
            body: Bytes::new(),
        }
    }

    /// Appends a header.
    #[must_use]
    pub fn with_header(mut self, name: Name, value: impl Into<Bytes>) -> Self {
        self.headers.push(name, value);
        self
    }

    /// Sets the body and its Content-Type.
    #[must_use]
    pub fn with_body(mut self, content_type: impl Into<Bytes>, body: impl Into<Bytes>) -> Self {
        self.headers.set(Name::ContentType, content_type);
        self.body = body.into();
        self
    }
}

impl Response {
    /// A response without headers, with the status code's usual reason phrase.
    #[must_use]
    pub fn new(status: StatusCode) -> Self {
        Self {
            status,
            reason: Bytes::from_static(status.reason_phrase().as_bytes()),
            headers: Headers::default(),
            body: Bytes::new(),
        }
    }

    /// The response to a request with the headers that RFC 3261 §8.2.6.2 copies: every Via in order, From,
    /// To, Call-ID, CSeq; Record-Route where the response forms a dialog (§12.1.1); Timestamp in a 100.
    #[must_use]
    pub fn to_request(request: &Request, status: StatusCode) -> Self {
        let mut response = Self::new(status);
        response.copy(&request.headers, &[Name::Via]);
        if request.method.forms_dialog() && (101..300).contains(&status.0) {
            response.copy(&request.headers, &[Name::RecordRoute]);
        }
        response.copy(
            &request.headers,
            &[Name::From, Name::To, Name::CallId, Name::CSeq],
        );
        if status == StatusCode::TRYING {
            response.copy(&request.headers, &[Name::Timestamp]);
        }
        response
    }

    fn copy(&mut self, from: &Headers, names: &[Name]) {
        for name in names {
            for value in from.all(name) {
                self.headers.push(name.clone(), value.clone());
            }
        }
    }

    /// Appends a header.
    #[must_use]
    pub fn with_header(mut self, name: Name, value: impl Into<Bytes>) -> Self {
        self.headers.push(name, value);
        self
    }

    /// Sets the body and its Content-Type.
    #[must_use]
    pub fn with_body(mut self, content_type: impl Into<Bytes>, body: impl Into<Bytes>) -> Self {
        self.headers.set(Name::ContentType, content_type);
        self.body = body.into();
        self
    }

    /// Replaces the reason phrase.
    #[must_use]
    pub fn with_reason(mut self, reason: impl Into<Bytes>) -> Self {
        self.reason = reason.into();
        self
    }
}
