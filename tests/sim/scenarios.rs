//! Calls as they happen in an office.

use std::time::Duration;

use ringwell::call::Kind;
use ringwell::ticket::Outcome;

use crate::link::Loss;
use crate::phone::Act::{self, HangUp, Hear, HearSome, Mumble, Pause, Press, Say};
use crate::world::{Daemon, World};

const GREETING: &str = "How can I help you?";
const ASKS_EMAIL: &str = "what is your e-mail address?";
const GOODBYE: &str = "Goodbye.";
const SECOND: Duration = Duration::from_secs(1);

/// Runs a call with the rules of every world.
#[track_caller]
fn run(script: Vec<Act>) -> World {
    finished(World::new(7, script).run())
}

#[track_caller]
fn finished(world: World) -> World {
    world.holds();
    world.has_no_dead_air();
    world
}

#[track_caller]
fn outcome(world: &World) -> Outcome {
    world.store.record.outcome().expect("the call has ended")
}

#[test]
fn asks_is_answered_and_says_thanks() {
    let world = run(vec![
        Hear(GREETING),
        Say("When are you open on a weekday?"),
        Hear("from nine to six"),
        Say("Thank you, that's all, goodbye"),
    ]);
    assert_eq!(outcome(&world), Outcome::Answered);
    assert_eq!(world.helpdesk.tickets.len(), 0);
    assert!(world.heard().last().unwrap().contains(GOODBYE));
    let asked = world.caller_spoke[0].1 - world.start;
    let answered = world.sounded_at("We are open");
    assert!(
        answered - asked < SECOND + Duration::from_millis(300),
        "{:?}",
        answered - asked
    );
}

#[test]
fn an_interruption_cuts_to_the_word() {
    let world = run(vec![
        Hear(GREETING),
        Say("How do I reset my password?"),
        HearSome("press forgot", Duration::from_millis(1_000)),
        Say("sorry what does it cost"),
        Hear("nine euros"),
        Say("thanks, that's all"),
    ]);
    let (began, _) = world.caller_spoke[1];
    let mut ends = world.sounded().filter_map(|sounded| sounded.until);
    let stopped = ends.find(|until| *until > began).unwrap();
    let first_word = began + Duration::from_millis(300);
    assert!(stopped - first_word < Duration::from_millis(20));
    let heard = world.heard();
    let cut = heard
        .iter()
        .position(|text| text.starts_with("press forgot"))
        .or_else(|| heard.iter().position(|text| text.contains("press forgot")));
    let cut = &heard[cut.expect("the answer was begun")];
    assert!(!cut.contains("A link comes by mail"), "{heard:?}");
    assert_eq!(outcome(&world), Outcome::Answered);
}

#[test]
fn going_along_does_not_cut() {
    let world = run(vec![
        Hear(GREETING),
        Say("How do I reset my password?"),
        HearSome("To reset", Duration::from_millis(500)),
        Say("mhm"),
        HearSome("link comes by mail", Duration::from_millis(200)),
        Say("okay"),
        Hear("one hour"),
        Say("thanks bye"),
    ]);
    assert!(
        world
            .heard()
            .iter()
            .any(|text| text.ends_with("It is valid for one hour."))
    );
    assert_eq!(outcome(&world), Outcome::Answered);
}

#[test]
fn an_unknown_question_becomes_a_ticket_with_a_confirmed_address() {
    let world = run(vec![
        Hear(GREETING),
        Say("My invoice shows the wrong company name"),
        Hear(ASKS_EMAIL),
        Say("jane dot doe at example dot com"),
        Hear("Did I get that right?"),
        Say("yes"),
    ]);
    assert_eq!(outcome(&world), Outcome::Escalated);
    let ticket = world.ticket();
    assert!(
        ticket.contains("jane.doe@example.com (confirmed by the caller)"),
        "{ticket}"
    );
    assert!(
        ticket.contains("Caller: My invoice shows the wrong company name"),
        "{ticket}"
    );
    assert_eq!(
        world.helpdesk.tickets[0].requester.email.as_deref(),
        Some("jane.doe@example.com")
    );
    assert!(
        world.helpdesk.tickets[0]
            .subject
            .contains("my invoice shows")
    );
}

#[test]
fn an_address_that_is_refused_is_spelled() {
    let world = run(vec![
        Hear(GREETING),
        Say("My invoice shows the wrong company name"),
        Hear(ASKS_EMAIL),
        Say("shane at example dot com"),
        Hear("Did I get that right?"),
        Say("no"),
        Hear("S, H, A, N, E"),
        Say("no it is s-h-a-y-n-e"),
        Hear("S, H, A, Y, N, E"),
        Say("that's right"),
    ]);
    assert!(
        world
            .ticket()
            .contains("shayne@example.com (confirmed by the caller)")
    );
}

#[test]
fn an_address_refused_twice_is_left_unconfirmed() {
    let world = run(vec![
        Hear(GREETING),
        Press('0'),
        Hear(ASKS_EMAIL),
        Say("jane at example dot com"),
        Hear("Did I get that right?"),
        Press('2'),
        Hear("Let me spell"),
        Press('2'),
        Hear(GOODBYE),
    ]);
    assert!(world.ticket().contains("jane@example.com (NOT confirmed)"));
    assert_eq!(world.helpdesk.tickets[0].requester.email, None);
}

#[test]
fn silence_is_asked_about_twice_and_ends_in_a_call_back() {
    let world = run(vec![]);
    assert_eq!(outcome(&world), Outcome::Escalated);
    assert_eq!(
        world
            .heard()
            .iter()
            .filter(|text| text.contains("Are you still there?"))
            .count(),
        2
    );
    assert!(world.ticket().contains("could not be heard or understood"));
}

#[test]
fn mumbling_is_asked_about_twice_and_then_a_person_is_offered() {
    let world = run(vec![
        Hear(GREETING),
        Mumble,
        Hear("didn't catch that"),
        Mumble,
        Hear("didn't catch that"),
        Mumble,
        Hear("Shall I have a colleague call you back?"),
        Say("yes please"),
        Hear(ASKS_EMAIL),
        Say("no"),
        Hear(GOODBYE),
    ]);
    assert!(world.ticket().contains("E-mail: not given"));
}

#[test]
fn the_caller_hangs_up_at_every_stage() {
    let full = [
        Hear(GREETING),
        Say("My invoice shows the wrong company name"),
        Hear(ASKS_EMAIL),
        Say("jane at example dot com"),
        Hear("Did I get that right?"),
        Say("yes"),
        Hear("a colleague will call you back"),
    ];
    for acts in 0..=full.len() {
        for pause in [0, 30, 300, 700, 1_500] {
            let mut script = full[..acts].to_vec();
            script.extend([Pause(Duration::from_millis(pause)), HangUp]);
            let world = run(script);
            // Whoever was answered has a ticket, also when he said nothing.
            let answered = world.store.record.answered().is_some();
            assert!(answered || acts == 0, "the greeting was heard");
            assert_eq!(
                world.helpdesk.tickets.len(),
                usize::from(answered),
                "after {acts} acts and {pause} ms"
            );
        }
    }
}

#[test]
fn a_call_given_up_while_it_rings_leaves_no_ticket() {
    for pause in [0, 2, 20, 60, 100, 119, 121, 124, 126, 128, 140] {
        let world = run(vec![Pause(Duration::from_millis(pause)), HangUp]);
        assert_eq!(world.helpdesk.tickets.len(), 0, "{pause}");
        assert_eq!(outcome(&world), Outcome::Abandoned);
    }
}

#[test]
fn a_lost_ack_is_repeated() {
    let mut world = World::new(
        7,
        vec![
            Hear(GREETING),
            Say("When are you open?"),
            Hear("nine"),
            HangUp,
        ],
    );
    world.loss = Loss::First("ACK", 3);
    let world = finished(world.run());
    assert_eq!(outcome(&world), Outcome::Answered);
}

#[test]
fn an_ack_that_never_comes_ends_the_call_and_the_caller_still_heard_us() {
    let mut world = World::new(
        7,
        vec![Hear(GREETING), Say("When are you open?"), Hear("nine")],
    );
    world.loss = Loss::All("ACK");
    let world = finished(world.run());
    assert!(world.sounded_at(GREETING) < Duration::from_secs(2));
    assert!(
        matches!(outcome(&world), Outcome::Answered | Outcome::Escalated),
        "{:?}",
        outcome(&world)
    );
}

#[test]
fn a_drained_call_is_told_and_left_as_a_ticket() {
    for millis in [50, 200, 1_000, 6_000, 9_000, 20_000] {
        let script = vec![
            Hear(GREETING),
            Say("How do I reset my password?"),
            Hear("one hour"),
        ];
        let world = finished(World::new(7, script).at(millis, Daemon::Drain).run());
        let answered = world.phone.answered.is_some();
        assert_eq!(
            world.helpdesk.tickets.len(),
            usize::from(answered),
            "at {millis}"
        );
        if answered {
            assert_eq!(outcome(&world), Outcome::Interrupted);
            assert!(
                world
                    .heard()
                    .iter()
                    .any(|text| text.contains("being restarted"))
            );
        }
    }
}

#[test]
fn a_killed_call_leaves_a_ticket() {
    let script = || {
        vec![
            Hear(GREETING),
            Say("How do I reset my password?"),
            Hear("one hour"),
        ]
    };
    for millis in (100..12_000).step_by(770) {
        let world = World::new(7, script()).at(millis, Daemon::Kill).run();
        world.holds();
    }
}

#[test]
fn a_caller_who_vanishes_is_noticed() {
    let script = vec![
        Hear(GREETING),
        Say("My invoice shows the wrong company name"),
    ];
    let world = World::new(7, script).at(9_000, Daemon::MediaTimeout).run();
    world.holds();
    assert!(world.ticket().contains("no audio came from the caller"));
}

#[test]
fn a_helpdesk_that_is_down_for_an_hour_gets_one_ticket_later() {
    let mut world = World::new(
        7,
        vec![Hear(GREETING), Press('0'), Hear(ASKS_EMAIL), HangUp],
    );
    world.helpdesk.down_until = Some(world.start + Duration::from_secs(3_600));
    let world = finished(world.run());
    assert_eq!(world.helpdesk.tickets.len(), 1);
    assert!(world.elapsed() > Duration::from_secs(3_600));
}

#[test]
fn a_crash_at_any_moment_leaves_one_ticket_with_what_was_said() {
    let script = || {
        vec![
            Hear(GREETING),
            Say("My invoice shows the wrong company name"),
            Hear(ASKS_EMAIL),
            Say("jane at example dot com"),
            Hear("Did I get that right?"),
            Say("yes"),
            Hear(GOODBYE),
            HangUp,
        ]
    };
    for millis in (0..40_000).step_by(370) {
        let world = World::new(millis, script())
            .at(millis, Daemon::Crash)
            .at(millis + 2_000, Daemon::Restart);
        let mut script_of_phone = world;
        script_of_phone
            .phone
            .gives_up_after(Duration::from_secs(60));
        let world = script_of_phone.run();
        world.holds();
        if world.store.record.answered().is_some() {
            assert_eq!(world.helpdesk.tickets.len(), 1, "crash at {millis}");
        }
        if millis > 12_000 {
            assert!(
                world
                    .ticket()
                    .contains("My invoice shows the wrong company name")
            );
        }
    }
}

#[test]
fn a_crash_between_any_two_steps_of_the_filing_leaves_one_ticket() {
    let script = || vec![Hear(GREETING), Press('0'), Hear(ASKS_EMAIL), HangUp];
    let first = World::new(7, script()).run();
    let over = u64::try_from((first.over_since.unwrap() - first.start).as_millis()).unwrap();
    for millis in (0..2_400).step_by(15) {
        let crash = over + millis;
        let world = World::new(7, script()).at(crash, Daemon::Crash);
        let mut world = world.at(crash + 700, Daemon::Restart);
        world.helpdesk.trouble_percent = millis % 4 * 20;
        let world = world.run();
        world.holds();
        assert_eq!(world.helpdesk.tickets.len(), 1, "{millis} ms after the end");
    }
}

#[test]
fn diagnostics_last_until_the_caller_hangs_up() {
    for kind in [Kind::Echo, Kind::Tone] {
        let mut world = World::new(
            7,
            vec![Pause(3 * SECOND), Say("hello"), Pause(60 * SECOND), HangUp],
        );
        world.kind = kind;
        let world = world.run();
        world.holds();
        assert_eq!(world.helpdesk.tickets.len(), 0);
        assert!(world.heard().is_empty());
    }
}
