//! SIP messages (RFC 3261 §7): one `Bytes`, an index of header slices into it, typed views on demand.

use bytes::Bytes;

/// A request or a response.
#[derive(Clone, Debug)]
pub enum Message {
    /// A request.
    Request(Request),
    /// A response.
    Response(Response),
}

/// A request; also the builder of outgoing ones (see `write`).
#[derive(Clone, Debug)]
pub struct Request {
    /// What is asked.
    pub method: Method,
    /// The Request-URI.
    pub uri: Uri,
    /// Headers in wire order.
    pub headers: Headers,
    /// The body, exactly Content-Length bytes.
    pub body: Bytes,
}

/// A response; also the builder of outgoing ones.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code.
    pub status: StatusCode,
    /// The reason phrase as received or to be sent.
    pub reason: Bytes,
    /// Headers in wire order.
    pub headers: Headers,
    /// The body.
    pub body: Bytes,
}

/// Headers in wire order; comma lists stay joined until a typed view splits them.
#[derive(Clone, Debug, Default)]
pub struct Headers {
    entries: Vec<(Name, Bytes)>,
}

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

/// A status code, 100 to 699.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StatusCode(pub u16);

/// A header name in canonical form, compact forms resolved. (The owner completes the list.)
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Name {
    /// `Via`, `v`.
    Via,
    /// Any other, compared without case.
    Other(Bytes),
}

/// A URI: sip, sips, tel, or any other kept as bytes. (The owner completes it.)
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uri {
    text: Bytes,
}
