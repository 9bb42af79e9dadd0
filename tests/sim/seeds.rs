//! Random worlds: whatever callers, links, services and helpdesks do, the rules of every world hold.

use std::time::Duration;

use ringwell::sip::Random;

use crate::link::Loss;
use crate::phone::Act;
use crate::services::{Fault, Manner, Stage};
use crate::world::{Daemon, World};

/// Worlds in one run of the tests, some milliseconds for each; `RINGWELL_SEEDS` asks for another number.
const SEEDS: u64 = 600;

fn pick<T: Clone>(chance: &mut Random, from: &[T]) -> T {
    let at = chance.next_u64() % u64::try_from(from.len()).unwrap();
    from[usize::try_from(at).unwrap()].clone()
}

fn one_in(chance: &mut Random, count: u64) -> bool {
    chance.next_u64().is_multiple_of(count)
}

fn millis(chance: &mut Random, below: u64) -> Duration {
    Duration::from_millis(chance.next_u64() % below)
}

fn script(chance: &mut Random) -> Vec<Act> {
    let said = [
        "When are you open?",
        "How do I reset my password?",
        "and what does it cost",
        "My invoice is wrong",
        "Can I speak to a person please",
        "mhm",
        "okay",
        "yes",
        "no",
        "um",
        "stop",
        "hello",
        "jane dot doe at example dot com",
        "j a n e at example dot com",
        "thanks, that's all, bye",
        "press forgot password on the login page",
    ];
    let heard = ["", "", "help you?", "e-mail", "right?"];
    let mut acts = Vec::new();
    for _ in 0..chance.next_u64() % 14 {
        let words = pick(chance, &said);
        let awaited = pick(chance, &heard);
        acts.push(match chance.next_u64() % 10 {
            0..=3 => Act::Say(words),
            4 | 5 => Act::Hear(awaited),
            6 => Act::HearSome(awaited, millis(chance, 3_000)),
            7 => Act::Pause(millis(chance, 9_000)),
            8 => Act::Press(pick(chance, &['0', '1', '2', '5', '#'])),
            _ => Act::Mumble,
        });
    }
    if !one_in(chance, 3) {
        acts.push(Act::HangUp);
    }
    acts
}

fn fault(chance: &mut Random) -> Fault {
    if !one_in(chance, 6) {
        return Fault::default();
    }
    Fault {
        stage: pick(chance, &[Stage::Connect, Stage::FirstByte, Stage::Middle]),
        manner: pick(chance, &[Manner::Refuses, Manner::Stalls, Manner::Closes]),
    }
}

fn world(seed: u64) -> World {
    let mut chance = Random::new([seed, 2]);
    let mut world = World::new(seed, script(&mut chance));
    world.services.ear = fault(&mut chance);
    world.services.voice = fault(&mut chance);
    world.services.model = fault(&mut chance);
    world.services.knowledge_stalls = one_in(&mut chance, 20);
    world.services.connect = millis(&mut chance, 2_500);
    world.services.end_of_turn = millis(&mut chance, 1_200);
    world.services.search = millis(&mut chance, 60);
    world.services.first_token = millis(&mut chance, 2_400);
    world.services.next_token = millis(&mut chance, 200);
    world.services.first_audio = millis(&mut chance, 900);
    if one_in(&mut chance, 3) {
        world.loss = Loss::Percent(chance.next_u64() % 40);
    }
    world.helpdesk.trouble_percent = pick(&mut chance, &[0, 0, 30, 70]);
    if one_in(&mut chance, 4) {
        world.helpdesk.down_until = Some(world.start + millis(&mut chance, 7_200_000));
    }
    world
        .phone
        .gives_up_after(Duration::from_secs(30) + millis(&mut chance, 200_000));
    let at = chance.next_u64() % 60_000;
    match chance.next_u64() % 10 {
        0 => world.at(at, Daemon::Drain),
        1 => world.at(at, Daemon::Kill),
        2 => world.at(at, Daemon::Crash).at(at + 3_000, Daemon::Restart),
        3 => {
            let again = at + 3_000 + chance.next_u64() % 2_000;
            let world = world.at(at, Daemon::Crash).at(at + 3_000, Daemon::Restart);
            world
                .at(again, Daemon::Crash)
                .at(again + 1_000, Daemon::Restart)
        }
        4 => world.at(at, Daemon::MediaTimeout),
        _ => world,
    }
}

#[test]
fn the_rules_hold_in_every_world() {
    let asked = std::env::var("RINGWELL_SEEDS")
        .ok()
        .and_then(|seeds| seeds.parse().ok());
    for seed in 0..asked.unwrap_or(SEEDS) {
        let outcome = std::panic::catch_unwind(|| {
            let world = world(seed).run();
            world.holds();
            world.has_no_dead_air();
        });
        assert!(outcome.is_ok(), "seed {seed}");
    }
}

#[test]
fn a_world_is_the_same_each_time() {
    for seed in [1, 7, 33] {
        let (one, other) = (world(seed).run(), world(seed).run());
        assert_eq!(one.store.record, other.store.record);
        assert_eq!(
            (one.elapsed(), one.heard()),
            (other.elapsed(), other.heard())
        );
    }
}
