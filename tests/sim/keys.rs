//! Keys that let a caller through at the person's side, and keys in a call that is bridged.

use std::time::Duration;

use ringwell::call::{Leg, Mode};
use ringwell::ticket::record::Reached;

use crate::link::Loss;
use crate::office::{Manner, Obeys};
use crate::phone::Act::{self, HangUp, Hear, Pause, Press, PressInfo, Say};
use crate::world::{Daemon, World};

const SECOND: Duration = Duration::from_secs(1);
const DIGITS: &str = "12,3#";

fn world(seed: u64, script: &[Act], mode: Mode) -> World {
    let asks = [
        Hear("How can I help you?"),
        Say("I want to talk to a person"),
        Hear("I will connect you with sales"),
    ];
    let world = World::new(seed, [&asks, script].concat());
    let obeys = Obeys::Tells(vec![(SECOND, 200)]);
    world
        .with_sales(mode, Manner::Answers, obeys)
        .with_digits(DIGITS)
}

#[track_caller]
fn finished(world: World) -> World {
    let world = world.run();
    world.holds();
    world
}

fn is_reached(world: &World) -> bool {
    world.store.record.transfers() == [("sales", Reached::Yes)]
}

#[test]
fn keys_are_pressed_as_telephone_events_after_the_answer() {
    for mode in [Mode::Bridge, Mode::Attended] {
        let world = finished(world(7, &[Pause(20 * SECOND), HangUp], mode));
        assert!(is_reached(&world));
        assert_eq!(world.was_joined, mode == Mode::Bridge);
        let keys: String = world.pressed.iter().map(|(_, _, key)| key).collect();
        assert_eq!(keys, "123#");
        assert!(world.pressed.iter().all(|(_, leg, _)| *leg == Leg::Second));
        let between: Vec<_> = world
            .pressed
            .windows(2)
            .map(|it| it[1].0 - it[0].0)
            .collect();
        assert!(between.iter().all(|it| *it >= SECOND / 5), "{between:?}");
        assert!(between[1] >= 2 * SECOND, "the pause: {between:?}");
        assert!(world.office.keys.is_empty(), "nothing by INFO");
    }
}

#[test]
fn keys_are_pressed_by_info_in_order_whatever_is_lost() {
    let mut reached = 0;
    for seed in 0..40 {
        let mut world = world(seed, &[Pause(60 * SECOND), HangUp], Mode::Bridge);
        world.office.takes_no_events = true;
        world.loss = Loss::Percent(20);
        let world = finished(world);
        if is_reached(&world) {
            let keys: String = world.office.keys.iter().collect();
            assert_eq!(keys, "123#", "seed {seed}");
            assert_eq!(world.pressed, []);
            reached += 1;
        }
    }
    assert!(reached >= 30, "{reached} of 40");
}

#[test]
fn a_side_that_takes_no_keys_at_all_brings_the_caller_back() {
    let script = [
        Hear("could not reach"),
        Hear("call you back?"),
        Say("no thank you"),
        HangUp,
    ];
    let mut world = world(7, &script, Mode::Bridge);
    world.office.takes_no_events = true;
    world.office.takes_no_info = true;
    let world = finished(world);
    world.has_no_dead_air();
    assert!(!world.was_joined);
    let ticket = world.ticket();
    assert!(ticket.contains("its keys could not be pressed"), "{ticket}");
    assert!(ticket.contains("415"), "{ticket}");
}

#[test]
fn whoever_leaves_while_keys_are_pressed_leaves_nothing_behind() {
    for millis in (1_900..6_500).step_by(70) {
        for takes_no_events in [false, true] {
            let script = [Pause(Duration::from_millis(millis)), HangUp];
            let mut caller_leaves = world(7, &script, Mode::Bridge);
            caller_leaves.office.takes_no_events = takes_no_events;
            finished(caller_leaves);
            let mut office_leaves = world(7, &[Pause(30 * SECOND), HangUp], Mode::Bridge);
            office_leaves.office.takes_no_events = takes_no_events;
            office_leaves.office.manner = Manner::AnswersFor(Duration::from_millis(millis - 1_900));
            let office_leaves = finished(office_leaves);
            let told = office_leaves.store.record.transfers();
            let [("sales", Reached::Yes | Reached::No(_))] = told[..] else {
                panic!("{told:?}");
            };
        }
    }
}

#[test]
fn keys_pass_between_legs_of_either_kind() {
    for (phone, office) in [(true, true), (true, false), (false, true), (false, false)] {
        let script = [
            Pause(10 * SECOND),
            Press('5'),
            Pause(SECOND),
            PressInfo('6'),
            Pause(20 * SECOND),
            HangUp,
        ];
        let mut world = world(7, &script, Mode::Bridge).at(32_000, Daemon::SecondDigit('8'));
        world.targets[0].digits.clear();
        world.phone_takes_no_events = !phone;
        world.office.takes_no_events = !office;
        let world = finished(world);
        assert!(is_reached(&world));
        let by_event = |leg: Leg| -> String {
            let pressed = world.pressed.iter().filter(|(_, it, _)| *it == leg);
            pressed.map(|(_, _, key)| key).collect()
        };
        // What came as telephone-event, the media thread passes on to a leg that takes such.
        let (events, by_info) = if office { ("6", "") } else { ("", "56") };
        assert_eq!(by_event(Leg::Second), events, "{phone} {office}");
        assert_eq!(world.office.keys, by_info.chars().collect::<Vec<_>>());
        let by_info = if phone { "" } else { "8" };
        assert_eq!(by_event(Leg::Caller), "");
        assert_eq!(world.phone.keys, by_info.chars().collect::<Vec<_>>());
    }
}

#[test]
fn the_record_says_once_that_keys_were_not_taken() {
    let script = [
        Pause(10 * SECOND),
        Press('5'),
        Pause(SECOND),
        Press('6'),
        Pause(SECOND),
        HangUp,
    ];
    let mut world = world(7, &script, Mode::Bridge);
    world.targets[0].digits.clear();
    world.office.takes_no_events = true;
    world.office.takes_no_info = true;
    let world = finished(world);
    assert!(is_reached(&world));
    let ticket = world.ticket();
    assert_eq!(ticket.matches("nor by INFO (415)").count(), 1, "{ticket}");
}
