//! The file: how it is opened, its tables, and what SQLite's errors mean for us.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use super::StoreError;
use crate::io::clock;

/// How long a statement waits for another process that holds the file (an administrator's shell).
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// One step per schema version, in order; `user_version` counts those applied. Never change one that was
/// released: add the next.
const MIGRATIONS: [&str; 5] = [FIRST, IDENTITY, SOUND, LEVELS, GAPS];

pub(super) const FIRST: &str = "
CREATE TABLE calls (
    id         INTEGER PRIMARY KEY,
    call_id    TEXT NOT NULL UNIQUE,
    ended      INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX calls_open ON calls (id) WHERE ended = 0;

CREATE TABLE entries (
    call            INTEGER NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    seq             INTEGER NOT NULL,
    kind            TEXT NOT NULL,
    at_us           INTEGER,
    started_us      INTEGER,
    sip_call_id     TEXT,
    caller          TEXT,
    caller_name     TEXT,
    dialled         TEXT,
    speaker         TEXT,
    text            TEXT,
    interrupted     INTEGER,
    article         TEXT,
    title           TEXT,
    url             TEXT,
    address         TEXT,
    confirmed       INTEGER,
    reason          TEXT,
    outcome         TEXT,
    turn            INTEGER,
    passages_us     INTEGER,
    first_token_us  INTEGER,
    first_clause_us INTEGER,
    first_audio_us  INTEGER,
    first_packet_us INTEGER,
    PRIMARY KEY (call, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox (
    call_id          TEXT PRIMARY KEY,
    state            TEXT NOT NULL CHECK (state IN ('pending', 'done', 'dead')),
    subject          TEXT NOT NULL,
    body_html        TEXT NOT NULL,
    body_text        TEXT NOT NULL,
    requester_name   TEXT NOT NULL,
    requester_email  TEXT,
    requester_phone  TEXT,
    tags             TEXT NOT NULL,
    requester_id     TEXT,
    ticket_id        TEXT,
    attempted_create INTEGER NOT NULL DEFAULT 0,
    attempts         INTEGER NOT NULL DEFAULT 0,
    created_us       INTEGER NOT NULL,
    due_us           INTEGER NOT NULL,
    last_error       TEXT
) STRICT;
CREATE INDEX outbox_due ON outbox (due_us, created_us) WHERE state = 'pending';
";

/// What the signalling tells of a caller.
const IDENTITY: &str = "
ALTER TABLE entries ADD COLUMN number TEXT;
ALTER TABLE entries ADD COLUMN asserted_by TEXT;
ALTER TABLE entries ADD COLUMN diverted_from TEXT;
ALTER TABLE entries ADD COLUMN provider_call TEXT;
ALTER TABLE entries ADD COLUMN verification TEXT;
";

/// How a call sounded: heard, and sent as the far end reports.
const SOUND: &str = "
ALTER TABLE entries ADD COLUMN mos REAL;
ALTER TABLE entries ADD COLUMN loss REAL;
ALTER TABLE entries ADD COLUMN jitter_us INTEGER;
ALTER TABLE entries ADD COLUMN sent_mos REAL;
ALTER TABLE entries ADD COLUMN sent_loss REAL;
ALTER TABLE entries ADD COLUMN sent_jitter_us INTEGER;
ALTER TABLE entries ADD COLUMN round_trip_us INTEGER;
";

/// How loud and how clean the caller was.
const LEVELS: &str = "
ALTER TABLE entries ADD COLUMN speech_dbm0 REAL;
ALTER TABLE entries ADD COLUMN noise_dbm0 REAL;
ALTER TABLE entries ADD COLUMN clipped REAL;
ALTER TABLE entries ADD COLUMN silent REAL;
";

/// Where our speech ran dry.
const GAPS: &str = "
ALTER TABLE entries ADD COLUMN gaps INTEGER;
ALTER TABLE entries ADD COLUMN gaps_us INTEGER;
";

/// Opens the file with everything set; a damaged one is moved aside and begun anew.
pub(super) fn open(path: &Path) -> Result<Connection, StoreError> {
    match prepare(path) {
        Err(Trouble::Damaged(reason)) => {
            let aside = move_aside(path).map_err(|error| cannot_open(path, &error.to_string()))?;
            log::error!(
                "the call store {} is damaged ({reason}): moved to {}, a new one is begun",
                path.display(),
                aside.display()
            );
            prepare(path).map_err(|trouble| trouble.into_error(path))
        }
        opened => opened.map_err(|trouble| trouble.into_error(path)),
    }
}

/// What stands in the way of opening.
enum Trouble {
    Damaged(String),
    Newer(i64),
    Other(String),
}

impl Trouble {
    fn into_error(self, path: &Path) -> StoreError {
        match self {
            Self::Damaged(reason) | Self::Other(reason) => cannot_open(path, &reason),
            Self::Newer(found) => StoreError::Newer {
                path: path.display().to_string(),
                found,
                known: version(),
            },
        }
    }
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Damaged(error.to_string())
            }
            _ => Self::Other(error.to_string()),
        }
    }
}

fn cannot_open(path: &Path, reason: &str) -> StoreError {
    StoreError::Open {
        path: path.display().to_string(),
        reason: reason.to_owned(),
    }
}

fn version() -> i64 {
    i64::try_from(MIGRATIONS.len()).expect("the number of migrations fits")
}

fn prepare(path: &Path) -> Result<Connection, Trouble> {
    // A log that was not folded in means that the last daemon did not end in order: look closer.
    let unclean = wal(path).metadata().is_ok_and(|log| log.len() > 0);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", "ON")?;
    // Partial indexes would have statements compiled anew for every value that is bound to them.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    if unclean {
        let verdict: String =
            connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if verdict != "ok" {
            return Err(Trouble::Damaged(verdict));
        }
    }
    migrate(&mut connection)?;
    Ok(connection)
}

/// Begins a transaction that is going to write. (One that turns from reading to writing is refused at once
/// when another process writes; this one waits its turn.)
pub(super) fn begin(connection: &mut Connection) -> rusqlite::Result<Transaction<'_>> {
    connection.transaction_with_behavior(TransactionBehavior::Immediate)
}

fn migrate(connection: &mut Connection) -> Result<(), Trouble> {
    let transaction = begin(connection)?;
    let found: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found > version() {
        return Err(Trouble::Newer(found));
    }
    let applied = usize::try_from(found).unwrap_or_default();
    for step in &MIGRATIONS[applied..] {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", version())?;
    transaction.commit()?;
    Ok(())
}

fn wal(path: &Path) -> PathBuf {
    suffixed(path, "-wal")
}

fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Renames the file and its log, so that somebody can look for what is left in them.
fn move_aside(path: &Path) -> std::io::Result<PathBuf> {
    let seconds = micros(clock::wallclock()) / 1_000_000;
    let aside = suffixed(path, &format!(".damaged-{seconds}"));
    std::fs::rename(path, &aside)?;
    for suffix in ["-wal", "-shm"] {
        let old = suffixed(path, suffix);
        if old.exists() {
            std::fs::rename(&old, suffixed(&aside, suffix))?;
        }
    }
    Ok(aside)
}

/// True when waiting can help: nothing is wrong with the statement, only with the disk or its users.
pub(super) fn is_passing(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::ReadOnly
                | ErrorCode::CannotOpen
                | ErrorCode::OutOfMemory
                | ErrorCode::PermissionDenied
        )
    )
}

/// SQLite's error in our words.
pub(super) fn explain(error: &rusqlite::Error) -> StoreError {
    if is_passing(error) {
        StoreError::Unavailable(error.to_string())
    } else {
        StoreError::Refused(error.to_string())
    }
}

/// Microseconds since 1970; earlier is 1970.
pub(crate) fn micros(at: SystemTime) -> i64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// The reverse of [`micros`].
pub(crate) fn civil(micros: i64) -> SystemTime {
    let since = Duration::from_micros(u64::try_from(micros).unwrap_or_default());
    UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
}
