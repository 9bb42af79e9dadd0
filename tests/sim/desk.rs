//! The store with its outbox, and a helpdesk that finds tickets by call id; both survive a crash of the box.

use std::time::{Duration, Instant};

use ringwell::sip::Random;
use ringwell::ticket::saga::{Progress, Saga, Step, StepResult};
use ringwell::ticket::{CallId, CallRecord, Draft, Entry, TicketPolicy, draft};

/// What the helpdesk holds.
#[derive(Debug, Default)]
pub(crate) struct Helpdesk {
    pub(crate) tickets: Vec<Draft>,
    pub(crate) users: Vec<String>,
    /// It answers nobody before this.
    pub(crate) down_until: Option<Instant>,
    /// So many of a hundred requests go wrong.
    pub(crate) trouble_percent: u64,
}

/// What is on the box's disk.
#[derive(Debug, Default)]
pub(crate) struct Store {
    pub(crate) record: CallRecord,
    progress: Progress,
}

/// The worker that files tickets.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    saga: Option<Saga>,
    /// What the helpdesk answered, on its way.
    pending: Option<StepResult>,
    due: Option<Instant>,
    pub(crate) dead_letter: Option<String>,
}

pub(crate) fn call_id() -> CallId {
    CallId("20260301-1".to_owned())
}

impl Store {
    pub(crate) fn keep(&mut self, entry: Entry) {
        assert!(
            !self.record.is_ended(),
            "{entry:?} after the end of the call"
        );
        self.record.push(entry);
    }

    /// What the daemon does with its open calls when it starts.
    pub(crate) fn recover(&mut self) {
        if !self.record.entries.is_empty() && !self.record.is_ended() {
            self.record.push(self.record.interruption());
        }
    }

    pub(crate) fn draft(&self) -> Option<Draft> {
        draft(&call_id(), &self.record, TicketPolicy::Unsettled)
    }
}

impl Outbox {
    /// Begins to file the ticket of a call that is over.
    pub(crate) fn begin(&mut self, store: &Store, now: Instant) {
        if self.saga.is_none()
            && let Some(draft) = store.draft()
        {
            self.saga = Some(Saga::new(draft, store.progress.clone()));
            self.due = Some(now);
        }
    }

    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Takes the answer that has come, or performs the next step. Says what it did.
    pub(crate) fn step(
        &mut self,
        store: &mut Store,
        desk: &mut Helpdesk,
        chance: &mut Random,
        now: Instant,
    ) -> String {
        let Some(saga) = &mut self.saga else {
            return String::new();
        };
        if let Some(result) = self.pending.take() {
            let said = format!("{result:?}");
            saga.handle_result(result);
            store.progress = saga.progress().clone();
            self.due = Some(now + saga.delay(chance.next_u64()));
            return said;
        }
        let step = saga.next_step();
        store.progress = saga.progress().clone();
        match &step {
            Step::Done { .. } => self.due = None,
            Step::DeadLetter { reason } => {
                self.dead_letter = Some(reason.clone());
                self.due = None;
            }
            step => {
                self.pending = Some(desk.answer(step, chance, now));
                self.due = Some(now + Duration::from_millis(20 + chance.next_u64() % 400));
            }
        }
        let shown = format!("{step:?}");
        shown
            .split(['{', '('])
            .next()
            .unwrap_or_default()
            .trim()
            .to_owned()
    }
}

impl Helpdesk {
    fn answer(&mut self, step: &Step, chance: &mut Random, now: Instant) -> StepResult {
        let retry = StepResult::Retry { after: None };
        if self.down_until.is_some_and(|until| now < until) {
            return retry;
        }
        let trouble = chance.next_u64() % 100 < self.trouble_percent;
        if trouble && chance.next_u64().is_multiple_of(2) {
            return retry;
        }
        let result = self.perform(step);
        if trouble { retry } else { result }
    }

    fn perform(&mut self, step: &Step) -> StepResult {
        match step {
            Step::FindTicket { call_id } => match self
                .tickets
                .iter()
                .position(|held| held.call_id == *call_id)
            {
                Some(at) => StepResult::Found(format!("t{at}")),
                None => StepResult::NotFound,
            },
            Step::FindRequester { requester } => {
                match self.users.iter().position(|name| *name == requester.name) {
                    Some(at) => StepResult::Found(format!("u{at}")),
                    None => StepResult::NotFound,
                }
            }
            Step::CreateRequester { requester } if self.users.contains(&requester.name) => {
                StepResult::Duplicate
            }
            Step::CreateRequester { requester } => {
                self.users.push(requester.name.clone());
                StepResult::Created(format!("u{}", self.users.len() - 1))
            }
            Step::CreateTicket {
                requester_id,
                draft,
            } => {
                assert!(requester_id.starts_with('u'));
                self.tickets.push(draft.clone());
                StepResult::Created(format!("t{}", self.tickets.len() - 1))
            }
            Step::Done { .. } | Step::DeadLetter { .. } => StepResult::NotFound,
        }
    }
}
