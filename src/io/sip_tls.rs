//! TLS of SIP connections (RFC 3261 §26.2, RFC 5922): whom we are, and whom we expect.
//!
//! The name to expect at an address is asked of the line that owns the address: carriers put bare IP
//! addresses into Record-Route and Contact, and their certificates name no IP address. No ALPN is
//! offered or demanded, since SIP has none that peers agree on.

use core::net::{IpAddr, SocketAddr};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::certificates::{CertificateFault, Certificates};

/// Where to listen for TLS and what to show there.
#[derive(Clone, Debug)]
pub struct TlsListen {
    /// Addresses; port 0 lets the kernel choose.
    pub addresses: Vec<SocketAddr>,
    /// PEM file: our certificate, then those that lead to its authority.
    pub certificate: PathBuf,
    /// PEM file: its private key.
    pub key: PathBuf,
}

/// Whom to expect at an address that is dialled.
#[derive(Clone, Debug, Default)]
pub struct TlsPeer {
    /// The name in its certificate, also sent as SNI. `None`: the certificate must name the address.
    pub name: Option<String>,
    /// Who may have signed it; the settings' own roots when `None`.
    pub roots: Option<Arc<RootCertStore>>,
}

/// Tells whom to expect at an address; `None` like a default [`TlsPeer`].
pub type Identify = Arc<dyn Fn(SocketAddr) -> Option<TlsPeer> + Send + Sync>;

/// Either end of any connection, with or without TLS.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

/// A connection as the rest sees it.
pub(super) type Pipe = Box<dyn Duplex>;

/// Makes TLS of connections, both ways.
pub(super) struct TlsEnds {
    acceptor: Option<TlsAcceptor>,
    certificates: Option<Arc<Certificates>>,
    roots: Arc<RootCertStore>,
    identify: Identify,
}

impl TlsEnds {
    /// With a certificate of ours, or for dialling alone.
    pub(super) fn new(
        certificates: Option<Arc<Certificates>>,
        roots: Arc<RootCertStore>,
        identify: Identify,
    ) -> io::Result<Self> {
        let acceptor = match &certificates {
            Some(certificates) => Some(acceptor(Arc::clone(certificates))?),
            None => None,
        };
        Ok(Self {
            acceptor,
            certificates,
            roots,
            identify,
        })
    }

    /// The server's handshake.
    pub(super) async fn accept(&self, stream: TcpStream) -> io::Result<Pipe> {
        let acceptor = self.acceptor.as_ref().ok_or(io::ErrorKind::Unsupported)?;
        Ok(Box::new(acceptor.accept(stream).await?))
    }

    /// The client's handshake. An error tells the name that was expected.
    pub(super) async fn connect(&self, stream: TcpStream, remote: SocketAddr) -> io::Result<Pipe> {
        let peer = (self.identify)(remote).unwrap_or_default();
        let ip = remote.ip().to_canonical();
        let name = server_name(peer.name, ip)?;
        let expected = name.to_str().into_owned();
        let roots = peer.roots.unwrap_or_else(|| Arc::clone(&self.roots));
        let connector = TlsConnector::from(Arc::new(self.client(roots)?));
        let connected = connector.connect(name, stream).await;
        let stream = connected.map_err(|error| {
            io::Error::new(error.kind(), format!("TLS as `{expected}`: {error}"))
        })?;
        Ok(Box::new(stream))
    }

    fn client(&self, roots: Arc<RootCertStore>) -> io::Result<ClientConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots);
        Ok(match &self.certificates {
            Some(own) => builder.with_client_cert_resolver(Arc::clone(own) as _),
            None => builder.with_no_client_auth(),
        })
    }
}

/// What a handshake has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shaken {
    /// The name that the certificate was found good for.
    pub name: String,
}

/// Why there is no TLS with a peer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsFault {
    /// Its certificate has ended.
    #[error(
        "its certificate has expired: its owner must renew it, if this machine's clock is right"
    )]
    Expired,
    /// Its certificate has not begun.
    #[error("its certificate is not valid yet: look at this machine's clock")]
    NotYet,
    /// Its certificate is another's.
    #[error(
        "its certificate is not for `{0}`: name what it is for in tls_name, or correct the line's address"
    )]
    WrongName(String),
    /// Nobody who is trusted has signed its certificate.
    #[error(
        "nobody who is trusted has signed its certificate: name its authority's file in tls_ca"
    )]
    UnknownAuthority,
    /// Its certificate is of no use otherwise.
    #[error("its certificate is of no use: {0}")]
    Unusable(String),
    /// It wants a certificate of ours, or refuses the one it was shown.
    #[error("it refuses us: {0}; does it want a certificate of ours ([sip] certificate)?")]
    Refused(String),
    /// It does not speak TLS there.
    #[error("it does not speak TLS on that port")]
    NoTls,
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

/// Dials a peer's TLS as the daemon would, with what identifies it, and our certificate where it asks for one.
///
/// # Errors
/// [`TlsFault`], in words for its administrator.
pub async fn shake_hands(
    stream: TcpStream,
    remote: SocketAddr,
    peer: TlsPeer,
    certificates: Option<Arc<Certificates>>,
) -> Result<Shaken, TlsFault> {
    let other = |error: io::Error| TlsFault::Other(error.to_string());
    let roots = peer.roots.clone();
    let roots = roots.unwrap_or_else(|| Arc::new(RootCertStore::empty()));
    let name = server_name(peer.name, remote.ip().to_canonical()).map_err(other)?;
    let expected = name.to_str().into_owned();
    let never: Identify = Arc::new(|_| None);
    let ends = TlsEnds {
        acceptor: None,
        certificates,
        roots: Arc::clone(&roots),
        identify: never,
    };
    let connector = TlsConnector::from(Arc::new(ends.client(roots).map_err(other)?));
    let fault = |error: io::Error| fault(&error, &expected);
    let mut stream = connector.connect(name, stream).await.map_err(fault)?;
    // With TLS 1.3 a peer that does not like our certificate says so only after the handshake. What is no
    // message, but two line breaks, may be answered (RFC 5626 §3.5.1) or not.
    let answered = async {
        stream.write_all(b"\r\n\r\n").await?;
        stream.read(&mut [0; 16]).await
    };
    match tokio::time::timeout(SECOND_THOUGHTS, answered).await {
        Ok(Err(error)) if matches!(refusal(&error), Some(rustls::Error::AlertReceived(_))) => {
            Err(self::fault(&error, &expected))
        }
        _ => Ok(Shaken { name: expected }),
    }
}

/// How long a peer may take to refuse us after the handshake.
const SECOND_THOUGHTS: Duration = Duration::from_secs(1);

fn refusal(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

fn fault(error: &io::Error, expected: &str) -> TlsFault {
    use rustls::{CertificateError as Bad, Error};
    let expected = || expected.to_owned();
    match refusal(error) {
        Some(Error::InvalidCertificate(bad)) => match bad {
            Bad::Expired | Bad::ExpiredContext { .. } => TlsFault::Expired,
            Bad::NotValidYet | Bad::NotValidYetContext { .. } => TlsFault::NotYet,
            Bad::NotValidForName | Bad::NotValidForNameContext { .. } => {
                TlsFault::WrongName(expected())
            }
            Bad::UnknownIssuer => TlsFault::UnknownAuthority,
            bad => TlsFault::Unusable(bad.to_string()),
        },
        Some(Error::InvalidMessage(_)) => TlsFault::NoTls,
        Some(Error::AlertReceived(alert)) => TlsFault::Refused(format!("{alert:?}")),
        Some(error) => TlsFault::Other(error.to_string()),
        None if error.kind() == io::ErrorKind::UnexpectedEof => TlsFault::NoTls,
        None => TlsFault::Other(error.to_string()),
    }
}

fn acceptor(certificates: Arc<Certificates>) -> io::Result<TlsAcceptor> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn server_name(name: Option<String>, ip: IpAddr) -> io::Result<ServerName<'static>> {
    let Some(name) = name else {
        return Ok(ServerName::from(ip));
    };
    ServerName::try_from(name.clone()).map_err(|error| {
        let words = format!("`{name}` is no name for TLS: {error}");
        io::Error::new(io::ErrorKind::InvalidInput, words)
    })
}

/// What a pair of files that cannot be used is to the one who binds.
pub(super) fn refused(fault: CertificateFault) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, fault)
}
