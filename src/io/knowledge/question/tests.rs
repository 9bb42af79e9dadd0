use proptest::prelude::*;

use super::*;

fn vocabulary() -> Vocabulary {
    let mut vocabulary = Vocabulary::default();
    vocabulary.add("Reset your password. Invoices and billing. The home page. Warehouse delivery.");
    vocabulary
}

fn sure(question: &str) -> Vec<String> {
    terms(question, &vocabulary())
        .into_iter()
        .map(|term| term.sure[0].clone())
        .collect()
}

#[test]
fn the_stop_words_are_in_order() {
    assert!(STOP_WORDS.is_sorted());
    assert!(
        SYNONYMS
            .iter()
            .all(|group| group.iter().all(|phrase| !is_stop_word(phrase)))
    );
}

#[test]
fn chatter_goes_and_content_stays() {
    assert_eq!(
        sure("um hi yeah I've got a question please"),
        Vec::<String>::new()
    );
    assert_eq!(
        sure("What's the weather like in Paris?"),
        ["weather", "paris"]
    );
    assert_eq!(sure("the the warehouse, the WAREHOUSE"), ["warehouse"]);
}

#[test]
fn one_meaning_is_one_term() {
    let one = |question| {
        let terms = terms(question, &vocabulary());
        assert_eq!(terms.len(), 1, "{question}: {terms:?}");
        terms.into_iter().next().unwrap()
    };
    assert!(one("logging in").sure.contains(&"sign in".to_owned()));
    assert!(one("I signed in").sure.contains(&"log in".to_owned()));
    assert!(one("how much is it").sure.contains(&"price".to_owned()));
    assert!(one("cancelling").sure.contains(&"terminate".to_owned()));
    assert!(one("my money back").sure.contains(&"refund".to_owned()));
}

#[test]
fn misheard_words_are_guessed() {
    let guesses = |question| terms(question, &vocabulary())[0].guesses.clone();
    assert_eq!(guesses("warehous"), ["warehouse"]);
    assert!(guesses("pasword").contains(&"password".to_owned()));
    assert_eq!(guesses("homepage"), ["home page"]);
    assert!(guesses("zebra").is_empty());
    // What is known needs no guess, and short words have too many neighbours.
    assert!(guesses("reset").is_empty() && guesses("hone").is_empty());
    assert_eq!(sure("pass word")[0], "password");
    assert_eq!(sure("ware house")[0], "warehouse");
}

proptest! {
    #[test]
    fn any_question_gives_few_terms_of_plain_words(question in "\\PC{0,300}") {
        let terms = terms(&question, &vocabulary());
        prop_assert!(terms.len() <= TERMS_MAX);
        for term in terms {
            for phrase in term.sure.iter().chain(&term.guesses) {
                prop_assert!(phrase.chars().all(|c| c.is_alphanumeric() || c == ' '), "{phrase:?}");
            }
        }
    }
}
