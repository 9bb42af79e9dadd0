use bytes::Bytes;

use super::Via;
use crate::sip::message::Host;

fn via(text: &str) -> Option<Via> {
    Via::parse(&Bytes::copy_from_slice(text.as_bytes()))
}

#[test]
fn a_via_is_read_and_written() {
    let via = via("SIP / 2.0 / tls   first.example : 4000;ttl=16 ;maddr=224.2.0.1 ;branch=z9hG4bKa7c6a8dlze.1").unwrap();
    assert_eq!(
        (via.transport.as_ref(), via.port),
        (&b"tls"[..], Some(4000))
    );
    assert_eq!(via.host, Host::parse("first.example").unwrap());
    assert_eq!(via.branch().unwrap(), "z9hG4bKa7c6a8dlze.1");
    assert_eq!(via.params.get("MADDR").unwrap(), "224.2.0.1");
    assert_eq!(
        via.to_string(),
        "SIP/2.0/tls first.example:4000;ttl=16;maddr=224.2.0.1;branch=z9hG4bKa7c6a8dlze.1"
    );
}

#[test]
fn received_and_rport_are_read_and_set() {
    let mut via = via("SIP/2.0/UDP 10.0.0.1;rport;branch=z9hG4bK1").unwrap();
    assert_eq!((via.received(), via.rport()), (None, Some(None)));
    via.set_received("203.0.113.5".parse().unwrap());
    via.set_rport(61_234);
    assert_eq!(
        via.to_string(),
        "SIP/2.0/UDP 10.0.0.1;rport=61234;branch=z9hG4bK1;received=203.0.113.5"
    );
    assert_eq!(via.rport(), Some(Some(61_234)));
    via.set_received("2001:db8::7".parse().unwrap());
    assert_eq!(via.received(), Some("2001:db8::7".parse().unwrap()));
    let plain = self::via("SIP/2.0/UDP [2001:db8::9]:5070;received=[2001:db8::a];branch=").unwrap();
    assert_eq!(plain.received(), Some("2001:db8::a".parse().unwrap()));
    assert_eq!((plain.rport(), plain.branch()), (None, None));
}

#[test]
fn our_own_via_asks_for_rport() {
    let address: core::net::IpAddr = "192.0.2.80".parse().unwrap();
    let via = Via::new("UDP", address, 5060, "z9hG4bKx");
    assert_eq!(
        via.to_string(),
        "SIP/2.0/UDP 192.0.2.80:5060;branch=z9hG4bKx;rport"
    );
}

#[test]
fn what_is_no_via_is_refused() {
    for text in [
        "",
        "SIP/2.0/UDP",
        "SIP/2.0/UDP ;branch=1",
        "SIP//UDP a",
        "HTTP/2.0/UDP a",
        "SIP/2.0 a",
        "SIP/2.0/ a",
        "SIP/2.0/UDP a:b",
        "SIP/2.0/UDP a b",
        "SIP/2.0/U\"P a",
    ] {
        assert_eq!(via(text), None, "{text:?}");
    }
}
