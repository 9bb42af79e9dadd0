use proptest::prelude::*;

use super::*;

fn check(text: &str, expected: &str) {
    assert_eq!(parse(text).as_deref(), Some(expected), "{text}");
}

#[test]
fn as_words() {
    check("jane dot doe at example dot com", "jane.doe@example.com");
    check(
        "It's jane dot doe at example dot com.",
        "jane.doe@example.com",
    );
    check(
        "My email address is info at blue sky dot org, thanks",
        "info@bluesky.org",
    );
    check(
        "you can reach me at jane at example dot co dot uk please",
        "jane@example.co.uk",
    );
    check(
        "Sure, jane underscore doe at mail dot example dot com",
        "jane_doe@mail.example.com",
    );
    check(
        "jane dash doe plus support at my-company dot de",
        "jane-doe+support@my-company.de",
    );
    check(
        "mike dot smith at example dot com",
        "mike.smith@example.com",
    );
    check("no, it's jayne at example dot com", "jayne@example.com");
}

#[test]
fn spelled_letters() {
    check("j-a-n-e at example dot com", "jane@example.com");
    check("J. A. N. E. at example dot com", "jane@example.com");
    check("j a n e dot d o e at g mail dot com", "jane.doe@gmail.com");
    check("j, a, n, e, at example dot c o m", "jane@example.com");
    check("capital J a n e at example dot com", "jane@example.com");
    check("m as in mike a r k at example dot com", "mark@example.com");
    check("b for bravo o b at example dot com", "bob@example.com");
    check("double u i m at example dot n l", "wim@example.nl");
    check("a n n double x at example dot com", "annxx@example.com");
    check("i a n at example dot com", "ian@example.com");
}

#[test]
fn the_spelling_alphabet() {
    check(
        "juliet alpha november echo at example dot com",
        "jane@example.com",
    );
    check(
        "Juliett Alfa November Echo dot delta oscar echo at example dot com",
        "jane.doe@example.com",
    );
    check("j alpha n echo at example dot com", "jane@example.com");
    check("charlie at example dot com", "charlie@example.com");
}

#[test]
fn digits_as_words() {
    check("jane four two at example dot com", "jane42@example.com");
    check("jane forty two at example dot com", "jane42@example.com");
    check("jane forty-two at example dot com", "jane42@example.com");
    check(
        "jane nineteen eighty four at example dot com",
        "jane1984@example.com",
    );
    check("jane double seven at example dot com", "jane77@example.com");
    check("jane 42 at example dot com", "jane42@example.com");
    check(
        "x at three six five dot example dot com",
        "x@365.example.com",
    );
}

#[test]
fn written_by_the_transcriber() {
    check("It is Jane.Doe@Example.com.", "jane.doe@example.com");
    check("jane dot doe@example.com", "jane.doe@example.com");
    check("jane at example.com", "jane@example.com");
    check("jane.doe at example.com, yes", "jane.doe@example.com");
}

#[test]
fn said_twice_or_corrected() {
    check(
        "jane dot doe at example dot com jane dot doe at example dot com",
        "jane.doe@example.com",
    );
    check(
        "jane at example dot com no jayne at example dot com",
        "jayne@example.com",
    );
    check(
        "jane at example dot com j a n e at example dot org",
        "jane@example.org",
    );
    check("look at this jane at example dot com", "jane@example.com");
}

#[test]
fn no_address() {
    for text in [
        "",
        "I don't have one",
        "jane doe",
        "jane at example",
        "at example dot com",
        "meet me at noon",
        "jane dot at example dot com",
        "jane at dot com",
        "what is that at the end",
        "jane at example dot 1",
        "@@@...---",
    ] {
        assert_eq!(parse(text), None, "{text}");
    }
}

#[test]
fn said_back() {
    assert_eq!(
        said("jane.doe42@my-mail.com"),
        "jane dot doe 4 2 at my dash mail dot com"
    );
    assert_eq!(
        spelled("ja_1@example.com"),
        "J, A, underscore, 1, at, example dot com"
    );
}

#[test]
fn what_is_said_back_is_understood_again() {
    for address in [
        "jane.doe42@example.com",
        "a_b-c+d@mail.example.co.uk",
        "shayne@example.org",
    ] {
        check(&said(address), address);
        check(&spelled(address), address);
    }
}

proptest! {
    #[test]
    fn whatever_is_said_never_panics_and_gives_valid_addresses(text in "\\PC{0,200}") {
        if let Some(address) = parse(&text) {
            prop_assert!(is_address(&address));
        }
    }

    #[test]
    fn words_around_and_in_addresses(
        words in proptest::collection::vec(
            prop_oneof![
                Just("at"), Just("dot"), Just("double"), Just("mike"), Just("as"), Just("in"), Just("j"),
                Just("forty"), Just("two"), Just("com"), Just("-"), Just("a-b"), Just("is"), Just("@"), Just("."),
            ],
            0..20,
        )
    ) {
        if let Some(address) = parse(&words.join(" ")) {
            prop_assert!(is_address(&address));
        }
    }
}
