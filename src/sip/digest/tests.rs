use bytes::Bytes;
use proptest::prelude::*;

use super::answer::{Asked, Nonce};
use super::challenge::Challenge;
use super::{Authenticator, Credentials, Password, Refused};
use crate::sip::Random;
use crate::sip::message::{
    Auth, Headers, Message, Method, Name, Request, Response, StatusCode, Uri, parse,
};

fn credentials(username: &str, password: &str, realm: Option<&str>) -> Credentials {
    Credentials {
        realm: realm.map(str::to_owned),
        username: username.to_owned(),
        password: Password::new(password),
    }
}

fn authenticator(realm: Option<&str>) -> Authenticator {
    Authenticator::new(credentials("1001", "pa55", realm), Random::new([1, 2]))
}

fn register() -> Request {
    Request::new(Method::Register, Uri::parse("sip:pbx.example").unwrap())
        .with_header(Name::Via, "SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKa")
        .with_header(Name::From, "<sip:1001@pbx.example>;tag=1")
        .with_header(Name::To, "<sip:1001@pbx.example>")
        .with_header(Name::CallId, "call")
        .with_header(Name::CSeq, "7 REGISTER")
}

/// A 401 with these challenges, one a line.
fn unauthorized(challenges: &[&str]) -> Response {
    let mut response = Response::new(StatusCode::UNAUTHORIZED);
    for challenge in challenges {
        let value = Bytes::copy_from_slice(challenge.as_bytes());
        response.headers.push(Name::WwwAuthenticate, value);
    }
    response
}

fn sent(request: &Request, name: &Name) -> Auth {
    Auth::parse(request.headers.get(name).unwrap()).unwrap()
}

fn value(request: &Request, name: &str) -> String {
    let auth = sent(request, &Name::Authorization);
    String::from_utf8(auth.get(name).unwrap().to_vec()).unwrap()
}

const MD5: &str = "Digest realm=\"pbx\", nonce=\"one\", qop=\"auth\"";

#[test]
fn the_examples_of_the_rfcs_are_answered_as_they_say() {
    let old = (
        "testrealm@host.com",
        "dcd98b7102dd2f0e8b11d0f600bfb0c093",
        "0a4f113b",
        "Circle Of Life",
    );
    let new = (
        "http-auth@example.org",
        "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        "Circle of Life",
    );
    for ((realm, nonce, cnonce, password), algorithm, expected) in [
        // RFC 2617 §3.5
        (old, "MD5", "6629fae49393a05397450978507c4ef1"),
        // RFC 7616 §3.9.1
        (new, "MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        (
            new,
            "SHA-256",
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
        ),
    ] {
        let text = format!(
            "Digest realm=\"{realm}\", qop=\"auth, auth-int\", algorithm={algorithm}, nonce=\"{nonce}\""
        );
        let nonce = Nonce::new(challenge(&text), cnonce.to_owned());
        let asked = Asked {
            method: b"GET",
            uri: b"/dir/index.html",
            body: b"",
        };
        let credentials = credentials("Mufasa", password, None);
        assert_eq!(nonce.response(&credentials, &asked, "00000001"), expected);
    }
}

fn challenge(text: &str) -> Challenge {
    let mut headers = Headers::default();
    headers.push(Name::WwwAuthenticate, text.as_bytes().to_vec());
    let all = Challenge::read_all(&headers, &Name::WwwAuthenticate);
    all.into_iter().next().unwrap().unwrap()
}

/// Made with another implementation of the hashes, for the twelfth use of a nonce.
#[test]
fn every_algorithm_and_protection_is_hashed_rightly() {
    for (algorithm, qop, expected) in [
        ("MD5", "", "9ba20cda56ef9d4a57a3c4efe224320a"),
        ("MD5", "auth", "3b79f287c5e5ab4d23ab6b2e4ce4ae61"),
        ("MD5", "auth-int", "e820a1ce8a3236b89fe4449e5f71fb27"),
        ("MD5-sess", "", "746149fbe16a2a4dd5586e818d58a77d"),
        ("MD5-sess", "auth", "d7042d75446bd40234d9bf8b750a4ee9"),
        ("md5-SESS", "auth-int", "221bf621d4affe396f41d3cf91fddae6"),
        (
            "SHA-256",
            "",
            "7f9c5e221cd204f8e24f4eafa2237e9de6613e2abce6defcf6324ce2df85bfd9",
        ),
        (
            "SHA-256",
            "auth",
            "df432d9d01c31726dfc50213d5fdacd00a54021c2f96c72fa40c8aa9d148834f",
        ),
        (
            "sha-256",
            "auth-int",
            "1fa429cca0ae981dd2d4f9a07c90b8877d1a38e5f1c94e0903104302d34751c7",
        ),
        (
            "SHA-256-sess",
            "auth",
            "fee602113f227a5ebc47c221f92797d17c8b7a880d43419b39c0eced394b7bf0",
        ),
        (
            "SHA-512-256",
            "",
            "a477c405ddf5b9130b8324ffd38f5ddf10333fa17178fe5dde0dac5fc82869b5",
        ),
        (
            "SHA-512-256",
            "auth",
            "cdfa17da2f3e10235f3f11228631557abe5ffdcf2bd8e80069a924fe7ed581fd",
        ),
        (
            "SHA-512-256",
            "auth-int",
            "48253b2f0164c581d3b3e1d01b4a0c2b2249eaef01339317d52748ca089d8a9f",
        ),
        (
            "SHA-512-256-sess",
            "auth-int",
            "b02f8a06cac8faf07ba3ba325d549b11f2e97e24f7d027e515207f6d26137974",
        ),
    ] {
        let text = format!(
            "Digest realm=\"pbx.example\",nonce=\"n0nce==\",qop=\"{qop}\",algorithm={algorithm}"
        );
        let nonce = Nonce::new(challenge(&text), "c1".to_owned());
        let asked = Asked {
            method: b"INVITE",
            uri: b"sip:2000@pbx.example",
            body: b"v=0\r\n",
        };
        let credentials = credentials("1001", "pa55", None);
        let response = nonce.response(&credentials, &asked, "0000000c");
        assert_eq!(response, expected, "{algorithm} {qop}");
    }
}

#[test]
fn a_challenge_is_answered_by_the_next_request() {
    let mut authenticator = authenticator(None);
    let challenge =
        "Digest realm=\"a \\\"b\\\"\", nonce=\"n,1=\", opaque=\"o\", qop=\"auth\", algorithm=MD5";
    let again = authenticator.challenged(&register(), &unauthorized(&[challenge]));
    let again = again.unwrap();
    assert_eq!(again.cseq().unwrap().to_string(), "8 REGISTER");
    assert!(!again.headers.contains(&Name::Via));
    assert_eq!(again.call_id().unwrap(), "call");
    assert_eq!(value(&again, "realm"), "a \"b\"");
    assert_eq!(value(&again, "nonce"), "n,1=");
    assert_eq!(value(&again, "opaque"), "o");
    assert_eq!(value(&again, "uri"), "sip:pbx.example");
    let text = again.headers.get(&Name::Authorization).unwrap();
    let text = String::from_utf8(text.to_vec()).unwrap();
    for part in [
        "username=\"1001\"",
        "qop=auth,",
        "nc=00000001,",
        "algorithm=MD5,",
        "cnonce=\"",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!format!("{authenticator:?}").contains("pa55"));
}

#[test]
fn a_nonce_is_used_again_and_counted() {
    let mut authenticator = authenticator(None);
    assert!(!authenticator.knows_nonce());
    let mut request = register();
    authenticator.authorize(&mut request);
    assert!(!request.headers.contains(&Name::Authorization));
    let first = authenticator.challenged(&request, &unauthorized(&[MD5]));
    let cnonce = value(&first.unwrap(), "cnonce");
    for count in 2..=12_u32 {
        authenticator.authorize(&mut request);
        assert_eq!(value(&request, "nc"), format!("{count:08x}"));
        assert_eq!(value(&request, "cnonce"), cnonce);
    }
    assert_eq!(value(&request, "nc"), "0000000c");
    assert_eq!(request.headers.all(&Name::Authorization).count(), 1);
    authenticator.forget_nonces();
    authenticator.authorize(&mut request);
    assert!(!request.headers.contains(&Name::Authorization));
}

#[test]
fn the_next_nonce_is_taken_when_it_is_told() {
    let mut authenticator = authenticator(None);
    let mut request = authenticator
        .challenged(&register(), &unauthorized(&[MD5]))
        .unwrap();
    let ok = Response::new(StatusCode::OK).with_header(
        Name::AuthenticationInfo,
        "qop=auth, nextnonce=\"two\", nc=00000001",
    );
    authenticator.accepted(&ok);
    authenticator.authorize(&mut request);
    assert_eq!(value(&request, "nonce"), "two");
    assert_eq!(value(&request, "nc"), "00000001");
    authenticator.accepted(&Response::new(StatusCode::OK));
    authenticator.authorize(&mut request);
    assert_eq!(value(&request, "nc"), "00000002");
}

#[test]
fn a_second_refusal_is_a_wrong_password() {
    let mut authenticator = authenticator(None);
    let response = unauthorized(&[MD5]);
    let again = authenticator.challenged(&register(), &response).unwrap();
    let refused = authenticator.challenged(&again, &response);
    assert_eq!(refused, Err(Refused::WrongPassword));
    assert!(!authenticator.knows_nonce());
    // Another request begins anew.
    assert!(authenticator.challenged(&register(), &response).is_ok());
}

#[test]
fn a_stale_nonce_allows_a_second_try_and_no_third() {
    let mut authenticator = authenticator(None);
    let stale = |nonce: &str| {
        unauthorized(&[&format!(
            "Digest realm=\"pbx\",nonce=\"{nonce}\",stale=TRUE,qop=auth"
        )])
    };
    let first = authenticator.challenged(&register(), &unauthorized(&[MD5]));
    let second = authenticator.challenged(&first.unwrap(), &stale("two"));
    let second = second.unwrap();
    assert_eq!(value(&second, "nonce"), "two");
    assert_eq!(value(&second, "nc"), "00000001");
    assert_eq!(second.cseq().unwrap().number, 9);
    let third = authenticator.challenged(&second, &stale("three"));
    assert_eq!(third, Err(Refused::StaleNonce));
}

/// Servers with nonces for one use seldom say stale.
#[test]
fn a_refused_answer_in_advance_is_no_wrong_password() {
    let mut authenticator = authenticator(None);
    let first = authenticator.challenged(&register(), &unauthorized(&[MD5]));
    authenticator.accepted(&Response::new(StatusCode::OK));
    let mut refresh = first.unwrap();
    refresh.headers.set(Name::CSeq, "20 REGISTER");
    authenticator.authorize(&mut refresh);
    let fresh = unauthorized(&["Digest realm=\"pbx\", nonce=\"fresh\", qop=\"auth\""]);
    let again = authenticator.challenged(&refresh, &fresh).unwrap();
    assert_eq!(value(&again, "nonce"), "fresh");
    assert_eq!(value(&again, "nc"), "00000001");
    let refused = authenticator.challenged(&again, &fresh);
    assert_eq!(refused, Err(Refused::WrongPassword));
}

#[test]
fn the_topmost_challenge_that_is_understood_is_answered() {
    let line = |rest: &str| format!("Digest realm=\"pbx\", nonce=\"n\", {rest}");
    let (sha512, sha256, md5) = (
        line("algorithm=SHA-512-256, qop=\"auth\""),
        line("algorithm=SHA-256, qop=\"auth\""),
        line("algorithm=MD5, qop=\"auth\""),
    );
    let foreign = line("algorithm=BLAKE3, qop=\"auth\"");
    let unprotected = line("algorithm=SHA-256, qop=\"auth-conf\"");
    let joined = format!("Basic realm=\"pbx\", {foreign}, {sha512}, {md5}");
    for (challenges, expected) in [
        (vec![&sha256, &md5], "SHA-256"),
        (vec![&md5, &sha256], "MD5"),
        (vec![&foreign, &sha512, &md5], "SHA-512-256"),
        (vec![&unprotected, &md5], "MD5"),
        (vec![&joined], "SHA-512-256"),
    ] {
        let challenges: Vec<&str> = challenges.into_iter().map(String::as_str).collect();
        let again = authenticator(None).challenged(&register(), &unauthorized(&challenges));
        assert_eq!(
            value(&again.unwrap(), "algorithm"),
            expected,
            "{challenges:?}"
        );
    }
    for challenges in [[foreign.as_str()], [unprotected.as_str()]] {
        let refused = authenticator(None).challenged(&register(), &unauthorized(&challenges));
        assert_eq!(refused, Err(Refused::NoAlgorithm));
    }
}

#[test]
fn a_body_is_protected_where_that_alone_is_offered() {
    let with = |qop: &str| {
        let challenge = format!("Digest realm=\"pbx\", nonce=\"n\", qop=\"{qop}\"");
        let request = register().with_body("text/plain", "hello");
        let again = authenticator(None).challenged(&request, &unauthorized(&[&challenge]));
        value(&again.unwrap(), "qop")
    };
    assert_eq!(with("auth-int"), "auth-int");
    assert_eq!(with("auth-int,auth"), "auth");
    assert_eq!(with("x, AUTH-INT"), "auth-int");
}

#[test]
fn without_protection_the_answer_is_of_the_old_form() {
    let challenge = "Digest realm=\"pbx\", nonce=\"n\"";
    let again = authenticator(None).challenged(&register(), &unauthorized(&[challenge]));
    let auth = sent(&again.unwrap(), &Name::Authorization);
    for absent in ["qop", "nc", "cnonce", "algorithm", "opaque"] {
        assert_eq!(auth.get(absent), None, "{absent}");
    }
}

#[test]
fn credentials_answer_one_realm_only() {
    let foreign = "Digest realm=\"else\\\u{1b}where\", nonce=\"n\", qop=\"auth\"";
    let mut bound = authenticator(Some("pbx"));
    let refused = bound.challenged(&register(), &unauthorized(&[foreign]));
    let words = refused.unwrap_err().to_string();
    assert_eq!(
        words,
        "the challenge is for realm \"elsewhere\", the credentials are for \"pbx\""
    );
    let again = bound.challenged(&register(), &unauthorized(&[foreign, MD5]));
    assert_eq!(value(&again.unwrap(), "realm"), "pbx");
    // The first realm named is the only one from then on, even after a failure.
    let mut free = authenticator(None);
    let again = free.challenged(&register(), &unauthorized(&[MD5])).unwrap();
    assert!(free.challenged(&again, &unauthorized(&[MD5])).is_err());
    let refused = free.challenged(&register(), &unauthorized(&[foreign]));
    assert!(matches!(refused, Err(Refused::ForeignRealm { .. })));
}

#[test]
fn proxy_and_registrar_may_both_ask() {
    let mut authenticator = authenticator(None);
    let proxy = Response::new(StatusCode::PROXY_AUTHENTICATION_REQUIRED)
        .with_header(Name::ProxyAuthenticate, "Digest realm=\"pbx\", nonce=\"p\"");
    let first = authenticator.challenged(&register(), &proxy).unwrap();
    assert!(!first.headers.contains(&Name::Authorization));
    let second = authenticator
        .challenged(&first, &unauthorized(&[MD5]))
        .unwrap();
    assert_eq!(value(&second, "nonce"), "one");
    let proxied = sent(&second, &Name::ProxyAuthorization);
    assert_eq!(proxied.get("nonce").unwrap(), "p");
    let refused = authenticator.challenged(&second, &proxy);
    assert_eq!(refused, Err(Refused::WrongPassword));
}

#[test]
fn what_asks_for_no_digest_gets_none() {
    let mut authenticator = authenticator(None);
    for response in [
        unauthorized(&[]),
        unauthorized(&["Basic realm=\"pbx\""]),
        unauthorized(&["Digest realm=\"pbx\""]),
        unauthorized(&["Digest nonce=\"n\""]),
        Response::new(StatusCode::FORBIDDEN).with_header(Name::WwwAuthenticate, MD5),
        Response::new(StatusCode::UNAUTHORIZED).with_header(Name::ProxyAuthenticate, MD5),
    ] {
        let refused = authenticator.challenged(&register(), &response);
        assert_eq!(refused, Err(Refused::NoChallenge), "{response:?}");
    }
    let long = format!("Digest realm=\"pbx\", nonce=\"{}\"", "n".repeat(2000));
    let refused = authenticator.challenged(&register(), &unauthorized(&[&long]));
    assert_eq!(refused, Err(Refused::NoAlgorithm));
}

proptest! {
    #[test]
    fn no_challenge_breaks_anything(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        pieces in prop::collection::vec(
            prop::sample::select(vec![
                "Digest ", "realm=", "\"pbx\"", "nonce=", "\"", ",", "=", "\\", "qop=", "auth",
                "auth-int", "stale=true", "algorithm=", "MD5", "SHA-256", " ", "\t", "Basic", "\u{fffd}",
            ]),
            0..40,
        ),
    ) {
        let texts = [bytes, pieces.concat().into_bytes(), [MD5.as_bytes(), pieces.concat().as_bytes()].concat()];
        for text in texts {
            let mut wire = b"SIP/2.0 401 No\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n\
                To: <sip:a@b>\r\nCall-ID: call\r\nCSeq: 7 REGISTER\r\nWWW-Authenticate: ".to_vec();
            wire.extend_from_slice(&text);
            wire.extend_from_slice(b"\r\nAuthentication-Info: ");
            wire.extend_from_slice(&text);
            wire.extend_from_slice(b"\r\n\r\n");
            let Ok(Message::Response(response)) = parse(wire.into()) else { continue };
            let mut authenticator = authenticator(None);
            let mut sent = register();
            for _ in 0..4 {
                match authenticator.challenged(&sent, &response) {
                    Ok(again) => sent = again,
                    Err(_) => break,
                }
                let via = "SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKb";
                let written = sent.clone().with_header(Name::Via, via).write();
                prop_assert!(parse(written).is_ok());
            }
            prop_assert!(sent.cseq().unwrap().number <= 9);
            authenticator.accepted(&response);
            authenticator.authorize(&mut sent);
        }
    }
}
