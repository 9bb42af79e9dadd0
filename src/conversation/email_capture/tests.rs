use super::*;

const JANE: &str = "jane dot doe at example dot com";

fn jane() -> String {
    "jane.doe@example.com".to_owned()
}

fn finished(address: &str, confirmed: bool) -> Next {
    Next::Finished(Some((address.to_owned(), confirmed)))
}

/// Runs a capture over what the caller says; an empty text is silence.
fn run(said: &[&str]) -> Vec<Next> {
    let mut capture = EmailCapture::default();
    let answer = |text: &&str| match *text {
        "" => capture.handle(Caller::Silent),
        "1" => capture.handle(Caller::Yes),
        "2" => capture.handle(Caller::No),
        "0" => capture.handle(Caller::Skips),
        text => capture.handle(Caller::Said(text)),
    };
    said.iter().map(answer).collect()
}

#[test]
fn said_read_back_and_confirmed() {
    assert_eq!(
        run(&[JANE, "Yes, that's right"]),
        [Next::ReadBack(jane()), finished(&jane(), true)]
    );
    assert_eq!(
        run(&[JANE, "1"]),
        [Next::ReadBack(jane()), finished(&jane(), true)]
    );
}

#[test]
fn a_right_address_that_sounds_wrong_is_spelled_and_then_confirmed() {
    let shayne = || "shayne@example.com".to_owned();
    assert_eq!(
        run(&["shayne at example dot com", "No", "yes"]),
        [
            Next::ReadBack(shayne()),
            Next::Spell(shayne()),
            finished(&shayne(), true)
        ]
    );
}

#[test]
fn a_refused_address_is_spelled_by_the_caller() {
    let said = [
        "shane at example dot com",
        "no",
        "no, it's s-h-a-y-n-e",
        "yes",
    ];
    let expected = [
        Next::ReadBack("shane@example.com".to_owned()),
        Next::Spell("shane@example.com".to_owned()),
        Next::Spell("shayne@example.com".to_owned()),
        finished("shayne@example.com", true),
    ];
    assert_eq!(run(&said), expected);
}

#[test]
fn a_correction_in_the_refusal_is_taken() {
    assert_eq!(
        run(&[
            "jane at example dot com",
            "no, jayne at example dot com",
            "correct"
        ]),
        [
            Next::ReadBack("jane@example.com".to_owned()),
            Next::Spell("jayne@example.com".to_owned()),
            finished("jayne@example.com", true),
        ]
    );
}

#[test]
fn the_second_refusal_leaves_it_unconfirmed() {
    assert_eq!(
        run(&[JANE, "no", "no"]).last(),
        Some(&finished(&jane(), false))
    );
    assert_eq!(
        run(&[JANE, "2", "2"]).last(),
        Some(&finished(&jane(), false))
    );
}

#[test]
fn silence_and_skipping() {
    assert_eq!(run(&["", ""]), [Next::AskAgain, Next::Finished(None)]);
    assert_eq!(
        run(&[JANE, "", ""]),
        [
            Next::ReadBack(jane()),
            Next::YesOrNo,
            finished(&jane(), false)
        ]
    );
    assert_eq!(run(&["0"]), [Next::Finished(None)]);
    assert_eq!(run(&[JANE, "0"]).last(), Some(&finished(&jane(), false)));
    assert_eq!(run(&["I don't have one"]), [Next::Finished(None)]);
}

#[test]
fn an_address_in_two_turns_is_joined() {
    assert_eq!(
        run(&["jane dot doe", "at example dot com"]),
        [Next::AskAgain, Next::ReadBack(jane())]
    );
}

#[test]
fn repeating_the_address_confirms_it() {
    assert_eq!(run(&[JANE, JANE]).last(), Some(&finished(&jane(), true)));
}

#[test]
fn it_always_ends() {
    for said in [
        "banana split",
        "",
        "no jane at example dot com",
        "no jayne at example dot com",
        "1",
        "2",
    ] {
        let nexts = run(&vec![said; 20]);
        assert!(
            nexts
                .iter()
                .take(8)
                .any(|next| matches!(next, Next::Finished(_))),
            "{said}"
        );
    }
    let alternating = ["a at b dot com", "c at d dot com"].repeat(5);
    assert!(
        run(&alternating)
            .iter()
            .take(5)
            .any(|next| matches!(next, Next::Finished(_)))
    );
}
