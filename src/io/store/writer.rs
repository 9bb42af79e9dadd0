//! The store's thread: takes commands, commits entries in groups, keeps what the disk does not take.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout_at;

use super::{Recovered, Shared, StoreError, entries, filings, schema};
use crate::io::clock;
use crate::ticket::{CallId, CallRecord, Draft, Entry, TicketPolicy, draft};

/// Entries kept in memory while the disk takes none: hours of calls. When full the newest is dropped and
/// counted in `StoreHealth::lost`.
const BACKLOG_MAX: usize = 20_000;
/// Entries in one transaction: a bound on how long an acknowledgement waits for its neighbours.
const GROUP_MAX: usize = 256;
/// How long entries that nobody awaits gather: a commit is a wait for the disk, and at a thousand calls a second
/// it costs more than all that stands in it.
const GATHER: Duration = Duration::from_millis(10);
/// How often the disk is tried again while entries wait for it and nothing else happens.
const RETRY: Duration = Duration::from_secs(1);

type Done<T> = oneshot::Sender<Result<T, StoreError>>;

/// What the thread is asked for.
pub(super) enum Command {
    Append(Append),
    Recover(Done<Recovered>),
    Job(Box<dyn FnOnce(&mut Connection) + Send>),
    Close(oneshot::Sender<()>),
}

/// One entry on its way to the disk.
pub(super) struct Append {
    call_id: CallId,
    entry: Entry,
    done: Option<Done<()>>,
}

impl Append {
    pub(super) fn new(call_id: CallId, entry: Entry, done: Option<Done<()>>) -> Self {
        Self {
            call_id,
            entry,
            done,
        }
    }

    fn acknowledge(&mut self, result: Result<(), StoreError>) {
        if let Some(done) = self.done.take() {
            // The asker may have gone.
            let _asker = done.send(result);
        }
    }
}

/// The thread's state.
pub(super) struct Writer {
    connection: Connection,
    policy: TicketPolicy,
    shared: Arc<Shared>,
    backlog: VecDeque<Append>,
    in_trouble: bool,
    /// When what waits is written; nothing waits without it.
    due: Option<Instant>,
}

impl Writer {
    pub(super) fn new(connection: Connection, policy: TicketPolicy, shared: Arc<Shared>) -> Self {
        Self {
            connection,
            policy,
            shared,
            backlog: VecDeque::new(),
            in_trouble: false,
            due: None,
        }
    }

    /// Serves until the last handle is gone or the store is closed.
    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        loop {
            let next = match self.due {
                None => commands.recv().await,
                Some(due) => match timeout_at(due.into(), commands.recv()).await {
                    Ok(next) => next,
                    Err(_) => {
                        self.write();
                        continue;
                    }
                },
            };
            let Some(command) = next else {
                self.write();
                self.fold_log();
                return;
            };
            if let Some(closed) = self.take(command, &mut commands) {
                self.fold_log();
                drop(self);
                // The asker may have gone.
                let _asker = closed.send(());
                return;
            }
        }
    }

    /// Takes a command, and with an entry all that wait behind it; they are written when one of them is
    /// awaited, else when they have gathered. Gives the acknowledgement to send when
    /// the store is to close.
    fn take(
        &mut self,
        command: Command,
        commands: &mut mpsc::Receiver<Command>,
    ) -> Option<oneshot::Sender<()>> {
        let mut command = command;
        loop {
            let other = match command {
                Command::Append(append) => {
                    self.keep(append);
                    match commands.try_recv() {
                        Ok(next) if self.backlog.len() < GROUP_MAX || self.in_trouble => {
                            command = next;
                            continue;
                        }
                        Ok(next) => Some(next),
                        Err(_) if self.may_gather() => return None,
                        Err(_) => None,
                    }
                }
                other => Some(other),
            };
            self.write();
            match other? {
                Command::Append(append) => command = Command::Append(append),
                Command::Close(closed) => return Some(closed),
                Command::Recover(done) => {
                    let _asker = done.send(self.recover());
                    return None;
                }
                Command::Job(job) => {
                    job(&mut self.connection);
                    return None;
                }
            }
        }
    }

    fn keep(&mut self, mut append: Append) {
        if self.backlog.len() >= BACKLOG_MAX {
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
            append.acknowledge(Err(StoreError::Unavailable(
                "too many entries wait for the disk".to_owned(),
            )));
            return;
        }
        self.due.get_or_insert_with(|| clock::now() + GATHER);
        self.backlog.push_back(append);
        self.shared
            .waiting
            .store(self.backlog.len(), Ordering::Relaxed);
    }

    /// Nobody waits for it, and its time has not come.
    fn may_gather(&self) -> bool {
        let awaited = |append: &Append| append.done.is_some();
        !self.in_trouble
            && self.due.is_some_and(|due| clock::now() < due)
            && !self.backlog.iter().any(awaited)
    }

    /// Writes what waits, in groups, until nothing waits or the disk does not take it.
    fn write(&mut self) {
        while !self.backlog.is_empty() {
            let count = self.backlog.len().min(GROUP_MAX);
            match self.commit(count) {
                Ok(()) => {}
                Err(error) if schema::is_passing(&error) => {
                    self.on_trouble(&error);
                    break;
                }
                // One of the group is to blame: alone, it shows itself.
                Err(_) if count > 1 => {
                    for _ in 0..count {
                        if !self.write_one() {
                            break;
                        }
                    }
                    if self.in_trouble {
                        break;
                    }
                }
                Err(error) => self.drop_first(&error),
            }
        }
        self.due = (!self.backlog.is_empty()).then(|| clock::now() + RETRY);
        self.shared
            .waiting
            .store(self.backlog.len(), Ordering::Relaxed);
    }

    /// Writes the first entry alone; false when the disk does not take it.
    fn write_one(&mut self) -> bool {
        match self.commit(1) {
            Ok(()) => true,
            Err(error) if schema::is_passing(&error) => {
                self.on_trouble(&error);
                false
            }
            Err(error) => {
                self.drop_first(&error);
                true
            }
        }
    }

    /// Commits the first `count` entries and acknowledges them.
    fn commit(&mut self, count: usize) -> rusqlite::Result<()> {
        let transaction = schema::begin(&mut self.connection)?;
        let mut tickets = 0;
        for append in self.backlog.iter().take(count) {
            tickets += usize::from(apply(&transaction, self.policy, append)?);
        }
        transaction.commit()?;
        self.shared.commits.fetch_add(1, Ordering::Relaxed);
        for mut append in self.backlog.drain(..count) {
            append.acknowledge(Ok(()));
        }
        if tickets > 0 {
            self.shared.filed.notify_one();
        }
        if self.in_trouble {
            self.in_trouble = false;
            log::warn!("the call store can be written again");
        }
        Ok(())
    }

    /// Nothing can be written now: says so once, and tells everybody who waits for it.
    fn on_trouble(&mut self, error: &rusqlite::Error) {
        if !self.in_trouble {
            self.in_trouble = true;
            log::error!(
                "the call store cannot be written ({error}): calls go on, their records are kept in memory; make room on the disk"
            );
        }
        for append in &mut self.backlog {
            append.acknowledge(Err(schema::explain(error)));
        }
    }

    fn drop_first(&mut self, error: &rusqlite::Error) {
        let Some(mut append) = self.backlog.pop_front() else {
            return;
        };
        self.shared.lost.fetch_add(1, Ordering::Relaxed);
        log::error!(CALL_ID = append.call_id.0.as_str(); "the call store refuses an entry: {error}");
        append.acknowledge(Err(schema::explain(error)));
    }

    /// Ends the calls that a dead daemon left open.
    fn recover(&mut self) -> Result<Recovered, StoreError> {
        self.end_open_calls()
            .map_err(|error| schema::explain(&error))
    }

    fn end_open_calls(&mut self) -> rusqlite::Result<Recovered> {
        let transaction = schema::begin(&mut self.connection)?;
        let mut recovered = Recovered::default();
        for call_id in entries::open_calls(&transaction)? {
            let entry = entries::load(&transaction, &call_id)?.interruption();
            let append = Append::new(call_id, entry, None);
            recovered.calls += 1;
            recovered.tickets += usize::from(apply(&transaction, self.policy, &append)?);
        }
        transaction.commit()?;
        if recovered.tickets > 0 {
            self.shared.filed.notify_one();
        }
        Ok(recovered)
    }

    /// Folds the log into the file, so that the next start need not look for damage.
    fn fold_log(&mut self) {
        let folded: rusqlite::Result<i64> =
            self.connection
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0));
        if let Err(error) = folded {
            log::warn!("the call store's log could not be folded in: {error}");
        }
    }
}

/// Writes one entry; true when its call's ticket went into the outbox by it.
fn apply(connection: &Connection, policy: TicketPolicy, append: &Append) -> rusqlite::Result<bool> {
    let call = entries::call_row(connection, &append.call_id)?;
    if call.is_ended {
        log::debug!(CALL_ID = append.call_id.0.as_str(); "an entry came after the end of its call");
        return Ok(false);
    }
    entries::insert(connection, call.id, &append.entry)?;
    if !matches!(append.entry, Entry::Ended { .. }) {
        return Ok(false);
    }
    entries::end(connection, call.id)?;
    let record = entries::load(connection, &append.call_id)?;
    match drafted(&append.call_id, &record, policy) {
        Some(draft) => filings::insert(connection, &draft, clock::wallclock()),
        None => Ok(false),
    }
}

/// The call's ticket. A call whose ticket cannot be written for a broken invariant must not take the store,
/// and with it all other calls, along.
fn drafted(call_id: &CallId, record: &CallRecord, policy: TicketPolicy) -> Option<Draft> {
    catch_unwind(AssertUnwindSafe(|| draft(call_id, record, policy))).unwrap_or_else(|_| {
        log::error!(CALL_ID = call_id.0.as_str(); "writing the ticket crashed: its call stays in the store without one");
        None
    })
}
