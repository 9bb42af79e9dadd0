//! Notices that a media thread was at work late, and what can be seen of the cause.
//!
//! The thread itself compares clocks ([`Watchman`]) and says nothing; the attendant, another thread, knows how long
//! the scheduler has let the media thread wait, and writes the line.

use std::fs::File;
use std::io::Read;
use std::time::{Duration, Instant, SystemTime};

use nix::time::{ClockId, clock_gettime};

use crate::io::clock;

/// A media thread was at work too late.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stall {
    /// Which thread.
    pub(super) thread: usize,
    /// How long after it should have begun.
    pub(super) late: Duration,
    /// The time it was at work before without rest, where that reached into the time it should have begun; and how
    /// much of it on a processor.
    pub(super) work: Option<(Duration, Duration)>,
    /// Calls that it carried.
    pub(super) calls: usize,
}

/// Compares what should be with what is, once each wake.
#[derive(Debug)]
pub(super) struct Watchman {
    thread: usize,
    /// When the work of the last wake began and ended, and how long it was on a processor.
    began: Instant,
    ended: Instant,
    ran: Duration,
    processor: Duration,
}

impl Watchman {
    pub(super) fn new(thread: usize, now: Instant) -> Self {
        Self {
            thread,
            began: now,
            ended: now,
            ran: Duration::ZERO,
            processor: processor_time(),
        }
    }

    /// The work that should have begun at `ideal` begins; says whether that is a stall.
    pub(super) fn wake(&mut self, ideal: Instant, now: Instant) -> Option<Stall> {
        let late = now.saturating_duration_since(ideal);
        let work = (self.ended > ideal)
            .then(|| (self.ended.saturating_duration_since(self.began), self.ran));
        self.began = now;
        (late >= STALL).then_some(Stall {
            thread: self.thread,
            late,
            work,
            calls: 0,
        })
    }

    /// The work of this wake is done.
    pub(super) fn rest(&mut self, now: Instant) {
        let processor = processor_time();
        self.ran = processor.saturating_sub(self.processor);
        self.processor = processor;
        self.ended = now;
    }
}

/// What the system says of a thread, and of time, up to a moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Account {
    /// Time in which the thread could have run and did not.
    waited: Duration,
    /// Time in which the machine's own processors were somebody else's.
    stolen: Duration,
    now: Instant,
    wallclock: SystemTime,
}

impl Account {
    /// Reads what the kernel knows of a thread, from the file of [`schedule_of`]. Nothing is allocated: it is read once a
    /// second, and whoever counts the media threads' allocations counts those of the whole program.
    pub(super) fn read(schedule: &str) -> Self {
        Self {
            waited: Duration::from_nanos(word(schedule, 1)),
            stolen: JIFFY * u32::try_from(word("/proc/stat", 8)).unwrap_or(0),
            now: clock::now(),
            wallclock: clock::wallclock(),
        }
    }
}

/// The file in which the kernel keeps the scheduler's account of a thread of this program.
pub(super) fn schedule_of(thread: i32) -> String {
    format!("/proc/self/task/{thread}/schedstat")
}

/// Why a thread was late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// Its own work before took so long, on a processor.
    Work(Duration),
    /// It was ready to run, and waited so long for a processor.
    Scheduling(Duration),
    /// The hypervisor took the processors away for so long.
    Stolen(Duration),
    /// A lock, a page that had to be fetched, or the like held it up in its work for so long.
    Blocked(Duration),
    /// Nothing that is seen: the machine stood still, or its timer came late.
    Unknown,
}

impl Stall {
    /// The cause that explains at least half of the delay, by what the system's account has changed since.
    pub(super) fn cause(&self, before: &Account, after: &Account) -> Cause {
        let half = self.late / 2;
        let waited = after.waited.saturating_sub(before.waited);
        let stolen = after.stolen.saturating_sub(before.stolen);
        match self.work {
            Some((_, ran)) if ran >= half => Cause::Work(ran),
            _ if waited >= half => Cause::Scheduling(waited),
            _ if stolen >= half => Cause::Stolen(stolen),
            Some((took, ran)) => Cause::Blocked(took.saturating_sub(ran)),
            None => Cause::Unknown,
        }
    }

    /// The line for the log; so many stalls were not told of before this one.
    pub(super) fn tell(&self, before: &Account, after: &Account, untold: u32) {
        if !log::log_enabled!(log::Level::Warn) {
            return;
        }
        let cause = match self.cause(before, after) {
            Cause::Work(time) => format!("its own work took {} ms", time.as_millis()),
            Cause::Scheduling(time) => {
                format!("it waited {} ms for a processor", time.as_millis())
            }
            Cause::Stolen(time) => {
                format!(
                    "the hypervisor took the processors away for {} ms",
                    time.as_millis()
                )
            }
            Cause::Blocked(time) => {
                format!("something held its work up for {} ms", time.as_millis())
            }
            Cause::Unknown => "the machine stood still or its timer was late".to_owned(),
        };
        log::warn!(
            THREAD = self.thread, LATE_MS = millis(self.late), CALLS = self.calls, CAUSE = cause.as_str(),
            CLOCK_SET_MS = clock_set(before, after), UNTOLD = untold;
            "the audio was late"
        );
    }
}

/// By how many milliseconds the civil clock was set meanwhile.
fn clock_set(before: &Account, after: &Account) -> i64 {
    let passed = after.now.saturating_duration_since(before.now);
    let expected = before.wallclock + passed;
    match after.wallclock.duration_since(expected) {
        Ok(ahead) => millis(ahead),
        Err(behind) => -millis(behind.duration()),
    }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// A number on the first line of a file, counted from 0; 0 when it is not there.
fn word(file: &str, number: usize) -> u64 {
    let mut buffer = [0; 512];
    let length = File::open(file).and_then(|mut file| file.read(&mut buffer));
    let line = buffer[..length.unwrap_or(0)]
        .split(|byte| *byte == b'\n')
        .next();
    let text = line.and_then(|line| core::str::from_utf8(line).ok());
    let word = text.and_then(|text| text.split_whitespace().nth(number));
    word.and_then(|word| word.parse().ok()).unwrap_or(0)
}

/// What the calling thread has spent on processors.
fn processor_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the stall that is tested")]
pub(super) fn stand_still(length: Duration) {
    std::thread::sleep(length);
}

/// Half a frame: an ear hears nothing of it, and a healthy machine never is so late.
pub(super) const STALL: Duration = Duration::from_millis(10);
/// The unit of /proc/stat (USER_HZ).
const JIFFY: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests;
