use super::*;

#[tokio::test]
async fn the_ear_understands_what_is_said() {
    let sandbox = sandbox().await;
    let mut socket = open(&sandbox, FLUX, "k").await.unwrap();
    let connected = next_json(&mut socket).await;
    assert_eq!(
        (&connected["type"], &connected["sequence_id"]),
        (&json!("Connected"), &json!(0))
    );
    for chunk in speech("what are your opening hours?").chunks(640) {
        socket.send(Message::binary(chunk.to_vec())).await.unwrap();
    }
    let mut events = Vec::new();
    let end = loop {
        let info = next_json(&mut socket).await;
        assert_eq!(info["request_id"], connected["request_id"]);
        assert_eq!(info["sequence_id"], events.len() + 1);
        events.push(info["event"].as_str().unwrap().to_owned());
        if info["event"] == "EndOfTurn" {
            break info;
        }
    };
    assert_eq!(end["transcript"], "What are your opening hours?");
    assert_eq!(
        (&end["trigger"], &end["turn_index"]),
        (&json!("model"), &json!(0))
    );
    assert_eq!(end["words"][4]["word"], "hours?");
    assert_eq!(
        events
            .iter()
            .filter(|event| *event == "StartOfTurn")
            .count(),
        1
    );
    assert!(events.iter().filter(|event| *event == "Update").count() >= 4);
    let state = sandbox.state();
    assert_eq!(
        state["speech"]["heard"][0]["text"],
        "What are your opening hours?"
    );
    assert_eq!(state["sockets"]["ear"], 1);
    tell(&mut socket, json!({"type": "CloseStream"})).await;
    assert_eq!(closed(&mut socket).await, Some(Some(1000)));
}

#[tokio::test]
async fn the_ear_takes_changes_and_refuses_the_old_messages() {
    let sandbox = sandbox().await;
    let mut socket = open(&sandbox, FLUX, "k").await.unwrap();
    next_json(&mut socket).await;
    tell(
        &mut socket,
        json!({"type": "Configure", "thresholds": {"eager_eot_threshold": 0.4}, "keyterms": ["a"]}),
    )
    .await;
    let done = next_json(&mut socket).await;
    assert_eq!(done["type"], "ConfigureSuccess");
    assert_eq!(
        done["thresholds"],
        json!({"eager_eot_threshold": 0.4, "eot_threshold": 0.7, "eot_timeout_ms": 5000})
    );
    assert_eq!(done["keyterms"], json!(["a"]));
    tell(
        &mut socket,
        json!({"type": "Configure", "thresholds": {"eager_eot_threshold": 0.8}}),
    )
    .await;
    assert_eq!(next_json(&mut socket).await["type"], "ConfigureFailure");
    for old in ["KeepAlive", "Finalize"] {
        let mut socket = open(&sandbox, FLUX, "k").await.unwrap();
        next_json(&mut socket).await;
        tell(&mut socket, json!({"type": old})).await;
        let error = next_json(&mut socket).await;
        assert_eq!(
            (&error["type"], &error["code"]),
            (&json!("Error"), &json!("UNPARSABLE_CLIENT_MESSAGE"))
        );
        assert_eq!(closed(&mut socket).await, Some(None));
    }
}

#[tokio::test]
async fn wrong_keys_and_parameters_are_refused_before_the_upgrade() {
    let sandbox = sandbox().await;
    let cases = [
        (FLUX, "", 401),
        (FLUX, "refused", 401),
        (
            "/v2/listen?model=nova-3&encoding=mulaw&sample_rate=8000",
            "k",
            400,
        ),
        ("/v2/listen?model=flux-general-en&encoding=mulaw", "k", 400),
        (
            "/v2/listen?model=flux-general-en&encoding=mulaw&sample_rate=8000&interim_results=true",
            "k",
            400,
        ),
        (
            "/v2/listen?model=flux-general-en&encoding=mulaw&sample_rate=8000&eot_threshold=0.5&eager_eot_threshold=0.6",
            "k",
            400,
        ),
        (
            "/v2/listen?model=flux-general-en&encoding=mulaw&sample_rate=8000&eot_timeout_ms=100",
            "k",
            400,
        ),
        (AURA, "", 401),
        (
            "/v1/speak?model=flux-haley-en&encoding=mulaw&sample_rate=8000",
            "k",
            400,
        ),
        (
            "/v1/speak?model=aura-2-thalia-en&encoding=mulaw&sample_rate=24000",
            "k",
            400,
        ),
        (
            "/v1/speak?model=aura-2-thalia-en&encoding=mulaw&sample_rate=8000&container=wav",
            "k",
            400,
        ),
    ];
    for (path, key, status) in cases {
        let Err(Error::Http(response)) = open(&sandbox, path, key).await else {
            panic!("{path} was taken");
        };
        assert_eq!(response.status(), status, "{path}");
        assert!(response.headers().contains_key("dg-request-id"));
        let body: Value = serde_json::from_slice(response.body().as_ref().unwrap()).unwrap();
        assert!(body["err_code"].is_string() && body["err_msg"].is_string());
    }
}

#[tokio::test]
async fn an_idle_ear_is_closed() {
    let sandbox = start(|settings| settings.idle = Duration::from_millis(50)).await;
    let mut socket = open(&sandbox, FLUX, "k").await.unwrap();
    next_json(&mut socket).await;
    assert_eq!(closed(&mut socket).await, Some(Some(1011)));
}

#[tokio::test]
async fn the_voice_speaks_and_answers_flushes() {
    let sandbox = sandbox().await;
    let mut socket = open(&sandbox, AURA, "k").await.unwrap();
    let metadata = next_json(&mut socket).await;
    assert_eq!(
        (&metadata["type"], &metadata["model_name"]),
        (&json!("Metadata"), &json!("aura-2-thalia-en"))
    );
    tell(
        &mut socket,
        json!({"type": "Speak", "text": "Hello there."}),
    )
    .await;
    tell(
        &mut socket,
        json!({"type": "Speak", "text": "How are you?"}),
    )
    .await;
    tell(&mut socket, json!({"type": "Flush"})).await;
    let mut audio = Vec::new();
    loop {
        match next(&mut socket).await.unwrap() {
            Message::Binary(bytes) => audio.extend_from_slice(&bytes),
            Message::Text(text) => {
                let message: Value = serde_json::from_str(&text).unwrap();
                assert_eq!(message, json!({"type": "Flushed", "sequence_id": 0}));
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(words(&audio), "hello there. how are you?");
    assert_eq!(
        sandbox.state()["speech"]["spoken"][0]["text"],
        "Hello there. How are you?"
    );
    tell(&mut socket, json!({"type": "Close"})).await;
    assert_eq!(closed(&mut socket).await, Some(Some(1000)));
}

#[tokio::test]
async fn a_cleared_voice_falls_silent() {
    let sandbox = sandbox().await;
    let mut socket = open(&sandbox, AURA, "k").await.unwrap();
    next_json(&mut socket).await;
    tell(
        &mut socket,
        json!({"type": "Speak", "text": "a long text ".repeat(50)}),
    )
    .await;
    tell(&mut socket, json!({"type": "Flush"})).await;
    while !matches!(next(&mut socket).await, Some(Message::Binary(_))) {}
    tell(&mut socket, json!({"type": "Clear"})).await;
    assert_eq!(
        next_json(&mut socket).await,
        json!({"type": "Cleared", "sequence_id": 0})
    );
    tell(&mut socket, json!({"type": "Flush"})).await;
    assert_eq!(
        next(&mut socket).await.unwrap().into_text().unwrap(),
        r#"{"sequence_id":1,"type":"Flushed"}"#
    );
}

#[tokio::test]
async fn the_voice_keeps_its_limits() {
    let sandbox = sandbox().await;
    let mut socket = open(&sandbox, AURA, "k").await.unwrap();
    next_json(&mut socket).await;
    for number in 0..20 {
        tell(&mut socket, json!({"type": "Flush"})).await;
        assert_eq!(next_json(&mut socket).await["sequence_id"], number);
    }
    tell(&mut socket, json!({"type": "Flush"})).await;
    let warning = next_json(&mut socket).await;
    assert_eq!(
        (&warning["type"], &warning["warn_code"]),
        (&json!("Warning"), &json!("EXCESSIVE_FLUSH"))
    );
    let long = json!({"type": "Speak", "text": "x".repeat(2_001)}).to_string();
    for (message, code) in [
        (Message::text(long), 1009),
        (Message::binary(vec![1]), 1003),
        (Message::text(r#"{"type":"KeepAlive"}"#), 1008),
        (Message::text("hello"), 1008),
    ] {
        let mut socket = open(&sandbox, AURA, "k").await.unwrap();
        next_json(&mut socket).await;
        socket.send(message).await.unwrap();
        assert_eq!(closed(&mut socket).await, Some(Some(code)));
    }
}

#[tokio::test]
async fn the_voice_renders_by_rest() {
    let sandbox = sandbox().await;
    let body = r#"{"text":"Hello, caller."}"#;
    let raw = ask(
        &sandbox,
        "POST",
        &format!("{AURA}&container=none"),
        &[KEY, JSON],
        body,
    )
    .await
    .unwrap();
    assert_eq!(raw.status, 200);
    assert!(raw.headers.contains("audio/mulaw;rate=8000") && raw.headers.contains("dg-char-count"));
    assert_eq!(words(&raw.body), "hello, caller.");
    let wav = ask(&sandbox, "POST", AURA, &[KEY, JSON], body)
        .await
        .unwrap();
    let reader = hound::WavReader::new(wav.body.as_slice());
    assert!(wav.body.starts_with(b"RIFF") && wav.body.len() == raw.body.len() + 44);
    // hound reads PCM only, and says so of µ-law: the header is well formed up to there.
    assert!(matches!(reader, Err(hound::Error::Unsupported)));
    let empty = ask(&sandbox, "POST", AURA, &[KEY, JSON], r#"{"text":" "}"#)
        .await
        .unwrap();
    assert_eq!(empty.status, 400);
    let long = json!({"text": "x".repeat(2_001)}).to_string();
    assert_eq!(
        ask(&sandbox, "POST", AURA, &[KEY, JSON], &long)
            .await
            .unwrap()
            .status,
        413
    );
    assert_eq!(
        ask(&sandbox, "POST", AURA, &[JSON], body)
            .await
            .unwrap()
            .status,
        401
    );
    assert_eq!(
        ask(&sandbox, "POST", AURA, &[KEY], body)
            .await
            .unwrap()
            .status,
        415
    );
}
