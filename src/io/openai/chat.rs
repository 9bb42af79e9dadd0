//! The Chat Completions dialect: local and compatible servers.

use std::collections::VecDeque;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::think::ThinkFilter;
use super::wire::{self, ApiError, Item, Usage};
use super::{Role, Settings, TokenLimit};
use crate::conversation::{Failure, ReplyEvent, ReplyRequest, ToolCall};

/// The most tools called in one reply; what is beyond is nonsense and is dropped.
const MAX_CALLS: usize = 16;

/// The question.
#[must_use]
pub fn question(settings: &Settings, request: &ReplyRequest) -> Map<String, Value> {
    let mut question = Map::new();
    let mut put = |name: &str, value: Value| question.insert(name.to_owned(), value);
    put("model", json!(settings.model));
    put("stream", json!(true));
    put("messages", messages(settings.instruction_role, request));
    if !request.tools.is_empty() {
        let tools: Vec<Value> = request
            .tools
            .iter()
            .map(|tool| tool_of(settings, tool))
            .collect();
        put("tools", tools.into());
        put("tool_choice", json!("auto"));
    }
    if let Some(most) = settings.max_output_tokens {
        let name = match settings.token_limit {
            TokenLimit::MaxTokens => "max_tokens",
            TokenLimit::MaxCompletionTokens => "max_completion_tokens",
        };
        put(name, json!(most));
    }
    if let Some(temperature) = settings.temperature {
        put("temperature", json!(temperature));
    }
    if let Some(effort) = &settings.reasoning_effort {
        put("reasoning_effort", json!(effort));
    }
    if settings.openai_fields {
        put(
            "stream_options",
            json!({"include_usage": true, "include_obfuscation": false}),
        );
        put("store", json!(false));
        if !request.tools.is_empty() {
            put("parallel_tool_calls", json!(false));
        }
        if let Some(key) = &settings.prompt_cache_key {
            put("prompt_cache_key", json!(key));
        }
        if let Some(tier) = &settings.service_tier {
            put("service_tier", json!(tier));
        }
    }
    question
}

fn messages(role: Role, request: &ReplyRequest) -> Value {
    let role = match role {
        Role::Developer => "developer",
        Role::System => "system",
    };
    let mut messages = vec![json!({"role": role, "content": request.instructions})];
    for item in wire::ordered(&request.history) {
        match item {
            Item::Note(text) => messages.push(json!({"role": role, "content": text})),
            Item::Caller(text) => messages.push(json!({"role": "user", "content": text})),
            Item::Agent(text) => messages.push(json!({"role": "assistant", "content": text})),
            Item::Calls(calls) => {
                let of = |(call, _): &(&ToolCall, &str)| {
                    json!({"id": call.id, "type": "function", "function": {
                        "name": call.name, "arguments": wire::written(&call.arguments)}})
                };
                let listed: Vec<Value> = calls.iter().map(of).collect();
                messages.push(json!({"role": "assistant", "content": null, "tool_calls": listed}));
                messages.extend(calls.iter().map(|(call, output)| {
                    json!({"role": "tool", "tool_call_id": call.id, "content": output})
                }));
            }
        }
    }
    messages.into()
}

fn tool_of(settings: &Settings, tool: &crate::conversation::Tool) -> Value {
    let mut function = json!({"name": tool.name, "description": tool.description,
        "parameters": wire::parameters(tool)});
    if settings.openai_fields {
        function["strict"] = json!(true);
    }
    json!({"type": "function", "function": function})
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Chunk {
    choices: Vec<Choice>,
    usage: Option<Value>,
    error: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Choice {
    delta: Option<Delta>,
    finish_reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Delta {
    content: Option<String>,
    refusal: Option<String>,
    tool_calls: Option<Vec<CallPart>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CallPart {
    index: Option<u64>,
    id: Option<String>,
    function: Option<FunctionPart>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct FunctionPart {
    name: Option<String>,
    arguments: Option<Value>,
}

/// A tool call that is not whole yet.
#[derive(Debug, Default)]
struct Partial {
    index: u64,
    id: String,
    name: String,
    arguments: String,
}

/// Makes reply events of the stream.
#[derive(Debug)]
pub struct Decoder {
    /// Makes up the ids of calls that came without one.
    reply: u32,
    think: ThinkFilter,
    calls: Vec<Partial>,
    spoke: bool,
    begun: bool,
    done: bool,
    usage: Usage,
}

impl Decoder {
    /// For the reply with this number.
    #[must_use]
    pub fn new(reply: u32) -> Self {
        Self {
            reply,
            think: ThinkFilter::default(),
            calls: Vec::new(),
            spoke: false,
            begun: false,
            done: false,
            usage: Usage::default(),
        }
    }

    /// Something of the answer has come.
    #[must_use]
    pub fn begun(&self) -> bool {
        self.begun
    }

    /// What it cost, once that has come.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.usage
    }

    /// Takes the data of one event.
    ///
    /// # Errors
    /// When the data says that the reply has failed.
    pub fn take(&mut self, data: &str, events: &mut VecDeque<ReplyEvent>) -> Result<(), Failure> {
        if data.trim() == "[DONE]" {
            return self.end(events);
        }
        let Ok(chunk) = serde_json::from_str::<Chunk>(data) else {
            log::debug!("the model sent an event that is not understood");
            return Ok(());
        };
        if let Some(error) = chunk.error.filter(|error| !error.is_null()) {
            return Err(ApiError::of(&error).failure());
        }
        if let Some(usage) = chunk.usage {
            self.usage = Usage::of(usage);
        }
        if self.done {
            return Ok(());
        }
        let Some(choice) = chunk.choices.into_iter().next() else {
            return Ok(());
        };
        let delta = choice.delta.unwrap_or_default();
        let text = delta.content.unwrap_or_default() + &delta.refusal.unwrap_or_default();
        if !text.is_empty() {
            let spoken = self.think.push(&text);
            self.speak(spoken, events);
        }
        for part in delta.tool_calls.unwrap_or_default() {
            self.part(part);
        }
        match choice.finish_reason {
            Some(reason) => self.finish(&reason, events),
            None => Ok(()),
        }
    }

    /// The stream has ended, whether it said so or not.
    ///
    /// # Errors
    /// When it ended before the answer did.
    pub fn end(&mut self, events: &mut VecDeque<ReplyEvent>) -> Result<(), Failure> {
        if self.done {
            return Ok(());
        }
        if !self.begun {
            return Err(Failure::Unavailable(
                "the model's answer is empty".to_owned(),
            ));
        }
        self.finish("stop", events)
    }

    /// The connection has ended; without a reason to finish, that is in mid-answer.
    ///
    /// # Errors
    /// When the answer was not finished.
    pub fn cut(&self) -> Result<(), Failure> {
        if self.done {
            return Ok(());
        }
        Err(Failure::Unavailable(
            "the model's answer was cut".to_owned(),
        ))
    }

    fn speak(&mut self, spoken: String, events: &mut VecDeque<ReplyEvent>) {
        if !spoken.is_empty() {
            self.begun = true;
            self.spoke |= !spoken.trim().is_empty();
            events.push_back(ReplyEvent::Text(spoken));
        }
    }

    fn part(&mut self, part: CallPart) {
        self.begun = true;
        let function = part.function.unwrap_or_default();
        let id = part.id.unwrap_or_default();
        let name = function.name.unwrap_or_default();
        let arguments = match function.arguments {
            Some(Value::String(text)) => text,
            Some(Value::Null) | None => String::new(),
            Some(object) => object.to_string(),
        };
        let index = part.index.unwrap_or_default();
        let at = self.target(index, &id, &name);
        let Some(call) = self.calls.get_mut(at) else {
            if at < MAX_CALLS {
                self.calls.push(Partial {
                    index,
                    id,
                    name,
                    arguments,
                });
            }
            return;
        };
        if call.id.is_empty() {
            call.id = id;
        }
        if call.name.is_empty() {
            call.name = name;
        }
        call.arguments.push_str(&arguments);
    }

    /// Which call a part belongs to. The index decides, except that a new id, or a new name without
    /// any id, begins a new call: some servers give all calls the same index.
    fn target(&self, index: u64, id: &str, name: &str) -> usize {
        let next = self.calls.len();
        if !id.is_empty()
            && let Some(at) = self.calls.iter().position(|call| call.id == id)
        {
            return at;
        }
        match self.calls.iter().rposition(|call| call.index == index) {
            Some(at) => {
                let call = &self.calls[at];
                let other = !id.is_empty() && !call.id.is_empty();
                let again = id.is_empty() && !name.is_empty() && !call.name.is_empty();
                if other || again { next } else { at }
            }
            None if id.is_empty() && name.is_empty() => next.saturating_sub(1),
            None => next,
        }
    }

    fn finish(&mut self, reason: &str, events: &mut VecDeque<ReplyEvent>) -> Result<(), Failure> {
        self.done = true;
        self.begun = true;
        let held = self.think.finish();
        self.speak(held, events);
        let mut called = false;
        for (number, call) in std::mem::take(&mut self.calls).into_iter().enumerate() {
            let arguments = wire::arguments(&call.arguments);
            if call.name.is_empty() || (arguments.is_none() && reason == "length") {
                log::debug!("the model called a tool in part only");
                continue;
            }
            let id = match call.id.as_str() {
                "" => format!("call_{}_{number}", self.reply),
                id => id.to_owned(),
            };
            let arguments = arguments.unwrap_or_default();
            called = true;
            events.push_back(ReplyEvent::ToolCall(ToolCall {
                id,
                name: call.name,
                arguments,
            }));
        }
        if !self.spoke && !called && matches!(reason, "length" | "content_filter") {
            let told = format!("the model gave no answer: {reason}");
            return Err(Failure::Unavailable(told));
        }
        events.push_back(ReplyEvent::Done);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
