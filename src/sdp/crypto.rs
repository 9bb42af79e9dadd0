//! Keys of a stream in its session description (RFC 4568).
//!
//! [`mod@line`] reads and writes `a=crypto`; here is what is known of our own side. Our keys are made of the
//! session's seed, one for each time that keys are agreed on, so that no key is ever used twice; a key stays as
//! long as the peer's stays, so that a refresh of the session leaves the roll-over counters alone.

use sha2::{Digest, Sha256};

use super::{Negotiated, SessionDescription};

mod base64;
pub(super) mod line;
#[cfg(test)]
mod tests;

/// Whether the stream is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SrtpPolicy {
    /// Never: an offer that demands it is refused.
    #[default]
    Off,
    /// When the peer wants it; our own offers are plain.
    Accepted,
    /// Always: a plain offer is refused.
    Required,
}

/// Our side of the encryption.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Srtp {
    /// Whether.
    pub policy: SrtpPolicy,
    /// Unpredictable bytes that our keys of this session are made of; fresh for each session.
    pub seed: [u8; 32],
    /// What stands, if the stream is encrypted.
    standing: Option<Standing>,
    /// Keys of ours that were agreed on before.
    generation: u32,
}

/// An agreed encryption.
#[derive(Clone, PartialEq, Eq)]
struct Standing {
    crypto: Crypto,
    /// The profile that our side was described with.
    protocol: String,
}

/// A crypto suite (RFC 4568 §6.2, RFC 6188, RFC 7714).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Suite {
    /// `AES_CM_128_HMAC_SHA1_80`
    AesCm128HmacSha1_80,
    /// `AES_CM_128_HMAC_SHA1_32`
    AesCm128HmacSha1_32,
    /// `AES_256_CM_HMAC_SHA1_80`
    Aes256CmHmacSha1_80,
    /// `AES_256_CM_HMAC_SHA1_32`
    Aes256CmHmacSha1_32,
    /// `AEAD_AES_128_GCM`
    AeadAes128Gcm,
    /// `AEAD_AES_256_GCM`
    AeadAes256Gcm,
}

/// Agreed keys: master key and master salt, one after the other, for each way.
#[derive(Clone, PartialEq, Eq)]
pub struct Crypto {
    /// Of both ways.
    pub suite: Suite,
    /// Encrypts what we send.
    pub send_key: Vec<u8>,
    /// Decrypts what we receive.
    pub receive_key: Vec<u8>,
}

impl Srtp {
    /// Our side before anything is agreed on.
    #[must_use]
    pub fn new(policy: SrtpPolicy, seed: [u8; 32]) -> Self {
        Self {
            policy,
            seed,
            ..Self::default()
        }
    }

    /// Takes what was agreed on with this description of our own side.
    pub fn settle(&mut self, ours: &SessionDescription, negotiated: &Negotiated) {
        let next = negotiated.crypto.clone().map(|crypto| {
            let live = ours.media.iter().find(|media| media.port != 0);
            Standing {
                crypto,
                protocol: live.map_or_else(String::new, |media| media.protocol.clone()),
            }
        });
        let sent_with =
            |standing: &Option<Standing>| standing.as_ref().map(|it| it.crypto.send_key.clone());
        if next.is_some() && sent_with(&next) != sent_with(&self.standing) {
            self.generation = self.generation.wrapping_add(1);
        }
        self.standing = next;
    }

    /// The profile of our offers, when they are encrypted: always where that is required, and once it was
    /// agreed on (an offer that forgot the keys would end the encryption).
    pub(super) fn offered_profile(&self) -> Option<&str> {
        match &self.standing {
            Some(standing) => Some(&standing.protocol),
            None => (self.policy == SrtpPolicy::Required).then_some(line::SAVP),
        }
    }

    /// The suites of our offers and our keys for them: what stands goes first, and keeps its key.
    pub(super) fn offered_keys(&self) -> Vec<(Suite, Vec<u8>)> {
        let standing = self.standing.as_ref().map(|it| &it.crypto);
        let kept = standing.map(|crypto| (crypto.suite, crypto.send_key.clone()));
        let others = OFFERED.iter().copied();
        let others = others.filter(|suite| standing.is_none_or(|it| it.suite != *suite));
        let others = others.map(|suite| (suite, self.fresh_key(suite)));
        kept.into_iter().chain(others).collect()
    }

    /// Our key in the answer to an offer with this key.
    pub(super) fn answering_key(&self, suite: Suite, theirs: &[u8]) -> Vec<u8> {
        match &self.standing {
            Some(Standing { crypto, .. })
                if crypto.suite == suite && crypto.receive_key == theirs =>
            {
                crypto.send_key.clone()
            }
            _ => self.fresh_key(suite),
        }
    }

    /// A key that was never used: the seed expanded by the one-step derivation of NIST SP 800-56C.
    fn fresh_key(&self, suite: Suite) -> Vec<u8> {
        let mut key = Vec::with_capacity(suite.key_and_salt());
        for counter in 1u32.. {
            let block = Sha256::new()
                .chain_update(counter.to_be_bytes())
                .chain_update(self.seed)
                .chain_update(b"SDES")
                .chain_update(self.generation.to_be_bytes())
                .chain_update(suite.name())
                .finalize();
            key.extend_from_slice(&block);
            if key.len() >= suite.key_and_salt() {
                break;
            }
        }
        key.truncate(suite.key_and_salt());
        key
    }
}

impl Suite {
    const ALL: [Self; 6] = [
        Self::AesCm128HmacSha1_80,
        Self::AesCm128HmacSha1_32,
        Self::Aes256CmHmacSha1_80,
        Self::Aes256CmHmacSha1_32,
        Self::AeadAes128Gcm,
        Self::AeadAes256Gcm,
    ];

    /// Its registered name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AesCm128HmacSha1_80 => "AES_CM_128_HMAC_SHA1_80",
            Self::AesCm128HmacSha1_32 => "AES_CM_128_HMAC_SHA1_32",
            Self::Aes256CmHmacSha1_80 => "AES_256_CM_HMAC_SHA1_80",
            Self::Aes256CmHmacSha1_32 => "AES_256_CM_HMAC_SHA1_32",
            Self::AeadAes128Gcm => "AEAD_AES_128_GCM",
            Self::AeadAes256Gcm => "AEAD_AES_256_GCM",
        }
    }

    /// Bytes of its master key (RFC 4568 §6.2, RFC 6188 §4, RFC 7714 §14.2).
    #[must_use]
    pub const fn key_length(self) -> usize {
        match self {
            Self::AesCm128HmacSha1_80 | Self::AesCm128HmacSha1_32 | Self::AeadAes128Gcm => 16,
            Self::Aes256CmHmacSha1_80 | Self::Aes256CmHmacSha1_32 | Self::AeadAes256Gcm => 32,
        }
    }

    /// Bytes of its master salt.
    #[must_use]
    pub const fn salt_length(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 12,
            _ => 14,
        }
    }

    const fn key_and_salt(self) -> usize {
        self.key_length() + self.salt_length()
    }

    /// The suite of a name. Devices older than RFC 6188 write `AES_CM_256` for `AES_256_CM`.
    fn named(name: &str) -> Option<Self> {
        let name = name
            .to_ascii_uppercase()
            .replace("AES_CM_256", "AES_256_CM");
        Self::ALL.into_iter().find(|suite| suite.name() == name)
    }
}

/// What we offer, most liked first. What every device must speak goes first (RFC 4568 §6.2): some look at the
/// first line alone. The rest is for peers whose owner has forbidden it.
const OFFERED: [Suite; 5] = [
    Suite::AesCm128HmacSha1_80,
    Suite::AeadAes256Gcm,
    Suite::AeadAes128Gcm,
    Suite::Aes256CmHmacSha1_80,
    Suite::AesCm128HmacSha1_32,
];

impl core::fmt::Debug for Srtp {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter
            .debug_struct("Srtp")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

impl core::fmt::Debug for Crypto {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter
            .debug_struct("Crypto")
            .field("suite", &self.suite)
            .finish_non_exhaustive()
    }
}
