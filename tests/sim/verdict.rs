//! What must hold in every world, whatever happened in it.

use std::time::{Duration, Instant};

use ringwell::ticket::{Entry, Speaker};

use crate::services::Sounded;
use crate::world::World;

/// The longest silence a caller may meet while connected: the patience for an answer and for a failure.
const SILENCE_MAX: Duration = Duration::from_millis(11_000);

impl World {
    /// The rules of every world.
    #[track_caller]
    pub(crate) fn holds(&self) {
        assert!(!self.has_call(), "the call has not ended");
        assert!(self.phone.ended.is_some(), "the phone is still in the call");
        assert!(!self.office.is_busy(), "the office is still in a call");
        assert!(!self.joined && (self.running.second.is_none() || self.has_crashed()));
        let counts = self.box_counts();
        let transactions =
            counts.client + counts.client_invite + counts.server + counts.server_invite;
        assert_eq!((counts.sessions, transactions), (0, 0), "something leaked");
        if !self.store.record.entries.is_empty() {
            assert!(self.store.record.is_ended(), "the record has no end");
            assert!(
                self.overs == 1 || (self.has_crashed() && self.overs == 0),
                "over {} times",
                self.overs
            );
        }
        let needed = usize::from(self.store.draft().is_some());
        assert_eq!(self.helpdesk.tickets.len(), needed, "tickets");
        assert!(self.helpdesk.users.len() <= 1);
        assert_eq!(self.outbox.dead_letter, None);
        self.believes_what_was_played();
    }

    /// Every line the agent is held to have said was sounded, and in this order.
    #[track_caller]
    fn believes_what_was_played(&self) {
        let mut sounded = self.sounded();
        for entry in &self.store.record.entries {
            let Entry::Line {
                speaker: Speaker::Agent,
                text,
                interrupted,
                ..
            } = entry
            else {
                continue;
            };
            let found = sounded.any(|sounded| {
                let heard = sounded.heard(self.now);
                is_true(text, *interrupted, sounded, heard.trim_end())
            });
            assert!(found, "never sounded so: {text}");
        }
    }

    /// The caller never waits in silence for long: somebody is always heard, unless the box is dead.
    #[track_caller]
    pub(crate) fn has_no_dead_air(&self) {
        let Some(answered) = self.phone.answered.filter(|_| !self.has_crashed()) else {
            return;
        };
        let ended = self.over_since.unwrap_or(self.now);
        let mut sounds: Vec<(Instant, Instant)> = self
            .sounded()
            .map(|sounded| (sounded.from, sounded.until.unwrap_or(ended)))
            .collect();
        sounds.extend(&self.caller_spoke);
        sounds.extend(&self.rang);
        sounds.extend(self.rings.map(|since| (since, ended)));
        sounds.sort();
        let mut quiet_since = answered;
        for (from, until) in sounds.into_iter().chain([(ended, ended)]) {
            let silence = from.saturating_duration_since(quiet_since);
            assert!(
                silence <= SILENCE_MAX,
                "{silence:?} of silence before {:?}",
                from - self.start
            );
            quiet_since = quiet_since.max(until);
        }
    }

    /// The texts the phone sounded, cut where they were cut.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.sounded()
            .map(|sounded| sounded.heard(self.now))
            .collect()
    }

    /// The one ticket.
    #[track_caller]
    pub(crate) fn ticket(&self) -> &str {
        assert_eq!(self.helpdesk.tickets.len(), 1);
        assert_eq!(self.helpdesk.tickets[0].call_id, crate::world::call_id());
        &self.helpdesk.tickets[0].body_text
    }

    /// When words began to sound, after the start of the world.
    #[track_caller]
    pub(crate) fn sounded_at(&self, text: &str) -> Duration {
        let found = self.sounded().find(|sounded| sounded.text.contains(text));
        found
            .unwrap_or_else(|| panic!("never sounded: {text}"))
            .from
            - self.start
    }
}

/// A line that the agent is held to have said, against what of an utterance was heard.
fn is_true(line: &str, interrupted: bool, sounded: &Sounded, heard: &str) -> bool {
    let (believed, heard) = (line.chars().count(), heard.chars().count());
    let whole = sounded.text.chars().count();
    if !interrupted {
        return line == sounded.text && heard + 1 >= whole;
    }
    // Before the voice has told how long an utterance is, its length is an estimate.
    let is_estimate = sounded.never_rendered || heard * 4 <= whole;
    let enough = heard <= believed + LONGEST_WORD || is_estimate;
    sounded.text.starts_with(line) && believed <= heard + 2 && enough
}

/// A word that was cut is not believed, so that much may have been heard more.
const LONGEST_WORD: usize = 14;
