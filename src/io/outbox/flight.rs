//! One attempt to bring a ticket to the helpdesk: as many steps as go without waiting.

use std::sync::Arc;
use std::time::Duration;

use crate::io::clock;
use crate::io::desk::{Desk, DeskError, Occasion};
use crate::io::store::{Store, StoreError};
use crate::ticket::CallId;
use crate::ticket::saga::{Progress, Saga, Step, StepResult};

/// How soon a flight that the store stopped is tried again.
const STORE_WAIT: Duration = Duration::from_secs(30);

/// How an attempt ended.
pub(super) enum Landing {
    /// The ticket exists under this id, and that is on the disk.
    Filed(String),
    /// The helpdesk refuses it; it is laid aside.
    Refused(String),
    /// To be tried again.
    Later {
        saga: Box<Saga>,
        /// After this long.
        wait: Duration,
        /// Not before this, whoever asks.
        asked: Duration,
        reason: String,
    },
    /// The helpdesk takes nothing from us.
    Barred {
        saga: Box<Saga>,
        after: Duration,
        reason: String,
    },
}

/// Performs steps until the ticket exists, is refused, or has to wait.
pub(super) async fn fly(store: Store, desk: Arc<Desk>, call_id: CallId, mut saga: Saga) -> Landing {
    let mut saved = None;
    loop {
        let step = saga.next_step();
        // Before the step is performed: a crash in it must find that a ticket may exist.
        if let Err(error) = save(&store, &call_id, saga.progress(), &mut saved).await {
            return held_up(saga, &error);
        }
        match &step {
            Step::Done { ticket_id } => return Landing::Filed(ticket_id.clone()),
            Step::DeadLetter { reason } => {
                return match store.bury(&call_id, reason).await {
                    Ok(()) => Landing::Refused(reason.clone()),
                    Err(error) => held_up(saga, &error),
                };
            }
            _ => {}
        }
        let occasion = Occasion {
            call_id: &call_id,
            attempt: saga.attempt(),
        };
        let mut asked = Duration::ZERO;
        let mut reason = "the helpdesk has to be asked again".to_owned();
        let result = match desk.perform(&step, occasion).await {
            Ok(result) => result,
            Err(DeskError::Refused { reason }) => StepResult::Refused { reason },
            Err(DeskError::Retry { after, reason: why }) => {
                asked = after.unwrap_or_default();
                reason = why;
                StepResult::Retry { after }
            }
            Err(DeskError::Barred { after, reason }) => {
                return Landing::Barred {
                    saga: Box::new(saga),
                    after,
                    reason,
                };
            }
        };
        let is_clear = is_clear_answer(&step, &result);
        saga.handle_result(result);
        if is_clear || saga.is_over() {
            continue;
        }
        let wait = saga.delay(clock::seed()[0]);
        if wait.is_zero() {
            continue;
        }
        if let Err(error) = store
            .put_off(&call_id, clock::wallclock() + wait, &reason)
            .await
        {
            return held_up(saga, &error);
        }
        return Landing::Later {
            saga: Box::new(saga),
            wait,
            asked,
            reason,
        };
    }
}

/// True when a look-up was answered: the next step need not wait. (A create that went wrong does.)
fn is_clear_answer(step: &Step, result: &StepResult) -> bool {
    matches!(step, Step::FindTicket { .. } | Step::FindRequester { .. })
        && matches!(result, StepResult::Found(_) | StepResult::NotFound)
}

async fn save(
    store: &Store,
    call_id: &CallId,
    progress: &Progress,
    saved: &mut Option<Progress>,
) -> Result<(), StoreError> {
    if saved.as_ref() != Some(progress) {
        store.save_progress(call_id, progress).await?;
        *saved = Some(progress.clone());
    }
    Ok(())
}

/// The store does not take what has to be durable before the next step.
fn held_up(saga: Saga, error: &StoreError) -> Landing {
    Landing::Later {
        saga: Box::new(saga),
        wait: STORE_WAIT,
        asked: Duration::ZERO,
        reason: error.to_string(),
    }
}
