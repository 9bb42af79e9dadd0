//! What the owner of a line may choose: its words and its patience.

use std::time::Duration;

use super::Destination;

/// Everything a conversation is told about its line.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Fixed texts.
    pub prompts: Prompts,
    /// Instructions to the model.
    pub instructions: String,
    /// Waiting times.
    pub timing: Timing,
    /// Whom the caller may be connected with; who just asks for a person gets the first.
    pub destinations: Vec<Destination>,
    /// Ask for the caller's e-mail address when a person is to call back.
    pub ask_email: bool,
    /// The call is recorded once the caller was told of it; `None`: nothing is said of recordings.
    pub recording: Option<Recording>,
    /// How fast the voice speaks, until its own audio has told it.
    pub characters_per_second: f64,
}

/// What a caller may do about a recording, besides refusing it in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recording {
    /// The key that refuses it.
    pub refuse_key: Option<char>,
}

/// Fixed texts. Each is rendered once and cached, but for the two with `{email}` in them; `transfer` has
/// `{target}` in it and is rendered for each [`Destination`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "each is named after the moment it is said; config/prompts has the words"
)]
pub struct Prompts {
    pub greeting: String,
    pub no_input: String,
    pub not_understood: String,
    pub offer_person: String,
    pub go_on: String,
    pub escalation: String,
    pub ask_email: String,
    pub ask_email_again: String,
    pub email_read_back: String,
    pub email_spelled: String,
    pub yes_or_no: String,
    pub without_email: String,
    pub promise: String,
    pub goodbye: String,
    pub filler: String,
    pub apology: String,
    pub drain: String,
    pub call_max: String,
    pub transfer: String,
    pub transfer_waiting: String,
    pub transfer_busy: String,
    pub transfer_no_answer: String,
    pub transfer_failed: String,
    pub transfer_offer: String,
    pub recording: String,
    pub recording_refused: String,
    pub recording_paused: String,
    pub recording_resumed: String,
}

/// Waiting times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Silence between the answer and the greeting, so that its first syllable is not lost.
    pub lead_in: Duration,
    /// Silence between the last word and the hang-up, so that it is not cut.
    pub tail: Duration,
    /// The caller says nothing for this long after we have finished.
    pub no_input: Duration,
    /// A caller's turn that the ear leaves open for this long is taken as ended.
    pub caller_turn: Duration,
    /// A search that takes longer has found nothing.
    pub search: Duration,
    /// The model's first token.
    pub first_token: Duration,
    /// Each further token.
    pub next_token: Duration,
    /// The voice's first audio once it is its turn.
    pub voice: Duration,
    /// Our turn, and nothing to be heard for this long: "one moment".
    pub filler: Duration,
    /// Our turn, and nothing said for this long: apologise and end.
    pub dead_air: Duration,
    /// The longest call.
    pub call_max: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            lead_in: Duration::from_millis(200),
            tail: Duration::from_millis(200),
            no_input: Duration::from_secs(7),
            caller_turn: Duration::from_secs(8),
            search: Duration::from_millis(800),
            first_token: Duration::from_millis(2_200),
            next_token: Duration::from_millis(2_500),
            voice: Duration::from_millis(1_500),
            filler: Duration::from_millis(2_500),
            dead_air: Duration::from_secs(6),
            call_max: Duration::from_secs(15 * 60),
        }
    }
}

impl Default for Prompts {
    fn default() -> Self {
        let text = |file: &str| file.trim().to_owned();
        Self {
            greeting: text(include_str!("../../config/prompts/greeting.txt")),
            no_input: text(include_str!("../../config/prompts/no_input.txt")),
            not_understood: text(include_str!("../../config/prompts/not_understood.txt")),
            offer_person: text(include_str!("../../config/prompts/offer_person.txt")),
            go_on: text(include_str!("../../config/prompts/go_on.txt")),
            escalation: text(include_str!("../../config/prompts/escalation.txt")),
            ask_email: text(include_str!("../../config/prompts/ask_email.txt")),
            ask_email_again: text(include_str!("../../config/prompts/ask_email_again.txt")),
            email_read_back: text(include_str!("../../config/prompts/email_read_back.txt")),
            email_spelled: text(include_str!("../../config/prompts/email_spelled.txt")),
            yes_or_no: text(include_str!("../../config/prompts/yes_or_no.txt")),
            without_email: text(include_str!("../../config/prompts/without_email.txt")),
            promise: text(include_str!("../../config/prompts/promise.txt")),
            goodbye: text(include_str!("../../config/prompts/goodbye.txt")),
            filler: text(include_str!("../../config/prompts/filler.txt")),
            apology: text(include_str!("../../config/prompts/apology.txt")),
            drain: text(include_str!("../../config/prompts/drain.txt")),
            call_max: text(include_str!("../../config/prompts/call_max.txt")),
            transfer: text(include_str!("../../config/prompts/transfer.txt")),
            transfer_waiting: text(include_str!("../../config/prompts/transfer_waiting.txt")),
            transfer_busy: text(include_str!("../../config/prompts/transfer_busy.txt")),
            transfer_no_answer: text(include_str!("../../config/prompts/transfer_no_answer.txt")),
            transfer_failed: text(include_str!("../../config/prompts/transfer_failed.txt")),
            transfer_offer: text(include_str!("../../config/prompts/transfer_offer.txt")),
            recording: text(include_str!("../../config/prompts/recording.txt")),
            recording_refused: text(include_str!("../../config/prompts/recording_refused.txt")),
            recording_paused: text(include_str!("../../config/prompts/recording_paused.txt")),
            recording_resumed: text(include_str!("../../config/prompts/recording_resumed.txt")),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            prompts: Prompts::default(),
            instructions: include_str!("../../config/prompts/instructions.txt")
                .trim()
                .to_owned(),
            timing: Timing::default(),
            destinations: Vec::new(),
            ask_email: true,
            recording: None,
            characters_per_second: 15.0,
        }
    }
}

/// All fixed texts of a line, each once: what is worth rendering before the first call.
#[must_use]
pub fn prompts(settings: &Settings) -> Vec<String> {
    let prompts = &settings.prompts;
    let all = [
        &prompts.greeting,
        &prompts.apology,
        &prompts.goodbye,
        &prompts.filler,
        &prompts.no_input,
        &prompts.not_understood,
        &prompts.offer_person,
        &prompts.go_on,
        &prompts.escalation,
        &prompts.ask_email,
        &prompts.ask_email_again,
        &prompts.yes_or_no,
        &prompts.without_email,
        &prompts.promise,
        &prompts.drain,
        &prompts.call_max,
    ];
    let connecting = [
        &prompts.transfer_waiting,
        &prompts.transfer_busy,
        &prompts.transfer_no_answer,
        &prompts.transfer_failed,
        &prompts.transfer_offer,
    ];
    let announcements = settings.destinations.iter().map(|it| &it.announcement);
    let connecting = connecting.into_iter().chain(announcements);
    let connecting = connecting.filter(|_| !settings.destinations.is_empty());
    let recording = [
        &prompts.recording,
        &prompts.recording_refused,
        &prompts.recording_paused,
        &prompts.recording_resumed,
    ];
    let recording = recording
        .into_iter()
        .filter(|_| settings.recording.is_some());
    let mut texts: Vec<String> = Vec::new();
    for text in all.into_iter().chain(connecting).chain(recording) {
        if !text.is_empty() && !texts.contains(text) {
            texts.push(text.clone());
        }
    }
    texts
}

#[cfg(test)]
mod tests;
