//! Who has the floor, and how it changes hands.

use std::time::Instant;

use super::barge_in::{self, Verdict};
use super::timer::Timer;
use super::turn::{Conversation, State};
use super::{Command, phrases};

impl Conversation {
    pub(super) fn is_our_turn(&self) -> bool {
        matches!(self.state, State::Searching | State::Replying(_)) || !self.mouth.is_idle()
    }

    /// Our own words, whose turn began while we were still speaking and ended after it.
    pub(super) fn is_late_echo(&self, text: &str, since: Instant, now: Instant) -> bool {
        self.mouth.was_speaking(since)
            && !early_answer(text, &self.state)
            && barge_in::judge(text, &self.mouth.echo(now)) == Verdict::Echo
    }

    /// Words during our turn that are more than going along.
    pub(super) fn takes_floor(&self, transcript: &str, now: Instant) -> bool {
        let parting = matches!(self.state, State::Closing(_)) && phrases::is_courtesy(transcript);
        let agrees = self.lets_connect(transcript);
        !parting
            && !agrees
            && !self.mouth.has_notice()
            && barge_in::judge(transcript, &self.mouth.echo(now)) == Verdict::Interruption
    }

    /// A yes or no that comes before our question is quite over.
    pub(super) fn answers_early(&self, text: &str, now: Instant) -> bool {
        early_answer(text, &self.state) && self.mouth.heard_share(now) > 0.6
    }

    /// The caller has taken the floor: stop at once, and drop what was being prepared.
    pub(super) fn yield_floor(&mut self) {
        self.stop_speaking();
        self.cancel_answer();
        if matches!(self.state, State::Closing(_)) {
            self.timers.disarm(Timer::Guard);
            self.timers.disarm(Timer::Tail);
            self.state = State::Listening;
        }
    }

    /// The caller was in the middle of a turn that will not be finished: keep the words.
    pub(super) fn keep_unfinished_turn(&mut self) {
        if let Some((since, words)) = self.caller.take()
            && !phrases::is_backchannel(&words)
        {
            let line = self.caller_line(words.trim(), since);
            self.push(Command::Record(line));
            self.turn.leave_open(&words);
            self.withhold_open();
        }
    }
}

/// A yes or no where one was asked for.
pub(super) fn early_answer(text: &str, state: &State) -> bool {
    matches!(state, State::Capturing(_) | State::Offering) && phrases::confirmation(text).is_some()
}
