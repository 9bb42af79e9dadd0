use proptest::prelude::*;

use super::*;

fn count(passage: &str) -> usize {
    passage.split_whitespace().count()
}

#[test]
fn a_short_text_is_one_passage() {
    assert_eq!(cut("One. Two.\nThree"), ["One. Two. Three"]);
    assert!(cut("").is_empty());
    assert!(cut(" \n ").is_empty());
}

#[test]
fn passages_end_with_a_sentence() {
    let text = "This sentence has exactly seven words here. ".repeat(60);
    let passages = cut(&text);
    assert_eq!(passages.len(), 4, "{passages:?}");
    assert!(passages.iter().all(|passage| passage.ends_with("here.")));
}

#[test]
fn a_stub_joins_the_passage_before() {
    let text = format!(
        "{}Short end.",
        "Seven words are in this sentence here. ".repeat(18)
    );
    let passages = cut(&text);
    assert_eq!(passages.len(), 1);
    assert!(passages[0].ends_with("Short end."));
}

proptest! {
    #[test]
    fn nothing_is_lost_and_nothing_is_too_long(
        sentences in prop::collection::vec(1_usize..400, 0..30), lines in 1_usize..5,
    ) {
        let mut text = String::new();
        for (number, words) in sentences.iter().enumerate() {
            text.push_str(&"word ".repeat(words - 1));
            text.push_str(if number % lines == 0 { "end.\n" } else { "end. " });
        }
        let passages = cut(&text);
        prop_assert_eq!(passages.join(" ").split_whitespace().count(), count(&text));
        prop_assert!(passages.iter().all(|passage| count(passage) < WORDS_MAX + STUB_MAX));
    }
}
