//! The exact writer: canonical names, one header a line, Content-Length always that of the body.

use bytes::Bytes;

use super::{Headers, Message, Name, Request, Response, scan};

impl Message {
    /// The message on the wire.
    #[must_use]
    pub fn write(&self) -> Bytes {
        match self {
            Self::Request(request) => request.write(),
            Self::Response(response) => response.write(),
        }
    }
}

impl Request {
    /// The request on the wire.
    #[must_use]
    pub fn write(&self) -> Bytes {
        let mut out = Vec::with_capacity(capacity(&self.headers, &self.body));
        out.extend_from_slice(self.method.as_bytes());
        out.push(b' ');
        out.extend_from_slice(self.uri.as_bytes());
        out.extend_from_slice(b" SIP/2.0\r\n");
        finish(out, &self.headers, &self.body)
    }
}

impl Response {
    /// The response on the wire.
    #[must_use]
    pub fn write(&self) -> Bytes {
        let mut out = Vec::with_capacity(capacity(&self.headers, &self.body));
        out.extend_from_slice(format!("SIP/2.0 {} ", self.status).as_bytes());
        out.extend_from_slice(&scan::one_line(self.reason.clone()));
        out.extend_from_slice(b"\r\n");
        finish(out, &self.headers, &self.body)
    }
}

/// Room for a start line, the headers and the body.
fn capacity(headers: &Headers, body: &Bytes) -> usize {
    let lines = headers.iter().map(|(_, value)| value.len() + 24);
    256 + lines.sum::<usize>() + body.len()
}

fn finish(mut out: Vec<u8>, headers: &Headers, body: &Bytes) -> Bytes {
    for (name, value) in headers.iter() {
        if *name == Name::ContentLength {
            continue;
        }
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
    out.extend_from_slice(body);
    out.into()
}
