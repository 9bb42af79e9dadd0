//! Parameters (`;name=value`) of headers and URIs.

use bytes::Bytes;

use crate::sip::message::scan;

/// Parameters in order. Names do not care about case; values stay as written until read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params {
    entries: Vec<(Bytes, Option<Bytes>)>,
}

impl Params {
    /// Reads `;a=b;c`, with or without the first semicolon. Empty parameters are left out.
    #[must_use]
    pub fn parse(text: &Bytes) -> Self {
        let entries = scan::split(text, b';').map(|param| match scan::split_once(&param, b'=') {
            Some((name, value)) => (name, Some(value)),
            None => (param, None),
        });
        Self {
            entries: entries.filter(|(name, _)| !name.is_empty()).collect(),
        }
    }

    /// A value without its quotes; empty for a flag.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Bytes> {
        let (_, value) = self.entries.iter().find(|(other, _)| is(other, name))?;
        Some(value.as_ref().map(scan::unquote).unwrap_or_default())
    }

    /// Whether the parameter occurs.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.entries.iter().any(|(other, _)| is(other, name))
    }

    /// Sets a value, quoted where a token or host would not hold it; `None` makes a flag.
    pub fn set(&mut self, name: &str, value: Option<&str>) {
        let raw = value.map(|value| {
            let plain = |byte: u8| scan::is_token(&[byte]) || b"[]:".contains(&byte);
            if !value.is_empty() && value.bytes().all(plain) {
                return Bytes::copy_from_slice(value.as_bytes());
            }
            let mut quoted = Vec::with_capacity(value.len() + 2);
            scan::quote(value.as_bytes(), &mut quoted);
            quoted.into()
        });
        self.set_raw(name, raw);
    }

    /// Sets a value that is already in its written form.
    pub(in crate::sip::message) fn set_raw(&mut self, name: &str, value: Option<Bytes>) {
        match self.entries.iter_mut().find(|(other, _)| is(other, name)) {
            Some((_, old)) => *old = value,
            None => {
                let name = Bytes::copy_from_slice(name.as_bytes());
                self.entries.push((name, value));
            }
        }
    }

    /// Removes a parameter.
    pub fn remove(&mut self, name: &str) {
        self.entries.retain(|(other, _)| !is(other, name));
    }

    /// All parameters with their values as written.
    pub fn iter(&self) -> impl Iterator<Item = (&Bytes, Option<&Bytes>)> {
        self.entries
            .iter()
            .map(|(name, value)| (name, value.as_ref()))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(in crate::sip::message) fn write(&self, out: &mut Vec<u8>) {
        for (name, value) in &self.entries {
            out.push(b';');
            out.extend_from_slice(name);
            if let Some(value) = value {
                out.push(b'=');
                out.extend_from_slice(value);
            }
        }
    }
}

fn is(name: &Bytes, wanted: &str) -> bool {
    name.eq_ignore_ascii_case(wanted.as_bytes())
}
