//! The data plane: RTP at an absolute 20 ms pace on a thread of its own.
//!
//! A thread wakes on each millisecond in which calls are due and gives them their turn: each has one once in 20 ms, and
//! no more than a few have theirs in the same, so that bursts stay small. In its turn a call takes what its socket
//! holds, with the kernel's time of arrival, and says what is to be said. On that path nothing allocates, locks or
//! logs. Calls come and go through a bounded queue of commands; what a call leaves behind is taken apart by one more
//! thread, the attendant, which also says in the log what kept a media thread.
//!
//! ```text
//!   MediaHandle --add/update/remove--> [commands] --> media thread --> [retired] --> attendant
//!                                                      |    ^  |                        |
//!                                  caller ring <-------+    |  +--- MediaEvent ----> call's task
//!                                                      agent ring
//! ```
//!
//! Two calls may be joined by a relay instead: what one hears the other says, in its own law and under its own
//! keys. Packets are encrypted and decrypted here ([`super::srtp`]); `rtp` never sees it. That allocates, so the
//! promise above is one to plain calls.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};

use thiserror::Error;
use tokio::sync::mpsc;

use crate::audio::tone::Tone;
use crate::conversation::UtteranceId;
use crate::rtp::session::{self, Delivery, Session, Statistics, Stream};
use crate::sdp::{Crypto, Negotiated};

use super::clock;
use super::media_socket::MediaPorts;
use super::recording::Tap;
use super::rings::{AgentReader, CallerWriter, RelayEnd};
use super::transcode::Looped;

mod arrival;
mod attendant;
mod call;
mod counters;
mod engine;
mod handover;
mod pacer;
mod prefetch;
mod progress;
mod protection;
mod realtime;
mod roster;
mod stalls;
mod stream;
mod watch;

pub use counters::{BOUNDS, CountersSnapshot, DepartureError, MediaCounters};
pub use realtime::{Outcome, Realtime};

use call::{Call, Source};
use engine::Engine;
use protection::Protection;
use stalls::Stall;
use watch::Watch;

/// How the media threads are run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many; calls are spread over them by id. At least one is started.
    pub threads: usize,
    /// Ask for `SCHED_FIFO` and locked memory. A refusal is reported, never fatal.
    pub realtime: bool,
    /// The processors that the threads stay on, one each in turn; none: wherever the system has them run.
    pub cpus: Vec<usize>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            threads: 1,
            realtime: true,
            cpus: Vec::new(),
        }
    }
}

/// The media of one call, as the media thread takes it over.
pub struct CallMedia {
    /// Names the call in later commands; also chooses the thread.
    pub id: u64,
    /// Its sockets; they are closed when the call is removed.
    pub ports: MediaPorts,
    /// Its session. `delivery` is set by the mode.
    pub session: session::Settings,
    /// The keys its packets are encrypted with, if they are ([`Negotiated::crypto`]).
    pub crypto: Option<Crypto>,
    /// What is done with the audio.
    pub mode: Mode,
    /// Where a recording of both sides may go; it is off until its switch is turned.
    pub tap: Option<Tap>,
    /// Where events go; [`EVENTS`] is a good capacity. A call whose receiver is gone is removed.
    pub events: mpsc::Sender<MediaEvent>,
}

/// What is done with a call's audio.
pub enum Mode {
    /// The caller is heard through one ring, the agent speaks through the other. Both carry the law of
    /// [`session::Settings::audio_law`].
    Bridge {
        /// Takes one frame each 20 ms, from the first tick on.
        caller: CallerWriter,
        /// Gives what is to be said.
        agent: AgentReader,
    },
    /// The caller is joined to another call, which has the other end: audio goes to and fro in whatever law each
    /// side speaks, or in the codec that both speak, and so do keys. Silence comes from a side that holds or has not begun.
    Relay(RelayEnd),
    /// The caller's own audio, packet for packet, nothing added.
    Echo,
    /// The 1004 Hz milliwatt, in G.711.
    Tone,
    /// The same in another codec.
    Looped(Looped),
}

/// What a call's task is told.
#[derive(Clone, Debug, PartialEq)]
pub enum MediaEvent {
    /// The caller's first packet came, from here.
    FirstPacket(std::net::SocketAddr),
    /// The caller pressed a key.
    Digit(char),
    /// The first packet of an utterance went out.
    Playing(UtteranceId),
    /// The last packet of an utterance went out.
    Played(UtteranceId),
    /// The agent ring ran dry inside an utterance; once per gap.
    Underrun(UtteranceId),
    /// Nothing came from the caller for the configured time; once per silence.
    MediaTimeout,
    /// Two seconds after the start (a hold does not count) no packet that can be used has come; once.
    NoMedia {
        /// Where the far end wants RTP, and where ours goes to.
        signalled: Option<std::net::SocketAddr>,
        /// Where packets came from that were not taken: of a wrong format, or under a wrong key.
        strays: Option<std::net::SocketAddr>,
    },
    /// The call was removed; nothing follows.
    Stopped(Box<Summary>),
}

/// A call's media in numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// Of the RTP session. Boxed: they are filled in at the end, and a call's turn is not to fetch them.
    pub session: Box<Statistics>,
    /// Gaps inside utterances.
    pub underruns: u64,
    /// Frames of silence sent in these gaps.
    pub dry_frames: u64,
    /// Frames left out because the media thread was more than a frame late; what was to be said came later.
    pub skipped_frames: u64,
    /// Caller frames dropped because the ear was too slow.
    pub caller_frames_dropped: u64,
    /// Events dropped because the call's task was too slow.
    pub events_dropped: u64,
    /// Encrypted packets dropped as forged or misshapen.
    pub unauthentic: u64,
    /// Encrypted packets dropped because they had come before.
    pub replayed: u64,
    /// Frames and keys that a relay dropped on this side.
    pub relay_dropped: u64,
    /// Keys that could not be pressed here as telephone-events: this far end takes none. INFO may have carried them.
    pub keys_lost: u64,
    /// The media code failed on this call, which ended it.
    pub failed: bool,
}

/// A command was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the media thread's queue of commands is full or the thread is gone")]
pub struct QueueFull;

/// Starts the media threads.
#[derive(Debug)]
pub struct MediaThread;

impl MediaThread {
    /// Starts the threads and their attendant.
    ///
    /// # Errors
    /// When the system gives no thread, timer or epoll.
    pub fn start(settings: Settings) -> io::Result<MediaHandle> {
        let counters = Arc::new(MediaCounters::default());
        let memory = if settings.realtime {
            realtime::lock_memory()
        } else {
            Outcome::NotAsked
        };
        let (retire, retired) = sync_channel(RETIRED);
        let mut workers = Vec::new();
        let mut reports = Vec::new();
        for number in 0..settings.threads.max(1) {
            let (commands, queue) = sync_channel(COMMANDS);
            let mut engine = Engine::new(queue, retire.clone(), Arc::clone(&counters), number)?;
            let (report, reported) = sync_channel(REPORT);
            let (realtime, cpus) = (settings.realtime, &settings.cpus);
            let cpu = cpus.get(number % cpus.len().max(1)).copied();
            let thread = thread::Builder::new()
                .name(format!("media-{number}"))
                .spawn(move || {
                    drop(report.send(realtime::prepare_thread(realtime, cpu)));
                    engine.run();
                })?;
            reports.extend(reported.recv());
            workers.push(Worker { commands, thread });
        }
        let threads: Vec<i32> = reports.iter().map(|report| report.thread).collect();
        let counted = Arc::clone(&counters);
        let attendant = thread::Builder::new()
            .name("media-attendant".to_owned())
            .spawn(move || attendant::attend(&retired, &threads, &counted))?;
        Ok(MediaHandle {
            threads: Arc::new(Threads {
                workers,
                attendant: Some(attendant),
                counters,
                realtime: Realtime::new(&reports, memory),
            }),
        })
    }
}

/// Commands the media threads; clones share them. The threads end with the last clone.
#[derive(Clone)]
pub struct MediaHandle {
    threads: Arc<Threads>,
}

impl MediaHandle {
    /// Starts a call's stream: its first packet goes out within 20 ms.
    ///
    /// # Errors
    /// [`QueueFull`]; the ports go back to the pool, and nothing is told.
    pub fn add(&self, media: CallMedia) -> Result<(), QueueFull> {
        let id = media.id;
        self.send(id, Command::Add(Box::new(Call::from(media))))
    }

    /// Changes a stream after a re-INVITE. Unknown ids are ignored.
    ///
    /// # Errors
    /// [`QueueFull`]; the stream stays as it was.
    pub fn update(&self, id: u64, negotiated: &Negotiated) -> Result<(), QueueFull> {
        let change = Change {
            stream: Stream::from(negotiated),
            protection: negotiated.crypto.as_ref().into(),
        };
        self.send(id, Command::Update(id, Box::new(change)))
    }

    /// Joins a running call ([`Mode::Bridge`] or [`Mode::Relay`]) to the one that has the other end. The rings of a
    /// bridge are kept for [`Self::resume`]: meanwhile the ear hears silence, and the voice waits. Unknown ids are
    /// ignored.
    ///
    /// # Errors
    /// [`QueueFull`]; everything stays as it was, without this end.
    pub fn relay(&self, id: u64, end: RelayEnd) -> Result<(), QueueFull> {
        self.send(id, Command::Source(id, Box::new(Source::Relay(end))))
    }

    /// Plays a tone in place of an assistant, whose rings are kept as by [`Self::relay`]. Ignored where there are
    /// none.
    ///
    /// # Errors
    /// [`QueueFull`]; everything stays as it was.
    pub fn play(&self, id: u64, tone: Tone) -> Result<(), QueueFull> {
        self.send(
            id,
            Command::Source(id, Box::new(Source::Tone(Box::new(tone)))),
        )
    }

    /// The same with a tone in a codec beside G.711.
    ///
    /// # Errors
    /// [`QueueFull`]; everything stays as it was.
    pub fn play_looped(&self, id: u64, tone: Looped) -> Result<(), QueueFull> {
        self.send(id, Command::Source(id, Box::new(Source::Looped(tone))))
    }

    /// Leads a running call ([`Mode::Bridge`] or [`Mode::Relay`]) to an assistant by new rings; the old ones are
    /// closed. Unknown ids are ignored.
    ///
    /// # Errors
    /// [`QueueFull`]; everything stays as it was, and the rings are closed.
    pub fn bridge(
        &self,
        id: u64,
        caller: CallerWriter,
        agent: AgentReader,
    ) -> Result<(), QueueFull> {
        let source = Source::Bridge { caller, agent };
        self.send(id, Command::Source(id, Box::new(source)))
    }

    /// Ends a relay and goes on with the rings that the call had before it. Ignored where there are none.
    ///
    /// # Errors
    /// [`QueueFull`]; the relay goes on.
    pub fn resume(&self, id: u64) -> Result<(), QueueFull> {
        self.send(id, Command::Resume(id))
    }

    /// Presses a key as telephone-event. Ignored for unknown ids; counted in [`Summary::keys_lost`] where the far end
    /// takes none.
    ///
    /// # Errors
    /// [`QueueFull`]; nothing is pressed.
    pub fn press(&self, id: u64, key: char) -> Result<(), QueueFull> {
        self.send(id, Command::Press(id, key))
    }

    /// Ends a stream with RTCP BYE; [`MediaEvent::Stopped`] follows. Unknown ids are ignored.
    ///
    /// # Errors
    /// [`QueueFull`]; the stream ends when the receiver of its events is dropped.
    pub fn remove(&self, id: u64) -> Result<(), QueueFull> {
        self.send(id, Command::Remove(id))
    }

    /// Calls being carried.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.threads.counters.snapshot().calls
    }

    /// What all threads together have done.
    #[must_use]
    pub fn counters(&self) -> CountersSnapshot {
        self.threads.counters.snapshot()
    }

    /// What the system granted.
    #[must_use]
    pub fn realtime(&self) -> &Realtime {
        &self.threads.realtime
    }

    fn send(&self, id: u64, command: Command) -> Result<(), QueueFull> {
        let workers = &self.threads.workers;
        let chosen = usize::try_from(id % workers.len() as u64).unwrap_or(0);
        match workers[chosen].commands.try_send(command) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.threads.counters.count_queue_full();
                Err(QueueFull)
            }
        }
    }
}

struct Threads {
    workers: Vec<Worker>,
    attendant: Option<JoinHandle<()>>,
    counters: Arc<MediaCounters>,
    realtime: Realtime,
}

struct Worker {
    commands: SyncSender<Command>,
    thread: JoinHandle<()>,
}

impl Drop for Threads {
    fn drop(&mut self) {
        for Worker { commands, thread } in self.workers.drain(..) {
            drop(commands); // the thread sees it at its next wake, and retires its calls
            drop(thread.join());
        }
        if let Some(attendant) = self.attendant.take() {
            drop(attendant.join());
        }
    }
}

/// What a media thread is told.
enum Command {
    Add(Box<Call>),
    Update(u64, Box<Change>),
    Source(u64, Box<Source>),
    Resume(u64),
    Press(u64, char),
    Remove(u64),
    /// Stand still for so long, as if the machine did.
    #[cfg(test)]
    Stall(std::time::Duration),
}

/// What a re-INVITE changes.
struct Change {
    stream: Stream,
    protection: Protection,
}

/// What a media thread has no more use for.
enum Retired {
    Call(Box<Call>),
    /// What a change has replaced.
    Change(Box<Change>),
    /// Rings that were replaced.
    Source(Box<Source>),
    /// The thread was at work late: for the log.
    Stall(Stall),
    /// The first call after a rest has come.
    Nothing,
}

impl From<CallMedia> for Call {
    fn from(media: CallMedia) -> Self {
        let CallMedia {
            id,
            ports,
            mut session,
            crypto,
            mode,
            tap,
            events,
        } = media;
        session.delivery = Delivery::Paced;
        if crypto.is_some() {
            // Whoever misses the first packets must not miss a wrap with them: the roll-over counter is not sent
            // (RFC 3711 §3.3.1).
            session.first_sequence &= 0x7FFF;
        }
        let source = match mode {
            Mode::Bridge { caller, agent } => Source::Bridge { caller, agent },
            Mode::Relay(end) => Source::Relay(end),
            Mode::Looped(tone) => Source::Looped(tone),
            Mode::Echo => {
                session.delivery = Delivery::AsReceived;
                Source::Echo
            }
            Mode::Tone => Source::Tone(Box::new(Tone::milliwatt(session.audio_law))),
        };
        let now = clock::now();
        let watch = Watch::new(&session.stream, now);
        let session = Session::new(session, now);
        let protection = crypto.as_ref().into();
        let mut call = Self::new(id, ports, (session, protection, watch), source, events);
        call.record(tap);
        call
    }
}

/// Commands of a burst of calls (an add, a few updates and a remove each) within one wake of 1 ms. When full the
/// command is refused to the one who gives it and counted in [`CountersSnapshot::queue_full`].
pub const COMMANDS: usize = 256;
/// Events of one call: a key each 100 ms, two per utterance; the call's task reads within a second even on a bad day.
/// When full the newest is dropped and counted in [`Summary::events_dropped`] and [`CountersSnapshot::events_dropped`].
pub const EVENTS: usize = 64;
/// Calls one thread carries: more than one core can (`tests/bench`). One more is stopped at once and counted in
/// [`CountersSnapshot::calls_refused`].
pub const CALLS: usize = 2048;
/// A thread's one report of its scheduling, at its start; never full.
const REPORT: usize = 1;
/// Retired calls (and what changes have replaced) that wait for the attendant: all of a thread at shutdown. When full the
/// media thread closes and frees them itself.
const RETIRED: usize = CALLS;

#[cfg(test)]
mod tests;
