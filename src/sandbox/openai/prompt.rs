//! A request of either dialect, as the rule engine sees it.

use serde_json::Value;

/// One item of the conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// Developer or system, after the start: facts.
    Note(String),
    User(String),
    Assistant(String),
    Call(String),
    Result,
}

/// A tool on offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tool {
    pub(super) name: String,
    pub(super) arguments: Vec<String>,
    /// What its arguments may be, where a list says that.
    pub(super) choices: Vec<String>,
}

/// What may be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    Free,
    Never,
    /// This one, or any when it is empty.
    Must(String),
}

/// The question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Prompt {
    pub(super) items: Vec<Item>,
    pub(super) tools: Vec<Tool>,
    pub(super) choice: Choice,
    pub(super) max_tokens: usize,
}

/// From a body of `/v1/responses`.
pub(super) fn from_responses(body: &Value) -> Prompt {
    let mut items = Vec::new();
    match &body["input"] {
        Value::String(text) => items.push(Item::User(text.clone())),
        Value::Array(list) => items.extend(list.iter().filter_map(response_item)),
        _ => {}
    }
    Prompt {
        items,
        tools: tools(body, |tool| tool),
        choice: choice(&body["tool_choice"]),
        max_tokens: limit(&body["max_output_tokens"]),
    }
}

/// From a body of `/v1/chat/completions`.
pub(super) fn from_chat(body: &Value) -> Prompt {
    let messages = body["messages"].as_array().cloned().unwrap_or_default();
    let mut items = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        let content = text(&message["content"]);
        match message["role"].as_str() {
            // The first message holds the instructions.
            Some("system" | "developer") if index == 0 => {}
            Some("tool") => items.push(Item::Result),
            Some(role) => {
                items.extend(said(role, content));
                let calls = message["tool_calls"].as_array();
                for call in calls.into_iter().flatten() {
                    items.push(Item::Call(text(&call["function"]["name"])));
                }
            }
            None => {}
        }
    }
    let one = limit(&body["max_completion_tokens"]);
    Prompt {
        items,
        tools: tools(body, |tool| &tool["function"]),
        choice: choice(&body["tool_choice"]),
        max_tokens: one.min(limit(&body["max_tokens"])),
    }
}

fn response_item(item: &Value) -> Option<Item> {
    match item["type"].as_str() {
        Some("function_call") => Some(Item::Call(text(&item["name"]))),
        Some("function_call_output") => Some(Item::Result),
        _ => said(item["role"].as_str()?, text(&item["content"])),
    }
}

fn said(role: &str, content: String) -> Option<Item> {
    match role {
        _ if content.is_empty() => None,
        "user" => Some(Item::User(content)),
        "assistant" => Some(Item::Assistant(content)),
        "system" | "developer" => Some(Item::Note(content)),
        _ => None,
    }
}

/// Content: a string, or parts with `text`.
fn text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let texts = parts.iter().filter_map(|part| part["text"].as_str());
            texts.collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}

fn tools(body: &Value, function: fn(&Value) -> &Value) -> Vec<Tool> {
    let list = body["tools"].as_array().into_iter().flatten();
    list.map(function)
        .map(|tool| Tool {
            name: text(&tool["name"]),
            arguments: tool["parameters"]["properties"]
                .as_object()
                .map(|properties| properties.keys().cloned().collect())
                .unwrap_or_default(),
            choices: tool["parameters"]["properties"]
                .as_object()
                .into_iter()
                .flat_map(|properties| properties.values())
                .filter_map(|schema| schema["enum"].as_array())
                .flatten()
                .map(text)
                .collect(),
        })
        .collect()
}

fn choice(value: &Value) -> Choice {
    match value {
        Value::String(word) if word == "none" => Choice::Never,
        Value::String(word) if word == "required" => Choice::Must(String::new()),
        Value::Object(object) => {
            let flat = object.get("name").and_then(Value::as_str);
            let nested = value["function"]["name"].as_str();
            match flat.or(nested) {
                Some(name) => Choice::Must(name.to_owned()),
                None => Choice::Free,
            }
        }
        _ => Choice::Free,
    }
}

fn limit(value: &Value) -> usize {
    value
        .as_u64()
        .and_then(|limit| usize::try_from(limit).ok())
        .unwrap_or(usize::MAX)
}
