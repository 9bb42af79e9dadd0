//! The words of the articles, to guess what a misheard or misspelt word was meant to be.

use std::collections::HashMap;

use rusqlite::Connection;

use super::question::{is_stop_word, words};

/// Words with fewer letters are not guessed: too many others are near.
const GUESS_LETTERS_MIN: usize = 5;
/// One letter in so many may be wrong.
const LETTERS_PER_WRONG: usize = 4;
/// The shortest part of a word that is split in two.
const PART_LETTERS_MIN: usize = 3;

/// Each word of the articles and how often it occurs.
#[derive(Debug, Default)]
pub(super) struct Vocabulary {
    counts: HashMap<String, u32>,
}

impl Vocabulary {
    /// Reads all passages.
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let mut select = connection.prepare("SELECT title, keywords, text FROM passages")?;
        let mut rows = select.query([])?;
        let mut vocabulary = Self::default();
        while let Some(row) = rows.next()? {
            for column in 0..3 {
                let text: String = row.get(column)?;
                vocabulary.add(&text);
            }
        }
        Ok(vocabulary)
    }

    /// Counts the words of a text.
    pub(super) fn add(&mut self, text: &str) {
        for word in words(text) {
            if !is_stop_word(&word) {
                *self.counts.entry(word).or_default() += 1;
            }
        }
    }

    /// True when the word occurs as it is.
    pub(super) fn has(&self, word: &str) -> bool {
        self.counts.contains_key(word)
    }

    /// The known word that is nearest, if one is near; of equally near ones the most frequent.
    pub(super) fn nearest(&self, word: &str) -> Option<&str> {
        let letters: Vec<char> = word.chars().collect();
        if letters.len() < GUESS_LETTERS_MIN || !letters.iter().all(|c| c.is_alphabetic()) {
            return None;
        }
        let wrong_max = letters.len() / LETTERS_PER_WRONG;
        let near = self.counts.iter().filter_map(|(known, count)| {
            // The first letter is heard right as a rule.
            if known.chars().next() != letters.first().copied() {
                return None;
            }
            let wrong = distance(&letters, known, wrong_max)?;
            Some((wrong, std::cmp::Reverse(*count), known.as_str()))
        });
        near.min().map(|(_, _, known)| known)
    }

    /// The two known words that this one is made of, if it is.
    pub(super) fn split<'a>(&self, word: &'a str) -> Option<(&'a str, &'a str)> {
        let places = word.char_indices().map(|(place, _)| place);
        places
            .filter(|place| *place >= PART_LETTERS_MIN && word.len() - place >= PART_LETTERS_MIN)
            .map(|place| word.split_at(place))
            .find(|(first, second)| self.has(first) && self.has(second))
    }
}

/// How many letters are wrong, missing, too many or swapped with their neighbour; `None` above `max`.
fn distance(word: &[char], known: &str, max: usize) -> Option<usize> {
    let known: Vec<char> = known.chars().collect();
    if word.len().abs_diff(known.len()) > max {
        return None;
    }
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=known.len()).collect();
    for (i, letter) in word.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, other) in known.iter().enumerate() {
            let mut best = (last[j] + usize::from(letter != other))
                .min(last[j + 1] + 1)
                .min(row[j] + 1);
            let is_swapped = i > 0 && j > 0 && *letter == known[j - 1] && word[i - 1] == *other;
            if is_swapped {
                best = best.min(before_last[j - 1] + 1);
            }
            row.push(best);
        }
        if row.iter().all(|wrong| *wrong > max) {
            return None;
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last.last().copied().filter(|wrong| *wrong <= max)
}

#[cfg(test)]
mod tests;
