//! What the media thread asks of the system: real-time scheduling and memory that stays in memory.
//!
//! The only unsafe code of the program stands here.

#![expect(
    unsafe_code,
    reason = "nix has no call for a thread's scheduling policy; libc's is unsafe"
)]

use nix::errno::Errno;
use nix::sys::mman::{MlockAllFlags, mlockall};
use nix::sys::resource::{Resource, getrlimit};

/// What the system granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Realtime {
    /// `SCHED_FIFO` for the media threads.
    pub scheduling: Outcome,
    /// Memory locked against paging.
    pub memory: Outcome,
}

/// The answer to one wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The settings did not ask.
    NotAsked,
    /// It holds.
    Granted,
    /// It does not, for this reason, with a remedy.
    Refused(String),
}

/// Gives the calling thread `SCHED_FIFO`, above all ordinary threads and below the kernel's own.
pub(super) fn raise_priority() -> Outcome {
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
