//! The recording thread: empties the taps every 200 ms, writes the files, keeps the folder small.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::ring::{Piece, Side, TapReader};
use super::track::Track;
use super::wav::Wav;
use super::{Counters, RecordingEvent, Settings, shelf};
use crate::io::clock;

/// A recording to be begun.
pub(super) struct Job {
    pub(super) path: PathBuf,
    pub(super) reader: TapReader,
    pub(super) events: mpsc::Sender<RecordingEvent>,
}

/// How often the taps are emptied: a twenty-fifth of what a ring holds.
const ROUND: Duration = Duration::from_millis(200);
/// How often the room on the disk is looked at while something is recorded.
const LOOK: Duration = Duration::from_secs(2);
/// How often old files are looked for.
const TIDY: Duration = Duration::from_mins(10);

pub(super) struct Writer {
    settings: Settings,
    jobs: Receiver<Job>,
    counters: Arc<Counters>,
    running: Vec<Running>,
    looked: Option<Instant>,
    tidied: Option<Instant>,
    /// The room was too small when it was looked at last, in words.
    cramped: Option<String>,
}

struct Running {
    job: Job,
    file: Wav,
    /// The tick that the file begins with; nothing has come yet while it is `None`.
    first: Option<u32>,
    /// The tick after the latest one, counted from it.
    next: u32,
    caller: Track,
    agent: Track,
    piece: Piece,
    dropped: u64,
    bytes: Vec<u8>,
}

/// What became of a recording in a round.
enum Round {
    GoesOn,
    Over,
    Broken(io::Error),
}

impl Writer {
    pub(super) fn new(settings: Settings, jobs: Receiver<Job>, counters: Arc<Counters>) -> Self {
        Self {
            settings,
            jobs,
            counters,
            running: Vec::new(),
            looked: None,
            tidied: None,
            cramped: None,
        }
    }

    /// Returns when the recorder is gone and everything is written.
    pub(super) fn run(&mut self) {
        self.round();
        loop {
            let wait = if self.running.is_empty() { TIDY } else { ROUND };
            match self.jobs.recv_timeout(wait) {
                Ok(job) => self.begin(job),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.round();
        }
        self.round();
        for running in std::mem::take(&mut self.running) {
            self.end(running);
        }
    }

    /// Begins a recording, and those that came with it.
    fn begin(&mut self, job: Job) {
        let mut next = Some(job);
        while let Some(job) = next {
            self.look(clock::now());
            match self.open(&job) {
                Ok(file) => self.start(job, file),
                Err(reason) => self.fail(&job, reason),
            }
            next = self.jobs.try_recv().ok();
        }
    }

    fn open(&self, job: &Job) -> Result<Wav, String> {
        if let Some(cramped) = &self.cramped {
            return Err(cramped.clone());
        }
        Wav::create(&job.path, job.reader.rate())
            .map_err(|error| format!("the file cannot be made: {error}"))
    }

    fn start(&mut self, job: Job, file: Wav) {
        self.counters.begun.fetch_add(1, Relaxed);
        self.counters.running.fetch_add(1, Relaxed);
        let name = job.path.file_name().unwrap_or_default();
        tell(
            &job,
            RecordingEvent::Began(name.to_string_lossy().into_owned()),
        );
        let rate = job.reader.rate();
        self.running.push(Running {
            job,
            file,
            first: None,
            next: 0,
            caller: Track::new(rate),
            agent: Track::new(rate),
            piece: Piece::new(),
            dropped: 0,
            bytes: Vec::new(),
        });
    }

    fn fail(&self, job: &Job, reason: String) {
        job.reader.switch().stop();
        self.counters.failed.fetch_add(1, Relaxed);
        tell(job, RecordingEvent::Failed(reason));
    }

    fn round(&mut self) {
        let now = clock::now();
        let due = |since: Option<Instant>, span| {
            since.is_none_or(|since| now.saturating_duration_since(since) >= span)
        };
        if !self.running.is_empty() && due(self.looked, LOOK) {
            self.look(now);
        }
        let mut kept = Vec::with_capacity(self.running.len());
        for mut running in std::mem::take(&mut self.running) {
            let outcome = match &self.cramped {
                Some(cramped) => Round::Broken(io::Error::other(cramped.clone())),
                None => running.round(),
            };
            self.count_dropped(&mut running);
            match outcome {
                Round::GoesOn => kept.push(running),
                Round::Over => self.end(running),
                Round::Broken(error) => {
                    self.fail(&running.job, format!("it cannot be written: {error}"));
                    self.end(running);
                }
            }
        }
        self.running = kept;
        if due(self.tidied, TIDY) {
            self.tidied = Some(now);
            self.tidy();
        }
    }

    fn count_dropped(&self, running: &mut Running) {
        let dropped = running.job.reader.dropped();
        if dropped > running.dropped {
            let more = dropped - running.dropped;
            self.counters.ticks_dropped.fetch_add(more, Relaxed);
            if running.dropped == 0 {
                tell(&running.job, RecordingEvent::Gap);
            }
            running.dropped = dropped;
        }
    }

    /// Looks at the room on the disk.
    fn look(&mut self, now: Instant) {
        self.looked = Some(now);
        let wanted = self.settings.room_min;
        self.cramped = match shelf::room(&self.settings.folder) {
            Ok(room) if room < wanted => Some(format!(
                "less than {} MB are free on the disk",
                wanted / 1_000_000
            )),
            Ok(_) => None,
            Err(error) => Some(format!("the folder is gone: {error}")),
        };
    }

    fn end(&mut self, running: Running) {
        self.counters.running.fetch_sub(1, Relaxed);
        let Running { job, file, .. } = running;
        let seconds = file.blocks() / job.reader.rate();
        let file_name = job.path.file_stem().unwrap_or_default().to_string_lossy();
        if job.reader.is_discarded() {
            match std::fs::remove_file(&job.path) {
                Ok(()) => log::info!(CALL_ID = &*file_name; "the recording is deleted"),
                Err(error) => {
                    log::error!(CALL_ID = &*file_name; "a recording that the caller refused is not deleted: {error}");
                }
            }
            return;
        }
        match file.finish() {
            Ok(()) => log::info!(CALL_ID = &*file_name, SECONDS = seconds; "the recording is kept"),
            Err(error) => {
                log::error!(CALL_ID = &*file_name; "the end of a recording is not written: {error}");
            }
        }
    }

    fn tidy(&self) {
        let written: Vec<_> = self.running.iter().map(|it| it.job.path.clone()).collect();
        let deleted = shelf::tidy(&self.settings, &written, clock::wallclock());
        self.counters.deleted.fetch_add(deleted, Relaxed);
        if deleted > 0 {
            log::info!(FILES = deleted; "old recordings are deleted");
        }
    }
}

/// A call that is over is told nothing.
fn tell(job: &Job, event: RecordingEvent) {
    let _ = job.events.try_send(event);
}

impl Running {
    /// Writes what has come since.
    fn round(&mut self) -> Round {
        let closed = self.job.reader.is_closed();
        let stopped = self.job.reader.is_stopped();
        let made = self.job.reader.ticks();
        match self.write(made, closed, stopped) {
            Ok(()) if closed || stopped => Round::Over,
            Ok(()) => Round::GoesOn,
            Err(error) => Round::Broken(error),
        }
    }

    fn write(&mut self, made: u32, closed: bool, stopped: bool) -> io::Result<()> {
        while self.job.reader.pop(&mut self.piece) {
            let first = *self.first.get_or_insert(self.piece.tick);
            let tick = self.piece.tick.wrapping_sub(first);
            let track = match self.piece.side {
                Side::Caller => &mut self.caller,
                Side::Agent => &mut self.agent,
            };
            track.take(tick, self.piece.codec, self.piece.item());
            self.next = tick + 1;
        }
        let Some(first) = self.first else {
            return Ok(());
        };
        // A pause that lasts to the end of the call is there, too; what follows a stop is not wanted.
        let made = made
            .wrapping_sub(first)
            .cast_signed()
            .max(0)
            .cast_unsigned();
        let end = if stopped { self.next } else { made };
        for track in [&mut self.caller, &mut self.agent] {
            match closed || stopped {
                true => track.finish(end),
                false => track.fill(end),
            }
        }
        self.append(end)
    }

    /// Writes what both sides have before a tick.
    fn append(&mut self, end: u32) -> io::Result<()> {
        let room = self
            .caller
            .place(end)
            .saturating_sub(u64::from(self.file.blocks()));
        let both = self.caller.ready().min(self.agent.ready());
        let samples = both.min(usize::try_from(room).unwrap_or(usize::MAX));
        let agent = self.agent.drain(samples);
        for (caller, agent) in self.caller.drain(samples).zip(agent) {
            self.bytes.extend_from_slice(&caller.to_le_bytes());
            self.bytes.extend_from_slice(&agent.to_le_bytes());
        }
        let written = self.file.append(&self.bytes);
        self.bytes.clear();
        written
    }
}
