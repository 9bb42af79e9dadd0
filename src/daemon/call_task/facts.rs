//! What a call's task makes of facts: a line in the log, a count, an entry in the store.

use std::time::Duration;

use super::CallTask;
use crate::call::FAX;
use crate::daemon::metrics::Counter;
use crate::daemon::sound;
use crate::ticket::{Entry, Outcome};

impl CallTask {
    pub(super) fn record(&mut self, entry: Entry) {
        let call = self.id.0.as_str();
        match &entry {
            Entry::Answered(after) => {
                self.services.metrics.count(Counter::CallsAnswered);
                log::info!(CALL_ID = call, AFTER_MS = millis(*after); "answered");
            }
            Entry::Turn(turn) => {
                let first_packet = turn.first_packet.map_or(0, millis);
                log::info!(CALL_ID = call, TURN = turn.turn, FIRST_PACKET_MS = first_packet; "turn");
            }
            Entry::Line {
                interrupted: true, ..
            } => {
                self.services.metrics.count(Counter::BargeIns);
            }
            Entry::Escalated { reason } => {
                log::info!(CALL_ID = call; "escalated");
                // It may hold the caller's words.
                log::debug!(CALL_ID = call; "escalated: {reason}");
            }
            Entry::Ended {
                at,
                outcome,
                reason,
            } => {
                self.ended = true;
                self.services.metrics.count(match outcome {
                    Outcome::Failed | Outcome::Interrupted => Counter::CallsFailed,
                    Outcome::Answered | Outcome::Escalated | Outcome::Abandoned => {
                        Counter::CallsCompleted
                    }
                });
                log::info!(CALL_ID = call, OUTCOME:? = outcome, SECONDS = at.as_secs(); "over: {reason}");
            }
            // A target's name is the office's own word, no number and nothing that was said.
            Entry::TransferStarted { target, .. } => {
                log::info!(CALL_ID = call; "transfer to {target}");
            }
            Entry::TransferEnded {
                target, failure, ..
            } => {
                let outcome = failure.as_deref().unwrap_or("connected");
                log::info!(CALL_ID = call; "transfer to {target}: {outcome}");
            }
            Entry::Noticed { what, .. } => {
                if what == FAX {
                    self.services.metrics.count(Counter::FaxCalls);
                }
                log::info!(CALL_ID = call; "noticed: {what}");
            }
            Entry::Started { .. }
            | Entry::Recording { .. }
            | Entry::Line { .. }
            | Entry::Cited { .. }
            | Entry::Sound(_)
            | Entry::Email { .. } => {}
        }
        self.services.store.record_later(self.id.clone(), entry);
    }

    /// Records how the call sounded, once its media has said so.
    pub(super) async fn record_sound(&mut self) {
        let Some(summary) = self.media.conclude(&self.services).await else {
            return;
        };
        if let Some(mut sound) = sound::of(&summary) {
            sound.levels = sound::levels(&self.speech.levels());
            sound::log(&self.id, &sound, &summary.session);
            sound::count(&self.services.metrics, &sound);
            self.record(Entry::Sound(sound));
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
