//! The model.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use futures_util::stream;
use ringwell::conversation::{
    Exchange, Failure, ReplyEvent, ReplyId, ReplyRequest, Tool, ToolCall,
};
use ringwell::io::openai::{Dialect, Model, Patience, Settings};
use ringwell::io::tls::Tls;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::server::{mute, nobody, serve, soon};

const TOOL: Tool = Tool {
    name: "hand_over",
    description: "Hands the caller to a person.",
    arguments: &[("reason", "Why")],
    choices: Vec::new(),
};

fn settings(dialect: Dialect, url: &str) -> Settings {
    let mut settings = Settings::new(dialect, &format!("{url}/v1"), "test-model");
    settings.key = Some("test-key".to_owned().into());
    settings.temperature = Some(0.3);
    let long = Duration::from_secs(8);
    settings.patience = Patience {
        connect: long,
        first_token: long,
        idle: long,
        retry: long,
    };
    settings
}

/// A model that is given up soon.
fn hasty(dialect: Dialect, url: &str) -> Model {
    let mut settings = settings(dialect, url);
    settings.patience = Patience {
        connect: Duration::from_millis(500),
        first_token: Duration::from_millis(900),
        idle: Duration::from_millis(400),
        retry: Duration::from_millis(600),
    };
    Model::new(settings, &Tls::new(None).expect("TLS comes up")).expect("a client")
}

/// A model with more patience than any test needs.
fn model(dialect: Dialect, url: &str) -> Model {
    let tls = Tls::new(None).expect("TLS comes up");
    Model::new(settings(dialect, url), &tls).expect("a client")
}

fn request() -> ReplyRequest {
    ReplyRequest {
        id: ReplyId(1),
        instructions: "Be kind.".to_owned(),
        history: vec![Exchange::Caller("Grüß Gott".to_owned())],
        tools: vec![TOOL],
    }
}

async fn answer(model: &Model) -> Vec<ReplyEvent> {
    let mut stream = model.ask(request());
    let mut events = Vec::new();
    while !matches!(
        events.last(),
        Some(ReplyEvent::Done | ReplyEvent::Failed(_))
    ) {
        events.push(soon(&mut stream.rx).await);
    }
    assert_eq!(stream.rx.recv().await, None, "nothing follows the end");
    events
}

fn text(text: &str) -> ReplyEvent {
    ReplyEvent::Text(text.to_owned())
}

fn failure(events: &[ReplyEvent]) -> &Failure {
    match events.last() {
        Some(ReplyEvent::Failed(failure)) => failure,
        other => panic!("no failure but {other:?}"),
    }
}

fn chat_delta(text: &str) -> String {
    let chunk = json!({"choices": [{"index": 0, "delta": {"content": text},
        "finish_reason": null}]});
    format!("data: {chunk}\r\n\r\n")
}

const CHAT_END: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n\
    data: {\"choices\":[],\"usage\":{\"prompt_tokens\":19,\"completion_tokens\":3}}\n\ndata: [DONE]\n\n";

fn chat_answer() -> String {
    format!(
        ": ping\n\n{}{}{CHAT_END}",
        chat_delta("Grüß "),
        chat_delta("dich €.")
    )
}

fn responses_answer() -> String {
    let events = [
        json!({"type": "response.created", "response": {"status": "in_progress"}}),
        json!({"type": "response.output_text.delta", "delta": "Grüß "}),
        json!({"type": "response.output_text.delta", "delta": "dich €."}),
        json!({"type": "response.output_item.done", "item": {"type": "function_call",
            "id": "fc_1", "call_id": "call_9", "name": "hand_over",
            "arguments": "{\"reason\":\"asked\"}"}}),
        json!({"type": "response.completed", "response": {"status": "completed", "output": [],
            "usage": {"input_tokens": 30, "output_tokens": 5,
                "input_tokens_details": {"cached_tokens": 20}}}}),
    ];
    let line = |event: &Value| format!("event: {}\ndata: {event}\n\n", event["type"]);
    events.iter().map(line).collect()
}

fn events(body: Body) -> Response {
    ([("content-type", "text/event-stream")], body).into_response()
}

/// A body in these parts, each its own write.
fn parts(parts: Vec<Bytes>) -> Body {
    let parts = stream::unfold(parts.into_iter(), async |mut parts| {
        let part = parts.next()?;
        tokio::task::yield_now().await;
        Some((Ok::<_, Infallible>(part), parts))
    });
    Body::from_stream(parts)
}

/// A body that says this and then nothing more, or breaks off.
fn unfinished(text: String, breaks: bool) -> Body {
    Body::from_stream(stream::unfold(
        (Some(text), breaks),
        async |(text, breaks)| match text {
            Some(text) => Some((Ok(Bytes::from(text)), (None, breaks))),
            None if breaks => {
                // The server writes what it has when nothing more is ready.
                tokio::time::sleep(Duration::from_millis(10)).await;
                Some((Err(io::Error::other("broken")), (None, breaks)))
            }
            None => std::future::pending().await,
        },
    ))
}

/// A server that gives the nth question the nth answer, and the last again and again.
async fn server<F>(path: &str, answer: F) -> String
where
    F: Fn(usize, HeaderMap, Value) -> Response + Clone + Send + Sync + 'static,
{
    let count = Arc::new(AtomicUsize::new(0));
    let route = post(async move |headers: HeaderMap, body: Bytes| {
        let question = serde_json::from_slice(&body).expect("a question is JSON");
        answer(count.fetch_add(1, Ordering::Relaxed), headers, question)
    });
    serve(Router::new().route(path, route)).await
}

const CHAT: &str = "/v1/chat/completions";
const RESPONSES: &str = "/v1/responses";

#[tokio::test]
async fn an_answer_comes_whole_however_the_bytes_are_cut() {
    let called = ReplyEvent::ToolCall(ToolCall {
        id: "call_9".to_owned(),
        name: "hand_over".to_owned(),
        arguments: BTreeMap::from([("reason".to_owned(), "asked".to_owned())]),
    });
    for size in [1, 2, 3, 7, 100_000] {
        let cut = move |text: &str| {
            text.as_bytes()
                .chunks(size)
                .map(Bytes::copy_from_slice)
                .collect()
        };
        let url = server(CHAT, move |_, _, _| events(parts(cut(&chat_answer())))).await;
        let spoken = [text("Grüß "), text("dich €."), ReplyEvent::Done];
        assert_eq!(answer(&model(Dialect::Chat, &url)).await, spoken);

        let url = server(RESPONSES, move |_, _, _| {
            events(parts(cut(&responses_answer())))
        })
        .await;
        let spoken = [
            text("Grüß "),
            text("dich €."),
            called.clone(),
            ReplyEvent::Done,
        ];
        assert_eq!(answer(&model(Dialect::Responses, &url)).await, spoken);
    }
}

#[tokio::test]
async fn the_question_carries_the_key_and_the_cost_is_counted() {
    let (report, mut reports) = mpsc::channel(1);
    let url = server(RESPONSES, move |_, headers, question| {
        report.try_send((headers, question)).expect("one question");
        events(Body::from(responses_answer()))
    })
    .await;
    let model = model(Dialect::Responses, &url);
    model.warm();
    answer(&model).await;
    let (headers, question) = soon(&mut reports).await;
    assert_eq!(headers["authorization"], "Bearer test-key");
    assert!(
        headers["user-agent"]
            .to_str()
            .unwrap()
            .starts_with("ringwell/")
    );
    assert_eq!(question["store"], false);
    assert_eq!(question["input"][0]["content"], "Grüß Gott");
    let counted = async {
        while model.counters().cached_tokens.load(Ordering::Relaxed) != 20 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), counted)
        .await
        .expect("in time");
    assert_eq!(model.counters().answered.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn further_options_are_sent_as_they_are() {
    let (report, mut reports) = mpsc::channel(1);
    let url = server(CHAT, move |_, _, question| {
        report.try_send(question).expect("one question");
        events(Body::from(chat_answer()))
    })
    .await;
    let mut settings = settings(Dialect::Chat, &url);
    let options = json!({"chat_template_kwargs": {"enable_thinking": false}});
    settings.options = options.as_object().unwrap().clone();
    let model = Model::new(settings, &Tls::new(None).unwrap()).unwrap();
    answer(&model).await;
    let question = soon(&mut reports).await;
    assert_eq!(question["chat_template_kwargs"]["enable_thinking"], false);
}

#[tokio::test]
async fn refusals_are_told_and_not_tried_again() {
    let quota = json!({"error": {"message": "Pay.", "type": "insufficient_quota",
        "code": "credit_balance_exhausted"}});
    let plain = json!({"error": {"message": "No.", "type": "invalid_request_error"}});
    for (status, body) in [
        (401, &plain),
        (403, &plain),
        (404, &plain),
        (400, &plain),
        (429, &quota),
    ] {
        let (status, body) = (StatusCode::from_u16(status).unwrap(), body.to_string());
        let url = server(CHAT, move |_, _, _| (status, body.clone()).into_response()).await;
        let model = model(Dialect::Chat, &url);
        let events = answer(&model).await;
        assert!(
            matches!(failure(&events), Failure::Refused(_)),
            "{status}: {events:?}"
        );
        assert_eq!(model.counters().retries.load(Ordering::Relaxed), 0);
        assert_eq!(model.counters().failures.load(Ordering::Relaxed), 1);
    }
}

#[tokio::test]
async fn a_passing_trouble_is_passed_over() {
    for status in [408, 409, 429, 500, 503] {
        let status = StatusCode::from_u16(status).unwrap();
        let url = server(CHAT, move |nth, _, _| match nth {
            0 => (status, "{\"error\":{\"message\":\"Busy.\"}}").into_response(),
            _ => events(Body::from(chat_answer())),
        })
        .await;
        let model = model(Dialect::Chat, &url);
        assert_eq!(answer(&model).await.last(), Some(&ReplyEvent::Done));
        assert_eq!(model.counters().retries.load(Ordering::Relaxed), 1);
    }
}

#[tokio::test]
async fn a_lasting_trouble_ends_within_the_patience() {
    let url = server(CHAT, |_, _, _| {
        StatusCode::SERVICE_UNAVAILABLE.into_response()
    })
    .await;
    let model = hasty(Dialect::Chat, &url);
    let events = answer(&model).await;
    assert!(
        matches!(failure(&events), Failure::Unavailable(_)),
        "{events:?}"
    );
    assert!(model.counters().retries.load(Ordering::Relaxed) >= 1);
}

#[tokio::test]
async fn a_server_that_asks_for_more_patience_than_there_is_gets_none() {
    for headers in [
        [("retry-after", "20")],
        [("retry-after-ms", "20000")],
        [("x-should-retry", "false")],
    ] {
        let url = server(CHAT, move |_, _, _| {
            (StatusCode::TOO_MANY_REQUESTS, headers, "{}").into_response()
        })
        .await;
        let model = model(Dialect::Chat, &url);
        let events = answer(&model).await;
        assert!(
            matches!(failure(&events), Failure::Unavailable(_)),
            "{events:?}"
        );
        assert_eq!(model.counters().retries.load(Ordering::Relaxed), 0);
    }
}

#[tokio::test]
async fn what_a_server_does_not_know_is_left_out_from_then_on() {
    let (report, mut reports) = mpsc::channel(8);
    let url = server(CHAT, move |_, _, question| {
        report.try_send(question.clone()).expect("few questions");
        let refuse = |field: &str, message: &str| {
            let body = json!({"error": {"message": message, "param": field}});
            (StatusCode::BAD_REQUEST, body.to_string()).into_response()
        };
        if question.get("temperature").is_some() {
            return refuse("temperature", "Unsupported value: 'temperature'.");
        }
        if question.get("max_tokens").is_some() {
            return refuse("max_tokens", "Use 'max_completion_tokens' instead.");
        }
        if question.get("reasoning_effort").is_none() {
            let told = "To use function tools, set reasoning_effort to 'none'.";
            return refuse("reasoning_effort", told);
        }
        events(Body::from(chat_answer()))
    })
    .await;
    let model = model(Dialect::Chat, &url);
    assert_eq!(answer(&model).await.last(), Some(&ReplyEvent::Done));
    for _ in 0..4 {
        soon(&mut reports).await;
    }
    assert_eq!(answer(&model).await.last(), Some(&ReplyEvent::Done));
    let question = soon(&mut reports).await;
    assert_eq!(question["max_completion_tokens"], 300);
    assert_eq!(question["reasoning_effort"], "none");
    assert!(question.get("temperature").is_none());
    assert!(
        reports.try_recv().is_err(),
        "the second question was right at once"
    );
}

#[tokio::test]
async fn a_cut_before_the_answer_is_tried_again_and_in_it_is_not() {
    let url = server(CHAT, |nth, _, _| match nth {
        0 => events(unfinished(": ping\n\n".to_owned(), true)),
        _ => events(unfinished(chat_delta("Half"), true)),
    })
    .await;
    let model = model(Dialect::Chat, &url);
    let events = answer(&model).await;
    assert_eq!(events[0], text("Half"));
    assert!(
        matches!(failure(&events), Failure::Unavailable(_)),
        "{events:?}"
    );
    assert_eq!(model.counters().retries.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn silence_before_and_in_the_answer_is_a_stall() {
    for said in ["", ": ping\n\n", &chat_delta("Half")] {
        let said = said.to_owned();
        let url = server(CHAT, move |_, _, _| events(unfinished(said.clone(), false))).await;
        let events = answer(&hasty(Dialect::Chat, &url)).await;
        assert!(
            matches!(failure(&events), Failure::Stalled(_)),
            "{events:?}"
        );
    }
    let events = answer(&hasty(Dialect::Responses, &mute().await)).await;
    assert!(
        matches!(failure(&events), Failure::Stalled(_)),
        "{events:?}"
    );
}

#[tokio::test]
async fn pings_alone_do_not_keep_an_answer_alive() {
    let pinging = || {
        let first = Some(chat_delta("Half"));
        Body::from_stream(stream::unfold(first, async |text| {
            if text.is_none() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            let text = text.unwrap_or_else(|| ": ping\n\n".to_owned());
            Some((Ok::<_, Infallible>(Bytes::from(text)), None))
        }))
    };
    let url = server(CHAT, move |_, _, _| events(pinging())).await;
    let events = answer(&hasty(Dialect::Chat, &url)).await;
    assert!(
        matches!(failure(&events), Failure::Stalled(_)),
        "{events:?}"
    );
}

#[tokio::test]
async fn an_absent_model_is_unavailable() {
    let events = answer(&hasty(Dialect::Chat, &nobody().await)).await;
    assert!(
        matches!(failure(&events), Failure::Unavailable(_)),
        "{events:?}"
    );
}

#[tokio::test]
async fn an_answer_nobody_wants_is_broken_off() {
    struct Gone(mpsc::Sender<()>);
    impl Drop for Gone {
        fn drop(&mut self) {
            let _ = self.0.try_send(());
        }
    }
    let (report, mut reports) = mpsc::channel(1);
    let endless = move || {
        let gone = Gone(report.clone());
        Body::from_stream(stream::unfold(gone, async |gone| {
            tokio::time::sleep(Duration::from_millis(10)).await;
            let part = Bytes::from(chat_delta("and on "));
            Some((Ok::<_, Infallible>(part), gone))
        }))
    };
    let url = server(CHAT, move |_, _, _| events(endless())).await;
    let model = model(Dialect::Chat, &url);
    let mut stream = model.ask(request());
    assert_eq!(soon(&mut stream.rx).await, text("and on "));
    drop(stream);
    soon(&mut reports).await;
    assert_eq!(model.counters().failures.load(Ordering::Relaxed), 0);
}
