//! Keeps `<think>…</think>` out of what is spoken: some local models leak their reasoning into the
//! text, cut anywhere.

const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";

/// A filter over a stream of text.
#[derive(Debug, Default)]
pub struct ThinkFilter {
    inside: bool,
    /// The beginning of what may become a tag.
    held: String,
}

impl ThinkFilter {
    /// Takes more text; gives what of it may be spoken.
    pub fn push(&mut self, text: &str) -> String {
        self.held.push_str(text);
        let mut spoken = String::new();
        loop {
            let tag = if self.inside { CLOSE } else { OPEN };
            let found = self.held.find(tag);
            let certain = found.unwrap_or_else(|| self.held.len() - begun(&self.held, tag));
            let rest = self.held.split_off(certain);
            let passed = std::mem::replace(&mut self.held, rest);
            if !self.inside {
                spoken.push_str(&passed);
            }
            if found.is_none() {
                return spoken;
            }
            self.held.drain(..tag.len());
            self.inside = !self.inside;
        }
    }

    /// The text has ended; gives what was held back and is no tag after all.
    pub fn finish(&mut self) -> String {
        let held = std::mem::take(&mut self.held);
        if self.inside { String::new() } else { held }
    }
}

/// How many bytes at the end of the text may be the beginning of the tag.
fn begun(text: &str, tag: &str) -> usize {
    let longest = tag.len().min(text.len());
    let fits = |length: &usize| tag.is_char_boundary(*length) && text.ends_with(&tag[..*length]);
    (0..=longest).rev().find(fits).unwrap_or(0)
}

#[cfg(test)]
mod tests;
