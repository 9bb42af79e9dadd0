//! Answers to challenges (RFC 7616 §3.4): the hashes, and the header that carries them.

use bytes::Bytes;

use super::Credentials;
use super::challenge::{Challenge, Protection};
use crate::sip::message::{Auth, Request};

/// A challenge with how often its nonce was used.
#[derive(Clone, Debug)]
pub(super) struct Nonce {
    challenge: Challenge,
    /// One for all uses of the nonce, since a `-sess` secret is made of the first.
    cnonce: String,
    count: u32,
}

/// What is asked, as far as it is hashed.
pub(super) struct Asked<'a> {
    pub(super) method: &'a [u8],
    pub(super) uri: &'a [u8],
    pub(super) body: &'a [u8],
}

impl Nonce {
    pub(super) fn new(challenge: Challenge, cnonce: String) -> Self {
        Self {
            challenge,
            cnonce,
            count: 0,
        }
    }

    /// The same challenge with the server's next nonce.
    pub(super) fn renew(&mut self, nonce: Bytes, cnonce: String) {
        self.challenge.nonce = nonce;
        self.cnonce = cnonce;
        self.count = 0;
    }

    /// The header value for a request; `None` when the nonce's count is used up.
    pub(super) fn answer(&mut self, credentials: &Credentials, request: &Request) -> Option<Auth> {
        self.count = self.count.checked_add(1)?;
        let challenge = &self.challenge;
        let count = format!("{:08x}", self.count);
        let asked = Asked {
            method: request.method.as_bytes(),
            uri: request.uri.as_bytes(),
            body: &request.body,
        };
        let response = self.response(credentials, &asked, &count);
        let mut auth = Auth::new("Digest")
            .quoted("username", credentials.username.as_bytes())
            .quoted("realm", &challenge.realm)
            .quoted("nonce", &challenge.nonce)
            .quoted("uri", request.uri.as_bytes())
            .quoted("response", response.as_bytes());
        if challenge.names_algorithm {
            auth = auth.token("algorithm", challenge.algorithm.name().as_bytes());
        }
        if let Some(opaque) = &challenge.opaque {
            auth = auth.quoted("opaque", opaque);
        }
        let sends_cnonce =
            challenge.protection != Protection::Old || challenge.algorithm.is_session();
        if let Some(qop) = challenge.protection.name() {
            auth = auth
                .token("qop", qop.as_bytes())
                .token("nc", count.as_bytes());
        }
        if sends_cnonce {
            auth = auth.quoted("cnonce", self.cnonce.as_bytes());
        }
        Some(auth)
    }

    /// The hash of all (RFC 7616 §3.4.1); `count` is `nc` as written.
    pub(super) fn response(
        &self,
        credentials: &Credentials,
        asked: &Asked<'_>,
        count: &str,
    ) -> String {
        let Challenge {
            realm,
            nonce,
            algorithm,
            protection,
            ..
        } = &self.challenge;
        let cnonce = self.cnonce.as_bytes();
        let secret = [
            credentials.username.as_bytes(),
            realm,
            credentials.password.expose().as_bytes(),
        ];
        let mut secret = algorithm.hash(&secret);
        if algorithm.is_session() {
            secret = algorithm.hash(&[secret.as_bytes(), nonce, cnonce]);
        }
        let asked = match protection {
            Protection::Integrity => {
                let body = algorithm.hash(&[asked.body]);
                algorithm.hash(&[asked.method, asked.uri, body.as_bytes()])
            }
            Protection::Old | Protection::Auth => algorithm.hash(&[asked.method, asked.uri]),
        };
        let (secret, asked) = (secret.as_bytes(), asked.as_bytes());
        match protection.name() {
            None => algorithm.hash(&[secret, nonce, asked]),
            Some(qop) => {
                let qop = qop.as_bytes();
                algorithm.hash(&[secret, nonce, count.as_bytes(), cnonce, qop, asked])
            }
        }
    }
}
