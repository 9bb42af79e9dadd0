//! An answer body as a list of steps, played in time.

use std::collections::VecDeque;
use std::future::pending;
use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::stream;

/// One step of an answer.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Send these bytes.
    Send(Bytes),
    /// Wait.
    Wait(Duration),
    /// Send nothing more, but keep the connection.
    Stall,
    /// Break the connection off.
    Cut,
}

/// The steps of an answer. As long as the answer itself, which is made whole before it is sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Script {
    steps: VecDeque<Step>,
}

impl Script {
    /// Adds a step.
    pub(super) fn push(&mut self, step: Step) {
        self.steps.push_back(step);
    }

    /// Inserts a step before the `index`-th.
    pub(super) fn insert(&mut self, index: usize, step: Step) {
        self.steps.insert(index.min(self.steps.len()), step);
    }

    /// Drops all steps from the `index`-th on.
    pub(super) fn truncate(&mut self, index: usize) {
        self.steps.truncate(index);
    }

    /// How many steps there are.
    pub(super) fn len(&self) -> usize {
        self.steps.len()
    }

    /// The body that plays them.
    pub(super) fn body(self) -> Body {
        Body::from_stream(stream::unfold(self.steps, |mut steps| async move {
            loop {
                match steps.pop_front()? {
                    Step::Send(bytes) if bytes.is_empty() => {}
                    Step::Send(bytes) => return Some((Ok(bytes), steps)),
                    Step::Wait(time) => tokio::time::sleep(time).await,
                    Step::Stall => pending().await,
                    Step::Cut => {
                        // What was sent before must leave before the connection breaks.
                        tokio::time::sleep(Duration::from_millis(20)).await;
                        steps.clear();
                        let broken = io::Error::from(io::ErrorKind::ConnectionReset);
                        return Some((Err(broken), steps));
                    }
                }
            }
        }))
    }
}
