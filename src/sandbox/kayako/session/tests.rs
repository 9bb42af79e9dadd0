use axum::http::{HeaderName, HeaderValue};

use super::*;
use crate::sandbox::kayako::view;

fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
    list.iter()
        .map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_str(value).unwrap(),
            )
        })
        .collect()
}

fn ask(desk: &mut Desk, list: &[(&'static str, &str)]) -> Result<Identity, String> {
    authenticate(desk, &headers(list)).map_err(|trouble| trouble.code)
}

#[test]
fn base64_and_basic_are_read() {
    assert_eq!(base64("TWFu").unwrap(), b"Man");
    assert_eq!(base64("TWE=").unwrap(), b"Ma");
    assert_eq!(base64("TQ==").unwrap(), b"M");
    assert_eq!(base64("!"), None);
    assert_eq!(
        basic("YUBiLmM6cDpx"),
        Some(("a@b.c".to_owned(), "p:q".to_owned()))
    );
}

#[test]
fn basic_opens_a_session_that_is_bound_to_its_user_agent() {
    let mut desk = Desk::new(&[]);
    let basic = ("authorization", "Basic YUBiLmM6cDpx");
    let (_, session) = ask(&mut desk, &[basic, ("user-agent", "one")]).unwrap();
    let session = session.unwrap();
    let id = ("x-session-id", session.as_str());
    assert!(ask(&mut desk, &[id, ("user-agent", "one")]).is_ok());
    let lost = Err("SESSION_LOADING_FAILED".to_owned());
    assert_eq!(ask(&mut desk, &[id, ("user-agent", "two")]), lost);
    assert_eq!(ask(&mut desk, &[id, basic, ("user-agent", "one")]), lost);
    assert_eq!(ask(&mut desk, &[("x-session-id", "unknown")]), lost);
}

#[test]
fn wrong_passwords_lock_the_account() {
    let mut desk = Desk::new(&[]);
    let wrong = ("authorization", "Basic YUBiLmM6cmVmdXNlZA=="); // a@b.c:refused
    for _ in 0..MAX_FAILURES {
        assert_eq!(
            ask(&mut desk, &[wrong]),
            Err("AUTHENTICATION_FAILED".to_owned())
        );
    }
    assert_eq!(
        ask(&mut desk, &[wrong]),
        Err("AUTHENTICATION_LOCKED".to_owned())
    );
}

#[test]
fn dates_are_civil() {
    assert_eq!(view::iso(0), "1970-01-01T00:00:00+00:00");
    assert_eq!(view::iso(951_782_400), "2000-02-29T00:00:00+00:00");
    assert_eq!(view::iso(1_798_761_599), "2026-12-31T23:59:59+00:00");
}
