//! The loop's part in lines that come, change and go.

use std::time::Instant;

use super::EventLoop;
use crate::daemon::reload::Read;
use crate::daemon::throttle;
use crate::io::clock;

impl EventLoop {
    /// The file was read again.
    pub(super) fn on_reread(&mut self, read: Read) {
        let now = clock::now();
        if let Some((_, config)) = self.reload.take(read, &self.lines, now) {
            self.services.plans.reload(&config.transfer);
            self.endpoint.set_throttle(throttle(&config.guard));
            self.sockets
                .limit_messages(config.guard.messages_per_second);
            self.refusals
                .set_lines(config.guard.refusal_lines_per_minute);
            self.registrations.reconcile(&mut self.endpoint, now);
            self.tell_running();
        }
    }

    pub(super) fn drive_registrations(&mut self, now: Instant) {
        let (endpoint, sockets) = (&mut self.endpoint, &mut self.sockets);
        if self.registrations.drive(endpoint, sockets, now) {
            self.tell_running();
        }
        self.drain_endpoint(now);
    }

    /// Whose line was removed may still end its call or registration.
    pub(super) fn tell_running(&self) {
        let running = self.calls.values().map(|running| running.flow);
        self.lines
            .set_running(running.chain(self.registrations.flows()));
    }
}
