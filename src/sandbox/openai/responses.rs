//! `POST /v1/responses`: the answer's shape.

use std::time::UNIX_EPOCH;

use serde_json::{Value, json};

use super::Event;
use super::rules::Reply;
use crate::io::clock;

/// The whole answer.
pub(super) fn whole(request: &Value, reply: &Reply) -> Value {
    let base = base(request);
    finished(&base, reply, &item(reply, &ids(reply)))
}

/// The answer as events.
pub(super) fn stream(request: &Value, reply: &Reply) -> Vec<Event> {
    let base = base(request);
    let ids = ids(reply);
    let mut stream = Stream { events: Vec::new() };
    stream.push("response.created", json!({"response": base}));
    stream.push("response.in_progress", json!({"response": base}));
    let item = item(reply, &ids);
    match reply {
        Reply::Text { tokens, .. } => stream.text(tokens, &ids.0, &item),
        Reply::Call { arguments, .. } => stream.call(arguments, &ids.0, &item),
    }
    stream.push(
        "response.output_item.done",
        json!({"output_index": 0, "item": item}),
    );
    let kind = match reply {
        Reply::Text { cut: true, .. } => "response.incomplete",
        _ => "response.completed",
    };
    let response = finished(&base, reply, &item);
    stream.push(kind, json!({"response": response}));
    stream.events
}

struct Stream {
    events: Vec<Event>,
}

impl Stream {
    fn push(&mut self, kind: &str, mut data: Value) {
        let token = kind.ends_with(".delta");
        data["type"] = json!(kind);
        data["sequence_number"] = json!(self.events.len());
        self.events.push(Event {
            text: format!("event: {kind}\ndata: {data}\n\n"),
            token,
        });
    }

    fn text(&mut self, tokens: &[String], id: &str, item: &Value) {
        let started = json!({"id": id, "type": "message", "status": "in_progress",
            "role": "assistant", "content": []});
        self.push(
            "response.output_item.added",
            json!({"output_index": 0, "item": started}),
        );
        let place = || json!({"item_id": id, "output_index": 0, "content_index": 0});
        let with = |name: &str, value: Value| {
            let mut data = place();
            data[name] = value;
            data
        };
        let part = json!({"type": "output_text", "text": "", "annotations": [], "logprobs": []});
        self.push("response.content_part.added", with("part", part));
        for token in tokens {
            let mut data = with("delta", json!(token));
            data["logprobs"] = json!([]);
            self.push("response.output_text.delta", data);
        }
        let mut done = with("text", item["content"][0]["text"].clone());
        done["logprobs"] = json!([]);
        self.push("response.output_text.done", done);
        self.push(
            "response.content_part.done",
            with("part", item["content"][0].clone()),
        );
    }

    fn call(&mut self, arguments: &str, id: &str, item: &Value) {
        let mut started = item.clone();
        started["status"] = json!("in_progress");
        started["arguments"] = json!("");
        self.push(
            "response.output_item.added",
            json!({"output_index": 0, "item": started}),
        );
        for piece in pieces(arguments) {
            self.push(
                "response.function_call_arguments.delta",
                json!({"item_id": id, "output_index": 0, "delta": piece}),
            );
        }
        self.push(
            "response.function_call_arguments.done",
            json!({"item_id": id, "output_index": 0, "name": item["name"], "arguments": arguments}),
        );
    }
}

/// Arguments in the pieces that a model's tokens make of them.
pub(super) fn pieces(arguments: &str) -> Vec<String> {
    let characters: Vec<char> = arguments.chars().collect();
    characters
        .chunks(7)
        .map(|piece| piece.iter().collect())
        .collect()
}

fn ids(reply: &Reply) -> (String, String) {
    match reply {
        Reply::Text { .. } => (super::token("msg_"), String::new()),
        Reply::Call { .. } => (super::token("fc_"), super::token("call_")),
    }
}

fn item(reply: &Reply, (id, call): &(String, String)) -> Value {
    match reply {
        Reply::Text { tokens, cut } => json!({"id": id, "type": "message", "role": "assistant",
            "status": if *cut { "incomplete" } else { "completed" },
            "content": [{"type": "output_text", "text": tokens.concat(), "annotations": [], "logprobs": []}]}),
        Reply::Call { name, arguments } => json!({"id": id, "type": "function_call",
            "status": "completed", "call_id": call, "name": name, "arguments": arguments}),
    }
}

fn base(request: &Value) -> Value {
    let created = clock::wallclock().duration_since(UNIX_EPOCH);
    let echo = |name: &str, default: Value| match &request[name] {
        Value::Null => default,
        value => value.clone(),
    };
    json!({
        "id": super::token("resp_"), "object": "response",
        "created_at": created.map(|time| time.as_secs()).unwrap_or(0),
        "status": "in_progress", "background": false, "error": null, "incomplete_details": null,
        "instructions": request["instructions"], "max_output_tokens": request["max_output_tokens"],
        "model": request["model"], "output": [],
        "parallel_tool_calls": echo("parallel_tool_calls", json!(true)),
        "previous_response_id": null, "reasoning": echo("reasoning", json!({"effort": null, "summary": null})),
        "service_tier": "default", "store": echo("store", json!(true)),
        "temperature": echo("temperature", json!(1.0)), "text": echo("text", json!({"format": {"type": "text"}})),
        "tool_choice": echo("tool_choice", json!("auto")), "tools": echo("tools", json!([])),
        "top_p": echo("top_p", json!(1.0)), "truncation": "disabled", "usage": null, "user": null,
        "metadata": {},
    })
}

fn finished(base: &Value, reply: &Reply, item: &Value) -> Value {
    let mut response = base.clone();
    response["status"] = json!("completed");
    if let Reply::Text { cut: true, .. } = reply {
        response["status"] = json!("incomplete");
        response["incomplete_details"] = json!({"reason": "max_output_tokens"});
    }
    let (input, output) = usage(base, reply);
    response["output"] = json!([item]);
    response["usage"] = json!({"input_tokens": input,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": output, "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": input + output});
    response
}

/// Tokens of question and answer, roughly: four characters each.
pub(super) fn usage(question: &Value, reply: &Reply) -> (usize, usize) {
    let output = match reply {
        Reply::Text { tokens, .. } => tokens.len(),
        Reply::Call { arguments, .. } => pieces(arguments).len(),
    };
    (question.to_string().len() / 4, output)
}
