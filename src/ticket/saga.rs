//! The resumable steps that bring one draft to a helpdesk exactly once.
//!
//! ```text
//!   create tried before?
//!     yes -> FIND TICKET --found--------------------------------------------+
//!              | not found                                                  v
//!     no  -> FIND REQUESTER --found--> CREATE TICKET --created-----------> DONE
//!              ^   | not found           ^    | unclear whether it was made
//!    duplicate |   v                     |    v
//!     unclear -+- CREATE REQUESTER ------+   FIND TICKET (as above)
//!                                             any step refused -> DEAD LETTER
//! ```
//!
//! No helpdesk has an idempotency key, so the rule is: look up before every create that may have
//! happened already. It holds over a crash when the owner keeps this order for each step:
//! `next_step()`, write [`Saga::progress`] durably, perform the step, `handle_result()`, write it again.

use std::time::Duration;

use super::{CallId, Draft, Requester};

/// What has to survive a crash. Write it before a step is performed and after its result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The requester's id in the helpdesk.
    pub requester_id: Option<String>,
    /// The ticket's id in the helpdesk: the work is done.
    pub ticket_id: Option<String>,
    /// A ticket may exist: it is looked up before another is created.
    pub attempted_create: bool,
}

/// One request to a helpdesk, or the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Look for the ticket of this call, by its tag or the id in its text.
    FindTicket {
        /// Whose ticket.
        call_id: CallId,
    },
    /// Look for the user by confirmed e-mail address, else by number, else by exact name.
    FindRequester {
        /// Whom.
        requester: Requester,
    },
    /// Create the user.
    CreateRequester {
        /// Whom.
        requester: Requester,
    },
    /// Create the ticket.
    CreateTicket {
        /// For this user.
        requester_id: String,
        /// With this content.
        draft: Draft,
    },
    /// The ticket exists. Nothing is left to do.
    Done {
        /// Its id.
        ticket_id: String,
    },
    /// The helpdesk refuses. Nothing is tried again without a person: alarm.
    DeadLetter {
        /// In plain words.
        reason: String,
    },
}

/// What a step came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepResult {
    /// A look-up found this id.
    Found(String),
    /// A look-up found nothing (or, for a create, the requester is gone).
    NotFound,
    /// A create made this id.
    Created(String),
    /// A create was refused because there is one already.
    Duplicate,
    /// Unclear or temporary: no answer, connection lost, 5xx, 429.
    Retry {
        /// What the helpdesk asked for (Retry-After).
        after: Option<Duration>,
    },
    /// Refused for good: credentials, permission, a request it will never take.
    Refused {
        /// In plain words.
        reason: String,
    },
}

/// Brings one draft to a helpdesk.
#[derive(Clone, Debug)]
pub struct Saga {
    draft: Draft,
    progress: Progress,
    state: State,
    attempt: u32,
    waits: bool,
    asked_delay: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    FindTicket,
    FindRequester,
    CreateRequester,
    CreateTicket(String),
    Done(String),
    DeadLetter(String),
}

impl Saga {
    /// Begins, or goes on from where a crash left off.
    #[must_use]
    pub fn new(draft: Draft, progress: Progress) -> Self {
        let state = match (&progress.ticket_id, progress.attempted_create) {
            (Some(id), _) => State::Done(id.clone()),
            (None, true) => State::FindTicket,
            (None, false) => towards_create(&progress),
        };
        Self {
            draft,
            progress,
            state,
            attempt: 0,
            waits: false,
            asked_delay: Duration::ZERO,
        }
    }

    /// What to do now, after [`Saga::delay`]. The same until its result is handled.
    ///
    /// Write [`Saga::progress`] durably after this and before performing the step.
    pub fn next_step(&mut self) -> Step {
        match &self.state {
            State::FindTicket => Step::FindTicket {
                call_id: self.draft.call_id.clone(),
            },
            State::FindRequester => Step::FindRequester {
                requester: self.draft.requester.clone(),
            },
            State::CreateRequester => Step::CreateRequester {
                requester: self.draft.requester.clone(),
            },
            State::CreateTicket(requester_id) => {
                self.progress.attempted_create = true;
                Step::CreateTicket {
                    requester_id: requester_id.clone(),
                    draft: self.draft.clone(),
                }
            }
            State::Done(ticket_id) => Step::Done {
                ticket_id: ticket_id.clone(),
            },
            State::DeadLetter(reason) => Step::DeadLetter {
                reason: reason.clone(),
            },
        }
    }

    /// Takes the result of the step that [`Saga::next_step`] gave.
    pub fn handle_result(&mut self, result: StepResult) {
        if self.is_over() {
            return;
        }
        self.waits = false;
        self.asked_delay = Duration::ZERO;
        match result {
            StepResult::Refused { reason } => self.state = State::DeadLetter(reason),
            StepResult::Retry { after } => {
                self.asked_delay = after.unwrap_or_default().min(DELAY_MAX);
                self.on_unclear();
            }
            result => self.on_answer(result),
        }
    }

    /// What has to be written durably.
    #[must_use]
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// How long to wait before the next step: nothing after a clear answer, else [`backoff`] of the unclear
    /// ones so far, and at least what the helpdesk asked for.
    #[must_use]
    pub fn delay(&self, chance: u64) -> Duration {
        if self.waits {
            backoff(self.attempt, chance).max(self.asked_delay)
        } else {
            Duration::ZERO
        }
    }

    /// How many steps brought nothing clear, since this saga was made.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// True when the next step is [`Step::Done`] or [`Step::DeadLetter`].
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Done(_) | State::DeadLetter(_))
    }

    fn on_answer(&mut self, result: StepResult) {
        match (&self.state, result) {
            (
                State::FindTicket | State::CreateTicket(_),
                StepResult::Found(id) | StepResult::Created(id),
            ) => {
                self.progress.ticket_id = Some(id.clone());
                self.state = State::Done(id);
            }
            (
                State::FindRequester | State::CreateRequester,
                StepResult::Found(id) | StepResult::Created(id),
            ) => {
                self.progress.requester_id = Some(id.clone());
                self.state = State::CreateTicket(id);
            }
            (State::FindTicket, StepResult::NotFound) => {
                self.state = towards_create(&self.progress);
            }
            (State::FindRequester, StepResult::NotFound) => self.state = State::CreateRequester,
            (State::CreateTicket(_), StepResult::NotFound) => {
                self.progress.requester_id = None;
                self.on_unclear();
            }
            _ => self.on_unclear(),
        }
    }

    /// The step may or may not have happened: look before doing it again.
    fn on_unclear(&mut self) {
        self.waits = true;
        self.attempt = self.attempt.saturating_add(1);
        self.state = match &self.state {
            State::FindTicket | State::CreateTicket(_) => State::FindTicket,
            _ => State::FindRequester,
        };
    }
}

fn towards_create(progress: &Progress) -> State {
    match &progress.requester_id {
        Some(id) => State::CreateTicket(id.clone()),
        None => State::FindRequester,
    }
}

/// The wait before the first repetition.
const DELAY_FIRST: Duration = Duration::from_secs(4);
/// The longest wait of our own choice: a helpdesk that comes back is noticed within this.
const DELAY_OWN_MAX: Duration = Duration::from_secs(15 * 60);
/// The longest wait a helpdesk may ask for.
const DELAY_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// The wait before repetition `attempt` (from 1): doubling from 4 s to 15 min, of which the second half is
/// left to `chance`, any random word, so that many boxes do not come back at once.
#[must_use]
pub fn backoff(attempt: u32, chance: u64) -> Duration {
    let doubled = DELAY_FIRST.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1)));
    let whole = doubled.min(DELAY_OWN_MAX);
    let half = whole / 2;
    let millis = u64::try_from(half.as_millis()).unwrap_or(u64::MAX);
    half + Duration::from_millis(chance % (millis + 1))
}

#[cfg(test)]
mod tests;
