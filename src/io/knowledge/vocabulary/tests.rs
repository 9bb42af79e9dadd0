use super::*;

fn distance_of(word: &str, known: &str, max: usize) -> Option<usize> {
    let letters: Vec<char> = word.chars().collect();
    distance(&letters, known, max)
}

#[test]
fn wrong_letters_are_counted() {
    assert_eq!(distance_of("password", "password", 2), Some(0));
    assert_eq!(distance_of("pasword", "password", 2), Some(1));
    assert_eq!(
        distance_of("passwrod", "password", 2),
        Some(1),
        "swapped neighbours"
    );
    assert_eq!(distance_of("adress", "address", 1), Some(1));
    assert_eq!(distance_of("pizza", "password", 2), None);
    assert_eq!(distance_of("müller", "muller", 1), Some(1));
    assert_eq!(distance_of("", "", 0), Some(0));
    assert_eq!(distance_of("abc", "", 2), None);
}

#[test]
fn the_nearest_word_is_the_frequent_one_among_equals() {
    let mut vocabulary = Vocabulary::default();
    vocabulary.add("printer printer printed router");
    assert_eq!(vocabulary.nearest("printet"), Some("printer"));
    assert_eq!(
        vocabulary.nearest("outer"),
        None,
        "the first letter has to be right"
    );
    assert_eq!(vocabulary.nearest("print3r"), None, "codes are not guessed");
    assert_eq!(
        vocabulary.split("printerrouter"),
        Some(("printer", "router"))
    );
    assert_eq!(vocabulary.split("éé"), None);
}
