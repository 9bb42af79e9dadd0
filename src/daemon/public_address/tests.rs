use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn the_stronger_origin_stays() {
    let address = PublicAddress::new(None);
    assert!(!address.learn(Origin::Peer, ip("192.168.1.20")));
    assert_eq!(address.known(), None);
    assert!(address.learn(Origin::Peer, ip("203.0.113.7")));
    assert!(!address.learn(Origin::Peer, ip("203.0.113.7")), "no news");
    assert!(address.learn(Origin::Peer, ip("203.0.113.8")), "it changed");
    assert!(address.learn(Origin::Stun, ip("203.0.113.9")));
    assert!(!address.learn(Origin::Peer, ip("203.0.113.7")));
    assert_eq!(address.known(), Some(ip("203.0.113.9")));
    // What Contact and the session description then tell.
    let told = nat::Addresses {
        of_line: None,
        public: address.known(),
    };
    let own = ip("192.168.1.20");
    assert_eq!(told.told(ip("198.51.100.5"), own), ip("203.0.113.9"));
    assert_eq!(told.told(ip("192.168.1.10"), own), own);
    let configured = PublicAddress::new(Some(ip("10.0.0.1")));
    assert!(!configured.learn(Origin::Stun, ip("203.0.113.9")));
    assert_eq!(configured.known(), Some(ip("10.0.0.1")));
}
