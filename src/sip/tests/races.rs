//! The races of RFC 5407 that concern this user agent, by the RFC's section.

use super::world::{BOX, CALLER, Loss, Verb, World};
use crate::sip::Transport;
use crate::sip::session::{Event, Party};

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

/// Answered at 100 ms, on a link of 50 ms.
fn answered(seed: u64, loss: Loss) -> World {
    let mut world = World::new(seed, Transport::Udp, loss).with_latency(50, 50);
    world.call();
    world.at(100, BOX, Verb::Accept);
    world
}

/// What one end has told of holding, in order.
fn holds(world: &World, party: usize) -> Vec<bool> {
    let told = world.parties[party].told.iter();
    let held = told.filter_map(|(_, event)| match event {
        Event::Held(held) => Some(*held),
        _ => None,
    });
    held.collect()
}

/// §3.1.4: the peer's re-INVITE comes while the ACK of our 200 is lost.
#[test]
fn section_3_1_4_a_reinvite_overtakes_the_ack() {
    let loss = Loss::Named(vec![(CALLER, "ACK (1 ACK)", 1)]);
    let mut world = answered(10, loss);
    world.at(200, CALLER, Verb::Hold);
    world.run_until(5_000);
    assert!(world.both("Confirmed"));
    assert_eq!(world.times_of(BOX, "200 (1 INVITE) sdp"), [100]);
    assert_eq!(holds(&world, BOX), [true]);
    world.at(6_000, CALLER, Verb::HangUp);
    world.run_until(LONG);
    world.assert_clean();
}

/// §3.2.2: a re-INVITE crosses a BYE.
#[test]
fn section_3_2_2_a_reinvite_crosses_a_bye() {
    let mut world = answered(11, Loss::None);
    world.at(1_000, CALLER, Verb::Hold);
    world.at(1_010, BOX, Verb::HangUp);
    world.run_until(LONG);
    assert!(world.sent(BOX).contains(&"481 (2 INVITE)".to_owned()));
    assert_eq!(world.parties[BOX].ended().unwrap().by, Party::Local);
    assert_eq!(world.parties[CALLER].ended().unwrap().by, Party::Remote);
    world.assert_clean();
}

/// §3.2.3: the 200 of a re-INVITE crosses the BYE of the one who sent it.
#[test]
fn section_3_2_3_a_200_of_a_reinvite_crosses_a_bye() {
    let mut world = answered(12, Loss::None);
    world.at(1_000, CALLER, Verb::Hold);
    world.at(1_060, CALLER, Verb::HangUp);
    world.run_until(LONG);
    assert!(world.sent(CALLER).contains(&"ACK (2 ACK)".to_owned()));
    assert_eq!(world.parties[BOX].ended().unwrap().by, Party::Remote);
    world.assert_clean();
}

/// §3.3.1: both offer at once; both are refused, come back apart, and both holds stand.
#[test]
fn section_3_3_1_reinvites_cross() {
    for seed in 0..60 {
        let mut world = answered(seed, Loss::None);
        world.at(1_000, CALLER, Verb::Hold);
        world.at(1_010, BOX, Verb::Hold);
        world.run_until(20_000);
        assert!(world.sent(BOX).contains(&"491 (2 INVITE)".to_owned()));
        assert!(world.sent(CALLER).contains(&"491 (1 INVITE)".to_owned()));
        assert_eq!(holds(&world, CALLER), [true], "seed {seed}");
        assert_eq!(holds(&world, BOX), [true], "seed {seed}");
        world.at(21_000, BOX, Verb::Resume);
        world.at(23_000, CALLER, Verb::Resume);
        world.run_until(30_000);
        assert_eq!(holds(&world, CALLER), [true, false], "seed {seed}");
        assert_eq!(holds(&world, BOX), [true, false], "seed {seed}");
        world.at(31_000, BOX, Verb::HangUp);
        world.run_until(LONG);
        world.assert_clean();
    }
}

/// Hours of a call: both sides agree on who refreshes, and one refreshes twice an hour and a half.
#[test]
fn a_long_call_is_refreshed_by_one_side_and_ends_when_the_other_is_gone() {
    for (loss, transport) in [
        (Loss::None, Transport::Tcp),
        (Loss::None, Transport::Udp),
        (
            Loss::Bounded {
                percent: 30,
                in_a_row: 2,
            },
            Transport::Udp,
        ),
    ] {
        let mut world = World::new(13, transport, loss);
        world.call();
        world.run_until(2_000);
        world.at(2_001, BOX, Verb::Accept);
        world.run_until(3 * 3_600_000);
        assert!(!world.both("Ended"));
        let refreshes = |party: usize| {
            let sent = world.sent(party);
            let mut refreshes: Vec<_> = sent
                .into_iter()
                .filter(|label| label.starts_with("UPDATE") || label.starts_with("INVITE ("))
                .collect();
            refreshes.dedup();
            refreshes.len()
        };
        // Every 15 minutes, and the caller's INVITE.
        let both = [refreshes(CALLER), refreshes(BOX)];
        assert!(both[0].min(both[1]) <= 1, "{both:?}");
        assert!((11..=13).contains(&both[0].max(both[1])), "{both:?}");
        world.at(3 * 3_600_000 + 1, CALLER, Verb::HangUp);
        world.run_until(4 * 3_600_000);
        world.assert_clean();
    }
    let mut world = answered(14, Loss::PartitionAt(1_000_000));
    world.run_until(2 * 3_600_000);
    for party in [CALLER, BOX] {
        let ended = world.parties[party].ended().unwrap();
        assert_eq!((ended.by, ended.status), (Party::Network, Some(408)));
    }
    world.assert_clean();
}
