//! The hash functions of digest authentication (RFC 7616 §3.2, RFC 8760 §2.1).

use core::fmt::Write;

use md5::{Digest, Md5};
use sha2::{Sha256, Sha512_256};

/// A digest algorithm. The `-sess` forms hash the nonces into the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// MD5, which is also meant where none is named.
    Md5,
    /// MD5-sess.
    Md5Sess,
    /// SHA-256.
    Sha256,
    /// SHA-256-sess.
    Sha256Sess,
    /// SHA-512-256: SHA-512/256 of FIPS 180-4.
    Sha512_256,
    /// SHA-512-256-sess.
    Sha512_256Sess,
}

impl Algorithm {
    const ALL: [Self; 6] = [
        Self::Md5,
        Self::Md5Sess,
        Self::Sha256,
        Self::Sha256Sess,
        Self::Sha512_256,
        Self::Sha512_256Sess,
    ];

    /// Reads its name, in any case; `None` when it is not known.
    #[must_use]
    pub fn parse(name: &[u8]) -> Option<Self> {
        let named = |it: &Self| name.eq_ignore_ascii_case(it.name().as_bytes());
        Self::ALL.into_iter().find(named)
    }

    /// As challenges and answers spell it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Md5Sess => "MD5-sess",
            Self::Sha256 => "SHA-256",
            Self::Sha256Sess => "SHA-256-sess",
            Self::Sha512_256 => "SHA-512-256",
            Self::Sha512_256Sess => "SHA-512-256-sess",
        }
    }

    /// Whether it is a `-sess` form.
    #[must_use]
    pub fn is_session(self) -> bool {
        matches!(
            self,
            Self::Md5Sess | Self::Sha256Sess | Self::Sha512_256Sess
        )
    }

    /// The hash of the parts joined by colons, in lower-case hexadecimal digits.
    #[must_use]
    pub fn hash(self, parts: &[&[u8]]) -> String {
        match self {
            Self::Md5 | Self::Md5Sess => hex::<Md5>(parts),
            Self::Sha256 | Self::Sha256Sess => hex::<Sha256>(parts),
            Self::Sha512_256 | Self::Sha512_256Sess => hex::<Sha512_256>(parts),
        }
    }
}

fn hex<D: Digest>(parts: &[&[u8]]) -> String {
    let mut digest = D::new();
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            digest.update(b":");
        }
        digest.update(part);
    }
    let mut text = String::with_capacity(64);
    for byte in digest.finalize() {
        // Writing to a String cannot fail.
        let _written = write!(text, "{byte:02x}");
    }
    text
}
