use serde_json::json;

use super::*;

fn call(method: Method, path_and_query: &str, body: Value) -> Call {
    let (path, query) = path_and_query
        .split_once('?')
        .unwrap_or((path_and_query, ""));
    let uri: Uri = format!("/?{query}").parse().unwrap();
    let query = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&uri).unwrap();
    Call {
        method,
        path: path.to_owned(),
        query: query.0,
        fields: body.as_object().cloned().unwrap_or_default(),
        base: "http://desk/api/v1".to_owned(),
        agent: Some(1),
    }
}

fn get(desk: &mut Desk, path: &str) -> Vec<Value> {
    match route(desk, &call(Method::GET, path, Value::Null)).unwrap() {
        Answer::One { data, .. } => vec![data],
        Answer::Many { data, .. } => data,
    }
}

fn post(desk: &mut Desk, path: &str, body: Value) -> Result<Value, (String, Option<String>)> {
    match route(desk, &call(Method::POST, path, body)) {
        Ok(Answer::One { status, data, .. }) => {
            assert!(status == StatusCode::CREATED || status == StatusCode::OK);
            Ok(data)
        }
        Ok(Answer::Many { .. }) => panic!("a list"),
        Err(trouble) => Err((trouble.code, trouble.parameter)),
    }
}

fn desk() -> (Desk, u64) {
    let mut desk = Desk::new(&seed::articles());
    let user = json!({"full_name": "Anna Lee", "role_id": 4, "email": "anna@example.com"});
    let user = post(&mut desk, "users", user).unwrap();
    let id = user["id"].as_u64().unwrap();
    let phone = json!({"user_id": id, "number": "+15550100199"});
    post(&mut desk, "identities/phones", phone).unwrap();
    (desk, id)
}

fn case(requester: u64) -> Value {
    json!({"subject": "Phone call", "contents": "<p>x</p>", "channel": "NOTE", "requester_id": requester,
        "tags": "voice-call, ringwell-1"})
}

fn code(result: Result<Value, (String, Option<String>)>) -> (String, String) {
    let (code, parameter) = result.unwrap_err();
    (code, parameter.unwrap_or_default())
}

#[test]
fn a_note_makes_a_case_and_sends_nobody_mail() {
    let (mut desk, user) = desk();
    let made = post(&mut desk, "cases", case(user)).unwrap();
    assert_eq!(made["resource_type"], "case");
    assert!(made.get("tags").is_none());
    let state = desk.json();
    assert_eq!(
        state["tickets"][0]["tags"],
        json!(["voice-call", "ringwell-1"])
    );
    assert_eq!(
        state["tickets"][0]["requester"]["phones"],
        json!(["+15550100199"])
    );
    assert_eq!(state["emails_sent"], json!([]));
}

#[test]
fn the_mail_channel_leaves_a_trace() {
    let (mut desk, user) = desk();
    let mut mail = case(user);
    mail["channel"] = json!("MAIL");
    assert_eq!(
        code(post(&mut desk, "cases", mail.clone())),
        ("FIELD_REQUIRED".into(), "channel_id".into())
    );
    mail["channel_id"] = json!(1);
    let made = post(&mut desk, "cases", mail).unwrap();
    assert_eq!(
        desk.json()["emails_sent"],
        json!([{"case_id": made["id"], "to": ["anna@example.com"]}])
    );
}

#[test]
fn wrong_fields_of_a_case_are_named() {
    let (mut desk, user) = desk();
    for (name, value, wanted) in [
        ("subject", Value::Null, "FIELD_REQUIRED"),
        ("contents", json!(""), "FIELD_REQUIRED"),
        ("channel", json!("PHONE"), "FIELD_INVALID"),
        ("channel", json!("note"), "FIELD_INVALID"),
        ("requester_id", json!(9_999), "FIELD_INVALID"),
        ("requester_id", Value::Null, "FIELD_REQUIRED"),
        ("status_id", json!(99), "FIELD_INVALID"),
        ("priority_id", json!("high"), "FIELD_INVALID"),
        ("tags", json!(["a"]), "FIELD_INVALID"),
        ("subject", json!("x".repeat(256)), "FIELD_INVALID"),
    ] {
        let mut body = case(user);
        body[name] = value;
        assert_eq!(
            code(post(&mut desk, "cases", body)),
            (wanted.into(), name.into())
        );
    }
    assert_eq!(desk.json()["tickets"], json!([]));
}

#[test]
fn references_are_whole_only_when_included_and_tags_only_when_asked_for() {
    let (mut desk, user) = desk();
    let id = post(&mut desk, "cases", case(user)).unwrap()["id"].clone();
    let plain = get(&mut desk, &format!("cases/{id}"));
    assert_eq!(
        plain[0]["requester"],
        json!({"id": user, "resource_type": "user"})
    );
    assert!(plain[0].get("tags").is_none());
    let whole = get(
        &mut desk,
        &format!("cases/{id}?include=user,identity_phone,case_status,tag&fields=%2Btags"),
    );
    assert_eq!(whole[0]["requester"]["phones"][0]["number"], "+15550100199");
    assert_eq!(
        whole[0]["requester"]["emails"][0]["resource_type"],
        "identity_email"
    );
    assert!(whole[0]["requester"]["emails"][0].get("email").is_none());
    assert_eq!(whole[0]["status"]["label"], "New");
    assert_eq!(whole[0]["tags"][1]["name"], "ringwell-1");
}

#[test]
fn cases_are_found_by_tag_status_and_telephone_number() {
    let (mut desk, user) = desk();
    let first = post(&mut desk, "cases", case(user)).unwrap()["id"].clone();
    let mut other = case(user);
    other["tags"] = json!("ringwell-2");
    let second = post(&mut desk, "cases", other).unwrap()["id"].clone();
    let ids =
        |found: Vec<Value>| -> Vec<Value> { found.iter().map(|case| case["id"].clone()).collect() };
    assert_eq!(ids(get(&mut desk, "cases")), [second, first.clone()]);
    assert_eq!(
        ids(get(&mut desk, "cases?tags=ringwell-1")),
        std::slice::from_ref(&first)
    );
    let by_phone = "cases?identity_type=PHONE&identity_value=%2B15550100199&status=NEW,OPEN";
    assert_eq!(ids(get(&mut desk, by_phone)).len(), 2);
    assert!(get(&mut desk, "cases?identity_type=PHONE&identity_value=%2B1").is_empty());
    assert!(get(&mut desk, "cases?status=CLOSED").is_empty());
    let hits = get(&mut desk, "search?query=ringwell-1&resources=CASES");
    assert_eq!((hits.len(), &hits[0]["id"]), (1, &first));
}

#[test]
fn a_reply_and_a_change_keep_the_mail_silent() {
    let (mut desk, user) = desk();
    let id = post(&mut desk, "cases", case(user)).unwrap()["id"].clone();
    post(
        &mut desk,
        &format!("cases/{id}/reply"),
        json!({"contents": "more", "channel": "NOTE", "status_id": 2}),
    )
    .unwrap();
    let change = call(
        Method::PUT,
        &format!("cases/{id}"),
        json!({"priority_id": 3, "tags": "one"}),
    );
    assert!(route(&mut desk, &change).is_ok());
    post(
        &mut desk,
        &format!("cases/{id}/tags"),
        json!({"tags": "two"}),
    )
    .unwrap();
    let state = desk.json();
    let ticket = &state["tickets"][0];
    assert_eq!(
        (&ticket["status"], &ticket["priority"], &ticket["tags"]),
        (&json!("Open"), &json!("High"), &json!(["one", "two"]))
    );
    assert_eq!(ticket["posts"].as_array().unwrap().len(), 2);
    assert_eq!(
        get(&mut desk, &format!("cases/{id}/posts"))[0]["contents"],
        "more"
    );
    assert_eq!(state["emails_sent"], json!([]));
}

#[test]
fn users_are_checked_and_found() {
    let (mut desk, user) = desk();
    for (body, wanted) in [
        (json!({"full_name": "x"}), ("FIELD_REQUIRED", "role_id")),
        (
            json!({"fullname": "x", "role_id": 4}),
            ("FIELD_REQUIRED", "full_name"),
        ),
        (
            json!({"full_name": "x", "role_id": 77}),
            ("FIELD_INVALID", "role_id"),
        ),
        (
            json!({"full_name": "x", "role_id": 4, "email": "Anna@example.com"}),
            ("FIELD_DUPLICATE", "email"),
        ),
        (
            json!({"full_name": "x", "role_id": 4, "email": "anna at home"}),
            ("FIELD_INVALID", "email"),
        ),
    ] {
        assert_eq!(
            code(post(&mut desk, "users", body)),
            (wanted.0.into(), wanted.1.into())
        );
    }
    let phone = json!({"user_id": user, "number": "+15550100199"});
    assert_eq!(
        code(post(&mut desk, "identities/phones", phone)),
        ("FIELD_DUPLICATE".into(), "number".into())
    );
    let found = get(&mut desk, "autocomplete/emails?address=anna@example.com");
    assert_eq!(
        found[0]["parent"],
        json!({"id": user, "resource_type": "user"})
    );
    let found = get(&mut desk, "search?query=%2B15550100199&resources=USERS");
    assert_eq!(found[0]["id"], user);
    // Not a filter: the whole list comes back.
    assert_eq!(get(&mut desk, "users?email=nobody@example.com").len(), 2);
    assert_eq!(get(&mut desk, "users?role=CUSTOMER").len(), 1);
}

#[test]
fn the_public_sees_only_public_and_published_articles() {
    let (mut desk, _) = desk();
    let all = get(&mut desk, "articles?include=*");
    assert_eq!(all.len(), 14);
    assert!(all.iter().any(|article| article["status"] == "DRAFT"));
    assert!(
        all.iter()
            .any(|article| article["section"]["visibility"] == "PRIVATE")
    );
    assert!(
        all[0]["contents"][0]["translation"]
            .as_str()
            .unwrap()
            .contains("<p>")
    );
    let mut anonymous = call(Method::GET, "articles", Value::Null);
    anonymous.agent = None;
    let Ok(Answer::Many { data, .. }) = route(&mut desk, &anonymous) else {
        panic!("a list")
    };
    assert_eq!(data.len(), 12);
    assert_eq!(
        data[0]["contents"][0],
        json!({"id": 12, "resource_type": "locale_field"})
    );
    let title = get(&mut desk, "locale/fields/11");
    assert_eq!(title[0]["translation"], "How to reset your password");
}

#[test]
fn nothing_else_is_open_to_the_public_and_unknown_paths_are_404() {
    let (mut desk, _) = desk();
    for path in ["me", "cases", "users", "search?query=x"] {
        let mut anonymous = call(Method::GET, path, Value::Null);
        anonymous.agent = None;
        assert_eq!(route(&mut desk, &anonymous).unwrap_err().status, 401);
    }
    let status = |method: Method, path: &str, desk: &mut Desk| {
        route(desk, &call(method, path, Value::Null))
            .unwrap_err()
            .status
    };
    assert_eq!(status(Method::GET, "conversations", &mut desk), 404);
    assert_eq!(status(Method::GET, "cases/77777", &mut desk), 404);
    assert_eq!(status(Method::DELETE, "cases", &mut desk), 405);
}
