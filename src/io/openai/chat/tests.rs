use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::conversation::{Exchange, ReplyId, Tool};
use crate::io::openai::Dialect;

const TOOL: Tool = Tool {
    name: "find",
    description: "Finds.",
    arguments: &[("what", "What")],
    choices: Vec::new(),
};

fn decoded(data: &[Value]) -> (Vec<ReplyEvent>, Result<(), Failure>) {
    let mut decoder = Decoder::new(4);
    let mut events = VecDeque::new();
    let mut outcome = Ok(());
    for data in data {
        let text = data
            .as_str()
            .map_or_else(|| data.to_string(), str::to_owned);
        outcome = outcome.and_then(|()| decoder.take(&text, &mut events));
    }
    let outcome = outcome.and_then(|()| decoder.cut());
    (events.into(), outcome)
}

fn delta(delta: Value) -> Value {
    json!({"id": "c", "object": "chat.completion.chunk",
        "choices": [{"index": 0, "delta": delta, "finish_reason": null}], "usage": null})
}

fn finish(reason: &str) -> Value {
    json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
}

fn text(text: &str) -> ReplyEvent {
    ReplyEvent::Text(text.to_owned())
}

fn call(id: &str, what: &str) -> ReplyEvent {
    ReplyEvent::ToolCall(ToolCall {
        id: id.to_owned(),
        name: "find".to_owned(),
        arguments: BTreeMap::from([("what".to_owned(), what.to_owned())]),
    })
}

#[test]
fn a_plain_answer_is_passed_on() {
    let usage = json!({"choices": [], "usage": {"prompt_tokens": 19, "completion_tokens": 10,
        "prompt_tokens_details": {"cached_tokens": 5}}});
    let (events, outcome) = decoded(&[
        delta(json!({"role": "assistant", "content": ""})),
        delta(json!({"content": "Hel"})),
        delta(json!({"content": "lo.", "reasoning_content": "hm", "reasoning": "hm"})),
        json!("no JSON"),
        finish("stop"),
        usage,
        json!("[DONE]"),
    ]);
    assert_eq!(events, [text("Hel"), text("lo."), ReplyEvent::Done]);
    assert_eq!(outcome, Ok(()));
}

#[test]
fn the_cost_is_known() {
    let mut decoder = Decoder::new(1);
    let mut events = VecDeque::new();
    decoder
        .take(&finish("stop").to_string(), &mut events)
        .unwrap();
    let usage = r#"{"choices":[],"usage":{"prompt_tokens":19,"completion_tokens":10,
        "prompt_tokens_details":{"cached_tokens":5}}}"#;
    decoder.take(usage, &mut events).unwrap();
    let usage = decoder.usage();
    assert_eq!((usage.input_tokens, usage.output_tokens), (19, 10));
    assert_eq!(usage.input_tokens_details.unwrap().cached_tokens, 5);
    decoder
        .take(
            r#"{"choices":[],"usage":{"prompt_tokens":"many"}}"#,
            &mut events,
        )
        .unwrap();
    assert_eq!(decoder.usage(), Usage::default());
}

#[test]
fn thoughts_in_the_text_are_not_spoken() {
    let (events, _) = decoded(&[
        delta(json!({"content": "<thi"})),
        delta(json!({"content": "nk>Well</think>Yes"})),
        finish("stop"),
    ]);
    assert_eq!(events, [text("Yes"), ReplyEvent::Done]);
}

#[test]
fn a_call_in_fragments_is_put_together() {
    let part = |function: Value| delta(json!({"tool_calls": [{"index": 0, "function": function}]}));
    let (events, outcome) = decoded(&[
        delta(
            json!({"role": "assistant", "content": null, "tool_calls": [{"index": 0,
            "id": "call_abc", "type": "function", "function": {"name": "find", "arguments": ""}}]}),
        ),
        part(json!({"arguments": "{\"wh"})),
        part(json!({"arguments": "at\":\"it\"}"})),
        finish("tool_calls"),
    ]);
    assert_eq!(events, [call("call_abc", "it"), ReplyEvent::Done]);
    assert_eq!(outcome, Ok(()));
}

#[test]
fn calls_at_once_are_told_apart_by_index_id_or_name() {
    let whole = |index: Value, id: Value, what: &str| {
        let arguments = format!("{{\"what\":\"{what}\"}}");
        json!({"index": index, "id": id, "function": {"name": "find", "arguments": arguments}})
    };
    for (first, second, ids) in [
        // As it should be; all with index 0; whole in one part without index; without any id.
        (
            whole(json!(0), json!("a"), "1"),
            whole(json!(1), json!("b"), "2"),
            ["a", "b"],
        ),
        (
            whole(json!(0), json!("a"), "1"),
            whole(json!(0), json!("b"), "2"),
            ["a", "b"],
        ),
        (
            whole(json!(null), json!("a"), "1"),
            whole(json!(null), json!("b"), "2"),
            ["a", "b"],
        ),
        (
            whole(json!(0), json!(null), "1"),
            whole(json!(0), json!(""), "2"),
            ["call_4_0", "call_4_1"],
        ),
    ] {
        let expected = [call(ids[0], "1"), call(ids[1], "2"), ReplyEvent::Done];
        let together = delta(json!({"tool_calls": [first.clone(), second.clone()]}));
        assert_eq!(decoded(&[together, finish("stop")]).0, expected);
        let apart = [
            delta(json!({"tool_calls": [first]})),
            delta(json!({"tool_calls": [second]})),
            finish("tool_calls"),
        ];
        assert_eq!(decoded(&apart).0, expected);
    }
}

#[test]
fn fragments_of_parallel_calls_may_alternate() {
    let part = |index: u32, arguments: &str| {
        delta(json!({"tool_calls": [{"index": index, "function": {"arguments": arguments}}]}))
    };
    let begin = |index: u32, id: &str| {
        delta(json!({"tool_calls": [{"index": index, "id": id,
            "function": {"name": "find", "arguments": ""}}]}))
    };
    let (events, _) = decoded(&[
        begin(0, "a"),
        begin(1, "b"),
        part(0, "{\"what\":"),
        part(1, "{\"what\":\"2\"}"),
        part(0, "\"1\"}"),
        finish("tool_calls"),
    ]);
    assert_eq!(events, [call("a", "1"), call("b", "2"), ReplyEvent::Done]);
}

#[test]
fn arguments_that_are_an_object_already_are_taken() {
    let (events, _) = decoded(&[
        delta(json!({"tool_calls": [{"id": "a",
            "function": {"name": "find", "arguments": {"what": "it"}}}]})),
        finish("stop"),
    ]);
    assert_eq!(events, [call("a", "it"), ReplyEvent::Done]);
}

#[test]
fn half_a_call_is_no_call() {
    let half = delta(json!({"tool_calls": [{"index": 0, "id": "a",
        "function": {"name": "find", "arguments": "{\"wh"}}]}));
    let (events, outcome) = decoded(&[half.clone(), finish("length")]);
    assert_eq!(events, []);
    assert!(matches!(outcome, Err(Failure::Unavailable(_))));
    let (events, outcome) = decoded(&[delta(json!({"content": "Wait."})), half]);
    assert_eq!(events, [text("Wait.")]);
    assert!(
        matches!(outcome, Err(Failure::Unavailable(_))),
        "cut in the middle"
    );
}

#[test]
fn a_stream_may_end_without_done_or_without_a_reason() {
    let hello = delta(json!({"content": "Hello."}));
    let (events, outcome) = decoded(&[hello.clone(), finish("stop")]);
    assert_eq!(events, [text("Hello."), ReplyEvent::Done]);
    assert_eq!(outcome, Ok(()));
    let (events, outcome) = decoded(&[hello, json!("[DONE]")]);
    assert_eq!(events, [text("Hello."), ReplyEvent::Done]);
    assert_eq!(outcome, Ok(()));
    let (events, outcome) = decoded(&[json!("[DONE]")]);
    assert_eq!(events, []);
    assert!(matches!(outcome, Err(Failure::Unavailable(_))));
}

#[test]
fn an_error_in_the_middle_is_told() {
    let error = json!({"error": {"message": "Overloaded", "type": "server_error"}});
    let (events, outcome) = decoded(&[delta(json!({"content": "Hel"})), error]);
    assert_eq!(events, [text("Hel")]);
    let Err(Failure::Unavailable(told)) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(told.contains("Overloaded"));
}

#[test]
fn an_answer_that_was_withheld_is_no_answer() {
    for reason in ["content_filter", "length"] {
        let (_, outcome) = decoded(&[finish(reason)]);
        assert!(matches!(outcome, Err(Failure::Unavailable(_))), "{reason}");
    }
    let (events, _) = decoded(&[delta(json!({"refusal": "I cannot."})), finish("stop")]);
    assert_eq!(events, [text("I cannot."), ReplyEvent::Done]);
}

proptest! {
    #[test]
    fn any_parts_of_calls_make_whole_calls_with_ids_of_their_own(
        parts in vec((option::of(0_u64..3), option::of(0_u8..4), option::of(0_u8..2), "[{}a-z\":]{0,4}"), 0..40),
    ) {
        let of = |(index, id, name, arguments): &(Option<u64>, Option<u8>, Option<u8>, String)| {
            let id = id.map(|id| if id == 0 { String::new() } else { format!("c{id}") });
            let name = name.map(|name| if name == 0 { "" } else { "find" });
            delta(json!({"tool_calls": [{"index": index, "id": id,
                "function": {"name": name, "arguments": arguments}}]}))
        };
        let mut stream: Vec<Value> = parts.iter().map(of).collect();
        stream.push(finish("tool_calls"));
        let (events, outcome) = decoded(&stream);
        prop_assert_eq!(outcome, Ok(()));
        prop_assert_eq!(events.last(), Some(&ReplyEvent::Done));
        let mut ids = BTreeSet::new();
        for event in &events[..events.len() - 1] {
            let ReplyEvent::ToolCall(call) = event else {
                panic!("{event:?}");
            };
            prop_assert_eq!(call.name.as_str(), "find");
            prop_assert!(ids.insert(call.id.clone()), "{} twice", call.id);
        }
        prop_assert!(ids.len() <= MAX_CALLS);
    }

    #[test]
    fn nothing_a_server_sends_does_harm(data in ".{0,80}") {
        let mut events = VecDeque::new();
        // Either way is right, as long as it is told.
        let _ = Decoder::new(1).take(&data, &mut events);
        let chunk = format!(r#"{{"choices":[{{"delta":{{"content":{data:?}}}}}]}}"#);
        let _ = Decoder::new(1).take(&chunk, &mut events);
    }
}

#[test]
fn any_number_of_calls_is_bounded() {
    let many: Vec<Value> = (0..100)
        .map(|n| json!({"index": n, "id": format!("c{n}"), "function": {"name": "find"}}))
        .collect();
    let (events, _) = decoded(&[delta(json!({"tool_calls": many})), finish("stop")]);
    assert_eq!(events.len(), MAX_CALLS + 1);
}

fn request() -> ReplyRequest {
    let call = ToolCall {
        id: "call_1".to_owned(),
        name: "find".to_owned(),
        arguments: BTreeMap::from([("what".to_owned(), "it".to_owned())]),
    };
    ReplyRequest {
        id: ReplyId(4),
        instructions: "Be kind.".to_owned(),
        history: vec![
            Exchange::Note("Fact.".to_owned()),
            Exchange::Caller("Hello?".to_owned()),
            Exchange::Agent("Hi.".to_owned()),
            Exchange::ToolCall(call),
            Exchange::ToolResult {
                id: "call_1".to_owned(),
                output: "found".to_owned(),
            },
        ],
        tools: vec![TOOL],
    }
}

#[test]
fn a_local_server_is_asked_plainly() {
    let mut settings = Settings::new(Dialect::Chat, "http://127.0.0.1:11434/v1", "qwen3");
    settings.temperature = Some(0.5);
    let asked = Value::Object(question(&settings, &request()));
    let expected = json!({
        "model": "qwen3", "stream": true, "temperature": 0.5, "max_tokens": 300,
        "tool_choice": "auto",
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "system", "content": "Fact."},
            {"role": "user", "content": "Hello?"},
            {"role": "assistant", "content": "Hi."},
            {"role": "assistant", "content": null, "tool_calls": [{"id": "call_1",
                "type": "function", "function": {"name": "find", "arguments": "{\"what\":\"it\"}"}}]},
            {"role": "tool", "tool_call_id": "call_1", "content": "found"}],
        "tools": [{"type": "function", "function": {"name": "find", "description": "Finds.",
            "parameters": wire::parameters(&TOOL)}}]});
    assert_eq!(asked, expected);
}

#[test]
fn openai_is_asked_with_its_own_fields() {
    let mut settings = Settings::new(Dialect::Chat, "https://api.openai.com/v1", "gpt-5.4");
    settings.openai_fields = true;
    settings.token_limit = TokenLimit::MaxCompletionTokens;
    settings.instruction_role = Role::Developer;
    settings.reasoning_effort = Some("none".to_owned());
    settings.prompt_cache_key = Some("office".to_owned());
    settings.service_tier = Some("priority".to_owned());
    let asked = Value::Object(question(&settings, &request()));
    assert_eq!(asked["store"], false);
    assert_eq!(asked["max_completion_tokens"], 300);
    assert_eq!(asked["messages"][0]["role"], "developer");
    assert_eq!(asked["reasoning_effort"], "none");
    assert_eq!(asked["parallel_tool_calls"], false);
    assert_eq!(asked["prompt_cache_key"], "office");
    assert_eq!(asked["service_tier"], "priority");
    assert_eq!(asked["tools"][0]["function"]["strict"], true);
    let options = json!({"include_usage": true, "include_obfuscation": false});
    assert_eq!(asked["stream_options"], options);
}
