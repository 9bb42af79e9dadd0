use super::*;

#[tokio::test]
async fn the_model_streams_in_both_dialects() {
    let sandbox = sandbox().await;
    let answer = ask(
        &sandbox,
        "POST",
        "/v1/responses",
        &[KEY, JSON],
        &question("what are the opening hours"),
    )
    .await
    .unwrap();
    let text = String::from_utf8(answer.body).unwrap();
    assert!(text.starts_with("event: response.created\n") && text.contains(r#""delta":" open""#));
    assert!(answer.headers.contains("text/event-stream"));
    let chat = json!({"model": "m", "stream": true, "messages": [{"role": "system", "content": "x"},
        {"role": "system", "content": "Article: Opening hours\nWe are open from 8 to 6."},
        {"role": "user", "content": "what are the opening hours"}]});
    let answer = ask(
        &sandbox,
        "POST",
        "/v1/chat/completions",
        &[KEY, JSON],
        &chat.to_string(),
    )
    .await
    .unwrap();
    let text = String::from_utf8(answer.body).unwrap();
    assert!(text.contains(r#"{"content":" open"}"#) && text.ends_with("data: [DONE]\n\n"));
    let refused = ask(
        &sandbox,
        "POST",
        "/v1/responses",
        &["authorization: Bearer refused", JSON],
        &question("x"),
    )
    .await
    .unwrap();
    assert_eq!(
        (refused.status, &refused.json()["error"]["code"]),
        (401, &json!("invalid_api_key"))
    );
    let bad = ask(&sandbox, "POST", "/v1/responses", &[KEY, JSON], "{")
        .await
        .unwrap();
    assert_eq!(
        (bad.status, &bad.json()["error"]["type"]),
        (400, &json!("invalid_request_error"))
    );
}
