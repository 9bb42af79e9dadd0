use std::io::Write;
use std::time::Duration;

use super::*;

/// A certificate of nobody's; its key was never kept.
const AUTHORITY: &str = "\
-----BEGIN CERTIFICATE-----\n\
MIIBljCCAT2gAwIBAgIUAVvwLzCuhGwjdHIiTQ8wcwjcaKwwCgYIKoZIzj0EAwIw\n\
IDEeMBwGA1UEAwwVT2ZmaWNlIHRlc3QgYXV0aG9yaXR5MCAXDTI2MTEyMTAzNTgw\n\
N1oYDzIxMjYxMDI4MDM1ODA3WjAgMR4wHAYDVQQDDBVPZmZpY2UgdGVzdCBhdXRo\n\
b3JpdHkwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATW8KKKWU8TAlXsFL/md9Qa\n\
8OiOxLQBpbZweSLAnnVMZOTMcMeTWYjdnE1dLqjZFLXS0eY9Bd0PFIMv9Z4uyUhj\n\
o1MwUTAdBgNVHQ4EFgQUciysBy4DOsyH99QQJpriqJIawD8wHwYDVR0jBBgwFoAU\n\
ciysBy4DOsyH99QQJpriqJIawD8wDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQD\n\
AgNHADBEAiAf8mcBClQczRT/KBgZnZI5PZ55IjXNCaNj3Tk0v1XyjgIga7igPCn8\n\
F76lZmQOOI6dx9hsEC9YNxH0tb4wFka25qQ=\n\
-----END CERTIFICATE-----\n\
";

fn file(content: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(content.as_bytes()).unwrap();
    file
}

#[test]
fn an_extra_authority_is_taken() {
    let file = file(AUTHORITY);
    let mut roots = RootCertStore::empty();
    add_authorities(&mut roots, file.path()).unwrap();
    assert_eq!(roots.len(), 1);
}

#[test]
fn a_client_comes_up_without_any_default_provider() {
    let file = file(AUTHORITY);
    let tls = Tls::new(Some(file.path())).unwrap();
    assert!(tls.http_client(Duration::from_secs(1)).is_ok());
    assert!(tls.websocket().alpn_protocols.is_empty());
}

#[test]
fn a_certificate_that_is_not_trusted_is_known_in_any_wrapping() {
    let unknown = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
    assert!(untrusted(&unknown));
    let carried = io::Error::new(io::ErrorKind::InvalidData, unknown);
    assert!(untrusted(&carried));
    assert!(untrusted(&io::Error::other(carried)));
    assert!(!untrusted(&io::Error::other("broken pipe")));
    assert!(!untrusted(&rustls::Error::DecryptError));
}

#[test]
fn a_bad_authority_file_is_named() {
    let missing = Tls::new(Some(Path::new("/nowhere/ca.pem"))).unwrap_err();
    assert!(missing.to_string().contains("/nowhere/ca.pem"));
    let empty = file("not a certificate");
    let refused = Tls::new(Some(empty.path())).unwrap_err().to_string();
    assert!(refused.contains("no certificate"), "{refused}");
}
