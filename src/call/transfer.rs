//! One attempt to connect the caller with a person (RFC 3515, 3891, 5589): what is done in which order, and
//! how it came out. It knows no session: it is told what happens on either leg and says what is to be done.
//!
//! ```text
//!   blind:     REFERRED ----------------------------accepted, 200 or BYE--> DONE
//!                 | refused (405, 501, 603 ..)                               ^
//!                 v                                                          |
//!   bridge:    DIALLING --there is a way--> RINGING --answered--> JOINED     |
//!                                              |                    ^        |
//!   attended:                                  +--answered--> REFERRED ------+
//!                                                       refused     with Replaces
//!
//!   DIALLING, RINGING --silence, 503, lost path, and another way is left--> DIALLING (RFC 3263 §4.3)
//!   RINGING --answered, and there are keys to press--> KEYING --pressed--> JOINED, or REFERRED
//!   any of them: not reached, given up, the caller gone --> DONE
//! ```

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::conversation::Unreached;
use crate::sip::message::Uri;
use crate::sip::session::{Ended, Party, Referral};

mod keying;

pub use keying::PAUSE;

/// How somebody is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// REFER to the caller's leg: its PBX or trunk calls the target.
    Blind,
    /// We call the target first, then REFER with Replaces joins the two without us.
    Attended,
    /// We call the target, and both legs stay with us.
    Bridge,
}

/// Somebody the caller may be connected with.
#[derive(Clone, Debug)]
pub struct Target {
    /// As the conversation calls it.
    pub name: String,
    /// What Refer-To says; `None` where a REFER is of no use and only a call of ours reaches it.
    pub refer_to: Option<Uri>,
    /// The way that is tried first.
    pub mode: Mode,
    /// How long it may ring.
    pub ring_max: Duration,
    /// Keys pressed when its side has answered, before anybody hears the other; [`PAUSE`] is a pause.
    pub digits: String,
}

/// What happens.
#[derive(Clone, Debug)]
pub(super) enum News {
    /// Our INVITE to the target is on its way.
    Dialled {
        /// There is another way, should this one fail.
        more: bool,
    },
    /// Something has answered our INVITE.
    Heard,
    /// There is no way to call the target now.
    NoWay(String),
    /// The target has answered our call.
    Answered,
    /// The key was pressed, or the target's side took it not, with this status.
    Pressed(Result<(), u16>),
    /// The target's leg is over.
    TargetEnded(Ended),
    /// How the REFER to the caller's leg goes.
    Referral(Referral),
    /// The caller's leg is over.
    CallerEnded(Party),
    /// The conversation, or the daemon, gives the attempt up.
    GivenUp(String),
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// Call the target.
    Dial,
    /// Leave the target's leg to itself and call the target another way.
    DialElsewhere,
    /// Send REFER to the caller's leg; with Replaces for the target's leg.
    Refer {
        /// The target's leg is to be replaced.
        replaces: bool,
    },
    /// Press a key on the target's leg; [`News::Pressed`] follows.
    Press(char),
    /// Let the two legs hear each other.
    Join,
    /// End the target's leg.
    HangUpTarget(String),
    /// End the caller's leg.
    HangUpCaller(String),
    /// The caller is connected.
    Reached,
    /// The target was not reached, for this reason.
    Unreached(Unreached, String),
}

/// One attempt.
#[derive(Debug)]
pub(super) struct Transfer {
    target: Target,
    stage: Stage,
    timer: Option<Instant>,
    /// Until when the way that is tried may be silent, where another one is left.
    silence: Option<Instant>,
    /// Another way is left.
    elsewhere: bool,
    /// Keys still to be pressed.
    keys: VecDeque<char>,
    /// One is on its way.
    pressing: bool,
    /// Drained after every input.
    acts: VecDeque<Act>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// A way to the target is looked for.
    Dialling,
    /// The target's phone rings.
    Ringing,
    /// It has answered, and keys are pressed for the machine that did.
    Keying,
    /// The caller's side is asked to call the target.
    Referred {
        /// It will try.
        accepted: bool,
        /// The target's leg that it shall take over is there.
        consulted: bool,
    },
    /// Both legs are with us and hear each other.
    Joined,
    /// It came out, one way or the other.
    Done,
}

/// How much longer than the target may ring the news of a REFER are waited for: the caller's side has
/// its own way to the target.
const NEWS_SLACK: Duration = Duration::from_secs(8);
/// How long the final news of a REFER with Replaces are waited for: the target has answered already.
const REPLACE_PATIENCE: Duration = Duration::from_secs(15);
/// How long a next hop may say nothing at all while there is another: four INVITEs have gone out by UDP then
/// (RFC 3261 §17.1.1.2), and a caller waits. Without another it has the whole time that the target may ring.
const SILENCE: Duration = Duration::from_secs(4);
/// The longest that two people talk through us.
const JOINED_MAX: Duration = Duration::from_hours(4);

impl Transfer {
    /// Begins an attempt.
    pub(super) fn begin(target: Target, now: Instant) -> Self {
        let mut transfer = Self {
            stage: Stage::Dialling,
            timer: None,
            silence: None,
            elsewhere: false,
            keys: target.digits.chars().collect(),
            pressing: false,
            target,
            acts: VecDeque::new(),
        };
        if transfer.target.mode == Mode::Blind && transfer.target.refer_to.is_some() {
            transfer.refer(false, now);
        } else {
            transfer.dial(now);
        }
        transfer
    }

    /// Whom it is about.
    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    /// Whether the two legs hear each other through us.
    pub(super) fn is_joined(&self) -> bool {
        self.stage == Stage::Joined
    }

    /// Whether the target's telephone may ring.
    pub(super) fn is_ringing(&self) -> bool {
        self.stage == Stage::Ringing
    }

    /// Whether the caller's audio may be away at the target's side already.
    pub(super) fn is_referred(&self) -> bool {
        matches!(self.stage, Stage::Referred { .. })
    }

    /// The next thing to be done.
    pub(super) fn poll_act(&mut self) -> Option<Act> {
        self.acts.pop_front()
    }

    /// When [`Self::handle_timeout`] is due.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let silence = self.silence.filter(|_| self.stage == Stage::Ringing);
        self.timer.into_iter().chain(silence).min()
    }

    /// Takes news of either leg.
    pub(super) fn handle(&mut self, news: News, now: Instant) {
        match news {
            News::Dialled { more } => {
                if self.stage == Stage::Dialling {
                    self.stage = Stage::Ringing;
                    self.timer = Some(now + self.target.ring_max);
                    self.silence = more.then(|| now + SILENCE);
                    self.elsewhere = more;
                }
            }
            News::Heard => self.silence = None,
            News::NoWay(reason) => {
                if self.stage == Stage::Dialling {
                    self.fail(Unreached::Unavailable, reason);
                }
            }
            News::Answered => self.on_answered(now),
            News::Pressed(result) => self.on_pressed(result, now),
            News::TargetEnded(ended) => self.on_target_ended(&ended, now),
            News::Referral(referral) => self.on_referral(&referral, now),
            News::CallerEnded(by) => self.on_caller_ended(by),
            News::GivenUp(reason) => self.on_given_up(&reason),
        }
    }

    /// Time has come to [`Self::poll_timeout`].
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        let due = |timer: Option<Instant>| timer.is_some_and(|due| due <= now);
        if self.stage == Stage::Ringing && due(self.silence) {
            return self.dial_elsewhere(now);
        }
        if !due(self.timer) {
            return;
        }
        self.timer = None;
        match self.stage {
            Stage::Dialling => {
                self.fail(Unreached::Unavailable, "no way was found in time".into());
            }
            Stage::Ringing => {
                let reason = "nobody answered in time".to_owned();
                self.acts.push_back(Act::HangUpTarget(reason.clone()));
                self.fail(Unreached::NoAnswer, reason);
            }
            Stage::Keying => self.press_next(now),
            Stage::Referred {
                consulted: true, ..
            } => self.join(now),
            Stage::Referred { .. } => {
                let reason = "no news came of the transfer".to_owned();
                self.fail(Unreached::NoAnswer, reason);
            }
            Stage::Joined => {
                let reason = "the longest call is over".to_owned();
                self.stage = Stage::Done;
                self.acts.push_back(Act::HangUpTarget(reason.clone()));
                self.acts.push_back(Act::HangUpCaller(reason));
            }
            Stage::Done => {}
        }
    }

    fn refer(&mut self, consulted: bool, now: Instant) {
        let patience = if consulted {
            REPLACE_PATIENCE
        } else {
            self.target.ring_max + NEWS_SLACK
        };
        self.stage = Stage::Referred {
            accepted: false,
            consulted,
        };
        self.timer = Some(now + patience);
        self.acts.push_back(Act::Refer {
            replaces: consulted,
        });
    }

    fn dial(&mut self, now: Instant) {
        self.stage = Stage::Dialling;
        self.timer = Some(now + self.target.ring_max);
        self.acts.push_back(Act::Dial);
    }

    /// The way that is tried leads nowhere: the next one (RFC 3263 §4.3).
    fn dial_elsewhere(&mut self, now: Instant) {
        self.stage = Stage::Dialling;
        self.timer = Some(now + self.target.ring_max);
        self.silence = None;
        self.acts.push_back(Act::DialElsewhere);
    }

    fn join(&mut self, now: Instant) {
        self.stage = Stage::Joined;
        self.timer = Some(now + JOINED_MAX);
        self.acts.push_back(Act::Join);
        self.acts.push_back(Act::Reached);
    }

    fn connect(&mut self, now: Instant) {
        match self.target.mode {
            Mode::Attended => self.refer(true, now),
            Mode::Blind | Mode::Bridge => self.join(now),
        }
    }

    fn on_answered(&mut self, now: Instant) {
        match self.stage {
            Stage::Ringing if !self.keys.is_empty() => self.begin_keying(now),
            Stage::Ringing => self.connect(now),
            // It answered while it was given up: its session hangs up by itself (RFC 3261 §15).
            Stage::Dialling
            | Stage::Keying
            | Stage::Referred { .. }
            | Stage::Joined
            | Stage::Done => {}
        }
    }

    fn on_target_ended(&mut self, ended: &Ended, now: Instant) {
        match self.stage {
            Stage::Ringing if self.elsewhere && leads_nowhere(ended) => self.dial_elsewhere(now),
            Stage::Dialling | Stage::Ringing => {
                let (why, reason) = refused(ended.status, &ended.text);
                self.fail(why, reason);
            }
            Stage::Keying => {
                let reason = "it hung up while its keys were pressed".to_owned();
                self.fail(Unreached::Unavailable, reason);
            }
            // The leg that was replaced is hung up by the target (RFC 3891 §3); the news of the REFER follow.
            Stage::Referred { accepted, .. } => {
                self.stage = Stage::Referred {
                    accepted,
                    consulted: false,
                };
            }
            Stage::Joined => {
                self.stage = Stage::Done;
                self.timer = None;
                let reason = format!("{} hung up", self.target.name);
                self.acts.push_back(Act::HangUpCaller(reason));
            }
            Stage::Done => {}
        }
    }

    fn on_referral(&mut self, referral: &Referral, now: Instant) {
        let Stage::Referred {
            accepted,
            consulted,
        } = self.stage
        else {
            return;
        };
        match *referral {
            Referral::Accepted => {
                self.stage = Stage::Referred {
                    accepted: true,
                    consulted,
                };
            }
            Referral::Progress(_) => {}
            Referral::Finished(200..300) => {
                self.stage = Stage::Done;
                self.timer = None;
                self.acts.push_back(Act::Reached);
                let reason = format!("transferred to {}", self.target.name);
                if consulted {
                    self.acts.push_back(Act::HangUpTarget(reason.clone()));
                }
                self.acts.push_back(Act::HangUpCaller(reason));
            }
            // The target is on the line: keep both legs ourselves.
            Referral::Finished(_) if consulted => self.join(now),
            Referral::Finished(status) if !accepted && knows_no_refer(status) => self.dial(now),
            Referral::Finished(status) => {
                let (why, reason) = refused(Some(status), "");
                self.fail(why, reason);
            }
        }
    }

    fn on_caller_ended(&mut self, by: Party) {
        let stage = std::mem::replace(&mut self.stage, Stage::Done);
        self.timer = None;
        let reason = "the caller hung up".to_owned();
        match stage {
            Stage::Done => {}
            // The caller's side leaves us for the target without a last word, as some do.
            Stage::Referred {
                accepted: true,
                consulted,
            } if by == Party::Remote => {
                self.acts.push_back(Act::Reached);
                if consulted {
                    let reason = format!("transferred to {}", self.target.name);
                    self.acts.push_back(Act::HangUpTarget(reason));
                }
            }
            Stage::Joined => self.acts.push_back(Act::HangUpTarget(reason)),
            Stage::Dialling | Stage::Ringing | Stage::Keying | Stage::Referred { .. } => {
                self.acts.push_back(Act::HangUpTarget(reason.clone()));
                self.fail(Unreached::Unavailable, reason);
            }
        }
    }

    fn on_given_up(&mut self, reason: &str) {
        let stage = std::mem::replace(&mut self.stage, Stage::Done);
        self.timer = None;
        match stage {
            Stage::Done => {}
            Stage::Joined => self.acts.push_back(Act::HangUpTarget(reason.to_owned())),
            Stage::Dialling | Stage::Ringing | Stage::Keying | Stage::Referred { .. } => {
                self.acts.push_back(Act::HangUpTarget(reason.to_owned()));
                self.fail(Unreached::Unavailable, format!("given up: {reason}"));
            }
        }
    }

    fn fail(&mut self, why: Unreached, reason: String) {
        self.stage = Stage::Done;
        self.timer = None;
        self.acts.push_back(Act::Unreached(why, reason));
    }
}

/// The next hop has failed, and not the person behind it: silence, a lost path, or 503 (RFC 3263 §4.3).
fn leads_nowhere(ended: &Ended) -> bool {
    ended.by == Party::Network || ended.status == Some(503)
}

/// A refusal of the REFER itself that says nothing about the target: the method is not known, not
/// implemented, not allowed or not enabled on this trunk.
fn knows_no_refer(status: u16) -> bool {
    matches!(status, 403 | 405 | 420 | 501 | 603)
}

/// What a final status means for the caller, and in words for the ticket.
fn refused(status: Option<u16>, text: &str) -> (Unreached, String) {
    let (why, words) = match status {
        Some(486 | 600) => (Unreached::Busy, "busy"),
        Some(408 | 480 | 487) => (Unreached::NoAnswer, "no answer"),
        Some(603 | 607 | 608) => (Unreached::Unavailable, "declined"),
        Some(404 | 410 | 484 | 604) => (Unreached::Unavailable, "no such number"),
        Some(401 | 403 | 407) => (Unreached::Unavailable, "not allowed"),
        _ => (Unreached::Unavailable, "not reached"),
    };
    let reason = match (status, text.trim()) {
        (Some(status), "") => format!("{words} ({status})"),
        (Some(status), text) => format!("{words} ({status} {text})"),
        (None, "") => words.to_owned(),
        (None, text) => format!("{words} ({text})"),
    };
    (why, reason)
}

#[cfg(test)]
mod tests;
