//! What the media thread asks of the system: real-time scheduling and memory that stays in memory.
//!
//! The only unsafe code of the program stands here.

#![expect(
    unsafe_code,
    reason = "nix has no call for a thread's scheduling policy; libc's is unsafe"
)]

use core::fmt;

use nix::errno::Errno;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::mman::{MlockAllFlags, mlockall};
use nix::sys::resource::{Resource, getrlimit};
use nix::unistd::{Pid, gettid};

/// What the system granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Realtime {
    /// `SCHED_FIFO` for the media threads.
    pub scheduling: Outcome,
    /// Memory locked against paging.
    pub memory: Outcome,
    /// The processors of the configuration.
    pub affinity: Outcome,
    /// Media threads.
    pub threads: usize,
}

/// What one thread was granted, and its id in the system.
#[derive(Clone, Debug)]
pub(super) struct Report {
    pub(super) thread: i32,
    scheduling: Outcome,
    affinity: Outcome,
}

impl Realtime {
    /// Of several threads' outcomes the worst is told.
    pub(super) fn new(reports: &[Report], memory: Outcome) -> Self {
        let worst = |of: fn(&Report) -> &Outcome| {
            let outcomes = reports.iter().map(of);
            outcomes.max().cloned().unwrap_or(Outcome::NotAsked)
        };
        Self {
            scheduling: worst(|report| &report.scheduling),
            memory,
            affinity: worst(|report| &report.affinity),
            threads: reports.len(),
        }
    }
}

/// The answer to one wish; worse ones are greater.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// The settings did not ask.
    NotAsked,
    /// It holds.
    Granted,
    /// It does not, for this reason, with a remedy.
    Refused(String),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAsked => f.write_str("not asked for"),
            Self::Granted => f.write_str("granted"),
            Self::Refused(why) => write!(f, "refused: {why}"),
        }
    }
}

/// Asks for the calling thread what the settings wish.
pub(super) fn prepare_thread(realtime: bool, cpu: Option<usize>) -> Report {
    Report {
        thread: gettid().as_raw(),
        affinity: cpu.map_or(Outcome::NotAsked, stay_on),
        scheduling: if realtime {
            raise_priority()
        } else {
            Outcome::NotAsked
        },
    }
}

/// Keeps the calling thread on one processor.
fn stay_on(cpu: usize) -> Outcome {
    let mut cpus = CpuSet::new();
    let asked = cpus
        .set(cpu)
        .and_then(|()| sched_setaffinity(Pid::from_raw(0), &cpus));
    match asked {
        Ok(()) => Outcome::Granted,
        Err(error) => Outcome::Refused(format!(
            "processor {cpu}: {}; the machine has it not, or the unit's AllowedCPUs= leaves it out",
            error.desc()
        )),
    }
}

/// Gives the calling thread `SCHED_FIFO`, above all ordinary threads and below the kernel's own.
fn raise_priority() -> Outcome {
    // SAFETY: `sched_param` is plain integers, for which zero is a value.
    let mut parameters: libc::sched_param = unsafe { core::mem::zeroed() };
    parameters.sched_priority = PRIORITY;
    // SAFETY: `pthread_self` names the calling thread, which lives; the pointer is to a live value that the call only reads.
    let error = unsafe {
        libc::pthread_setschedparam(
            libc::pthread_self(),
            libc::SCHED_FIFO,
            &raw const parameters,
        )
    };
    if error == 0 {
        Outcome::Granted
    } else {
        let reason = Errno::from_raw(error).desc();
        Outcome::Refused(format!(
            "SCHED_FIFO: {reason}; set LimitRTPRIO={PRIORITY} in the unit, without RestrictRealtime"
        ))
    }
}

/// Locks the program's pages as they are touched. With a limit in force an allocation beyond it would
/// fail one day, so it is tried only without a limit.
pub(super) fn lock_memory() -> Outcome {
    let limited = match getrlimit(Resource::RLIMIT_MEMLOCK) {
        Ok((soft, _)) => soft != libc::RLIM_INFINITY,
        Err(_) => true,
    };
    if limited {
        return Outcome::Refused(
            "memory may be locked only in part; set LimitMEMLOCK=infinity in the unit".to_owned(),
        );
    }
    let on_fault = MlockAllFlags::from_bits_retain(libc::MCL_ONFAULT);
    match mlockall(MlockAllFlags::MCL_CURRENT | MlockAllFlags::MCL_FUTURE | on_fault) {
        Ok(()) => Outcome::Granted,
        Err(error) => Outcome::Refused(format!("mlockall: {}", error.desc())),
    }
}

/// Low among the real-time priorities: kernel threads and interrupts stay above.
const PRIORITY: i32 = 10;
