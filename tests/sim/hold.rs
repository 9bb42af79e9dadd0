//! A caller who puts the assistant on hold, as office telephones do.

use std::time::Duration;

use ringwell::ticket::Outcome;

use crate::phone::Act::{self, HangUp, Hear, HearSome, Hold, Pause, Resume, Say};
use crate::world::World;

const GREETING: &str = "How can I help you?";
const MINUTE: Duration = Duration::from_secs(60);

fn run(script: Vec<Act>) -> World {
    let mut world = World::new(7, script);
    world.settings.timing.call_max = 40 * MINUTE;
    let world = world.run();
    world.holds();
    world
}

/// When hold and resume had reached the box.
fn held(world: &World) -> (Duration, Duration) {
    let at = |what: &str| world.ladder.time_of(what).expect(what) + Duration::from_millis(100);
    (at("phone: holds"), at("phone: resumes"))
}

/// Nothing begins to sound on hold, and what sounded has stopped.
fn is_silent_on_hold(world: &World) {
    let (from, until) = held(world);
    for sounded in world.sounded() {
        let began = sounded.from - world.start;
        assert!(!(from..until).contains(&began), "{}", sounded.text);
        let ended = sounded.until.map(|until| until - world.start);
        assert!(
            began > until || ended.is_some_and(|ended| ended <= from),
            "{} sounds into the hold",
            sounded.text
        );
    }
}

#[test]
fn twenty_minutes_of_hold_pass_without_a_word_and_without_an_end() {
    let world = run(vec![
        Hear(GREETING),
        Say("How do I reset my password?"),
        HearSome("To reset", Duration::from_millis(700)),
        Hold,
        Pause(MINUTE),
        // Music with words.
        Say("your call is important to us"),
        Pause(19 * MINUTE),
        Resume,
        Pause(Duration::from_secs(2)),
        Say("When are you open on a weekday?"),
        Hear("from nine to six"),
        HangUp,
    ]);
    is_silent_on_hold(&world);
    let (from, until) = held(&world);
    assert!(until - from > 19 * MINUTE);
    let heard = world.heard();
    assert!(
        heard.iter().any(|text| text.contains("from nine to six")),
        "{heard:?}"
    );
    assert_eq!(world.store.record.outcome(), Some(Outcome::Answered));
    let lines = format!("{:?}", world.store.record.entries);
    assert!(!lines.contains("important"), "{lines}");
}

#[test]
fn whoever_comes_back_and_says_nothing_is_asked() {
    let world = run(vec![
        Hear(GREETING),
        Hold,
        Pause(5 * MINUTE),
        Resume,
        Hear("Are you still there"),
        HangUp,
    ]);
    is_silent_on_hold(&world);
    let (_, until) = held(&world);
    let asked = world.sounded_at("Are you still there") - until;
    let seconds = Duration::from_secs(6)..Duration::from_secs(10);
    assert!(seconds.contains(&asked), "{asked:?}");
}
