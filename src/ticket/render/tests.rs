use std::time::{Duration, UNIX_EPOCH};

use super::*;
use crate::ticket::{Identity, Levels};

fn line(at: u64, speaker: Speaker, text: &str, interrupted: bool) -> Entry {
    Entry::Line {
        at: Duration::from_secs(at),
        speaker,
        text: text.to_owned(),
        interrupted,
    }
}

fn record(from: &str, from_name: &str, more: Vec<Entry>) -> CallRecord {
    let started = Entry::Started {
        at: UNIX_EPOCH + Duration::from_secs(1_709_164_800),
        sip_call_id: "abc@pbx".to_owned(),
        from: from.to_owned(),
        from_name: from_name.to_owned(),
        to: "support".to_owned(),
        identity: Box::default(),
    };
    let mut record = CallRecord::default();
    [vec![started, Entry::Answered(Duration::from_secs(2))], more]
        .concat()
        .into_iter()
        .for_each(|entry| record.push(entry));
    record
}

fn call_id() -> CallId {
    CallId("c-17".to_owned())
}

#[test]
fn a_whole_ticket_as_text() {
    let record = record(
        "+15550100199",
        "Jane",
        vec![
            line(3, Speaker::Agent, "Hello, how can I", true),
            line(12, Speaker::Caller, "I want my money back", false),
            Entry::Cited {
                article: "42".to_owned(),
                title: "Refunds".to_owned(),
                url: "https://help.example.com/42".to_owned(),
            },
            Entry::Email {
                address: "jane@example.com".to_owned(),
                confirmed: true,
            },
            Entry::Escalated {
                reason: "wants a refund".to_owned(),
            },
            Entry::Ended {
                at: Duration::from_secs(64),
                outcome: Outcome::Escalated,
                reason: "the assistant said goodbye".to_owned(),
            },
        ],
    );
    let expected = "\
Summary
Caller: Jane (+15550100199)
Number: +15550100199
Called: support
Start: 2024-02-29 00:00:00 UTC
Duration: 1 min 2 s
Outcome: a person has to act
Ended: the assistant said goodbye
Call back: wants a refund
E-mail: jane@example.com (confirmed by the caller)
Article used: Refunds (42) https://help.example.com/42
Call: c-17

Transcript
[00:03] Assistant: Hello, how can I [interrupted]
[00:12] Caller: I want my money back
";
    assert_eq!(text(&call_id(), &record), expected);
    assert_eq!(
        subject(&record),
        "Call from Jane (+15550100199): wants a refund"
    );
}

#[test]
fn nothing_from_outside_reaches_html_unescaped() {
    let evil = "<script>alert('x') & \"y\"</script>";
    let record = record(
        evil,
        evil,
        vec![
            line(3, Speaker::Caller, evil, false),
            Entry::Escalated {
                reason: evil.to_owned(),
            },
            Entry::Email {
                address: evil.to_owned(),
                confirmed: false,
            },
            Entry::Cited {
                article: evil.to_owned(),
                title: evil.to_owned(),
                url: evil.to_owned(),
            },
        ],
    );
    let body = html(&CallId(evil.to_owned()), &record);
    assert!(!body.contains("<script"), "{body}");
    assert!(body.contains("&lt;script&gt;alert(&#39;x&#39;) &amp; &quot;y&quot;&lt;/script&gt;"));
}

#[test]
fn control_and_invisible_characters_go() {
    assert_eq!(
        clean("a\r\nb\0\tc\u{202E}d\u{200B}  e\u{7F}", 100),
        "a b cd e"
    );
    assert_eq!(clean("Grüße 😀", 100), "Grüße 😀");
    assert_eq!(clean("abcdef", 4), "abc…");
    assert_eq!(clean("abcd", 4), "abcd");
    assert_eq!(clean("", 4), "");
}

#[test]
fn a_subject_is_never_too_long() {
    let long = "ü".repeat(4_000);
    let record = record(
        &long,
        &long,
        vec![Entry::Escalated {
            reason: long.clone(),
        }],
    );
    let subject = subject(&record);
    assert!(subject.chars().count() <= SUBJECT_CHARS_MAX);
    assert!(subject.starts_with("Call from üü"));
}

#[test]
fn the_subject_falls_back_on_what_the_caller_said_first_and_on_the_end() {
    let spoke = record(
        "100",
        "",
        vec![line(3, Speaker::Caller, "my phone is dead", false)],
    );
    assert_eq!(subject(&spoke), "Call from 100: my phone is dead");
    let ended = Entry::Ended {
        at: Duration::from_secs(9),
        outcome: Outcome::Failed,
        reason: "the network failed".to_owned(),
    };
    assert_eq!(
        subject(&record("anonymous", "", vec![ended])),
        "Call from a withheld number: the network failed"
    );
    assert_eq!(subject(&record("100", "", vec![])), "Call from 100");
}

#[test]
fn lines_stand_in_the_order_they_were_said_and_pieces_are_joined() {
    let record = record(
        "100",
        "",
        vec![
            line(9, Speaker::Caller, "and on Sunday", false),
            line(5, Speaker::Agent, "We are open.", false),
            line(7, Speaker::Agent, "From nine to", true),
            line(12, Speaker::Agent, "On Sunday we", true),
            line(14, Speaker::Agent, "Sorry?", false),
        ],
    );
    let body = text(&call_id(), &record);
    let expected = "\
[00:05] Assistant: We are open. From nine to [interrupted]
[00:09] Caller: and on Sunday
[00:12] Assistant: On Sunday we [interrupted]
[00:14] Assistant: Sorry?
";
    assert!(body.ends_with(expected), "{body}");
}

#[test]
fn a_long_transcript_is_cut_and_says_so() {
    let lines = (0..200).map(|n| line(n, Speaker::Caller, &"word ".repeat(200), false));
    let record = record("100", "", lines.collect());
    let body = text(&call_id(), &record);
    assert!(body.chars().count() < TRANSCRIPT_CHARS_MAX + 5_000);
    assert!(body.ends_with("more lines are left out.\n"));

    let silent = text(&call_id(), &CallRecord::default());
    assert!(silent.ends_with("Transcript\nNothing was said.\n"));
}

fn with_identity(identity: Identity) -> CallRecord {
    let mut record = record("5550100199", "Jane", Vec::new());
    if let Some(Entry::Started { identity: told, .. }) = record.entries.first_mut() {
        **told = identity;
    }
    record
}

#[test]
fn what_the_network_tells_of_the_caller_is_shown() {
    let record = with_identity(Identity {
        number: "+15550100199".to_owned(),
        asserted_by: "the network".to_owned(),
        diverted_from: "+15550100144 (no-answer)".to_owned(),
        provider_call: "CA01".to_owned(),
        verification: "TN-Validation-Passed-A".to_owned(),
    });
    let text = text(&call_id(), &record);
    for line in [
        "Caller: Jane (5550100199)\n",
        "Number: +15550100199 (told by the network, verified by the provider: TN-Validation-Passed-A)\n",
        "Called first: +15550100144 (no-answer)\n",
        "Provider's call: CA01\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
    for (told, words) in [
        ("TN-Validation-Failed-C", "NOT genuine"),
        ("No-TN-Validation", "not verified"),
    ] {
        let record = with_identity(Identity {
            verification: told.to_owned(),
            ..Identity::default()
        });
        let html = html(&call_id(), &record);
        let row = format!("<b>Number:</b> 5550100199 ({words}");
        assert!(html.contains(&row), "{html}");
    }
}

#[test]
fn nothing_invisible_is_left() {
    let hidden = "a\u{61C}b\u{AD}c\u{202E}d\u{E0041}e\u{2066}f\u{FFF9}g\u{3164}h\r\ni\u{85}j";
    assert_eq!(clean(hidden, 100), "abcdefgh i j");
}

#[test]
fn what_was_heard_beside_words_is_shown() {
    let mut record = with_identity(Identity::default());
    let noticed = |what: &str| Entry::Noticed {
        at: Duration::from_secs(9),
        what: what.to_owned(),
    };
    let levels = Levels {
        speech_dbm0: -48.0,
        silent: 0.4,
        ..Levels::default()
    };
    let sound = Sound {
        levels: Some(levels),
        ..Sound::default()
    };
    let entries = [
        noticed("a fax machine"),
        noticed("a fax machine"),
        Entry::Sound(sound),
    ];
    let end = record.entries.len() - usize::from(record.is_ended());
    for entry in entries.into_iter().rev() {
        record.entries.insert(end, entry);
    }
    let text = text(&call_id(), &record);
    assert!(text.contains("Noticed: a fax machine\n"), "{text}");
    assert!(text.contains("hardly audible"), "{text}");
}
