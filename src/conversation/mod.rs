//! Turn-taking: what is said when, and what is done about it. Knows utterances, replies and
//! passages; no vendor, no socket, no clock.

use std::collections::BTreeMap;
use std::time::Duration;

pub mod answer;
mod barge_in;
mod clause;
mod email_capture;
mod floor;
mod hold;
mod keys;
mod no_input;
mod phrases;
mod presence;
mod recording;
mod script;
pub mod settings;
mod spoken_email;
mod timer;
mod transcript;
pub mod transfer;
pub mod turn;
mod utterance;

pub use settings::{Prompts, Recording, Settings, Timing, prompts};
pub use transfer::{Destination, Unreached};
pub use turn::Conversation;

/// One piece of speech by the agent, rendered and played as a whole unless cut. Increases within a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UtteranceId(pub u32);

/// One question to the model. Increases within a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReplyId(pub u32);

/// What the ear reports.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// The caller began to speak; the words so far are not empty.
    StartOfTurn {
        /// Words so far.
        transcript: String,
    },
    /// Words of the running turn changed.
    Update {
        /// Words so far.
        transcript: String,
    },
    /// The caller may have finished.
    EagerEndOfTurn {
        /// Words of the turn.
        transcript: String,
    },
    /// The caller went on after an eager end.
    TurnResumed,
    /// The caller finished.
    EndOfTurn {
        /// Words of the turn; may be empty.
        transcript: String,
    },
}

/// A passage of the knowledge base.
#[derive(Clone, Debug, PartialEq)]
pub struct Passage {
    /// Article id in the helpdesk.
    pub article: String,
    /// Title of the article.
    pub title: String,
    /// Web address, may be empty.
    pub url: String,
    /// Plain text.
    pub text: String,
    /// Higher is better; comparable within one search only.
    pub score: f64,
}

/// A question to the model.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplyRequest {
    /// Names the reply.
    pub id: ReplyId,
    /// Stable instructions (first, so that the provider can cache the prefix).
    pub instructions: String,
    /// The conversation so far, oldest first; what the agent is held to have said is what was played.
    pub history: Vec<Exchange>,
    /// What the model may call.
    pub tools: Vec<Tool>,
}

/// One item of the conversation as the model sees it.
#[derive(Clone, Debug, PartialEq)]
pub enum Exchange {
    /// Facts for the model that nobody said (passages).
    Note(String),
    /// The caller said.
    Caller(String),
    /// The agent said (played).
    Agent(String),
    /// The model called a tool.
    ToolCall(ToolCall),
    /// What the tool gave.
    ToolResult {
        /// The call's id.
        id: String,
        /// The result as text.
        output: String,
    },
}

/// A tool of the model. All arguments are strings and required.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool {
    /// Name.
    pub name: &'static str,
    /// When to call it.
    pub description: &'static str,
    /// (name, description) of each argument.
    pub arguments: &'static [(&'static str, &'static str)],
    /// All that the first argument may be; empty where it may be any text.
    pub choices: Vec<String>,
}

/// The model calls a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolCall {
    /// The provider's id.
    pub id: String,
    /// Which tool.
    pub name: String,
    /// Arguments by name.
    pub arguments: BTreeMap<String, String>,
}

/// What comes back from the model.
#[derive(Clone, Debug, PartialEq)]
pub enum ReplyEvent {
    /// More text.
    Text(String),
    /// A whole tool call.
    ToolCall(ToolCall),
    /// The reply is complete.
    Done,
    /// No (more) reply will come.
    Failed(Failure),
}

/// Why an outside service did not serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It refuses us (key, quota, bad request): no retry, an alarm.
    Refused(String),
    /// It cannot be reached, answers 5xx or 429, or closed the connection.
    Unavailable(String),
    /// It said nothing for too long.
    Stalled(String),
}

/// The services a conversation leans on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// Speech to text.
    Ear,
    /// Text to speech.
    Voice,
    /// The language model.
    Model,
}

/// What is to be said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Speech {
    /// A fixed text that is rendered once and cached (greeting, prompts, apologies).
    Prompt(String),
    /// Words of this call alone.
    Text(String),
}

impl Speech {
    /// The words.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Prompt(text) | Self::Text(text) => text,
        }
    }
}

/// What is noticed of the caller without the ear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Somebody begins to speak, or has stopped.
    Speaks(bool),
    /// Something sounds for longer than anybody speaks in one breath, or has stopped.
    Sounds(bool),
}

/// Inputs of a conversation.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// The call is established and audio flows: greet.
    Answered,
    /// From the ear.
    Heard(Heard),
    /// Result of the latest [`Command::Search`]; empty when nothing fits or the search broke.
    Passages(Vec<Passage>),
    /// From the model.
    Reply(ReplyId, ReplyEvent),
    /// The voice gave the first audio of an utterance.
    Rendering(UtteranceId),
    /// The voice has given all audio of an utterance: this long. A voice that falls silent before that is
    /// reported as [`Input::Failed`] by its adapter.
    Rendered(UtteranceId, Duration),
    /// The first packet of an utterance was sent.
    Playing(UtteranceId),
    /// The last packet of an utterance was sent.
    Played(UtteranceId),
    /// Answer to [`Command::StopSpeaking`]: the utterance that sounded last and how much of it was sent.
    Stopped(Option<(UtteranceId, Duration)>),
    /// A key was pressed.
    Digit(char),
    /// The caller has put us on hold, or is back.
    Held(bool),
    /// Something was noticed of the caller without the ear.
    Presence(Presence),
    /// The recording is paused, or goes on: say so.
    RecordingPaused(bool),
    /// A service is lost for this call. Prompts of the cache are still played without a voice.
    Failed(Service, Failure),
    /// Somebody outside has the caller connected with this person (not our own [`Command::Transfer`]).
    Connecting(String),
    /// The caller hears that the person's telephone rings, in our place; or no longer does.
    Ringing(bool),
    /// Answer to [`Command::Transfer`]: the caller is connected with the person, and the assistant is done.
    Connected,
    /// Answer to [`Command::Transfer`]: why the person was not reached, as it matters and in words.
    Unreached(Unreached, String),
    /// The line is shutting down: say goodbye.
    Drain,
    /// The far end is gone.
    HungUp,
}

/// Outputs of a conversation.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Render and play after whatever is queued.
    Speak(UtteranceId, Speech),
    /// Stop at once, drop what is queued; answered by [`Input::Stopped`].
    StopSpeaking,
    /// Search the knowledge base; answered by [`Input::Passages`]. It replaces a search that still runs, whose
    /// result is not wanted any more.
    Search(String),
    /// Ask the model; answered by [`Input::Reply`]s.
    Ask(ReplyRequest),
    /// Drop the reply; nothing more of it is wanted.
    CancelReply(ReplyId),
    /// Record the call from here on: the caller was told of it. Or, with false, not any more, and keep nothing:
    /// the caller refused.
    RecordCall(bool),
    /// Keep this fact.
    Record(crate::ticket::Entry),
    /// Connect the caller with this destination (its announcement has been played to the end); answered by
    /// [`Input::Connected`] or [`Input::Unreached`].
    Transfer(String),
    /// Give up that attempt; no answer is waited for.
    CancelTransfer,
    /// End the call (everything queued has been played).
    HangUp(String),
}
