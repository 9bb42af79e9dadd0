use serde_json::{Value, json};

use super::fault::{Code, fault};
use super::wire::{ArticleItem, Case, Envelope, Labelled, id_value, new_case, retry_after};
use super::*;
use crate::ticket::{CallId, Draft, Requester};

fn read<T: serde::de::DeserializeOwned>(json: Value) -> T {
    serde_json::from_value(json).unwrap()
}

#[test]
fn addresses_lead_to_the_api_or_are_refused_in_words() {
    let good = [
        (
            "https://brewfictus.kayako.com",
            "https://brewfictus.kayako.com/api/v1/",
        ),
        (
            " https://brewfictus.kayako.com/ ",
            "https://brewfictus.kayako.com/api/v1/",
        ),
        (
            "https://brewfictus.kayako.com/api/v1",
            "https://brewfictus.kayako.com/api/v1/",
        ),
        (
            "https://brewfictus.kayako.com/agent/cases",
            "https://brewfictus.kayako.com/api/v1/",
        ),
        ("http://127.0.0.1:9100", "http://127.0.0.1:9100/api/v1/"),
        ("http://[::1]:9100", "http://[::1]:9100/api/v1/"),
        (
            "http://localhost:9100/api/v1/",
            "http://localhost:9100/api/v1/",
        ),
    ];
    for (address, expected) in good {
        assert_eq!(base(address).unwrap().as_str(), expected, "{address}");
    }
    let bad = [
        ("brewfictus.kayako.com", "https://"),
        ("http://brewfictus.kayako.com", "in the clear"),
        ("ftp://brewfictus.kayako.com", "not of the web"),
        ("https://user:word@brewfictus.kayako.com", "credentials"),
        (
            "https://support.example.org/api/index.php?e=/Tickets/Ticket",
            "Classic",
        ),
        ("https://support.example.org/api/?e=/Core/Test", "Classic"),
        ("", "https://"),
    ];
    for (address, words) in bad {
        let reason = base(address).unwrap_err().into_error().to_string();
        assert!(reason.contains(words), "{address}: {reason}");
    }
}

fn answer(status: u16, code: &str, after: Option<&str>) -> DeskError {
    let envelope: Envelope = read(json!({
        "status": status,
        "errors": [{"code": code, "parameter": null, "message": "in words"}],
    }));
    fault(status, after, Some(&envelope)).into_error()
}

/// What is done about each answer.
#[test]
fn errors_are_told_apart_by_status_and_code() {
    let cases = [
        (400, "FIELD_INVALID", "refused"),
        (400, "FIELD_DUPLICATE", "refused"),
        (401, "AUTHENTICATION_FAILED", "barred"),
        (403, "OTP_EXPECTED", "barred"),
        (403, "PERMISSIONS_DENIED", "barred"),
        (404, "RESOURCE_NOT_FOUND", "refused"),
        (405, "METHOD_NOT_SUPPORTED", "refused"),
        (406, "", "refused"),
        (408, "", "retry"),
        (412, "", "refused"),
        (426, "", "barred"),
        (429, "RATE_LIMIT_REACHED", "retry"),
        (429, "AUTHENTICATION_LOCKED", "barred"),
        (454, "SESSION_LOADING_FAILED", "retry"),
        (500, "", "retry"),
        (502, "", "retry"),
        (503, "", "retry"),
    ];
    for (status, code, expected) in cases {
        let kind = match answer(status, code, None) {
            DeskError::Retry { .. } => "retry",
            DeskError::Refused { .. } => "refused",
            DeskError::Barred { .. } => "barred",
        };
        assert_eq!(kind, expected, "{status} {code}");
    }
}

#[test]
fn waits_are_as_long_as_asked_and_never_short_for_a_locked_account() {
    let seconds = |count| Some(Duration::from_secs(count));
    assert_eq!(retry_after(Some("30")), seconds(30));
    assert_eq!(retry_after(Some("99999999")), seconds(86_400));
    assert_eq!(retry_after(Some("Wed, 21 Oct 2026 07:28:00 GMT")), None);
    assert!(matches!(
        answer(429, "RATE_LIMIT_REACHED", Some("7")),
        DeskError::Retry { after, .. } if after == seconds(7)
    ));
    assert!(matches!(
        answer(429, "AUTHENTICATION_LOCKED", Some("1")),
        DeskError::Barred { after, .. } if after == Duration::from_secs(600)
    ));
}

#[test]
fn what_is_unclear_waits_before_a_create_is_looked_up() {
    let settle = Duration::from_secs(30);
    let after = |fault: Fault| match fault.into_create_error(settle) {
        DeskError::Retry { after, .. } => after,
        other => panic!("{other}"),
    };
    assert_eq!(after(fault(500, None, None)), Some(settle));
    // Nothing was done: there is nothing to wait for.
    assert_eq!(after(fault(429, None, None)), None);
    assert_eq!(
        after(fault(503, Some("4"), None)),
        Some(Duration::from_secs(4))
    );
}

#[test]
fn an_error_never_brings_an_address_or_number_into_the_log() {
    let envelope: Envelope = read(json!({"errors": [
        {"code": "FIELD_DUPLICATE", "parameter": "email", "message": "ada@example.org exists"}
    ]}));
    let found = fault(400, None, Some(&envelope));
    assert!(matches!(
        &found,
        Fault::Invalid {
            error: Code::Duplicate,
            ..
        }
    ));
    let reason = found.into_error().to_string();
    assert!(
        reason.contains("FIELD_DUPLICATE email") && !reason.contains('@'),
        "{reason}"
    );
}

#[test]
fn an_envelope_is_read_whatever_is_missing() {
    let empty: Envelope = read(json!({}));
    assert!(empty.items::<Case>().is_empty() && empty.item::<Case>().is_none());
    let odd: Envelope =
        read(json!({"data": [{"id": 1}, 7, null, {"x": 1}, {"id": "9"}], "errors": null}));
    let ids: Vec<String> = odd
        .items::<Case>()
        .iter()
        .map(|case| case.id.text())
        .collect();
    assert_eq!(ids, ["1", "9"]);
    assert_eq!((id_value("12"), id_value("u-1")), (json!(12), json!("u-1")));
}

#[test]
fn a_case_bears_a_tag_in_each_form_tags_come_in() {
    let bears = |tags: Value| read::<Case>(json!({"id": 1, "tags": tags})).bears("ringwell-C1");
    assert!(bears(
        json!([{"id": 3, "name": "ringwell-c1", "resource_type": "tag"}])
    ));
    assert!(bears(json!(["x", "ringwell-C1"])));
    assert!(bears(json!("voice, ringwell-c1")));
    assert!(!bears(
        json!([{"id": 3, "resource_type": "tag"}, "ringwell-c12"])
    ));
    assert!(!bears(Value::Null));
}

#[test]
fn labels_are_found_by_name_type_or_translation() {
    let called = |item: Value, name: &str| read::<Labelled>(item).is_called(name);
    assert!(called(
        json!({"id": 1, "label": "Open", "type": "OPEN"}),
        "open"
    ));
    assert!(called(
        json!({"id": 1, "label": "Bei uns", "type": "OPEN"}),
        "Open"
    ));
    assert!(called(json!({"id": 1, "title": "Support"}), " support "));
    assert!(called(
        json!({"id": 1, "label": [{"locale": "en-us", "translation": "High"}]}),
        "High"
    ));
    assert!(!called(
        json!({"id": 1, "label": "Open", "type": null}),
        "High"
    ));
}

#[test]
fn a_new_case_is_a_note_with_tags_as_one_text() {
    let draft = Draft {
        call_id: CallId("c1".to_owned()),
        subject: "Call".to_owned(),
        body_html: "<p>x</p>".to_owned(),
        body_text: "x".to_owned(),
        requester: Requester::default(),
        tags: vec!["voice-call".to_owned(), "a,b".to_owned()],
    };
    let case = new_case(&draft, "12", &["own".to_owned(), "c,d".to_owned()]);
    assert_eq!(
        (&case["channel"], &case["requester_id"]),
        (&json!("NOTE"), &json!(12))
    );
    assert_eq!(case["tags"], "voice-call,a b,own,c d,ringwell-c1");
    assert!(
        case.get("channel_id").is_none(),
        "a mailbox would send mail"
    );
}

fn article(status: &str, visibility: Value, titles: Value) -> Option<crate::io::desk::Article> {
    let item: ArticleItem = read(json!({
        "id": 5, "status": status, "section": visibility, "titles": titles, "keywords": null,
        "contents": [{"locale": "en-us", "translation": "<p>Text</p>"}],
    }));
    item.into_public("de")
}

#[test]
fn only_what_is_published_and_shown_to_be_public_is_kept() {
    let titles = json!([{"locale": "en-us", "translation": "Title"}]);
    let public = json!({"id": 1, "visibility": "PUBLIC"});
    assert!(article("PUBLISHED", public.clone(), titles.clone()).is_some());
    assert!(article("DRAFT", public.clone(), titles.clone()).is_none());
    assert!(article("PENDINGAPPROVAL", public.clone(), titles.clone()).is_none());
    assert!(
        article(
            "PUBLISHED",
            json!({"id": 1, "visibility": "PRIVATE"}),
            titles.clone()
        )
        .is_none()
    );
    assert!(
        article(
            "PUBLISHED",
            json!({"id": 1, "resource_type": "section"}),
            titles.clone()
        )
        .is_none()
    );
    assert!(article("PUBLISHED", Value::Null, titles).is_none());
    // A reference that was not expanded has no text.
    assert!(
        article(
            "PUBLISHED",
            public,
            json!([{"id": 1, "resource_type": "locale_field"}])
        )
        .is_none()
    );
}

#[test]
fn the_language_is_the_wanted_one_else_english_else_the_first() {
    let public = json!({"id": 1, "visibility": "PUBLIC"});
    let title = |titles: &[(&str, &str)]| {
        let titles: Vec<Value> = titles
            .iter()
            .map(|(locale, text)| json!({"locale": locale, "translation": text}))
            .collect();
        article("PUBLISHED", public.clone(), json!(titles)).map(|article| article.title)
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        title(&[("en-us", "E"), ("de-at", "A"), ("de", "D")]),
        some("D")
    );
    assert_eq!(
        title(&[("fr", "F"), ("en-us", "E"), ("de-at", "A")]),
        some("A")
    );
    assert_eq!(title(&[("fr", "F"), ("en-gb", "E")]), some("E"));
    assert_eq!(title(&[("fr", "F"), ("it", "I")]), some("F"));
    assert_eq!(title(&[("de", " "), ("fr", "F")]), some("F"));
}
