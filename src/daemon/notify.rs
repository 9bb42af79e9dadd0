//! What the service manager is told (sd_notify(3)). Without one, nothing happens.

use std::time::Duration;

use sd_notify::NotifyState;

/// Calls are answered from now on.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// One line for `systemctl status`.
pub fn status(text: &str) {
    // A line break would begin another assignment of the protocol.
    let line: String = text.chars().filter(|c| !c.is_control()).collect();
    tell(&[NotifyState::Status(&line)]);
}

/// No new calls from now on.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// The daemon's loop has turned.
pub fn watchdog() {
    tell(&[NotifyState::Watchdog]);
}

/// How often [`watchdog`] must be told: half of what the service manager waits. `None`: never.
#[must_use]
pub fn watchdog_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|patience| patience / 2)
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        ::log::debug!("the service manager cannot be told: {error}");
    }
}
