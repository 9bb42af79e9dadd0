//! Deepgram's JSON. Everything optional is an `Option`, unknown fields and types are let through,
//! and two spellings of one thing are both read.

use serde::{Deserialize, Serialize};

/// Any message of `/v2/listen`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Listen {
    /// `Connected`, `TurnInfo`, `Error`, `Warning` or something newer.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// Counts all messages of a connection from 0.
    pub sequence_id: Option<u64>,
    /// What happened to the turn, in a `TurnInfo`.
    pub event: Option<String>,
    /// Words of the turn so far.
    pub transcript: Option<String>,
    /// Seconds of audio that the transcript covers.
    pub audio_window_end: Option<f64>,
    /// Code of an error or warning.
    pub code: Option<String>,
    /// Text of an error or warning.
    pub description: Option<String>,
}

/// Any text message of `/v1/speak`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct SpeakEvent {
    /// `Metadata`, `Flushed`, `Cleared`, `Warning` or something newer.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// Code of a warning as specified.
    pub code: Option<String>,
    /// Text of a warning as specified.
    pub description: Option<String>,
    /// Code of a warning as seen in practice.
    pub warn_code: Option<String>,
    /// Text of a warning as seen in practice.
    pub warn_msg: Option<String>,
}

impl SpeakEvent {
    /// A warning that a Flush was refused, after which no `Flushed` comes for it.
    #[must_use]
    pub fn refuses_flush(&self) -> bool {
        let code = self.code.as_deref().or(self.warn_code.as_deref());
        self.kind == "Warning" && code.is_some_and(|code| code.contains("EXCESSIVE_FLUSH"))
    }

    /// Code and text of a warning, in whichever spelling.
    #[must_use]
    pub fn told(&self) -> String {
        let code = self.code.as_deref().or(self.warn_code.as_deref());
        let text = self.description.as_deref().or(self.warn_msg.as_deref());
        format!("{} {}", code.unwrap_or_default(), text.unwrap_or_default())
    }
}

/// What is sent to `/v1/speak` and `/v2/listen`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type")]
pub enum Control<'a> {
    /// Text to render, at most [`MAX_SPEAK`] characters.
    Speak {
        /// The words.
        text: &'a str,
    },
    /// Render what was sent; answered by `Flushed` after its audio.
    Flush,
    /// Drop everything; answered by `Cleared`.
    Clear,
    /// End of a `/v1/speak` connection.
    Close,
    /// End of a `/v2/listen` connection.
    CloseStream,
}

impl Control<'_> {
    /// As it goes on the wire.
    #[must_use]
    pub fn json(&self) -> String {
        serde_json::to_string(self).expect("a control message is plain JSON")
    }
}

/// Body of `POST /v1/speak`.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct RenderBody<'a> {
    /// The words, at most [`MAX_SPEAK`] characters.
    pub text: &'a str,
}

/// Characters the service takes at once.
pub const MAX_SPEAK: usize = 2000;

/// Cuts text into pieces the service takes, at the end of a sentence or a word where there is one.
/// Nothing is left of text without a visible character.
#[must_use]
pub fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let end = rest
            .char_indices()
            .nth(MAX_SPEAK)
            .map_or(rest.len(), |(at, _)| at);
        let head = &rest[..end];
        let cut = if end == rest.len() {
            end
        } else {
            let sentence = head.rfind(['.', '!', '?']).map(|at| at + 1);
            let word = head.rfind(char::is_whitespace);
            sentence.or(word).filter(|at| *at > 0).unwrap_or(end)
        };
        pieces.push(rest[..cut].trim_end());
        rest = rest[cut..].trim_start();
    }
    pieces
}

#[cfg(test)]
mod tests;
