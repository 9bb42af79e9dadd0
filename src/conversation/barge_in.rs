//! Does the caller take the floor while we speak?

use super::phrases;

/// What words heard during our own speech mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The caller takes the floor: stop at once.
    Interruption,
    /// The caller goes along ("mhm"): speak on.
    Backchannel,
    /// We hear ourselves: speak on.
    Echo,
}

/// An echo of so few words must come back exactly; a longer one may lose a word in five.
const EXACT_WORDS: usize = 3;

/// Judges what the ear has of the caller's turn so far; `ours` is what we have just said.
pub(super) fn judge(transcript: &str, ours: &str) -> Verdict {
    if phrases::is_backchannel(transcript) || is_fragment(transcript) {
        return Verdict::Backchannel;
    }
    if is_echo(&phrases::words(transcript), &phrases::words(ours)) {
        return Verdict::Echo;
    }
    Verdict::Interruption
}

/// One letter is a word that has only begun; the next report tells which.
fn is_fragment(transcript: &str) -> bool {
    transcript.trim().chars().count() <= 1
}

fn is_echo(heard: &[String], ours: &[String]) -> bool {
    if heard.len() <= EXACT_WORDS {
        return ours
            .windows(heard.len().max(1))
            .any(|window| window == heard);
    }
    let common = longest_common_subsequence(heard, ours);
    common * 5 >= heard.len() * 4
}

/// How many words both have in the same order.
fn longest_common_subsequence(left: &[String], right: &[String]) -> usize {
    let mut row = vec![0; right.len() + 1];
    for word in left {
        let mut diagonal = 0;
        for (at, other) in right.iter().enumerate() {
            let above = row[at + 1];
            row[at + 1] = if word == other {
                diagonal + 1
            } else {
                above.max(row[at])
            };
            diagonal = above;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests;
