use bytes::Bytes;

use super::Host;

fn with_port(text: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = Host::with_port(&Bytes::copy_from_slice(text.as_bytes()))?;
    Some((host.to_string(), port))
}

#[test]
fn hosts_and_ports_are_told_apart() {
    for (text, host, port) in [
        ("10.0.0.1", "10.0.0.1", None),
        ("10.0.0.1:5060", "10.0.0.1", Some(5060)),
        (
            "host_name.example-1 : 4000 ",
            "host_name.example-1",
            Some(4000),
        ),
        ("[2001:db8::1]", "[2001:db8::1]", None),
        ("[2001:DB8:0:0::1]:5061", "[2001:db8::1]", Some(5061)),
        ("[::ffff:192.0.2.7]:5060", "[::ffff:192.0.2.7]", Some(5060)),
        ("[2001:db8::10:5070]", "[2001:db8::10:5070]", None),
        ("example.com.", "example.com.", None),
        ("999.1.1.1", "999.1.1.1", None),
    ] {
        assert_eq!(with_port(text), Some((host.to_owned(), port)), "{text}");
    }
    for text in [
        "",
        ":5060",
        "[",
        "[]",
        "[::1",
        "::1]",
        "a b",
        "h:5060x",
        "h:",
        "[::1]x",
        "[10.0.0.1]",
        "h\u{e9}",
        "2001:db8::1",
        "2001:db8::1:5060",
        "[fe80::1%eth0]",
    ] {
        assert_eq!(with_port(text), None, "{text}");
    }
}

#[test]
fn names_do_not_care_about_case_and_addresses_about_spelling() {
    let host = |text: &'static str| Host::parse(text).unwrap();
    assert_eq!(host("PBX.example"), host("pbx.EXAMPLE"));
    assert_eq!(host("[2001:db8::1]"), host("2001:db8:0::1"));
    assert_ne!(host("10.0.0.1"), host("10.0.0.2"));
    assert_ne!(host("10.0.0.1"), host("pbx"));
    assert_eq!(host("pbx").ip(), None);
}
