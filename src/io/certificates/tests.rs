use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use super::*;

/// A certificate that is valid from one year's beginning to another's.
fn pair(folder: &Path, from: i32, until: i32) -> (PathBuf, PathBuf) {
    let mut params = CertificateParams::new(vec!["box.example".to_owned()]).unwrap();
    params.not_before = date_time_ymd(from, 1, 1);
    params.not_after = date_time_ymd(until, 1, 1);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let paths = (folder.join("c.pem"), folder.join("k.pem"));
    std::fs::write(&paths.0, certificate.pem()).unwrap();
    std::fs::write(&paths.1, key.serialize_pem()).unwrap();
    paths
}

#[test]
fn an_expired_or_future_certificate_is_known_and_used_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    for (from, until, expected) in [
        (2000, 2001, Validity::Expired),
        (2000, 4000, Validity::Good),
        (3999, 4000, Validity::NotYet),
    ] {
        let (certificate, key) = pair(folder.path(), from, until);
        let loaded = Certificates::load(&certificate, &key).unwrap();
        assert_eq!(loaded.validity(), expected, "{from} to {until}");
    }
}

#[test]
fn the_end_of_a_certificate_is_seen_two_weeks_before() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = pair(folder.path(), 2000, 2040);
    let pair = read(&certificate, &key).unwrap();
    let end = Duration::from_secs(2_208_988_800);
    assert_eq!(at(&pair, end - Duration::from_secs(60)), None);
    assert_eq!(
        at(&pair, end + Duration::from_secs(60)),
        Some(Validity::Expired)
    );
}

#[test]
fn a_key_never_prints() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = pair(folder.path(), 2000, 4000);
    let loaded = Certificates::load(&certificate, &key).unwrap();
    let shown = format!("{loaded:?}");
    assert!(
        shown.contains("c.pem") && !shown.contains("k.pem"),
        "{shown}"
    );
}
