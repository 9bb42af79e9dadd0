//! The loop of a media thread.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError};
use std::time::Instant;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use crate::io::clock;

use super::call::Call;
use super::pacer::Pacer;
use super::{CALLS, Command, MediaCounters, Retired};

/// One thread's calls.
pub(super) struct Engine {
    commands: Receiver<Command>,
    retired: SyncSender<Retired>,
    counters: Arc<MediaCounters>,
    epoll: Epoll,
    pacer: Pacer,
    slots: Vec<Option<Slot>>,
    /// Calls per phase.
    load: [usize; PHASES],
    buffer: Box<[u8; BUFFER]>,
    ready: Box<[EpollEvent; READY]>,
}

struct Slot {
    phase: usize,
    call: Box<Call>,
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
    ) -> io::Result<Self> {
        Ok(Self {
            commands,
            retired,
            counters,
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            pacer: Pacer::new()?,
            slots: std::iter::repeat_with(|| None).take(CALLS).collect(),
            load: [0; PHASES],
            buffer: Box::new([0; BUFFER]),
            ready: Box::new([EpollEvent::empty(); READY]),
        })
    }

    /// Carries calls until nobody can command any more.
    pub(super) fn run(&mut self) {
        while let Ok(command) = self.commands.recv() {
            self.obey(command);
            if self.is_idle() || self.pacer.start().is_err() {
                continue;
            }
            let queue = self.carry();
            let _ = self.pacer.stop(); // running on would only wake an idle thread
            if queue == Queue::Closed {
                break;
            }
        }
        for index in 0..self.slots.len() {
            self.retire(index);
        }
    }

    /// Wakes at pace as long as there are calls.
    fn carry(&mut self) -> Queue {
        while !self.is_idle() {
            let periods = self.pacer.wait();
            if self.obey_all() == Queue::Closed {
                return Queue::Closed;
            }
            self.wake(periods);
        }
        Queue::Open
    }

    /// Takes what has come, and sends what has become due in so many periods.
    fn wake(&mut self, periods: u64) {
        self.counters.count_late_ticks(periods.saturating_sub(1));
        self.receive();
        for period in 0..periods {
            let (number, ideal) = self.pacer.step();
            let phase = number as usize % PHASES;
            if periods - period > CATCH_UP {
                self.counters.count_skipped_tick();
                self.skip(phase);
            } else {
                self.tick(phase, ideal);
            }
        }
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
            Command::Remove(id) => {
                if let Some(index) = self.find(id) {
                    self.retire(index);
                }
            }
        }
    }

    /// A call begins in the phase that has the fewest.
    fn add(&mut self, call: Box<Call>) {
        if let Some(index) = self.find(call.id()) {
            self.retire(index);
        }
        let free = self.slots.iter().position(Option::is_none);
        let Some(index) = free.filter(|index| self.watch(&call, *index).is_ok()) else {
            self.counters.count_call_refused();
            self.bury(call);
            return;
        };
        let phase = (0..PHASES)
            .min_by_key(|phase| self.load[*phase])
            .unwrap_or(0);
        self.load[phase] += 1;
        self.slots[index] = Some(Slot { phase, call });
        self.counters.count_call_added();
    }

    fn watch(&self, call: &Call, index: usize) -> nix::Result<()> {
        let event = |control: u64| EpollEvent::new(EpollFlags::EPOLLIN, index as u64 * 2 + control);
        self.epoll.add(call.rtp(), event(RTP))?;
        self.epoll.add(call.rtcp(), event(RTCP))
    }

    fn retire(&mut self, index: usize) {
        let Some(Slot { phase, mut call }) = self.slots[index].take() else {
            return;
        };
        self.load[phase] -= 1;
        self.counters.count_call_gone();
        call.finish(&mut self.buffer[..], &self.counters, clock::now());
        self.bury(call);
    }

    /// Hands a call to the reaper, or takes it apart here when the reaper is far behind.
    fn bury(&mut self, call: Box<Call>) {
        let _ = self.epoll.delete(call.rtp()); // a call that was refused was perhaps not watched
        let _ = self.epoll.delete(call.rtcp());
        self.discard(Retired::Call(call));
    }

    fn discard(&mut self, what: Retired) {
        match self.retired.try_send(what) {
            Ok(()) => {}
            Err(TrySendError::Full(what) | TrySendError::Disconnected(what)) => drop(what),
        }
    }

    /// Takes what the sockets hold.
    fn receive(&mut self) {
        let now = clock::now();
        let ready = self
            .epoll
            .wait(&mut self.ready[..], EpollTimeout::ZERO)
            .unwrap_or(0);
        for at in 0..ready {
            let data = self.ready[at].data();
            let Ok(index) = usize::try_from(data / 2) else {
                continue;
            };
            let Some(Some(slot)) = self.slots.get_mut(index) else {
                continue;
            };
            let (buffer, counters) = (&mut self.buffer[..], &*self.counters);
            let call = &mut slot.call;
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                if data % 2 == RTP {
                    call.receive_rtp(buffer, counters, now);
                } else {
                    call.receive_rtcp(buffer, counters, now);
                }
            }));
            if outcome.is_err() {
                call.fail();
                self.retire(index);
            }
        }
    }

    /// Ticks the calls of a phase.
    fn tick(&mut self, phase: usize, ideal: Instant) {
        for index in 0..self.slots.len() {
            let Some(slot) = self.slots[index]
                .as_mut()
                .filter(|slot| slot.phase == phase)
            else {
                continue;
            };
            if slot.call.is_abandoned() {
                self.retire(index);
                continue;
            }
            let (buffer, counters) = (&mut self.buffer[..], &*self.counters);
            let call = &mut slot.call;
            let now = clock::now();
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                call.tick(buffer, counters, now, ideal);
            }));
            if outcome.is_err() {
                call.fail();
                self.retire(index);
            }
        }
    }

    fn skip(&mut self, phase: usize) {
        for slot in self.slots.iter_mut().flatten() {
            if slot.phase == phase {
                slot.call.skip();
            }
        }
    }

    fn find(&self, id: u64) -> Option<usize> {
        let is = |slot: &Option<Slot>| slot.as_ref().is_some_and(|slot| slot.call.id() == id);
        self.slots.iter().position(is)
    }

    fn call(&mut self, id: u64) -> Option<&mut Call> {
        let index = self.find(id)?;
        self.slots[index].as_mut().map(|slot| &mut *slot.call)
    }

    fn is_idle(&self) -> bool {
        self.load.iter().sum::<usize>() == 0
    }
}

/// Wakes in a tick: a quarter of the calls each.
const PHASES: usize = 4;
/// Wakes that are made up for after a stall: 200 ms of packets. What was missed before is left out.
const CATCH_UP: u64 = 40;
/// Larger than any packet on an Ethernet.
const BUFFER: usize = 2048;
/// Sockets taken per wake; those left over are taken at the next.
const READY: usize = 512;
const RTP: u64 = 0;
const RTCP: u64 = 1;

#[cfg(test)]
mod tests;
