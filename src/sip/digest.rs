//! Digest access authentication for SIP (RFC 3261 §22, RFC 8760): answers to challenges.

use core::fmt;

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
