//! `POST /v1/chat/completions`: the answer's shape.

use std::time::UNIX_EPOCH;

use serde_json::{Value, json};

use super::Event;
use super::responses::{pieces, usage};
use super::rules::Reply;
use crate::io::clock;

/// The whole answer.
pub(super) fn whole(request: &Value, reply: &Reply) -> Value {
    let message = match reply {
        Reply::Text { tokens, .. } => {
            json!({"role": "assistant", "content": tokens.concat(), "refusal": null, "annotations": []})
        }
        Reply::Call { name, arguments } => {
            json!({"role": "assistant", "content": null, "refusal": null,
            "tool_calls": [{"id": super::token("call_"), "type": "function",
                "function": {"name": name, "arguments": arguments}}]})
        }
    };
    let mut answer = base(request, "chat.completion");
    answer["choices"] = json!([{"index": 0, "message": message, "logprobs": null,
        "finish_reason": finish(reply)}]);
    answer["usage"] = counted(request, reply);
    answer
}

/// The answer as events, `[DONE]` last.
pub(super) fn stream(request: &Value, reply: &Reply) -> Vec<Event> {
    let base = base(request, "chat.completion.chunk");
    let with_usage = request["stream_options"]["include_usage"] == true;
    let mut events = Vec::new();
    let mut push = |delta: Value, finish: Option<&str>, token: bool| {
        let mut chunk = base.clone();
        chunk["choices"] =
            json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}]);
        if with_usage {
            chunk["usage"] = Value::Null;
        }
        events.push(Event {
            text: format!("data: {chunk}\n\n"),
            token,
        });
    };
    match reply {
        Reply::Text { tokens, .. } => {
            push(
                json!({"role": "assistant", "content": "", "refusal": null}),
                None,
                false,
            );
            for token in tokens {
                push(json!({"content": token}), None, true);
            }
        }
        Reply::Call { name, arguments } => {
            let first = json!({"index": 0, "id": super::token("call_"), "type": "function",
                "function": {"name": name, "arguments": ""}});
            push(
                json!({"role": "assistant", "content": null, "tool_calls": [first]}),
                None,
                true,
            );
            for piece in pieces(arguments) {
                let call = json!({"index": 0, "function": {"arguments": piece}});
                push(json!({"tool_calls": [call]}), None, true);
            }
        }
    }
    push(json!({}), Some(finish(reply)), false);
    if with_usage {
        let mut chunk = base.clone();
        chunk["choices"] = json!([]);
        chunk["usage"] = counted(request, reply);
        events.push(Event {
            text: format!("data: {chunk}\n\n"),
            token: false,
        });
    }
    events.push(Event {
        text: "data: [DONE]\n\n".to_owned(),
        token: false,
    });
    events
}

fn base(request: &Value, object: &str) -> Value {
    let created = clock::wallclock().duration_since(UNIX_EPOCH);
    json!({"id": super::token("chatcmpl-"), "object": object,
        "created": created.map(|time| time.as_secs()).unwrap_or(0),
        "model": request["model"], "service_tier": "default", "system_fingerprint": "fp_sandbox"})
}

fn finish(reply: &Reply) -> &'static str {
    match reply {
        Reply::Text { cut: false, .. } => "stop",
        Reply::Text { cut: true, .. } => "length",
        Reply::Call { .. } => "tool_calls",
    }
}

fn counted(request: &Value, reply: &Reply) -> Value {
    let (input, output) = usage(request, reply);
    json!({"prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0,
            "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}})
}
