use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn an_office_peer_is_told_the_local_address_a_provider_the_public_one() {
    let public = Addresses {
        of_line: None,
        public: Some(ip("203.0.113.7")),
    };
    let line = Addresses {
        of_line: Some(ip("198.51.100.9")),
        ..public
    };
    let unknown = Addresses::default();
    let cases = [
        (public, "192.168.1.10", "192.168.1.20", "192.168.1.20"),
        (
            public,
            "::ffff:192.168.1.10",
            "192.168.1.20",
            "192.168.1.20",
        ),
        (public, "54.172.60.1", "192.168.1.20", "203.0.113.7"),
        (public, "2001:db8::1", "2001:db8::2", "2001:db8::2"),
        (public, "fd00::1", "fd00::2", "fd00::2"),
        (line, "192.168.1.10", "192.168.1.20", "198.51.100.9"),
        (line, "54.172.60.1", "192.168.1.20", "198.51.100.9"),
        (line, "2001:db8::1", "2001:db8::2", "2001:db8::2"),
        (unknown, "54.172.60.1", "192.168.1.20", "192.168.1.20"),
    ];
    for (addresses, peer, local, told) in cases {
        assert_eq!(
            addresses.told(ip(peer), ip(local)),
            ip(told),
            "{addresses:?} {peer}"
        );
    }
}

#[test]
fn what_is_outside() {
    for inside in [
        "10.1.2.3",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.0.1",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "169.254.1.1",
        "::1",
        "fe80::1",
        "fd12::1",
        "fc00::1",
        "::ffff:10.0.0.1",
        "0.0.0.0",
    ] {
        assert!(!is_outside(ip(inside)), "{inside}");
    }
    for outside in [
        "172.32.0.1",
        "100.63.0.1",
        "100.128.0.1",
        "203.0.113.7",
        "2001:db8::1",
    ] {
        assert!(is_outside(ip(outside)), "{outside}");
    }
}
