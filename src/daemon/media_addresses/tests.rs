use super::*;
use crate::sip::Transport;
use crate::sip::message::Method;

/// What is listened on, and `media.address`.
fn addresses((listened, configured): (&[&str], &[&str])) -> MediaAddresses {
    let read = |list: &[&str]| list.iter().map(|it| ip(it)).collect();
    MediaAddresses {
        configured: read(configured),
        listened: read(listened),
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn flow(local: &str) -> Flow {
    let local: SocketAddr = local.parse().unwrap();
    Flow {
        transport: Transport::Udp,
        local,
        remote: local,
    }
}

fn invite(connections: &[&str]) -> Request {
    let streams = connections.iter();
    let streams = streams.map(|it| format!("m=audio 4000 RTP/AVP 0\r\nc=IN {it}\r\n"));
    let offer = format!("v=0\r\n{}", streams.collect::<String>());
    let uri = crate::sip::message::Uri::parse("sip:a@b").unwrap();
    Request::new(Method::Invite, uri).with_body("application/sdp", offer)
}

/// Addresses that are listened on, and those that are named for audio.
type Addresses = (&'static [&'static str], &'static [&'static str]);

const BOTH: Addresses = (&["192.0.2.1", "2001:db8::1"], &[]);
const FOUR: Addresses = (&["192.0.2.1"], &[]);

#[test]
fn audio_is_in_the_family_that_the_offer_wants_if_we_have_it() {
    let named: Addresses = (BOTH.0, &["192.0.2.9", "2001:db8::9"]);
    let one: Addresses = (BOTH.0, &["192.0.2.9"]);
    let (v4, v6) = ("192.0.2.1:5060", "[2001:db8::1]:5060");
    let (four, six) = ("IP4 198.51.100.7", "IP6 2001:db8::7");
    let cases: [(Addresses, &str, &[&str], &str); 13] = [
        (BOTH, v4, &[four], "192.0.2.1"),
        (BOTH, v6, &[six], "2001:db8::1"),
        (BOTH, v4, &[six], "2001:db8::1"),
        (BOTH, v6, &[four], "192.0.2.1"),
        // Nowhere, a name, or no offer at all: as the signalling.
        (BOTH, v6, &["IP4 0.0.0.0"], "2001:db8::1"),
        (BOTH, v6, &["IP4 phone.example.com"], "2001:db8::1"),
        (BOTH, v6, &[], "2001:db8::1"),
        (named, v6, &[six], "2001:db8::9"),
        (named, v6, &[four], "192.0.2.9"),
        (one, v6, &[six], "2001:db8::1"),
        // What we do not have is left to the signalling; the first stream that we can take decides.
        (FOUR, v4, &[six], "192.0.2.1"),
        (FOUR, v4, &[six, four], "192.0.2.1"),
        (BOTH, v4, &[six, four], "2001:db8::1"),
    ];
    for (config, local, offer, expected) in cases {
        let chosen = addresses(config).of_call(&invite(offer), flow(local));
        assert_eq!(chosen, ip(expected), "{config:?} {local} {offer:?}");
    }
}

#[test]
fn on_all_addresses_the_kernel_knows_the_way() {
    let any = addresses((&["0.0.0.0", "::"], &[]));
    let six = flow("[2001:db8::1]:5060");
    let chosen = any.of_call(&invite(&["IP4 127.0.0.1"]), six);
    assert_eq!(chosen, ip("127.0.0.1"));
    assert_eq!(any.on(six), ip("2001:db8::1"));
    assert_eq!(any.of_each_family(), [ip("0.0.0.0"), ip("::")]);
}
