//! A call's entries as rows.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::schema::{civil, micros};
use crate::ticket::{
    CallId, CallRecord, Entry, Heard, Identity, Levels, Outcome, RecordingStep, Sound, Speaker,
    TurnLedger,
};

/// A call's row.
pub(super) struct CallRow {
    pub(super) id: i64,
    pub(super) is_ended: bool,
}

/// The row of a call, made if it is not there.
pub(super) fn call_row(connection: &Connection, call_id: &CallId) -> rusqlite::Result<CallRow> {
    let mut select = connection.prepare_cached("SELECT id, ended FROM calls WHERE call_id = ?1")?;
    let read = |row: &Row<'_>| {
        Ok(CallRow {
            id: row.get(0)?,
            is_ended: row.get(1)?,
        })
    };
    if let Some(found) = select.query_row([&call_id.0], read).optional()? {
        return Ok(found);
    }
    let mut insert = connection.prepare_cached("INSERT INTO calls (call_id) VALUES (?1)")?;
    let id = insert.insert([&call_id.0])?;
    Ok(CallRow {
        id,
        is_ended: false,
    })
}

/// Marks a call as over.
pub(super) fn end(connection: &Connection, call: i64) -> rusqlite::Result<()> {
    let mut update = connection.prepare_cached("UPDATE calls SET ended = 1 WHERE id = ?1")?;
    update.execute([call]).map(drop)
}

/// Calls without an end, oldest first.
pub(super) fn open_calls(connection: &Connection) -> rusqlite::Result<Vec<CallId>> {
    let mut select =
        connection.prepare_cached("SELECT call_id FROM calls WHERE ended = 0 ORDER BY id")?;
    select
        .query_map([], |row| row.get(0).map(CallId))?
        .collect()
}

/// The latest calls, newest first.
pub(super) fn recent(connection: &Connection, count: usize) -> rusqlite::Result<Vec<CallId>> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let mut select =
        connection.prepare_cached("SELECT call_id FROM calls ORDER BY id DESC LIMIT ?1")?;
    select
        .query_map([count], |row| row.get(0).map(CallId))?
        .collect()
}

/// The record of a call; empty when there is none. A row that makes no sense is left out and reported.
pub(super) fn load(connection: &Connection, call_id: &CallId) -> rusqlite::Result<CallRecord> {
    let mut select = connection.prepare_cached(
        "SELECT entries.* FROM entries JOIN calls ON calls.id = entries.call
         WHERE calls.call_id = ?1 ORDER BY entries.seq",
    )?;
    let mut rows = select.query([&call_id.0])?;
    let mut record = CallRecord::default();
    while let Some(row) = rows.next()? {
        match entry(row) {
            Ok(Some(entry)) => record.push(entry),
            Ok(None) | Err(rusqlite::Error::InvalidColumnType(..)) => {
                log::error!(CALL_ID = call_id.0.as_str(); "a row of the call store makes no sense");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(record)
}

/// The columns of an entry; each kind fills its own.
#[derive(Default)]
struct Columns<'a> {
    kind: &'static str,
    at: Option<i64>,
    started: Option<i64>,
    sip_call_id: Option<&'a str>,
    caller: Option<&'a str>,
    caller_name: Option<&'a str>,
    dialled: Option<&'a str>,
    speaker: Option<&'static str>,
    text: Option<&'a str>,
    interrupted: Option<bool>,
    article: Option<&'a str>,
    title: Option<&'a str>,
    url: Option<&'a str>,
    address: Option<&'a str>,
    confirmed: Option<bool>,
    reason: Option<&'a str>,
    outcome: Option<&'static str>,
    turn: Option<TurnLedger>,
    identity: Option<&'a Identity>,
    sound: Option<Sound>,
}

fn transfer<'a>(kind: &'static str, at: Duration, target: &'a str) -> Columns<'a> {
    Columns {
        kind,
        at: Some(span(at)),
        title: Some(target),
        ..Columns::default()
    }
}

fn noticed(at: Duration, what: &str) -> Columns<'_> {
    Columns {
        kind: "noticed",
        at: Some(span(at)),
        text: Some(what),
        ..Columns::default()
    }
}

fn columns(entry: &Entry) -> Columns<'_> {
    let mut row = Columns::default();
    match entry {
        Entry::Started {
            at,
            sip_call_id,
            from,
            from_name,
            to,
            identity,
        } => {
            row.kind = "started";
            row.started = Some(micros(*at));
            row.sip_call_id = Some(sip_call_id);
            row.caller = Some(from);
            row.caller_name = Some(from_name);
            row.dialled = Some(to);
            row.identity = Some(identity);
        }
        Entry::Answered(at) => (row.kind, row.at) = ("answered", Some(span(*at))),
        Entry::Line {
            at,
            speaker,
            text,
            interrupted,
        } => {
            row.kind = "line";
            row.at = Some(span(*at));
            (row.speaker, row.text) = (Some(speaker_name(*speaker)), Some(&**text));
            row.interrupted = Some(*interrupted);
        }
        Entry::Cited {
            article,
            title,
            url,
        } => {
            row.kind = "cited";
            (row.article, row.title, row.url) = (Some(&**article), Some(&**title), Some(&**url));
        }
        Entry::Email { address, confirmed } => {
            (row.kind, row.address) = ("email", Some(&**address));
            row.confirmed = Some(*confirmed);
        }
        Entry::Escalated { reason } => (row.kind, row.reason) = ("escalated", Some(&**reason)),
        Entry::TransferStarted { at, target } => row = transfer("transfer started", *at, target),
        Entry::TransferEnded {
            at,
            target,
            failure,
        } => {
            row = transfer("transfer ended", *at, target);
            row.reason = failure.as_deref();
        }
        Entry::Noticed { at, what } => row = noticed(*at, what),
        Entry::Sound(sound) => (row.kind, row.sound) = ("sound", Some(*sound)),
        Entry::Recording { at, step } => row = recording(*at, step),
        Entry::Turn(ledger) => (row.kind, row.turn) = ("turn", Some(*ledger)),
        Entry::Ended {
            at,
            outcome,
            reason,
        } => {
            row.kind = "ended";
            row.at = Some(span(*at));
            row.outcome = Some(outcome_name(*outcome));
            row.reason = Some(reason);
        }
    }
    row
}

/// Appends a fact to a call.
pub(super) fn insert(connection: &Connection, call: i64, entry: &Entry) -> rusqlite::Result<()> {
    let columns = columns(entry);
    let ledger = columns.turn.unwrap_or_default();
    let heard = columns.sound.map(|sound| sound.heard);
    let sent = columns.sound.and_then(|sound| sound.sent);
    let round_trip = columns.sound.and_then(|sound| sound.round_trip);
    let levels = columns.sound.and_then(|sound| sound.levels);
    // By position, in the table's order: names would be searched for with each row.
    let mut insert = connection.prepare_cached(
        "INSERT INTO entries VALUES (
            ?1, (SELECT coalesce(max(seq), 0) + 1 FROM entries WHERE call = ?1),
            ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,
            ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29,
            ?30, ?31, ?32, ?33, ?34, ?35, ?36, ?37, ?38, ?39, ?40, ?41, ?42)",
    )?;
    let written = insert.execute(params![
        call,
        columns.kind,
        columns.at,
        columns.started,
        columns.sip_call_id,
        columns.caller,
        columns.caller_name,
        columns.dialled,
        columns.speaker,
        columns.text,
        columns.interrupted,
        columns.article,
        columns.title,
        columns.url,
        columns.address,
        columns.confirmed,
        columns.reason,
        columns.outcome,
        columns.turn.map(|turn| turn.turn),
        ledger.passages.map(span),
        ledger.first_token.map(span),
        ledger.first_clause.map(span),
        ledger.first_audio.map(span),
        ledger.first_packet.map(span),
        columns.identity.map(|identity| &identity.number),
        columns.identity.map(|identity| &identity.asserted_by),
        columns.identity.map(|identity| &identity.diverted_from),
        columns.identity.map(|identity| &identity.provider_call),
        columns.identity.map(|identity| &identity.verification),
        heard.map(|heard| heard.mos),
        heard.map(|heard| heard.loss),
        heard.map(|heard| span(heard.jitter)),
        sent.map(|sent| sent.mos),
        sent.map(|sent| sent.loss),
        sent.map(|sent| span(sent.jitter)),
        round_trip.map(span),
        levels.map(|levels| levels.speech_dbm0),
        levels.map(|levels| levels.noise_dbm0),
        levels.map(|levels| levels.clipped),
        levels.map(|levels| levels.silent),
        columns.sound.map(|sound| sound.gaps),
        columns.sound.map(|sound| span(sound.gaps_length)),
    ]);
    written.map(drop)
}

/// The reverse of [`insert`]; `None` when the row makes no sense.
fn entry(row: &Row<'_>) -> rusqlite::Result<Option<Entry>> {
    let kind: String = row.get("kind")?;
    let entry = match kind.as_str() {
        "started" => Entry::Started {
            at: civil(row.get("started_us")?),
            sip_call_id: row.get("sip_call_id")?,
            from: row.get("caller")?,
            from_name: row.get("caller_name")?,
            to: row.get("dialled")?,
            identity: Box::new(identity(row)?),
        },
        "answered" => Entry::Answered(time(row, "at_us")?.unwrap_or_default()),
        "line" => {
            let Some(speaker) = speaker_named(&row.get::<_, String>("speaker")?) else {
                return Ok(None);
            };
            Entry::Line {
                at: time(row, "at_us")?.unwrap_or_default(),
                speaker,
                text: row.get("text")?,
                interrupted: row.get("interrupted")?,
            }
        }
        "cited" => Entry::Cited {
            article: row.get("article")?,
            title: row.get("title")?,
            url: row.get("url")?,
        },
        "email" => Entry::Email {
            address: row.get("address")?,
            confirmed: row.get("confirmed")?,
        },
        "escalated" => Entry::Escalated {
            reason: row.get("reason")?,
        },
        "transfer started" => Entry::TransferStarted {
            at: time(row, "at_us")?.unwrap_or_default(),
            target: row.get("title")?,
        },
        "transfer ended" => Entry::TransferEnded {
            at: time(row, "at_us")?.unwrap_or_default(),
            target: row.get("title")?,
            failure: row.get("reason")?,
        },
        "noticed" => Entry::Noticed {
            at: time(row, "at_us")?.unwrap_or_default(),
            what: row.get("text")?,
        },
        "sound" => Entry::Sound(sound(row)?),
        "recording" => return recording_entry(row),
        "turn" => Entry::Turn(TurnLedger {
            turn: row.get("turn")?,
            passages: time(row, "passages_us")?,
            first_token: time(row, "first_token_us")?,
            first_clause: time(row, "first_clause_us")?,
            first_audio: time(row, "first_audio_us")?,
            first_packet: time(row, "first_packet_us")?,
        }),
        "ended" => {
            let Some(outcome) = outcome_named(&row.get::<_, String>("outcome")?) else {
                return Ok(None);
            };
            Entry::Ended {
                at: time(row, "at_us")?.unwrap_or_default(),
                outcome,
                reason: row.get("reason")?,
            }
        }
        _ => return Ok(None),
    };
    Ok(Some(entry))
}

/// A recording's step: its name, and what is told with it.
fn recording(at: Duration, step: &RecordingStep) -> Columns<'_> {
    let (name, told) = match step {
        RecordingStep::Began(file) => ("began", Some(&**file)),
        RecordingStep::Paused => ("paused", None),
        RecordingStep::Resumed => ("resumed", None),
        RecordingStep::Gap => ("gap", None),
        RecordingStep::Stopped(reason) => ("stopped", Some(&**reason)),
        RecordingStep::Refused => ("refused", None),
        RecordingStep::Failed(reason) => ("failed", Some(&**reason)),
    };
    Columns {
        kind: "recording",
        at: Some(span(at)),
        text: Some(name),
        reason: told,
        ..Columns::default()
    }
}

fn recording_entry(row: &Row<'_>) -> rusqlite::Result<Option<Entry>> {
    let told: Option<String> = row.get("reason")?;
    let name: String = row.get("text")?;
    let at = time(row, "at_us")?.unwrap_or_default();
    let step = step_named(&name, told.unwrap_or_default());
    Ok(step.map(|step| Entry::Recording { at, step }))
}

fn step_named(name: &str, told: String) -> Option<RecordingStep> {
    Some(match name {
        "began" => RecordingStep::Began(told),
        "paused" => RecordingStep::Paused,
        "resumed" => RecordingStep::Resumed,
        "gap" => RecordingStep::Gap,
        "stopped" => RecordingStep::Stopped(told),
        "refused" => RecordingStep::Refused,
        "failed" => RecordingStep::Failed(told),
        _ => return None,
    })
}

/// What older versions did not record is empty.
fn identity(row: &Row<'_>) -> rusqlite::Result<Identity> {
    let text = |column| -> rusqlite::Result<String> {
        let told: Option<String> = row.get(column)?;
        Ok(told.unwrap_or_default())
    };
    Ok(Identity {
        number: text("number")?,
        asserted_by: text("asserted_by")?,
        diverted_from: text("diverted_from")?,
        provider_call: text("provider_call")?,
        verification: text("verification")?,
    })
}

fn sound(row: &Row<'_>) -> rusqlite::Result<Sound> {
    let side = |mos, loss, jitter| -> rusqlite::Result<Option<Heard>> {
        let score: Option<f64> = row.get(mos)?;
        let loss: Option<f64> = row.get(loss)?;
        let jitter = time(row, jitter)?.unwrap_or_default();
        Ok(score.map(|mos| Heard {
            mos,
            loss: loss.unwrap_or_default(),
            jitter,
        }))
    };
    Ok(Sound {
        heard: side("mos", "loss", "jitter_us")?.unwrap_or_default(),
        sent: side("sent_mos", "sent_loss", "sent_jitter_us")?,
        round_trip: time(row, "round_trip_us")?,
        levels: levels(row)?,
        gaps: row.get::<_, Option<u32>>("gaps")?.unwrap_or_default(),
        gaps_length: time(row, "gaps_us")?.unwrap_or_default(),
    })
}

/// What older versions did not measure is not known.
fn levels(row: &Row<'_>) -> rusqlite::Result<Option<Levels>> {
    let speech: Option<f64> = row.get("speech_dbm0")?;
    let number = |column| -> rusqlite::Result<f64> {
        let told: Option<f64> = row.get(column)?;
        Ok(told.unwrap_or_default())
    };
    let Some(speech_dbm0) = speech else {
        return Ok(None);
    };
    Ok(Some(Levels {
        speech_dbm0,
        noise_dbm0: number("noise_dbm0")?,
        clipped: number("clipped")?,
        silent: number("silent")?,
    }))
}

fn span(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

fn time(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<Duration>> {
    let micros: Option<i64> = row.get(column)?;
    Ok(micros.map(|micros| Duration::from_micros(u64::try_from(micros).unwrap_or_default())))
}

fn speaker_name(speaker: Speaker) -> &'static str {
    match speaker {
        Speaker::Caller => "caller",
        Speaker::Agent => "agent",
    }
}

fn speaker_named(name: &str) -> Option<Speaker> {
    [Speaker::Caller, Speaker::Agent]
        .into_iter()
        .find(|speaker| speaker_name(*speaker) == name)
}

fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Answered => "answered",
        Outcome::Escalated => "escalated",
        Outcome::Abandoned => "abandoned",
        Outcome::Failed => "failed",
        Outcome::Interrupted => "interrupted",
    }
}

fn outcome_named(name: &str) -> Option<Outcome> {
    let all = [
        Outcome::Answered,
        Outcome::Escalated,
        Outcome::Abandoned,
        Outcome::Failed,
        Outcome::Interrupted,
    ];
    all.into_iter()
        .find(|outcome| outcome_name(*outcome) == name)
}

/// Forgets calls that are over and began before `before_us`, except those whose ticket is still to be
/// written; gives their number.
pub(super) fn forget(connection: &Connection, before_us: i64) -> rusqlite::Result<usize> {
    connection.execute(
        "DELETE FROM outbox WHERE state = 'done' AND created_us < ?1",
        params![before_us],
    )?;
    connection.execute(
        "DELETE FROM calls WHERE ended = 1
            AND id IN (SELECT call FROM entries WHERE kind = 'started' AND started_us < ?1)
            AND call_id NOT IN (SELECT call_id FROM outbox)",
        params![before_us],
    )
}
