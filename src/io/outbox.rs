//! Brings tickets from the store to the helpdesk, each exactly once, however long the helpdesk is away.
//!
//! One task takes what is due, a few at a time. Each flight drives a [`Saga`]: the progress is on the disk
//! before a step is performed and after its result, so that a crash at any point is followed by a look-up
//! and never by a second ticket. What the helpdesk does not take now is tried again, with growing waits;
//! what it refuses is laid aside with an alarm until the next start or [`Outbox::retry`]; when it bars us
//! altogether everything waits, and it is asked again rarely.

mod flight;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{sleep_until, timeout};

use crate::io::clock;
use crate::io::desk::Desk;
use crate::io::store::{Filing, Store};
use crate::ticket::CallId;
use crate::ticket::saga::Saga;
use flight::{Landing, fly};

/// Tickets on their way at the same time: gentle to the helpdesk's limits, and enough for an office.
pub const IN_FLIGHT_MAX: usize = 2;
/// Tickets held in memory; the rest wait in the store, whose order is by when they are due.
pub const LOADED_MAX: usize = 64;
/// Requests of the daemon to the outbox: flush, retry. The asker waits when it is full.
const REQUESTS_MAX: usize = 8;
/// The longest wait that is believed when it is read from the disk: civil time may have jumped.
const WAIT_READ_MAX: Duration = Duration::from_secs(15 * 60);
/// How soon the store is asked again when it did not answer.
const STORE_RETRY: Duration = Duration::from_secs(5);

/// How the outbox is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutboxStatus {
    /// Tickets on their way.
    pub pending: usize,
    /// Tickets that the helpdesk refused.
    pub dead: usize,
    /// Tickets in the helpdesk.
    pub done: usize,
    /// Why the helpdesk bars us, while it does.
    pub barred: Option<String>,
    /// What the last attempt met, in words; nothing after a success.
    pub last_error: Option<String>,
}

/// The running outbox. Dropping it stops the task; what was on its way is taken up at the next start.
#[derive(Debug)]
pub struct Outbox {
    requests: mpsc::Sender<Request>,
    status: watch::Receiver<OutboxStatus>,
}

#[derive(Debug)]
enum Request {
    /// Try everything now; answered when everything was tried.
    Flush(oneshot::Sender<()>),
    /// Take up what was laid aside, and try everything now.
    Retry(oneshot::Sender<()>),
}

impl Outbox {
    /// Starts the task, and takes up what earlier starts left, also what was laid aside.
    #[must_use]
    pub fn start(store: Store, desk: Arc<Desk>) -> Self {
        let (requests, receiver) = mpsc::channel(REQUESTS_MAX);
        let (publisher, status) = watch::channel(OutboxStatus::default());
        let worker = Worker {
            store,
            desk,
            waiting: HashMap::new(),
            flights: JoinSet::new(),
            flying: HashMap::new(),
            to_load: true,
            load_again: None,
            barred_until: None,
            in_trouble: false,
            flushes: Vec::new(),
            publisher,
        };
        tokio::spawn(worker.run(receiver));
        Self { requests, status }
    }

    /// How the outbox is doing.
    #[must_use]
    pub fn status(&self) -> OutboxStatus {
        self.status.borrow().clone()
    }

    /// Changes of the status.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<OutboxStatus> {
        self.status.clone()
    }

    /// Tries everything now, whatever its wait, and returns when all was tried or the time is over. Gives
    /// how many tickets are still on their way (they are safe in the store).
    pub async fn flush(&self, patience: Duration) -> usize {
        let (done, tried) = oneshot::channel();
        if self.requests.send(Request::Flush(done)).await.is_ok() {
            // Time over or the task gone: the count says what is left.
            let _outcome = timeout(patience, tried).await;
        }
        self.status().pending
    }

    /// Somebody has put things right: takes up what was laid aside and tries everything now.
    pub async fn retry(&self) {
        let (done, begun) = oneshot::channel();
        if self.requests.send(Request::Retry(done)).await.is_ok() {
            // An error means that the task is gone.
            let _gone = begun.await;
        }
    }
}

/// A ticket that waits for its next attempt.
#[derive(Debug)]
struct Waiting {
    saga: Saga,
    /// When it is tried again.
    due: Instant,
    /// Not before this, even if somebody asks: the helpdesk said so, or a look-up would come too early.
    not_before: Instant,
}

struct Worker {
    store: Store,
    desk: Arc<Desk>,
    waiting: HashMap<CallId, Waiting>,
    flights: JoinSet<Landing>,
    flying: HashMap<Id, CallId>,
    /// The store may have tickets that are not in memory.
    to_load: bool,
    /// The store did not answer; it is asked again then.
    load_again: Option<Instant>,
    barred_until: Option<Instant>,
    /// The last attempt failed: one at a time until one succeeds.
    in_trouble: bool,
    flushes: Vec<oneshot::Sender<()>>,
    publisher: watch::Sender<OutboxStatus>,
}

/// What wakes the task.
enum Event {
    Asked(Option<Request>),
    Landed(Result<(Id, Landing), JoinError>),
    Filed,
    Due,
}

impl Worker {
    async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        self.revive().await;
        loop {
            self.load().await;
            self.launch();
            self.publish().await;
            self.answer_flushes();
            let event = self.wait(&mut requests).await;
            match event {
                Event::Asked(None) => return,
                Event::Asked(Some(request)) => self.on_request(request).await,
                Event::Landed(Ok((id, landing))) => self.on_landing(id, landing),
                Event::Landed(Err(error)) => self.on_crash(&error).await,
                Event::Filed => self.to_load = true,
                Event::Due => {}
            }
        }
    }

    async fn wait(&mut self, requests: &mut mpsc::Receiver<Request>) -> Event {
        let due = self.next_due();
        let wake = tokio::time::Instant::from_std(due.unwrap_or_else(clock::now));
        tokio::select! {
            biased;
            request = requests.recv() => Event::Asked(request),
            Some(landed) = self.flights.join_next_with_id() => Event::Landed(landed),
            () = self.store.filed().notified() => Event::Filed,
            () = sleep_until(wake), if due.is_some() => Event::Due,
        }
    }

    /// When there is something to do next, if nothing happens before.
    fn next_due(&self) -> Option<Instant> {
        let ticket = if self.flights.len() < self.room() {
            self.waiting.values().map(|waiting| waiting.due).min()
        } else {
            None
        };
        let ticket = match (ticket, self.barred_until) {
            (Some(due), Some(until)) => Some(due.max(until)),
            (due, _) => due,
        };
        ticket.into_iter().chain(self.load_again).min()
    }

    fn room(&self) -> usize {
        if self.in_trouble { 1 } else { IN_FLIGHT_MAX }
    }

    async fn revive(&mut self) {
        match self.store.revive().await {
            Ok(0) => {}
            Ok(count) => log::info!("{count} tickets that the helpdesk refused are tried again"),
            Err(error) => log::warn!("tickets that were laid aside cannot be taken up: {error}"),
        }
    }

    /// Takes tickets from the store into memory.
    async fn load(&mut self) {
        if self.load_again.is_some_and(|again| again <= clock::now()) {
            self.load_again = None;
            self.to_load = true;
        }
        if !self.to_load {
            return;
        }
        match self.store.pending(LOADED_MAX).await {
            Ok(filings) => {
                self.to_load = false;
                let flying: HashSet<CallId> = self.flying.values().cloned().collect();
                for filing in filings {
                    let call_id = filing.draft.call_id.clone();
                    let is_known = flying.contains(&call_id) || self.waiting.contains_key(&call_id);
                    if !is_known && self.waiting.len() < LOADED_MAX {
                        let waiting = self.waiting_of(filing);
                        self.waiting.insert(call_id, waiting);
                    }
                }
            }
            Err(error) => {
                self.to_load = false;
                self.load_again = Some(clock::now() + STORE_RETRY);
                self.note(Some(error.to_string()));
            }
        }
    }

    fn waiting_of(&self, filing: Filing) -> Waiting {
        let now = clock::now();
        let wait = wait_until(filing.due, clock::wallclock());
        let unsure = filing.progress.attempted_create && filing.progress.ticket_id.is_none();
        let not_before = if unsure {
            now + self.desk.settle()
        } else {
            now
        };
        Waiting {
            saga: Saga::new(filing.draft, filing.progress),
            due: (now + wait).max(not_before),
            not_before,
        }
    }

    /// Starts as many due tickets as there is room for, the longest due first.
    fn launch(&mut self) {
        let now = clock::now();
        match self.barred_until {
            Some(until) if now < until => return,
            _ => self.barred_until = None,
        }
        while self.flights.len() < self.room() {
            let due = self
                .waiting
                .iter()
                .filter(|(_, waiting)| waiting.due <= now);
            let Some(call_id) = due
                .min_by_key(|(_, waiting)| waiting.due)
                .map(|(id, _)| id.clone())
            else {
                return;
            };
            let waiting = self
                .waiting
                .remove(&call_id)
                .expect("the key was just found");
            let flight = fly(
                self.store.clone(),
                Arc::clone(&self.desk),
                call_id.clone(),
                waiting.saga,
            );
            let handle = self.flights.spawn(flight);
            self.flying.insert(handle.id(), call_id);
        }
    }

    fn on_landing(&mut self, id: Id, landing: Landing) {
        let Some(call_id) = self.flying.remove(&id) else {
            return;
        };
        // Room in memory: there may be more in the store.
        self.to_load = true;
        match landing {
            Landing::Filed(ticket_id) => {
                log::info!(CALL_ID = call_id.0.as_str(); "ticket {ticket_id} is in the helpdesk");
                self.in_trouble = false;
                self.note(None);
            }
            Landing::Refused(reason) => {
                log::error!(CALL_ID = call_id.0.as_str(); "the helpdesk refuses the ticket, it is laid aside: {reason}");
                self.note(Some(reason));
            }
            Landing::Later {
                saga,
                wait,
                asked,
                reason,
            } => {
                log::warn!(CALL_ID = call_id.0.as_str(); "the ticket is not written yet, next attempt in {} s: {reason}", wait.as_secs());
                let now = clock::now();
                let waiting = Waiting {
                    saga: *saga,
                    due: now + wait,
                    not_before: now + asked,
                };
                self.waiting.insert(call_id, waiting);
                self.in_trouble = true;
                self.note(Some(reason));
            }
            Landing::Barred {
                saga,
                after,
                reason,
            } => {
                let now = clock::now();
                let waiting = Waiting {
                    saga: *saga,
                    due: now,
                    not_before: now,
                };
                self.waiting.insert(call_id, waiting);
                self.on_barred(now + after, after, reason);
            }
        }
    }

    fn on_barred(&mut self, until: Instant, after: Duration, reason: String) {
        if self.barred_until.is_none() {
            log::error!(
                "no tickets are written for {} min: {reason}",
                after.as_secs().div_ceil(60)
            );
        }
        self.barred_until = Some(until.max(self.barred_until.unwrap_or(until)));
        self.in_trouble = true;
        self.publisher
            .send_modify(|status| status.barred = Some(reason));
    }

    /// A flight panicked: a broken invariant, which a repetition would only break again.
    async fn on_crash(&mut self, error: &JoinError) {
        let Some(call_id) = self.flying.remove(&error.id()) else {
            return;
        };
        log::error!(CALL_ID = call_id.0.as_str(); "writing the ticket crashed, it is laid aside: {error}");
        if let Err(error) = self.store.bury(&call_id, "writing it crashed").await {
            log::error!(CALL_ID = call_id.0.as_str(); "the ticket cannot be laid aside: {error}");
        }
        self.to_load = true;
    }

    async fn on_request(&mut self, request: Request) {
        self.to_load = true;
        match request {
            Request::Flush(done) => self.flushes.push(done),
            Request::Retry(done) => {
                self.barred_until = None;
                self.desk.rearm().await;
                self.revive().await;
                // The asker may have gone.
                let _asker = done.send(());
            }
        }
        self.load().await;
        let now = clock::now();
        for waiting in self.waiting.values_mut() {
            waiting.due = waiting.not_before.max(now.min(waiting.due));
        }
    }

    /// A flush is over when nothing flies and nothing is due.
    fn answer_flushes(&mut self) {
        let now = clock::now();
        let is_barred = self.barred_until.is_some_and(|until| now < until);
        let is_due = !is_barred && self.waiting.values().any(|waiting| waiting.due <= now);
        if self.flights.is_empty() && !is_due && !self.to_load {
            for done in self.flushes.drain(..) {
                // The asker may have run out of patience.
                let _asker = done.send(());
            }
        }
    }

    fn note(&self, error: Option<String>) {
        self.publisher
            .send_modify(|status| status.last_error = error);
    }

    async fn publish(&self) {
        let counts = self.store.outbox_counts().await.ok();
        let is_barred = self.barred_until.is_some();
        self.publisher.send_if_modified(|status| {
            let before = status.clone();
            if let Some(counts) = counts {
                status.pending = counts.pending;
                status.dead = counts.dead;
                status.done = counts.done;
            }
            if !is_barred {
                status.barred = None;
            }
            *status != before
        });
    }
}

/// How long until `due`, held within reason.
fn wait_until(due: SystemTime, now: SystemTime) -> Duration {
    due.duration_since(now)
        .unwrap_or_default()
        .min(WAIT_READ_MAX)
}
