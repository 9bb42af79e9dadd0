use core::net::SocketAddr;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsConnector;

use super::*;
use crate::sandbox::{Sandbox, Settings};

const QUESTION: &[u8] = b"GET /state HTTP/1.1\r\nHost: sandbox\r\nConnection: close\r\n\r\n";

/// A sandbox with a certificate of its own, and a client that trusts it.
async fn sandbox() -> (Sandbox, TlsConnector, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let files = TlsFiles {
        certificate: folder.path().join("cloud.pem"),
        key: folder.path().join("cloud.key"),
    };
    std::fs::write(&files.certificate, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let settings = Settings {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        tls: Some(files),
        ..Settings::default()
    };
    let sandbox = Sandbox::start(settings).await.unwrap();
    (sandbox, TlsConnector::from(Arc::new(client)), folder)
}

async fn ask(connector: &TlsConnector, address: SocketAddr) -> String {
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::from(address.ip());
    let mut stream = connector.connect(name, stream).await.unwrap();
    stream.write_all(QUESTION).await.unwrap();
    let mut answer = Vec::new();
    // The far end may close without saying so in TLS.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn everything_is_served_over_tls() {
    let (sandbox, connector, _folder) = sandbox().await;
    let answer = ask(&connector, sandbox.addr).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("\"tickets\""), "{answer}");
}

#[tokio::test]
async fn a_handshake_that_does_not_come_keeps_nobody_waiting() {
    let (sandbox, connector, _folder) = sandbox().await;
    let _silent = TcpStream::connect(sandbox.addr).await.unwrap();
    let mut plain = TcpStream::connect(sandbox.addr).await.unwrap();
    plain.write_all(QUESTION).await.unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "plain text was answered");
    let answer = ask(&connector, sandbox.addr).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn a_certificate_that_cannot_be_read_is_named() {
    let files = TlsFiles {
        certificate: "/nowhere/cloud.pem".into(),
        key: "/nowhere/cloud.key".into(),
    };
    let error = files.acceptor().map(drop).unwrap_err();
    assert!(error.to_string().contains("/nowhere/cloud.pem"), "{error}");
}
