use super::*;

fn start(words: &str) -> Heard {
    Heard::StartOfTurn {
        transcript: words.to_owned(),
    }
}

fn update(words: &str) -> Heard {
    Heard::Update {
        transcript: words.to_owned(),
    }
}

fn eager(words: &str) -> Heard {
    Heard::EagerEndOfTurn {
        transcript: words.to_owned(),
    }
}

fn end(words: &str) -> Heard {
    Heard::EndOfTurn {
        transcript: words.to_owned(),
    }
}

/// What the tracker tells for a script of (event, transcript).
fn told(turns: &mut Turns, script: &[(&str, &str)]) -> Vec<Heard> {
    let step = |(event, words): &(&str, &str)| turns.handle(event, words).unwrap();
    script.iter().flat_map(step).collect()
}

#[test]
fn a_plain_turn_is_told_as_it_happens() {
    let mut turns = Turns::default();
    let heard = told(
        &mut turns,
        &[
            ("Update", ""),
            ("StartOfTurn", "My"),
            ("Update", "My invoice"),
            ("Update", "My invoice"),
            ("EagerEndOfTurn", "My invoice"),
            ("TurnResumed", "My invoice is"),
            ("Update", "My invoice is wrong"),
            ("EagerEndOfTurn", "My invoice is wrong"),
            ("EndOfTurn", "My invoice is wrong"),
            ("Update", ""),
        ],
    );
    assert_eq!(
        heard,
        [
            start("My"),
            update("My invoice"),
            eager("My invoice"),
            Heard::TurnResumed,
            update("My invoice is"),
            update("My invoice is wrong"),
            eager("My invoice is wrong"),
            end("My invoice is wrong"),
        ]
    );
}

#[test]
fn an_end_without_a_start_gets_one() {
    let mut turns = Turns::default();
    assert_eq!(
        told(&mut turns, &[("EndOfTurn", "Hello")]),
        [start("Hello"), end("Hello")]
    );
    assert_eq!(told(&mut turns, &[("EndOfTurn", "")]), [end("")]);
}

#[test]
fn unknown_events_are_told_apart() {
    assert_eq!(Turns::default().handle("TurnPondered", "Hello"), None);
}

#[test]
fn a_lost_connection_does_not_begin_the_turn_again() {
    let mut turns = Turns::default();
    told(
        &mut turns,
        &[("StartOfTurn", "I want"), ("Update", "I want to ask")],
    );
    turns.lost();
    assert!(turns.hangs());
    let heard = told(
        &mut turns,
        &[
            ("Update", ""),
            ("StartOfTurn", "about"),
            ("EndOfTurn", "about my invoice."),
        ],
    );
    assert_eq!(
        heard,
        [
            update("I want to ask about"),
            end("I want to ask about my invoice.")
        ]
    );
    assert!(!turns.hangs());
}

#[test]
fn a_lost_connection_after_an_eager_end_resumes_the_turn_when_words_follow() {
    let mut turns = Turns::default();
    told(
        &mut turns,
        &[("StartOfTurn", "Yes"), ("EagerEndOfTurn", "Yes")],
    );
    turns.lost();
    assert_eq!(
        told(&mut turns, &[("StartOfTurn", "please")]),
        [Heard::TurnResumed, update("Yes please")]
    );
}

#[test]
fn a_hanging_turn_ends_with_the_words_there_are() {
    let mut turns = Turns::default();
    told(&mut turns, &[("StartOfTurn", "Goodbye")]);
    turns.lost();
    assert_eq!(turns.expire(), end("Goodbye"));
    assert!(!turns.hangs());
    assert_eq!(told(&mut turns, &[("StartOfTurn", "Hi")]), [start("Hi")]);
}

#[test]
fn nothing_hangs_when_nobody_spoke() {
    let mut turns = Turns::default();
    told(&mut turns, &[("Update", "")]);
    turns.lost();
    assert!(!turns.hangs());
}
