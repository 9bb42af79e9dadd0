use serde_json::json;

use super::*;

fn refused(dialect: Dialect, body: Value) -> Refusal {
    check::check(dialect, &body).unwrap_err()
}

fn strict_tool() -> Value {
    json!({"type": "function", "name": "hand_over", "description": "x", "strict": true,
        "parameters": {"type": "object", "properties": {"reason": {"type": "string"}},
            "required": ["reason"], "additionalProperties": false}})
}

#[test]
fn a_good_request_of_each_dialect_passes() {
    let body = json!({"model": "m", "stream": true, "instructions": "x", "store": false,
        "input": [{"role": "developer", "content": "note"}, {"role": "user", "content": "hi"},
            {"type": "function_call", "call_id": "c", "name": "n", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": "done"}],
        "tools": [strict_tool()]});
    assert_eq!(check::check(Dialect::Responses, &body), Ok(()));
    let mut function = strict_tool();
    function.as_object_mut().unwrap().remove("type");
    let body = json!({"model": "m", "messages": [{"role": "system", "content": "x"},
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": null, "tool_calls": [{"id": "c", "type": "function",
                "function": {"name": "n", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "c", "content": "done"}],
        "tools": [{"type": "function", "function": function}]});
    assert_eq!(check::check(Dialect::Chat, &body), Ok(()));
}

#[test]
fn bad_requests_are_refused_by_name() {
    use Dialect::{Chat, Responses};
    let cases = [
        (Responses, json!({"input": "x"}), "model"),
        (Responses, json!({"model": "m"}), "input"),
        (
            Responses,
            json!({"model": "m", "input": "x", "messages": []}),
            "messages",
        ),
        (
            Responses,
            json!({"model": "m", "input": [{"role": "caller", "content": "x"}]}),
            "input[0].role",
        ),
        (
            Responses,
            json!({"model": "m", "input": [{"type": "function_call_output", "output": "x"}]}),
            "input[0].call_id",
        ),
        (
            Responses,
            json!({"model": "m", "input": "x", "tools": [{"type": "function", "function": {}}]}),
            "tools[0].name",
        ),
        (
            Responses,
            json!({"model": "m", "input": "x", "max_output_tokens": 3}),
            "max_output_tokens",
        ),
        (Chat, json!({"model": "m", "messages": []}), "messages"),
        (
            Chat,
            json!({"model": "m", "messages": [{"role": "user"}]}),
            "messages[0].content",
        ),
        (
            Chat,
            json!({"model": "m", "messages": [{"role": "tool", "tool_call_id": "z", "content": "x"}]}),
            "messages[0].role",
        ),
        (
            Chat,
            json!({"model": "gpt-6-sol", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}),
            "max_tokens",
        ),
    ];
    for (dialect, body, param) in cases {
        assert_eq!(
            refused(dialect, body.clone()).param.as_deref(),
            Some(param),
            "{body}"
        );
    }
}

#[test]
fn tools_with_reasoning_are_refused_in_chat() {
    let body = |effort: Value| {
        json!({"model": "gpt-5.6-terra", "messages": [{"role": "user", "content": "x"}], "reasoning_effort": effort,
            "tools": [{"type": "function", "function": {"name": "n"}}]})
    };
    assert_eq!(
        refused(Dialect::Chat, body(Value::Null)).param.unwrap(),
        "reasoning_effort"
    );
    assert_eq!(check::check(Dialect::Chat, &body(json!("none"))), Ok(()));
}

#[test]
fn strict_schemas_must_be_closed_and_complete() {
    for (name, value) in [
        ("additionalProperties", json!(true)),
        ("required", json!([])),
    ] {
        let mut tool = strict_tool();
        tool["parameters"][name] = value;
        let body = json!({"model": "m", "input": "x", "tools": [tool]});
        assert_eq!(
            refused(Dialect::Responses, body).code,
            Some("invalid_function_parameters")
        );
    }
}

#[test]
fn both_dialects_are_read_as_the_same_prompt() {
    let responses = prompt::from_responses(&json!({"instructions": "be good", "input": [
        {"role": "developer", "content": [{"type": "input_text", "text": "note"}]},
        {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"},
        {"type": "function_call", "call_id": "c", "name": "n", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "o"}],
        "tools": [strict_tool()]}));
    let chat = prompt::from_chat(
        &json!({"messages": [{"role": "system", "content": "be good"},
        {"role": "system", "content": "note"}, {"role": "user", "content": "q"},
        {"role": "assistant", "content": "a", "tool_calls": [{"id": "c", "function": {"name": "n"}}]},
        {"role": "tool", "tool_call_id": "c", "content": "o"}],
        "tools": [{"type": "function", "function": strict_tool()}]}),
    );
    assert_eq!(responses, chat);
    assert_eq!(chat.items.len(), 5);
}

fn data(event: &Event) -> Value {
    let line = event
        .text
        .lines()
        .find_map(|line| line.strip_prefix("data: "));
    serde_json::from_str(line.unwrap()).unwrap_or(Value::Null)
}

#[test]
fn a_stream_of_responses_is_numbered_and_in_order() {
    let reply = rules::Reply::Text {
        tokens: vec!["Hi".into(), " you".into()],
        cut: false,
    };
    let events = responses::stream(&json!({"model": "m"}), &reply);
    let kinds: Vec<String> = events
        .iter()
        .map(|event| data(event)["type"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        kinds,
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed"
        ]
    );
    for (number, event) in events.iter().enumerate() {
        assert_eq!(data(event)["sequence_number"], number);
    }
    let last = data(events.last().unwrap());
    assert_eq!(
        last["response"]["output"][0]["content"][0]["text"],
        "Hi you"
    );
    assert_eq!(last["response"]["status"], "completed");
}

#[test]
fn a_streamed_call_of_a_tool_joins_to_its_arguments() {
    let arguments = r#"{"reason":"The caller said: é"}"#.to_owned();
    let reply = rules::Reply::Call {
        name: "hand_over".into(),
        arguments: arguments.clone(),
    };
    let events = responses::stream(&json!({"model": "m"}), &reply);
    let joined: String = events
        .iter()
        .map(data)
        .filter(|data| data["type"] == "response.function_call_arguments.delta")
        .map(|data| data["delta"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(joined, arguments);
    let events = chat::stream(&json!({"model": "m"}), &reply);
    let joined: String = events
        .iter()
        .map(data)
        .filter_map(|data| {
            data["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"]
                .as_str()
                .map(str::to_owned)
        })
        .collect();
    assert_eq!(joined, arguments);
    assert_eq!(
        data(&events[events.len() - 2])["choices"][0]["finish_reason"],
        "tool_calls"
    );
    assert_eq!(events.last().unwrap().text, "data: [DONE]\n\n");
}

#[test]
fn usage_comes_when_it_is_asked_for() {
    let reply = rules::Reply::Text {
        tokens: vec!["Hi".into()],
        cut: true,
    };
    let with = chat::stream(
        &json!({"model": "m", "stream_options": {"include_usage": true}}),
        &reply,
    );
    let without = chat::stream(&json!({"model": "m"}), &reply);
    assert_eq!(with.len(), without.len() + 1);
    let usage = data(&with[with.len() - 2]);
    assert_eq!(
        (
            usage["choices"].as_array().unwrap().len(),
            &usage["usage"]["completion_tokens"]
        ),
        (0, &json!(1))
    );
    assert_eq!(
        data(&without[without.len() - 2])["choices"][0]["finish_reason"],
        "length"
    );
}
