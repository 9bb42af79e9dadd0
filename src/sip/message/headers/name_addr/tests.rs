use bytes::Bytes;

use super::NameAddr;
use crate::sip::message::Uri;

fn address(bytes: &[u8]) -> Option<NameAddr> {
    NameAddr::parse(&Bytes::copy_from_slice(bytes))
}

fn parts(text: &str) -> (Option<String>, String, Option<Bytes>) {
    let address = address(text.as_bytes()).expect("an address");
    (
        address.display_text(),
        address.uri.to_string(),
        address.tag(),
    )
}

#[test]
fn addresses_of_all_shapes_are_read() {
    for (text, display, uri, tag) in [
        (
            "\"A. G. Bell\" <sip:agb@bell.example> ;tag=a48s",
            Some("A. G. Bell"),
            "sip:agb@bell.example",
            Some("a48s"),
        ),
        (
            "sip:+15550101212@server.example;tag=887s",
            None,
            "sip:+15550101212@server.example",
            Some("887s"),
        ),
        (
            "Anonymous <sip:c8oqz84zk7z@privacy.example>;TAG=hyh8",
            Some("Anonymous"),
            "sip:c8oqz84zk7z@privacy.example",
            Some("hyh8"),
        ),
        ("<sip:a@h;tag=uri>", None, "sip:a@h;tag=uri", None),
        (
            "caller<sip:caller@h>;tag=1",
            Some("caller"),
            "sip:caller@h",
            Some("1"),
        ),
        (
            "\"Doe, J. <x>;\" < sip:j@h > ; tag = 9 ",
            Some("Doe, J. <x>;"),
            "sip:j@h",
            Some("9"),
        ),
        (
            "\"a \\\"b\\\" \\\\ c\" <sip:a@h>",
            Some("a \"b\" \\ c"),
            "sip:a@h",
            None,
        ),
        ("\"\" <sip:a@h>;tag=", None, "sip:a@h", None),
        (
            "Bell, Alexander <sip:agb@h>;tag=43",
            Some("Bell, Alexander"),
            "sip:agb@h",
            Some("43"),
        ),
        (
            "<tel:+15551234;phone-context=x>",
            None,
            "tel:+15551234;phone-context=x",
            None,
        ),
        (
            "O'Brien \"Bob\" <sip:a@h>",
            Some("O'Brien \"Bob\""),
            "sip:a@h",
            None,
        ),
        ("<urn:service:sos>", None, "urn:service:sos", None),
        (
            "<sip:a@h>;+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF>\";tag=z",
            None,
            "sip:a@h",
            Some("z"),
        ),
    ] {
        let read = parts(text);
        assert_eq!(read.0.as_deref(), display, "{text}");
        assert_eq!(read.1, uri, "{text}");
        assert_eq!(read.2.as_deref(), tag.map(str::as_bytes), "{text}");
    }
}

#[test]
fn latin_1_names_survive() {
    let read = address(b"\"M\xfcller\" <sip:m@h>;tag=1").unwrap();
    assert_eq!(read.display.as_deref(), Some(&b"M\xfcller"[..]));
    assert_eq!(Bytes::from(&read), &b"\"M\xfcller\" <sip:m@h>;tag=1"[..]);
    assert_eq!(read.display_text().unwrap(), "M\u{fffd}ller");
}

#[test]
fn what_is_no_address_is_refused() {
    for text in [
        "",
        "*",
        "\"open <sip:a@h>",
        "<sip:a@h",
        "sip:a@h>",
        "<>",
        "\"only a name\"",
        "name",
        "\"n\" sip:a@h",
        "<sip:a b@h>",
    ] {
        assert_eq!(address(text.as_bytes()), None, "{text:?}");
    }
}

#[test]
fn a_built_address_is_quoted_and_on_one_line() {
    let uri = Uri::parse("sip:a@h;lr").unwrap();
    let built = NameAddr::new(uri)
        .with_display("Eve\r\n\"X\"")
        .with_tag("t1")
        .with_param("q", Some("0.5"));
    assert_eq!(
        built.to_string(),
        "\"Eve  \\\"X\\\"\" <sip:a@h;lr>;tag=t1;q=0.5"
    );
    assert_eq!(address(built.to_string().as_bytes()), Some(built));
}
