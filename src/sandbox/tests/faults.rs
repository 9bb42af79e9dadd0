use super::*;

#[tokio::test]
async fn faults_strike_the_helpdesk_before_and_after_the_effect() {
    let sandbox = sandbox().await;
    let user = |email: &str| json!({"full_name": "Anna", "role_id": 4, "email": email}).to_string();
    let post = async |email: &str| {
        ask(
            &sandbox,
            "POST",
            "/api/v1/users.json",
            &[LOGIN, JSON],
            &user(email),
        )
        .await
    };
    let users = || sandbox.state()["users"].as_array().unwrap().len();
    fault(
        &sandbox,
        json!({"service": "helpdesk", "stage": "connect", "kind": "status", "status": 503, "retry_after": 2, "count": 1}),
    );
    let answer = post("a@example.com").await.unwrap();
    assert_eq!((answer.status, users()), (503, 1));
    assert!(
        answer.headers.contains("retry-after") && answer.json()["errors"][0]["code"].is_string()
    );
    fault(
        &sandbox,
        json!({"service": "helpdesk", "stage": "after", "kind": "refuse", "method": "POST", "path": "/users", "count": 1}),
    );
    assert!(post("b@example.com").await.is_none());
    assert_eq!(users(), 2);
    fault(
        &sandbox,
        json!({"service": "helpdesk", "stage": "middle", "kind": "close", "count": 1}),
    );
    let answer = post("c@example.com").await.unwrap();
    assert_eq!((answer.status, answer.whole, users()), (201, false, 3));
    assert_eq!(post("d@example.com").await.unwrap().status, 201);
    assert_eq!(sandbox.state()["faults"], json!([]));
}

#[tokio::test]
async fn faults_strike_the_model_at_each_stage() {
    let sandbox = sandbox().await;
    let post = async || {
        ask(
            &sandbox,
            "POST",
            "/v1/responses",
            &[KEY, JSON],
            &question("opening hours"),
        )
        .await
    };
    let service = |stage: &str, kind: &str| json!({"service": "model", "stage": stage, "kind": kind, "count": 1});
    fault(&sandbox, service("connect", "refuse"));
    assert!(post().await.is_none());
    fault(&sandbox, service("first_byte", "close"));
    let answer = post().await.unwrap();
    assert_eq!(
        (answer.status, answer.whole, answer.body.len()),
        (200, false, 0)
    );
    fault(&sandbox, service("middle", "close"));
    let answer = post().await.unwrap();
    assert!(
        !answer.whole
            && String::from_utf8(answer.body)
                .unwrap()
                .contains("output_text.delta")
    );
    fault(&sandbox, service("middle", "status"));
    let text = String::from_utf8(post().await.unwrap().body).unwrap();
    assert!(text.contains("event: error\n") && !text.contains("response.completed"));
    fault(
        &sandbox,
        json!({"service": "model", "stage": "connect", "kind": "status", "status": 429, "error": "insufficient_quota", "count": 1}),
    );
    let answer = post().await.unwrap();
    assert_eq!(
        (answer.status, &answer.json()["error"]["type"]),
        (429, &json!("insufficient_quota"))
    );
    fault(
        &sandbox,
        json!({"service": "model", "stage": "connect", "kind": "slow", "delay_ms": 60, "count": 1}),
    );
    let before = clock::now();
    assert_eq!(post().await.unwrap().status, 200);
    assert!(clock::now() - before >= Duration::from_millis(60));
}

#[tokio::test]
async fn faults_strike_the_ear_and_the_voice_at_each_stage() {
    let sandbox = sandbox().await;
    let set = |service: &str, stage: &str, kind: &str| {
        fault(
            &sandbox,
            json!({"service": service, "stage": stage, "kind": kind, "code": 1011, "count": 1}),
        );
    };
    for (service, path) in [("ear", FLUX), ("voice", AURA)] {
        set(service, "connect", "refuse");
        assert!(open(&sandbox, path, "k").await.is_err());
        set(service, "connect", "status");
        assert!(
            matches!(open(&sandbox, path, "k").await, Err(Error::Http(response)) if response.status() == 500)
        );
    }
    set("ear", "first_byte", "close");
    let mut socket = open(&sandbox, FLUX, "k").await.unwrap();
    assert_eq!(closed(&mut socket).await, Some(Some(1011)));
    set("ear", "middle", "refuse");
    let mut socket = open(&sandbox, FLUX, "k").await.unwrap();
    socket
        .send(Message::binary(speech("one two three")))
        .await
        .unwrap();
    assert_eq!(closed(&mut socket).await, None);
    for (stage, some) in [("first_byte", false), ("middle", true)] {
        set("voice", stage, "close");
        let mut socket = open(&sandbox, AURA, "k").await.unwrap();
        tell(
            &mut socket,
            json!({"type": "Speak", "text": "a text with some length to it"}),
        )
        .await;
        tell(&mut socket, json!({"type": "Flush"})).await;
        let mut audio = 0;
        let code = loop {
            match next(&mut socket).await {
                Some(Message::Binary(bytes)) => audio += bytes.len(),
                Some(Message::Close(frame)) => break frame.unwrap().code,
                Some(_) => {}
                None => panic!("no close frame"),
            }
        };
        assert_eq!((audio > 0, code), (some, CloseCode::Error));
    }
}

#[tokio::test]
async fn a_stalled_socket_stays_open_and_says_nothing() {
    let sandbox = sandbox().await;
    fault(
        &sandbox,
        json!({"service": "ear", "stage": "first_byte", "kind": "stall"}),
    );
    let mut socket = open(&sandbox, FLUX, "k").await.unwrap();
    socket.send(Message::Ping("p".into())).await.unwrap();
    // The pong is the transport's; nothing else comes before it or after it.
    assert_eq!(next(&mut socket).await, Some(Message::Pong("p".into())));
    assert!(
        timeout(Duration::from_millis(100), socket.next())
            .await
            .is_err()
    );
    sandbox.cut();
    assert_eq!(closed(&mut socket).await, None);
}

#[tokio::test]
async fn faults_are_set_and_cleared_over_http() {
    let sandbox = sandbox().await;
    let one = r#"{"service":"ear","stage":"connect","kind":"refuse"}"#;
    let post = async |body: &str| ask(&sandbox, "POST", "/faults", &[], body).await.unwrap();
    assert_eq!(post(one).await.json().as_array().unwrap().len(), 1);
    assert_eq!(
        post(&format!("[{one},{one}]"))
            .await
            .json()
            .as_array()
            .unwrap()
            .len(),
        3
    );
    assert_eq!(
        ask(&sandbox, "GET", "/faults", &[], "")
            .await
            .unwrap()
            .json()
            .as_array()
            .unwrap()
            .len(),
        3
    );
    assert_eq!(
        post(&format!(r#"{{"clear":true,"faults":[{one}]}}"#))
            .await
            .json()
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(post(r#"{"clear":true}"#).await.json(), json!([]));
    let wrong = post(r#"{"service":"eye","stage":"connect","kind":"refuse"}"#).await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.json()["error"].as_str().unwrap().contains("eye"));
    post(one).await;
    assert_eq!(
        ask(&sandbox, "DELETE", "/faults", &[], "")
            .await
            .unwrap()
            .json(),
        json!([])
    );
}

#[tokio::test]
async fn a_stopped_sandbox_leaves_nothing_behind() {
    let sandbox = sandbox().await;
    let mut socket = open(&sandbox, FLUX, "k").await.unwrap();
    next_json(&mut socket).await;
    let addr = sandbox.addr;
    let shared = Arc::downgrade(&sandbox.shared);
    sandbox.stop().await;
    assert_eq!(closed(&mut socket).await, None);
    assert!(TcpStream::connect(addr).await.is_err());
    let gone = async {
        while shared.strong_count() > 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, gone)
        .await
        .expect("the last task lets go");
}
