//! What is noticed in the caller's audio on its way to the ear, told to the call. It is listened to where the audio
//! is at hand anyway, so nothing is woken for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::{mpsc, watch};

use crate::audio::Law;
use crate::audio::analysis::{Analysis, Event, Levels};

/// Events that wait for a call's task: more than a caller makes in a second, and the task takes them at once. When
/// full the newest is dropped and counted in [`Noticed::dropped`], in the end with all such events (`queue_full`).
pub const NOTICES: usize = 16;

#[derive(Debug, Default)]
struct Shared {
    heeds_keys: AtomicBool,
    dropped: AtomicU64,
}

/// The end that listens.
#[derive(Debug)]
pub struct Attention {
    analysis: Box<Analysis>,
    events: mpsc::Sender<Event>,
    levels: watch::Sender<Levels>,
    shared: Arc<Shared>,
}

/// The end that is told.
#[derive(Debug)]
pub struct Noticed {
    events: Option<mpsc::Receiver<Event>>,
    levels: watch::Receiver<Levels>,
    shared: Arc<Shared>,
}

/// Both ends, for one call.
#[must_use]
pub fn attention() -> (Attention, Noticed) {
    let (sender, receiver) = mpsc::channel(NOTICES);
    let (told, levels) = watch::channel(Levels::default());
    let shared = Arc::new(Shared::default());
    (
        Attention {
            analysis: Box::default(),
            events: sender,
            levels: told,
            shared: Arc::clone(&shared),
        },
        Noticed {
            events: Some(receiver),
            levels,
            shared,
        },
    )
}

impl Attention {
    /// Takes what came in G.711.
    pub fn hear_law(&mut self, law: Law, codes: &[u8]) {
        self.listen(|analysis, told| analysis.hear_law(law, codes, told));
    }

    /// Takes linear samples at 16 kHz.
    pub fn hear_wide(&mut self, samples: &[i16]) {
        self.listen(|analysis, told| analysis.hear_wide(samples, told));
    }

    fn listen(&mut self, hear: impl FnOnce(&mut Analysis, &mut dyn FnMut(Event))) {
        let Self {
            analysis,
            events,
            levels,
            shared,
        } = self;
        analysis.heed_keys(shared.heeds_keys.load(Ordering::Relaxed));
        hear(analysis, &mut |event| {
            if events.try_send(event).is_err() {
                shared.dropped.fetch_add(1, Ordering::Relaxed);
            }
        });
        levels.send_replace(analysis.levels());
    }
}

impl Noticed {
    /// The next event; waits for ever when nobody listens any more.
    pub async fn event(&mut self) -> Event {
        if let Some(events) = &mut self.events {
            if let Some(event) = events.recv().await {
                return event;
            }
            self.events = None;
        }
        core::future::pending().await
    }

    /// Whether keys are to be listened for.
    pub fn heed_keys(&self, heeds: bool) {
        self.shared.heeds_keys.store(heeds, Ordering::Relaxed);
    }

    /// What the caller's audio was like so far.
    #[must_use]
    pub fn levels(&self) -> Levels {
        *self.levels.borrow()
    }

    /// Events that were dropped.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests;
