//! The tables of the outside services and of the assistant that leans on them.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::values::{NoSecret, duration};

/// `[ear]`: speech to text.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ear {
    /// The service and its protocol.
    pub provider: EarProvider,
    /// Base address, without a path.
    pub url: String,
    /// The service's model.
    pub model: String,
    /// `"none"`: no key is sent.
    pub key: Option<NoSecret>,
    /// File that holds the key.
    pub key_file: Option<PathBuf>,
    /// Environment variable that holds the key.
    pub key_env: Option<String>,
    /// How sure the service must be that the caller has finished.
    pub eot_threshold: f64,
    /// Silence after which a turn ends in any case.
    #[serde(with = "duration")]
    pub eot_timeout: Duration,
    /// Words of the trade, to be recognised better.
    pub keyterms: Vec<String>,
    /// Keeps the callers' words out of the service's training.
    pub training_opt_out: bool,
}

impl Default for Ear {
    fn default() -> Self {
        Self {
            provider: EarProvider::DeepgramFlux,
            url: "wss://api.deepgram.com".to_owned(),
            model: "flux-general-en".to_owned(),
            key: None,
            key_file: None,
            key_env: None,
            eot_threshold: 0.7,
            eot_timeout: Duration::from_secs(5),
            keyterms: Vec::new(),
            training_opt_out: true,
        }
    }
}

/// Services that can be the ear.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EarProvider {
    /// Deepgram Flux, `/v2/listen`.
    DeepgramFlux,
}

/// `[voice]`: text to speech.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Voice {
    /// The service and its protocol.
    pub provider: VoiceProvider,
    /// Base address of the stream, without a path.
    pub url: String,
    /// The service's voice.
    pub model: String,
    /// `"none"`: no key is sent.
    pub key: Option<NoSecret>,
    /// File that holds the key.
    pub key_file: Option<PathBuf>,
    /// Environment variable that holds the key.
    pub key_env: Option<String>,
    /// Keeps the assistant's words out of the service's training.
    pub training_opt_out: bool,
}

impl Default for Voice {
    fn default() -> Self {
        Self {
            provider: VoiceProvider::DeepgramAura,
            url: "wss://api.deepgram.com".to_owned(),
            model: "aura-2-thalia-en".to_owned(),
            key: None,
            key_file: None,
            key_env: None,
            training_opt_out: true,
        }
    }
}

/// Services that can be the voice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum VoiceProvider {
    /// Deepgram Aura, `/v1/speak`.
    DeepgramAura,
}

/// `[model]`: what thinks.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// How the server is spoken to.
    #[serde(default = "responses")]
    pub dialect: Dialect,
    /// Base address, up to and with `/v1`.
    #[serde(default = "openai_url")]
    pub url: String,
    /// The model's name.
    pub model: String,
    /// `"none"`: no key is sent.
    pub key: Option<NoSecret>,
    /// File that holds the key.
    pub key_file: Option<PathBuf>,
    /// Environment variable that holds the key.
    pub key_env: Option<String>,
    /// Longest reply, in tokens.
    #[serde(default = "three_hundred")]
    pub max_output_tokens: u32,
    /// Reasoning effort; not sent when absent.
    pub reasoning_effort: Option<Effort>,
    /// Sampling temperature; not sent when absent.
    pub temperature: Option<f64>,
    /// Role of the instructions in the `chat` dialect.
    #[serde(default = "system_role")]
    pub system_role: SystemRole,
    /// Name of the reply limit in the `chat` dialect.
    #[serde(default = "max_tokens")]
    pub token_key: TokenKey,
}

/// The two forms of request an OpenAI-style server takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// `POST {url}/responses`.
    Responses,
    /// `POST {url}/chat/completions`.
    Chat,
}

fn responses() -> Dialect {
    Dialect::Responses
}

fn openai_url() -> String {
    "https://api.openai.com/v1".to_owned()
}

fn three_hundred() -> u32 {
    300
}

/// How much a model reasons before it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effort {
    /// Not at all: the fastest.
    None,
    /// Barely.
    Minimal,
    /// Little.
    Low,
    /// Some.
    Medium,
    /// Much.
    High,
}

impl Effort {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// Who speaks the instructions in the `chat` dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SystemRole {
    /// `system`: every local server.
    System,
    /// `developer`: OpenAI's reasoning models.
    Developer,
}

impl SystemRole {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Developer => "developer",
        }
    }
}

fn system_role() -> SystemRole {
    SystemRole::System
}

/// What the reply limit is called in the `chat` dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenKey {
    /// Local servers.
    MaxTokens,
    /// OpenAI.
    MaxCompletionTokens,
}

impl TokenKey {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MaxTokens => "max_tokens",
            Self::MaxCompletionTokens => "max_completion_tokens",
        }
    }
}

fn max_tokens() -> TokenKey {
    TokenKey::MaxTokens
}

/// `[helpdesk]`: where knowledge comes from and tickets go.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Helpdesk {
    /// The product.
    #[serde(default = "kayako")]
    pub kind: HelpdeskKind,
    /// Address of the tenant, without a path.
    pub url: String,
    /// Login of the service agent.
    pub email: String,
    /// `"none"`: an empty password is sent (the sandbox).
    pub password: Option<NoSecret>,
    /// File that holds the password.
    pub password_file: Option<PathBuf>,
    /// Environment variable that holds the password.
    pub password_env: Option<String>,
    /// Label of a new ticket's status; the helpdesk's own default when absent.
    pub status: Option<String>,
    /// Label of a new ticket's priority; the helpdesk's own default when absent.
    pub priority: Option<String>,
    /// Label of a new ticket's type; the helpdesk's own default when absent.
    #[serde(rename = "type")]
    pub case_type: Option<String>,
    /// Name of the team a new ticket is assigned to; nobody when absent.
    pub team: Option<String>,
    /// Tags of every ticket.
    #[serde(default = "call_tags")]
    pub tags: Vec<String>,
    /// Which calls get a ticket.
    #[serde(default = "unanswered")]
    pub ticket_policy: TicketPolicy,
}

/// Helpdesk products.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HelpdeskKind {
    /// Kayako, the `/api/v1` product.
    Kayako,
}

fn kayako() -> HelpdeskKind {
    HelpdeskKind::Kayako
}

fn call_tags() -> Vec<String> {
    vec!["phone-call".to_owned()]
}

/// Which calls get a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TicketPolicy {
    /// Every call that was not answered from the knowledge base.
    Unanswered,
    /// Every call.
    EveryCall,
}

fn unanswered() -> TicketPolicy {
    TicketPolicy::Unanswered
}

/// `[knowledge]`: the local copy of the knowledge base.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Knowledge {
    /// How often the articles are fetched anew.
    #[serde(with = "duration")]
    pub sync_interval: Duration,
    /// Passages given to the model with each question.
    pub passages: usize,
}

impl Default for Knowledge {
    fn default() -> Self {
        Self {
            sync_interval: Duration::from_mins(10),
            passages: 4,
        }
    }
}

/// `[assistant]`: who answers.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Assistant {
    /// The company's name, as it is spoken.
    pub company: String,
    /// First words of every call; built from the company's name when absent.
    pub greeting: Option<String>,
    /// Language of the conversation, as a BCP 47 tag.
    pub language: String,
    /// Added to the instructions of the model.
    pub instructions: String,
    /// Whether the caller is asked for an e-mail address when a ticket is written.
    pub ask_email: bool,
    /// Fixed prompts in other words.
    pub prompts: Prompts,
}

impl Default for Assistant {
    fn default() -> Self {
        Self {
            company: String::new(),
            greeting: None,
            language: "en".to_owned(),
            instructions: String::new(),
            ask_email: true,
            prompts: Prompts::default(),
        }
    }
}

/// `[assistant.prompts]`: fixed prompts in other words, each named after its moment.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Prompts {
    /// The caller says nothing.
    pub no_input: Option<String>,
    /// Nothing was understood.
    pub not_understood: Option<String>,
    /// Nothing was understood, twice.
    pub offer_person: Option<String>,
    /// The caller wants no person after all.
    pub go_on: Option<String>,
    /// A person has to act.
    pub escalation: Option<String>,
    /// An e-mail address is wanted.
    pub ask_email: Option<String>,
    /// What was heard is no address.
    pub ask_email_again: Option<String>,
    /// The address, to be confirmed; holds `{email}`.
    pub email_read_back: Option<String>,
    /// The address letter by letter; holds `{email}`.
    pub email_spelled: Option<String>,
    /// Neither yes nor no was heard.
    pub yes_or_no: Option<String>,
    /// The caller gives no address.
    pub without_email: Option<String>,
    /// Everything is noted.
    pub promise: Option<String>,
    /// The end.
    pub goodbye: Option<String>,
    /// The answer takes long.
    pub filler: Option<String>,
    /// A service is lost.
    pub apology: Option<String>,
    /// The daemon stops.
    pub drain: Option<String>,
    /// The call has lasted too long.
    pub call_max: Option<String>,
    /// The caller is connected with a person; holds `{target}`.
    pub transfer: Option<String>,
    /// That takes long.
    pub transfer_waiting: Option<String>,
    /// The person is busy.
    pub transfer_busy: Option<String>,
    /// The person does not answer.
    pub transfer_no_answer: Option<String>,
    /// The person cannot be reached.
    pub transfer_failed: Option<String>,
    /// The person was not reached: shall somebody call back?
    pub transfer_offer: Option<String>,
    /// The call is recorded; holds `{key}`.
    pub recording: Option<String>,
    /// The caller refused that.
    pub recording_refused: Option<String>,
    /// The recording is paused.
    pub recording_paused: Option<String>,
    /// It goes on.
    pub recording_resumed: Option<String>,
}

impl Prompts {
    /// The prompts that were given, with their names.
    pub fn given(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            ("no_input", &self.no_input),
            ("not_understood", &self.not_understood),
            ("offer_person", &self.offer_person),
            ("go_on", &self.go_on),
            ("escalation", &self.escalation),
            ("ask_email", &self.ask_email),
            ("ask_email_again", &self.ask_email_again),
            ("email_read_back", &self.email_read_back),
            ("email_spelled", &self.email_spelled),
            ("yes_or_no", &self.yes_or_no),
            ("without_email", &self.without_email),
            ("promise", &self.promise),
            ("goodbye", &self.goodbye),
            ("filler", &self.filler),
            ("apology", &self.apology),
            ("drain", &self.drain),
            ("call_max", &self.call_max),
            ("transfer", &self.transfer),
            ("transfer_waiting", &self.transfer_waiting),
            ("transfer_busy", &self.transfer_busy),
            ("transfer_no_answer", &self.transfer_no_answer),
            ("transfer_failed", &self.transfer_failed),
            ("transfer_offer", &self.transfer_offer),
            ("recording", &self.recording),
            ("recording_refused", &self.recording_refused),
            ("recording_paused", &self.recording_paused),
            ("recording_resumed", &self.recording_resumed),
        ]
        .into_iter()
        .filter_map(|(name, text)| Some((name, text.as_deref()?)))
    }
}
