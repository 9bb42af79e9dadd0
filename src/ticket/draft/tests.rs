use std::time::{Duration, UNIX_EPOCH};

use super::*;
use crate::ticket::Speaker;

fn call_id() -> CallId {
    CallId("c-17".to_owned())
}

fn started(from: &str, from_name: &str) -> Entry {
    Entry::Started {
        at: UNIX_EPOCH + Duration::from_secs(1_709_164_800),
        sip_call_id: "abc@pbx".to_owned(),
        from: from.to_owned(),
        from_name: from_name.to_owned(),
        to: "support".to_owned(),
        identity: Box::default(),
    }
}

fn said(speaker: Speaker, text: &str) -> Entry {
    Entry::Line {
        at: Duration::from_secs(12),
        speaker,
        text: text.to_owned(),
        interrupted: false,
    }
}

fn ended(outcome: Outcome) -> Entry {
    Entry::Ended {
        at: Duration::from_secs(62),
        outcome,
        reason: "the caller hung up".to_owned(),
    }
}

fn record(entries: Vec<Entry>) -> CallRecord {
    let mut record = CallRecord::default();
    entries.into_iter().for_each(|entry| record.push(entry));
    record
}

fn answered() -> Entry {
    Entry::Answered(Duration::from_secs(2))
}

fn escalated() -> Entry {
    Entry::Escalated {
        reason: "wants a refund".to_owned(),
    }
}

#[test]
fn which_calls_need_a_ticket() {
    let caller = || said(Speaker::Caller, "hello");
    let greeting = || said(Speaker::Agent, "Hello, how can I help?");
    let cases = [
        ("never answered", vec![ended(Outcome::Abandoned)], false),
        (
            "failed before the answer",
            vec![ended(Outcome::Failed)],
            false,
        ),
        ("not over", vec![answered(), caller()], false),
        (
            "settled",
            vec![answered(), caller(), ended(Outcome::Answered)],
            false,
        ),
        (
            "settled but escalated",
            vec![answered(), escalated(), ended(Outcome::Answered)],
            true,
        ),
        (
            "left without a word",
            vec![answered(), greeting(), ended(Outcome::Abandoned)],
            true,
        ),
        (
            "left after a word",
            vec![answered(), caller(), ended(Outcome::Abandoned)],
            true,
        ),
        (
            "escalated",
            vec![answered(), ended(Outcome::Escalated)],
            true,
        ),
        ("failed", vec![answered(), ended(Outcome::Failed)], true),
        (
            "interrupted",
            vec![answered(), ended(Outcome::Interrupted)],
            true,
        ),
        (
            "no input",
            vec![
                answered(),
                greeting(),
                escalated(),
                ended(Outcome::Escalated),
            ],
            true,
        ),
    ];
    for (name, entries, expected) in cases {
        let record = record([vec![started("100", "")], entries].concat());
        let draft = draft(&call_id(), &record, TicketPolicy::Unsettled);
        assert_eq!(draft.is_some(), expected, "{name}");
    }
}

#[test]
fn every_call_in_which_something_was_said_has_a_ticket_under_the_policy_every() {
    let drafted = |entries: Vec<Entry>| {
        let record = record([vec![started("100", "")], entries].concat());
        draft(&call_id(), &record, TicketPolicy::Every).is_some()
    };
    let greeting = || said(Speaker::Agent, "Hello");
    assert!(drafted(vec![
        answered(),
        greeting(),
        ended(Outcome::Answered)
    ]));
    assert!(!drafted(vec![answered(), ended(Outcome::Answered)]));
    assert!(!drafted(vec![ended(Outcome::Abandoned)]));
}

#[test]
fn the_requester_is_named_by_what_the_line_told() {
    let check = |from: &str, from_name: &str, name: &str, phone: Option<&str>| {
        let record = record(vec![
            started(from, from_name),
            answered(),
            ended(Outcome::Failed),
        ]);
        let requester = draft(&call_id(), &record, TicketPolicy::Unsettled)
            .unwrap()
            .requester;
        assert_eq!(requester.name, name, "{from} {from_name}");
        assert_eq!(requester.phone.as_deref(), phone, "{from} {from_name}");
        assert_eq!(requester.email, None);
    };
    check("+15550100199", "Jane Doe", "Jane Doe", Some("+15550100199"));
    check(
        "+1 (555) 010-0199",
        "",
        "Caller +15550100199",
        Some("+15550100199"),
    );
    check(
        "+15550100199",
        "Anonymous",
        "Caller +15550100199",
        Some("+15550100199"),
    );
    check("jane", "", "jane", None);
    check("anonymous", "", "Unknown caller, call c-17", None);
    check("", "Restricted", "Unknown caller, call c-17", None);
    check("12", "", "12", None);
}

#[test]
fn only_a_confirmed_email_names_the_requester() {
    for confirmed in [false, true] {
        let email = Entry::Email {
            address: "jane@example.com".to_owned(),
            confirmed,
        };
        let record = record(vec![
            started("100", ""),
            answered(),
            email,
            ended(Outcome::Failed),
        ]);
        let draft = draft(&call_id(), &record, TicketPolicy::Unsettled).unwrap();
        assert_eq!(draft.requester.email.is_some(), confirmed);
        let state = if confirmed {
            "(confirmed by the caller)"
        } else {
            "(NOT confirmed)"
        };
        assert!(
            draft
                .body_text
                .contains(&format!("jane@example.com {state}"))
        );
    }
}

#[test]
fn tags_tell_the_outcome_and_the_call_back() {
    let record = record(vec![
        started("100", ""),
        answered(),
        escalated(),
        ended(Outcome::Escalated),
    ]);
    let draft = draft(&call_id(), &record, TicketPolicy::Unsettled).unwrap();
    assert_eq!(
        draft.tags,
        ["voice-call", "ringwell", "escalated", "callback-requested"]
    );
    assert_eq!(draft.call_tag(), "ringwell-c-17");
}
