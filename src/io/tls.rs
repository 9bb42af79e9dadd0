//! TLS towards outside services: one set of trusted roots, rustls with ring named explicitly.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// What every request and every WebSocket calls itself; services refuse clients without a name.
pub const USER_AGENT: &str = concat!("ringwell/", env!("CARGO_PKG_VERSION"));

/// How long a kept connection may idle: longer than the pause between two calls of a busy hour.
const POOL_IDLE: Duration = Duration::from_secs(240);
/// HTTP/2 pings on an idle connection, so that a dead one is found before a caller needs it.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file of extra authorities cannot be read.
    #[error("the certificate file {path} cannot be read: {reason}")]
    Authority {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A protocol version or client cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Setup(String),
}

/// The trusted roots and the two client configurations made of them. Cheap to clone; make one.
#[derive(Clone, Debug)]
pub struct Tls {
    roots: Arc<RootCertStore>,
    websocket: Arc<ClientConfig>,
    http: ClientConfig,
}

impl Tls {
    /// The machine's own roots, and those of `extra` (a PEM file) if given. A machine without roots
    /// is warned about, since every encrypted connection will then fail.
    ///
    /// # Errors
    /// When the extra file cannot be read or holds no certificate.
    pub fn new(extra: Option<&Path>) -> Result<Self, TlsError> {
        Self::with_roots(Arc::new(trusted_roots(extra)?))
    }

    fn with_roots(roots: Arc<RootCertStore>) -> Result<Self, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let websocket = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError::Setup(error.to_string()))?
            .with_root_certificates(Arc::clone(&roots))
            .with_no_client_auth();
        let mut http = websocket.clone();
        http.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self {
            roots,
            websocket: Arc::new(websocket),
            http,
        })
    }

    /// The trusted roots, for whoever makes a configuration of his own: reading them takes some milliseconds.
    #[must_use]
    pub fn roots(&self) -> Arc<RootCertStore> {
        Arc::clone(&self.roots)
    }

    /// The configuration shared by all WebSockets (and with it the session tickets).
    #[must_use]
    pub fn websocket(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.websocket)
    }

    /// An HTTP client with its own pool: named, never redirected (a redirect would carry the key
    /// elsewhere), no environment proxy, connections kept between calls.
    ///
    /// # Errors
    /// When the client cannot be built.
    pub fn http_client(&self, connect: Duration) -> Result<reqwest::Client, TlsError> {
        reqwest::Client::builder()
            .tls_backend_preconfigured(self.http.clone())
            .user_agent(USER_AGENT)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(connect)
            .tcp_nodelay(true)
            .pool_idle_timeout(POOL_IDLE)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .http2_keep_alive_timeout(Duration::from_secs(5))
            .http2_keep_alive_while_idle(true)
            .build()
            .map_err(|error| TlsError::Setup(error.to_string()))
    }
}

/// The machine's own roots, and those of `extra` (a PEM file) if given. A machine without roots is
/// warned about, since every encrypted connection will then fail.
///
/// # Errors
/// When the extra file cannot be read or holds no certificate.
pub fn trusted_roots(extra: Option<&Path>) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    for error in &native.errors {
        log::debug!("trusted roots: {error}");
    }
    let (added, _) = roots.add_parsable_certificates(native.certs);
    if added == 0 && extra.is_none() {
        log::warn!("this machine has no trusted root certificates; install ca-certificates");
    }
    if let Some(path) = extra {
        add_authorities(&mut roots, path)?;
    }
    Ok(roots)
}

/// True when the far end's certificate is not trusted: no retry helps, the administrator must act.
#[must_use]
pub fn untrusted(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(rustls::Error::InvalidCertificate(_)) = error.downcast_ref() {
            return true;
        }
        // An io::Error names the source of what it carries, not what it carries.
        cause = match error.downcast_ref::<io::Error>().map(io::Error::get_ref) {
            Some(carried) => carried.map(|inner| inner as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    false
}

fn add_authorities(roots: &mut RootCertStore, path: &Path) -> Result<(), TlsError> {
    let refuse = |reason: String| TlsError::Authority {
        path: path.to_owned(),
        reason,
    };
    let pem = std::fs::read(path).map_err(|error: io::Error| refuse(error.to_string()))?;
    let mut found = 0;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| refuse(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| refuse(error.to_string()))?;
        found += 1;
    }
    if found == 0 {
        return Err(refuse("it holds no certificate in PEM form".to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
