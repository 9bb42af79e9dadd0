//! What the machines' tests share: a clock that counts from zero, and scripts of what is sent when.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Client, ClientEvent, ClientInvite, Server, ServerEvent, ServerInvite};
use crate::io::clock;

/// A machine as the tests drive it.
pub(super) trait Machine {
    type Event;
    fn timeout(&mut self, now: Instant);
    fn transmit(&mut self) -> Option<Bytes>;
    fn event(&mut self) -> Option<Self::Event>;
    fn deadline(&self) -> Option<Instant>;
    fn is_over(&self) -> bool;
}

macro_rules! machine {
    ($($machine:ty => $event:ty),*) => {
        $(impl Machine for $machine {
            type Event = $event;
            fn timeout(&mut self, now: Instant) {
                self.handle_timeout(now);
            }
            fn transmit(&mut self) -> Option<Bytes> {
                self.poll_transmit()
            }
            fn event(&mut self) -> Option<$event> {
                self.poll_event()
            }
            fn deadline(&self) -> Option<Instant> {
                self.poll_timeout()
            }
            fn is_over(&self) -> bool {
                self.is_terminated()
            }
        })*
    };
}

machine!(
    Client => ClientEvent, ClientInvite => ClientEvent,
    Server => ServerEvent, ServerInvite => ServerEvent
);

/// A virtual clock.
pub(super) struct Clock {
    start: Instant,
    pub(super) now: Instant,
}

/// What a run saw: times of transmissions, and events with their times, in milliseconds.
pub(super) struct Seen<E> {
    pub(super) sent: Vec<u64>,
    pub(super) events: Vec<(u64, E)>,
}

impl Clock {
    pub(super) fn new() -> Self {
        let start = clock::now();
        Self { start, now: start }
    }

    pub(super) fn ms(&self) -> u64 {
        u64::try_from((self.now - self.start).as_millis()).unwrap()
    }

    pub(super) fn at(&self, ms: u64) -> Instant {
        self.start + Duration::from_millis(ms)
    }

    /// Drains the machine, then moves from deadline to deadline up to `until` milliseconds. Between
    /// deadlines a wake-up a millisecond early must have no effect.
    pub(super) fn run<M: Machine>(&mut self, machine: &mut M, until: u64) -> Seen<M::Event> {
        let mut seen = Seen {
            sent: Vec::new(),
            events: Vec::new(),
        };
        self.drain(machine, &mut seen);
        while let Some(deadline) = machine.deadline().filter(|at| *at <= self.at(until)) {
            assert!(deadline > self.now, "a deadline in the past after a drain");
            self.now = deadline - Duration::from_millis(1);
            machine.timeout(self.now);
            assert!(machine.transmit().is_none() && machine.event().is_none());
            self.now = deadline;
            machine.timeout(self.now);
            self.drain(machine, &mut seen);
        }
        self.now = self.at(until);
        seen
    }

    fn drain<M: Machine>(&self, machine: &mut M, seen: &mut Seen<M::Event>) {
        if machine.transmit().is_some() {
            seen.sent.push(self.ms());
        }
        if let Some(event) = machine.event() {
            seen.events.push((self.ms(), event));
        }
        assert!(machine.transmit().is_none() && machine.event().is_none());
        if machine.is_over() {
            assert!(
                machine.deadline().is_none(),
                "a terminated machine has a deadline"
            );
        }
    }
}
