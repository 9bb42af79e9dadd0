//! Calls on disk: stereo, the caller left and the agent right, as both were played out in each 20 ms.
//!
//! ```text
//!   media thread --Tap--> [ring, 5 s] --> recording thread --> recordings/CALL.wav
//!                                             |
//!   call's task <---- RecordingEvent ---------+
//! ```
//!
//! The tap never waits: a full ring drops ticks and counts them. Each tick has a number, so what was
//! dropped, slept through or paused is silence of the right length in the file, and both sides stay aligned to
//! the sample. The ring carries the call's codec; the recording thread decodes it to the file's rate. One thread
//! writes all recordings; a slow or full disk costs a recording and no call.

use std::fs::{DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::mpsc;

use crate::ticket::CallId;

mod ring;
mod shelf;
mod track;
mod wav;
mod writer;

pub use ring::{RECORDING_RING, Switch, Tap, TapReader, tap};

use writer::Job;

/// Where recordings are kept, and how long.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folder; made with mode 0700.
    pub folder: PathBuf,
    /// Older ones are deleted; `None` keeps them.
    pub keep: Option<Duration>,
    /// The oldest are deleted when all together are larger, in bytes.
    pub size_max: u64,
    /// With less room on the disk, in bytes, nothing is recorded: the record of calls needs it more.
    pub room_min: u64,
}

/// What a call's task is told of its recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordingEvent {
    /// The file is there; its name.
    Began(String),
    /// The disk is too slow: there is silence in the file where something was said. Once.
    Gap,
    /// It ends here, for this reason; what was written is kept.
    Failed(String),
}

/// Events of one recording: one of each kind, since each comes once. Never full.
pub const EVENTS: usize = 3;

/// Recordings that wait to be begun: a burst of calls within the thread's round of 200 ms. When full the
/// recording is refused, counted ([`Counters::failed`]) and told.
const BEGINNINGS: usize = 64;

/// What was recorded, in numbers.
#[derive(Debug, Default)]
pub struct Counters {
    /// Recordings that run.
    pub running: AtomicU64,
    /// Recordings that were begun.
    pub begun: AtomicU64,
    /// Recordings that could not be begun, or broke off.
    pub failed: AtomicU64,
    /// Ticks of 20 ms that were dropped because the disk was too slow.
    pub ticks_dropped: AtomicU64,
    /// Files deleted because of their age or the size of all.
    pub deleted: AtomicU64,
}

/// Writes recordings, on a thread of its own.
#[derive(Debug)]
pub struct Recorder {
    folder: PathBuf,
    counters: Arc<Counters>,
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Recorder {
    /// Makes the folder and starts the thread.
    ///
    /// # Errors
    /// When the folder cannot be made or the system gives no thread.
    pub fn start(settings: Settings) -> io::Result<Self> {
        make_folder(&settings.folder)?;
        let counters = Arc::new(Counters::default());
        let (jobs, queue) = sync_channel(BEGINNINGS);
        let folder = settings.folder.clone();
        let mut writer = writer::Writer::new(settings, queue, Arc::clone(&counters));
        let thread = thread::Builder::new()
            .name("recording".to_owned())
            .spawn(move || writer.run())?;
        Ok(Self {
            folder,
            counters,
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    /// Begins a call's recording at the next tick; it lasts until the tap is gone or [`Switch::stop`].
    pub fn begin(&self, call: &CallId, reader: TapReader, events: mpsc::Sender<RecordingEvent>) {
        reader.switch().record();
        let path = self.folder.join(format!("{}.wav", call.0));
        let job = Job {
            path,
            reader,
            events,
        };
        let refused = match &self.jobs {
            Some(jobs) => jobs.try_send(job).err(),
            None => return,
        };
        let Some(refused) = refused else { return };
        let (std::sync::mpsc::TrySendError::Full(job)
        | std::sync::mpsc::TrySendError::Disconnected(job)) = refused;
        self.counters.failed.fetch_add(1, Ordering::Relaxed);
        let reason = "too many recordings begin at once".to_owned();
        // The queue holds one of each kind, and this is the first.
        let _ = job.events.try_send(RecordingEvent::Failed(reason));
    }

    /// What was recorded, in numbers.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }
}

impl Drop for Recorder {
    /// Waits until the files of calls that are over are whole; those of calls that are not end here.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            log::error!("the recording thread broke");
        }
    }
}

fn make_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    std::fs::set_permissions(folder, Permissions::from_mode(0o700))
}

#[cfg(test)]
mod tests;
