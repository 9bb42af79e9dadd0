use std::time::Duration;

use super::*;

fn endpoint(url: &str) -> Endpoint {
    Endpoint {
        url: url.to_owned(),
        key: " secret\n".to_owned().into(),
    }
}

#[test]
fn schemes_are_exchanged_and_queries_escaped() {
    let query = [("keyterm", "Müller & Co".to_owned())];
    assert_eq!(
        endpoint("https://api.deepgram.com").websocket("/v2/listen", &query),
        Ok("wss://api.deepgram.com/v2/listen?keyterm=M%C3%BCller+%26+Co".to_owned())
    );
    assert_eq!(
        endpoint("ws://127.0.0.1:8080/").http("/v1/speak", &[]),
        Ok("http://127.0.0.1:8080/v1/speak?".to_owned())
    );
}

#[test]
fn a_bad_address_is_refused_in_words() {
    for url in ["", "no address", "ftp://example.org"] {
        let refused = endpoint(url).websocket("/v1/speak", &[]);
        assert!(matches!(refused, Err(Failure::Refused(_))), "{url}");
    }
}

#[test]
fn the_key_is_trimmed_and_never_printed() {
    let endpoint = endpoint("https://api.deepgram.com");
    assert_eq!(endpoint.authorization().expose_secret(), "Token secret");
    assert!(!format!("{endpoint:?}").contains("secret\\n"));
}

#[test]
fn a_pause_is_never_shorter_than_asked_and_at_most_half_as_long_again() {
    let base = Duration::from_millis(200);
    for _ in 0..100 {
        let pause = jittered(base);
        assert!(pause >= base && pause <= base + base / 2);
    }
    assert_eq!(jittered(Duration::ZERO), Duration::ZERO);
}
