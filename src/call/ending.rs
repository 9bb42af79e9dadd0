//! The ways a call ends. Each records the end once, and gives [`Command::Over`] once when the session is
//! over, too.

use std::time::Instant;

use super::transfer::{News, Transfer};
use super::{Call, Command, KILL_PATIENCE, Kind, State, Timer};
use crate::conversation;
use crate::sip::message::StatusCode;
use crate::sip::session::{Ended, Party};
use crate::ticket::{Entry, Outcome};

impl Call {
    /// The session is over: the far end has hung up, or ours is through.
    pub(super) fn on_session_ended(&mut self, ended: &Ended, now: Instant) {
        let lost = match ended.by {
            Party::Network => Some(Outcome::Failed),
            Party::Local if self.state == State::Ringing => Some(Outcome::Failed),
            Party::Remote | Party::Local => None,
        };
        let reason = match ended.by {
            Party::Remote => "the caller hung up",
            Party::Local | Party::Network => ended.text.as_str(),
        };
        self.tell_caller_ended(ended.by, now);
        self.conclude(lost, reason, now);
        self.wait_for_second_leg(now);
    }

    /// Says goodbye to the peer; the end is recorded now, whatever the peer answers.
    pub(super) fn hang_up(&mut self, reason: &str, now: Instant) {
        self.conclude(None, reason, now);
        self.session.hang_up(reason, now);
    }

    /// No audio has come from the caller for too long.
    pub(super) fn on_media_timeout(&mut self, now: Instant) {
        // The caller's side may have turned to the target already; the transfer has its own time-out.
        let away = self.transfer.as_ref().is_some_and(Transfer::is_referred);
        if matches!(self.state, State::Answered | State::Talking) && !away {
            self.conclude(Some(Outcome::Failed), "no audio came from the caller", now);
            self.session.hang_up("no audio from the caller", now);
        }
    }

    /// The daemon stops: a call that is not answered is refused, another one is ended in words.
    pub(super) fn on_drain(&mut self, now: Instant) {
        let reason = "the telephone system is being restarted";
        match (self.state, self.kind) {
            (State::Ringing, _) => {
                self.conclude(Some(Outcome::Interrupted), reason, now);
                self.session.refuse(StatusCode::SERVICE_UNAVAILABLE);
            }
            (State::Answered | State::Talking, Kind::Assistant) => {
                self.begin(now);
                self.conversation.handle(conversation::Input::Drain, now);
            }
            (State::Answered | State::Talking, Kind::Echo | Kind::Tone) => {
                self.hang_up(reason, now);
            }
            (State::Ended | State::Over, _) => {}
        }
    }

    /// The daemon's patience is over.
    pub(super) fn on_kill(&mut self, reason: &str, now: Instant) {
        let ringing = self.state == State::Ringing;
        self.conclude(Some(Outcome::Interrupted), reason, now);
        if ringing {
            self.session.refuse(StatusCode::SERVICE_UNAVAILABLE);
        } else {
            self.session.hang_up(reason, now);
        }
        self.timer = Some((Timer::Kill, now + KILL_PATIENCE));
    }

    /// Records the end, once. `unsettled` is how a call came out that its conversation has not settled.
    fn conclude(&mut self, unsettled: Option<Outcome>, reason: &str, now: Instant) {
        if self.ended {
            return;
        }
        self.tell_transfer(News::GivenUp(reason.to_owned()), now);
        let reason = match &self.reached {
            Some(name) if !reason.starts_with("transferred") => {
                format!("transferred to {name}; {reason}")
            }
            _ => reason.to_owned(),
        };
        let outcome = match (self.kind, self.conversation.outcome()) {
            (Kind::Assistant, Outcome::Abandoned) => unsettled.unwrap_or(Outcome::Abandoned),
            (Kind::Assistant, settled) => settled,
            (Kind::Echo | Kind::Tone, _) => Outcome::Answered,
        };
        self.conclude_recording(now);
        self.ended = true;
        self.conversation.handle(conversation::Input::HungUp, now);
        while let Some(command) = self.conversation.poll_command() {
            self.on_conversation_command(command, now);
        }
        self.state = State::Ended;
        self.timer = None;
        self.push(Command::Record(Entry::Ended {
            at: self.since_start(now),
            outcome,
            reason,
        }));
    }

    /// Nothing follows.
    pub(super) fn release(&mut self) {
        if self.state != State::Over {
            self.state = State::Over;
            self.timer = None;
            self.push(Command::Over);
        }
    }
}
