//! Calls that are to be recorded: only who was told is, and who refuses is not.

use std::time::Duration;

use ringwell::call::{Mode, Recording, RecordingAct};
use ringwell::conversation;
use ringwell::ticket::RecordingStep;

use crate::office::{Manner, Obeys};
use crate::phone::Act::{self, HangUp, Hear, HearSome, Hold, Pause, Press, Resume, Say};
use crate::world::World;

const NOTICE: &str = "This call is recorded.";
const GREETING: &str = "How can I help you?";
const SECOND: Duration = Duration::from_secs(1);

fn world(script: Vec<Act>) -> World {
    let mut world = World::new(7, script);
    world.recording = Some(Recording {
        pause_key: Some('*'),
        after_transfer: false,
    });
    world.settings.recording = Some(conversation::Recording {
        refuse_key: Some('9'),
    });
    world
}

#[track_caller]
fn run(script: Vec<Act>) -> World {
    finished(world(script))
}

#[track_caller]
fn finished(world: World) -> World {
    let world = world.run();
    world.holds();
    world
}

fn acts(world: &World) -> Vec<RecordingAct> {
    world.tape.iter().map(|(_, act)| *act).collect()
}

fn steps(world: &World) -> Vec<RecordingStep> {
    let steps = world.store.record.recording();
    steps.map(|(_, step)| step.clone()).collect()
}

fn began() -> RecordingStep {
    RecordingStep::Began("call.wav".to_owned())
}

#[test]
fn the_caller_is_told_first_and_recorded_once_that_was_played() {
    let world = run(vec![
        Hear(NOTICE),
        Hear(GREETING),
        Say("My printer burns"),
        Pause(8 * SECOND),
        HangUp,
    ]);
    assert_eq!(acts(&world), [RecordingAct::Begin]);
    let told = world.sounded().find(|it| it.text.contains(NOTICE)).unwrap();
    let (at, _) = world.tape[0];
    let until = told.until.expect("it was played to its end");
    assert!(at >= until && at < until + Duration::from_millis(100));
    assert_eq!(steps(&world), [began()]);
    let ticket = world.ticket();
    assert!(ticket.contains("Recording: call.wav"), "{ticket}");
}

#[test]
fn without_the_setting_nothing_is_said_or_recorded() {
    let mut quiet = world(vec![Hear(GREETING), HangUp]);
    quiet.settings.recording = None;
    quiet.recording = None;
    let world = finished(quiet);
    assert!(world.heard().iter().all(|text| !text.contains(NOTICE)));
    assert!(world.tape.is_empty() && steps(&world).is_empty());
}

#[test]
fn the_announcement_cannot_be_interrupted() {
    let world = run(vec![
        HearSome(NOTICE, Duration::from_millis(600)),
        Press('0'),
        Say("What about my printer"),
        Hear(NOTICE),
        Pause(10 * SECOND),
        HangUp,
    ]);
    assert_eq!(acts(&world), [RecordingAct::Begin]);
}

#[test]
fn who_leaves_before_its_end_is_not_recorded_and_the_ticket_says_so() {
    let world = run(vec![HearSome(NOTICE, Duration::from_millis(600)), HangUp]);
    assert!(acts(&world).is_empty());
    assert!(matches!(&steps(&world)[..], [RecordingStep::Failed(_)]));
}

#[test]
fn a_hold_that_cuts_the_announcement_leaves_the_call_unrecorded() {
    let world = run(vec![
        HearSome(NOTICE, Duration::from_millis(600)),
        Hold,
        Pause(20 * SECOND),
        Resume,
        Hear("Are you still there"),
        HangUp,
    ]);
    assert!(acts(&world).is_empty());
}

#[test]
fn who_refuses_by_key_during_the_announcement_is_not_recorded() {
    let world = run(vec![
        HearSome(NOTICE, Duration::from_millis(600)),
        Press('9'),
        Hear("is not recorded"),
        Hear("How can I help you"),
        HangUp,
    ]);
    assert!(acts(&world).is_empty());
    assert_eq!(steps(&world), [RecordingStep::Refused]);
}

#[test]
fn who_refuses_in_words_or_by_key_later_has_the_file_deleted() {
    for refusal in [Say("please do not record this call"), Press('9')] {
        let world = run(vec![
            Hear(NOTICE),
            Hear(GREETING),
            refusal,
            Hear("is not recorded"),
            Pause(SECOND),
            HangUp,
        ]);
        assert_eq!(acts(&world), [RecordingAct::Begin, RecordingAct::Discard]);
        assert_eq!(steps(&world), [began(), RecordingStep::Refused]);
    }
}

#[test]
fn a_key_pauses_and_resumes_and_what_is_said_meanwhile_is_written_nowhere() {
    let world = run(vec![
        Hear(NOTICE),
        Hear(GREETING),
        Press('*'),
        Hear("is paused"),
        Say("my card is 4111"),
        Pause(8 * SECOND),
        Press('*'),
        Pause(8 * SECOND),
        HangUp,
    ]);
    assert_eq!(
        acts(&world),
        [
            RecordingAct::Begin,
            RecordingAct::Pause,
            RecordingAct::Resume
        ]
    );
    let expected = [began(), RecordingStep::Paused, RecordingStep::Resumed];
    assert_eq!(steps(&world), expected);
    let ticket = world.ticket();
    assert!(
        ticket.contains("paused at") && ticket.contains("goes on at"),
        "{ticket}"
    );
    assert!(!ticket.contains("4111"), "{ticket}");
}

#[test]
fn the_recording_ends_when_a_person_takes_over_unless_that_is_wanted() {
    for after_transfer in [false, true] {
        let script = vec![
            Hear(NOTICE),
            Hear(GREETING),
            Say("I want to talk to a person"),
            Hear("I will connect you with sales"),
            Pause(20 * SECOND),
            Press('*'),
            Pause(SECOND),
            HangUp,
        ];
        let mut world = world(script).with_sales(Mode::Bridge, Manner::Answers, Obeys::Never);
        world.recording = Some(Recording {
            pause_key: Some('*'),
            after_transfer,
        });
        let world = finished(world);
        assert!(world.was_joined);
        let last = match after_transfer {
            true => RecordingAct::Pause,
            false => RecordingAct::Stop,
        };
        assert_eq!(acts(&world), [RecordingAct::Begin, last]);
    }
}
