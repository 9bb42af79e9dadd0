//! A spoken question as terms to search for. What it holds never reaches the search syntax unquoted.

use super::vocabulary::Vocabulary;

/// Terms of one question; what follows is not searched for. More would make a search slow and vague.
const TERMS_MAX: usize = 32;
/// A word with more bytes is noise.
const WORD_MAX: usize = 40;

/// Words that say nothing about what is asked: grammar, and what people say on the telephone.
/// In order, for a binary search.
const STOP_WORDS: [&str; 260] = [
    "a",
    "about",
    "actually",
    "after",
    "again",
    "ago",
    "ah",
    "all",
    "almost",
    "already",
    "also",
    "although",
    "always",
    "am",
    "an",
    "and",
    "any",
    "anybody",
    "anyone",
    "anything",
    "anyway",
    "are",
    "arent",
    "around",
    "as",
    "ask",
    "at",
    "away",
    "back",
    "be",
    "because",
    "been",
    "before",
    "being",
    "best",
    "better",
    "bit",
    "bring",
    "but",
    "by",
    "bye",
    "call",
    "called",
    "calling",
    "came",
    "can",
    "cannot",
    "cant",
    "come",
    "could",
    "couldnt",
    "did",
    "didnt",
    "do",
    "does",
    "doesnt",
    "doing",
    "done",
    "dont",
    "each",
    "either",
    "else",
    "er",
    "even",
    "ever",
    "every",
    "everything",
    "explain",
    "far",
    "few",
    "find",
    "first",
    "for",
    "from",
    "get",
    "gets",
    "getting",
    "give",
    "go",
    "goes",
    "going",
    "gonna",
    "good",
    "got",
    "great",
    "had",
    "happen",
    "happened",
    "happens",
    "has",
    "hasnt",
    "have",
    "havent",
    "having",
    "he",
    "hello",
    "help",
    "her",
    "here",
    "hey",
    "hi",
    "him",
    "his",
    "hm",
    "how",
    "i",
    "id",
    "if",
    "ill",
    "im",
    "in",
    "into",
    "is",
    "isnt",
    "it",
    "its",
    "ive",
    "just",
    "keep",
    "kind",
    "know",
    "last",
    "let",
    "lets",
    "like",
    "likes",
    "little",
    "long",
    "look",
    "looking",
    "lot",
    "made",
    "make",
    "makes",
    "many",
    "may",
    "maybe",
    "me",
    "mean",
    "might",
    "more",
    "most",
    "much",
    "must",
    "my",
    "need",
    "needs",
    "new",
    "no",
    "not",
    "now",
    "of",
    "off",
    "often",
    "oh",
    "ok",
    "okay",
    "old",
    "on",
    "once",
    "one",
    "only",
    "or",
    "other",
    "our",
    "out",
    "over",
    "perhaps",
    "please",
    "possible",
    "pretty",
    "put",
    "question",
    "quite",
    "really",
    "right",
    "said",
    "say",
    "see",
    "seems",
    "she",
    "should",
    "show",
    "since",
    "so",
    "some",
    "somebody",
    "someone",
    "something",
    "soon",
    "sorry",
    "sort",
    "still",
    "such",
    "sure",
    "take",
    "tell",
    "than",
    "thank",
    "thanks",
    "that",
    "thats",
    "the",
    "their",
    "them",
    "then",
    "there",
    "theres",
    "these",
    "they",
    "thing",
    "things",
    "think",
    "this",
    "those",
    "though",
    "through",
    "to",
    "told",
    "too",
    "try",
    "trying",
    "uh",
    "uhm",
    "um",
    "us",
    "use",
    "using",
    "very",
    "wanna",
    "want",
    "wanted",
    "wants",
    "was",
    "way",
    "ways",
    "we",
    "well",
    "were",
    "what",
    "whats",
    "when",
    "where",
    "which",
    "while",
    "who",
    "whole",
    "why",
    "will",
    "with",
    "wonder",
    "wondering",
    "would",
    "yeah",
    "yes",
    "yet",
    "you",
    "your",
    "youre",
    "yours",
];

/// What people say for what articles say; each line is one meaning. English.
const SYNONYMS: [&[&str]; 30] = [
    &[
        "sign in", "log in", "log on", "login", "logon", "signin", "access",
    ],
    &["password", "passcode", "pass word"],
    &["bill", "invoice", "receipt", "statement"],
    &[
        "cost",
        "price",
        "pricing",
        "fee",
        "charge",
        "rate",
        "how much",
        "how expensive",
    ],
    &["refund", "money back", "reimburse", "reimbursement"],
    &[
        "cancel",
        "cancellation",
        "terminate",
        "unsubscribe",
        "stop",
        "quit",
    ],
    &["return", "send back", "bring back", "give back"],
    &[
        "delivery", "deliver", "shipping", "ship", "shipment", "arrive", "parcel", "package",
    ],
    &["hours", "what time", "open", "closed", "close"],
    &["change", "update", "edit", "modify"],
    &["delete", "remove", "erase"],
    &["phone", "telephone", "mobile", "cell"],
    &["email", "e mail", "mail"],
    &[
        "internet",
        "wifi",
        "wi fi",
        "wireless",
        "network",
        "connection",
        "online",
        "offline",
    ],
    &[
        "broken",
        "defective",
        "faulty",
        "damaged",
        "not working",
        "doesnt work",
        "does not work",
        "isnt working",
    ],
    &["buy", "purchase", "order", "bought"],
    &["install", "installation", "set up", "setup"],
    &["app", "application"],
    &["contact", "reach"],
    &["download", "export"],
    &["warranty", "guarantee"],
    &["forgot", "forget", "forgotten", "lost", "lose", "remember"],
    &["pay", "payment", "paid"],
    &["computer", "laptop", "pc"],
    &["account", "profile"],
    &[
        "two factor",
        "2fa",
        "verification code",
        "authenticator",
        "second factor",
    ],
    &["location", "located", "address"],
    &["subscription", "plan", "membership"],
    &["print", "printer", "printing"],
    &["user", "colleague", "employee", "teammate", "coworker"],
];

/// One thing asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Term {
    /// Ways to say it, each one or more words.
    pub(super) sure: Vec<String>,
    /// What it may have been, for when none of the former occurs.
    pub(super) guesses: Vec<String>,
}

/// The terms of a question, each once, in its order.
pub(super) fn terms(question: &str, vocabulary: &Vocabulary) -> Vec<Term> {
    let words: Vec<String> = words(question).collect();
    let mut terms: Vec<Term> = Vec::new();
    let mut rest = words.as_slice();
    while !rest.is_empty() && terms.len() < TERMS_MAX {
        let (term, taken) = first_term(rest, vocabulary);
        if let Some(term) = term
            && !terms.iter().any(|known| known.sure == term.sure)
        {
            terms.push(term);
        }
        rest = &rest[taken..];
    }
    terms
}

/// What the first words mean, and how many they are.
fn first_term(words: &[String], vocabulary: &Vocabulary) -> (Option<Term>, usize) {
    let word = words[0].as_str();
    if let Some((group, length)) = synonyms(words) {
        let mut sure: Vec<String> = group.iter().map(|phrase| (*phrase).to_owned()).collect();
        let said = words[..length].join(" ");
        if !sure.contains(&said) {
            sure.push(said);
        }
        return (
            Some(Term {
                sure,
                guesses: Vec::new(),
            }),
            length,
        );
    }
    if is_stop_word(word) {
        return (None, 1);
    }
    if let Some(next) = words.get(1) {
        let joined = format!("{word}{next}");
        if vocabulary.has(&joined) && !vocabulary.has(word) {
            let sure = vec![joined, format!("{word} {next}")];
            return (
                Some(Term {
                    sure,
                    guesses: Vec::new(),
                }),
                2,
            );
        }
    }
    let mut guesses = Vec::new();
    if !vocabulary.has(word) {
        if let Some((first, second)) = vocabulary.split(word) {
            guesses.push(format!("{first} {second}"));
        }
        if let Some(near) = vocabulary.nearest(word) {
            guesses.extend(synonyms(&[near.to_owned()]).map_or_else(
                || vec![near.to_owned()],
                |(group, _)| group.iter().map(|phrase| (*phrase).to_owned()).collect(),
            ));
        }
    }
    let sure = vec![word.to_owned()];
    (Some(Term { sure, guesses }), 1)
}

/// The meaning that the first words have, by the longest phrase.
fn synonyms(words: &[String]) -> Option<(&'static [&'static str], usize)> {
    let phrases = SYNONYMS
        .iter()
        .flat_map(|group| group.iter().map(move |phrase| (*group, *phrase)));
    phrases
        .filter_map(|(group, phrase)| Some((group, begins(words, phrase)?)))
        .max_by_key(|(_, length)| *length)
}

/// How many words the phrase has, if these begin with it in any inflection.
fn begins(words: &[String], phrase: &str) -> Option<usize> {
    let mut count = 0;
    for base in phrase.split(' ') {
        let word = words.get(count)?;
        if !is_inflection(word, base) {
            return None;
        }
        count += 1;
    }
    Some(count)
}

/// True for `changing`, `cancelled`, `logs` of `change`, `cancel`, `log`.
fn is_inflection(word: &str, base: &str) -> bool {
    if word == base {
        return true;
    }
    let root = base.strip_suffix('e').unwrap_or(base);
    let Some(ending) = word.strip_prefix(root) else {
        return false;
    };
    // A consonant may be doubled before the ending.
    let doubled = root
        .chars()
        .last()
        .and_then(|last| ending.strip_prefix(last));
    let is_ending = |ending: &str| matches!(ending, "s" | "es" | "ed" | "ing");
    (base.len() > 2 || ending == "s") && (is_ending(ending) || doubled.is_some_and(is_ending))
}

/// The words of a text in lower case; an apostrophe does not end one.
pub(super) fn words(text: &str) -> impl Iterator<Item = String> {
    let plain = text.replace(['\'', '’', '‘'], "");
    let lower = plain.to_lowercase();
    let words: Vec<String> = lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty() && word.len() <= WORD_MAX)
        .map(str::to_owned)
        .collect();
    words.into_iter()
}

/// True for words that say nothing about what is asked.
pub(super) fn is_stop_word(word: &str) -> bool {
    STOP_WORDS.binary_search(&word).is_ok()
}

#[cfg(test)]
mod tests;
