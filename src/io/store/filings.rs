//! The outbox: tickets on their way to the helpdesk, as rows.

use std::time::SystemTime;

use rusqlite::{Connection, OptionalExtension, Row, named_params, params};
use tokio::sync::Notify;

use super::schema::{civil, micros};
use super::{Store, StoreError};
use crate::ticket::saga::Progress;
use crate::ticket::{CallId, Draft, Requester};

/// A ticket on its way to the helpdesk.
#[derive(Clone, Debug, PartialEq)]
pub struct Filing {
    /// What is to be written.
    pub draft: Draft,
    /// How far it has come.
    pub progress: Progress,
    /// Attempts that brought nothing, over all starts of the daemon.
    pub attempts: u32,
    /// When it is to be tried again.
    pub due: SystemTime,
    /// What the last attempt met, in words.
    pub last_error: Option<String>,
}

/// Where a call's ticket is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TicketState {
    /// On its way.
    Pending,
    /// In the helpdesk, under this id.
    Filed(String),
    /// The helpdesk refused it, for this reason.
    Dead(String),
}

/// A ticket that the helpdesk refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Whose ticket.
    pub call_id: CallId,
    /// Its subject.
    pub subject: String,
    /// Why, in words.
    pub reason: String,
}

/// How many tickets are where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutboxCounts {
    /// On their way.
    pub pending: usize,
    /// Refused, waiting for a person.
    pub dead: usize,
    /// In the helpdesk.
    pub done: usize,
}

impl Store {
    /// Wakes whoever waits on it each time a ticket is added to the outbox.
    #[must_use]
    pub fn filed(&self) -> &Notify {
        &self.shared.filed
    }

    /// At most `limit` tickets on their way, the one due first in front.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn pending(&self, limit: usize) -> Result<Vec<Filing>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.run(move |connection| {
            let mut select = connection.prepare_cached(
                "SELECT * FROM outbox WHERE state = 'pending' ORDER BY due_us, created_us LIMIT ?1",
            )?;
            select.query_map([limit], filing)?.collect()
        })
        .await
    }

    /// Keeps how far a ticket has come; one with a ticket id is done.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn save_progress(
        &self,
        call_id: &CallId,
        progress: &Progress,
    ) -> Result<(), StoreError> {
        let (call_id, progress) = (call_id.clone(), progress.clone());
        self.run(move |connection| {
            let mut update = connection.prepare_cached(
                "UPDATE outbox SET requester_id = :requester, ticket_id = :ticket,
                    attempted_create = :attempted, last_error = iif(:ticket IS NULL, last_error, NULL),
                    state = iif(:ticket IS NULL, state, 'done')
                 WHERE call_id = :call",
            )?;
            let updated = update.execute(named_params! {
                ":requester": progress.requester_id,
                ":ticket": progress.ticket_id,
                ":attempted": progress.attempted_create,
                ":call": call_id.0,
            });
            updated.map(drop)
        })
        .await
    }

    /// Puts a ticket off until `due` after an attempt that brought nothing.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn put_off(
        &self,
        call_id: &CallId,
        due: SystemTime,
        error: &str,
    ) -> Result<(), StoreError> {
        let (call_id, error) = (call_id.clone(), error.to_owned());
        self.run(move |connection| {
            let mut update = connection.prepare_cached(
                "UPDATE outbox SET attempts = attempts + 1, due_us = ?1, last_error = ?2
                 WHERE call_id = ?3",
            )?;
            update
                .execute(params![micros(due), error, call_id.0])
                .map(drop)
        })
        .await
    }

    /// Lays a ticket aside until [`Store::revive`].
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn bury(&self, call_id: &CallId, reason: &str) -> Result<(), StoreError> {
        let (call_id, reason) = (call_id.clone(), reason.to_owned());
        self.run(move |connection| {
            let mut update = connection.prepare_cached(
                "UPDATE outbox SET state = 'dead', last_error = ?1
                 WHERE call_id = ?2 AND state = 'pending'",
            )?;
            update.execute(params![reason, call_id.0]).map(drop)
        })
        .await
    }

    /// Takes up every ticket that was laid aside; gives their number.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn revive(&self) -> Result<usize, StoreError> {
        let revived = self
            .run(|connection| {
                connection.execute(
                    "UPDATE outbox SET state = 'pending' WHERE state = 'dead'",
                    [],
                )
            })
            .await?;
        if revived > 0 {
            self.shared.filed.notify_one();
        }
        Ok(revived)
    }

    /// At most `limit` tickets that the helpdesk refused, newest first.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.run(move |connection| {
            let mut select = connection.prepare_cached(
                "SELECT call_id, subject, coalesce(last_error, '') FROM outbox
                 WHERE state = 'dead' ORDER BY created_us DESC LIMIT ?1",
            )?;
            let read = |row: &Row<'_>| {
                Ok(DeadLetter {
                    call_id: CallId(row.get(0)?),
                    subject: row.get(1)?,
                    reason: row.get(2)?,
                })
            };
            select.query_map([limit], read)?.collect()
        })
        .await
    }

    /// How many tickets are where.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn outbox_counts(&self) -> Result<OutboxCounts, StoreError> {
        self.run(|connection| {
            let mut select =
                connection.prepare_cached("SELECT state, count(*) FROM outbox GROUP BY state")?;
            let mut rows = select.query([])?;
            let mut counts = OutboxCounts::default();
            while let Some(row) = rows.next()? {
                let count = usize::try_from(row.get::<_, i64>(1)?).unwrap_or_default();
                match row.get::<_, String>(0)?.as_str() {
                    "pending" => counts.pending = count,
                    "dead" => counts.dead = count,
                    _ => counts.done = count,
                }
            }
            Ok(counts)
        })
        .await
    }

    /// Where a call's ticket is; `None` when the call needs none (or is not over).
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn ticket(&self, call_id: CallId) -> Result<Option<TicketState>, StoreError> {
        self.run(move |connection| state(connection, &call_id))
            .await
    }
}

/// Puts a draft into the outbox; false when the call has its row already.
pub(super) fn insert(
    connection: &Connection,
    draft: &Draft,
    now: SystemTime,
) -> rusqlite::Result<bool> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO outbox (call_id, state, subject, body_html, body_text, requester_name,
            requester_email, requester_phone, tags, created_us, due_us)
         VALUES (:call, 'pending', :subject, :html, :text, :name, :email, :phone, :tags, :now, :now)
         ON CONFLICT DO NOTHING",
    )?;
    let inserted = insert.execute(named_params! {
        ":call": draft.call_id.0,
        ":subject": draft.subject,
        ":html": draft.body_html,
        ":text": draft.body_text,
        ":name": draft.requester.name,
        ":email": draft.requester.email,
        ":phone": draft.requester.phone,
        ":tags": draft.tags.join("\n"),
        ":now": micros(now),
    })?;
    Ok(inserted > 0)
}

/// Where a call's ticket is.
pub(super) fn state(
    connection: &Connection,
    call_id: &CallId,
) -> rusqlite::Result<Option<TicketState>> {
    let mut select = connection
        .prepare_cached("SELECT state, ticket_id, last_error FROM outbox WHERE call_id = ?1")?;
    let read = |row: &Row<'_>| {
        let state: String = row.get(0)?;
        Ok(match state.as_str() {
            "done" => TicketState::Filed(row.get::<_, Option<String>>(1)?.unwrap_or_default()),
            "dead" => TicketState::Dead(row.get::<_, Option<String>>(2)?.unwrap_or_default()),
            _ => TicketState::Pending,
        })
    };
    select.query_row([&call_id.0], read).optional()
}

fn filing(row: &Row<'_>) -> rusqlite::Result<Filing> {
    let tags: String = row.get("tags")?;
    Ok(Filing {
        draft: Draft {
            call_id: CallId(row.get("call_id")?),
            subject: row.get("subject")?,
            body_html: row.get("body_html")?,
            body_text: row.get("body_text")?,
            requester: Requester {
                name: row.get("requester_name")?,
                email: row.get("requester_email")?,
                phone: row.get("requester_phone")?,
            },
            tags: tags.lines().map(str::to_owned).collect(),
        },
        progress: Progress {
            requester_id: row.get("requester_id")?,
            ticket_id: row.get("ticket_id")?,
            attempted_create: row.get("attempted_create")?,
        },
        attempts: row.get("attempts")?,
        due: civil(row.get("due_us")?),
        last_error: row.get("last_error")?,
    })
}
