//! Challenges and credentials (RFC 3261 §20.7, §20.44; RFC 8760): a scheme and a comma list of parameters.

use bytes::Bytes;

use crate::sip::message::scan;

#[cfg(test)]
mod tests;

/// A challenge (WWW-Authenticate, Proxy-Authenticate) or credentials (Authorization, Proxy-Authorization).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auth {
    /// `Digest`, or any other; compared without case.
    pub scheme: Bytes,
    /// Names and values as written.
    params: Vec<(Bytes, Bytes)>,
}

impl Auth {
    /// A scheme without parameters yet.
    #[must_use]
    pub fn new(scheme: &'static str) -> Self {
        Self {
            scheme: Bytes::from_static(scheme.as_bytes()),
            params: Vec::new(),
        }
    }

    /// Adds `name="value"`.
    #[must_use]
    pub fn quoted(mut self, name: &'static str, value: &[u8]) -> Self {
        let mut quoted = Vec::with_capacity(value.len() + 2);
        scan::quote(value, &mut quoted);
        self.params
            .push((Bytes::from_static(name.as_bytes()), quoted.into()));
        self
    }

    /// Adds `name=value`.
    #[must_use]
    pub fn token(mut self, name: &'static str, value: &[u8]) -> Self {
        let value = Bytes::copy_from_slice(value);
        self.params
            .push((Bytes::from_static(name.as_bytes()), value));
        self
    }

    /// Reads a header value; the first of them where several challenges share a line.
    #[must_use]
    pub fn parse(value: &Bytes) -> Option<Self> {
        Self::parse_all(value).into_iter().next()
    }

    /// Reads every challenge of one header value: an element with a space before any `=` opens the next one.
    #[must_use]
    pub fn parse_all(value: &Bytes) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for element in scan::split(value, b',') {
            let scheme_end = element.iter().position(u8::is_ascii_whitespace);
            let scheme_end = scheme_end.filter(|&end| opens_challenge(&element, end));
            let param = match scheme_end {
                Some(end) => {
                    all.push(Self {
                        scheme: element.slice(..end),
                        params: Vec::new(),
                    });
                    scan::trim(&element.slice(end..))
                }
                None => element,
            };
            match (all.last_mut(), scan::split_once(&param, b'=')) {
                (Some(last), Some(param)) => last.params.push(param),
                (_, None) if scan::is_token(&param) => all.push(Self {
                    scheme: param,
                    params: Vec::new(),
                }),
                _ => {}
            }
        }
        all
    }

    /// Whether the scheme is `scheme`.
    #[must_use]
    pub fn is(&self, scheme: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme.as_bytes())
    }

    /// The value of a parameter without quotes and escapes.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Bytes> {
        let named = |other: &Bytes| other.eq_ignore_ascii_case(name.as_bytes());
        let (_, value) = self.params.iter().find(|(other, _)| named(other))?;
        Some(scan::unquote(value))
    }

    /// All parameters with their values as written.
    pub fn params(&self) -> impl Iterator<Item = (&Bytes, &Bytes)> {
        self.params.iter().map(|(name, value)| (name, value))
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.scheme);
        for (index, (name, value)) in self.params.iter().enumerate() {
            out.extend_from_slice(if index == 0 { b" " } else { b", " });
            out.extend_from_slice(name);
            out.push(b'=');
            out.extend_from_slice(value);
        }
    }
}

/// Whether `Digest realm="x"`, not `realm = "x"`: what follows the space is not the `=`.
fn opens_challenge(element: &Bytes, end: usize) -> bool {
    scan::is_token(&element[..end]) && !element[end..].trim_ascii_start().starts_with(b"=")
}
