//! The rule engine that stands in for a model: it quotes the passages it was given, and calls the tools
//! it was offered. It knows nothing else, so a wrong prompt shows in its answers.

use std::collections::BTreeSet;

use super::prompt::{Choice, Item, Prompt, Tool};

/// The tool that brings in a person.
const HAND_OVER: &str = "hand_over";
/// The tool that connects the caller with somebody.
const TRANSFER: &str = "transfer";
/// The tool that ends the call.
const END_CALL: &str = "end_call";
/// Part of the question's words that a passage must hold to be an answer.
const FIT: f32 = 0.5;
/// So many words in its heading make a passage an answer to however long a question.
const TITLED: usize = 2;
/// Sentences quoted at most.
const SENTENCES: usize = 2;

/// What the model answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Text {
        /// Pieces as they come.
        tokens: Vec<String>,
        /// The limit of tokens cut it short.
        cut: bool,
    },
    Call {
        name: String,
        /// A JSON object.
        arguments: String,
    },
}

/// Answers a prompt.
pub(super) fn reply(prompt: &Prompt) -> Reply {
    let caller = last_words(prompt);
    match &prompt.choice {
        Choice::Must(name) => {
            let tool = prompt
                .tools
                .iter()
                .find(|tool| name.is_empty() || tool.name == *name);
            if let Some(tool) = tool {
                return call(tool, caller);
            }
        }
        Choice::Free | Choice::Never => {}
    }
    if let Some(text) = after_tool(prompt) {
        return say(prompt, text);
    }
    let words = words(caller);
    if let Some(reply) = connect(prompt, &words) {
        return reply;
    }
    if wants_person(&words) {
        return hand_over(prompt, caller);
    }
    if says_goodbye(caller, &words) {
        return match offered(prompt, END_CALL) {
            Some(tool) => call(tool, caller),
            None => say(prompt, "Thank you for calling. Goodbye."),
        };
    }
    if let Some(text) = quote(prompt, caller) {
        return say(prompt, &text);
    }
    if let Some(text) = small_talk(&words) {
        return say(prompt, text);
    }
    hand_over(prompt, caller)
}

fn last_words(prompt: &Prompt) -> &str {
    let users = prompt.items.iter().rev();
    users
        .filter_map(|item| match item {
            Item::User(text) => Some(text.as_str()),
            _ => None,
        })
        .next()
        .unwrap_or_default()
}

/// A tool was called since the caller spoke: only words are left to say.
fn after_tool(prompt: &Prompt) -> Option<&'static str> {
    let since = prompt
        .items
        .iter()
        .rev()
        .take_while(|item| !matches!(item, Item::User(_)));
    let called: Vec<&Item> = since.collect();
    if !called.contains(&&Item::Result) {
        return None;
    }
    if called.contains(&&Item::Call(END_CALL.to_owned())) {
        return Some("Thank you for calling. Goodbye.");
    }
    Some("I will pass this on to a colleague, who will call you back.")
}

fn offered<'a>(prompt: &'a Prompt, name: &str) -> Option<&'a Tool> {
    if prompt.choice == Choice::Never {
        return None;
    }
    prompt.tools.iter().find(|tool| tool.name == name)
}

fn hand_over(prompt: &Prompt, caller: &str) -> Reply {
    match offered(prompt, HAND_OVER) {
        Some(tool) => call(tool, caller),
        None => say(
            prompt,
            "I am sorry, I cannot answer that. A colleague will call you back.",
        ),
    }
}

/// Calls the tool that connects, where it is offered, with whom the caller names; with the first of the
/// list when the caller names nobody and wants a person.
fn connect(prompt: &Prompt, said: &[String]) -> Option<Reply> {
    let tool = offered(prompt, TRANSFER)?;
    let named = tool.choices.iter().find(|choice| {
        let name = content_words(choice);
        !name.is_empty() && name.is_subset(&content_words(&said.join(" ")))
    });
    let wants = ["transfer", "connect", "put", "speak", "talk"];
    let wants = said.iter().any(|word| wants.contains(&word.as_str()));
    let chosen = match named {
        Some(named) if wants => named,
        _ if wants_person(said) => tool.choices.first()?,
        _ => return None,
    };
    let name = tool.arguments.first()?.clone();
    Some(Reply::Call {
        name: tool.name.clone(),
        arguments: serde_json::json!({name: chosen}).to_string(),
    })
}

fn call(tool: &Tool, caller: &str) -> Reply {
    let arguments: serde_json::Map<String, serde_json::Value> = tool
        .arguments
        .iter()
        .map(|name| (name.clone(), format!("The caller said: {caller}").into()))
        .collect();
    Reply::Call {
        name: tool.name.clone(),
        arguments: serde_json::Value::Object(arguments).to_string(),
    }
}

fn say(prompt: &Prompt, text: &str) -> Reply {
    let mut tokens: Vec<String> = text.split_inclusive(' ').map(str::to_owned).collect();
    // As models do: the space goes before the word, not after it.
    for index in (1..tokens.len()).rev() {
        if tokens[index - 1].ends_with(' ') {
            tokens[index - 1].pop();
            tokens[index].insert(0, ' ');
        }
    }
    let cut = tokens.len() > prompt.max_tokens;
    tokens.truncate(prompt.max_tokens);
    Reply::Text { tokens, cut }
}

fn wants_person(words: &[String]) -> bool {
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    has(&[
        "person",
        "human",
        "agent",
        "someone",
        "somebody",
        "colleague",
        "operator",
        "representative",
    ]) && has(&[
        "speak", "talk", "real", "want", "need", "connect", "transfer", "give", "call", "get",
        "please",
    ])
}

fn says_goodbye(caller: &str, words: &[String]) -> bool {
    let text = caller.to_lowercase();
    let short = words.len() <= 8;
    ["goodbye", "good bye", "bye"]
        .iter()
        .any(|word| text.contains(word))
        || short
            && [
                "that's all",
                "that is all",
                "that will be all",
                "nothing else",
                "no thanks",
                "no thank you",
                "no, thank",
            ]
            .iter()
            .any(|phrase| text.contains(phrase))
}

fn small_talk(words: &[String]) -> Option<&'static str> {
    let all =
        |list: &[&str]| !words.is_empty() && words.iter().all(|word| list.contains(&word.as_str()));
    if all(&[
        "thanks", "thank", "you", "very", "much", "great", "ok", "okay", "so", "a", "lot",
    ]) {
        return Some("You are welcome. Is there anything else I can do for you?");
    }
    if all(&[
        "hello",
        "hi",
        "hey",
        "good",
        "morning",
        "afternoon",
        "evening",
        "day",
        "there",
    ]) {
        return Some("Hello. What can I do for you?");
    }
    None
}

/// A passage of a note: its heading and its sentences.
#[derive(Debug, Default)]
struct Passage {
    heading: String,
    sentences: Vec<String>,
}

/// The sentences of the passages in the notes that fit the question best; `None` when none does.
fn quote(prompt: &Prompt, caller: &str) -> Option<String> {
    let question: BTreeSet<String> = content_words(caller);
    if question.is_empty() {
        return None;
    }
    let passages = notes(&prompt.items).into_iter().flat_map(passages);
    let mut best: Option<(f32, String)> = None;
    for passage in passages {
        // Of equals the later one: the newest note belongs to the last words.
        if let Some(score) = fit(&question, &passage)
            && best.as_ref().is_none_or(|(other, _)| score >= *other)
        {
            best = Some((score, sentences(&question, &passage)));
        }
    }
    best.map(|(_, text)| text)
}

/// The notes of the last turn; where it has none, all notes.
fn notes(items: &[Item]) -> Vec<&str> {
    let turn = items
        .iter()
        .rposition(|item| !matches!(item, Item::Note(_) | Item::User(_)))
        .map_or(0, |last| last + 1);
    let texts = |items| -> Vec<&str> { note_texts(items).collect() };
    let recent = texts(&items[turn..]);
    if recent.is_empty() {
        texts(items)
    } else {
        recent
    }
}

fn note_texts(items: &[Item]) -> impl Iterator<Item = &str> {
    items.iter().filter_map(|item| match item {
        Item::Note(text) => Some(text.as_str()),
        _ => None,
    })
}

/// How well a passage answers a question, if at all: by the part of the question's words that it holds, and the
/// part in its heading.
fn fit(question: &BTreeSet<String>, passage: &Passage) -> Option<f32> {
    let heading = content_words(&passage.heading);
    let body = content_words(&passage.sentences.join(" "));
    let total = question.len() as f32;
    let held = question
        .iter()
        .filter(|word| heading.contains(*word) || body.contains(*word));
    let held = held.count() as f32 / total;
    let titled = question.intersection(&heading).count();
    (held >= FIT || titled >= TITLED).then_some(held + titled as f32 / total)
}

fn sentences(question: &BTreeSet<String>, passage: &Passage) -> String {
    let score = |sentence: &String| content_words(sentence).intersection(question).count();
    let scores: Vec<usize> = passage.sentences.iter().map(score).collect();
    let top = scores.iter().copied().max().unwrap_or(0);
    let from = scores.iter().position(|score| *score == top).unwrap_or(0);
    let to = (from + SENTENCES).min(passage.sentences.len());
    passage.sentences[from..to].join(" ")
}

/// The passages of a note: each begins with a heading. What stands before the first is not knowledge.
fn passages(note: &str) -> Vec<Passage> {
    let mut passages: Vec<Passage> = Vec::new();
    for line in note.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if is_heading(line) {
            passages.push(Passage {
                heading: line.to_owned(),
                sentences: Vec::new(),
            });
        } else if let Some(passage) = passages.last_mut() {
            passage.sentences.extend(split(line));
        }
    }
    passages.retain(|passage| !passage.sentences.is_empty());
    passages
}

/// `[12] Title`, `# Title`, `Article 12: Title` and the like.
fn is_heading(line: &str) -> bool {
    line.starts_with(['#', '['])
        || ["Article", "Title", "Passage"]
            .iter()
            .any(|word| line.starts_with(word))
}

fn split(line: &str) -> Vec<String> {
    let mut sentences = Vec::new();
    let mut from = 0;
    let bytes = line.as_bytes();
    for (index, byte) in line.bytes().enumerate() {
        let ends = matches!(byte, b'.' | b'!' | b'?');
        if ends && bytes.get(index + 1).is_none_or(|next| *next == b' ') {
            sentences.push(line[from..=index].trim().to_owned());
            from = index + 1;
        }
    }
    let rest = line[from..].trim();
    if !rest.is_empty() {
        sentences.push(rest.to_owned());
    }
    sentences
}

fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric() && c != '\'')
        .map(str::to_lowercase)
        .filter(|word| !word.is_empty())
        .collect()
}

/// The words that carry meaning, without their endings.
fn content_words(text: &str) -> BTreeSet<String> {
    const EMPTY: &[&str] = &[
        "a", "about", "am", "an", "and", "any", "are", "as", "at", "be", "been", "but", "by",
        "can", "could", "did", "do", "does", "for", "from", "get", "got", "had", "has", "have",
        "hello", "help", "hey", "hi", "how", "i", "i'd", "i'm", "if", "in", "into", "is", "it",
        "just", "know", "let", "like", "me", "more", "much", "my", "need", "no", "not", "of", "on",
        "one", "or", "our", "please", "so", "some", "tell", "than", "thank", "thanks", "that",
        "the", "their", "them", "then", "there", "they", "this", "to", "us", "want", "was", "we",
        "what", "what's", "when", "where", "which", "who", "why", "will", "with", "would", "yes",
        "you", "your",
    ];
    let words = words(text);
    let full = words.iter().filter(|word| !EMPTY.contains(&word.as_str()));
    full.map(|word| stem(word).to_owned()).collect()
}

fn stem(word: &str) -> &str {
    for ending in ["ting", "ing", "ies", "ed", "es", "s", "y", "e"] {
        if let Some(stem) = word.strip_suffix(ending)
            && stem.len() >= 4
        {
            return stem;
        }
    }
    word
}

#[cfg(test)]
mod tests;
