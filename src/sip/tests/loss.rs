//! Whole calls over links that lose, reorder and break.

use super::world::{BOX, CALLER, Loss, Verb, World};
use crate::sip::Transport;
use crate::sip::session::Party;

/// By then every timer of a call that ended at the latest has run out.
const LONG: u64 = 400_000;

#[test]
fn a_call_over_a_good_link_takes_no_retransmission() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut world = World::new(1, transport, Loss::None);
        world.call();
        world.at(20, BOX, Verb::Ring);
        world.at(1_000, BOX, Verb::Accept);
        world.at(5_000, CALLER, Verb::HangUp);
        world.run_until(4_000);
        assert!(world.both("Negotiated") && world.both("Answered") && world.both("Confirmed"));
        world.run_until(LONG);
        assert_eq!(
            world.sent(CALLER),
            ["INVITE (1 INVITE) sdp", "ACK (1 ACK)", "BYE (2 BYE)"]
        );
        assert_eq!(
            world.sent(BOX),
            [
                "100 (1 INVITE)",
                "180 (1 INVITE)",
                "200 (1 INVITE) sdp",
                "200 (2 BYE)"
            ]
        );
        assert_eq!(world.parties[CALLER].ended().unwrap().by, Party::Local);
        let ended = world.parties[BOX].ended().unwrap();
        assert_eq!((ended.by, ended.text.as_str()), (Party::Remote, "goodbye"));
        world.assert_clean();
    }
}

#[test]
fn the_box_can_hang_up() {
    let mut world = World::new(2, Transport::Udp, Loss::None);
    world.call();
    world.at(10, BOX, Verb::Accept);
    world.at(3_000, BOX, Verb::HangUp);
    world.run_until(LONG);
    assert_eq!(world.parties[BOX].ended().unwrap().by, Party::Local);
    assert_eq!(world.parties[CALLER].ended().unwrap().by, Party::Remote);
    assert_eq!(world.sent(BOX).last().unwrap(), "BYE (1 BYE)");
    world.assert_clean();
}

#[test]
fn a_refused_call_ends_both_sides() {
    let mut world = World::new(3, Transport::Udp, Loss::None);
    world.call();
    world.at(10, BOX, Verb::Refuse(486));
    world.run_until(LONG);
    assert_eq!(world.parties[CALLER].ended().unwrap().status, Some(486));
    assert_eq!(world.parties[BOX].ended().unwrap().status, Some(486));
    world.assert_clean();
}

/// At most two losses in a row and per direction: of eleven 2xx at least the 3rd, 6th and 9th
/// arrive, so at least one of their ACKs does; the same holds for BYE. So every call completes.
#[test]
fn bounded_loss_always_completes() {
    for seed in 0..300 {
        let loss = Loss::Bounded {
            percent: 60,
            in_a_row: 2,
        };
        let mut world = World::new(seed, Transport::Udp, loss).with_latency(1, 60);
        world.call();
        let hangs_up = if seed % 2 == 0 { CALLER } else { BOX };
        let mut accepted = false;
        for second in 1..120 {
            world.run_until(second * 1_000);
            if !accepted && !world.parties[BOX].sessions.is_empty() {
                accepted = true;
                world.at(second * 1_000 + 1, BOX, Verb::Ring);
                world.at(second * 1_000 + 200, BOX, Verb::Accept);
            }
        }
        assert!(world.both("Confirmed"), "seed {seed}");
        world.at(120_000, hangs_up, Verb::HangUp);
        world.run_until(LONG);
        assert!(world.both("Ended"), "seed {seed}");
        for party in &world.parties {
            let ended = party.ended().unwrap();
            assert_ne!(ended.by, Party::Network, "seed {seed}");
        }
        world.assert_clean();
    }
}

#[test]
fn whenever_the_link_breaks_both_sides_clean_up() {
    for transport in [Transport::Udp, Transport::Tcp] {
        for break_at in (0..4_000).step_by(37) {
            let mut world =
                World::new(break_at, transport, Loss::PartitionAt(break_at)).with_latency(20, 20);
            world.call();
            world.run_until(100);
            if !world.parties[BOX].sessions.is_empty() {
                world.at(300, BOX, Verb::Ring);
                world.at(900, BOX, Verb::Accept);
                world.at(2_000, BOX, Verb::HangUp);
            }
            world.at(3_000, CALLER, Verb::HangUp);
            world.run_until(LONG);
            world.assert_clean();
        }
    }
}

#[test]
fn a_2xx_without_ack_is_repeated_for_64_t1_and_then_hung_up_on() {
    let mut world = World::new(5, Transport::Udp, Loss::PartitionAt(1_000));
    world.call();
    world.run_until(999);
    world.at(1_000, BOX, Verb::Accept);
    world.run_until(LONG);
    let expected: Vec<u64> = [
        0, 500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500,
    ]
    .map(|ms| 1_000 + ms)
    .to_vec();
    assert_eq!(world.times_of(BOX, "200 (1 INVITE) sdp"), expected);
    assert_eq!(world.times_of(BOX, "BYE (1 BYE)").first(), Some(&33_000));
    let ended = world.parties[BOX].ended().unwrap();
    assert_eq!((ended.by, ended.status), (Party::Network, Some(408)));
}

#[test]
fn a_2xx_is_repeated_over_tcp_as_well() {
    let mut world = World::new(
        6,
        Transport::Tcp,
        Loss::Named(vec![(CALLER, "ACK (1 ACK)", 1)]),
    );
    world.call();
    world.at(10, BOX, Verb::Accept);
    world.run_until(2_000);
    assert_eq!(world.times_of(BOX, "200 (1 INVITE) sdp"), [10, 510]);
    assert_eq!(world.times_of(CALLER, "ACK (1 ACK)"), [15, 515]);
    assert!(world.both("Confirmed"));
}
