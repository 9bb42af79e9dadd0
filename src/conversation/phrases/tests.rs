use super::*;

#[test]
fn words_lose_case_and_punctuation() {
    assert_eq!(
        words("Uh-huh, it’s “Fine”!  — OK."),
        ["uhhuh", "it's", "fine", "ok"]
    );
    assert!(words(" ... ").is_empty());
}

#[test]
fn backchannels_do_not_take_the_floor() {
    for text in [
        "mhm",
        "Uh-huh.",
        "Okay",
        "yes",
        "Yeah, yeah.",
        "right",
        "I see",
        "Hello?",
        "okay thank you",
    ] {
        assert!(is_backchannel(text), "{text}");
    }
    for text in [
        "stop",
        "no",
        "wait",
        "okay but what about Sunday",
        "yes yes yes yes",
        "one moment",
    ] {
        assert!(!is_backchannel(text), "{text}");
    }
}

#[test]
fn hesitations() {
    assert!(is_hesitation("um, uh") && is_hesitation("Mhm") && is_hesitation(""));
    assert!(!is_hesitation("um yes"));
}

#[test]
fn courtesies_ask_nothing() {
    for text in [
        "Thank you very much, bye",
        "No, that's all, thanks.",
        "Great, goodbye",
        "Have a nice day",
    ] {
        assert!(is_courtesy(text), "{text}");
    }
    for text in [
        "What are your hours?",
        "thanks, and how do I pay",
        "no it does not work",
    ] {
        assert!(!is_courtesy(text), "{text}");
    }
}

#[test]
fn yes_and_no() {
    let check =
        |text: &str, expected: Option<bool>| assert_eq!(confirmation(text), expected, "{text}");
    check("Yes.", Some(true));
    check("yeah that's right", Some(true));
    check("Correct!", Some(true));
    check("uh-huh", Some(true));
    check("No", Some(false));
    check("That's not right", Some(false));
    check("that is wrong", Some(false));
    check("No, it isn't correct", Some(false));
    check("banana", None);
    check("", None);
}

#[test]
fn asking_for_a_person() {
    for text in [
        "I want to talk to a person",
        "Can I speak to someone please?",
        "Operator!",
        "human please",
        "put me through to an agent",
        "could you get me a real human being",
    ] {
        assert!(asks_for_person(text), "{text}");
    }
    for text in [
        "How many people can use one licence",
        "I don't need a person",
        "my colleague cannot log in to the system",
        "what does it cost",
    ] {
        assert!(!asks_for_person(text), "{text}");
    }
}

#[test]
fn declining() {
    for text in [
        "I don't have one",
        "no",
        "skip",
        "I'd rather not",
        "never mind",
        "Goodbye",
    ] {
        assert!(declines(text), "{text}");
    }
    assert!(!declines("jane dot doe at example dot com"));
}
