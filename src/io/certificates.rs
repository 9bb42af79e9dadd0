//! The certificate this box shows: two PEM files, read again when they change (RFC 5922).
//!
//! A renewal replaces the files under a running daemon. A bad or half-written pair is refused in words
//! and the old one stays in use.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::client::danger::ServerCertVerifier;
use rustls::client::{ResolvesClientCert, WebPkiServerVerifier};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, RootCertStore, SignatureScheme};

use super::clock;

/// A certificate that ends within this time is warned about: two tries of a usual renewal are left.
const SOON: Duration = Duration::from_hours(14 * 24);

/// Why a pair of files is not used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateFault {
    /// A file cannot be read.
    #[error("{path} cannot be read: {reason}")]
    Unread {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A file holds no PEM of its kind.
    #[error("{path} holds no {what} in PEM form: {reason}")]
    NotPem {
        /// Which file.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
        /// What the reader says.
        reason: String,
    },
    /// The key does not belong to the certificate, or is of a kind that is not supported.
    #[error("{certificate} and {key} do not work together: {reason}")]
    Unusable {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why.
        reason: String,
    },
}

/// Where a certificate stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// In use, and for longer than two weeks.
    Good,
    /// It ends within two weeks.
    EndsSoon,
    /// It has ended.
    Expired,
    /// It has not begun: this box's clock or the certificate is wrong.
    NotYet,
}

impl Validity {
    /// What is to be said of it, after the certificate's name.
    #[must_use]
    pub fn warning(self) -> Option<&'static str> {
        match self {
            Self::Good => None,
            Self::EndsSoon => Some("ends within 14 days; renew it"),
            Self::Expired => Some("has expired; peers will refuse it, renew it"),
            Self::NotYet => Some("is not valid yet; look at this box's clock"),
        }
    }
}

/// What a file looked like: time of its last change and length.
type Stamp = Option<(SystemTime, u64)>;

/// The pair of files and what was read from them last. Shared by all handshakes.
pub struct Certificates {
    certificate: PathBuf,
    key: PathBuf,
    current: RwLock<Arc<CertifiedKey>>,
    seen: Mutex<[Stamp; 2]>,
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the key.
        write!(f, "Certificates({})", self.certificate.display())
    }
}

impl Certificates {
    /// Reads the pair: a chain with our own certificate first, and its private key.
    ///
    /// # Errors
    /// When a file cannot be read, is no PEM, or the two do not belong together.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, CertificateFault> {
        let seen = [stamp(certificate), stamp(key)];
        let current = read(certificate, key)?;
        let loaded = Self {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            current: RwLock::new(Arc::new(current)),
            seen: Mutex::new(seen),
        };
        loaded.tell_validity();
        Ok(loaded)
    }

    /// Reads the files again if they have changed; true when a new pair is in use from now on. A bad
    /// pair is warned about once and the old one stays.
    pub fn refresh(&self) -> bool {
        let found = [stamp(&self.certificate), stamp(&self.key)];
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == found {
            return false;
        }
        *seen = found;
        drop(seen);
        match read(&self.certificate, &self.key) {
            Ok(pair) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(pair);
                log::info!(
                    "the certificate {} was read anew",
                    self.certificate.display()
                );
                self.tell_validity();
                true
            }
            Err(fault) => {
                log::warn!("the old certificate stays in use: {fault}");
                false
            }
        }
    }

    /// Where the certificate in use stands at this hour.
    #[must_use]
    pub fn validity(&self) -> Validity {
        let now = clock::wallclock()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let pair = self.pair();
        match (at(&pair, now), at(&pair, now + SOON)) {
            (Some(wrong), _) => wrong,
            (None, Some(Validity::Expired)) => Validity::EndsSoon,
            (None, _) => Validity::Good,
        }
    }

    /// A warning for the administrator, if there is cause for one.
    pub fn tell_validity(&self) {
        if let Some(what) = self.validity().warning() {
            log::warn!("the certificate {} {what}", self.certificate.display());
        }
    }

    fn pair(&self) -> Arc<CertifiedKey> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.pair())
    }
}

/// A peer that asks who dials it is shown the same certificate.
impl ResolvesClientCert for Certificates {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.pair())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

fn stamp(path: &Path) -> Stamp {
    let data = std::fs::metadata(path).ok()?;
    Some((data.modified().ok()?, data.len()))
}

fn read(certificate: &Path, key: &Path) -> Result<CertifiedKey, CertificateFault> {
    let content = |path: &Path| {
        std::fs::read(path).map_err(|error| CertificateFault::Unread {
            path: path.to_owned(),
            reason: error.to_string(),
        })
    };
    let not_pem = |path: &Path, what, reason: String| CertificateFault::NotPem {
        path: path.to_owned(),
        what,
        reason,
    };
    let pem = content(certificate)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let chain = chain.map_err(|error| not_pem(certificate, "certificate", error.to_string()))?;
    if chain.is_empty() {
        let reason = "nothing found".to_owned();
        return Err(not_pem(certificate, "certificate", reason));
    }
    let private = PrivateKeyDer::from_pem_slice(&content(key)?)
        .map_err(|error| not_pem(key, "private key", error.to_string()))?;
    CertifiedKey::from_der(chain, private, &default_provider()).map_err(|error| {
        CertificateFault::Unusable {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            reason: error.to_string(),
        }
    })
}

/// What is wrong with the validity of a certificate at a time, by the library's own path check: the
/// period is judged before the issuer, so that an issuer nobody knows does no harm.
fn at(pair: &CertifiedKey, time: Duration) -> Option<Validity> {
    let own = pair.cert.first()?;
    let mut roots = RootCertStore::empty();
    roots.add(own.clone()).ok()?;
    let provider = Arc::new(default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .ok()?;
    let name = ServerName::try_from("validity.invalid").ok()?;
    let time = UnixTime::since_unix_epoch(time);
    let rustls::Error::InvalidCertificate(error) = verifier
        .verify_server_cert(own, &[], &name, &[], time)
        .err()?
    else {
        return None;
    };
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            Some(Validity::Expired)
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            Some(Validity::NotYet)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
