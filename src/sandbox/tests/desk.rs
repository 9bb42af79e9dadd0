use super::*;

#[tokio::test]
async fn the_helpdesk_keeps_a_ticket_and_shows_it() {
    let sandbox = sandbox().await;
    let me = ask(&sandbox, "GET", "/api/v1/me.json", &[LOGIN], "")
        .await
        .unwrap();
    let session = format!(
        "x-session-id: {}",
        me.json()["session_id"].as_str().unwrap()
    );
    let user = json!({"full_name": "Anna", "role_id": 4, "email": "a@example.com"}).to_string();
    let user = ask(
        &sandbox,
        "POST",
        "/api/v1/users.json",
        &[&session, JSON],
        &user,
    )
    .await
    .unwrap();
    assert_eq!(user.status, 201);
    let case = format!(
        "subject=Call&contents=x&channel=NOTE&requester_id={}&tags=a,b",
        user.json()["data"]["id"]
    );
    let form = "content-type: application/x-www-form-urlencoded";
    let made = ask(&sandbox, "POST", "/api/v1/cases", &[&session, form], &case)
        .await
        .unwrap();
    assert_eq!(
        (made.status, &made.json()["resource"]),
        (201, &json!("case"))
    );
    let both = ask(&sandbox, "GET", "/api/v1/me", &[&session, LOGIN], "")
        .await
        .unwrap();
    assert_eq!(
        (both.status, &both.json()["errors"][0]["code"]),
        (454, &json!("SESSION_LOADING_FAILED"))
    );
    let none = ask(&sandbox, "GET", "/api/v1/cases.json", &[], "")
        .await
        .unwrap();
    assert_eq!(
        (none.status, &none.json()["errors"][0]["code"]),
        (401, &json!("AUTHENTICATION_FAILED"))
    );
    let xml = [session.as_str(), "accept: text/xml"];
    let xml = ask(&sandbox, "GET", "/api/v1/me", &xml, "").await;
    assert_eq!(xml.unwrap().status, 406);
    let state = ask(&sandbox, "GET", "/state", &[], "")
        .await
        .unwrap()
        .json();
    assert_eq!(state["tickets"][0]["tags"], json!(["a", "b"]));
    assert_eq!(
        state["tickets"][0]["requester"]["emails"],
        json!(["a@example.com"])
    );
    assert_eq!(state["requests"]["helpdesk"]["total"], 6);
    assert_eq!(
        state["requests"]["helpdesk"]["last"][1]["body"]["full_name"],
        "Anna"
    );
    assert_eq!(state["requests"]["helpdesk"]["last"][3]["status"], 454);
}

#[tokio::test]
async fn lists_come_in_pages_and_unchanged_ones_not_at_all() {
    let sandbox = sandbox().await;
    let first = ask(&sandbox, "GET", "/api/v1/articles.json?include=*", &[], "")
        .await
        .unwrap();
    let page = first.json();
    assert_eq!(
        (page["data"].as_array().unwrap().len(), &page["total_count"]),
        (10, &json!(12))
    );
    let next = page["next_url"].as_str().unwrap();
    let path = &next[next.find("/api").unwrap()..];
    let second = ask(&sandbox, "GET", path, &[], "").await.unwrap().json();
    assert_eq!(second["data"].as_array().unwrap().len(), 2);
    assert!(second.get("next_url").is_none());
    assert!(second["data"][0]["titles"][0]["translation"].is_string());
    let tag = first
        .headers
        .split("\"etag\": ")
        .nth(1)
        .unwrap()
        .split(", ")
        .next()
        .unwrap();
    let tag: String = serde_json::from_str(tag).unwrap();
    let again = format!("if-none-match: {tag}");
    let same = ask(
        &sandbox,
        "GET",
        "/api/v1/articles.json?include=*",
        &[&again],
        "",
    )
    .await
    .unwrap();
    assert_eq!((same.status, same.body.len()), (304, 0));
    let wrong = ask(&sandbox, "GET", "/api/v1/articles.json?limit=1000", &[], "")
        .await
        .unwrap();
    assert_eq!(wrong.status, 400);
}
