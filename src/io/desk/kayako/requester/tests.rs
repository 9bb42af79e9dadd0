use super::*;

fn user(json: serde_json::Value) -> User {
    serde_json::from_value(json).unwrap()
}

#[test]
fn numbers_are_the_same_however_they_are_written() {
    let same = [
        "+44 4928 581320",
        "004449 2858-1320",
        "+44 (49) 28581320",
        "444928581320",
    ];
    for number in same {
        assert_eq!(digits(number), "444928581320", "{number}");
    }
    assert_ne!(digits("+15550100199"), digits("5550100199"));
    assert_eq!(digits("anonymous"), "");
}

#[test]
fn only_an_identity_that_was_read_back_counts() {
    let ada = user(json!({
        "id": 7, "full_name": "Ada Byron",
        "emails": [{"id": 1, "email": "Ada@Example.org"}, {"id": 2, "resource_type": "identity_email"}],
        "phones": [{"id": 3, "number": "+1 555 010-0199"}, {"id": 4}],
    }));
    assert!(has_email(&ada, "ada@example.org "));
    assert!(!has_email(&ada, "da@example.org"));
    assert!(has_number(&ada, "+15550100199"));
    assert!(!has_number(&ada, "+1555010019"));
    let unknown = user(json!({"id": "8", "full_name": "Caller +15550100199", "emails": null}));
    assert!(!has_number(&unknown, "+15550100199") && stands_for(&unknown, "+15550100199"));
    assert!(!stands_for(&unknown, "+1555010019"));
}

#[test]
fn a_user_is_never_made_without_a_name() {
    let requester = |name: &str, phone: Option<&str>| Requester {
        name: name.to_owned(),
        email: None,
        phone: phone.map(str::to_owned),
    };
    assert_eq!(full_name(&requester(" ", Some("+1555"))), "Caller +1555");
    assert_eq!(full_name(&requester("", None)), "Unknown caller");
    assert_eq!(full_name(&requester("Ada", Some("+1555"))), "Ada");
}

#[test]
fn an_id_cannot_lead_elsewhere() {
    assert_eq!(path_part("12"), "12");
    assert_eq!(path_part("../me?x=1#"), "mex1");
}
