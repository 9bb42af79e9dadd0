use super::*;

#[test]
fn a_status_tells_whether_to_try_again() {
    for status in [400, 401, 402, 403, 404, 413, 415, 422] {
        let failure = failure_of_status("host", status, "No.");
        assert!(matches!(failure, Failure::Refused(_)), "{status}");
    }
    for status in [302, 408, 425, 429, 500, 502, 503] {
        let failure = failure_of_status("host", status, "No.");
        assert!(matches!(failure, Failure::Unavailable(_)), "{status}");
    }
}

#[test]
fn foreign_text_is_made_fit_for_a_line() {
    assert_eq!(printable("a\r\nERROR b\u{1b}[31m"), "aERROR b[31m");
    assert_eq!(printable(&"ü".repeat(1000)).chars().count(), MAX_REASON);
}

#[tokio::test]
async fn an_address_or_key_that_cannot_be_used_is_refused() {
    let tls = Tls::new(None).unwrap();
    for (url, key) in [
        ("not an address", "Token k"),
        ("ws://127.0.0.1:1/", "Token a\nb"),
    ] {
        let target = Target {
            url: url.to_owned(),
            authorization: key.to_owned().into(),
            connect: Duration::from_secs(5),
        };
        let refused = connect(&tls, &target).await.unwrap_err();
        assert!(matches!(refused, Failure::Refused(_)), "{refused:?}");
        assert!(!format!("{refused:?}{target:?}").contains("a\nb"));
    }
}
