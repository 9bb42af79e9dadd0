//! Registrars that misbehave, and networks that do.

use std::time::Duration;

use super::world::{Nonces, REGISTRAR, World, flow, settings};
use crate::sip::Transport;
use crate::sip::registration::{Event, Settings, State};

/// The router of some offices drops the first pair of ports after a cold start.
#[test]
fn a_new_source_port_helps_where_the_first_is_dead() {
    let mut world = World::new();
    world.registrar.deaf_to = vec![5060];
    world.start(40);
    assert!(world.is_registered());
    assert_eq!(world.count(Event::NewPort), 1);
    let seconds: Vec<u64> = world.times();
    assert_eq!(seconds, [32, 32]);
    let status = world.registration.status();
    assert_eq!(status.flow.unwrap().local.port(), 5061);
    world.run(3000);
    assert_eq!(world.count(Event::NewPort), 1);
    assert!(world.is_registered());
}

#[test]
fn the_third_flow_is_the_one_that_answers() {
    let mut world = World::new();
    let flows = ["198.51.100.8:5060", "198.51.100.9:5060", REGISTRAR];
    world.flows = Ok(flows.map(|it| flow(Transport::Udp, it)).to_vec());
    world.start(33);
    let words = "the PBX does not answer on UDP 198.51.100.8:5060";
    assert_eq!(world.reason(), words);
    world.run(40);
    assert!(world.is_registered());
    assert_eq!(world.count(Event::NewPort), 0);
    // It stays with what answers.
    world.run(2000);
    assert_eq!(
        world.times().iter().filter(|at| **at > 70).count(),
        world.times().len() - 2
    );
    assert!(world.is_registered());
}

#[test]
fn a_silent_pbx_is_asked_for_ever_with_growing_pauses() {
    let mut world = World::new();
    world.registrar.alive.clear();
    world.start(3600);
    let waits = world.count(Event::Resolve);
    assert!((8..=20).contains(&waits), "{waits}");
    assert_eq!(
        world.count(Event::NewPort),
        waits - usize::from(world.count(Event::NewPort) < waits)
    );
    assert_eq!(
        world.reason(),
        "the PBX does not answer on UDP 198.51.100.1:5060"
    );
    world.run(12 * 3600);
    world.registrar.alive = vec![REGISTRAR.parse().unwrap()];
    world.until(400, World::is_registered);
    assert_eq!(world.registration.status().reason, "registered");
}

#[test]
fn a_registrar_that_moved_is_found_again() {
    let mut world = World::new();
    world.start(5);
    let elsewhere = "198.51.100.50:5060";
    world.registrar.alive = vec![elsewhere.parse().unwrap()];
    world.flows = Ok(vec![flow(Transport::Udp, elsewhere)]);
    world.until(320, |world| !world.is_registered());
    world.until(60, World::is_registered);
    let status = world.registration.status();
    assert_eq!(status.flow.unwrap().remote.to_string(), elsewhere);
}

/// While the old address still answers, the new one is taken at a refresh after a quarter of an hour.
#[test]
fn addresses_are_looked_up_again_from_time_to_time() {
    let mut world = World::new();
    world.start(5);
    let elsewhere = "198.51.100.50:5060";
    world.registrar.alive.push(elsewhere.parse().unwrap());
    world.flows = Ok(vec![flow(Transport::Udp, elsewhere)]);
    world.run(1300);
    let status = world.registration.status();
    assert_eq!(status.flow.unwrap().remote.to_string(), elsewhere);
    // A name service that fails is no reason to leave it.
    world.flows = Err("no such name".to_owned());
    world.run(5000);
    assert!(world.is_registered());
    assert!(world.count(Event::Resolve) >= 4);
}

#[test]
fn a_name_that_leads_nowhere_is_told_and_tried_again() {
    let mut world = World::new();
    world.flows = Err("the name pbx.example does not exist".to_owned());
    world.start(1);
    let status = world.registration.status();
    assert_eq!(status.state, State::Waiting);
    let sentence = status.sentence(world.now);
    assert!(
        sentence.starts_with("the name pbx.example does not exist, next try in "),
        "{sentence}"
    );
    world.flows = Ok(Vec::new());
    world.run(60);
    assert_eq!(world.reason(), "the PBX has no address that can be reached");
    world.flows = Ok(vec![flow(Transport::Udp, REGISTRAR)]);
    world.until(90, World::is_registered);
}

#[test]
fn an_hour_of_wrong_passwords_is_no_lock_out_loop() {
    let mut world = World::new();
    world.registrar.password = Some("another");
    world.start(600);
    assert_eq!(world.reason(), "wrong password or user name");
    assert_eq!(world.registration.status().last_code, Some(401));
    // Guards of PBXes lock out after five failures in ten minutes.
    assert!(world.registrar.refused <= 4, "{}", world.registrar.refused);
    world.run(3000);
    assert!(
        (4..=8).contains(&world.registrar.refused),
        "{} refusals",
        world.registrar.refused
    );
    world.run(24 * 3600);
    assert!(world.registrar.refused <= 80, "{}", world.registrar.refused);
    world.registrar.password = Some("pa55");
    world.until(1900, World::is_registered);
}

#[test]
fn a_password_that_is_changed_while_registered_is_told() {
    let mut world = World::new();
    world.start(5);
    world.registrar.password = Some("another");
    world.until(300, |world| {
        world.registration.status().state == State::Waiting
    });
    assert_eq!(world.reason(), "wrong password or user name");
    // One answer in advance, one to the challenge.
    assert_eq!(world.registrar.refused, 2);
}

#[test]
fn refusals_are_told_in_words_and_not_repeated_soon() {
    for (status, lines, words) in [
        (
            "403 Forbidden",
            "",
            "does not allow us to register (403 Forbidden)",
        ),
        (
            "404 Not Found",
            "",
            "does not know this extension (404 Not Found)",
        ),
        ("400 Bad", "", "refuses to register us (400 Bad Request)"),
        ("606 No", "", "refuses to register us (606 Not Acceptable)"),
        ("401 No", "", "asks for no digest"),
        (
            "401 No",
            "WWW-Authenticate: Digest realm=\"a\",nonce=\"n\",algorithm=X\r\n",
            "algorithm",
        ),
        (
            "302 Moved",
            "Contact: <sip:evil.example>\r\n",
            "sends us to evil.example, which is not its domain",
        ),
        (
            "302 Moved",
            "Contact: <sip:evilpbx.example>\r\n",
            "not its domain",
        ),
        (
            "302 Moved",
            "",
            "without saying where (302 Moved Temporarily)",
        ),
        ("423 Brief", "", "too brief"),
        ("423 Brief", "Min-Expires: 10\r\n", "too brief"),
        (
            "423 Brief",
            "Min-Expires: 4294967295\r\n",
            "only for 1193046 h or longer",
        ),
    ] {
        let mut world = World::new();
        world.registrar.script.extend([(status, lines)]);
        world.start(80);
        let reason = world.reason();
        assert!(reason.contains(words), "{status} {lines}: {reason}");
        assert_eq!(world.registrar.seen.len(), 1, "{status} {lines}");
        world.run(60);
        assert!(
            world.is_registered(),
            "{status} {lines}: {}",
            world.reason()
        );
    }
}

#[test]
fn forbidden_after_our_answer_speaks_of_the_password() {
    let mut world = World::new();
    world.start(5);
    world.registrar.script.extend([("403 Forbidden", "")]);
    world.until(300, |world| !world.is_registered());
    world.run(1);
    let reason = world.reason();
    assert!(
        reason.contains("wrong password or user name, or"),
        "{reason}"
    );
}

#[test]
fn without_a_password_a_challenge_is_told() {
    let mut world = World::with(Settings {
        credentials: None,
        ..settings()
    });
    world.start(5);
    let words = "the PBX asks for a password, and none is configured";
    assert_eq!(world.reason(), words);
    world.registrar.password = None;
    world.until(121, World::is_registered);
}

#[test]
fn stale_nonces_without_end_are_bounded() {
    let mut world = World::new();
    world.registrar.nonces = Nonces::Stale;
    world.start(2);
    assert_eq!(world.registrar.seen.len(), 3);
    assert_eq!(world.reason(), "the server calls its own fresh nonce stale");
    world.run(3600);
    let requests = world.registrar.seen.len();
    assert!(requests < 80, "{requests}");
}

#[test]
fn a_longer_expiry_is_taken_and_kept() {
    let mut world = World::new();
    world.registrar.min_expires = Some(900);
    world.start(2);
    assert!(world.is_registered());
    let granted = world.registration.status().granted;
    assert_eq!(granted, Some(Duration::from_secs(900)));
    let before = world.registrar.seen.len();
    world.run(901);
    assert_eq!(world.registrar.seen.len(), before + 1);
}

#[test]
fn a_redirect_inside_the_domain_is_followed_once() {
    let mut world = World::new();
    let lines = "Contact: <sip:node2.PBX.example:5080;transport=tcp>\r\n";
    world
        .registrar
        .script
        .extend([("302 Moved Temporarily", lines)]);
    world.start(2);
    assert_eq!(world.count(Event::Resolve), 2);
    let redirect = world.registration.redirect().unwrap().to_string();
    assert_eq!(redirect, "sip:node2.PBX.example:5080;transport=tcp");
    assert!(world.is_registered());
    let moved = ("302 Moved Temporarily", lines);
    let mut world = World::new();
    world.registrar.script.extend([moved, moved]);
    world.start(2);
    assert!(world.reason().contains("on and on"), "{}", world.reason());
}

#[test]
fn trouble_leads_to_the_next_flow() {
    for status in [
        "500 Oops",
        "503 Service Unavailable",
        "504 Time-out",
        "408 Timeout",
        "480 Later",
    ] {
        let mut world = World::new();
        let flows = [REGISTRAR, "198.51.100.9:5060"];
        world.flows = Ok(flows.map(|it| flow(Transport::Udp, it)).to_vec());
        world.registrar.alive.push(flows[1].parse().unwrap());
        world.registrar.script.extend([(status, "")]);
        world.start(1);
        assert!(world.is_registered(), "{status}");
        let at = world.registration.status().flow.unwrap();
        assert_eq!(at.remote.to_string(), flows[1]);
    }
}

#[test]
fn retry_after_is_honoured_within_reason() {
    for (lines, from, to) in [
        ("Retry-After: 120 (soon);duration=3600\r\n", 120, 122),
        ("Retry-After: 4294967295\r\n", 3600, 3602),
        ("Retry-After: x\r\n", 2, 7),
    ] {
        let mut world = World::new();
        world
            .registrar
            .script
            .extend([("503 Service Unavailable", lines)]);
        world.start(1);
        let reason = world.reason();
        assert_eq!(
            reason,
            "the PBX on UDP 198.51.100.1:5060 is in trouble: 503 Service Unavailable"
        );
        world.run(to);
        assert!(world.is_registered(), "{lines}");
        let second = world.times()[1];
        assert!((from..=to).contains(&second), "{lines}: {second}");
    }
}

#[test]
fn a_lost_answer_is_asked_for_again() {
    let mut world = World::new();
    world.lost_answers = 2;
    world.start(3);
    assert!(world.is_registered());
    world.lost_answers = 12;
    // The answer to a refresh stays away altogether; the next round finds the registrar.
    world.until(320, |world| world.lost_answers == 0);
    world.until(90, World::is_registered);
}

#[test]
fn an_answer_that_comes_too_late_does_no_harm() {
    let mut world = World::new();
    world.registrar.password = None;
    world.lost_answers = 11;
    world.start(31);
    // Every REGISTER reached the registrar, no answer came back.
    assert!(!world.is_registered());
    assert_eq!(world.registrar.bindings.len(), 1);
    world.run(10);
    assert!(world.is_registered());
    assert_eq!(world.count(Event::NewPort), 1);
}

#[test]
fn a_registrar_that_forgets_us_learns_of_us_at_the_next_refresh() {
    let mut world = World::new();
    world.start(5);
    world.registrar.bindings.clear();
    world.run(300);
    assert_eq!(world.registrar.bindings.len(), 1);
    assert!(world.is_registered());
}

#[test]
fn a_lost_connection_is_made_again() {
    let tcp = flow(Transport::Tcp, REGISTRAR);
    let mut world = World::new();
    world.flows = Ok(vec![tcp]);
    world.start(5);
    let before = world.registrar.seen.len();
    world.lose_connection(tcp);
    assert_eq!(world.reason(), "the connection to the PBX was lost");
    world.run(6);
    assert!(world.is_registered());
    assert_eq!(world.registrar.seen.len(), before + 1);
    // One that breaks again and again is not made without pause.
    let before = world.registrar.seen.len();
    for _ in 0..600 {
        if world.is_registered() {
            world.lose_connection(tcp);
        }
        world.run(1);
    }
    let made = world.registrar.seen.len() - before;
    assert!(made <= 10, "{made}");
}

#[test]
fn a_connection_that_cannot_be_made_is_told() {
    let tcp = flow(Transport::Tcp, REGISTRAR);
    let mut world = World::new();
    world.registrar.alive.clear();
    world.flows = Ok(vec![tcp]);
    world.start(0);
    world.lose_connection(tcp);
    let words = "the PBX cannot be reached on TCP 198.51.100.1:5060";
    assert_eq!(world.reason(), words);
    assert_eq!(world.count(Event::NewPort), 0);
    assert_eq!(world.registration.status().state, State::Waiting);
}

#[test]
fn an_owner_that_never_looks_up_is_asked_again() {
    let mut world = World::new();
    world.registration.start(world.now);
    while world.registration.poll_event().is_some() {}
    world.run(46);
    assert_eq!(world.reason(), "looking up the PBX takes too long");
    world.until(10, World::is_registered);
}
