//! Cuts the model's text, as it comes, into pieces to be spoken.
//!
//! The first piece is short, so that the caller hears something soon; later pieces are whole sentences, so
//! that the voice has its melody and is not asked too often (a speech service allows so many pieces a minute).

/// After so many words the first piece is cut even without punctuation.
const FIRST_WORDS_MAX: usize = 12;
/// A first piece shorter than this would leave a gap before the second.
const FIRST_CHARS_MIN: usize = 12;
/// The second piece may end with any sentence that reaches this.
const SECOND_CHARS_MIN: usize = 40;
/// Later pieces end with the sentence that reaches this.
const LATER_CHARS_MIN: usize = 100;
/// A piece is cut at a clause, or else between words, before it grows beyond this.
const PIECE_CHARS_MAX: usize = 160;

/// Ends of words that are not ends of sentences.
const ABBREVIATIONS: &[&str] = &[
    "a.m", "approx", "ave", "dept", "dr", "e.g", "etc", "ext", "fig", "i.e", "inc", "jr", "ltd",
    "mr", "mrs", "ms", "no", "p.m", "prof", "sr", "st", "tel", "u.k", "u.s", "vs",
];

/// Splits one reply.
#[derive(Clone, Debug, Default)]
pub(super) struct Clauses {
    buffer: String,
    pieces: usize,
    /// Few pieces are left to spend: no short first piece.
    frugal: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Boundary {
    Sentence,
    Clause,
}

impl Clauses {
    /// A splitter; a frugal one makes few pieces.
    pub(super) fn new(frugal: bool) -> Self {
        Self {
            frugal,
            ..Self::default()
        }
    }

    /// Adds text; gives what is ready to be spoken.
    pub(super) fn push(&mut self, text: &str) -> Vec<String> {
        let speakable = text.chars().filter(|c| !matches!(c, '*' | '#' | '`'));
        self.buffer
            .extend(speakable.map(|c| if c.is_control() { ' ' } else { c }));
        let mut pieces = Vec::new();
        while let Some(end) = self.end_of_piece() {
            let rest = self.buffer.split_off(end);
            let piece = std::mem::replace(&mut self.buffer, rest);
            self.give(&piece, &mut pieces);
        }
        pieces
    }

    /// The text is complete: gives what is left.
    pub(super) fn finish(&mut self) -> Vec<String> {
        let mut pieces = Vec::new();
        while self.buffer.chars().count() > PIECE_CHARS_MAX {
            let rest = self.buffer.split_off(self.forced_end());
            let piece = std::mem::replace(&mut self.buffer, rest);
            self.give(&piece, &mut pieces);
        }
        let last = std::mem::take(&mut self.buffer);
        self.give(&last, &mut pieces);
        pieces
    }

    fn give(&mut self, piece: &str, pieces: &mut Vec<String>) {
        let words: Vec<&str> = piece.split_whitespace().collect();
        if piece.chars().any(char::is_alphanumeric) {
            self.pieces += 1;
            pieces.push(words.join(" "));
        }
    }

    fn end_of_piece(&self) -> Option<usize> {
        if self.pieces == 0 && !self.frugal {
            self.end_of_first()
        } else {
            let chars_min = match self.pieces {
                1 if !self.frugal => SECOND_CHARS_MIN,
                _ => LATER_CHARS_MIN,
            };
            self.end_of_later(chars_min)
        }
    }

    fn end_of_first(&self) -> Option<usize> {
        let bounded = self
            .boundaries()
            .into_iter()
            .find(|(end, _)| *end >= FIRST_CHARS_MIN);
        let counted = self.end_of_word(FIRST_WORDS_MAX);
        match (bounded, counted) {
            (Some((end, _)), Some(counted)) => Some(end.min(counted)),
            (Some((end, _)), None) => Some(end),
            (None, counted) => counted,
        }
    }

    fn end_of_later(&self, chars_min: usize) -> Option<usize> {
        let sentence = self
            .boundaries()
            .into_iter()
            .find(|(end, kind)| *kind == Boundary::Sentence && *end >= chars_min);
        match sentence {
            Some((end, _)) if end <= PIECE_CHARS_MAX => Some(end),
            Some(_) => Some(self.forced_end()),
            None if self.buffer.chars().count() > PIECE_CHARS_MAX => Some(self.forced_end()),
            None => None,
        }
    }

    /// Where to cut a buffer that is too long: after a sentence, else a clause, else a word.
    fn forced_end(&self) -> usize {
        let limit = self
            .buffer
            .char_indices()
            .nth(PIECE_CHARS_MAX)
            .map_or(self.buffer.len(), |(at, _)| at);
        let boundaries = self.boundaries();
        let last = |kind| {
            boundaries
                .iter()
                .rev()
                .find(|(end, found)| *found == kind && *end <= limit)
                .map(|(end, _)| *end)
        };
        let word = || {
            self.buffer[..limit]
                .rfind(char::is_whitespace)
                .filter(|at| *at > 0)
        };
        last(Boundary::Sentence)
            .or_else(|| last(Boundary::Clause))
            .or_else(word)
            .unwrap_or(limit)
    }

    /// The end of the `count`th word, once the word after it has begun.
    fn end_of_word(&self, count: usize) -> Option<usize> {
        let mut words = 0;
        let mut inside = false;
        for (at, c) in self.buffer.char_indices() {
            match (inside, c.is_whitespace()) {
                (false, false) if words == count => return Some(at),
                (false, false) => (words, inside) = (words + 1, true),
                (true, true) => inside = false,
                _ => {}
            }
        }
        None
    }

    /// Ends of clauses and sentences: punctuation that white space follows, so a decimal, a version or an
    /// e-mail address does not split, and neither does the last character before more text comes.
    fn boundaries(&self) -> Vec<(usize, Boundary)> {
        let mut boundaries = Vec::new();
        let mut chars = self.buffer.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            let Some(&(end, next)) = chars.peek() else {
                break;
            };
            if !next.is_whitespace() {
                continue;
            }
            let sentence = self.ends_sentence(at, c);
            if sentence {
                boundaries.push((end, Boundary::Sentence));
            } else if matches!(c, ',' | ';' | ':' | '–' | '—') {
                boundaries.push((end, Boundary::Clause));
            }
        }
        boundaries
    }

    fn ends_sentence(&self, at: usize, c: char) -> bool {
        let before = &self.buffer[..at];
        match c {
            '!' | '?' | '…' | '。' => true,
            '"' | '”' | ')' => before.ends_with(['.', '!', '?']),
            '.' => {
                let word = before
                    .rsplit(char::is_whitespace)
                    .next()
                    .unwrap_or_default();
                let word = word
                    .trim_start_matches(|c: char| !c.is_alphanumeric())
                    .to_lowercase();
                let initial =
                    word.chars().count() == 1 && !word.starts_with(|c: char| c.is_ascii_digit());
                let numeral = !word.is_empty() && word.chars().all(|c| c.is_ascii_digit());
                let item = numeral && before.trim_start().len() == word.len();
                !(initial || item || ABBREVIATIONS.contains(&word.as_str()))
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;
