//! Headers in wire order, and typed views of the values a user agent reads.

use bytes::Bytes;

use super::{Name, scan};

mod auth;
mod cseq;
mod name_addr;
mod params;
mod rack;
mod reason;
mod replaces;
mod session_expires;
#[cfg(test)]
mod tests;
mod via;

pub use auth::Auth;
pub use cseq::CSeq;
pub use name_addr::NameAddr;
pub use params::Params;
pub use rack::RAck;
pub use reason::Reason;
pub use replaces::Replaces;
pub use session_expires::{Refresher, SessionExpires};
pub use via::Via;

/// Headers in wire order, values unfolded, trimmed and on one line; comma lists stay joined until a view splits
/// them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers {
    entries: Vec<(Name, Bytes)>,
}

impl Headers {
    /// The first value of `name`.
    #[must_use]
    pub fn get(&self, name: &Name) -> Option<&Bytes> {
        let (_, value) = self.entries.iter().find(|(other, _)| other == name)?;
        Some(value)
    }

    /// Whether `name` occurs.
    #[must_use]
    pub fn contains(&self, name: &Name) -> bool {
        self.get(name).is_some()
    }

    /// Every value of `name`, line by line.
    pub fn all<'a>(&'a self, name: &'a Name) -> impl Iterator<Item = &'a Bytes> + 'a {
        let named = self.entries.iter().filter(move |(other, _)| other == name);
        named.map(|(_, value)| value)
    }

    /// Every element of the comma lists of `name`, in order across lines.
    pub fn elements<'a>(&'a self, name: &'a Name) -> impl Iterator<Item = Bytes> + 'a {
        self.all(name).flat_map(|value| scan::split(value, b','))
    }

    /// Whether a comma list of tokens (Supported, Require, Allow ..) contains `token`, without regard to case.
    #[must_use]
    pub fn has_token(&self, name: &Name, token: &str) -> bool {
        self.elements(name)
            .any(|element| element.eq_ignore_ascii_case(token.as_bytes()))
    }

    /// The first value of `name` as seconds or a count; one too large is the largest. Parameters and comments
    /// after it are left out (`Retry-After: 18 (soon);duration=60`).
    #[must_use]
    pub fn number(&self, name: &Name) -> Option<u32> {
        let value = self.get(name)?;
        let end = value.iter().position(|byte| !byte.is_ascii_digit());
        scan::saturating(&value[..end.unwrap_or(value.len())])
    }

    /// Appends a header. Line breaks in the value become spaces.
    pub fn push(&mut self, name: Name, value: impl Into<Bytes>) {
        self.entries.push((name, clean(value.into())));
    }

    /// Puts a header before all others.
    pub fn push_front(&mut self, name: Name, value: impl Into<Bytes>) {
        self.entries.insert(0, (name, clean(value.into())));
    }

    /// Replaces the first value of `name` and drops its others, or appends it.
    pub fn set(&mut self, name: Name, value: impl Into<Bytes>) {
        let at = self.entries.iter().position(|(other, _)| *other == name);
        self.remove(&name);
        let at = at.unwrap_or(self.entries.len());
        self.entries.insert(at, (name, clean(value.into())));
    }

    /// Replaces the first line of `name` and leaves its others, or appends it.
    pub fn set_first(&mut self, name: Name, value: impl Into<Bytes>) {
        let value = clean(value.into());
        match self.entries.iter_mut().find(|(other, _)| *other == name) {
            Some((_, old)) => *old = value,
            None => self.entries.push((name, value)),
        }
    }

    /// Removes every value of `name`.
    pub fn remove(&mut self, name: &Name) {
        self.entries.retain(|(other, _)| other != name);
    }

    /// All headers in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Bytes)> {
        self.entries.iter().map(|(name, value)| (name, value))
    }

    /// How many header lines there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

fn clean(value: Bytes) -> Bytes {
    scan::trim(&scan::one_line(value))
}

/// A typed view as a header value, and as text for logs.
macro_rules! written_as_value {
    ($($view:ty),*) => {
        $(
            impl From<$view> for bytes::Bytes {
                fn from(view: $view) -> Self {
                    Self::from(&view)
                }
            }

            impl From<&$view> for bytes::Bytes {
                fn from(view: &$view) -> Self {
                    let mut out = Vec::with_capacity(64);
                    view.write(&mut out);
                    out.into()
                }
            }

            impl core::fmt::Display for $view {
                fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                    $crate::sip::message::scan::lossy(&bytes::Bytes::from(self), out)
                }
            }
        )*
    };
}

written_as_value!(
    Auth,
    CSeq,
    NameAddr,
    Params,
    RAck,
    Reason,
    Replaces,
    SessionExpires,
    Via
);
