use std::time::{Duration, SystemTime};

use super::*;
use crate::io::clock;
use crate::ticket::saga::Progress;
use crate::ticket::{Heard, Identity, Levels, Outcome, RecordingStep, Sound, Speaker, TurnLedger};

fn id(name: &str) -> CallId {
    CallId(name.to_owned())
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// The clock with the precision that is stored.
fn wallclock() -> SystemTime {
    civil(micros(clock::wallclock()))
}

fn started() -> Entry {
    Entry::Started {
        at: wallclock(),
        sip_call_id: "a84b4c76e66710@pbx".to_owned(),
        from: "+15550100199".to_owned(),
        from_name: "Ada Byron".to_owned(),
        to: "+15550100100".to_owned(),
        identity: Box::new(Identity {
            number: "+15550100199".to_owned(),
            asserted_by: "the network".to_owned(),
            diverted_from: "+15550100144 (no-answer)".to_owned(),
            provider_call: "CA01".to_owned(),
            verification: "TN-Validation-Passed-A".to_owned(),
        }),
    }
}

fn line(at: u64, speaker: Speaker, text: &str) -> Entry {
    Entry::Line {
        at: seconds(at),
        speaker,
        text: text.to_owned(),
        interrupted: false,
    }
}

fn ended(outcome: Outcome) -> Entry {
    Entry::Ended {
        at: seconds(60),
        outcome,
        reason: "the caller hung up".to_owned(),
    }
}

fn sound() -> Sound {
    Sound {
        heard: Heard {
            mos: 4.25,
            loss: 0.012,
            jitter: Duration::from_micros(4_125),
        },
        sent: Some(Heard::default()),
        round_trip: Some(Duration::from_millis(48)),
        levels: Some(Levels {
            speech_dbm0: -21.5,
            noise_dbm0: -61.0,
            clipped: 0.25,
            silent: 0.5,
        }),
        gaps: 2,
        gaps_length: Duration::from_millis(140),
    }
}

/// Every kind of entry, with every field in use.
fn everything() -> Vec<Entry> {
    vec![
        started(),
        Entry::Answered(seconds(2)),
        Entry::Line {
            at: Duration::from_micros(3_000_001),
            speaker: Speaker::Agent,
            text: "Good morning, \"quoted\" \u{1F4DE} and a ' apostrophe".to_owned(),
            interrupted: true,
        },
        line(5, Speaker::Caller, "Robert'); DROP TABLE calls;--"),
        Entry::Cited {
            article: "17".to_owned(),
            title: "Reset a password".to_owned(),
            url: String::new(),
        },
        Entry::Email {
            address: "ada@example.org".to_owned(),
            confirmed: true,
        },
        Entry::Escalated {
            reason: "wants a person".to_owned(),
        },
        Entry::Sound(sound()),
        Entry::Recording {
            at: seconds(4),
            step: RecordingStep::Stopped("a person took over".to_owned()),
        },
        Entry::Noticed {
            at: seconds(5),
            what: "a fax machine".to_owned(),
        },
        Entry::TransferStarted {
            at: seconds(5),
            target: "the sales team".to_owned(),
        },
        Entry::TransferEnded {
            at: seconds(6),
            target: "the sales team".to_owned(),
            failure: Some("busy (486)".to_owned()),
        },
        Entry::TransferStarted {
            at: seconds(7),
            target: "support".to_owned(),
        },
        Entry::TransferEnded {
            at: seconds(8),
            target: "support".to_owned(),
            failure: None,
        },
        Entry::Turn(TurnLedger {
            turn: 1,
            passages: Some(Duration::from_micros(900)),
            first_token: Some(Duration::from_millis(300)),
            first_clause: None,
            first_audio: Some(seconds(1)),
            first_packet: None,
        }),
        ended(Outcome::Escalated),
    ]
}

struct Disk(tempfile::TempDir);

impl Disk {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory for the test"))
    }

    fn path(&self) -> std::path::PathBuf {
        self.0.path().join("ringwell.db")
    }

    fn open(&self) -> Store {
        Store::open(&self.path(), TicketPolicy::Unsettled).expect("the store opens")
    }
}

#[tokio::test]
async fn every_kind_of_entry_comes_back_as_it_went_in() {
    let disk = Disk::new();
    let store = disk.open();
    let entries = everything();
    for entry in &entries {
        store.record(id("c1"), entry.clone()).await.unwrap();
    }
    assert_eq!(store.call(id("c1")).await.unwrap().entries, entries);
    assert_eq!(
        store.call(id("nobody")).await.unwrap(),
        CallRecord::default()
    );
}

#[tokio::test]
async fn the_end_of_a_call_files_its_ticket_in_the_same_transaction() {
    let disk = Disk::new();
    let store = disk.open();
    for entry in everything() {
        store.record(id("c1"), entry).await.unwrap();
    }
    // As soon as the end is acknowledged, another connection sees call and ticket.
    let other = Connection::open(disk.path()).unwrap();
    let both: i64 = other
        .query_row(
            "SELECT count(*) FROM calls JOIN outbox USING (call_id) WHERE ended = 1 AND state = 'pending'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(both, 1);
    let pending = store.pending(10).await.unwrap();
    assert_eq!(pending.len(), 1);
    let record = store.call(id("c1")).await.unwrap();
    let expected = crate::ticket::draft(&id("c1"), &record, TicketPolicy::Unsettled).unwrap();
    assert_eq!(pending[0].draft, expected);
    assert_eq!(pending[0].progress, Progress::default());
}

#[tokio::test]
async fn a_settled_call_needs_no_ticket_and_an_end_counts_once() {
    let disk = Disk::new();
    let store = disk.open();
    store.record(id("c1"), started()).await.unwrap();
    store
        .record(id("c1"), Entry::Answered(seconds(1)))
        .await
        .unwrap();
    store
        .record(id("c1"), ended(Outcome::Answered))
        .await
        .unwrap();
    store
        .record(
            id("c1"),
            Entry::Escalated {
                reason: "too late".to_owned(),
            },
        )
        .await
        .unwrap();
    store
        .record(id("c1"), ended(Outcome::Escalated))
        .await
        .unwrap();
    assert_eq!(
        store.outbox_counts().await.unwrap(),
        OutboxCounts::default()
    );
    assert_eq!(store.call(id("c1")).await.unwrap().entries.len(), 3);
    assert_eq!(store.ticket(id("c1")).await.unwrap(), None);
}

#[tokio::test]
async fn a_reader_who_comes_after_a_later_record_sees_it_in_order() {
    let disk = Disk::new();
    let store = disk.open();
    store.record_later(id("c1"), started());
    for second in 0..500 {
        store.record_later(id("c1"), line(second, Speaker::Caller, "word"));
    }
    store
        .record(id("c1"), line(500, Speaker::Caller, "last"))
        .await
        .unwrap();
    let record = store.call(id("c1")).await.unwrap();
    assert_eq!(record.entries.len(), 502);
    for (second, entry) in (0..).zip(&record.entries[1..]) {
        assert!(matches!(entry, Entry::Line { at, .. } if *at == seconds(second)));
    }
    let health = store.health();
    assert_eq!((health.waiting, health.lost), (0, 0));
    assert!(
        health.commits < 100,
        "entries that wait together commit together: {health:?}"
    );
}

#[tokio::test]
async fn what_nobody_awaits_is_written_by_itself() {
    let disk = Disk::new();
    let store = disk.open();
    store.record_later(id("c1"), started());
    let written = async {
        while store.health().commits == 0 || store.health().waiting > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(seconds(20), written).await.unwrap();
}

#[tokio::test]
async fn recovery_ends_open_calls_once_and_files_their_tickets() {
    let disk = Disk::new();
    {
        let store = disk.open();
        store.record(id("open"), started()).await.unwrap();
        store
            .record(id("open"), Entry::Answered(seconds(1)))
            .await
            .unwrap();
        store
            .record(id("open"), line(7, Speaker::Caller, "hello"))
            .await
            .unwrap();
        store.record(id("ringing"), started()).await.unwrap();
        store.record(id("over"), started()).await.unwrap();
        store
            .record(id("over"), ended(Outcome::Answered))
            .await
            .unwrap();
    }
    let store = disk.open();
    let recovered = store.recover().await.unwrap();
    assert_eq!(
        recovered,
        Recovered {
            calls: 2,
            tickets: 1
        }
    );
    assert_eq!(store.recover().await.unwrap(), Recovered::default());
    let record = store.call(id("open")).await.unwrap();
    let (at, outcome, _) = record.ended().unwrap();
    assert_eq!((at, outcome), (seconds(7), Outcome::Interrupted));
    assert_eq!(
        store.pending(10).await.unwrap()[0].draft.call_id,
        id("open")
    );
}

/// A copy of file and log while the store runs is what a power cut leaves behind; the log may end anywhere.
#[tokio::test]
async fn a_torn_log_keeps_whole_transactions_only() {
    let disk = Disk::new();
    let store = disk.open();
    for entry in everything() {
        store.record(id("c1"), entry).await.unwrap();
    }
    let log = std::fs::read(schema_wal(&disk.path())).unwrap();
    assert!(!log.is_empty());
    let file = std::fs::read(disk.path()).unwrap();
    for cut in (0..=log.len()).step_by(1777).chain([log.len()]) {
        let copy = Disk::new();
        std::fs::write(copy.path(), &file).unwrap();
        std::fs::write(schema_wal(&copy.path()), &log[..cut]).unwrap();
        let torn = copy.open();
        let recovered = torn.recover().await.unwrap();
        let record = torn.call(id("c1")).await.unwrap();
        let tickets = torn.pending(10).await.unwrap();
        if cut == log.len() {
            assert_eq!(
                (record.entries.len(), recovered.calls, tickets.len()),
                (everything().len(), 0, 1)
            );
        }
        // Answered calls that are over have their ticket, whatever the cut.
        let needs = record.answered().is_some();
        assert_eq!(
            tickets.len(),
            usize::from(needs),
            "cut at {cut}: {record:?}"
        );
        assert!(record.entries.is_empty() || record.is_ended());
    }
}

fn schema_wal(path: &Path) -> std::path::PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

#[tokio::test]
async fn a_damaged_file_is_moved_aside() {
    let disk = Disk::new();
    std::fs::write(
        disk.path(),
        b"this is not a database, however long the text may be".repeat(100),
    )
    .unwrap();
    let store = disk.open();
    store.record(id("c1"), started()).await.unwrap();
    let names: Vec<String> = std::fs::read_dir(disk.0.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(
        names.iter().any(|name| name.contains(".damaged-")),
        "{names:?}"
    );
}

#[tokio::test]
async fn a_record_of_an_older_program_still_reads() {
    let disk = Disk::new();
    let connection = Connection::open(disk.path()).unwrap();
    connection.execute_batch(schema::FIRST).unwrap();
    connection
        .execute_batch(
            "PRAGMA user_version = 1;
             INSERT INTO calls (id, call_id) VALUES (1, 'c1');
             INSERT INTO entries (call, seq, kind, started_us, sip_call_id, caller, caller_name, dialled)
             VALUES (1, 1, 'started', 0, 'x@pbx', '+15550100199', 'Ada', 'support');",
        )
        .unwrap();
    drop(connection);
    let store = disk.open();
    let recent = store.recent(1).await.unwrap();
    let record = &recent[0].record;
    assert_eq!(record.caller(), ("+15550100199", "Ada"));
    assert_eq!(record.identity(), Some(&Identity::default()));
    assert_eq!(record.number().as_deref(), Some("+15550100199"));
}

#[test]
fn a_file_of_a_newer_program_is_left_alone() {
    let disk = Disk::new();
    let connection = Connection::open(disk.path()).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let error = Store::open(&disk.path(), TicketPolicy::Unsettled).unwrap_err();
    assert!(
        matches!(error, StoreError::Newer { found: 99, .. }),
        "{error}"
    );
    let nowhere = Store::open(
        Path::new("/nonexistent/ringwell.db"),
        TicketPolicy::Unsettled,
    );
    assert!(matches!(nowhere.unwrap_err(), StoreError::Open { .. }));
}

#[tokio::test]
async fn a_locked_file_delays_records_and_loses_none() {
    let disk = Disk::new();
    let store = disk.open();
    store.record(id("c1"), started()).await.unwrap();
    let shell = Connection::open(disk.path()).unwrap();
    shell.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = store
        .record(id("c1"), line(1, Speaker::Caller, "one"))
        .await;
    assert!(
        matches!(refused, Err(StoreError::Unavailable(_))),
        "{refused:?}"
    );
    store.record_later(id("c1"), line(2, Speaker::Caller, "two"));
    assert!(store.health().waiting >= 1);
    shell.execute_batch("ROLLBACK").unwrap();
    store
        .record(id("c1"), line(3, Speaker::Caller, "three"))
        .await
        .unwrap();
    let record = store.call(id("c1")).await.unwrap();
    assert_eq!(record.entries.len(), 4, "{record:?}");
    assert!(matches!(&record.entries[1], Entry::Line { text, .. } if text == "one"));
    assert_eq!((store.health().waiting, store.health().lost), (0, 0));
}

#[tokio::test]
async fn what_waits_for_the_disk_is_written_without_a_further_entry() {
    let disk = Disk::new();
    let store = disk.open();
    let shell = Connection::open(disk.path()).unwrap();
    shell.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(store.record(id("c1"), started()).await.is_err());
    shell.execute_batch("ROLLBACK").unwrap();
    let written = async {
        while store.health().waiting > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(seconds(10), written)
        .await
        .expect("the store tries again by itself");
    assert_eq!(store.call(id("c1")).await.unwrap().entries.len(), 1);
}

#[tokio::test]
async fn a_full_disk_delays_records_and_loses_none() {
    let disk = Disk::new();
    let store = disk.open();
    store.record(id("c1"), started()).await.unwrap();
    // A limit on the size of the file is what SQLite reports as a full disk.
    let limit = |pages: i64| {
        store.run(move |connection| {
            connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |row| {
                row.get::<_, i64>(0)
            })
        })
    };
    limit(1).await.unwrap();
    let long = "word ".repeat(20_000);
    let refused = store
        .record(id("c1"), line(1, Speaker::Caller, &long))
        .await;
    assert!(
        matches!(refused, Err(StoreError::Unavailable(_))),
        "{refused:?}"
    );
    limit(1_000_000).await.unwrap();
    store
        .record(id("c1"), line(2, Speaker::Caller, "after"))
        .await
        .unwrap();
    assert_eq!(store.call(id("c1")).await.unwrap().entries.len(), 3);
}

#[tokio::test]
async fn an_entry_that_sqlite_refuses_does_not_take_its_neighbours_along() {
    let disk = Disk::new();
    let store = disk.open();
    store
        .run(|connection| {
            connection.execute_batch(
                "CREATE TRIGGER poison BEFORE INSERT ON entries WHEN NEW.text = 'poison'
                 BEGIN SELECT raise(ABORT, 'refused by the test'); END",
            )
        })
        .await
        .unwrap();
    for text in ["one", "poison", "two", "poison", "three"] {
        store.record_later(id("c1"), line(1, Speaker::Caller, text));
    }
    assert_eq!(store.call(id("c1")).await.unwrap().entries.len(), 3);
    assert_eq!((store.health().waiting, store.health().lost), (0, 2));
    let refused = store
        .record(id("c1"), line(1, Speaker::Caller, "poison"))
        .await;
    assert!(
        matches!(refused, Err(StoreError::Refused(_))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_row_that_makes_no_sense_does_not_hide_the_others() {
    let disk = Disk::new();
    let store = disk.open();
    for entry in everything() {
        store.record(id("c1"), entry).await.unwrap();
    }
    let damage = "UPDATE entries SET kind = 'riddle' WHERE seq = 2;
        UPDATE entries SET speaker = NULL WHERE seq = 3;
        UPDATE entries SET outcome = 'unheard of' WHERE kind = 'ended'";
    store
        .run(move |connection| connection.execute_batch(damage))
        .await
        .unwrap();
    let left = store.call(id("c1")).await.unwrap().entries.len();
    assert_eq!(left, everything().len() - 3);
}

#[tokio::test]
async fn a_ticket_moves_through_the_outbox() {
    let disk = Disk::new();
    let store = disk.open();
    for name in ["c1", "c2"] {
        for entry in everything() {
            store.record(id(name), entry).await.unwrap();
        }
    }
    let due = wallclock() + seconds(300);
    store.put_off(&id("c1"), due, "no answer").await.unwrap();
    let halfway = Progress {
        requester_id: Some("7".to_owned()),
        ticket_id: None,
        attempted_create: true,
    };
    store.save_progress(&id("c1"), &halfway).await.unwrap();
    let pending = store.pending(10).await.unwrap();
    assert_eq!(
        pending[0].draft.call_id,
        id("c2"),
        "the one that is due first"
    );
    assert_eq!((pending[1].attempts, pending[1].due), (1, due));
    assert_eq!(pending[1].progress, halfway);
    assert_eq!(pending[1].last_error.as_deref(), Some("no answer"));

    let filed = Progress {
        ticket_id: Some("4711".to_owned()),
        ..halfway
    };
    store.save_progress(&id("c1"), &filed).await.unwrap();
    assert_eq!(
        store.ticket(id("c1")).await.unwrap(),
        Some(TicketState::Filed("4711".to_owned()))
    );
    store
        .bury(&id("c1"), "a done ticket stays done")
        .await
        .unwrap();
    store.bury(&id("c2"), "wrong field").await.unwrap();
    let counts = OutboxCounts {
        pending: 0,
        dead: 1,
        done: 1,
    };
    assert_eq!(store.outbox_counts().await.unwrap(), counts);
    let dead = store.dead_letters(5).await.unwrap();
    assert_eq!(
        (&dead[0].call_id, dead[0].reason.as_str()),
        (&id("c2"), "wrong field")
    );
    assert_eq!(store.revive().await.unwrap(), 1);
    assert_eq!(store.outbox_counts().await.unwrap().pending, 1);
    let recent = store.recent(1).await.unwrap();
    assert_eq!(
        (&recent[0].call_id, &recent[0].ticket),
        (&id("c2"), &Some(TicketState::Pending))
    );
}

#[tokio::test]
async fn forgetting_spares_calls_whose_ticket_is_not_written() {
    let disk = Disk::new();
    let store = disk.open();
    for name in ["done", "pending", "running"] {
        let mut entries = everything();
        if name == "running" {
            entries.truncate(3);
        }
        for entry in entries {
            store.record(id(name), entry).await.unwrap();
        }
    }
    let filed = Progress {
        ticket_id: Some("1".to_owned()),
        ..Progress::default()
    };
    store.save_progress(&id("done"), &filed).await.unwrap();
    assert_eq!(store.forget(wallclock() - seconds(3600)).await.unwrap(), 0);
    assert_eq!(store.forget(wallclock() + seconds(3600)).await.unwrap(), 1);
    assert!(store.call(id("done")).await.unwrap().entries.is_empty());
    let pending = store.call(id("pending")).await.unwrap();
    assert_eq!(pending.entries.len(), everything().len());
    assert_eq!(store.call(id("running")).await.unwrap().entries.len(), 3);
}

#[tokio::test]
async fn a_closed_store_says_so_and_leaves_no_log_behind() {
    let disk = Disk::new();
    let store = disk.open();
    store.record_later(id("c1"), started());
    store.close().await;
    assert!(matches!(
        store.record(id("c1"), started()).await,
        Err(StoreError::Closed)
    ));
    let log = schema_wal(&disk.path())
        .metadata()
        .map_or(0, |log| log.len());
    assert_eq!(log, 0);
    assert_eq!(disk.open().call(id("c1")).await.unwrap().entries.len(), 1);
}
