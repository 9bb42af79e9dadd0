//! Characters to words with times.

use std::time::Duration;

use super::{CHARACTER, Character, WORD_GAP};

/// A word that was heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Lower case, with its punctuation.
    pub text: String,
    /// When it began.
    pub start: Duration,
    /// When it ended.
    pub end: Duration,
    /// A space or a pause has followed.
    pub complete: bool,
}

/// The words heard so far.
#[derive(Clone, Debug, Default)]
pub struct Words {
    words: Vec<Word>,
}

impl Words {
    /// Adds a character.
    pub fn push(&mut self, heard: Character) {
        self.pause(heard.start);
        if heard.character == ' ' {
            if let Some(word) = self.words.last_mut() {
                word.complete = true;
            }
            return;
        }
        let end = heard.start + CHARACTER;
        match self.words.last_mut().filter(|word| !word.complete) {
            Some(word) => {
                word.text.push(heard.character);
                word.end = end;
            }
            None => self.words.push(Word {
                text: heard.character.to_string(),
                start: heard.start,
                end,
                complete: false,
            }),
        }
    }

    /// Nothing but silence was heard up to `now`: completes the last word when that was long enough.
    pub fn pause(&mut self, now: Duration) {
        if let Some(word) = self.words.last_mut() {
            word.complete |= now >= word.end + WORD_GAP;
        }
    }

    /// The words, oldest first.
    #[must_use]
    pub fn words(&self) -> &[Word] {
        &self.words
    }

    /// Words that have ended.
    #[must_use]
    pub fn complete(&self) -> &[Word] {
        match self.words.split_last() {
            Some((last, before)) if !last.complete => before,
            _ => &self.words,
        }
    }

    /// Forgets all words.
    pub fn clear(&mut self) {
        self.words.clear();
    }

    /// All words as one text.
    #[must_use]
    pub fn text(&self) -> String {
        let words: Vec<&str> = self.words.iter().map(|word| word.text.as_str()).collect();
        words.join(" ")
    }
}
