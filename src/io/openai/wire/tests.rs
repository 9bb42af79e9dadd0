use super::*;
use crate::conversation::Exchange;

fn call(id: &str, name: &str) -> ToolCall {
    ToolCall {
        id: id.to_owned(),
        name: name.to_owned(),
        arguments: BTreeMap::new(),
    }
}

fn question(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

#[test]
fn errors_are_read_in_every_shape() {
    let full = ApiError::read(
        br#"{"error":{"message":"Bad key.","type":"invalid_request_error","param":"model","code":"invalid_api_key"}}"#,
    );
    assert_eq!(full.message, "Bad key.");
    assert_eq!(full.kinds, ["invalid_request_error", "invalid_api_key"]);
    assert_eq!(full.param, "model");
    assert_eq!(
        ApiError::read(br#"{"error":"no such model"}"#).message,
        "no such model"
    );
    let flat = ApiError::read(br#"{"type":"error","code":null,"message":"Sorry.","param":null}"#);
    assert_eq!(flat.message, "Sorry.");
    let number = ApiError::read(br#"{"error":{"code":503,"message":"Loading model"}}"#);
    assert_eq!(number.message, "Loading model");
    assert_eq!(
        ApiError::read(b"<html>Bad\ngateway").message,
        "<html>Badgateway"
    );
    assert_eq!(ApiError::read(b"").message, "");
}

#[test]
fn only_a_payment_ends_some_errors() {
    for body in [
        &br#"{"error":{"message":"m","type":"insufficient_quota","code":"insufficient_quota"}}"#[..],
        br#"{"error":{"message":"m","type":"insufficient_quota","code":"credit_balance_exhausted"}}"#,
        br#"{"error":{"message":"m","type":"x","code":"project_spend_limit_exceeded"}}"#,
    ] {
        assert!(matches!(ApiError::read(body).failure(), Failure::Refused(_)));
    }
    let busy = ApiError::read(br#"{"error":{"message":"m","code":"rate_limit_exceeded"}}"#);
    assert!(matches!(busy.failure(), Failure::Unavailable(_)));
}

#[test]
fn a_question_is_changed_as_the_server_asks() {
    let tools = ApiError::read(
        br#"{"error":{"message":"Function tools with reasoning_effort are not supported for this model in /v1/chat/completions. To use function tools, use /v1/responses or set reasoning_effort to 'none'.","type":"invalid_request_error","param":"reasoning_effort","code":null}}"#,
    );
    let mut chat = question(json!({"messages": [], "temperature": 0.2, "max_tokens": 9}));
    assert_eq!(Adaptation::to(&tools, &chat), Some(Adaptation::NoReasoning));
    Adaptation::NoReasoning.apply(&mut chat);
    assert_eq!(chat["reasoning_effort"], "none");
    // The same error again has no other cure than leaving it out.
    let again = Adaptation::to(&tools, &chat);
    assert_eq!(again, Some(Adaptation::Omit("reasoning_effort")));

    let warm = ApiError::read(br#"{"error":{"message":"no","param":"temperature"}}"#);
    assert_eq!(
        Adaptation::to(&warm, &chat),
        Some(Adaptation::Omit("temperature"))
    );

    let limit = ApiError::read(
        br#"{"error":{"message":"Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.","param":"max_tokens"}}"#,
    );
    let rename = Adaptation::to(&limit, &chat).unwrap();
    rename.apply(&mut chat);
    assert_eq!(chat["max_completion_tokens"], 9);
    assert!(!chat.contains_key("max_tokens"));
}

#[test]
fn reasoning_is_changed_where_the_dialect_has_it() {
    let error = ApiError::read(br#"{"error":{"message":"'reasoning.effort' must be 'low'"}}"#);
    let mut responses = question(json!({"input": [], "reasoning": {"effort": "none"}}));
    let omit = Adaptation::to(&error, &responses).unwrap();
    assert_eq!(omit, Adaptation::Omit("reasoning"));
    omit.apply(&mut responses);
    assert_eq!(Adaptation::to(&error, &responses), None);
    Adaptation::NoReasoning.apply(&mut responses);
    assert_eq!(responses["reasoning"]["effort"], "none");
}

#[test]
fn what_cannot_be_changed_stays_an_error() {
    let asked = question(json!({"messages": [], "store": false}));
    let other = ApiError::read(br#"{"error":{"message":"messages is empty","param":"messages"}}"#);
    assert_eq!(Adaptation::to(&other, &asked), None);
    let store = ApiError::read(br#"{"error":{"message":"Unrecognized argument: store"}}"#);
    assert_eq!(
        Adaptation::to(&store, &asked),
        Some(Adaptation::Omit("store"))
    );
}

#[test]
fn results_stand_behind_their_calls_and_orphans_are_left_out() {
    let (first, second) = (call("a", "look_up"), call("b", "look_up"));
    let history = [
        Exchange::Caller("Hello".to_owned()),
        Exchange::ToolCall(call("orphan", "look_up")),
        Exchange::ToolCall(first.clone()),
        Exchange::ToolCall(second.clone()),
        Exchange::ToolResult {
            id: "b".to_owned(),
            output: "two".to_owned(),
        },
        Exchange::Caller("Are you there?".to_owned()),
        Exchange::ToolResult {
            id: "a".to_owned(),
            output: "one".to_owned(),
        },
        Exchange::ToolResult {
            id: "ghost".to_owned(),
            output: "boo".to_owned(),
        },
        Exchange::Note("A fact".to_owned()),
    ];
    let expected = [
        Item::Caller("Hello"),
        Item::Calls(vec![(&first, "one"), (&second, "two")]),
        Item::Caller("Are you there?"),
        Item::Note("A fact"),
    ];
    assert_eq!(ordered(&history), expected);
}

#[test]
fn a_tool_s_arguments_are_required_strings() {
    let tool = Tool {
        name: "hand_over",
        description: "Call a person.",
        arguments: &[("reason", "Why"), ("urgency", "How soon")],
        choices: Vec::new(),
    };
    assert_eq!(
        parameters(&tool),
        json!({"type": "object", "additionalProperties": false,
            "required": ["reason", "urgency"],
            "properties": {"reason": {"type": "string", "description": "Why"},
                "urgency": {"type": "string", "description": "How soon"}}})
    );
}

#[test]
fn arguments_become_strings_whatever_they_are() {
    let read = arguments(r#"{"a":"x","b":7,"c":null,"d":{"e":true}}"#).unwrap();
    let expected = [("a", "x"), ("b", "7"), ("c", ""), ("d", r#"{"e":true}"#)];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(read, BTreeMap::from(expected));
    assert_eq!(arguments(" "), Some(BTreeMap::new()));
    assert_eq!(arguments(r#"{"a":"#), None);
    assert_eq!(arguments("[1]"), None);
}
