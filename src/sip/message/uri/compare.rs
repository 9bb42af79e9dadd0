//! When two URIs mean the same (RFC 3261 §19.1.4).

use bytes::Bytes;

use super::{Scheme, Uri, unescape};
use crate::sip::message::Params;

/// Parameters that make URIs differ when only one of them has it.
const DECISIVE: [&str; 5] = ["user", "ttl", "method", "maddr", "transport"];

impl Uri {
    /// Whether two URIs mean the same by RFC 3261 §19.1.4 (RFC 3966 §5 for tel, the text for other schemes).
    #[must_use]
    pub fn equivalent(&self, other: &Self) -> bool {
        if self.text == other.text {
            return true;
        }
        if self.scheme != other.scheme {
            return false;
        }
        match self.scheme {
            Scheme::Sip | Scheme::Sips => {
                decoded(self.user()) == decoded(other.user())
                    && decoded(self.password()) == decoded(other.password())
                    && self.host_and_port() == other.host_and_port()
                    && same_params(&self.params(), &other.params())
                    && same_headers(self.headers(), other.headers())
            }
            Scheme::Tel => {
                dialled(self.user()) == dialled(other.user())
                    && all_match(&self.params(), &other.params())
                    && all_match(&other.params(), &self.params())
            }
            Scheme::Other => self.text == other.text,
        }
    }
}

fn decoded(part: Option<Bytes>) -> Option<Bytes> {
    part.map(|part| unescape(&part))
}

/// A telephone number without its visual separators.
fn dialled(number: Option<Bytes>) -> Vec<u8> {
    let number = number.unwrap_or_default().to_ascii_lowercase();
    number
        .into_iter()
        .filter(|digit| !b"-.()".contains(digit))
        .collect()
}

/// Parameters in both must match; the decisive ones must be in both or neither.
fn same_params(one: &Params, two: &Params) -> bool {
    let shared_match = one
        .iter()
        .all(|(name, value)| value_of(two, name).is_none_or(|other| is_value(&other, value)));
    shared_match
        && DECISIVE
            .iter()
            .all(|name| one.contains(name) == two.contains(name))
}

fn all_match(one: &Params, two: &Params) -> bool {
    one.iter()
        .all(|(name, value)| value_of(two, name).is_some_and(|other| is_value(&other, value)))
}

/// The value of a parameter whose name may be any bytes; empty for a flag.
fn value_of(params: &Params, name: &[u8]) -> Option<Bytes> {
    let mut params = params.iter();
    let (_, value) = params.find(|(other, _)| other.eq_ignore_ascii_case(name))?;
    Some(value.cloned().unwrap_or_default())
}

fn is_value(one: &Bytes, two: Option<&Bytes>) -> bool {
    let two = two.map(unescape).unwrap_or_default();
    unescape(one).eq_ignore_ascii_case(&two)
}

/// Headers count wholly, in any order.
fn same_headers(one: Vec<(Bytes, Bytes)>, two: Vec<(Bytes, Bytes)>) -> bool {
    let sorted = |headers: Vec<(Bytes, Bytes)>| {
        let lowered = headers
            .into_iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value));
        let mut headers: Vec<_> = lowered.collect();
        headers.sort();
        headers
    };
    sorted(one) == sorted(two)
}
