//! The scenes that are ours and not the model's: the greeting, asking again, handing over to a person,
//! apologies and goodbyes.

use std::time::Instant;

use super::email_capture::{Caller, EmailCapture, Next};
use super::no_input::Rung;
use super::timer::Timer;
use super::turn::{Closing, Conversation, State};
use super::utterance::Purpose;
use super::{Command, Failure, Service, Speech, phrases, spoken_email};
use crate::ticket::{Entry, Outcome};

/// Longest reason kept of what the model gives.
const REASON_CHARS_MAX: usize = 300;

impl Conversation {
    /// The silence after the answer is over.
    pub(super) fn greet(&mut self, now: Instant) {
        match self.lost.take() {
            Some((service, failure)) => self.fail(service, &failure, now),
            None => {
                self.announce_recording(now);
                self.say_prompt(|prompts| &prompts.greeting, now);
            }
        }
    }

    /// The caller said nothing, or nothing that was understood.
    pub(super) fn on_miss(&mut self, heard: bool, now: Instant) {
        if matches!(self.state, State::Capturing(_)) {
            return self.on_capture(Caller::Silent, now);
        }
        match self.no_input.miss() {
            Rung::Again if heard => self.say_prompt(|prompts| &prompts.not_understood, now),
            Rung::Again => self.say_prompt(|prompts| &prompts.no_input, now),
            Rung::Offer => {
                self.say_prompt(|prompts| &prompts.offer_person, now);
                self.state = State::Offering;
            }
            Rung::GiveUp => {
                self.record_escalation("the caller could not be heard or understood");
                self.promise(now);
            }
        }
    }

    /// The caller answers the offer of a person. What is neither yes nor no is a question.
    pub(super) fn on_offered(&mut self, text: &str, now: Instant) {
        match phrases::confirmation(text) {
            Some(true) => {
                let reason = self.offered_because();
                self.escalate(&reason, now);
            }
            Some(false) if phrases::words(text).len() <= 4 => self.go_on(now),
            _ => self.on_question(text, now),
        }
    }

    pub(super) fn go_on(&mut self, now: Instant) {
        self.state = State::Listening;
        self.say_prompt(|prompts| &prompts.go_on, now);
    }

    /// A person is to call back: say so, and ask for the e-mail address. What is queued is said first.
    pub(super) fn escalate(&mut self, reason: &str, now: Instant) {
        let reason: String = reason.trim().chars().take(REASON_CHARS_MAX).collect();
        match (reason.is_empty(), self.turn.open.clone()) {
            (false, _) => self.record_escalation(&reason),
            (true, Some(open)) => self.record_escalation(&open),
            (true, None) => self.record_escalation("the caller needs a person"),
        }
        self.say_prompt(|prompts| &prompts.escalation, now);
        if self.settings.ask_email {
            self.say_prompt(|prompts| &prompts.ask_email, now);
            self.state = State::Capturing(EmailCapture::default());
        } else {
            self.promise(now);
        }
    }

    /// The caller did something while the e-mail address is asked for.
    pub(super) fn on_capture(&mut self, caller: Caller<'_>, now: Instant) {
        let State::Capturing(capture) = &mut self.state else {
            return;
        };
        match capture.handle(caller) {
            Next::AskAgain => self.say_prompt(|prompts| &prompts.ask_email_again, now),
            Next::YesOrNo => self.say_prompt(|prompts| &prompts.yes_or_no, now),
            Next::ReadBack(address) => {
                let template = &self.settings.prompts.email_read_back;
                let text = template.replace("{email}", &spoken_email::said(&address));
                self.say(Speech::Text(text), Purpose::Script, now);
            }
            Next::Spell(address) => {
                let template = &self.settings.prompts.email_spelled;
                let text = template.replace("{email}", &spoken_email::spelled(&address));
                self.say(Speech::Text(text), Purpose::Script, now);
            }
            Next::Finished(captured) => {
                self.state = State::Listening;
                let confirmed = captured.as_ref().is_some_and(|(_, confirmed)| *confirmed);
                if let Some((address, confirmed)) = captured {
                    self.push(Command::Record(Entry::Email { address, confirmed }));
                }
                if !confirmed {
                    self.say_prompt(|prompts| &prompts.without_email, now);
                }
                self.promise(now);
            }
        }
    }

    /// The last words of a call that a person follows up.
    fn promise(&mut self, now: Instant) {
        self.say_prompt(|prompts| &prompts.promise, now);
        self.say_prompt(|prompts| &prompts.goodbye, now);
        self.close("the assistant has taken a message", true, now);
    }

    /// The caller needs nothing more. `said` is what the model has said with it.
    pub(super) fn end_politely(&mut self, said: &str, now: Instant) {
        let goodbyes = ["bye", "goodbye"];
        let parting = phrases::words(said)
            .iter()
            .any(|word| goodbyes.contains(&word.as_str()));
        if !parting {
            self.say_prompt(|prompts| &prompts.goodbye, now);
        }
        self.close("the assistant has said goodbye", false, now);
    }

    /// A service is lost: apologise, promise a call back, end.
    pub(super) fn fail(&mut self, service: Service, failure: &Failure, now: Instant) {
        log::debug!(
            "the {} is lost for this call: {failure:?}",
            in_words(service)
        );
        match &mut self.state {
            State::Over => return,
            State::Idle => {
                self.lost.get_or_insert((service, failure.clone()));
                return;
            }
            State::Closing(closing) => {
                let repeated = closing.repeated;
                closing.repeated |= service == Service::Voice;
                if service == Service::Voice {
                    self.repeat_last_words(repeated, now);
                }
                return;
            }
            State::Capturing(_) if service == Service::Model => return,
            // A person is about to take over: it matters only if that fails.
            State::Connecting(it) if it.is_under_way() => {
                self.lost.get_or_insert((service, failure.clone()));
                self.stop_speaking();
                return;
            }
            _ => {}
        }
        let kind = match failure {
            Failure::Refused(_) => "refused to serve",
            Failure::Unavailable(_) => "was not available",
            Failure::Stalled(_) => "did not answer in time",
        };
        self.give_up(&format!("the {} {kind}", in_words(service)), now);
    }

    /// The last words are stuck. They are prompts: play them from the cache; without one there is nothing left
    /// to wait for.
    fn repeat_last_words(&mut self, repeated: bool, now: Instant) {
        if !repeated {
            self.stop_speaking();
            self.say_prompt(|prompts| &prompts.goodbye, now);
            self.guard(now);
        } else if self.mouth.audible(now).is_none() {
            self.timers
                .arm(Timer::Guard, now + self.settings.timing.tail);
        }
    }

    /// Nothing could be said for too long, or a service is lost.
    pub(super) fn give_up(&mut self, what: &str, now: Instant) {
        self.keep_unfinished_turn();
        let reason = match &self.turn.open {
            Some(open) => format!("{what}; the caller asked: {open}"),
            None => what.to_owned(),
        };
        self.outcome.get_or_insert(Outcome::Failed);
        self.break_off(&reason);
        self.say_prompt(|prompts| &prompts.apology, now);
        self.say_prompt(|prompts| &prompts.goodbye, now);
        self.close("an outside service failed", true, now);
    }

    /// The line is shutting down.
    pub(super) fn drain(&mut self, now: Instant) {
        match self.state {
            State::Closing(_) | State::Over => return,
            State::Idle => {
                self.state = State::Over;
                return;
            }
            _ => {}
        }
        self.outcome.get_or_insert(Outcome::Interrupted);
        self.cancel_answer();
        self.keep_unfinished_turn();
        self.leave_capture();
        self.record_escalation("the telephone system was restarted during the call");
        self.say_prompt(|prompts| &prompts.drain, now);
        self.say_prompt(|prompts| &prompts.goodbye, now);
        self.close("the telephone system is being restarted", true, now);
    }

    /// The call has lasted too long.
    pub(super) fn on_call_max(&mut self, now: Instant) {
        if let State::Closing(closing) = &mut self.state {
            closing.pinned = true;
        } else {
            self.break_off("the call reached the longest duration that is allowed");
            self.say_prompt(|prompts| &prompts.call_max, now);
            self.say_prompt(|prompts| &prompts.goodbye, now);
            self.close("the call reached its longest duration", true, now);
        }
    }

    /// Nothing of what is going on is wanted any more; a person has to act.
    fn break_off(&mut self, reason: &str) {
        self.keep_unfinished_turn();
        self.cancel_answer();
        self.stop_speaking();
        self.leave_capture();
        self.record_escalation(reason);
    }

    /// An address that is not confirmed yet is worth noting.
    pub(super) fn leave_capture(&mut self) {
        if let State::Capturing(capture) = &self.state
            && let Some(address) = capture.unconfirmed()
        {
            let address = address.to_owned();
            self.push(Command::Record(Entry::Email {
                address,
                confirmed: false,
            }));
        }
    }

    fn record_escalation(&mut self, reason: &str) {
        self.outcome.get_or_insert(Outcome::Escalated);
        self.push(Command::Record(Entry::Escalated {
            reason: reason.to_owned(),
        }));
    }

    /// Hangs up once everything queued is played. A pinned closing cannot be interrupted.
    fn close(&mut self, reason: &str, pinned: bool, now: Instant) {
        self.state = State::Closing(Closing {
            reason: reason.to_owned(),
            pinned,
            repeated: false,
        });
        for timer in [
            Timer::LeadIn,
            Timer::Search,
            Timer::Model,
            Timer::CallerTurn,
        ] {
            self.timers.disarm(timer);
        }
        self.guard(now);
    }

    fn guard(&mut self, now: Instant) {
        self.timers.arm(
            Timer::Guard,
            now + self.mouth.longest() + self.settings.timing.voice,
        );
    }
}

fn in_words(service: Service) -> &'static str {
    match service {
        Service::Ear => "speech recognition",
        Service::Voice => "speech synthesis",
        Service::Model => "language model",
    }
}
