use core::net::{IpAddr, SocketAddr};
use core::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;

use super::Resolver;
use crate::io::clock;
use crate::sip::Transport;
use crate::sip::message::Uri;
use crate::sip::target::{Families, NotFound};

const ALL: [Transport; 3] = [Transport::Udp, Transport::Tcp, Transport::Tls];
const BOTH: Families = Families { v4: true, v6: true };
const TIMEOUT: Duration = Duration::from_millis(300);

const NAPTR: u16 = 35;
const SRV: u16 = 33;
const A: u16 = 1;
const AAAA: u16 = 28;

/// Resource data for a question; `Err` is the code to refuse with, `Ok(None)` silence.
type Zone = fn(name: &str, kind: u16) -> Result<Option<Vec<Vec<u8>>>, u8>;

const NXDOMAIN: u8 = 3;

/// A name server on a port of the loopback, and how many questions it got.
async fn serve(zone: Zone) -> (SocketAddr, Arc<AtomicU32>) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let questions = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&questions);
    tokio::spawn(async move {
        let mut buffer = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            counter.fetch_add(1, Ordering::Relaxed);
            if let Some(answer) = answer(&buffer[..length], zone) {
                let _sent = socket.send_to(&answer, from).await;
            }
        }
    });
    (address, questions)
}

/// RFC 1035 §4.1, by hand.
fn answer(query: &[u8], zone: Zone) -> Option<Vec<u8>> {
    let (mut at, mut labels) = (12, Vec::new());
    while query[at] != 0 {
        let end = at + 1 + usize::from(query[at]);
        labels.push(String::from_utf8(query[at + 1..end].to_vec()).unwrap());
        at = end;
    }
    let kind = u16::from_be_bytes([query[at + 1], query[at + 2]]);
    let (code, records) = match zone(&labels.join(".").to_ascii_lowercase(), kind) {
        Ok(records) => (0, records?),
        Err(code) => (code, Vec::new()),
    };
    let mut out = query[..2].to_vec();
    out.extend([
        0x81,
        0x80 | code,
        0,
        1,
        0,
        u8::try_from(records.len()).unwrap(),
    ]);
    out.extend([0; 4]);
    out.extend_from_slice(&query[12..at + 5]);
    for record in records {
        out.extend([0xC0, 12]);
        out.extend(kind.to_be_bytes());
        out.extend([0, 1, 0, 0, 1, 0]);
        out.extend(u16::try_from(record.len()).unwrap().to_be_bytes());
        out.extend(record);
    }
    Some(out)
}

fn text(text: &str) -> Vec<u8> {
    [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat()
}

fn name(name: &str) -> Vec<u8> {
    let labels = name.split('.').map(text);
    [labels.collect::<Vec<_>>().concat(), vec![0]].concat()
}

fn naptr(order: u16, service: &str, replacement: &str) -> Vec<u8> {
    let numbers = [order.to_be_bytes(), 1_u16.to_be_bytes()].concat();
    [
        numbers,
        text("s"),
        text(service),
        text(""),
        name(replacement),
    ]
    .concat()
}

fn srv(priority: u16, port: u16, target: &str) -> Vec<u8> {
    let numbers = [priority, 1, port].map(u16::to_be_bytes).concat();
    [numbers, name(target)].concat()
}

fn zone(owner: &str, kind: u16) -> Result<Option<Vec<Vec<u8>>>, u8> {
    Ok(Some(match (owner, kind) {
        ("pbx.test", NAPTR) => vec![
            naptr(20, "SIP+D2U", "_sip._udp.pbx.test"),
            naptr(10, "SIP+D2T", "_sip._tcp.pbx.test"),
        ],
        ("_sip._udp.pbx.test" | "_sip._udp.srv.test", SRV) => {
            vec![srv(2, 5062, "two.test"), srv(1, 5061, "one.test")]
        }
        ("_sip._tcp.pbx.test", SRV) => vec![srv(1, 5070, "one.test")],
        ("one.test" | "plain.test" | "slow.test" | "refused.test", A) => vec![vec![127, 0, 0, 1]],
        ("two.test", A) => vec![vec![127, 0, 0, 2], vec![127, 0, 0, 3]],
        ("two.test", AAAA) => vec![[&[0; 15][..], &[1]].concat()],
        ("one.test" | "two.test", _) => Vec::new(),
        ("slow.test" | "_sip._udp.slow.test" | "_sip._tcp.slow.test" | "dead.test", _)
        | ("_sip._udp.dead.test", _) => return Ok(None),
        ("refused.test", NAPTR) => return Err(5),
        _ => return Err(NXDOMAIN),
    }))
}

async fn resolver() -> (Resolver, Arc<AtomicU32>) {
    let (address, questions) = serve(zone).await;
    let resolver = Resolver::with_name_server(address, TIMEOUT).unwrap();
    (resolver, questions)
}

async fn targets(
    resolver: &Resolver,
    uri: &str,
    families: Families,
) -> Result<Vec<String>, NotFound> {
    let uri = Uri::parse(uri.to_owned()).unwrap();
    let targets = resolver.resolve(&uri, &ALL, families).await?;
    let targets = targets.iter();
    let targets = targets.map(|it| format!("{} {}", it.transport.name(), it.address));
    Ok(targets.collect())
}

#[tokio::test]
async fn naptr_and_srv_are_followed_in_order_and_remembered() {
    let (resolver, questions) = resolver().await;
    let expected = [
        "TCP 127.0.0.1:5070",
        "UDP 127.0.0.1:5061",
        "UDP 127.0.0.2:5062",
        "UDP 127.0.0.3:5062",
        "UDP [::1]:5062",
    ];
    let found = targets(&resolver, "sip:pbx.test", BOTH).await.unwrap();
    assert_eq!(found, expected);
    let asked = questions.load(Ordering::Relaxed);
    let clone = resolver.clone();
    let again = targets(&clone, "sip:pbx.test", BOTH).await.unwrap();
    assert_eq!(again, expected);
    // Only the AAAA records that are not there may be asked for again: a denial without SOA is not kept.
    assert!(questions.load(Ordering::Relaxed) <= asked + 2);
}

#[tokio::test]
async fn what_is_missing_is_passed_over() {
    let (resolver, _) = resolver().await;
    let v4 = Families {
        v4: true,
        v6: false,
    };
    for (uri, expected) in [
        (
            "sip:srv.test",
            vec![
                "UDP 127.0.0.1:5061",
                "UDP 127.0.0.2:5062",
                "UDP 127.0.0.3:5062",
            ],
        ),
        ("sip:plain.test", vec!["UDP 127.0.0.1:5060"]),
        ("sip:plain.test;transport=tls", vec!["TLS 127.0.0.1:5061"]),
        ("sips:plain.test:5090", vec!["TLS 127.0.0.1:5090"]),
        ("sip:refused.test", vec!["UDP 127.0.0.1:5060"]),
        ("sip:127.0.0.9", vec!["UDP 127.0.0.9:5060"]),
    ] {
        let found = targets(&resolver, uri, v4).await;
        assert_eq!(found.unwrap(), expected, "{uri}");
    }
    let nowhere = targets(&resolver, "sip:nowhere.test", BOTH).await;
    assert_eq!(nowhere, Err(NotFound::NoRecords("nowhere.test".to_owned())));
}

/// Some routers answer for A and AAAA alone; others are dead.
#[tokio::test]
async fn silence_costs_little_and_ends() {
    let (resolver, _) = resolver().await;
    let begun = clock::now();
    let v4 = Families {
        v4: true,
        v6: false,
    };
    let found = targets(&resolver, "sip:slow.test", v4).await;
    assert_eq!(found.unwrap(), ["UDP 127.0.0.1:5060"]);
    let dead = targets(&resolver, "sip:dead.test", v4).await;
    let words = "the name service does not answer for dead.test";
    assert_eq!(dead.unwrap_err().to_string(), words);
    assert!(clock::now() - begun < 2 * 8 * TIMEOUT);
}

#[tokio::test]
async fn the_hosts_file_and_localhost_work_without_a_name_server() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let silent = socket.local_addr().unwrap();
    let v4 = Families {
        v4: true,
        v6: false,
    };
    for resolver in [
        Resolver::with_name_server(silent, TIMEOUT).unwrap(),
        Resolver::system(),
    ] {
        let found = targets(&resolver, "sip:localhost", v4).await.unwrap();
        assert_eq!(found, ["UDP 127.0.0.1:5060"]);
    }
}

#[test]
fn names_of_the_hosts_file_have_no_services() {
    use crate::sip::target::{Answer, Question};
    let mut hosts = super::Hosts::default();
    let file = "192.0.2.7 PBX.office pbx # the cupboard\n2001:db8::7 pbx.office\n";
    hosts.read_hosts_conf(file.as_bytes()).unwrap();
    let known = |question| super::known(&hosts, &question, BOTH);
    let addresses: [IpAddr; 2] = ["192.0.2.7".parse().unwrap(), "2001:db8::7".parse().unwrap()];
    assert_eq!(
        known(Question::Address("pbx.office".to_owned())),
        Some(Answer::Addresses(addresses.to_vec()))
    );
    let service = Question::Srv("_sip._udp.pbx.office".to_owned());
    assert_eq!(known(service), Some(Answer::None));
    let naptr = Question::Naptr("pbx".to_owned());
    assert_eq!(known(naptr), Some(Answer::None));
    assert_eq!(known(Question::Naptr("other".to_owned())), None);
}
