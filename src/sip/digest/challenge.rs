//! Challenges (RFC 3261 §20.44, RFC 7616 §3.3), as far as they can be answered.

use bytes::Bytes;

use super::Algorithm;
use crate::sip::message::{Auth, Headers, Name};

/// Bytes that realm, nonce and opaque may have together: they come back in every request, and a REGISTER must
/// fit a datagram. Real ones stay under 300. A challenge with more counts as one that is not understood.
const CHALLENGE_MAX: usize = 1024;

/// A challenge that can be answered.
#[derive(Clone, Debug)]
pub(super) struct Challenge {
    pub(super) realm: Bytes,
    pub(super) nonce: Bytes,
    pub(super) opaque: Option<Bytes>,
    pub(super) algorithm: Algorithm,
    /// Whether the algorithm was named; it is named in the answer only then.
    pub(super) names_algorithm: bool,
    pub(super) protection: Protection,
    /// The answer was right, but to an old nonce.
    pub(super) stale: bool,
}

/// What the answer protects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protection {
    /// As RFC 2069 did: no client nonce, no count.
    Old,
    /// `auth`.
    Auth,
    /// `auth-int`: the body, too.
    Integrity,
}

/// A digest challenge with an algorithm or protection that is not known here.
#[derive(Clone, Debug)]
pub(super) struct Unknown {
    pub(super) realm: Bytes,
}

impl Challenge {
    /// Every digest challenge of a header, in order; commas in a line and several lines are the same.
    pub(super) fn read_all(headers: &Headers, name: &Name) -> Vec<Result<Self, Unknown>> {
        let lines = headers.all(name);
        let all = lines.flat_map(Auth::parse_all);
        all.filter_map(|auth| Self::read(&auth)).collect()
    }

    /// `None` for another scheme, or without realm or nonce.
    fn read(auth: &Auth) -> Option<Result<Self, Unknown>> {
        if !auth.is("Digest") {
            return None;
        }
        let (realm, nonce) = (auth.get("realm")?, auth.get("nonce")?);
        let opaque = auth.get("opaque");
        let size = realm.len() + nonce.len() + opaque.as_ref().map_or(0, Bytes::len);
        let told = auth.get("algorithm");
        let algorithm = match &told {
            Some(name) => Algorithm::parse(name.trim_ascii()),
            None => Some(Algorithm::Md5),
        };
        let protection = Protection::choose(auth.get("qop").as_deref());
        let (Some(algorithm), Some(protection), true) =
            (algorithm, protection, size <= CHALLENGE_MAX)
        else {
            return Some(Err(Unknown { realm }));
        };
        Some(Ok(Self {
            realm,
            nonce,
            opaque,
            algorithm,
            names_algorithm: told.is_some(),
            protection,
            stale: auth
                .get("stale")
                .is_some_and(|stale| stale.eq_ignore_ascii_case(b"true")),
        }))
    }
}

impl Protection {
    /// `auth` where it is offered, else `auth-int`; `None` when neither of what is offered is known.
    fn choose(offered: Option<&[u8]>) -> Option<Self> {
        let mut tokens = offered
            .unwrap_or_default()
            .split(|byte| *byte == b',')
            .map(<[u8]>::trim_ascii)
            .filter(|token| !token.is_empty())
            .peekable();
        if tokens.peek().is_none() {
            return Some(Self::Old);
        }
        let mut chosen = None;
        for token in tokens {
            if token.eq_ignore_ascii_case(b"auth") {
                return Some(Self::Auth);
            }
            if token.eq_ignore_ascii_case(b"auth-int") {
                chosen = Some(Self::Integrity);
            }
        }
        chosen
    }

    /// The value of `qop` in the answer.
    pub(super) fn name(self) -> Option<&'static str> {
        match self {
            Self::Old => None,
            Self::Auth => Some("auth"),
            Self::Integrity => Some("auth-int"),
        }
    }
}

/// The nonce to use from now on, where a 2xx tells one (RFC 7616 §3.5). Authentication-Info has no scheme.
pub(super) fn next_nonce(headers: &Headers) -> Option<Bytes> {
    let name = Name::AuthenticationInfo;
    let pairs = headers.elements(&name);
    let named = pairs.filter_map(|pair| {
        let info = Auth::parse(&[b"Digest ", &pair[..]].concat().into())?;
        info.get("nextnonce")
    });
    let mut usable = named.filter(|nonce| !nonce.is_empty() && nonce.len() <= CHALLENGE_MAX);
    usable.next()
}
