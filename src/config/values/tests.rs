use super::*;

fn cidr(text: &str) -> Cidr {
    text.parse().unwrap()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn a_network_contains_its_own_addresses_only() {
    for (network, inside, outside) in [
        ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
        ("192.168.1.20", "192.168.1.20", "192.168.1.21"),
        ("54.172.60.0/30", "54.172.60.3", "54.172.60.4"),
        ("127.0.0.0/8", "::ffff:127.0.0.9", "::1"),
        ("fd00::/8", "fd12::1", "fe80::1"),
        ("::1", "::1", "::2"),
        ("::/0", "2001:db8::1", "10.0.0.1"),
    ] {
        assert!(cidr(network).contains(ip(inside)), "{network} {inside}");
        assert!(!cidr(network).contains(ip(outside)), "{network} {outside}");
    }
    assert!(cidr("0.0.0.0/0").contains(ip("203.0.113.9")));
    assert!(cidr("0.0.0.0/0").is_everyone());
}

#[test]
fn a_network_that_is_none_is_refused_with_an_example() {
    for text in ["", "10.0.0", "10.0.0.0/33", "::/129", "10.0.0.0/x", "host"] {
        let error = text.parse::<Cidr>().unwrap_err();
        assert!(error.contains("10.0.0.0/8"), "{error}");
    }
    let error = "10.1.0.0/8".parse::<Cidr>().unwrap_err();
    assert!(error.contains("behind its prefix"), "{error}");
}

#[test]
fn ports_come_in_pairs() {
    let range: PortRange = "10000-10999".parse().unwrap();
    assert_eq!(range.pairs(), 500);
    assert!(range.contains(10_999) && !range.contains(11_000));
    assert_eq!("1024-1025".parse::<PortRange>().unwrap().pairs(), 1);
    for text in [
        "10000",
        "10001-10999",
        "10000-11000",
        "11000-10001",
        "80-99",
        "x-y",
    ] {
        assert!(text.parse::<PortRange>().is_err(), "{text}");
    }
}

#[test]
fn durations_are_read_and_written_alike() {
    for (text, millis) in [
        ("20ms", 20),
        ("5s", 5_000),
        ("10m", 600_000),
        ("2h", 7_200_000),
        ("1d", 86_400_000),
        ("1500ms", 1_500),
    ] {
        let duration = Duration::from_millis(millis);
        assert_eq!(parse_duration(text), Ok(duration));
        assert_eq!(write_duration(duration), text);
    }
    assert_eq!(write_duration(Duration::ZERO), "0s");
    for text in [
        "",
        "5",
        "s",
        "-1s",
        "5 parsecs",
        "99999999999999999999s",
        "18446744073709551615d",
    ] {
        assert!(parse_duration(text).is_err(), "{text}");
    }
}

#[test]
fn a_secret_in_the_file_is_refused_and_not_repeated() {
    assert_eq!("none".parse(), Ok(NoSecret));
    let error = "sk-secret".parse::<NoSecret>().unwrap_err();
    assert!(!error.contains("sk-secret"), "{error}");
}
