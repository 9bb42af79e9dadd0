//! Decoding and encoding of what is not G.711, outside the media thread and outside the control plane: on a few
//! threads of its own, so that neither waits for arithmetic.
//!
//! A [`Transcoder`] is the pool. [`CallerAudio`] is the caller ring with what must be done to its items before the
//! ear can take them, [`AgentAudio`] the agent ring with what must be done to speech before it goes on the wire; in
//! a call in G.711 both are the bare rings. [`Looped`] is the test tone, or ring-back, in codecs beside G.711.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

mod agent;
mod bridge;
mod caller;
mod decoder;
mod encoder;
mod tone;

pub use agent::{AgentAudio, Spoken};
pub use bridge::bridge;
pub use caller::CallerAudio;
pub use decoder::Decoder;
pub use encoder::Encoder;
pub use tone::Looped;
use tone::Sound;

use super::clock;
use crate::audio::Codec;
use crate::audio::tone::RingBack;

/// Pieces of work that wait for one thread: a call gives one each way at a time, and 32 calls that all speak at once
/// are more than a thread can serve. When full the asking side waits, and its ring behind it drops and counts; it is
/// counted in [`Counters::queue_full`].
pub const JOBS: usize = 64;

/// How the pool is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Threads.
    pub threads: usize,
    /// Of Opus, 0 to 10: how long its encoder thinks.
    pub complexity: u8,
}

/// What the pool has done since its start.
#[derive(Debug, Default)]
pub struct Counters {
    /// Pieces of work done.
    pub jobs: AtomicU64,
    /// Pieces of work that had to wait for a place in the queue.
    pub queue_full: AtomicU64,
    /// Pieces of work that broke; the call goes on without them.
    pub broken: AtomicU64,
    /// Packets that no decoder understood.
    pub undecodable: AtomicU64,
    /// Microseconds of work.
    pub busy_micros: AtomicU64,
    /// The longest piece of work in microseconds.
    pub longest_micros: AtomicU64,
}

impl Counters {
    fn count_job(&self, took: u64) {
        self.jobs.fetch_add(1, Ordering::Relaxed);
        self.busy_micros.fetch_add(took, Ordering::Relaxed);
        self.longest_micros.fetch_max(took, Ordering::Relaxed);
    }

    fn count_undecodable(&self, packets: u64) {
        self.undecodable.fetch_add(packets, Ordering::Relaxed);
    }
}

type Job = Box<dyn FnOnce() + Send>;

/// The pool. Cheap to clone; its threads end with the last of it.
#[derive(Clone, Debug)]
pub struct Transcoder {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    settings: Settings,
    threads: Vec<mpsc::Sender<Job>>,
    next: AtomicUsize,
    counters: Arc<Counters>,
    /// Each sound in each codec; made when it is wanted.
    tones: Box<[Looped]>,
}

impl Transcoder {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the system gives none.
    pub fn start(settings: Settings) -> std::io::Result<Self> {
        let counters = Arc::new(Counters::default());
        let threads = (0..settings.threads.max(1)).map(|number| {
            let (jobs, queue) = mpsc::channel(JOBS);
            thread::Builder::new()
                .name(format!("transcode-{number}"))
                .spawn(move || work(queue))
                .map(|_| jobs)
        });
        let threads = threads.collect::<std::io::Result<_>>()?;
        let in_codec = |codec| Sound::ALL.map(|sound| Looped::new(codec, sound));
        let tones = [Codec::G722, Codec::Opus].into_iter().flat_map(in_codec);
        Ok(Self {
            shared: Arc::new(Shared {
                settings,
                threads,
                next: AtomicUsize::new(0),
                counters,
                tones: tones.collect(),
            }),
        })
    }

    /// The test tone in a codec that is not G.711, made when it is first wanted; silent until it is there.
    #[must_use]
    pub fn tone(&self, codec: Codec) -> Option<Looped> {
        self.looped(codec, Sound::Milliwatt)
    }

    /// A ring-back tone in such a codec, from the beginning of a ring; silent until it is there.
    #[must_use]
    pub fn ring_back(&self, codec: Codec, kind: RingBack) -> Option<Looped> {
        self.looped(codec, Sound::RingBack(kind))
    }

    fn looped(&self, codec: Codec, sound: Sound) -> Option<Looped> {
        let mut tones = self.shared.tones.iter();
        let tone = tones.find(|tone| tone.is(codec, sound))?.clone();
        let (filled, complexity) = (tone.clone(), self.shared.settings.complexity);
        if tone.begin() {
            let place = self.place();
            let (job, _) = place.job(move || filled.fill(complexity));
            // When the queue is full the next call tries again.
            if place.jobs.try_send(job).is_err() {
                tone.give_up();
            }
        }
        Some(tone)
    }

    /// What it has done.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    /// How it was made.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.shared.settings
    }

    /// A place on the threads: what one of a call's directions has done is done in order.
    fn place(&self) -> Place {
        let number = self.shared.next.fetch_add(1, Ordering::Relaxed);
        let threads = &self.shared.threads;
        Place {
            jobs: threads[number % threads.len()].clone(),
            counters: Arc::clone(&self.shared.counters),
        }
    }
}

/// One thread of the pool, as one direction of a call knows it.
#[derive(Clone, Debug)]
struct Place {
    jobs: mpsc::Sender<Job>,
    counters: Arc<Counters>,
}

impl Place {
    /// Waits for a place in the queue. Cancel-safe.
    async fn room(&self) -> Option<mpsc::Permit<'_, Job>> {
        if let Ok(permit) = self.jobs.try_reserve() {
            return Some(permit);
        }
        self.counters.queue_full.fetch_add(1, Ordering::Relaxed);
        self.jobs.reserve().await.ok() // the threads outlive the senders
    }

    /// Has something done; the answer comes when it is, and never when it broke. Waits for a place in the queue
    /// when it is full.
    async fn give<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> oneshot::Receiver<T> {
        let (job, answer) = self.job(work);
        if let Some(permit) = self.room().await {
            permit.send(job);
        }
        answer
    }

    /// Work, and where its result will be. It is counted when its result is there, and does not take its thread
    /// along when it breaks.
    fn job<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> (Job, oneshot::Receiver<T>) {
        let (sender, answer) = oneshot::channel();
        let counters = Arc::clone(&self.counters);
        let job = Box::new(move || {
            let start = clock::now();
            let result = catch_unwind(AssertUnwindSafe(work));
            counters.count_job(micros(clock::now().saturating_duration_since(start)));
            match result {
                // Nobody waits when the call is over.
                Ok(result) => drop(sender.send(result)),
                Err(_) => {
                    counters.broken.fetch_add(1, Ordering::Relaxed);
                    log::error!("a codec broke");
                }
            }
        });
        (job, answer)
    }
}

/// One thread: does what comes.
fn work(mut queue: mpsc::Receiver<Job>) {
    while let Some(job) = queue.blocking_recv() {
        job();
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
