//! The races of RFC 5407 that concern this user agent, by the RFC's section.

use super::world::{BOX, CALLER, Loss, Verb, World};
use crate::sip::Transport;
use crate::sip::session::Party;

const LONG: u64 = 400_000;

/// §3.1.1: INVITE comes again after the 200.
#[test]
fn section_3_1_1_a_repeated_invite_is_absorbed_after_the_200() {
    let loss = Loss::Named(vec![
        (BOX, "100 (1 INVITE)", 1),
        (BOX, "200 (1 INVITE) sdp", 1),
    ]);
    let mut world = World::new(1, Transport::Udp, loss);
    world.call();
    world.at(100, BOX, Verb::Accept);
    world.run_until(2_000);
    assert_eq!(world.times_of(CALLER, "INVITE (1 INVITE) sdp"), [0, 500]);
    assert_eq!(world.times_of(BOX, "200 (1 INVITE) sdp"), [100, 600]);
    assert_eq!(world.parties[BOX].sessions.len(), 1);
    assert!(world.both("Confirmed"));
}

/// §3.1.2: CANCEL crosses the 200; the caller acknowledges and hangs up.
#[test]
fn section_3_1_2_cancel_crosses_the_200() {
    let mut world = World::new(2, Transport::Udp, Loss::None).with_latency(50, 50);
    world.call();
    world.at(100, BOX, Verb::Ring);
    world.at(500, BOX, Verb::Accept);
    world.at(510, CALLER, Verb::HangUp);
    world.run_until(LONG);
    let sent = world.sent(CALLER);
    assert_eq!(
        sent,
        [
            "INVITE (1 INVITE) sdp",
            "CANCEL (1 CANCEL)",
            "ACK (1 ACK)",
            "BYE (2 BYE)"
        ]
    );
    assert!(world.sent(BOX).contains(&"200 (1 CANCEL)".to_owned()));
    assert!(!world.sent(BOX).iter().any(|label| label.starts_with("487")));
    assert_eq!(world.parties[CALLER].ended().unwrap().by, Party::Local);
    assert_eq!(world.parties[BOX].ended().unwrap().by, Party::Remote);
    world.assert_clean();
}

#[test]
fn cancel_while_it_rings_ends_both_sides_with_487() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut world = World::new(3, transport, Loss::None);
        world.call();
        world.at(100, BOX, Verb::Ring);
        world.at(500, CALLER, Verb::HangUp);
        world.run_until(LONG);
        assert_eq!(
            world.sent(CALLER),
            ["INVITE (1 INVITE) sdp", "CANCEL (1 CANCEL)", "ACK (1 ACK)"]
        );
        let ended = world.parties[BOX].ended().unwrap();
        assert_eq!((ended.by, ended.status), (Party::Remote, Some(487)));
        let ended = world.parties[CALLER].ended().unwrap();
        assert_eq!((ended.by, ended.status), (Party::Local, Some(487)));
        world.assert_clean();
    }
}

/// RFC 3261 §9.1: no CANCEL before a provisional response.
#[test]
fn cancel_waits_for_a_provisional_response() {
    let loss = Loss::Named(vec![(CALLER, "INVITE (1 INVITE) sdp", 1)]);
    let mut world = World::new(4, Transport::Udp, loss);
    world.call();
    world.at(100, CALLER, Verb::HangUp);
    world.run_until(LONG);
    assert_eq!(world.times_of(CALLER, "CANCEL (1 CANCEL)"), [510]);
    assert_eq!(world.parties[CALLER].ended().unwrap().status, Some(487));
    world.assert_clean();
}

/// A CANCEL that nobody answers ends after 64*T1.
#[test]
fn a_cancelled_call_that_nobody_answers_ends() {
    let mut world = World::new(5, Transport::Udp, Loss::PartitionAt(400));
    world.call();
    world.at(100, BOX, Verb::Ring);
    world.at(500, CALLER, Verb::HangUp);
    world.run_until(32_600);
    let ended = world.parties[CALLER].ended().unwrap();
    assert_eq!((ended.by, ended.status), (Party::Network, Some(408)));
}

/// §3.1.6: BYE arrives while the 200 still waits for its ACK.
#[test]
fn section_3_1_6_bye_overtakes_the_ack() {
    let loss = Loss::Named(vec![(CALLER, "ACK (1 ACK)", 1)]);
    let mut world = World::new(6, Transport::Udp, loss);
    world.call();
    world.at(100, BOX, Verb::Accept);
    world.at(200, CALLER, Verb::HangUp);
    world.run_until(LONG);
    assert_eq!(world.times_of(BOX, "200 (1 INVITE) sdp"), [100]);
    assert_eq!(world.times_of(BOX, "200 (2 BYE)"), [205]);
    assert_eq!(world.parties[BOX].ended().unwrap().by, Party::Remote);
    assert!(!world.parties[BOX].has_told("Confirmed"));
    world.assert_clean();
}

/// §3.2.1: both hang up at the same time.
#[test]
fn section_3_2_1_both_hang_up_at_once() {
    let mut world = World::new(7, Transport::Udp, Loss::None).with_latency(50, 50);
    world.call();
    world.at(100, BOX, Verb::Accept);
    world.at(1_000, BOX, Verb::HangUp);
    world.at(1_010, CALLER, Verb::HangUp);
    world.run_until(LONG);
    assert!(world.sent(BOX).contains(&"200 (2 BYE)".to_owned()));
    assert!(world.sent(CALLER).contains(&"200 (1 BYE)".to_owned()));
    assert_eq!(world.parties[BOX].ended().unwrap().by, Party::Local);
    assert_eq!(world.parties[CALLER].ended().unwrap().by, Party::Local);
    world.assert_clean();
}

/// RFC 3261 §15: the callee hangs up only when the ACK has come.
#[test]
fn the_box_hangs_up_only_after_the_ack() {
    let loss = Loss::Named(vec![(CALLER, "ACK (1 ACK)", 1)]);
    let mut world = World::new(8, Transport::Udp, loss);
    world.call();
    world.at(100, BOX, Verb::Accept);
    world.at(200, BOX, Verb::HangUp);
    world.run_until(LONG);
    assert_eq!(world.times_of(CALLER, "ACK (1 ACK)"), [105, 605]);
    assert_eq!(world.times_of(BOX, "BYE (1 BYE)"), [610]);
    assert_eq!(world.parties[BOX].ended().unwrap().by, Party::Local);
    world.assert_clean();
}

/// §3.2.4: an ACK comes after the box has given up and sent BYE.
#[test]
fn section_3_2_4_a_late_ack_changes_nothing() {
    let names = (1..=12).map(|nth| (CALLER, "ACK (1 ACK)", nth)).collect();
    let mut world = World::new(9, Transport::Udp, Loss::Named(names));
    world.call();
    world.at(100, BOX, Verb::Accept);
    world.run_until(LONG);
    assert_eq!(world.times_of(BOX, "BYE (1 BYE)"), [32_100]);
    assert_eq!(world.parties[CALLER].ended().unwrap().by, Party::Remote);
    world.assert_clean();
}
