use core::net::IpAddr;

use super::{Answer, Families, Naptr, NotFound, Question, Resolution, Srv, TARGETS_MAX, Target};
use crate::sip::message::Uri;
use crate::sip::{Random, Transport};

const ALL: [Transport; 3] = [Transport::Udp, Transport::Tcp, Transport::Tls];
const BOTH: Families = Families { v4: true, v6: true };

/// A zone in words: `NAPTR name order pref flags service replacement`, `SRV name prio weight port target`,
/// `A name address`, `SILENT name`.
struct Zone(&'static [&'static str]);

impl Zone {
    fn answer(&self, question: &Question) -> Answer {
        let (kind, name) = match question {
            Question::Naptr(name) => ("NAPTR", name),
            Question::Srv(name) => ("SRV", name),
            Question::Address(name) => ("A", name),
        };
        let lines = self
            .0
            .iter()
            .map(|line| line.split(' ').collect::<Vec<_>>());
        let lines: Vec<_> = lines.filter(|it| it[1] == name).collect();
        if lines.iter().any(|it| it[0] == "SILENT" && it[2] == kind) {
            return Answer::Silence;
        }
        let lines: Vec<_> = lines.into_iter().filter(|it| it[0] == kind).collect();
        let number = |text: &str| text.parse().unwrap();
        match kind {
            _ if lines.is_empty() => Answer::None,
            "NAPTR" => Answer::Naptr(
                lines
                    .iter()
                    .map(|it| Naptr {
                        order: number(it[2]),
                        preference: number(it[3]),
                        flags: it[4].to_owned(),
                        service: it[5].to_owned(),
                        replacement: it[6].to_owned(),
                    })
                    .collect(),
            ),
            "SRV" => Answer::Srv(
                lines
                    .iter()
                    .map(|it| Srv {
                        priority: number(it[2]),
                        weight: number(it[3]),
                        port: number(it[4]),
                        target: it[5].to_owned(),
                    })
                    .collect(),
            ),
            _ => Answer::Addresses(
                lines
                    .iter()
                    .map(|it| it[2].parse::<IpAddr>().unwrap())
                    .collect(),
            ),
        }
    }
}

/// The targets as text, and the questions asked.
fn resolve(
    uri: &str,
    listened: &[Transport],
    families: Families,
    zone: &Zone,
) -> (Result<Vec<String>, NotFound>, Vec<String>) {
    let uri = Uri::parse(uri.to_owned()).unwrap();
    let mut asked = Vec::new();
    let mut resolution = match Resolution::new(&uri, listened, families, Random::new([5, 5])) {
        Ok(resolution) => resolution,
        Err(not_found) => return (Err(not_found), asked),
    };
    while let Some(question) = resolution.poll_question() {
        asked.push(format!("{question:?}"));
        resolution.handle_answer(zone.answer(&question));
    }
    let shown = |target: &Target| format!("{} {}", target.transport.name(), target.address);
    let targets = resolution.finish();
    (targets.map(|it| it.iter().map(shown).collect()), asked)
}

fn targets(uri: &str, listened: &[Transport], zone: &Zone) -> Vec<String> {
    resolve(uri, listened, BOTH, zone).0.unwrap()
}

const ZONE: Zone = Zone(&[
    "NAPTR full.example 20 10 s SIP+D2U _sip._udp.full.example.",
    "NAPTR full.example 10 20 S sip+d2t _sip._tcp.full.example",
    "NAPTR full.example 10 10 s SIPS+D2T _sips._tcp.full.example",
    "NAPTR full.example 1 1 s E2U+email _x.full.example",
    "NAPTR full.example 1 1 u SIP+D2U _y.full.example",
    "SRV _sips._tcp.full.example 1 0 5071 a.full.example.",
    "SRV _sip._tcp.full.example 1 0 5070 a.full.example",
    "SRV _sip._udp.full.example 2 0 5062 b.full.example",
    "SRV _sip._udp.full.example 1 0 5061 a.full.example",
    "A a.full.example 192.0.2.1",
    "A b.full.example 2001:db8::2",
    "A b.full.example 192.0.2.2",
    "SRV _sip._tcp.srv.example 1 0 5070 a.full.example",
    "A plain.example 192.0.2.9",
    "A pbx 192.0.2.10",
    "SRV _sip._udp.none.example 0 0 0 .",
    "A none.example 192.0.2.11",
]);

#[test]
fn an_address_is_taken_as_it_is() {
    for (uri, listened, expected) in [
        ("sip:192.0.2.1", &ALL[..], "UDP 192.0.2.1:5060"),
        ("sip:a@192.0.2.1:5080", &ALL, "UDP 192.0.2.1:5080"),
        ("sip:192.0.2.1;transport=TCP", &ALL, "TCP 192.0.2.1:5060"),
        ("sip:192.0.2.1;transport=tls", &ALL, "TLS 192.0.2.1:5061"),
        ("sips:192.0.2.1", &ALL, "TLS 192.0.2.1:5061"),
        ("sips:192.0.2.1;transport=tcp", &ALL, "TLS 192.0.2.1:5061"),
        ("sip:[2001:db8::1]:5070", &ALL, "UDP [2001:db8::1]:5070"),
        ("sip:192.0.2.1", &[Transport::Tls], "TLS 192.0.2.1:5061"),
        (
            "sip:192.0.2.1",
            &[Transport::Tcp, Transport::Udp],
            "UDP 192.0.2.1:5060",
        ),
    ] {
        let (found, asked) = resolve(uri, listened, BOTH, &ZONE);
        assert_eq!(found.unwrap(), [expected], "{uri}");
        assert_eq!(asked, Vec::<String>::new());
    }
}

#[test]
fn naptr_orders_the_transports() {
    assert_eq!(
        targets("sip:full.example", &ALL, &ZONE),
        [
            "TLS 192.0.2.1:5071",
            "TCP 192.0.2.1:5070",
            "UDP 192.0.2.1:5061",
            "UDP 192.0.2.2:5062",
            "UDP [2001:db8::2]:5062"
        ]
    );
    assert_eq!(
        targets("sip:full.example.", &[Transport::Udp], &ZONE).len(),
        3
    );
    assert_eq!(
        targets("sips:full.example", &ALL, &ZONE),
        ["TLS 192.0.2.1:5071"]
    );
}

#[test]
fn a_transport_or_port_in_the_uri_asks_less() {
    let asked = |uri| resolve(uri, &ALL, BOTH, &ZONE).1;
    assert_eq!(
        asked("sip:full.example;transport=tcp"),
        [
            "Srv(\"_sip._tcp.full.example\")",
            "Address(\"a.full.example\")"
        ]
    );
    assert_eq!(
        asked("sip:plain.example:5060"),
        ["Address(\"plain.example\")"]
    );
    // No zone has a name without a dot.
    assert_eq!(asked("sip:pbx"), ["Address(\"pbx\")"]);
    assert_eq!(
        targets("sip:plain.example:5070;transport=tls", &ALL, &ZONE),
        ["TLS 192.0.2.9:5070"]
    );
}

#[test]
fn without_naptr_srv_is_asked_for_each_transport_and_without_srv_the_name() {
    let (found, asked) = resolve("sip:srv.example", &ALL, BOTH, &ZONE);
    assert_eq!(found.unwrap(), ["TCP 192.0.2.1:5070"]);
    assert_eq!(
        asked,
        [
            "Naptr(\"srv.example\")",
            "Srv(\"_sip._udp.srv.example\")",
            "Srv(\"_sip._tcp.srv.example\")",
            "Srv(\"_sips._tcp.srv.example\")",
            "Address(\"a.full.example\")"
        ]
    );
    assert_eq!(
        targets("sip:plain.example", &ALL, &ZONE),
        ["UDP 192.0.2.9:5060"]
    );
    assert_eq!(
        targets("sips:plain.example", &ALL, &ZONE),
        ["TLS 192.0.2.9:5061"]
    );
}

#[test]
fn a_service_that_is_declared_absent_is_absent() {
    let (found, asked) = resolve("sip:none.example", &ALL, BOTH, &ZONE);
    assert_eq!(found, Err(NotFound::NoRecords("none.example".to_owned())));
    assert!(!asked.contains(&"Address(\"none.example\")".to_owned()));
}

#[test]
fn families_and_transports_that_are_missing_are_told() {
    let v4 = Families {
        v4: true,
        v6: false,
    };
    let v6 = Families {
        v4: false,
        v6: true,
    };
    let uri = "sip:full.example;transport=udp";
    let (found, _) = resolve(uri, &ALL, v6, &ZONE);
    assert_eq!(found.unwrap(), ["UDP [2001:db8::2]:5062"]);
    let error = |uri, listened, families| {
        let (found, _) = resolve(uri, listened, families, &ZONE);
        found.unwrap_err().to_string()
    };
    assert_eq!(
        error("sip:[2001:db8::1]", &ALL[..], v4),
        "sip:[2001:db8::1] is of an address family that is not listened on"
    );
    assert_eq!(
        error("sips:full.example", &[Transport::Udp], BOTH),
        "sips:full.example needs TLS, which is not listened on"
    );
    assert_eq!(
        error("sip:full.example;transport=ws", &ALL, BOTH),
        "sip:full.example;transport=ws needs WS, which is not listened on"
    );
    assert_eq!(
        error("tel:+15550100", &ALL, BOTH),
        "tel:+15550100 is not a SIP address"
    );
    assert_eq!(
        error("sip:nowhere.example", &ALL, BOTH),
        "the name nowhere.example does not exist or has no address"
    );
    assert_eq!(
        error("sip:plain.example", &ALL, v6),
        "the name plain.example does not exist or has no address"
    );
}

#[test]
fn a_router_that_drops_services_still_gives_addresses() {
    let zone = Zone(&[
        "SILENT home.example NAPTR",
        "SILENT _sip._udp.home.example SRV",
        "SILENT _sip._tcp.home.example SRV",
        "A home.example 192.0.2.1",
        "SILENT dead.example NAPTR",
        "SILENT _sip._udp.dead.example SRV",
        "SILENT dead.example A",
    ]);
    let (found, asked) = resolve("sip:home.example", &ALL, BOTH, &zone);
    assert_eq!(found.unwrap(), ["UDP 192.0.2.1:5060"]);
    assert_eq!(asked.len(), 3);
    let (found, _) = resolve("sip:dead.example", &ALL, BOTH, &zone);
    let words = "the name service does not answer for dead.example";
    assert_eq!(found.unwrap_err().to_string(), words);
}

#[test]
fn a_resolution_cut_short_has_what_it_found() {
    let uri = Uri::parse("sip:full.example;transport=udp").unwrap();
    let begin = || Resolution::new(&uri, &ALL, BOTH, Random::new([1, 1])).unwrap();
    let mut resolution = begin();
    for _ in 0..2 {
        let question = resolution.poll_question().unwrap();
        resolution.handle_answer(ZONE.answer(&question));
    }
    assert_eq!(resolution.finish().unwrap().len(), 1);
    let mut resolution = begin();
    resolution.poll_question();
    assert_eq!(resolution.poll_question(), None);
    let silence = NotFound::Silence("full.example".to_owned());
    assert_eq!(resolution.finish(), Err(silence));
}

#[test]
fn weights_are_shares_and_priorities_come_first() {
    let record = |priority, weight, target: &str| Srv {
        priority,
        weight,
        port: 1,
        target: target.to_owned(),
    };
    let mut random = Random::new([7, 7]);
    let mut first = [0_u32; 4];
    for _ in 0..4000 {
        let records = vec![
            record(2, 65535, "backup"),
            record(1, 30, "b"),
            record(1, 0, "none"),
            record(1, 10, "a"),
        ];
        let ordered = super::by_priority_and_weight(records, &mut random);
        let names: Vec<&str> = ordered.iter().map(|it| it.target.as_str()).collect();
        assert_eq!(names[3], "backup");
        let index = ["a", "b", "none", "backup"]
            .iter()
            .position(|it| *it == names[0]);
        first[index.unwrap()] += 1;
    }
    let [a, b, none, backup] = first;
    assert_eq!(backup, 0);
    assert!(
        (800..1200).contains(&a) && (2700..3200).contains(&b),
        "{first:?}"
    );
    assert!((20..300).contains(&none), "{first:?}");
}

#[test]
fn a_zone_without_end_is_cut() {
    let uri = Uri::parse("sip:big.example").unwrap();
    let random = Random::new([1, 1]);
    let mut resolution = Resolution::new(&uri, &ALL, BOTH, random).unwrap();
    let mut questions = 0;
    while let Some(question) = resolution.poll_question() {
        questions += 1;
        resolution.handle_answer(match question {
            Question::Naptr(_) => Answer::Naptr(
                (0..1000)
                    .map(|number| Naptr {
                        order: 1,
                        preference: 1,
                        flags: "s".to_owned(),
                        service: "SIP+D2U".to_owned(),
                        replacement: format!("_sip._udp.{number}.big.example"),
                    })
                    .collect(),
            ),
            Question::Srv(name) => Answer::Srv(
                (0..1000)
                    .map(|port| Srv {
                        priority: 1,
                        weight: 1,
                        port,
                        target: name.clone(),
                    })
                    .collect(),
            ),
            Question::Address(_) => {
                let addresses = (0..1000_u32).map(|number| IpAddr::V4(number.into()));
                Answer::Addresses(addresses.collect())
            }
        });
    }
    assert!(questions <= 24, "{questions}");
    assert!(resolution.finish().is_ok_and(|it| it.len() <= TARGETS_MAX) || questions == 24);
}
