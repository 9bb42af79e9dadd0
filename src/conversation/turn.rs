//! Whose turn it is.
//!
//! ```text
//!   IDLE --answered--> LISTENING --end of turn--> SEARCHING --passages--> REPLYING --done--+
//!                        ^  ^  |                      |                      |             |
//!                        |  |  | no input, 3 times    +-----interrupted------+             |
//!                        |  |  v                                             |             |
//!                        |  OFFERING --yes--> CAPTURING <---- hand over -----+             |
//!                        |                       |                           |             |
//!                        +-----------------------|---------------------------|-------------+
//!                                                v                           v
//!                               any failure --> CLOSING <--- end call -------+
//!                                                |
//!                                          hang up: OVER
//! ```
//!
//! Speaking is no state: the mouth may still be busy in each of them. The watchdog for dead air looks at
//! the mouth and at whose turn it is, never at how the state was reached.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::answer::{Reply, Turn};
use super::email_capture::{Caller, EmailCapture};
use super::floor::early_answer;
use super::hold::Hold;
use super::no_input::NoInput;
use super::presence::Felt;
use super::recording::Disclosure;
use super::settings::{Prompts, Settings};
use super::timer::{Timer, Timers};
use super::transcript::Transcript;
use super::transfer::{Attempts, Connecting};
use super::utterance::{Mouth, Purpose, Said};
use super::{Command, Failure, Heard, Input, Service, Speech, UtteranceId, phrases};
use crate::ticket::Outcome;

/// One call's conversation.
#[derive(Clone, Debug)]
pub struct Conversation {
    pub(super) settings: Arc<Settings>,
    pub(super) state: State,
    pub(super) mouth: Mouth,
    pub(super) transcript: Transcript,
    pub(super) turn: Turn,
    pub(super) no_input: NoInput,
    pub(super) felt: Felt,
    pub(super) timers: Timers,
    pub(super) next_reply: u32,
    /// What the caller said last.
    pub(super) last_words: String,
    pub(super) attempts: Attempts,
    /// A service that was lost before the call was answered, or while the caller was being connected.
    pub(super) lost: Option<(Service, Failure)>,
    /// How the call came out, where something has settled that.
    pub(super) outcome: Option<Outcome>,
    pub(super) hold: Hold,
    pub(super) recording: Disclosure,
    /// Since when the caller has been speaking, and the words so far.
    pub(super) caller: Option<(Instant, String)>,
    /// Since when nothing of what matters could be heard on our turn, and whether "one moment" was said.
    silence: Option<(Instant, bool)>,
    /// Drained after every input, so it never holds more than one input's worth.
    commands: VecDeque<Command>,
}

#[derive(Clone, Debug)]
pub(super) enum State {
    /// Not answered yet.
    Idle,
    /// The caller has the floor, or will have it when the mouth is empty.
    Listening,
    /// A person was offered.
    Offering,
    /// Passages are looked for.
    Searching,
    /// The model replies.
    Replying(Reply),
    /// The e-mail address is asked for.
    Capturing(EmailCapture),
    /// The caller is being connected with a person.
    Connecting(Connecting),
    /// The last words are said.
    Closing(Closing),
    /// Nothing more is done.
    Over,
}

#[derive(Clone, Debug)]
pub(super) struct Closing {
    pub(super) reason: String,
    /// The caller cannot interrupt it.
    pub(super) pinned: bool,
    /// The last words were given a second time.
    pub(super) repeated: bool,
}

impl Conversation {
    /// A conversation of the call that starts `now`. All calls of a line share its settings.
    #[must_use]
    pub fn new(settings: impl Into<Arc<Settings>>, now: Instant) -> Self {
        let settings = settings.into();
        Self {
            mouth: Mouth::new(settings.characters_per_second),
            settings,
            state: State::Idle,
            transcript: Transcript::new(now),
            turn: Turn::default(),
            no_input: NoInput::default(),
            felt: Felt::default(),
            timers: Timers::default(),
            next_reply: 0,
            last_words: String::new(),
            attempts: Attempts::default(),
            lost: None,
            outcome: None,
            hold: Hold::default(),
            recording: Disclosure::default(),
            caller: None,
            silence: None,
            commands: VecDeque::new(),
        }
    }

    /// Takes an input.
    pub fn handle(&mut self, input: Input, now: Instant) {
        if matches!(self.state, State::Over) {
            return;
        }
        match input {
            Input::Answered => self.on_answered(now),
            Input::Heard(heard) => self.on_heard(heard, now),
            Input::Passages(passages) => self.on_passages(passages, now),
            Input::Reply(id, event) => self.on_reply(id, event, now),
            Input::Rendering(id) => self.on_rendering(id, now),
            Input::Rendered(id, duration) => self.mouth.handle_rendered(id, duration),
            Input::Playing(id) => {
                if let Some(purpose) = self.mouth.handle_playing(id, now) {
                    self.on_first_heard(purpose, now);
                }
            }
            Input::Played(id) => {
                let said = self.mouth.handle_played(id, now);
                self.allow_recording(&said);
                self.record(said);
            }
            Input::Stopped(position) => {
                let said = self.mouth.handle_stopped(position, now);
                self.record(said);
            }
            Input::Digit(_) if self.hold.is_on => {}
            Input::Digit(digit) => self.on_digit(digit, now),
            Input::Held(held) => self.on_held(held, now),
            Input::Presence(presence) => self.on_presence(presence, now),
            Input::RecordingPaused(paused) => self.on_recording_paused(paused, now),
            Input::Failed(service, failure) if self.postpones(service, &failure) => {}
            Input::Failed(service, failure) => self.fail(service, &failure, now),
            Input::Connecting(name) => self.on_connecting(name),
            Input::Ringing(rings) => self.on_ringing(rings),
            Input::Connected => self.on_connected(now),
            Input::Unreached(why, reason) if self.postpones_unreached(why, &reason) => {}
            Input::Unreached(why, reason) => self.on_unreached(why, &reason, now),
            Input::Drain => self.drain(now),
            Input::HungUp => self.on_hung_up(now),
        }
        self.settle(now);
    }

    /// The time given by [`Self::poll_timeout`] has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.take_due(now) {
            match timer {
                Timer::LeadIn => self.greet(now),
                Timer::NoInput => self.on_no_input_due(now),
                Timer::CallerTurn => self.on_caller_turn_left_open(now),
                Timer::Search => self.ask_model(Vec::new(), now),
                Timer::Model => self.on_model_stalled(now),
                Timer::Voice => {
                    let failure = Failure::Stalled("no audio for what is to be said".to_owned());
                    self.fail(Service::Voice, &failure, now);
                }
                Timer::Playout => {}
                Timer::Filler => self.on_filler_due(now),
                Timer::DeadAir => self.give_up("nothing could be said to the caller in time", now),
                Timer::CallMax => self.on_call_max(now),
                Timer::Connecting => self.on_connecting_due(now),
                Timer::Tail | Timer::Guard => self.hang_up(now),
            }
            self.settle(now);
        }
    }

    /// The next thing to be done.
    pub fn poll_command(&mut self) -> Option<Command> {
        self.commands.pop_front()
    }

    /// When [`Self::handle_timeout`] is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.earliest()
    }

    /// How the call came out, if it ended at this moment.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self.outcome {
            Some(outcome) => outcome,
            None if self.turn.answered && self.turn.open.is_none() => Outcome::Answered,
            None => Outcome::Abandoned,
        }
    }

    /// True when nothing more will be said or done.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// Utterances that were not said because too many were waiting.
    #[must_use]
    pub fn dropped_utterances(&self) -> u32 {
        self.mouth.dropped
    }

    fn on_answered(&mut self, now: Instant) {
        if matches!(self.state, State::Idle) {
            self.state = State::Listening;
            self.arm_lead_in(now);
            self.timers
                .arm(Timer::CallMax, now + self.settings.timing.call_max);
        }
    }

    fn on_heard(&mut self, heard: Heard, now: Instant) {
        match &self.state {
            State::Idle | State::Over => return,
            State::Closing(closing) if closing.pinned => return,
            _ => {}
        }
        if self.is_of_hold(&heard) {
            return;
        }
        match heard {
            Heard::StartOfTurn { transcript }
            | Heard::Update { transcript }
            | Heard::EagerEndOfTurn { transcript } => self.on_words(transcript, now),
            Heard::TurnResumed => {}
            Heard::EndOfTurn { transcript } => {
                let since = self.caller.take().map_or(now, |(since, _)| since);
                self.timers.disarm(Timer::CallerTurn);
                self.on_end_of_turn(transcript.trim(), since, now);
            }
        }
    }

    /// The caller is speaking.
    fn on_words(&mut self, transcript: String, now: Instant) {
        if transcript.trim().is_empty() {
            return;
        }
        if self.is_our_turn() && self.takes_floor(&transcript, now) {
            self.yield_floor();
        }
        let since = self.caller.take().map_or(now, |(since, _)| since);
        self.caller = Some((since, transcript));
        self.timers
            .arm(Timer::CallerTurn, now + self.settings.timing.caller_turn);
    }

    fn on_caller_turn_left_open(&mut self, now: Instant) {
        if let Some((_, transcript)) = &self.caller {
            let transcript = transcript.clone();
            self.on_heard(Heard::EndOfTurn { transcript }, now);
        }
    }

    fn on_end_of_turn(&mut self, text: &str, since: Instant, now: Instant) {
        if self.noted_while_connecting(text, since) {
            return;
        }
        if self.refuses_recording(text, since, now) {
            return;
        }
        if self.is_our_turn() {
            let early = self.answers_early(text, now);
            if text.is_empty() || !(early || self.takes_floor(text, now)) {
                return;
            }
            self.yield_floor();
        } else if self.is_late_echo(text, since, now) {
            return;
        }
        let said = self.mouth.resolve_stops(now);
        self.record(said);
        if text.is_empty() {
            return self.on_miss(true, now);
        }
        if phrases::is_hesitation(text) && !early_answer(text, &self.state) {
            return;
        }
        self.last_words = text.to_owned();
        let line = self.caller_line(text, since);
        self.push(Command::Record(line));
        self.no_input.understood();
        if self.goes_along(text) {
            return;
        }
        match self.state {
            State::Capturing(_) => self.on_capture(Caller::Said(text), now),
            State::Offering => self.on_offered(text, now),
            _ => self.on_question(text, now),
        }
    }

    pub(super) fn on_question(&mut self, text: &str, now: Instant) {
        if phrases::asks_for_person(text) {
            self.want_person(text, "the caller asked for a person", now);
        } else {
            self.ask(text, now);
        }
    }

    fn on_rendering(&mut self, id: UtteranceId, now: Instant) {
        if self.mouth.purpose(id) == Some(Purpose::Filler) {
            return;
        }
        let since_end = self.turn.since_end(now);
        self.turn.ledger.first_audio = self.turn.ledger.first_audio.or(since_end);
    }

    fn on_model_stalled(&mut self, now: Instant) {
        let failure = Failure::Stalled("no more of the reply came".to_owned());
        self.cancel_answer();
        self.fail(Service::Model, &failure, now);
    }

    /// Nothing is to be heard on our turn: say so, and then what was waiting.
    fn on_filler_due(&mut self, now: Instant) {
        let waiting = self.stop_speaking();
        if let Some((_, said)) = &mut self.silence {
            *said = true;
        }
        let filler = Speech::Prompt(self.settings.prompts.filler.clone());
        self.say(filler, Purpose::Filler, now);
        for (speech, purpose) in waiting {
            self.say(speech, purpose, now);
        }
    }

    fn on_hung_up(&mut self, now: Instant) {
        self.keep_unfinished_turn();
        self.leave_capture();
        self.cancel_answer();
        self.finish(now);
    }

    fn hang_up(&mut self, now: Instant) {
        let State::Closing(closing) = &self.state else {
            return;
        };
        let reason = closing.reason.clone();
        self.finish(now);
        self.push(Command::HangUp(reason));
    }

    /// What was heard of the last words is recorded; nothing follows.
    pub(super) fn finish(&mut self, now: Instant) {
        self.stop_speaking();
        let said = self.mouth.resolve_stops(now);
        self.record(said);
        self.timers.clear();
        self.state = State::Over;
    }

    pub(super) fn say_prompt(&mut self, prompt: impl Fn(&Prompts) -> &String, now: Instant) {
        let text = prompt(&self.settings.prompts).clone();
        self.say(Speech::Prompt(text), Purpose::Script, now);
    }

    /// On hold nothing is said.
    pub(super) fn say(&mut self, speech: Speech, purpose: Purpose, now: Instant) {
        if self.hold.is_on {
            return;
        }
        let command = self.mouth.speak(speech, purpose, now);
        self.commands.extend(command);
    }

    /// Gives what had not begun to sound.
    pub(super) fn stop_speaking(&mut self) -> Vec<(Speech, Purpose)> {
        let unheard = self.mouth.stop();
        if unheard.is_some() {
            self.push(Command::StopSpeaking);
        }
        unheard.unwrap_or_default()
    }

    pub(super) fn push(&mut self, command: Command) {
        self.commands.push_back(command);
    }

    fn record(&mut self, said: Vec<Said>) {
        for said in said {
            let line = self.transcript.agent(said);
            self.push(Command::Record(line));
        }
    }

    /// After every input: the timers that follow from whose turn it is and what is to be heard.
    fn settle(&mut self, now: Instant) {
        let timing = self.settings.timing;
        let mut no_input = None;
        let mut tail = None;
        match self.state {
            State::Idle | State::Over => return,
            State::Closing(_) if self.mouth.is_idle() => tail = Some(now + timing.tail),
            State::Listening | State::Offering | State::Capturing(_)
                if self.mouth.is_idle()
                    && !self.hold.is_on
                    && self.caller.is_none()
                    && !self.timers.is_armed(Timer::LeadIn) =>
            {
                no_input = Some(now + timing.no_input);
            }
            _ => {}
        }
        self.keep_or_set(Timer::Connecting, self.connecting_due(now));
        self.keep_or_set(Timer::NoInput, no_input);
        self.keep_or_set(Timer::Tail, tail);
        let hopeless = matches!(&self.state, State::Closing(closing) if closing.repeated);
        let awaited = self.mouth.awaited().filter(|_| !hopeless);
        self.timers
            .set(Timer::Voice, awaited.map(|since| since + timing.voice));
        self.watch_for_dead_air(now);
    }

    /// A timer that runs for the same reason as before keeps its deadline.
    fn keep_or_set(&mut self, timer: Timer, deadline: Option<Instant>) {
        if deadline.is_none() || !self.timers.is_armed(timer) {
            self.timers.set(timer, deadline);
        }
    }

    /// Our turn, and the caller hears nothing: first "one moment", then an apology and the end.
    fn watch_for_dead_air(&mut self, now: Instant) {
        let timing = self.settings.timing;
        let audible = self.mouth.audible(now);
        self.timers
            .set(Timer::Playout, audible.map(|(_, until)| until));
        let closing = matches!(self.state, State::Closing(_));
        match audible {
            _ if closing || !self.is_our_turn() => self.silence = None,
            Some((Purpose::Filler, _)) => {}
            Some(_) => self.silence = None,
            None => {
                self.silence.get_or_insert((now, false));
            }
        }
        let filler = self.silence.filter(|(_, said)| !said);
        self.timers.set(
            Timer::Filler,
            filler.map(|(since, _)| since + timing.filler),
        );
        self.timers.set(
            Timer::DeadAir,
            self.silence.map(|(since, _)| since + timing.dead_air),
        );
    }
}

#[cfg(test)]
mod tests;
