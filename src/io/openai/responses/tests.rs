use std::collections::BTreeMap;

use super::*;
use crate::conversation::{Exchange, ReplyId, Tool};
use crate::io::openai::Dialect;

fn decoded(events: &[Value]) -> (Vec<ReplyEvent>, Result<(), Failure>) {
    let mut decoder = Decoder::default();
    let mut replies = VecDeque::new();
    let mut outcome = Ok(());
    for event in events {
        outcome = outcome.and_then(|()| decoder.take(&event.to_string(), &mut replies));
    }
    let outcome = outcome.and_then(|()| decoder.cut());
    (replies.into(), outcome)
}

fn text(text: &str) -> ReplyEvent {
    ReplyEvent::Text(text.to_owned())
}

fn delta(text: &str) -> Value {
    json!({"type": "response.output_text.delta", "sequence_number": 4, "item_id": "msg_1",
        "output_index": 0, "content_index": 0, "delta": text})
}

fn function_call(id: &str) -> Value {
    json!({"id": "fc_1", "type": "function_call", "status": "completed", "call_id": id,
        "name": "find", "arguments": "{\"what\":\"it\"}"})
}

fn call(id: &str) -> ReplyEvent {
    ReplyEvent::ToolCall(ToolCall {
        id: id.to_owned(),
        name: "find".to_owned(),
        arguments: BTreeMap::from([("what".to_owned(), "it".to_owned())]),
    })
}

fn completed(output: Value) -> Value {
    json!({"type": "response.completed", "response": {"status": "completed", "output": output,
        "error": null, "incomplete_details": null,
        "usage": {"input_tokens": 30, "input_tokens_details": {"cached_tokens": 20},
            "output_tokens": 7, "output_tokens_details": {"reasoning_tokens": 0}}}})
}

fn message(text: &str) -> Value {
    json!({"id": "msg_1", "type": "message", "status": "completed", "role": "assistant",
        "content": [{"type": "output_text", "text": text, "annotations": []}]})
}

#[test]
fn a_plain_answer_in_the_order_of_the_wire() {
    let (events, outcome) = decoded(&[
        json!({"type": "response.created", "sequence_number": 0,
            "response": {"id": "resp_1", "status": "in_progress", "output": []}}),
        json!({"type": "response.in_progress", "response": {"status": "in_progress"}}),
        json!({"type": "response.output_item.added", "output_index": 0,
            "item": {"id": "msg_1", "type": "message", "content": []}}),
        json!({"type": "response.content_part.added", "part": {"type": "output_text"}}),
        delta("Hel"),
        delta("lo."),
        json!({"type": "response.output_text.done", "text": "Hello."}),
        json!({"type": "response.content_part.done"}),
        json!({"type": "response.output_item.done", "item": message("Hello.")}),
        completed(json!([message("Hello.")])),
    ]);
    assert_eq!(events, [text("Hel"), text("lo."), ReplyEvent::Done]);
    assert_eq!(outcome, Ok(()));
}

#[test]
fn a_tool_call_comes_once_and_under_its_call_id() {
    let (events, outcome) = decoded(&[
        json!({"type": "response.output_item.added", "item": {"id": "fc_1",
            "type": "function_call", "call_id": "call_1", "name": "find", "arguments": ""}}),
        json!({"type": "response.function_call_arguments.delta", "delta": "{\"what\""}),
        json!({"type": "response.function_call_arguments.done", "arguments": "{}"}),
        json!({"type": "response.output_item.done", "item": function_call("call_1")}),
        completed(json!([function_call("call_1")])),
    ]);
    assert_eq!(events, [call("call_1"), ReplyEvent::Done]);
    assert_eq!(outcome, Ok(()));
}

#[test]
fn what_only_stands_in_the_end_is_still_taken() {
    let (events, _) = decoded(&[completed(json!([
        message("Hello."),
        function_call("call_2")
    ]))]);
    assert_eq!(events, [text("Hello."), call("call_2"), ReplyEvent::Done]);
}

#[test]
fn the_answer_begins_with_its_first_part_not_with_reasoning() {
    let mut decoder = Decoder::default();
    let mut events = VecDeque::new();
    for event in [
        json!({"type": "response.created", "response": {}}),
        json!({"type": "response.output_item.added", "item": {"type": "reasoning"}}),
        json!({"type": "response.reasoning_summary_text.delta", "delta": "hm"}),
        json!({"type": "response.queued"}),
        json!({"type": "response.brand_new", "delta": {"x": 1}}),
    ] {
        decoder.take(&event.to_string(), &mut events).unwrap();
        assert!(!decoder.begun());
    }
    assert!(events.is_empty());
    decoder.take(&delta("Hi").to_string(), &mut events).unwrap();
    assert!(decoder.begun());
    decoder
        .take(&completed(json!([])).to_string(), &mut events)
        .unwrap();
    let usage = decoder.usage();
    assert_eq!((usage.input_tokens, usage.output_tokens), (30, 7));
    assert_eq!(usage.input_tokens_details.unwrap().cached_tokens, 20);
}

#[test]
fn failures_are_told() {
    let failed = |code: &str| {
        json!({"type": "response.failed", "response": {"status": "failed",
            "error": {"code": code, "message": "Sorry."}}})
    };
    let (_, outcome) = decoded(&[delta("Hi"), failed("server_error")]);
    assert!(matches!(outcome, Err(Failure::Unavailable(told)) if told.contains("Sorry.")));
    let (_, outcome) = decoded(&[failed("insufficient_quota")]);
    assert!(matches!(outcome, Err(Failure::Refused(_))));
    let error = json!({"type": "error", "code": "rate_limit_exceeded", "message": "Slow down.",
        "param": null, "sequence_number": 3});
    let (_, outcome) = decoded(&[error]);
    assert!(matches!(outcome, Err(Failure::Unavailable(told)) if told.contains("Slow down.")));
}

#[test]
fn an_incomplete_answer_counts_if_something_was_said() {
    let incomplete = json!({"type": "response.incomplete", "response": {"status": "incomplete",
        "incomplete_details": {"reason": "max_output_tokens"}, "output": [function_call("half")]}});
    let (events, outcome) = decoded(&[delta("Well"), incomplete.clone()]);
    assert_eq!(events, [text("Well"), ReplyEvent::Done]);
    assert_eq!(outcome, Ok(()));
    let (events, outcome) = decoded(&[incomplete]);
    assert_eq!(events, []);
    let told = outcome.unwrap_err();
    assert!(matches!(told, Failure::Unavailable(told) if told.contains("max_output_tokens")));
}

#[test]
fn a_cut_stream_is_no_answer() {
    let (events, outcome) = decoded(&[delta("Hel")]);
    assert_eq!(events, [text("Hel")]);
    assert!(matches!(outcome, Err(Failure::Unavailable(_))));
}

#[test]
fn the_question_is_flat_and_not_stored() {
    let tool = Tool {
        name: "find",
        description: "Finds.",
        arguments: &[("what", "What")],
        choices: Vec::new(),
    };
    let called = ToolCall {
        id: "call_1".to_owned(),
        name: "find".to_owned(),
        arguments: BTreeMap::from([("what".to_owned(), "it".to_owned())]),
    };
    let request = ReplyRequest {
        id: ReplyId(1),
        instructions: "Be kind.".to_owned(),
        history: vec![
            Exchange::Caller("Hello?".to_owned()),
            Exchange::Note("Fact.".to_owned()),
            Exchange::Agent("Hi.".to_owned()),
            Exchange::ToolCall(called),
            Exchange::ToolResult {
                id: "call_1".to_owned(),
                output: "found".to_owned(),
            },
        ],
        tools: vec![tool.clone()],
    };
    let mut settings = Settings::new(Dialect::Responses, "https://api.openai.com/v1", "gpt-5.4");
    settings.reasoning_effort = Some("none".to_owned());
    settings.prompt_cache_key = Some("office".to_owned());
    let expected = json!({
        "model": "gpt-5.4", "stream": true, "store": false, "instructions": "Be kind.",
        "max_output_tokens": 300, "reasoning": {"effort": "none"}, "prompt_cache_key": "office",
        "stream_options": {"include_obfuscation": false},
        "tool_choice": "auto", "parallel_tool_calls": false,
        "input": [
            {"role": "user", "content": "Hello?"},
            {"role": "developer", "content": "Fact."},
            {"role": "assistant", "content": "Hi."},
            {"type": "function_call", "call_id": "call_1", "name": "find",
                "arguments": "{\"what\":\"it\"}"},
            {"type": "function_call_output", "call_id": "call_1", "output": "found"}],
        "tools": [{"type": "function", "name": "find", "description": "Finds.", "strict": true,
            "parameters": wire::parameters(&tool)}]});
    assert_eq!(Value::Object(question(&settings, &request)), expected);
}
