//! PRACK (RFC 3262) and REFER (RFC 3515) between two ends, over links that lose and break.

use super::world::{BOX, CALLER, Loss, Verb, World};
use crate::sip::Transport;
use crate::sip::session::ReliableProvisionals;

const LONG: u64 = 800_000;

/// A box that sends provisional responses reliably, and a caller that lets itself be transferred.
fn world(seed: u64, transport: Transport, loss: Loss) -> World {
    let mut world = World::new(seed, transport, loss);
    world.parties[BOX].policy.reliable = ReliableProvisionals::Wanted;
    world.parties[CALLER].policy.accepts_refer = true;
    world
}

#[test]
fn rfc_3262_a_call_with_early_media_over_a_good_link() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut world = world(1, transport, Loss::None);
        world.call();
        world.at(20, BOX, Verb::Ring);
        world.at(100, BOX, Verb::Progress);
        world.at(1_000, BOX, Verb::Accept);
        world.at(5_000, CALLER, Verb::HangUp);
        world.run_until(LONG);
        assert_eq!(
            world.sent(CALLER),
            [
                "INVITE (1 INVITE) sdp",
                "PRACK (2 PRACK)",
                "PRACK (3 PRACK)",
                "ACK (1 ACK)",
                "BYE (4 BYE)"
            ]
        );
        assert_eq!(
            world.sent(BOX),
            [
                "100 (1 INVITE)",
                "180 (1 INVITE)",
                "200 (2 PRACK)",
                "183 (1 INVITE) sdp",
                "200 (3 PRACK)",
                "200 (1 INVITE)",
                "200 (4 BYE)"
            ]
        );
        assert!(world.parties[CALLER].has_told("EarlyMedia"));
        assert!(world.both("Negotiated") && world.both("Confirmed"));
        world.assert_clean();
    }
}

#[test]
fn rfc_3262_without_any_prack_the_call_is_refused() {
    let lost = (1..=20)
        .map(|nth| (CALLER, "PRACK (2 PRACK)", nth))
        .collect();
    let mut world = world(2, Transport::Udp, Loss::Named(lost));
    world.call();
    world.at(20, BOX, Verb::Ring);
    world.run_until(LONG);
    assert_eq!(world.parties[BOX].ended().unwrap().status, Some(504));
    assert_eq!(world.parties[CALLER].ended().unwrap().status, Some(504));
    world.assert_clean();
}

/// At most two losses in a row: of seven repetitions of the response at least two arrive, and so do their
/// PRACKs.
#[test]
fn bounded_loss_lets_provisionals_and_transfers_through() {
    for seed in 0..100 {
        let loss = Loss::Bounded {
            percent: 50,
            in_a_row: 2,
        };
        let mut world = world(seed, Transport::Udp, loss).with_latency(1, 60);
        world.call();
        for second in 1..60 {
            world.run_until(second * 1_000);
            if !world.parties[BOX].sessions.is_empty() {
                let now = second * 1_000;
                world.at(now + 1, BOX, Verb::Ring);
                world.at(now + 200, BOX, Verb::Progress);
                world.at(now + 20_000, BOX, Verb::Accept);
                break;
            }
        }
        world.run_until(160_000);
        assert!(world.both("Confirmed"), "seed {seed}");
        assert!(world.parties[CALLER].has_told("EarlyMedia"), "seed {seed}");
        world.at(160_000, BOX, Verb::Refer);
        world.at(200_000, CALLER, Verb::Notify(180));
        world.at(240_000, CALLER, Verb::Notify(486));
        world.run_until(280_000);
        assert!(world.parties[CALLER].has_told("Referred"), "seed {seed}");
        for news in ["Accepted", "Progress(180)", "Finished(486)"] {
            let news = format!("Referral({news})");
            assert!(world.parties[BOX].has_told(&news), "seed {seed}: {news}");
        }
        world.at(280_000, BOX, Verb::HangUp);
        world.run_until(LONG);
        assert!(world.both("Ended"), "seed {seed}");
        world.assert_clean();
    }
}

#[test]
fn whenever_the_link_breaks_both_sides_clean_up() {
    for transport in [Transport::Udp, Transport::Tcp] {
        for break_at in (0..4_000).step_by(61) {
            let loss = Loss::PartitionAt(break_at);
            let mut world = world(break_at, transport, loss).with_latency(20, 20);
            world.call();
            world.run_until(100);
            if !world.parties[BOX].sessions.is_empty() {
                world.at(300, BOX, Verb::Ring);
                world.at(500, BOX, Verb::Progress);
                world.at(900, BOX, Verb::Accept);
                world.at(1_500, BOX, Verb::Refer);
                world.at(1_800, CALLER, Verb::Notify(180));
                world.at(3_300, BOX, Verb::HangUp);
            }
            world.at(3_000, CALLER, Verb::HangUp);
            world.run_until(LONG);
            world.assert_clean();
        }
    }
}

#[test]
fn rfc_3515_a_transfer_over_a_good_link() {
    let mut world = world(3, Transport::Tcp, Loss::None);
    world.call();
    world.at(20, BOX, Verb::Accept);
    world.at(1_000, BOX, Verb::Refer);
    world.at(2_000, CALLER, Verb::Notify(200));
    world.at(3_000, BOX, Verb::HangUp);
    world.run_until(LONG);
    assert_eq!(
        world.sent(BOX)[2..],
        [
            "REFER (1 REFER)",
            "200 (2 NOTIFY)",
            "200 (3 NOTIFY)",
            "BYE (2 BYE)"
        ]
    );
    assert!(world.sent(CALLER).contains(&"202 (1 REFER)".to_owned()));
    assert!(world.parties[BOX].has_told("Referral(Finished(200))"));
    world.assert_clean();
}
