//! Digest: a challenge of any form is answered or refused; an answer keeps the request as it was, one CSeq
//! later, and never goes to another realm.

use bytes::Bytes;
use ringwell::sip::Random;
use ringwell::sip::digest::{Authenticator, Credentials, Password};
use ringwell::sip::message::{
    Auth, CSeq, Message, Method, Name, Request, Response, StatusCode, Uri, parse,
};

pub fn run(data: &[u8]) {
    let Some((&choice, challenge)) = data.split_first() else {
        return;
    };
    let challenge = Bytes::copy_from_slice(challenge);
    let realm = (choice & 1 != 0).then(|| "r".to_owned());
    let credentials = Credentials {
        realm: realm.clone(),
        username: "us\"er".to_owned(),
        password: Password::new("secret"),
    };
    let mut ours = Authenticator::new(credentials, Random::new([1, 2]));
    let sent = request();
    let (status, name) = match choice & 2 {
        0 => (StatusCode(401), Name::WwwAuthenticate),
        _ => (StatusCode(407), Name::ProxyAuthenticate),
    };
    let mut response = Response::new(status);
    for line in challenge.split(|byte| *byte == b'\n') {
        response
            .headers
            .push(name.clone(), Bytes::copy_from_slice(line));
    }
    for _ in 0..3 {
        let Ok(again) = ours.challenged(&sent, &response) else {
            continue;
        };
        check(&sent, &again, realm.as_deref());
        let mut next = request();
        ours.authorize(&mut next);
        read(next);
    }
}

fn check(sent: &Request, again: &Request, realm: Option<&str>) {
    let number = |request: &Request| request.cseq().map(|cseq| cseq.number);
    assert_eq!(number(again), number(sent).map(|number| number + 1));
    assert_eq!((&again.method, &again.uri), (&sent.method, &sent.uri));
    assert_eq!(again.body, sent.body);
    let written = read(again.clone());
    let mut answered = 0;
    for name in [Name::Authorization, Name::ProxyAuthorization] {
        for value in written.headers().all(&name) {
            let auth = Auth::parse(value).expect("our credentials can be read");
            let named = auth.get("realm").unwrap_or_default();
            assert!(realm.is_none_or(|realm| realm.as_bytes() == &named[..]));
            answered += 1;
        }
    }
    assert!(answered > 0, "answered with credentials");
}

/// The request as its next hop reads it.
fn read(mut request: Request) -> Message {
    request
        .headers
        .push_front(Name::Via, "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1");
    parse(request.write()).expect("what we write can be read")
}

fn request() -> Request {
    let uri = Uri::parse("sip:pbx.example.com").expect("a URI");
    let cseq = CSeq {
        number: 7,
        method: Method::Register,
    };
    Request::new(Method::Register, uri)
        .with_header(Name::From, "<sip:200@pbx.example.com>;tag=a")
        .with_header(Name::To, "<sip:200@pbx.example.com>")
        .with_header(Name::CallId, "c")
        .with_header(Name::CSeq, cseq)
        .with_body("text/plain", "body")
}
