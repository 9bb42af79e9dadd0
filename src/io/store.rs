//! What was acknowledged survives: the record of every call and the outbox of tickets, in one SQLite file.
//!
//! One thread owns the connection; everybody else sends it commands through a bounded channel. Entries that
//! wait together are committed together (those that nobody awaits gather for 10 ms), and acknowledged after the commit is on the disk (WAL,
//! `synchronous=FULL`). The entry that ends a call and the ticket it needs are one transaction, so a call
//! that is over either has its ticket in the outbox or needs none.
//!
//! A disk that is full, locked or gone never stops a call: entries are kept in memory and written when the
//! disk is back, and the administrator gets one ERROR line for the whole trouble.

mod entries;
mod filings;
mod schema;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::SystemTime;

use rusqlite::Connection;
use thiserror::Error;
use tokio::sync::{Notify, mpsc, oneshot};

use crate::ticket::{CallId, CallRecord, Entry, TicketPolicy};

pub use filings::{DeadLetter, Filing, OutboxCounts, TicketState};
pub(crate) use schema::{civil, micros};
use writer::{Append, Command, Writer};

/// Commands waiting for the store's thread: some seconds of the entries of a hundred calls while the disk is
/// slow. When full, an awaiting caller waits; a fire-and-forget entry is dropped and counted in
/// [`StoreHealth::lost`].
pub const COMMANDS_MAX: usize = 4096;

/// Why the store did not do what was asked.
#[derive(Clone, Debug, Error)]
pub enum StoreError {
    /// The file cannot be opened.
    #[error("the call store {path} cannot be opened: {reason}")]
    Open {
        /// Which file.
        path: String,
        /// What SQLite or the system says.
        reason: String,
    },
    /// The file belongs to a newer version of the program.
    #[error(
        "the call store {path} has schema {found}, this program knows up to {known}: install the newer program again, or move the file away"
    )]
    Newer {
        /// Which file.
        path: String,
        /// Its schema version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// The disk is full, locked, read-only or failing. What was to be recorded is kept in memory and
    /// written as soon as that is over.
    #[error("the call store cannot be written at present: {0}")]
    Unavailable(String),
    /// SQLite refuses the statement; repeating does not help.
    #[error("the call store refuses: {0}")]
    Refused(String),
    /// The store is closed.
    #[error("the call store is closed")]
    Closed,
}

/// How the store is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreHealth {
    /// Entries in memory that the disk has not taken yet.
    pub waiting: usize,
    /// Entries lost because a queue was full or SQLite refused them.
    pub lost: u64,
    /// Transactions committed.
    pub commits: u64,
}

/// What recovery after a start did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Calls that were running when the daemon died; they are ended now.
    pub calls: usize,
    /// Tickets this put into the outbox.
    pub tickets: usize,
}

/// One call in a list.
#[derive(Clone, Debug, PartialEq)]
pub struct CallSummary {
    /// Which call.
    pub call_id: CallId,
    /// All that is known about it.
    pub record: CallRecord,
    /// Its ticket, if it needed one.
    pub ticket: Option<TicketState>,
}

/// Counters shared by the handles and the thread.
#[derive(Debug, Default)]
struct Shared {
    waiting: AtomicUsize,
    lost: AtomicU64,
    commits: AtomicU64,
    /// A row was added to the outbox.
    filed: Notify,
}

/// A handle on the store; clones share it. The last one to go lets the thread write what waits and end.
#[derive(Clone, Debug)]
pub struct Store {
    commands: mpsc::Sender<Command>,
    shared: Arc<Shared>,
}

impl Store {
    /// Opens or creates the file and starts the thread. A file that is damaged is moved aside (its new name
    /// is in the ERROR line) and a new one is begun, so that calls are answered in any case.
    ///
    /// # Errors
    /// [`StoreError::Open`] and [`StoreError::Newer`].
    pub fn open(path: &Path, policy: TicketPolicy) -> Result<Self, StoreError> {
        let connection = schema::open(path)?;
        let (commands, receiver) = mpsc::channel(COMMANDS_MAX);
        let shared = Arc::new(Shared::default());
        let writer = Writer::new(connection, policy, Arc::clone(&shared));
        let cannot_start = |error: std::io::Error| StoreError::Open {
            path: path.display().to_string(),
            reason: error.to_string(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(cannot_start)?;
        std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || runtime.block_on(writer.run(receiver)))
            .map_err(cannot_start)?;
        Ok(Self { commands, shared })
    }

    /// Appends a fact and returns when it is durable. [`Entry::Ended`] also puts the call's ticket into the
    /// outbox, if it needs one. What follows the end of a call is ignored.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the disk does not take it now: the entry is kept in memory and
    /// written later, do not repeat it.
    pub async fn record(&self, call_id: CallId, entry: Entry) -> Result<(), StoreError> {
        let (done, acknowledged) = oneshot::channel();
        let append = Append::new(call_id, entry, Some(done));
        self.send(Command::Append(append)).await?;
        acknowledged.await.map_err(|_| StoreError::Closed)?
    }

    /// Appends a fact without waiting, in order with what the same task sends before and after. A fact for
    /// which there is no room is counted in [`StoreHealth::lost`].
    pub fn record_later(&self, call_id: CallId, entry: Entry) {
        let append = Append::new(call_id, entry, None);
        if self.commands.try_send(Command::Append(append)).is_err() {
            let before = self.shared.lost.fetch_add(1, Ordering::Relaxed);
            if before == 0 {
                log::error!("the call store does not keep up: facts about calls are being lost");
            }
        }
    }

    /// Ends every call that a dead daemon left open (with outcome `Interrupted`) and files its ticket. To be
    /// called once, before the first call is taken.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn recover(&self) -> Result<Recovered, StoreError> {
        let (done, recovered) = oneshot::channel();
        self.send(Command::Recover(done)).await?;
        recovered.await.map_err(|_| StoreError::Closed)?
    }

    /// The record of a call; empty when it is not known.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn call(&self, call_id: CallId) -> Result<CallRecord, StoreError> {
        self.run(move |connection| entries::load(connection, &call_id))
            .await
    }

    /// The latest calls, newest first.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn recent(&self, count: usize) -> Result<Vec<CallSummary>, StoreError> {
        self.run(move |connection| {
            let mut calls = Vec::new();
            for call_id in entries::recent(connection, count)? {
                calls.push(CallSummary {
                    record: entries::load(connection, &call_id)?,
                    ticket: filings::state(connection, &call_id)?,
                    call_id,
                });
            }
            Ok(calls)
        })
        .await
    }

    /// Forgets calls that are over and began before `before`, with their tickets' drafts; a call whose
    /// ticket is still to be written stays. Gives the number of calls forgotten.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn forget(&self, before: SystemTime) -> Result<usize, StoreError> {
        self.run(move |connection| {
            let transaction = schema::begin(connection)?;
            let forgotten = entries::forget(&transaction, micros(before))?;
            transaction.commit()?;
            Ok(forgotten)
        })
        .await
    }

    /// How the store is doing.
    #[must_use]
    pub fn health(&self) -> StoreHealth {
        StoreHealth {
            waiting: self.shared.waiting.load(Ordering::Relaxed),
            lost: self.shared.lost.load(Ordering::Relaxed),
            commits: self.shared.commits.load(Ordering::Relaxed),
        }
    }

    /// Writes what waits, and ends the thread. Later requests get [`StoreError::Closed`].
    pub async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.send(Command::Close(done)).await.is_ok() {
            // An error here means that the thread has gone already.
            let _gone = closed.await;
        }
    }

    /// Runs `work` on the store's thread, after everything sent before it.
    async fn run<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let (done, result) = oneshot::channel();
        let job = move |connection: &mut Connection| {
            // The asker may have gone; the work was wanted all the same.
            let _asker = done.send(work(connection).map_err(|error| schema::explain(&error)));
        };
        self.send(Command::Job(Box::new(job))).await?;
        result.await.map_err(|_| StoreError::Closed)?
    }

    async fn send(&self, command: Command) -> Result<(), StoreError> {
        self.commands
            .send(command)
            .await
            .map_err(|_| StoreError::Closed)
    }
}

#[cfg(test)]
mod tests;
