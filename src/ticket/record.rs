//! The record of one call: the fold of its entries.

use std::time::{Duration, SystemTime};

use super::draft::phone_number;
use super::{Entry, Identity, Outcome, RecordingStep, Sound, Speaker};

/// Everything known about one call, as it happened. The length of a call bounds its entries.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CallRecord {
    /// Entries in order.
    pub entries: Vec<Entry>,
}

/// How the caller's e-mail address came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapturedEmail<'a> {
    /// As understood.
    pub address: &'a str,
    /// The caller said it is right.
    pub confirmed: bool,
}

/// How a transfer came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached<'a> {
    /// The caller was connected.
    Yes,
    /// The person was not reached, for this reason.
    No(&'a str),
    /// The telephone system stopped in the middle of it.
    Unknown,
}

impl CallRecord {
    /// Adds a fact. What follows the end of the call is dropped, so a record ends once.
    pub fn push(&mut self, entry: Entry) {
        if !self.is_ended() {
            self.entries.push(entry);
        }
    }

    /// True once the call is over.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.ended().is_some()
    }

    /// When the call ended since its start, how, and why.
    #[must_use]
    pub fn ended(&self) -> Option<(Duration, Outcome, &str)> {
        self.entries.iter().rev().find_map(|entry| match entry {
            Entry::Ended {
                at,
                outcome,
                reason,
            } => Some((*at, *outcome, reason.as_str())),
            _ => None,
        })
    }

    /// How the call came out, once it is over.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        self.ended().map(|(_, outcome, _)| outcome)
    }

    /// The end that crash recovery writes for a call whose daemon died: at the last moment known of it.
    #[must_use]
    pub fn interruption(&self) -> Entry {
        let reason = match self.transfers().last() {
            Some((target, Reached::Unknown)) => format!(
                "the telephone system stopped while the caller was being connected with {target}"
            ),
            Some((target, Reached::Yes)) => {
                format!("the telephone system stopped while the caller was connected with {target}")
            }
            Some((_, Reached::No(_))) | None => {
                "the telephone system stopped in the middle of the call".to_owned()
            }
        };
        Entry::Ended {
            at: self.last_known(),
            outcome: Outcome::Interrupted,
            reason,
        }
    }

    /// The latest moment of the call that an entry tells of.
    #[must_use]
    pub fn last_known(&self) -> Duration {
        let moments = self.entries.iter().filter_map(|entry| match entry {
            Entry::Answered(at)
            | Entry::Line { at, .. }
            | Entry::TransferStarted { at, .. }
            | Entry::TransferEnded { at, .. }
            | Entry::Noticed { at, .. }
            | Entry::Recording { at, .. }
            | Entry::Ended { at, .. } => Some(*at),
            _ => None,
        });
        moments.max().unwrap_or_default()
    }

    /// When the call was answered, since its start.
    #[must_use]
    pub fn answered(&self) -> Option<Duration> {
        self.entries.iter().find_map(|entry| match entry {
            Entry::Answered(at) => Some(*at),
            _ => None,
        })
    }

    /// When the call started, by the wall clock.
    #[must_use]
    pub fn started(&self) -> Option<SystemTime> {
        self.entries.iter().find_map(|entry| match entry {
            Entry::Started { at, .. } => Some(*at),
            _ => None,
        })
    }

    /// What else than words was heard of the caller, each once.
    #[must_use]
    pub fn noticed(&self) -> Vec<&str> {
        let mut noticed: Vec<&str> = Vec::new();
        for entry in &self.entries {
            if let Entry::Noticed { what, .. } = entry
                && !noticed.contains(&what.as_str())
            {
                noticed.push(what);
            }
        }
        noticed
    }

    /// How it sounded, if that is known.
    #[must_use]
    pub fn sound(&self) -> Option<&Sound> {
        self.entries.iter().find_map(|entry| match entry {
            Entry::Sound(sound) => Some(sound),
            _ => None,
        })
    }

    /// Number or user part, and display name of the caller.
    #[must_use]
    pub fn caller(&self) -> (&str, &str) {
        let found = self.entries.iter().find_map(|entry| match entry {
            Entry::Started {
                from, from_name, ..
            } => Some((from.as_str(), from_name.as_str())),
            _ => None,
        });
        found.unwrap_or_default()
    }

    /// What else the signalling told of the caller.
    #[must_use]
    pub fn identity(&self) -> Option<&Identity> {
        self.entries.iter().find_map(|entry| match entry {
            Entry::Started { identity, .. } => Some(identity.as_ref()),
            _ => None,
        })
    }

    /// The caller's number: as E.164 where that is known, otherwise as told; `None` when there is none.
    #[must_use]
    pub fn number(&self) -> Option<String> {
        let known = self.identity().map(|identity| identity.number.as_str());
        match known.filter(|number| !number.is_empty()) {
            Some(number) => Some(number.to_owned()),
            None => phone_number(self.caller().0),
        }
    }

    /// What was dialled.
    #[must_use]
    pub fn dialled(&self) -> &str {
        let found = self.entries.iter().find_map(|entry| match entry {
            Entry::Started { to, .. } => Some(to.as_str()),
            _ => None,
        });
        found.unwrap_or_default()
    }

    /// Why a person has to act, if one has to: the first reason given.
    #[must_use]
    pub fn escalation(&self) -> Option<&str> {
        self.entries.iter().find_map(|entry| match entry {
            Entry::Escalated { reason } => Some(reason.as_str()),
            _ => None,
        })
    }

    /// The transfers that were tried, in order: the target's name and how it came out.
    #[must_use]
    pub fn transfers(&self) -> Vec<(&str, Reached<'_>)> {
        let mut transfers: Vec<(&str, Reached<'_>)> = Vec::new();
        for entry in &self.entries {
            match entry {
                Entry::TransferStarted { target, .. } => {
                    transfers.push((target, Reached::Unknown));
                }
                Entry::TransferEnded { failure, .. } => {
                    if let Some((_, reached)) = transfers.last_mut() {
                        *reached = failure.as_deref().map_or(Reached::Yes, Reached::No);
                    }
                }
                _ => {}
            }
        }
        transfers
    }

    /// What became of the recording, in order.
    pub fn recording(&self) -> impl Iterator<Item = (Duration, &RecordingStep)> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Recording { at, step } => Some((*at, step)),
            _ => None,
        })
    }

    /// The caller's e-mail address: the latest one captured.
    #[must_use]
    pub fn email(&self) -> Option<CapturedEmail<'_>> {
        self.entries.iter().rev().find_map(|entry| match entry {
            Entry::Email { address, confirmed } => Some(CapturedEmail {
                address,
                confirmed: *confirmed,
            }),
            _ => None,
        })
    }

    /// True when the caller said anything that was understood.
    #[must_use]
    pub fn caller_spoke(&self) -> bool {
        self.first_words().is_some()
    }

    /// The first words the caller said.
    #[must_use]
    pub fn first_words(&self) -> Option<&str> {
        self.entries.iter().find_map(|entry| match entry {
            Entry::Line {
                speaker: Speaker::Caller,
                text,
                ..
            } if !text.trim().is_empty() => Some(text.as_str()),
            _ => None,
        })
    }

    /// Articles used in answers, each once, as (id, title, address).
    #[must_use]
    pub fn cited(&self) -> Vec<(&str, &str, &str)> {
        let mut cited: Vec<(&str, &str, &str)> = Vec::new();
        for entry in &self.entries {
            if let Entry::Cited {
                article,
                title,
                url,
            } = entry
                && !cited.iter().any(|(id, ..)| id == article)
            {
                cited.push((article, title, url));
            }
        }
        cited
    }
}

#[cfg(test)]
mod tests;
