use proptest::prelude::*;

use super::*;

/// Feeds a text in pieces of `step` characters.
fn spoken(text: &str, step: usize, frugal: bool) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let mut clauses = Clauses::new(frugal);
    let mut pieces = Vec::new();
    for part in chars.chunks(step) {
        pieces.extend(clauses.push(&part.iter().collect::<String>()));
    }
    pieces.extend(clauses.finish());
    pieces
}

fn check(text: &str, expected: &[&str]) {
    for step in [1, 3, 7, 1_000] {
        assert_eq!(spoken(text, step, false), expected, "in steps of {step}");
    }
}

#[test]
fn the_first_clause_goes_first() {
    check(
        "You can do that in the settings, under billing. Then press save.",
        &[
            "You can do that in the settings,",
            "under billing. Then press save.",
        ],
    );
}

#[test]
fn a_first_clause_too_short_waits_for_the_next() {
    check(
        "Yes, we do. It is free of charge for everybody.",
        &["Yes, we do. It is free of charge for everybody."],
    );
    check(
        "Sure. We are open all day. Every day.",
        &["Sure. We are open all day.", "Every day."],
    );
}

#[test]
fn twelve_words_are_enough_without_punctuation() {
    check(
        "one two three four five six seven eight nine ten eleven twelve thirteen fourteen",
        &[
            "one two three four five six seven eight nine ten eleven twelve",
            "thirteen fourteen",
        ],
    );
}

#[test]
fn numbers_abbreviations_and_addresses_do_not_split() {
    check(
        "It is about 3.5 percent of $1,000.50 in version 2.0 today.",
        &["It is about 3.5 percent of $1,000.50 in version 2.0 today."],
    );
    check(
        "Please ask Dr. Smith or Mr. J. Jones at 9 a.m. tomorrow morning.",
        &[
            "Please ask Dr. Smith or Mr. J. Jones at 9 a.m. tomorrow",
            "morning.",
        ],
    );
    check(
        "Write to jane.doe@example.com please. Thanks.",
        &["Write to jane.doe@example.com please.", "Thanks."],
    );
    check(
        "1. Open the menu now. 2. Close it.",
        &["1. Open the menu now.", "2. Close it."],
    );
}

#[test]
fn later_pieces_are_whole_sentences_of_some_length() {
    let text = "We are open every day. On weekdays from nine to six in the evening. On Saturdays from ten to \
                four. On Sundays you can write to us, and we will answer on the next morning. Have a nice day.";
    check(
        text,
        &[
            "We are open every day.",
            "On weekdays from nine to six in the evening.",
            "On Saturdays from ten to four. On Sundays you can write to us, and we will answer on the next morning.",
            "Have a nice day.",
        ],
    );
}

#[test]
fn a_frugal_reply_has_no_short_first_piece() {
    let text = "We are open every day. On weekdays from nine to six in the evening. On Saturdays from ten to four.";
    assert_eq!(spoken(text, 5, true), [text]);
}

#[test]
fn markdown_and_line_breaks_are_not_spoken() {
    check(
        "**Open** the `menu`\nand press\tsave.",
        &["Open the menu and press save."],
    );
    check(" \n * # ", &[]);
}

#[test]
fn endless_text_is_cut_between_words() {
    let text = "word ".repeat(200);
    for piece in spoken(&text, 1, true) {
        assert!(
            piece.len() <= PIECE_CHARS_MAX && piece.starts_with("word") && piece.ends_with("word")
        );
    }
    for piece in spoken(&"x".repeat(1_000), 1, true) {
        assert!(piece.len() <= PIECE_CHARS_MAX);
    }
}

proptest! {
    #[test]
    fn no_word_is_lost_or_doubled(text in "[a-zß.,!? 0-9]{0,600}", step in 1_usize..40, frugal: bool) {
        let joined = spoken(&text, step, frugal).join(" ");
        let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
        prop_assert_eq!(letters(&joined), letters(&text));
    }
}
