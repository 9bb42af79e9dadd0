//! What the service refuses, and in which words.

use axum::http::StatusCode;
use serde_json::Value;

use super::{Dialect, NO_MODEL, Refusal};

const RESPONSES: &[&str] = &[
    "background",
    "conversation",
    "include",
    "input",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "model",
    "parallel_tool_calls",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_options",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
];
const CHAT: &[&str] = &[
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "messages",
    "metadata",
    "modalities",
    "model",
    "n",
    "parallel_tool_calls",
    "prediction",
    "presence_penalty",
    "prompt_cache_key",
    "prompt_cache_options",
    "reasoning_effort",
    "response_format",
    "safety_identifier",
    "seed",
    "service_tier",
    "stop",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "user",
    "verbosity",
];

/// Refuses what the service would refuse.
pub(super) fn check(dialect: Dialect, body: &Value) -> Result<(), Refusal> {
    let known = match dialect {
        Dialect::Responses => RESPONSES,
        Dialect::Chat => CHAT,
    };
    let Some(object) = body.as_object() else {
        return Err(wrong_type("", "an object"));
    };
    if let Some(name) = object.keys().find(|name| !known.contains(&name.as_str())) {
        let message = format!("Unknown parameter: '{name}'.");
        return Err(Refusal::new(message, name, Some("unknown_parameter")));
    }
    let Some(model) = body["model"].as_str().filter(|model| !model.is_empty()) else {
        return Err(missing("model"));
    };
    if model == NO_MODEL {
        return Err(no_model(model));
    }
    match dialect {
        Dialect::Responses => responses(body)?,
        Dialect::Chat => chat(body, model)?,
    }
    tools(dialect, body)
}

/// 404 for a model.
pub(super) fn no_model(model: &str) -> Refusal {
    Refusal {
        status: StatusCode::NOT_FOUND,
        message: format!("The model `{model}` does not exist or you do not have access to it."),
        param: None,
        code: Some("model_not_found"),
    }
}

fn missing(name: &str) -> Refusal {
    let message = format!("Missing required parameter: '{name}'.");
    Refusal::new(message, name, Some("missing_required_parameter"))
}

fn wrong_type(name: &str, wanted: &str) -> Refusal {
    let message = format!("Invalid type for '{name}': expected {wanted}.");
    Refusal::new(message, name, Some("invalid_type"))
}

fn responses(body: &Value) -> Result<(), Refusal> {
    match &body["input"] {
        Value::String(_) => {}
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                response_item(item, index)?;
            }
        }
        Value::Null => return Err(missing("input")),
        _ => return Err(wrong_type("input", "one of a string or array")),
    }
    if body["previous_response_id"].is_string() {
        // Nothing is stored here.
        return Err(Refusal::new(
            "Previous response not found.",
            "previous_response_id",
            Some("previous_response_not_found"),
        ));
    }
    if body["max_output_tokens"]
        .as_u64()
        .is_some_and(|most| most < 16)
    {
        return Err(Refusal::new(
            "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16.",
            "max_output_tokens",
            Some("integer_below_min_value"),
        ));
    }
    Ok(())
}

fn response_item(item: &Value, index: usize) -> Result<(), Refusal> {
    let at = |field: &str| format!("input[{index}].{field}");
    let required: &[&str] = match item["type"].as_str() {
        Some("function_call") => &["call_id", "name", "arguments"],
        Some("function_call_output") => &["call_id", "output"],
        None | Some("message") => &["role", "content"],
        Some(_) => return Ok(()),
    };
    if let Some(name) = required.iter().find(|name| item[**name].is_null()) {
        return Err(missing(&at(name)));
    }
    let roles = ["user", "assistant", "system", "developer"];
    match item["role"].as_str() {
        Some(role) if !roles.contains(&role) => Err(Refusal::new(
            format!("Invalid value: '{role}'."),
            &at("role"),
            Some("invalid_value"),
        )),
        _ => Ok(()),
    }
}

fn chat(body: &Value, model: &str) -> Result<(), Refusal> {
    let Some(messages) = body["messages"].as_array() else {
        return Err(missing("messages"));
    };
    if messages.is_empty() {
        return Err(Refusal::new(
            "Invalid 'messages': empty array. Expected an array with minimum length 1.",
            "messages",
            Some("empty_array"),
        ));
    }
    for (index, message) in messages.iter().enumerate() {
        chat_message(messages, message, index)?;
    }
    if !is_reasoning(model) {
        return Ok(());
    }
    if !body["max_tokens"].is_null() {
        return Err(Refusal::new(
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
            "max_tokens",
            Some("unsupported_parameter"),
        ));
    }
    let thinks = body["reasoning_effort"] != "none";
    if thinks
        && body["tools"]
            .as_array()
            .is_some_and(|tools| !tools.is_empty())
    {
        return Err(Refusal::new(
            format!(
                "Function tools with reasoning_effort are not supported for {model} in /v1/chat/completions. To use function tools, use /v1/responses or set reasoning_effort to 'none'."
            ),
            "reasoning_effort",
            None,
        ));
    }
    if thinks
        && body["temperature"]
            .as_f64()
            .is_some_and(|degree| degree != 1.0)
    {
        return Err(Refusal::new(
            "Unsupported value: 'temperature' does not support this value with this model. Only the default (1) value is supported.",
            "temperature",
            Some("unsupported_value"),
        ));
    }
    Ok(())
}

fn chat_message(messages: &[Value], message: &Value, index: usize) -> Result<(), Refusal> {
    let at = |field: &str| format!("messages[{index}].{field}");
    let Some(role) = message["role"].as_str() else {
        return Err(missing(&at("role")));
    };
    if !["system", "developer", "user", "assistant", "tool"].contains(&role) {
        let message = format!("Invalid value: '{role}'.");
        return Err(Refusal::new(message, &at("role"), Some("invalid_value")));
    }
    if role == "tool" {
        let id = message["tool_call_id"].as_str();
        let known = messages[..index].iter().any(|before| {
            let mut calls = before["tool_calls"].as_array().into_iter().flatten();
            calls.any(|call| call["id"].as_str() == id)
        });
        if id.is_none() || !known {
            return Err(Refusal::new(
                "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.",
                &at("role"),
                None,
            ));
        }
    }
    if message["content"].is_null() && message["tool_calls"].is_null() {
        return Err(missing(&at("content")));
    }
    Ok(())
}

/// Models that refuse tools with reasoning in Chat Completions.
fn is_reasoning(model: &str) -> bool {
    ["gpt-5.5", "gpt-5.6", "gpt-6"]
        .iter()
        .any(|family| model.starts_with(family))
}

fn tools(dialect: Dialect, body: &Value) -> Result<(), Refusal> {
    let list = body["tools"].as_array().into_iter().flatten();
    for (index, tool) in list.enumerate() {
        let (function, prefix) = match dialect {
            Dialect::Responses => (tool, format!("tools[{index}]")),
            Dialect::Chat => (&tool["function"], format!("tools[{index}].function")),
        };
        if !tool["type"].is_string() {
            return Err(missing(&format!("tools[{index}].type")));
        }
        let Some(name) = function["name"].as_str() else {
            return Err(missing(&format!("{prefix}.name")));
        };
        if function["strict"] == true {
            strict(name, &function["parameters"], &prefix)?;
        }
    }
    Ok(())
}

fn strict(name: &str, schema: &Value, prefix: &str) -> Result<(), Refusal> {
    let refuse = |problem: &str| {
        Err(Refusal::new(
            format!("Invalid schema for function '{name}': In context=(), {problem}"),
            &format!("{prefix}.parameters"),
            Some("invalid_function_parameters"),
        ))
    };
    if schema["additionalProperties"] != false {
        return refuse("'additionalProperties' is required to be supplied and to be false.");
    }
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let properties = schema["properties"].as_object();
    let mut names = properties.into_iter().flat_map(|each| each.keys());
    match names.find(|name| !required.iter().any(|each| each == name.as_str())) {
        Some(name) => refuse(&format!(
            "'required' is required to be supplied and to be an array including every key in properties. Missing '{name}'."
        )),
        None => Ok(()),
    }
}
