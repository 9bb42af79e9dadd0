use bytes::Bytes;

use super::Auth;

fn auth(text: &str) -> Vec<Auth> {
    Auth::parse_all(&Bytes::copy_from_slice(text.as_bytes()))
}

#[test]
fn a_challenge_is_read() {
    let read = auth(
        "digest realm = \"a, \\\"b\\\" = c\",  nonce=\"n==\", QOP=\"auth,auth-int\", stale=FALSE,algorithm=SHA-256, ",
    );
    let [challenge] = read.as_slice() else {
        panic!("one challenge")
    };
    assert!(challenge.is("Digest"));
    let value = |name| challenge.get(name).unwrap();
    assert_eq!(value("realm"), "a, \"b\" = c");
    assert_eq!(value("nonce"), "n==");
    assert_eq!(value("qop"), "auth,auth-int");
    assert_eq!(value("Stale"), "FALSE");
    assert_eq!(value("algorithm"), "SHA-256");
    assert_eq!(challenge.get("opaque"), None);
}

#[test]
fn several_challenges_on_a_line_are_told_apart() {
    let read =
        auth("Digest realm=\"a\", algorithm=SHA-256, Digest realm=\"b\", Negotiate, NTLM x=y");
    let schemes: Vec<&[u8]> = read
        .iter()
        .map(|challenge| challenge.scheme.as_ref())
        .collect();
    assert_eq!(schemes, [&b"Digest"[..], b"Digest", b"Negotiate", b"NTLM"]);
    assert_eq!(read[1].get("realm").unwrap(), "b");
    assert_eq!(read[0].params().count(), 2);
}

#[test]
fn what_is_no_challenge_gives_none() {
    for text in ["", ",", "=", "realm=\"a\"", "\"x\" y"] {
        assert_eq!(auth(text), [], "{text:?}");
    }
}

#[test]
fn credentials_are_written() {
    let credentials = Auth::new("Digest")
        .quoted("username", b"bo\"b")
        .token("nc", b"0000000a")
        .quoted("uri", b"sip:x");
    assert_eq!(
        credentials.to_string(),
        "Digest username=\"bo\\\"b\", nc=0000000a, uri=\"sip:x\""
    );
    assert_eq!(auth(&credentials.to_string()), [credentials]);
}
