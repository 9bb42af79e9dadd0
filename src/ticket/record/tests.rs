use super::*;

fn line(at: u64, speaker: Speaker, text: &str) -> Entry {
    Entry::Line {
        at: Duration::from_secs(at),
        speaker,
        text: text.to_owned(),
        interrupted: false,
    }
}

fn cited(article: &str) -> Entry {
    Entry::Cited {
        article: article.to_owned(),
        title: format!("Title {article}"),
        url: String::new(),
    }
}

#[test]
fn an_ended_record_takes_nothing_more() {
    let mut record = CallRecord::default();
    record.push(Entry::Answered(Duration::from_secs(1)));
    record.push(record.interruption());
    record.push(line(9, Speaker::Caller, "hello"));
    record.push(record.interruption());

    assert_eq!(record.entries.len(), 2);
    assert_eq!(record.outcome(), Some(Outcome::Interrupted));
}

#[test]
fn a_recovered_call_ended_at_the_last_moment_known() {
    let mut record = CallRecord::default();
    record.push(Entry::Answered(Duration::from_secs(1)));
    record.push(line(4, Speaker::Agent, "Hello"));
    record.push(line(7, Speaker::Caller, "my printer is broken"));
    record.push(record.interruption());

    assert_eq!(record.ended().unwrap().0, Duration::from_secs(7));
}

#[test]
fn the_latest_email_and_the_first_escalation_count() {
    let mut record = CallRecord::default();
    for (address, confirmed) in [("a@example.com", false), ("b@example.com", true)] {
        record.push(Entry::Email {
            address: address.to_owned(),
            confirmed,
        });
    }
    for reason in ["asked for a person", "the model failed"] {
        record.push(Entry::Escalated {
            reason: reason.to_owned(),
        });
    }

    let email = record.email().unwrap();
    assert_eq!((email.address, email.confirmed), ("b@example.com", true));
    assert_eq!(record.escalation(), Some("asked for a person"));
}

#[test]
fn an_article_is_cited_once() {
    let mut record = CallRecord::default();
    for article in ["1", "2", "1"] {
        record.push(cited(article));
    }
    let ids: Vec<&str> = record.cited().iter().map(|(id, ..)| *id).collect();
    assert_eq!(ids, ["1", "2"]);
}

#[test]
fn an_empty_record_answers_every_question() {
    let record = CallRecord::default();
    assert!(!record.is_ended() && !record.caller_spoke());
    assert_eq!(record.caller(), ("", ""));
    assert_eq!(record.dialled(), "");
    assert_eq!(record.last_known(), Duration::ZERO);
    assert!(record.started().is_none() && record.answered().is_none());
    assert!(record.email().is_none() && record.escalation().is_none());
}

#[test]
fn a_transfer_that_a_crash_cut_off_is_told_as_what_it_was() {
    let started = || Entry::TransferStarted {
        at: Duration::from_secs(3),
        target: "sales".to_owned(),
    };
    let ended = |failure: Option<&str>| Entry::TransferEnded {
        at: Duration::from_secs(9),
        target: "sales".to_owned(),
        failure: failure.map(str::to_owned),
    };
    for (entries, reached, words) in [
        (
            vec![started()],
            Reached::Unknown,
            "was being connected with sales",
        ),
        (
            vec![started(), ended(None)],
            Reached::Yes,
            "was connected with sales",
        ),
        (
            vec![started(), ended(Some("busy"))],
            Reached::No("busy"),
            "in the middle of the call",
        ),
    ] {
        let mut record = CallRecord::default();
        entries.into_iter().for_each(|entry| record.push(entry));
        assert_eq!(record.transfers(), [("sales", reached)]);
        let interruption = record.interruption();
        record.push(interruption);
        let (at, outcome, reason) = record.ended().unwrap();
        assert!(at >= Duration::from_secs(3));
        assert_eq!(outcome, Outcome::Interrupted);
        assert!(reason.ends_with(words), "{reason}");
    }
}
