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
    let shared_match = one.iter().all(|(name, value)| {
        let name = String::from_utf8_lossy(name);
        !two.contains(&name) || same_value(two, &name, value)
    });
    shared_match
        && DECISIVE
            .iter()
            .all(|name| one.contains(name) == two.contains(name))
}

fn all_match(one: &Params, two: &Params) -> bool {
    one.iter()
        .all(|(name, value)| same_value(two, &String::from_utf8_lossy(name), value))
}

fn same_value(params: &Params, name: &str, value: Option<&Bytes>) -> bool {
    let value = unescape(&value.cloned().unwrap_or_default());
    params
        .get(name)
        .is_some_and(|other| unescape(&other).eq_ignore_ascii_case(&value))
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
