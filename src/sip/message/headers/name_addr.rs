//! Addresses (RFC 3261 §20.10, §25.1 `name-addr`): From, To, Contact, Route, Refer-To, P-Asserted-Identity ..

use bytes::Bytes;

use super::Params;
use crate::sip::message::{Uri, scan};

#[cfg(test)]
mod tests;

/// A display name, a URI and header parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameAddr {
    /// The display name without quotes and escapes; `None` when there is none or it is empty.
    pub display: Option<Bytes>,
    /// The URI.
    pub uri: Uri,
    /// Parameters of the header, not of the URI.
    pub params: Params,
}

impl NameAddr {
    /// An address without display name and parameters.
    #[must_use]
    pub fn new(uri: Uri) -> Self {
        Self {
            display: None,
            uri,
            params: Params::default(),
        }
    }

    /// Adds a display name.
    #[must_use]
    pub fn with_display(mut self, display: impl Into<Bytes>) -> Self {
        self.display = Some(scan::one_line(display.into())).filter(|name| !name.is_empty());
        self
    }

    /// Adds or replaces a parameter.
    #[must_use]
    pub fn with_param(mut self, name: &str, value: Option<&str>) -> Self {
        self.params.set(name, value);
        self
    }

    /// Adds or replaces the tag.
    #[must_use]
    pub fn with_tag(self, tag: &str) -> Self {
        self.with_param("tag", Some(tag))
    }

    /// Reads one value: `"name" <uri>;params`, `<uri>;params`, or `uri;params` where the parameters belong to the
    /// header (RFC 3261 §20.10). Display names without quotes may hold any byte.
    #[must_use]
    pub fn parse(value: &Bytes) -> Option<Self> {
        let value = scan::trim(value);
        let name_end = if value.starts_with(b"\"") {
            scan::quoted_end(&value)?
        } else {
            0
        };
        let open = value[name_end..].iter().position(|&byte| byte == b'<');
        let Some(open) = open.map(|open| name_end + open) else {
            return Self::parse_bare(&value, name_end);
        };
        let close = open + value[open..].iter().position(|&byte| byte == b'>')?;
        let display = scan::unquote(&scan::trim(&value.slice(..open)));
        Some(Self {
            display: Some(display).filter(|name| !name.is_empty()),
            uri: Uri::parse(scan::trim(&value.slice(open + 1..close))).ok()?,
            params: Params::parse(&value.slice(close + 1..)),
        })
    }

    fn parse_bare(value: &Bytes, name_end: usize) -> Option<Self> {
        if name_end != 0 {
            return None;
        }
        let end = scan::find(value, b';').unwrap_or(value.len());
        Some(Self {
            display: None,
            uri: Uri::parse(scan::trim(&value.slice(..end))).ok()?,
            params: Params::parse(&value.slice(end..)),
        })
    }

    /// The tag.
    #[must_use]
    pub fn tag(&self) -> Option<Bytes> {
        self.params.get("tag").filter(|tag| !tag.is_empty())
    }

    /// The display name as text.
    #[must_use]
    pub fn display_text(&self) -> Option<String> {
        let display = self.display.as_ref()?;
        Some(String::from_utf8_lossy(display).into_owned())
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        if let Some(display) = &self.display {
            scan::quote(display, out);
            out.push(b' ');
        }
        out.push(b'<');
        out.extend_from_slice(self.uri.as_bytes());
        out.push(b'>');
        self.params.write(out);
    }
}
