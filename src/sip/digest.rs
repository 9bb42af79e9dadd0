//! Digest access authentication for SIP (RFC 3261 §22, RFC 7616, RFC 8760): answers to challenges.
//!
//! An [`Authenticator`] holds one line's credentials. They answer one realm only: the configured one, or the
//! first that the line's next hop named. A request is answered for at most [`TRIES_MAX`] times, and the second
//! time only when the peer says that the nonce was stale, not the password wrong.

use core::fmt;

use bytes::Bytes;

use super::Random;
use super::message::{CSeq, Name, Request, Response, StatusCode};

mod algorithm;
mod answer;
mod challenge;

pub use algorithm::Algorithm;

use answer::Nonce;
use challenge::Challenge;

/// How often one request is sent again with an answer to a challenge of one kind.
pub const TRIES_MAX: u32 = 2;

/// A secret that does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Box<str>);

impl Password {
    /// Takes it.
    #[must_use]
    pub fn new(password: &str) -> Self {
        Self(password.into())
    }

    /// Shows it, to be hashed.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Password(..)")
    }
}

/// Who we are to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The only realm they are for; `None` takes the first one that the next hop names, and stays with it.
    pub realm: Option<String>,
    /// The user name.
    pub username: String,
    /// The password.
    pub password: Password,
}

/// Why a challenge is not answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The challenge is for somebody else's credentials.
    #[error("the challenge is for realm \"{named}\", the credentials are for \"{ours}\"")]
    ForeignRealm {
        /// What the peer named, made printable.
        named: String,
        /// What the credentials are for.
        ours: String,
    },
    /// Our answer was refused, and not because of a stale nonce.
    #[error("wrong password or user name")]
    WrongPassword,
    /// Every nonce that the peer gives is stale when it comes back.
    #[error("the server calls its own fresh nonce stale")]
    StaleNonce,
    /// No challenge that is for us uses an algorithm and a quality of protection known here.
    #[error("the server asks for an algorithm that is not known here")]
    NoAlgorithm,
    /// The response is no 401 or 407, or holds no digest challenge.
    #[error("the server asks for no digest")]
    NoChallenge,
}

/// Answers challenges with one line's credentials, and remembers nonces so that later requests need no challenge.
#[derive(Clone, Debug)]
pub struct Authenticator {
    credentials: Credentials,
    random: Random,
    /// The realm that the credentials are bound to.
    realm: Option<Bytes>,
    /// By [`Kind`].
    nonces: [Option<Nonce>; 2],
    /// The request that was last sent again: Call-ID and CSeq, and how often, by [`Kind`].
    tried: Option<(Bytes, u32, [u32; 2])>,
}

/// Who asks: a user agent or registrar, or a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Www,
    Proxy,
}

impl Kind {
    const ALL: [Self; 2] = [Self::Www, Self::Proxy];

    fn of(status: StatusCode) -> Option<Self> {
        match status {
            StatusCode::UNAUTHORIZED => Some(Self::Www),
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => Some(Self::Proxy),
            _ => None,
        }
    }

    fn challenge_header(self) -> Name {
        match self {
            Self::Www => Name::WwwAuthenticate,
            Self::Proxy => Name::ProxyAuthenticate,
        }
    }

    fn answer_header(self) -> Name {
        match self {
            Self::Www => Name::Authorization,
            Self::Proxy => Name::ProxyAuthorization,
        }
    }
}

impl Authenticator {
    /// With these credentials; the generator makes client nonces.
    #[must_use]
    pub fn new(credentials: Credentials, random: Random) -> Self {
        let realm = credentials.realm.clone().map(Bytes::from);
        Self {
            credentials,
            random,
            realm,
            nonces: [None, None],
            tried: None,
        }
    }

    /// Puts in the answer to the challenges that are known already, each nonce counted on (RFC 7616 §3.4). An
    /// answer that stands in the request is replaced. The request's method, URI and body must be final.
    pub fn authorize(&mut self, request: &mut Request) {
        for kind in Kind::ALL {
            request.headers.remove(&kind.answer_header());
            let slot = &mut self.nonces[kind as usize];
            match slot
                .as_mut()
                .map(|nonce| nonce.answer(&self.credentials, request))
            {
                Some(Some(answer)) => request.headers.push(kind.answer_header(), answer),
                // Its count is used up.
                Some(None) => *slot = None,
                None => {}
            }
        }
    }

    /// A 401 or 407 came: the request to send in place of `sent`, with CSeq one higher and without Via.
    ///
    /// # Errors
    /// Why the challenge gets no answer. What was remembered of the peer's nonces is forgotten then.
    pub fn challenged(&mut self, sent: &Request, response: &Response) -> Result<Request, Refused> {
        let kind = Kind::of(response.status).ok_or(Refused::NoChallenge)?;
        let result = self.answer(kind, sent, response);
        if result.is_err() {
            self.nonces[kind as usize] = None;
            self.tried = None;
        }
        result
    }

    fn answer(
        &mut self,
        kind: Kind,
        sent: &Request,
        response: &Response,
    ) -> Result<Request, Refused> {
        let all = Challenge::read_all(&response.headers, &kind.challenge_header());
        let challenge = self.choose(all)?;
        let number = sent.cseq().map_or(0, |cseq| cseq.number);
        let call_id = sent.call_id().cloned().unwrap_or_default();
        let mut tries = match &self.tried {
            Some((id, cseq, tries)) if (id, *cseq) == (&call_id, number) => *tries,
            _ => [0; 2],
        };
        match tries[kind as usize] {
            0 => {}
            tries if !challenge.stale => {
                log::debug!("an answer to a challenge was refused, try {tries}");
                return Err(Refused::WrongPassword);
            }
            tries if tries >= TRIES_MAX => return Err(Refused::StaleNonce),
            _ => {}
        }
        tries[kind as usize] += 1;
        self.realm = Some(challenge.realm.clone());
        let cnonce = self.random.token();
        self.nonces[kind as usize] = Some(Nonce::new(challenge, cnonce));
        let mut request = sent.clone();
        request.headers.remove(&Name::Via);
        let cseq = CSeq {
            number: number.wrapping_add(1) & 0x7FFF_FFFF,
            method: sent.method.clone(),
        };
        self.tried = Some((call_id, cseq.number, tries));
        request.headers.set(Name::CSeq, cseq);
        self.authorize(&mut request);
        Ok(request)
    }

    /// The topmost challenge that is for us and understood (RFC 8760 §2.4).
    fn choose(
        &self,
        all: Vec<Result<Challenge, challenge::Unknown>>,
    ) -> Result<Challenge, Refused> {
        let mut reason = Refused::NoChallenge;
        for challenge in all {
            let realm = match &challenge {
                Ok(challenge) => &challenge.realm,
                Err(unknown) => &unknown.realm,
            };
            let ours = self.realm.as_ref().unwrap_or(realm);
            if ours != realm {
                // A challenge for us that is not understood says more.
                if reason == Refused::NoChallenge {
                    reason = Refused::ForeignRealm {
                        named: printable(realm),
                        ours: printable(ours),
                    };
                }
                continue;
            }
            match challenge {
                Ok(challenge) => return Ok(challenge),
                Err(_) => reason = Refused::NoAlgorithm,
            }
        }
        Err(reason)
    }

    /// A 2xx came to a request that was answered for: takes the next nonce when one is told (RFC 7616 §3.5).
    pub fn accepted(&mut self, response: &Response) {
        self.tried = None;
        let next = challenge::next_nonce(&response.headers);
        if let (Some(next), Some(nonce)) = (next, &mut self.nonces[Kind::Www as usize]) {
            let cnonce = self.random.token();
            nonce.renew(next, cnonce);
        }
    }

    /// Forgets all nonces: the next request goes without an answer. The realm stays.
    pub fn forget_nonces(&mut self) {
        self.nonces = [None, None];
        self.tried = None;
    }

    /// Whether [`Self::authorize`] would put in an answer.
    #[must_use]
    pub fn knows_nonce(&self) -> bool {
        self.nonces.iter().any(Option::is_some)
    }
}

/// A peer's text for logs and status: no control characters, 64 characters at most.
fn printable(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let shown = text.chars().filter(|character| !character.is_control());
    shown.take(64).collect()
}

#[cfg(test)]
mod tests;
