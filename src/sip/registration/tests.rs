use core::net::SocketAddr;
use std::time::Duration;

use super::backoff::{Pace, refresh_after};
use super::status::in_words;
use super::{Event, FLOWS_MAX, Registration, State};
use crate::sip::message::{Name, Uri};
use crate::sip::{Flow, Random, Transport};

mod troubles;
mod world;

use world::{Nonces, REGISTRAR, World, flow, settings};

fn text(value: Option<&bytes::Bytes>) -> String {
    String::from_utf8(value.unwrap().to_vec()).unwrap()
}

#[test]
fn it_registers_at_the_bare_domain() {
    let mut world = World::new();
    world.start(1);
    assert!(world.is_registered());
    let [(_, _, first), (_, _, second)] = &world.registrar.seen[..] else {
        panic!("a challenge and its answer: {:?}", world.registrar.seen);
    };
    assert_eq!(first.uri.to_string(), "sip:pbx.example");
    assert_eq!(
        text(first.headers.get(&Name::Contact)),
        "<sip:line1@192.0.2.2:5060>;expires=300"
    );
    assert_eq!(text(first.headers.get(&Name::To)), "<sip:1001@pbx.example>");
    assert_eq!(first.headers.number(&Name::Expires), Some(300));
    assert_eq!(first.call_id(), second.call_id());
    assert_eq!(first.from_tag(), second.from_tag());
    assert_eq!(second.cseq().unwrap().to_string(), "2 REGISTER");
    assert_ne!(
        first.top_via().unwrap().branch(),
        second.top_via().unwrap().branch()
    );
    let status = world.registration.status();
    assert_eq!(status.last_code, Some(200));
    assert_eq!(status.granted, Some(Duration::from_secs(300)));
    assert_eq!(status.flow, Some(flow(Transport::Udp, REGISTRAR)));
    assert_eq!(status.public, Some("192.0.2.2:5060".parse().unwrap()));
    assert_eq!(status.sentence(world.now), "registered, refresh in 4 min");
    assert_eq!(
        world.registration.contact().unwrap().to_string(),
        "sip:line1@192.0.2.2:5060"
    );
}

#[test]
fn it_is_refreshed_from_what_was_granted() {
    for (asked, granted) in [
        (300, 60),
        (300, 3600),
        (60, 60),
        (300, 10),
        (10, 10),
        (300, 7),
    ] {
        let mut world = World::with(super::Settings {
            expires: Duration::from_secs(asked),
            ..settings()
        });
        world.registrar.grant = Some(granted);
        world.start(granted * 10 - 1);
        assert!(world.is_registered());
        let times: Vec<u64> = world.registrar.seen.iter().map(|(ms, ..)| *ms).collect();
        // The first is the challenged one; from then on the nonce is known.
        assert!(times.len() >= 10, "{granted}: {times:?}");
        for pair in times[1..].windows(2) {
            let gap = pair[1] - pair[0];
            let least = (granted * 800)
                .min(granted * 500 + 1)
                .min(granted * 1000 - 5000);
            assert!(
                (least..granted * 1000 - 900).contains(&gap),
                "{granted}: {gap}"
            );
            if granted > 60 {
                assert!(gap >= granted * 800, "{granted}: {gap}");
            }
        }
        let counts = world.registrar.seen.iter().skip(1).map(|(_, _, request)| {
            let answer = request.headers.get(&Name::Authorization).unwrap();
            text(
                crate::sip::message::Auth::parse(answer)
                    .unwrap()
                    .get("nc")
                    .as_ref(),
            )
        });
        let counts: Vec<String> = counts.collect();
        assert_eq!(counts[..3], ["00000001", "00000002", "00000003"]);
        let rising = world
            .registrar
            .seen
            .iter()
            .map(|(_, _, it)| it.cseq().unwrap().number);
        assert!(rising.clone().zip(rising.skip(1)).all(|(a, b)| b == a + 1));
    }
}

#[test]
fn our_contact_is_found_among_several() {
    let mut world = World::new();
    world.registrar.listed = "Contact: <sip:line1@203.0.113.9:5060>;expires=20, \
        \"A, phone\" <sip:7@[2001:db8::1]>;expires=30\r\nContact: sip:8@phone;expires=40\r\nExpires: 50\r\n"
        .to_owned();
    world.registrar.grant = Some(200);
    world.start(1);
    let granted = world.registration.status().granted;
    assert_eq!(granted, Some(Duration::from_secs(200)));
}

#[test]
fn the_expiry_stands_in_contact_or_header_or_is_what_we_asked() {
    for (lines, expected) in [
        (
            "Contact: <sip:line1@192.0.2.2:5060>;expires=70\r\nExpires: 90\r\n",
            Some(70),
        ),
        (
            "Contact: <sip:line1@192.0.2.2:5060>;q=1\r\nExpires: 90\r\n",
            Some(90),
        ),
        ("Contact: <sip:line1@192.0.2.2:5060>\r\n", Some(300)),
        ("Contact: <sip:line1@192.0.2.2>;expires=70\r\n", Some(70)),
        // With parameters of the registrar's own, in any order, and without ours.
        (
            "Contact: <sip:line1@192.0.2.2:5060;transport=UDP;uniq=4>;expires=\"70\"\r\n",
            Some(70),
        ),
        (
            "m: <sip:%6Cine1@192.0.2.2:5060;ob>;reg-id=1;EXPIRES=70;+sip.instance=\"<x>\"\r\n",
            Some(70),
        ),
        // The only one of our user, with the address that the registrar sees.
        (
            "Contact: <sip:line1@203.0.113.5:1024>;expires=70\r\n",
            Some(70),
        ),
        (
            "Contact: <sip:line1@203.0.113.5>;expires=9, <sip:line1@203.0.113.6>;expires=9\r\n",
            None,
        ),
        ("Contact: <sip:other@192.0.2.2:5060>;expires=70\r\n", None),
        (
            "Contact: <sip:line1@192.0.2.2:5060>;expires=99999999999999999999999\r\n",
            Some(86_400),
        ),
        ("Contact: <sip:line1@192.0.2.2:5060>;expires=0\r\n", None),
        ("Contact: *\r\n", None),
        ("", None),
    ] {
        let mut world = World::new();
        world.registrar.lists_ours = false;
        world.registrar.listed = lines.to_owned();
        world.start(1);
        let granted = world.registration.status().granted;
        assert_eq!(granted, expected.map(Duration::from_secs), "{lines}");
        assert_eq!(world.is_registered(), expected.is_some(), "{lines}");
        if !world.is_registered() {
            let reason = world.reason();
            assert!(
                reason.contains("does not list our address") || reason.contains("no time"),
                "{reason}"
            );
        }
    }
}

#[test]
fn odd_answers_are_read() {
    let mut world = World::new();
    world.registrar.is_odd = true;
    world.registrar.grant = Some(77);
    world.start(1);
    let granted = world.registration.status().granted;
    assert_eq!(granted, Some(Duration::from_secs(77)));
}

#[test]
fn every_algorithm_registers() {
    for algorithm in ["MD5", "MD5", "SHA-256", "SHA-512-256"] {
        for qop in ["auth", "auth-int"] {
            let mut world = World::new();
            (world.registrar.algorithm, world.registrar.qop) = (algorithm, qop);
            world.start(2000);
            assert!(world.is_registered(), "{algorithm} {qop}");
            assert_eq!(world.registrar.refused, 0);
        }
    }
}

#[test]
fn nonces_for_one_use_cost_one_request_more() {
    let mut world = World::new();
    world.registrar.nonces = Nonces::Once;
    world.start(1500);
    assert!(world.is_registered());
    assert_eq!(world.registrar.refused, 0);
    let requests = world.registrar.seen.len();
    assert!((10..=14).contains(&requests), "{requests}");
}

#[test]
fn a_learned_address_corrects_the_contact_once() {
    let public: SocketAddr = "203.0.113.7:40000".parse().unwrap();
    let mut world = World::new();
    world.registrar.nat = Some(public);
    world.start(1);
    assert!(world.is_registered());
    assert_eq!(world.count(Event::PublicAddress(public)), 1);
    let contact = Uri::parse("sip:line1@203.0.113.7:40000").unwrap();
    assert_eq!(world.registrar.bindings, [contact]);
    let last = &world.registrar.seen.last().unwrap().2;
    // It adds the new address and removes the old one.
    let contacts: Vec<String> = last
        .headers
        .all(&Name::Contact)
        .map(|value| text(Some(value)))
        .collect();
    assert_eq!(
        contacts,
        [
            "<sip:line1@203.0.113.7:40000>;expires=300",
            "<sip:line1@192.0.2.2:5060>;expires=0"
        ]
    );
    assert_eq!(world.registrar.seen.len(), 3);
    world.run(1000);
    let refreshes = world.registrar.seen.len() - 3;
    assert!((3..=4).contains(&refreshes), "{refreshes}");
    let next: SocketAddr = "203.0.113.8:40001".parse().unwrap();
    world.registrar.nat = Some(next);
    world.run(300);
    assert_eq!(world.count(Event::PublicAddress(next)), 1);
    assert_eq!(world.registrar.bindings.len(), 1);
    assert_eq!(world.registration.status().public, Some(next));
    assert_eq!(
        world.registration.contact(),
        world.registrar.bindings.first()
    );
}

/// A router that shows another port at every request costs one more request a refresh, not a loop.
#[test]
fn an_address_that_never_stays_is_no_loop() {
    let mut world = World::new();
    for round in 0..50 {
        world.registrar.nat = Some(SocketAddr::from(([203, 0, 113, 7], 40_000 + round)));
        if round == 0 {
            world.start(30);
        }
        world.run(30);
    }
    let requests = world.registrar.seen.len();
    assert!(requests < 20, "{requests} in 1530 s");
    assert!(world.is_registered());
}

#[test]
fn a_static_public_address_stands() {
    let mut world = World::with(super::Settings {
        public_address: Some("203.0.113.99".parse().unwrap()),
        ..settings()
    });
    world.registrar.nat = Some("203.0.113.7:40000".parse().unwrap());
    world.start(10);
    assert!(world.is_registered());
    let contact = Uri::parse("sip:line1@203.0.113.99:5060").unwrap();
    assert_eq!(world.registrar.bindings, [contact]);
    assert_eq!(world.registrar.seen.len(), 2);
}

#[test]
fn the_contact_names_the_transport_and_its_port_matters_behind_nat_only() {
    let (udp, tcp) = (Transport::Udp, Transport::Tcp);
    for (transport, seen, contact) in [
        (
            tcp,
            "192.0.2.2:50123",
            "sip:line1@192.0.2.2:5060;transport=tcp",
        ),
        (
            tcp,
            "203.0.113.7:50123",
            "sip:line1@203.0.113.7:50123;transport=tcp",
        ),
        // Told by a balancer inside the provider's network: of no use.
        (
            tcp,
            "10.0.0.9:50123",
            "sip:line1@192.0.2.2:5060;transport=tcp",
        ),
        // A firewall that has put back the address, and not the port.
        (udp, "192.0.2.2:50123", "sip:line1@192.0.2.2:5060"),
        (udp, "203.0.113.7:50123", "sip:line1@203.0.113.7:50123"),
    ] {
        let mut world = World::new();
        world.flows = Ok(vec![flow(transport, REGISTRAR)]);
        world.registrar.nat = Some(seen.parse().unwrap());
        world.start(10);
        assert_eq!(world.registrar.bindings, [Uri::parse(contact).unwrap()]);
    }
}

#[test]
fn it_unregisters() {
    let mut world = World::new();
    world.start(5);
    world.registration.unregister(world.now);
    world.run(1);
    assert_eq!(world.events.last().unwrap().1, Event::Gone);
    assert_eq!(world.registrar.bindings, Vec::<Uri>::new());
    let last = &world.registrar.seen.last().unwrap().2;
    assert_eq!(
        text(last.headers.get(&Name::Contact)),
        "<sip:line1@192.0.2.2:5060>;expires=0"
    );
    assert_eq!(world.registration.status().state, State::Gone);
    assert_eq!(world.registration.poll_timeout(), None);
    world.registration.unregister(world.now);
    world.run(100);
    assert_eq!(world.count(Event::Gone), 1);
}

#[test]
fn unregistering_answers_a_challenge_and_never_waits_long() {
    let mut world = World::new();
    world.registrar.nonces = Nonces::Once;
    world.start(5);
    world.registration.unregister(world.now);
    world.run(1);
    assert_eq!(world.count(Event::Gone), 1);
    assert_eq!(world.registrar.bindings, Vec::<Uri>::new());
    for seconds in [0, 1, 5] {
        let mut world = World::new();
        if seconds > 1 {
            world.start(seconds);
        }
        world.registrar.alive.clear();
        if seconds == 1 {
            world.start(seconds);
        }
        let before = world.ms();
        world.registration.unregister(world.now);
        world.until(4, |world| world.count(Event::Gone) == 1);
        assert!(world.ms() - before <= 4000);
        world.run(100);
        assert_eq!(world.count(Event::Gone), 1);
        assert_eq!(world.endpoint.counts().client, 0);
    }
}

#[test]
fn too_many_flows_are_cut() {
    let mut world = World::new();
    world.flows = Ok((0..100)
        .map(|port| flow(Transport::Udp, &format!("198.51.100.2:{}", 6000 + port)))
        .collect());
    world.start(5);
    assert_eq!(world.registration.flows.len(), FLOWS_MAX);
}

#[test]
fn flows_that_nobody_asked_for_are_passed_over() {
    let mut world = World::new();
    world.start(5);
    let elsewhere: Flow = flow(Transport::Udp, "198.51.100.77:5060");
    world
        .registration
        .handle_flows(Ok(vec![elsewhere]), world.now);
    world.run(1000);
    assert!(
        world
            .registrar
            .seen
            .iter()
            .all(|(_, it, _)| *it != elsewhere)
    );
}

#[test]
fn waits_grow_and_are_bounded() {
    let mut random = Random::new([3, 3]);
    for (pace, first, most) in [(Pace::Quick, 5, 300), (Pace::Slow, 120, 1800)] {
        for failures in 1..60 {
            let wait = pace.wait(failures, &mut random);
            let bound = Duration::from_secs(most.min(first << (failures - 1).min(30)));
            assert!(wait <= bound && wait >= bound / 2, "{failures}: {wait:?}");
        }
    }
    for granted in 1..4000 {
        let granted = Duration::from_secs(granted);
        let after = refresh_after(granted, &mut random);
        assert!(after <= granted && after >= granted / 2);
    }
    for (seconds, words) in [(5, "5 s"), (119, "119 s"), (240, "4 min"), (7300, "2 h")] {
        assert_eq!(in_words(Duration::from_secs(seconds)), words);
    }
}

#[test]
fn many_refreshes_leave_nothing_behind() {
    let mut world = World::with(super::Settings {
        expires: Duration::from_secs(60),
        ..settings()
    });
    world.start(1000);
    let size = |registration: &Registration| format!("{registration:?}").len();
    let before = size(&world.registration);
    let mut refreshes = 0;
    while refreshes < 50_000 {
        world.run(50_000);
        refreshes += world.registrar.seen.len();
        world.registrar.seen.clear();
        world.events.clear();
        world.until(2, World::is_registered);
    }
    assert!(world.endpoint.is_clean());
    world.run(30);
    let counts = world.endpoint.counts();
    assert!(counts.client <= 1, "{counts:?}");
    let after = size(&world.registration);
    assert!(after < before + 64, "{before} became {after}");
    assert!(world.registration.outputs.capacity() <= 16);
    assert!(world.registration.events.capacity() <= 16);
}
