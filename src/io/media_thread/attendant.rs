//! The thread beside the media threads: takes apart what they have no more use for, and says what they may not.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use crate::io::clock;

use super::call::Call;
use super::stalls::{Account, Stall, schedule_of};
use super::{MediaCounters, MediaEvent, Retired};

/// Works until the last media thread has gone. `threads` are their ids in the system, by number.
pub(super) fn attend(retired: &Receiver<Retired>, threads: &[i32], counters: &Arc<MediaCounters>) {
    let mut lookout = Lookout::new(threads);
    loop {
        let next = if counters.snapshot().calls > 0 {
            retired.recv_timeout(LOOK)
        } else {
            retired.recv().map_err(|_| RecvTimeoutError::Disconnected)
        };
        match next {
            Ok(Retired::Call(call)) => dissolve(call),
            Ok(Retired::Change(change)) => drop(change),
            Ok(Retired::Source(source)) => drop(source),
            Ok(Retired::Stall(stall)) => lookout.tell(stall),
            Ok(Retired::Nothing) => lookout.look(),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        lookout.look_in_time();
    }
}

/// What the system said of each media thread when it was last asked.
struct Lookout {
    /// The kernel's files of the threads.
    schedules: Vec<String>,
    accounts: Vec<Account>,
    looked: Instant,
    /// When the last stall was told of, and how many were not since.
    told: Option<Instant>,
    untold: u32,
}

impl Lookout {
    fn new(threads: &[i32]) -> Self {
        let schedules: Vec<_> = threads.iter().copied().map(schedule_of).collect();
        Self {
            accounts: schedules.iter().map(|file| Account::read(file)).collect(),
            schedules,
            looked: clock::now(),
            told: None,
            untold: 0,
        }
    }

    fn look(&mut self) {
        for (account, schedule) in self.accounts.iter_mut().zip(&self.schedules) {
            *account = Account::read(schedule);
        }
        self.looked = clock::now();
    }

    fn look_in_time(&mut self) {
        if clock::now().saturating_duration_since(self.looked) >= LOOK {
            self.look();
        }
    }

    /// One line in a second; how many more there were is in the next, and in the counters.
    fn tell(&mut self, stall: Stall) {
        let now = clock::now();
        let recent = |told| now.saturating_duration_since(told) < LOOK;
        let (Some(before), Some(schedule)) = (
            self.accounts.get_mut(stall.thread),
            self.schedules.get(stall.thread),
        ) else {
            return;
        };
        if self.told.is_some_and(recent) {
            self.untold += 1;
            return;
        }
        let after = Account::read(schedule);
        stall.tell(before, &after, core::mem::take(&mut self.untold));
        *before = after;
        self.told = Some(now);
    }
}

/// Closes a call's sockets, tells its task.
fn dissolve(call: Box<Call>) {
    let id = call.id();
    let (summary, events) = call.dissolve();
    if summary.failed {
        log::error!(MEDIA_ID = id; "the media of a call failed, the call loses its sound");
    }
    if events
        .try_send(MediaEvent::Stopped(Box::new(summary)))
        .is_err()
    {
        log::debug!(MEDIA_ID = id; "nobody waits for the end of this stream");
    }
}

/// How old what is known of the media threads may be, and the pause between two lines of stalls.
const LOOK: Duration = Duration::from_secs(1);
