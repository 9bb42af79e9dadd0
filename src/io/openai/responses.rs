//! The Responses dialect: OpenAI itself, which takes tools and reasoning together only here.

use std::collections::{BTreeSet, VecDeque};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Settings;
use super::wire::{self, ApiError, Item, Usage};
use crate::conversation::{Failure, ReplyEvent, ReplyRequest, ToolCall};

/// The question.
#[must_use]
pub fn question(settings: &Settings, request: &ReplyRequest) -> Map<String, Value> {
    let mut question = Map::new();
    let mut put = |name: &str, value: Value| question.insert(name.to_owned(), value);
    put("model", json!(settings.model));
    put("stream", json!(true));
    put("instructions", json!(request.instructions));
    put("input", input(request));
    put("store", json!(false));
    if !request.tools.is_empty() {
        let of = |tool: &crate::conversation::Tool| {
            json!({"type": "function", "name": tool.name, "description": tool.description,
                "strict": true, "parameters": wire::parameters(tool)})
        };
        let tools: Vec<Value> = request.tools.iter().map(of).collect();
        put("tools", tools.into());
        put("tool_choice", json!("auto"));
        put("parallel_tool_calls", json!(false));
    }
    if let Some(most) = settings.max_output_tokens {
        put("max_output_tokens", json!(most));
    }
    if let Some(temperature) = settings.temperature {
        put("temperature", json!(temperature));
    }
    if let Some(effort) = &settings.reasoning_effort {
        put("reasoning", json!({"effort": effort}));
    }
    if settings.openai_fields {
        put("stream_options", json!({"include_obfuscation": false}));
        if let Some(key) = &settings.prompt_cache_key {
            put("prompt_cache_key", json!(key));
        }
        if let Some(tier) = &settings.service_tier {
            put("service_tier", json!(tier));
        }
    }
    question
}

fn input(request: &ReplyRequest) -> Value {
    let mut input = Vec::new();
    for item in wire::ordered(&request.history) {
        match item {
            Item::Note(text) => input.push(json!({"role": "developer", "content": text})),
            Item::Caller(text) => input.push(json!({"role": "user", "content": text})),
            Item::Agent(text) => input.push(json!({"role": "assistant", "content": text})),
            Item::Calls(calls) => {
                for (call, output) in calls {
                    input.push(json!({"type": "function_call", "call_id": call.id,
                        "name": call.name, "arguments": wire::written(&call.arguments)}));
                    input.push(json!({"type": "function_call_output", "call_id": call.id,
                        "output": output}));
                }
            }
        }
    }
    input.into()
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    delta: Option<Value>,
    item: Option<OutputItem>,
    response: Option<Response>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Response {
    output: Vec<OutputItem>,
    usage: Option<Value>,
    error: Option<Value>,
    incomplete_details: Option<Incomplete>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Incomplete {
    reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct OutputItem {
    #[serde(rename = "type")]
    kind: String,
    id: Option<String>,
    call_id: Option<String>,
    name: Option<String>,
    arguments: Option<String>,
    content: Option<Vec<Content>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Content {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
    refusal: Option<String>,
}

/// Makes reply events of the stream.
#[derive(Debug, Default)]
pub struct Decoder {
    called: BTreeSet<String>,
    spoke: bool,
    begun: bool,
    done: bool,
    usage: Usage,
}

impl Decoder {
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
        if self.done || data.trim() == "[DONE]" {
            return self.cut();
        }
        let Ok(event) = serde_json::from_str::<Event>(data) else {
            log::debug!("the model sent an event that is not understood");
            return Ok(());
        };
        match event.kind.as_str() {
            "response.output_text.delta" | "response.refusal.delta" => {
                let text = event.delta.as_ref().and_then(Value::as_str);
                self.speak(text.unwrap_or_default(), events);
            }
            "response.function_call_arguments.delta" => self.begun = true,
            "response.output_item.added" => {
                self.begun |= event.item.is_some_and(|item| item.kind == "function_call");
            }
            "response.output_item.done" => self.called(event.item.as_slice(), events),
            "response.completed" => self.complete(event.response.unwrap_or_default(), events),
            "response.incomplete" => {
                return self.incomplete(event.response.unwrap_or_default(), events);
            }
            "response.failed" => {
                let error = event.response.and_then(|response| response.error);
                return Err(ApiError::of(&error.unwrap_or_default()).failure());
            }
            "error" => return Err(ApiError::read(data.as_bytes()).failure()),
            _ => {}
        }
        Ok(())
    }

    /// The stream has ended.
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

    fn speak(&mut self, text: &str, events: &mut VecDeque<ReplyEvent>) {
        if !text.is_empty() {
            self.begun = true;
            self.spoke |= !text.trim().is_empty();
            events.push_back(ReplyEvent::Text(text.to_owned()));
        }
    }

    /// Takes the tool calls among finished items, each once.
    fn called(&mut self, items: &[OutputItem], events: &mut VecDeque<ReplyEvent>) {
        for item in items.iter().filter(|item| item.kind == "function_call") {
            let id = item
                .call_id
                .clone()
                .or_else(|| item.id.clone())
                .unwrap_or_default();
            let name = item.name.clone().unwrap_or_default();
            if name.is_empty() || !self.called.insert(id.clone()) {
                continue;
            }
            let written = item.arguments.as_deref().unwrap_or_default();
            let arguments = wire::arguments(written).unwrap_or_default();
            self.begun = true;
            events.push_back(ReplyEvent::ToolCall(ToolCall {
                id,
                name,
                arguments,
            }));
        }
    }

    /// Whatever stands in the whole response and did not come by itself comes now.
    fn complete(&mut self, response: Response, events: &mut VecDeque<ReplyEvent>) {
        if !self.spoke {
            for content in response
                .output
                .iter()
                .flat_map(|item| item.content.iter().flatten())
            {
                let text = match content.kind.as_str() {
                    "output_text" => content.text.as_deref(),
                    "refusal" => content.refusal.as_deref(),
                    _ => None,
                };
                self.speak(text.unwrap_or_default(), events);
            }
        }
        self.called(&response.output, events);
        self.usage = Usage::of(response.usage.unwrap_or_default());
        self.begun = true;
        self.done = true;
        events.push_back(ReplyEvent::Done);
    }

    fn incomplete(
        &mut self,
        mut response: Response,
        events: &mut VecDeque<ReplyEvent>,
    ) -> Result<(), Failure> {
        let details = response.incomplete_details.take().unwrap_or_default();
        let reason = details.reason.unwrap_or_default();
        if !self.spoke && self.called.is_empty() {
            let told = format!("the model gave no answer: {reason}");
            return Err(Failure::Unavailable(told));
        }
        // A call in the list may be half a call; only those that came whole count.
        response.output.clear();
        self.complete(response, events);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
