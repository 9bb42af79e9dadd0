use super::*;

#[test]
fn a_place_is_a_name_an_address_or_a_uri() {
    for (text, host, port, transport) in [
        (
            "pbx.example.com",
            "pbx.example.com",
            None,
            LineTransport::Any,
        ),
        (
            "192.0.2.1:5080",
            "192.0.2.1",
            Some(5080),
            LineTransport::Any,
        ),
        (
            "[2001:db8::1]:5061",
            "[2001:db8::1]",
            Some(5061),
            LineTransport::Any,
        ),
        ("sip:pbx;transport=TCP", "pbx", None, LineTransport::Tcp),
        ("sips:pbx", "pbx", None, LineTransport::Tls),
        ("SIP:pbx:5070", "pbx", Some(5070), LineTransport::Any),
    ] {
        let peer: Peer = text.parse().unwrap();
        assert_eq!(
            (peer.host(), peer.port(), peer.transport()),
            (host, port, transport),
            "{text}"
        );
        assert_eq!(peer.to_string().parse::<Peer>().unwrap(), peer, "{text}");
    }
}

#[test]
fn what_is_no_place_is_refused_in_words() {
    for text in [
        "",
        "sip:",
        "sip:200@pbx.example.com",
        "pbx:0",
        "pbx:99999",
        "2001:db8::1",
        "[2001:db8::g]",
        "pbx;transport=ws",
        "sips:pbx;transport=udp",
        "pbx example",
        "tel:+15551234",
    ] {
        let refused = text.parse::<Peer>().unwrap_err();
        assert!(refused.contains("write a name"), "{text}: {refused}");
    }
}
