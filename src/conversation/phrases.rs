//! Word lists of telephone English, and what a few words alone mean.

/// Sounds that only say "I am still here".
const HESITATIONS: &[&str] = &[
    "ah", "eh", "er", "erm", "hm", "hmm", "huh", "mhm", "mm", "mmhm", "mmhmm", "mmm", "oh", "uh",
    "uhhuh", "uhm", "um", "umm",
];

/// Words that go along with what is being said without asking for the floor.
const ACKNOWLEDGEMENTS: &[&str] = &[
    "alright", "cool", "fine", "good", "great", "hello", "hi", "i", "okay", "ok", "perfect",
    "really", "right", "see", "sure", "thank", "thanks", "well", "yeah", "yep", "yes", "yup",
    "you",
];

/// Words of courtesy: a turn made of them alone asks nothing.
const COURTESIES: &[&str] = &[
    "a", "all", "and", "be", "bye", "day", "else", "evening", "for", "good", "goodbye", "have",
    "help", "helpful", "i", "is", "it", "it's", "its", "lot", "much", "needed", "nice", "no",
    "nope", "not", "nothing", "now", "so", "that", "that'll", "that's", "thats", "the", "very",
    "was", "will", "your",
];

const YES: &[&str] = &[
    "absolutely",
    "affirmative",
    "alright",
    "correct",
    "definitely",
    "exactly",
    "fine",
    "indeed",
    "ok",
    "okay",
    "perfect",
    "please",
    "right",
    "sure",
    "yeah",
    "yep",
    "yes",
    "yup",
];

const NO: &[&str] = &[
    "doesn't",
    "don't",
    "incorrect",
    "isn't",
    "nah",
    "nay",
    "negative",
    "never",
    "no",
    "nope",
    "not",
    "wasn't",
    "wrong",
];

const PERSONS: &[&str] = &[
    "agent",
    "colleague",
    "employee",
    "human",
    "operator",
    "people",
    "person",
    "receptionist",
    "representative",
    "somebody",
    "someone",
    "staff",
    "supervisor",
    "technician",
];

const CONNECTING: &[&str] = &[
    "connect", "forward", "get", "give", "have", "need", "pass", "put", "reach", "real", "speak",
    "talk", "transfer", "want",
];

const WITHOUT: &[&str] = &[
    "bye",
    "goodbye",
    "nevermind",
    "nothing",
    "pass",
    "private",
    "rather",
    "skip",
    "without",
];

/// The words of a text, lower case, without punctuation around them. Apostrophes inside stay, hyphens go.
pub(super) fn words(text: &str) -> Vec<String> {
    text.split_whitespace()
        .map(|word| {
            let kept = word
                .chars()
                .filter(|c| c.is_alphanumeric() || matches!(c, '\'' | '’'));
            let plain: String = kept.map(|c| if c == '’' { '\'' } else { c }).collect();
            plain.trim_matches('\'').to_lowercase()
        })
        .filter(|word| !word.is_empty())
        .collect()
}

fn all_in(words: &[String], lists: &[&[&str]]) -> bool {
    words
        .iter()
        .all(|word| lists.iter().any(|list| list.contains(&word.as_str())))
}

fn any_in(words: &[String], list: &[&str]) -> bool {
    words.iter().any(|word| list.contains(&word.as_str()))
}

/// Nothing but "um" and "mhm" (or nothing at all).
pub(super) fn is_hesitation(text: &str) -> bool {
    all_in(&words(text), &[HESITATIONS])
}

/// At most three words that go along with the speaker: "mhm", "okay, I see", "yes yes".
pub(super) fn is_backchannel(text: &str) -> bool {
    let words = words(text);
    words.len() <= 3 && all_in(&words, &[HESITATIONS, ACKNOWLEDGEMENTS])
}

/// Thanks, greetings and goodbyes alone: nothing is asked.
pub(super) fn is_courtesy(text: &str) -> bool {
    all_in(&words(text), &[HESITATIONS, ACKNOWLEDGEMENTS, COURTESIES])
}

/// A clear yes or no; a no among yeses wins ("no, that's not right").
pub(super) fn confirmation(text: &str) -> Option<bool> {
    let words = words(text);
    if any_in(&words, NO) {
        return Some(false);
    }
    if any_in(&words, YES) || words.iter().any(|word| word == "mhm" || word == "uhhuh") {
        return Some(true);
    }
    None
}

/// The caller plainly asks for a person.
pub(super) fn asks_for_person(text: &str) -> bool {
    let words = words(text);
    if !any_in(&words, PERSONS) || any_in(&words, &["not", "don't", "no"]) {
        return false;
    }
    words.len() <= 3 || any_in(&words, CONNECTING)
}

/// The caller does not want the call recorded: a few words with a recording and a refusal in them.
pub(super) fn refuses_recording(text: &str) -> bool {
    let words = words(text);
    let recording = ["record", "recorded", "recording", "recordings"];
    let refusal = ["not", "don't", "dont", "no", "stop", "without", "refuse"];
    words.len() <= 12 && any_in(&words, &recording) && any_in(&words, &refusal)
}

/// The caller does not want to give what was asked for.
pub(super) fn declines(text: &str) -> bool {
    let words = words(text);
    any_in(&words, WITHOUT) || (words.len() <= 6 && any_in(&words, NO))
}

#[cfg(test)]
mod tests;
