//! Keys of a stream in its session description (RFC 4568).

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
