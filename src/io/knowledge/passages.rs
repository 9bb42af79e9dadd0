//! A text in passages: long enough to hold an answer, short enough to be read to a model in a call.

/// A passage ends with the first sentence that brings it to so many words.
const WORDS_MIN: usize = 120;
/// A passage has no more words than this, unless the rest would be a stub.
const WORDS_MAX: usize = 180;
/// What is left at the end of an article and shorter than this joins the passage before.
const STUB_MAX: usize = 40;

/// Cuts a text of lines. An empty text has no passages.
pub(super) fn cut(text: &str) -> Vec<String> {
    let mut passages: Vec<Vec<&str>> = Vec::new();
    let mut current: Vec<&str> = Vec::new();
    for sentence in text.lines().flat_map(sentences) {
        // A sentence that is too long for any passage is cut where it has to be.
        for words in sentence.chunks(WORDS_MAX) {
            if !current.is_empty() && current.len() + words.len() > WORDS_MAX {
                passages.push(std::mem::take(&mut current));
            }
            current.extend_from_slice(words);
            if current.len() >= WORDS_MIN {
                passages.push(std::mem::take(&mut current));
            }
        }
    }
    match passages.last_mut() {
        Some(last) if current.len() < STUB_MAX => last.append(&mut current),
        _ if current.is_empty() => {}
        _ => passages.push(current),
    }
    passages.into_iter().map(|words| words.join(" ")).collect()
}

/// The sentences of a line, as words. A line without an end mark ends as it is.
fn sentences(line: &str) -> Vec<Vec<&str>> {
    let mut sentences = Vec::new();
    let mut current = Vec::new();
    for word in line.split_whitespace() {
        current.push(word);
        let bare = word.trim_end_matches(['"', '\'', ')', '”', '’']);
        if bare.ends_with(['.', '!', '?', ':', ';']) {
            sentences.push(std::mem::take(&mut current));
        }
    }
    if !current.is_empty() {
        sentences.push(current);
    }
    sentences
}

#[cfg(test)]
mod tests;
