use std::time::Duration;

use super::*;
use crate::conversation::utterance::Purpose;

fn said(text: &str, at: Instant) -> Said {
    Said {
        text: text.to_owned(),
        purpose: Purpose::Answer,
        at,
        interrupted: false,
    }
}

#[test]
fn pieces_of_one_answer_are_one_exchange_but_lines_of_their_own() {
    let start = crate::io::clock::now();
    let mut transcript = Transcript::new(start);
    transcript.caller("hello", start);
    transcript.agent(said("We are open", start));
    let line = transcript.agent(said("until six.", start + Duration::from_secs(2)));

    let expected = [
        Exchange::Caller("hello".to_owned()),
        Exchange::Agent("We are open until six.".to_owned()),
    ];
    assert_eq!(transcript.history(), expected);
    let Entry::Line { at, text, .. } = line else {
        panic!("not a line")
    };
    assert_eq!((at, text.as_str()), (Duration::from_secs(2), "until six."));
}

#[test]
fn a_note_stands_before_the_question_it_is_for_and_the_last_two_are_kept() {
    let start = crate::io::clock::now();
    let mut transcript = Transcript::new(start);
    for question in ["one", "two", "three"] {
        transcript.caller(question, start);
        transcript.note(format!("about {question}"));
        transcript.agent(said("answer", start));
    }
    let shown: Vec<String> = transcript
        .history()
        .iter()
        .map(|exchange| format!("{exchange:?}"))
        .collect();
    assert_eq!(
        shown,
        [
            r#"Caller("one")"#,
            r#"Agent("answer")"#,
            r#"Note("about two")"#,
            r#"Caller("two")"#,
            r#"Agent("answer")"#,
            r#"Note("about three")"#,
            r#"Caller("three")"#,
            r#"Agent("answer")"#,
        ]
    );
}

#[test]
fn a_long_call_does_not_grow_the_question() {
    let start = crate::io::clock::now();
    let mut transcript = Transcript::new(start);
    for _ in 0..200 {
        transcript.caller("and", start);
        transcript.note("fact".to_owned());
    }
    assert!(transcript.history().len() <= EXCHANGES_MAX + 1);
}
