//! What both dialects share: errors, tools, the order of the conversation, and what to leave out
//! of a question when a server does not know it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::conversation::{Exchange, Failure, Tool, ToolCall};
use crate::io::websocket::printable;

/// An error of the service, from a body or from the middle of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiError {
    /// In words.
    pub message: String,
    /// `type` and `code`, whichever there are.
    pub kinds: Vec<String>,
    /// The field it is about.
    pub param: String,
}

/// Kinds of errors that only a payment ends.
const UNPAID: [&str; 5] = [
    "insufficient_quota",
    "credit_balance_exhausted",
    "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded",
    "organization_usage_limit_exceeded",
];

impl ApiError {
    /// Reads `{"error": {...}}`, `{"error": "words"}`, the error itself, or plain text.
    #[must_use]
    pub fn read(body: &[u8]) -> Self {
        match serde_json::from_slice::<Value>(body) {
            Ok(value) => Self::of(&value),
            Err(_) => Self {
                message: printable(&String::from_utf8_lossy(body)),
                ..Self::default()
            },
        }
    }

    /// Reads an error out of JSON.
    #[must_use]
    pub fn of(value: &Value) -> Self {
        let error = value.get("error").filter(|error| !error.is_null());
        let error = error.unwrap_or(value);
        if let Some(words) = error.as_str() {
            return Self {
                message: printable(words),
                ..Self::default()
            };
        }
        let text = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
        let kinds = [text("type"), text("code")];
        let message = match text("message") {
            "" => error.to_string(),
            message => message.to_owned(),
        };
        Self {
            message: printable(&message),
            kinds: kinds
                .into_iter()
                .filter(|kind| !kind.is_empty())
                .map(str::to_owned)
                .collect(),
            param: text("param").to_owned(),
        }
    }

    /// Only a payment ends it.
    #[must_use]
    pub fn unpaid(&self) -> bool {
        self.kinds
            .iter()
            .any(|kind| UNPAID.contains(&kind.as_str()))
    }

    /// What an error in the middle of a stream means.
    #[must_use]
    pub fn failure(&self) -> Failure {
        let told = format!(
            "the model failed: {} {}",
            self.kinds.join(" "),
            self.message
        );
        if self.unpaid() {
            Failure::Refused(told)
        } else {
            Failure::Unavailable(told)
        }
    }

    fn names(&self, field: &str) -> bool {
        self.param == field || self.message.contains(field)
    }
}

/// A change to a question that a server asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adaptation {
    /// This field is left out.
    Omit(&'static str),
    /// Reasoning is switched off in so many words.
    NoReasoning,
    /// The limit of tokens has another name.
    Rename(&'static str, &'static str),
}

/// Fields that a question can do without.
const OPTIONAL: [&str; 9] = [
    "temperature",
    "top_p",
    "max_output_tokens",
    "stream_options",
    "store",
    "prompt_cache_key",
    "parallel_tool_calls",
    "service_tier",
    "tool_choice",
];

impl Adaptation {
    /// What an error about this question asks for, if it names a field that can be changed.
    #[must_use]
    pub fn to(error: &ApiError, question: &Map<String, Value>) -> Option<Self> {
        if error.names("reasoning_effort") || error.names("reasoning.effort") {
            let off = effort(question) == Some("none");
            return if !off && error.message.contains("none") {
                Some(Self::NoReasoning)
            } else if question.contains_key("reasoning") {
                Some(Self::Omit("reasoning"))
            } else if question.contains_key("reasoning_effort") {
                Some(Self::Omit("reasoning_effort"))
            } else {
                None
            };
        }
        for (from, to) in [
            ("max_tokens", "max_completion_tokens"),
            ("max_completion_tokens", "max_tokens"),
        ] {
            if question.contains_key(from) && error.names(from) {
                return Some(Self::Rename(from, to));
            }
        }
        let named = |field: &&str| question.contains_key(*field) && error.names(field);
        OPTIONAL.into_iter().find(named).map(Self::Omit)
    }

    /// Changes a question.
    pub fn apply(self, question: &mut Map<String, Value>) {
        match self {
            Self::Omit(field) => {
                question.remove(field);
            }
            Self::NoReasoning if question.contains_key("input") => {
                question.insert("reasoning".to_owned(), json!({"effort": "none"}));
            }
            Self::NoReasoning => {
                question.insert("reasoning_effort".to_owned(), json!("none"));
            }
            Self::Rename(from, to) => {
                if let Some(limit) = question.remove(from) {
                    question.insert(to.to_owned(), limit);
                }
            }
        }
    }
}

fn effort(question: &Map<String, Value>) -> Option<&str> {
    let nested = question
        .get("reasoning")
        .and_then(|value| value.get("effort"));
    nested
        .or_else(|| question.get("reasoning_effort"))?
        .as_str()
}

/// One item of the conversation in an order that every server accepts.
#[derive(Debug, PartialEq)]
pub enum Item<'a> {
    /// Facts that nobody said.
    Note(&'a str),
    /// The caller said.
    Caller(&'a str),
    /// The agent said.
    Agent(&'a str),
    /// Tools called at once, each with what it gave.
    Calls(Vec<(&'a ToolCall, &'a str)>),
}

/// Puts each tool's result behind its call and leaves out calls without a result and results
/// without a call, which an interrupted answer leaves behind and servers refuse.
#[must_use]
pub fn ordered(history: &[Exchange]) -> Vec<Item<'_>> {
    let results: BTreeMap<&str, &str> = history
        .iter()
        .filter_map(|exchange| match exchange {
            Exchange::ToolResult { id, output } => Some((id.as_str(), output.as_str())),
            _ => None,
        })
        .collect();
    let mut items = Vec::new();
    for exchange in history {
        match exchange {
            Exchange::Note(text) => items.push(Item::Note(text)),
            Exchange::Caller(text) => items.push(Item::Caller(text)),
            Exchange::Agent(text) => items.push(Item::Agent(text)),
            Exchange::ToolResult { .. } => {}
            Exchange::ToolCall(call) => {
                let Some(output) = results.get(call.id.as_str()) else {
                    continue;
                };
                match items.last_mut() {
                    Some(Item::Calls(calls)) => calls.push((call, *output)),
                    _ => items.push(Item::Calls(vec![(call, *output)])),
                }
            }
        }
    }
    items
}

/// The JSON schema of a tool's arguments: strings, all required, no others.
#[must_use]
pub fn parameters(tool: &Tool) -> Value {
    let describe = |(name, description): &(&str, &str)| {
        let schema = json!({"type": "string", "description": description});
        ((*name).to_owned(), schema)
    };
    let mut properties: Map<String, Value> = tool.arguments.iter().map(describe).collect();
    if let (Some((first, _)), false) = (tool.arguments.first(), tool.choices.is_empty()) {
        properties[*first]["enum"] = json!(tool.choices);
    }
    let required: Vec<&str> = tool.arguments.iter().map(|(name, _)| *name).collect();
    json!({"type": "object", "properties": properties, "required": required,
        "additionalProperties": false})
}

/// A tool's arguments as the model wrote them; `None` when that is no JSON object. What is no
/// string becomes one, null becomes nothing.
#[must_use]
pub fn arguments(written: &str) -> Option<BTreeMap<String, String>> {
    if written.trim().is_empty() {
        return Some(BTreeMap::new());
    }
    let object: Map<String, Value> = serde_json::from_str(written).ok()?;
    let text = |value: Value| match value {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    };
    Some(
        object
            .into_iter()
            .map(|(name, value)| (name, text(value)))
            .collect(),
    )
}

/// Arguments as a model would have written them.
#[must_use]
pub fn written(arguments: &BTreeMap<String, String>) -> String {
    serde_json::to_string(arguments).expect("strings by name are plain JSON")
}

/// What a reply cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Usage {
    /// Tokens of the question.
    #[serde(default, alias = "prompt_tokens")]
    pub input_tokens: u64,
    /// Tokens of the answer.
    #[serde(default, alias = "completion_tokens")]
    pub output_tokens: u64,
    /// More about the question.
    #[serde(default, alias = "prompt_tokens_details")]
    pub input_tokens_details: Option<InputDetails>,
}

impl Usage {
    /// Reads it out of JSON; nothing where that is not understood, since it is only told.
    #[must_use]
    pub fn of(value: Value) -> Self {
        serde_json::from_value(value).unwrap_or_default()
    }
}

/// More about a question's tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct InputDetails {
    /// Served from the provider's cache.
    #[serde(default)]
    pub cached_tokens: u64,
}

#[cfg(test)]
mod tests;
