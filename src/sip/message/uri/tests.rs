use bytes::Bytes;

use super::{InvalidUri, Scheme, Uri};
use crate::sip::message::Host;

fn uri(text: &str) -> Uri {
    Uri::parse(text.to_owned()).expect("a URI")
}

fn user(text: &str) -> Option<String> {
    uri(text).user_text()
}

#[test]
fn every_part_of_a_sip_uri_is_found() {
    let uri = uri(
        "sip:alice:s%20t@[2001:db8::10]:5070;transport=tcp;lr;x=?subject=a%20b&priority=urgent",
    );
    assert_eq!(uri.scheme(), Scheme::Sip);
    assert_eq!(uri.user().unwrap(), "alice");
    assert_eq!(uri.password().unwrap(), "s%20t");
    assert_eq!(uri.host(), Some(Host::Ip("2001:db8::10".parse().unwrap())));
    assert_eq!(uri.port(), Some(5070));
    assert_eq!(uri.param("Transport").unwrap(), "tcp");
    assert_eq!(uri.param("lr").unwrap(), "");
    assert_eq!(uri.param("x").unwrap(), "");
    assert_eq!(uri.param("maddr"), None);
    let headers = uri.headers();
    assert_eq!(headers[0], (Bytes::from("subject"), Bytes::from("a b")));
    assert_eq!(headers[1].1, "urgent");
    assert_eq!(
        uri.without_headers().to_string(),
        "sip:alice:s%20t@[2001:db8::10]:5070;transport=tcp;lr;x="
    );
}

#[test]
fn user_parts_of_all_sorts_are_found() {
    assert_eq!(
        user("sip:+1-555-010-0100@pbx").as_deref(),
        Some("+1-555-010-0100")
    );
    assert_eq!(user("sip:1202;npdi@10.0.0.1").as_deref(), Some("1202;npdi"));
    assert_eq!(
        user("sip:user;par=u%40x.example@host").as_deref(),
        Some("user;par=u@x.example")
    );
    assert_eq!(user("sip:a?b/c,&=+$@host").as_deref(), Some("a?b/c,&=+$"));
    assert_eq!(user("sip:*97@host").as_deref(), Some("*97"));
    assert_eq!(user("sip:%23500@host").as_deref(), Some("#500"));
    assert_eq!(user("sip:#500@host").as_deref(), Some("#500"));
    assert_eq!(
        user("sip:null-%00-null@host").as_deref(),
        Some("null-\0-null")
    );
    assert_eq!(user("sip:100%@host").as_deref(), Some("100%"));
    assert_eq!(user("sip:host").as_deref(), None);
    assert_eq!(user("SIPS:bob@host").as_deref(), Some("bob"));
    assert_eq!(
        user("tel:+1-201-555-0123;phone-context=x").as_deref(),
        Some("+1-201-555-0123")
    );
}

#[test]
fn other_schemes_are_kept_as_text() {
    for text in [
        "urn:service:sos",
        "soap.beep://192.0.2.103:3002",
        "h323:a@b",
        "x:y",
        "http://a/b?c#d",
    ] {
        let uri = uri(text);
        assert_eq!(uri.scheme(), Scheme::Other);
        assert_eq!((uri.host(), uri.user(), uri.port()), (None, None, None));
        assert_eq!(uri.to_string(), text);
    }
    assert_eq!(uri("tel:911").scheme(), Scheme::Tel);
}

#[test]
fn what_is_no_uri_is_refused() {
    for text in [
        "",
        ":",
        "sip",
        "sip:",
        "sip:@",
        "sip:@host",
        "sip:a@",
        "sip:a@:5060",
        "sip:a@host:",
        "sip:a@host:x",
        "sip:a@host:65536",
        "sip:a@host:-1",
        "sip:a b@host",
        "sip:a@host;x y",
        "<sip:a@host>",
        "sip:a@host\r\n",
        "1sip:a@host",
        "sip:a@[::1",
        "sip:a@[zz]",
        "sip:a@b@c",
        "sip:a@ho%73t",
        "tel:",
        "x:",
        "sip:a@host\0",
        "sip:a@1.2.3.4:5060:5061",
    ] {
        assert_eq!(Uri::parse(text.to_owned()), Err(InvalidUri), "{text:?}");
    }
}

#[test]
fn built_uris_escape_what_they_must() {
    let built = |user: Option<&str>, port| {
        Uri::sip(user, Host::parse("pbx.example").unwrap(), port).to_string()
    };
    assert_eq!(built(None, None), "sip:pbx.example");
    assert_eq!(built(Some(""), None), "sip:pbx.example");
    assert_eq!(
        built(Some("support"), Some(5062)),
        "sip:support@pbx.example:5062"
    );
    assert_eq!(
        built(Some("a b@c:\r\nd\u{e9}"), None),
        "sip:a%20b%40c%3A%0D%0Ad%C3%A9@pbx.example"
    );
    let address: core::net::IpAddr = "2001:db8::1".parse().unwrap();
    assert_eq!(
        Uri::sip(Some("x"), address, Some(1)).to_string(),
        "sip:x@[2001:db8::1]:1"
    );
    assert_eq!(
        Uri::tel("+1 (555) 010-0100").unwrap().to_string(),
        "tel:+15550100100"
    );
    assert_eq!(Uri::tel("x"), None);
    let broken = Uri::sip(None, Host::Name(Bytes::from("a b")), None);
    assert_eq!(broken.to_string(), "sip:anonymous.invalid");
}

#[test]
fn parameters_are_added_and_replaced() {
    let plain = uri("sip:a@host?subject=x");
    let with = plain
        .with_param("transport", Some("tcp"))
        .with_param("lr", None);
    assert_eq!(with.to_string(), "sip:a@host;transport=tcp;lr?subject=x");
    assert_eq!(
        with.with_param("Transport", Some("udp")).to_string(),
        "sip:a@host;transport=udp;lr?subject=x"
    );
    let escaped = uri("sip:h").with_param("x", Some("a;b c"));
    assert_eq!(escaped.to_string(), "sip:h;x=a%3Bb%20c");
    assert_eq!(escaped.param("x").unwrap(), "a;b c");
    assert_eq!(uri("urn:x").with_param("a", None).to_string(), "urn:x;a");
}

#[test]
fn equivalent_uris_mean_the_same() {
    for (one, two) in [
        (
            "sip:%61lice@atlanta.example;transport=TCP",
            "sip:alice@AtlanTa.example;Transport=tcp",
        ),
        (
            "sip:carol@chicago.example",
            "sip:carol@chicago.example;newparam=5",
        ),
        (
            "sip:carol@chicago.example;newparam=5",
            "sip:carol@chicago.example;security=on",
        ),
        (
            "sip:biloxi.example;transport=tcp;method=REGISTER?to=a%40b",
            "sip:biloxi.example;method=REGISTER;transport=tcp?TO=a%40b",
        ),
        (
            "sip:a@h?subject=x&priority=u",
            "sip:a@h?priority=u&subject=x",
        ),
        ("sip:a@[2001:db8::1]", "sip:a@[2001:DB8:0::1]"),
        ("tel:+1-201-555-0123", "tel:+1(201)5550123"),
        ("urn:service:sos", "urn:service:sos"),
    ] {
        assert!(uri(one).equivalent(&uri(two)), "{one} {two}");
        assert!(uri(two).equivalent(&uri(one)), "{two} {one}");
    }
}

#[test]
fn different_uris_do_not() {
    for (one, two) in [
        ("sip:ALICE@atlanta.example", "sip:alice@atlanta.example"),
        ("sip:bob@biloxi.example", "sip:bob@biloxi.example:5060"),
        (
            "sip:bob@biloxi.example",
            "sip:bob@biloxi.example;transport=udp",
        ),
        (
            "sip:bob@biloxi.example",
            "sip:bob@biloxi.example:6000;transport=tcp",
        ),
        (
            "sip:carol@chicago.example",
            "sip:carol@chicago.example?Subject=next",
        ),
        ("sip:bob@phone21.example", "sip:bob@192.0.2.4"),
        ("sip:a@h;x=1", "sip:a@h;x=2"),
        ("sip:a@h", "sips:a@h"),
        ("sip:a:b@h", "sip:a@h"),
        ("sip:a@h", "sip:h"),
        ("tel:+1201", "tel:1201"),
        ("tel:1201;phone-context=a", "tel:1201"),
        ("urn:a", "urn:b"),
    ] {
        assert!(!uri(one).equivalent(&uri(two)), "{one} {two}");
        assert!(!uri(two).equivalent(&uri(one)), "{two} {one}");
    }
}

#[test]
fn every_uri_is_its_own_equivalent() {
    for text in [
        &b"tel:+15550100;phone-c\xff=1"[..],
        b"sip:a@b;p\xfe;p\xfe=2",
        b"sip:a@b;x=1;x=2",
    ] {
        let uri = Uri::parse(text.to_vec()).unwrap();
        assert!(uri.equivalent(&uri.clone()), "{uri}");
    }
    let (one, two) = ("sip:a@b;x\u{e9}=1", "sip:a@b;x\u{e9}=2");
    assert!(
        !Uri::parse(one)
            .unwrap()
            .equivalent(&Uri::parse(two).unwrap())
    );
}
