//! The loop of a media thread.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError};
use std::task::Waker;
use std::time::Instant;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use crate::io::clock;

use super::arrival::Inlet;
use super::call::Call;
use super::pacer::{PHASES, Pacer};
use super::roster::Roster;
use super::stalls::{Stall, Watchman};
use super::{CALLS, Command, MediaCounters, Retired};

#[cfg(test)]
use super::stalls;

/// One thread's calls.
pub(super) struct Engine {
    commands: Receiver<Command>,
    retired: SyncSender<Retired>,
    counters: Arc<MediaCounters>,
    /// Watches the control ports; media is there when it is a call's turn.
    epoll: Epoll,
    pacer: Pacer,
    roster: Roster,
    inlet: Inlet,
    stalls: Watchman,
    ready: Box<[EpollEvent; READY]>,
    /// Readers to be woken together.
    readers: Vec<Waker>,
}

/// What the queue of commands said.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Queue {
    Open,
    Closed,
}

impl Engine {
    pub(super) fn new(
        commands: Receiver<Command>,
        retired: SyncSender<Retired>,
        counters: Arc<MediaCounters>,
        thread: usize,
    ) -> io::Result<Self> {
        Ok(Self {
            commands,
            retired,
            counters,
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            pacer: Pacer::start(),
            roster: Roster::new(),
            inlet: Inlet::new(),
            stalls: Watchman::new(thread, clock::now()),
            ready: Box::new([EpollEvent::empty(); READY]),
            readers: Vec::with_capacity(READERS),
        })
    }

    /// Carries calls until nobody can command any more.
    pub(super) fn run(&mut self) {
        while let Ok(command) = self.commands.recv() {
            self.pacer = Pacer::start(); // the thread was idle
            self.obey(command);
            if self.is_idle() {
                continue;
            }
            let queue = self.carry();
            self.wake_readers();
            if queue == Queue::Closed {
                break;
            }
        }
        for place in 0..CALLS {
            self.retire(place);
        }
    }

    /// Wakes at pace as long as there are calls.
    fn carry(&mut self) -> Queue {
        self.stalls.rest(clock::now());
        self.discard(Retired::Nothing); // the attendant begins to look after this thread
        while !self.is_idle() {
            self.sleep();
            if self.obey_all() == Queue::Closed {
                return Queue::Closed;
            }
            self.wake(self.pacer.ended());
        }
        Queue::Open
    }

    /// Sleeps until somebody is due. Commands and control ports wait for it too, a frame at most.
    fn sleep(&mut self) {
        let empty = self.roster.empty(self.pacer.next_phase());
        if empty > 0 {
            self.wake_readers(); // nobody else comes soon
        }
        self.pacer.sleep(empty + 1);
        for _ in 0..self.pacer.ended().min(empty as u64) {
            self.pacer.step();
        }
    }

    /// Sends what has become due in so many periods. Of each call one frame is made up for at most: what should have
    /// left more than a frame ago is left out.
    fn wake(&mut self, periods: u64) {
        self.counters.count_late_ticks(periods.saturating_sub(1));
        self.inlet.look();
        self.receive_control();
        let woken = clock::now();
        let mut stall = None;
        for period in 0..periods {
            let (phase, ideal) = self.pacer.step();
            if period == 0 {
                stall = self.stalls.wake(ideal, woken);
            }
            if periods - period > PHASES as u64 {
                self.counters.count_skipped_tick();
                self.skip(phase);
            } else {
                self.tick(phase, ideal);
            }
            if phase % GATHER == GATHER - 1 {
                self.wake_readers();
            }
        }
        if let Some(stall) = stall {
            self.counters.count_stall(stall.late);
            let calls = self.roster.len();
            self.discard(Retired::Stall(Stall { calls, ..stall }));
        }
        self.stalls.rest(clock::now());
    }

    fn obey_all(&mut self) -> Queue {
        loop {
            match self.commands.try_recv() {
                Ok(command) => self.obey(command),
                Err(TryRecvError::Empty) => return Queue::Open,
                Err(TryRecvError::Disconnected) => return Queue::Closed,
            }
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Add(call) => self.add(call),
            Command::Update(id, mut change) => {
                let now = clock::now();
                if let Some(call) = self.call(id) {
                    call.update(&mut change, now);
                }
                self.discard(Retired::Change(change));
            }
            Command::Source(id, source) => {
                let rest = match self.call(id) {
                    Some(call) => call.turn_to(source),
                    None => [Some(source), None],
                };
                for source in rest.into_iter().flatten() {
                    self.discard(Retired::Source(source));
                }
            }
            Command::Resume(id) => {
                if let Some(relay) = self.call(id).and_then(Call::resume) {
                    self.discard(Retired::Source(relay));
                }
            }
            Command::Press(id, key) => {
                if let Some(call) = self.call(id) {
                    call.press(key);
                }
            }
            Command::Remove(id) => {
                if let Some(place) = self.roster.find(id) {
                    self.retire(place);
                }
            }
            #[cfg(test)]
            Command::Stall(length) => stalls::stand_still(length),
        }
    }

    fn add(&mut self, call: Box<Call>) {
        if let Some(place) = self.roster.find(call.id()) {
            self.retire(place);
        }
        let vacancy = self.roster.vacancy();
        if vacancy.is_none_or(|place| self.watch(&call, place).is_err()) {
            self.refuse(call);
            return;
        }
        match self.roster.insert(call, self.pacer.next_phase()) {
            Ok(()) => self.counters.count_call_added(),
            Err(call) => self.refuse(call),
        }
    }

    fn refuse(&mut self, call: Box<Call>) {
        self.counters.count_call_refused();
        self.bury(call);
    }

    fn watch(&self, call: &Call, place: usize) -> nix::Result<()> {
        let event = EpollEvent::new(EpollFlags::EPOLLIN, place as u64);
        self.epoll.add(call.rtcp(), event)
    }

    fn retire(&mut self, place: usize) {
        let Some(mut call) = self.roster.take(place) else {
            return;
        };
        self.counters.count_call_gone();
        call.finish(self.inlet.buffer(), &self.counters, clock::now());
        self.bury(call);
    }

    /// Hands a call to the attendant, or takes it apart here when the attendant is far behind.
    fn bury(&mut self, call: Box<Call>) {
        let _ = self.epoll.delete(call.rtcp()); // a call that was refused was perhaps not watched
        self.discard(Retired::Call(call));
    }

    fn discard(&mut self, what: Retired) {
        match self.retired.try_send(what) {
            Ok(()) => {}
            Err(TrySendError::Full(what) | TrySendError::Disconnected(what)) => drop(what),
        }
    }

    /// Takes what the control ports hold.
    fn receive_control(&mut self) {
        let ready = self
            .epoll
            .wait(&mut self.ready[..], EpollTimeout::ZERO)
            .unwrap_or(0);
        for at in 0..ready {
            let Ok(place) = usize::try_from(self.ready[at].data()) else {
                continue;
            };
            let Some(call) = self.roster.at(place) else {
                continue;
            };
            let (inlet, counters) = (&mut self.inlet, &*self.counters);
            let outcome = catch_unwind(AssertUnwindSafe(|| call.receive_rtcp(inlet, counters)));
            if outcome.is_err() {
                call.fail();
                self.retire(place);
            }
        }
    }

    /// The turn of the calls of a phase: all take what has come since the last, then all say what is to be said.
    fn tick(&mut self, phase: usize, ideal: Instant) {
        self.roster.prefetch(phase);
        self.inlet.look();
        self.each(phase, |call, inlet, counters| {
            call.receive_rtp(inlet, counters);
            None
        });
        self.each(phase, |call, inlet, counters| {
            call.tick(inlet.buffer(), counters, clock::now(), ideal)
        });
        if self.pacer.round().is_multiple_of(ROUNDS) {
            self.retire_abandoned(phase);
        }
    }

    /// Lets each call of a phase act; it may give a reader to be woken. One that fails ends alone.
    fn each(
        &mut self,
        phase: usize,
        mut act: impl FnMut(&mut Call, &mut Inlet, &MediaCounters) -> Option<Waker>,
    ) {
        let mut turn = 0;
        while let Some(place) = self.roster.turn(phase, turn) {
            let Some(call) = self.roster.at(place) else {
                break;
            };
            let (inlet, counters) = (&mut self.inlet, &*self.counters);
            let Ok(reader) = catch_unwind(AssertUnwindSafe(|| act(call, inlet, counters))) else {
                call.fail();
                self.retire(place);
                continue;
            };
            if let Some(reader) = reader {
                if self.readers.len() == READERS {
                    self.wake_readers();
                }
                self.readers.push(reader);
            }
            turn += 1;
        }
    }

    fn retire_abandoned(&mut self, phase: usize) {
        let mut turn = 0;
        while let Some(place) = self.roster.turn(phase, turn) {
            let call = self.roster.at(place);
            if call.is_some_and(|call| call.is_abandoned()) {
                self.retire(place);
            } else {
                turn += 1;
            }
        }
    }

    fn wake_readers(&mut self) {
        self.readers.drain(..).for_each(Waker::wake);
    }

    fn skip(&mut self, phase: usize) {
        let mut turn = 0;
        while let Some(call) = self
            .roster
            .turn(phase, turn)
            .and_then(|place| self.roster.at(place))
        {
            call.skip();
            turn += 1;
        }
        self.counters.count_skipped_frames(turn as u64);
    }

    fn call(&mut self, id: u64) -> Option<&mut Call> {
        let place = self.roster.find(id)?;
        self.roster.at(place)
    }

    fn is_idle(&self) -> bool {
        self.roster.len() == 0
    }
}

/// Control ports taken per wake; those left over are taken at the next.
const READY: usize = 64;
/// Whether somebody still wants a call is looked at once a second: the answer stands in memory that is far away.
const ROUNDS: u64 = 50;
/// Readers are woken every so many periods: a worker that wakes for several calls is cheaper by far than one that
/// wakes for each, and 4 ms are little beside the 80 ms of what an ear is sent.
const GATHER: usize = 4;
/// Readers that wait to be woken together. When full they are woken at once.
const READERS: usize = 64;

#[cfg(test)]
mod tests;
