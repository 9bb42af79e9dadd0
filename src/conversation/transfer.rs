//! Connecting the caller with a person: first the announcement to its last word, then the act.
//!
//! ```text
//!   announced --all of it played, a moment of silence--> under way --connected--> OVER
//!       |                                                   |
//!       | the caller speaks                                 | not reached
//!       v                                                   v
//!   LISTENING: nothing was done              why, and the offer of a call back: OFFERING
//! ```
//!
//! Whom the caller may be connected with is a list of the line's owner. The model names one of it, and
//! never a number.

use std::time::{Duration, Instant};

use super::timer::Timer;
use super::turn::{Conversation, State};
use super::{Command, Speech, Tool, ToolCall, phrases, utterance::Purpose};
use crate::ticket::Outcome;

/// Name of the tool that connects the caller with a person.
pub const TRANSFER: &str = "transfer";
/// Its argument.
pub const TARGET: &str = "target";

/// Silence after the announcement in which the caller may still stop it: longer than an ear takes to
/// report a first word.
const GRACE: Duration = Duration::from_millis(600);
/// How long the caller waits without a word of ours while somebody is called.
const WAITING: Duration = Duration::from_secs(7);
/// Most attempts within a call; who asks again is called back.
const ATTEMPTS_MAX: u32 = 3;
/// A yes of at most so many words does not stop the announcement.
const AGREEMENT_WORDS_MAX: usize = 4;

/// Somebody the caller may be connected with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// What the model, the log and the ticket call it.
    pub name: String,
    /// What the caller hears before.
    pub announcement: String,
}

/// Why somebody was not reached, as far as it matters for what is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreached {
    /// In another call.
    Busy,
    /// It rang for too long.
    NoAnswer,
    /// Everything else: declined, not there, the network.
    Unavailable,
}

/// The caller is being connected.
#[derive(Clone, Debug)]
pub(super) struct Connecting {
    name: String,
    /// The announcement is over and the call acts.
    under_way: bool,
    /// The caller hears the person's telephone ring.
    rings: bool,
}

impl Connecting {
    pub(super) fn is_under_way(&self) -> bool {
        self.under_way
    }
}

/// What is kept of a conversation's transfers.
#[derive(Clone, Debug, Default)]
pub(super) struct Attempts {
    count: u32,
    /// Why the last one failed.
    failed: Option<String>,
}

impl Conversation {
    /// The caller asks for a person: whoever is named, else the first of the list; without one a person
    /// calls back.
    pub(super) fn want_person(&mut self, text: &str, reason: &str, now: Instant) {
        let words = phrases::words(text);
        let destinations = &self.settings.destinations;
        let named = destinations.iter().find(|destination| {
            let name = phrases::words(&destination.name);
            !name.is_empty() && name.iter().all(|word| words.contains(word))
        });
        match named.or_else(|| destinations.first()).cloned() {
            Some(destination) => {
                self.turn.leave_open(text);
                self.announce(destination, reason, now);
            }
            None => self.escalate(reason, now),
        }
    }

    /// What the model may call.
    pub(super) fn tools(&self) -> Vec<Tool> {
        let mut tools = super::answer::TOOLS.to_vec();
        let destinations = &self.settings.destinations;
        if !destinations.is_empty() && self.attempts.count < ATTEMPTS_MAX {
            tools.push(Tool {
                name: TRANSFER,
                description: "Call this when the caller wants to be connected with a person now.",
                arguments: &[(TARGET, "Whom the caller is connected with.")],
                choices: destinations.iter().map(|it| it.name.clone()).collect(),
            });
        }
        tools
    }

    /// The model wants to connect the caller. A name that is not in the list connects nobody.
    pub(super) fn on_transfer_tool(&mut self, call: &ToolCall, now: Instant) {
        let name = call.arguments.get(TARGET).map_or("", String::as_str);
        let destinations = &self.settings.destinations;
        let found = destinations.iter().find(|it| it.name == name).cloned();
        match found {
            Some(destination) => self.announce(destination, "", now),
            None => {
                log::warn!("the model named somebody it cannot connect the caller with");
                self.escalate("", now);
            }
        }
    }

    fn announce(&mut self, destination: Destination, reason: &str, now: Instant) {
        if self.attempts.count >= ATTEMPTS_MAX {
            return self.escalate(reason, now);
        }
        self.say(
            Speech::Prompt(destination.announcement),
            Purpose::Script,
            now,
        );
        self.state = State::Connecting(Connecting {
            name: destination.name,
            under_way: false,
            rings: false,
        });
    }

    /// When something is to be done although nobody speaks: to act, or to say that it takes long.
    pub(super) fn connecting_due(&self, now: Instant) -> Option<Instant> {
        match &self.state {
            State::Connecting(_) if !self.mouth.is_idle() => None,
            // Who hears it ring needs no word.
            State::Connecting(it) if it.rings => None,
            State::Connecting(it) if it.under_way => Some(now + WAITING),
            State::Connecting(_) if self.caller.is_none() => Some(now + GRACE),
            _ => None,
        }
    }

    pub(super) fn on_connecting_due(&mut self, now: Instant) {
        match &mut self.state {
            State::Connecting(it) if it.under_way => {
                self.say_prompt(|prompts| &prompts.transfer_waiting, now);
            }
            State::Connecting(it) => {
                it.under_way = true;
                let name = it.name.clone();
                self.attempts.count += 1;
                self.push(Command::Transfer(name));
            }
            _ => {}
        }
    }

    /// What the caller says while somebody is called is kept, and nothing is made of it.
    pub(super) fn noted_while_connecting(&mut self, text: &str, since: Instant) -> bool {
        let under_way = matches!(&self.state, State::Connecting(it) if it.under_way);
        if under_way && !phrases::is_hesitation(text) {
            let line = self.caller_line(text, since);
            self.push(Command::Record(line));
            self.turn.leave_open(text);
            self.withhold_open();
        }
        under_way
    }

    /// What the caller says right after the announcement: thanks and a yes go along with it, anything
    /// else stops it.
    pub(super) fn goes_along(&mut self, text: &str) -> bool {
        if !matches!(self.state, State::Connecting(_)) {
            return false;
        }
        let goes_along = agrees(text) || phrases::is_courtesy(text);
        if !goes_along {
            self.state = State::Listening;
        }
        goes_along
    }

    /// A yes does not stop the announcement, and nothing stops what is under way.
    pub(super) fn lets_connect(&self, text: &str) -> bool {
        matches!(&self.state, State::Connecting(it) if it.under_way || agrees(text))
    }

    /// Somebody outside has the caller connected; nothing is announced.
    pub(super) fn on_connecting(&mut self, name: String) {
        if matches!(self.state, State::Idle | State::Closing(_) | State::Over) {
            return self.push(Command::CancelTransfer);
        }
        self.keep_unfinished_turn();
        self.stop_speaking();
        self.cancel_answer();
        self.leave_capture();
        self.timers.disarm(Timer::LeadIn);
        self.attempts.count += 1;
        self.state = State::Connecting(Connecting {
            name,
            under_way: true,
            rings: false,
        });
    }

    /// The caller hears the person's telephone ring in our place, or no longer.
    pub(super) fn on_ringing(&mut self, rings: bool) {
        if let State::Connecting(it) = &mut self.state {
            it.rings = rings;
            self.stop_speaking();
        }
    }

    /// The caller and a person hear each other, or soon will: there is nothing more to say.
    pub(super) fn on_connected(&mut self, now: Instant) {
        if matches!(self.state, State::Connecting(_)) {
            self.outcome.get_or_insert(Outcome::Escalated);
            self.keep_unfinished_turn();
            self.finish(now);
        }
    }

    /// The person was not reached: say why, and offer a call back.
    pub(super) fn on_unreached(&mut self, why: Unreached, reason: &str, now: Instant) {
        let State::Connecting(it) = &self.state else {
            return;
        };
        let wanted = format!("the caller wanted {}: {reason}", it.name);
        self.attempts.failed = Some(wanted);
        self.stop_speaking();
        self.state = State::Listening;
        if let Some((service, failure)) = self.lost.take() {
            return self.fail(service, &failure, now);
        }
        self.say_prompt(
            |prompts| match why {
                Unreached::Busy => &prompts.transfer_busy,
                Unreached::NoAnswer => &prompts.transfer_no_answer,
                Unreached::Unavailable => &prompts.transfer_failed,
            },
            now,
        );
        self.say_prompt(|prompts| &prompts.transfer_offer, now);
        self.state = State::Offering;
    }

    /// Why a person was offered.
    pub(super) fn offered_because(&self) -> String {
        let failed = self.attempts.failed.clone();
        failed.unwrap_or_else(|| {
            "the caller had trouble being understood and wants a person".to_owned()
        })
    }

    /// The transfer is given up, if one is tried.
    pub(super) fn cancel_transfer(&mut self) {
        if let State::Connecting(it) = &self.state {
            if it.under_way {
                self.push(Command::CancelTransfer);
            }
            self.state = State::Listening;
        }
    }
}

fn agrees(text: &str) -> bool {
    phrases::words(text).len() <= AGREEMENT_WORDS_MAX && phrases::confirmation(text) == Some(true)
}

#[cfg(test)]
mod tests;
