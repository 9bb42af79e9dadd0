//! Certificates of tests, and their reload under a running listener.

use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use super::tls::{connect, listening};
use super::*;

/// An authority of a test.
pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    pub(super) fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        roots
    }
}

/// A certificate and its key on disk.
pub(super) struct Files(tempfile::TempDir);

impl Files {
    pub(super) fn new(authority: &Authority, names: &[&str]) -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        files.write(authority, names);
        files
    }

    pub(super) fn write(&self, authority: &Authority, names: &[&str]) {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let params = CertificateParams::new(names).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &authority.0).unwrap();
        std::fs::write(self.certificate(), certificate.pem()).unwrap();
        std::fs::write(self.key(), key.serialize_pem()).unwrap();
    }

    pub(super) fn certificate(&self) -> PathBuf {
        self.0.path().join("certificate.pem")
    }

    pub(super) fn key(&self) -> PathBuf {
        self.0.path().join("certificate.key")
    }
}

#[tokio::test]
async fn renewed_files_are_used_and_bad_ones_are_not() {
    let (old, new) = (Authority::new(), Authority::new());
    let files = Files::new(&old, &["box.example"]);
    let settings = listening(&files, Settings::default());
    let (sockets, mut received) = SipSockets::bind(&settings, admit(Admission::Admit)).unwrap();
    let local = first_local(&sockets);
    let mut before = connect(local, old.roots(), "box.example").await.unwrap();
    assert!(!sockets.reload_certificates(), "nothing has changed");

    std::fs::write(files.key(), "half of a key").unwrap();
    assert!(!sockets.reload_certificates());
    connect(local, old.roots(), "box.example").await.unwrap();

    files.write(&new, &["box.example"]);
    assert!(sockets.reload_certificates());
    assert!(connect(local, old.roots(), "box.example").await.is_err());
    connect(local, new.roots(), "box.example").await.unwrap();
    // A connection that was there stays.
    before.write_all(options("b").as_bytes()).await.unwrap();
    // The others were closed by their peers.
    let message = loop {
        match next(&mut received).await {
            Received::Lost { .. } => {}
            message => break message,
        }
    };
    assert_eq!(call_id(&message), "b");
}

#[tokio::test]
async fn a_bad_pair_of_files_is_named_at_the_start() {
    let authority = Authority::new();
    let (files, other) = (
        Files::new(&authority, &["a.example"]),
        Files::new(&authority, &["b.example"]),
    );
    let listen = |certificate, key| TlsListen {
        addresses: vec![any("127.0.0.1")],
        certificate,
        key,
    };
    for (tls, word) in [
        (listen("/nowhere.pem".into(), files.key()), "/nowhere.pem"),
        (listen(files.key(), files.key()), "no certificate"),
        (listen(files.certificate(), other.key()), "together"),
    ] {
        let settings = Settings {
            tls: Some(tls),
            ..Settings::default()
        };
        let error = SipSockets::bind(&settings, admit(Admission::Admit)).unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
    }
}
