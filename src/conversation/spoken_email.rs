//! E-mail addresses as people say them, and as they are said back.
//!
//! "jane dot doe at example dot com", "j-a-n-e underscore four two at …", "juliet alpha november echo at …",
//! "m as in mike", and what a transcriber has already written as an address.

/// Longest local part (RFC 5321 §4.5.3.1.1).
const LOCAL_CHARS_MAX: usize = 64;
/// Longest address (RFC 5321 §4.5.3.1.3, without the angle brackets).
const ADDRESS_CHARS_MAX: usize = 254;
/// Most words looked at: an address takes few, even spelled.
const WORDS_MAX: usize = 200;

/// The address in what was said, lower case; `None` when there is no whole and valid one.
pub(super) fn parse(text: &str) -> Option<String> {
    spoken(text).or_else(|| written(text))
}

/// An address that the transcriber wrote as one.
fn written(text: &str) -> Option<String> {
    text.split_whitespace()
        .take(WORDS_MAX)
        .map(|word| {
            word.trim_matches(|c: char| !c.is_alphanumeric())
                .to_lowercase()
        })
        .find(|word| is_address(word))
}

/// The last whole address: a caller who corrects himself says the right one last.
fn spoken(text: &str) -> Option<String> {
    let tokens = tokens(text);
    let mut begin = 0;
    let mut found = None;
    while let Some(at) = tokens[begin..].iter().position(|token| *token == Token::At) {
        let (before, after) = (&tokens[begin..begin + at], &tokens[begin + at + 1..]);
        let address = domain(after).map(|domain| format!("{}@{domain}", local(before)));
        let address = address.filter(|address| is_address(address));
        begin += at + 1;
        if address.is_some() {
            begin += domain_end(after).unwrap_or(0);
            found = address;
        }
    }
    found
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    At,
    /// `.`, `-`, `_` or `+`.
    Mark(char),
    /// One letter that was spelled.
    Letter(char),
    Digits(String),
    Word(String),
    /// A word that stands around an address, not in it.
    Around,
}

/// The words right before the "at", back to one that stands around addresses.
fn local(tokens: &[Token]) -> String {
    let begin = tokens
        .iter()
        .rposition(|token| matches!(token, Token::At | Token::Around))
        .map_or(0, |at| at + 1);
    joined(&tokens[begin..])
}

/// Labels up to the last "dot" and one more word or run of letters after it; or up to a well-known end that
/// other words follow.
fn domain(tokens: &[Token]) -> Option<String> {
    let end = domain_end(tokens)?;
    let domain = &tokens[..end];
    (!domain.contains(&Token::Around)).then(|| joined(domain))
}

/// Where the domain at the begin of these tokens ends.
fn domain_end(tokens: &[Token]) -> Option<usize> {
    let next_at = tokens.iter().position(|token| *token == Token::At);
    let tokens = &tokens[..next_at.unwrap_or(tokens.len())];
    let known = tokens.windows(2).enumerate().find_map(|(at, pair)| {
        let ends = matches!(&pair[1], Token::Word(top) if COMMON_TOPS.contains(&top.as_str()));
        let goes_on = matches!(tokens.get(at + 2), Some(Token::Mark(_)));
        (pair[0] == Token::Mark('.') && ends && !goes_on).then_some(at + 2)
    });
    let last_dot = tokens
        .iter()
        .rposition(|token| *token == Token::Mark('.'))?;
    let rest = &tokens[last_dot + 1..];
    let letters = rest
        .iter()
        .take_while(|token| matches!(token, Token::Letter(_)))
        .count();
    let top = usize::from(matches!(rest.first(), Some(Token::Word(_))));
    Some(known.unwrap_or(last_dot + 1 + letters.max(top)))
}

/// Ends of domains that are hardly ever the begin of something else.
const COMMON_TOPS: &[&str] = &[
    "com", "org", "net", "edu", "gov", "io", "eu", "info", "uk", "de", "fr", "nl", "ca", "au",
    "us", "biz",
];

fn joined(tokens: &[Token]) -> String {
    let mut text = String::new();
    for token in tokens {
        match token {
            Token::Mark(c) | Token::Letter(c) => text.push(*c),
            Token::Digits(part) | Token::Word(part) => text.push_str(part),
            Token::At | Token::Around => {}
        }
    }
    text
}

/// Words that introduce or follow an address.
const AROUND: &[&str] = &[
    "address", "and", "email", "e-mail", "er", "fine", "have", "i", "is", "it", "it's", "its",
    "my", "me", "no", "ok", "okay", "please", "right", "so", "sure", "thanks", "that", "that's",
    "the", "this", "to", "uh", "um", "use", "well", "yeah", "yes", "you", "i'm", "rather", "but",
    "actually", "reach", "write",
];

/// Words that say how a letter looks, or how words belong together.
const SILENT: &[&str] = &[
    "capital",
    "letter",
    "lowercase",
    "uppercase",
    "lower",
    "upper",
    "case",
    "number",
    "sign",
];

fn tokens(text: &str) -> Vec<Token> {
    let lower = text.to_lowercase().replace('’', "'");
    let lower = lower
        .replace("all one word", " ")
        .replace("in one word", " ")
        .replace("under score", "underscore");
    let words: Vec<&str> = lower.split_whitespace().take(WORDS_MAX).collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < words.len() {
        at += token(&words[at..], &mut tokens);
    }
    tokens
}

/// Reads the next token or tokens; returns how many words that took.
fn token(words: &[&str], tokens: &mut Vec<Token>) -> usize {
    let word = plain(words[0]);
    if word.is_empty() {
        return 1;
    }
    if let Some(taken) = as_in(words, tokens).or_else(|| doubled(words, tokens)) {
        return taken;
    }
    if let Some((digits, taken)) = number(words) {
        tokens.push(Token::Digits(digits));
        return taken;
    }
    let nato = words
        .iter()
        .take_while(|word| is_letter_name(plain(word)))
        .count();
    if nato >= 2
        && words[..nato]
            .iter()
            .any(|word| nato_letter(plain(word)).is_some())
    {
        let letters = words[..nato].iter().filter_map(|word| letter(plain(word)));
        tokens.extend(letters.map(Token::Letter));
        return nato;
    }
    match word {
        "at" | "@" => tokens.push(Token::At),
        "dot" | "period" | "point" | "." => tokens.push(Token::Mark('.')),
        "dash" | "hyphen" | "minus" | "-" => tokens.push(Token::Mark('-')),
        "underscore" | "_" => tokens.push(Token::Mark('_')),
        "plus" | "+" => tokens.push(Token::Mark('+')),
        word if SILENT.contains(&word) => {}
        word if word != "i" && AROUND.contains(&word) => tokens.push(Token::Around),
        word => written_token(word, tokens),
    }
    1
}

/// Without punctuation around it that belongs to the sentence.
fn plain(word: &str) -> &str {
    let trimmed = word.trim_matches(|c: char| {
        matches!(c, ',' | ';' | ':' | '!' | '?' | '"' | '“' | '”' | '(' | ')')
    });
    if trimmed.chars().count() > 1 {
        trimmed.trim_end_matches('.')
    } else {
        trimmed
    }
}

/// "j-a-n-e", "example.com", "jane@example", "doe-smith", "x".
fn written_token(word: &str, tokens: &mut Vec<Token>) {
    let mut part = String::new();
    let spelled = word.split('-').all(|piece| piece.chars().count() == 1) && word.contains('-');
    for c in word.chars().filter(|c| *c != '\'') {
        match c {
            '-' if spelled => flush(&mut part, tokens),
            '@' => {
                flush(&mut part, tokens);
                tokens.push(Token::At);
            }
            '.' | '-' | '_' | '+' => {
                flush(&mut part, tokens);
                tokens.push(Token::Mark(c));
            }
            c => part.push(c),
        }
    }
    flush(&mut part, tokens);
}

fn flush(part: &mut String, tokens: &mut Vec<Token>) {
    let mut chars = part.chars();
    match (chars.next(), chars.next()) {
        (None, _) => {}
        (Some(c), None) => tokens.push(Token::Letter(c)),
        _ => tokens.push(Token::Word(part.clone())),
    }
    part.clear();
}

/// "m as in mike", "j for juliet".
fn as_in(words: &[&str], tokens: &mut Vec<Token>) -> Option<usize> {
    let first = letter(plain(words[0]))?;
    let (example, taken) = match (words.get(1).copied()?, words.get(2).copied()) {
        ("as", Some("in")) => (words.get(3).copied()?, 4),
        ("like" | "for", Some(example)) => (example, 3),
        _ => return None,
    };
    plain(example).starts_with(first).then(|| {
        tokens.push(Token::Letter(first));
        taken
    })
}

/// "double u" is the letter w; "double x", "triple seven" repeat.
fn doubled(words: &[&str], tokens: &mut Vec<Token>) -> Option<usize> {
    let times = match plain(words[0]) {
        "double" => 2,
        "triple" => 3,
        _ => return None,
    };
    let next = plain(words.get(1)?);
    if times == 2 && matches!(next, "u" | "you") {
        tokens.push(Token::Letter('w'));
        return Some(2);
    }
    let token = match (digit(next), letter(next)) {
        (Some(digit), _) => Token::Digits(digit.to_string()),
        (None, Some(letter)) => Token::Letter(letter),
        (None, None) => return None,
    };
    tokens.extend(std::iter::repeat_n(token, times));
    Some(2)
}

/// A number in words: "seven", "forty two", "nineteen"; and how many words it took.
fn number(words: &[&str]) -> Option<(String, usize)> {
    const TEENS: [&str; 10] = [
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
    ];
    const TENS: [&str; 8] = [
        "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
    ];
    let word = plain(words[0]);
    if let Some(digit) = digit(word) {
        return Some((digit.to_string(), 1));
    }
    if let Some(teen) = TEENS.iter().position(|name| *name == word) {
        return Some(((10 + teen).to_string(), 1));
    }
    let (ten, ones) = match word.split_once('-') {
        Some((ten, ones)) => (ten, Some((ones, 1))),
        None => (word, words.get(1).map(|ones| (plain(ones), 2))),
    };
    let ten = 20 + 10 * TENS.iter().position(|name| *name == ten)?;
    let ones = ones.and_then(|(ones, taken)| Some((digit(ones).filter(|ones| *ones > 0)?, taken)));
    match ones {
        Some((ones, taken)) => Some(((ten + ones).to_string(), taken)),
        None if word.contains('-') => None,
        None => Some((ten.to_string(), 1)),
    }
}

fn digit(word: &str) -> Option<usize> {
    const DIGITS: [&str; 10] = [
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
    ];
    DIGITS.iter().position(|name| *name == word)
}

fn letter(word: &str) -> Option<char> {
    let mut chars = word.chars();
    match (chars.next(), chars.next()) {
        (Some(c), None) if c.is_ascii_alphabetic() => Some(c),
        _ => nato_letter(word),
    }
}

fn is_letter_name(word: &str) -> bool {
    letter(word).is_some()
}

/// The spelling alphabet. Some of its words are names ("mike"), so one alone is taken as a word.
fn nato_letter(word: &str) -> Option<char> {
    const ALPHABET: [&str; 26] = [
        "alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india",
        "juliet", "kilo", "lima", "mike", "november", "oscar", "papa", "quebec", "romeo", "sierra",
        "tango", "uniform", "victor", "whiskey", "x-ray", "yankee", "zulu",
    ];
    const VARIANTS: [&str; 4] = ["alfa", "juliett", "whisky", "xray"];
    (ALPHABET.contains(&word) || VARIANTS.contains(&word))
        .then(|| word.chars().next())
        .flatten()
}

/// A valid address of the plain kind that people have.
pub(super) fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    let local_ok = !local.is_empty()
        && local.len() <= LOCAL_CHARS_MAX
        && local
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+'))
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..");
    let labels: Vec<&str> = domain.split('.').collect();
    let label_ok = |label: &&str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let top_ok = labels
        .last()
        .is_some_and(|top| top.len() >= 2 && top.chars().all(|c| c.is_ascii_alphabetic()));
    local_ok
        && labels.len() >= 2
        && labels.iter().all(label_ok)
        && top_ok
        && text.len() <= ADDRESS_CHARS_MAX
}

/// As one says it: `jane dot doe at example dot com`, digits one by one.
pub(super) fn said(address: &str) -> String {
    pieces(address).join(" ")
}

/// Letter by letter before the "at", as words after it. The commas keep a voice from swallowing letters.
pub(super) fn spelled(address: &str) -> String {
    let (local, domain) = address.split_once('@').unwrap_or((address, ""));
    let letters: Vec<String> = local
        .chars()
        .map(|c| mark_name(c).map_or_else(|| c.to_uppercase().to_string(), str::to_owned))
        .collect();
    format!("{}, at, {}", letters.join(", "), said(domain))
}

/// Words, and the names of marks and digits between them.
fn pieces(text: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut run = String::new();
    for c in text.chars() {
        let name = mark_name(c)
            .map(str::to_owned)
            .or_else(|| c.is_ascii_digit().then(|| c.to_string()));
        match name {
            None => run.push(c),
            Some(name) => {
                if !run.is_empty() {
                    pieces.push(std::mem::take(&mut run));
                }
                pieces.push(name);
            }
        }
    }
    if !run.is_empty() {
        pieces.push(run);
    }
    pieces
}

fn mark_name(c: char) -> Option<&'static str> {
    match c {
        '@' => Some("at"),
        '.' => Some("dot"),
        '_' => Some("underscore"),
        '-' => Some("dash"),
        '+' => Some("plus"),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
