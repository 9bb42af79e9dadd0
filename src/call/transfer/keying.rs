//! The keys that let a caller through at the target's side: the extension behind a machine that answers, the PIN of a
//! conference. They are pressed before anybody hears the other.

use std::time::{Duration, Instant};

use super::{Act, Stage, Transfer};
use crate::conversation::Unreached;

/// In [`super::Target::digits`]: nothing is pressed for [`PAUSE_LENGTH`].
pub const PAUSE: char = ',';
/// How long that is: as telephones and modems have it.
const PAUSE_LENGTH: Duration = Duration::from_secs(2);
/// How long after its answer the target's side is given to listen: for our ACK, and the first packets.
const ANSWER_TO_KEY: Duration = Duration::from_millis(500);
/// From one key to the next: 100 ms of tone, 100 ms without, and what two clocks differ.
const KEY_TO_KEY: Duration = Duration::from_millis(250);
/// How long news of a key are waited for: longer than its INFO may remain unanswered (RFC 3261 §17.1.2.2, Timer F).
const KEY_PATIENCE: Duration = Duration::from_secs(35);

impl Transfer {
    pub(super) fn begin_keying(&mut self, now: Instant) {
        self.stage = Stage::Keying;
        self.timer = Some(now + ANSWER_TO_KEY);
    }

    pub(super) fn press_next(&mut self, now: Instant) {
        if std::mem::take(&mut self.pressing) {
            return self.fail_keying("nothing was heard of it");
        }
        let wait = match self.keys.pop_front() {
            None => return self.connect(now),
            Some(PAUSE) => PAUSE_LENGTH,
            Some(key) => {
                self.pressing = true;
                self.acts.push_back(Act::Press(key));
                KEY_PATIENCE
            }
        };
        self.timer = Some(now + wait);
    }

    pub(super) fn on_pressed(&mut self, result: Result<(), u16>, now: Instant) {
        if self.stage != Stage::Keying || !std::mem::take(&mut self.pressing) {
            return;
        }
        match result {
            Ok(()) => self.timer = Some(now + KEY_TO_KEY),
            Err(status) => self.fail_keying(&status.to_string()),
        }
    }

    /// Whoever answered does not let the caller through without the keys.
    fn fail_keying(&mut self, why: &str) {
        let reason = format!(
            "its keys could not be pressed: no telephone-events there, and no INFO ({why})"
        );
        self.acts.push_back(Act::HangUpTarget(reason.clone()));
        self.fail(Unreached::Unavailable, reason);
    }
}
