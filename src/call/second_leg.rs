//! The call to the person the caller is connected with: its session beside the caller's, and what a
//! [`Transfer`] asks for carried out on the two.

use std::time::{Duration, Instant};

use super::keys::Heard;
use super::transfer::{Act, Mode, News, Target, Transfer};
use super::{Call, Command, Kind, State, Timer};
use crate::conversation::{self, Unreached};
use crate::sdp::Negotiated;
use crate::sip::message::{StatusCode, Uri};
use crate::sip::session::{self, Ended, Event, Output, Party, Referral, Referred, Session};
use crate::sip::{Flow, Random};
use crate::ticket::Entry;

/// How a call to a target is made.
#[derive(Clone, Debug)]
pub struct SecondLeg {
    /// Whom, and as whom.
    pub call: session::Call,
    /// The path of the INVITE.
    pub flow: Flow,
    /// There is another path, should this one fail.
    pub more: bool,
    /// Of its signalling.
    pub settings: session::Settings,
    /// Of its tags.
    pub random: Random,
}

/// The leg, as far as it is there.
#[derive(Debug, Default)]
pub(super) enum Second {
    #[default]
    None,
    /// Asked for, and perhaps no longer wanted.
    Asked { wanted: bool },
    /// It has a session.
    Open {
        session: Box<Session>,
        uri: Uri,
        /// It takes telephone-events.
        events: bool,
    },
}

/// What the caller hears of the target's telephone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Ringing {
    /// Nothing: the assistant is heard.
    #[default]
    Silent,
    /// Our own ring-back tone.
    Tone,
    /// What the target's side plays.
    Played,
}

/// How long a call that is over waits for its second leg to end: longer than an INVITE that nobody
/// answers (RFC 3261 §17.1.1.2, Timer B).
const SECOND_PATIENCE: Duration = Duration::from_secs(40);

/// What a REFER of the peer's comes to when we do nothing of it.
const DECLINED: u16 = 603;

impl Second {
    pub(super) fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    pub(super) fn session(&mut self) -> Option<&mut Session> {
        match self {
            Self::Open { session, .. } => Some(session),
            Self::None | Self::Asked { .. } => None,
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Open { session, .. } => session.poll_timeout(),
            Self::None | Self::Asked { .. } => None,
        }
    }

    pub(super) fn poll_output(&mut self) -> Option<Output> {
        self.session()?.poll_output()
    }

    pub(super) fn poll_event(&mut self) -> Option<Event> {
        self.session()?.poll_event()
    }
}

impl Call {
    /// The conversation wants the caller connected.
    pub(super) fn transfer(&mut self, name: &str, now: Instant) {
        let target = self.targets.iter().find(|target| target.name == name);
        let problem = match target {
            None => "there is nobody of that name",
            Some(_) if !self.second.is_none() => "the call before is still being ended",
            Some(target) => return self.begin_transfer(target.clone(), now),
        };
        let unreached = conversation::Input::Unreached(Unreached::Unavailable, problem.to_owned());
        self.conversation.handle(unreached, now);
    }

    pub(super) fn begin_transfer(&mut self, target: Target, now: Instant) {
        self.push(Command::Record(Entry::TransferStarted {
            at: self.since_start(now),
            target: target.name.clone(),
        }));
        self.transfer = Some(Transfer::begin(target, now));
        self.act(now);
    }

    /// The peer wants us to call somebody: only whom our own list has, and then we stay between the two.
    pub(super) fn on_referred(&mut self, referred: &Referred, now: Instant) {
        let target = self.targets.iter().find(|target| {
            let allowed = target.refer_to.as_ref();
            allowed.is_some_and(|allowed| names_the_same(allowed, &referred.to))
        });
        let talking = self.state == State::Talking && self.kind == Kind::Assistant;
        let idle = self.second.is_none() && !self.referred;
        match target {
            Some(target) if talking && idle && referred.replaces.is_none() => {
                let mut target = target.clone();
                target.mode = Mode::Bridge;
                self.referred = true;
                let connecting = conversation::Input::Connecting(target.name.clone());
                self.begin_transfer(target, now);
                self.conversation.handle(connecting, now);
            }
            _ => self.session.notify(DECLINED, now),
        }
    }

    /// News for the transfer, if one is on its way.
    pub(super) fn tell_transfer(&mut self, news: News, now: Instant) {
        if let Some(transfer) = &mut self.transfer {
            transfer.handle(news, now);
            self.act(now);
        }
    }

    pub(super) fn on_referral(&mut self, referral: Referral, now: Instant) {
        self.tell_transfer(News::Referral(referral), now);
    }

    pub(super) fn handle_transfer_timeout(&mut self, now: Instant) {
        if let Some(transfer) = &mut self.transfer {
            transfer.handle_timeout(now);
            self.act(now);
        }
    }

    fn act(&mut self, now: Instant) {
        while let Some(transfer) = &mut self.transfer
            && let Some(act) = transfer.poll_act()
        {
            let target = transfer.target();
            let (name, refer_to) = (target.name.clone(), target.refer_to.clone());
            match act {
                Act::Dial => self.open_second_leg(name, false),
                Act::DialElsewhere => {
                    self.give_back_caller(now);
                    if matches!(self.second, Second::Open { .. }) {
                        self.push(Command::SecondLegOver);
                    }
                    self.open_second_leg(name, true);
                }
                Act::Refer { replaces } => self.refer(refer_to, replaces, now),
                Act::Press(key) => self.press_for_target(key, now),
                Act::Join => {
                    self.leave_recording(now);
                    self.push(Command::Join);
                }
                Act::HangUpTarget(reason) => self.hang_up_second(&reason, now),
                Act::HangUpCaller(reason) => self.hang_up(&reason, now),
                Act::Reached => self.on_reached(name, now),
                Act::Unreached(why, reason) => self.on_unreached(name, why, reason, now),
            }
        }
    }

    fn open_second_leg(&mut self, target: String, elsewhere: bool) {
        self.second = Second::Asked { wanted: true };
        self.push(Command::OpenSecondLeg { target, elsewhere });
    }

    /// Something has come for the second leg.
    pub(super) fn on_second_sip(&mut self, input: session::Input, now: Instant) {
        let is_answer = matches!(input, session::Input::Response { .. });
        let Some(session) = self.second.session() else {
            return;
        };
        session.handle(input, now);
        if is_answer {
            self.tell_transfer(News::Heard, now);
        }
    }

    fn refer(&mut self, refer_to: Option<Uri>, replaces: bool, now: Instant) {
        match &mut self.second {
            Second::Open { session, uri, .. } if replaces => {
                let to = refer_to.unwrap_or_else(|| uri.clone());
                match session.replaces() {
                    Some(replaces) => self.session.refer(to, Some(replaces), now),
                    // Without a dialog there is nothing to replace: as if the peer had refused.
                    None => self.on_referral(Referral::Finished(DECLINED), now),
                }
            }
            _ => match refer_to {
                Some(to) => self.session.refer(to, None, now),
                None => self.on_referral(Referral::Finished(DECLINED), now),
            },
        }
    }

    fn on_reached(&mut self, name: String, now: Instant) {
        self.record_transfer(&name, None, now);
        self.notify_referrer(StatusCode::OK.0, now);
        self.reached = Some(name);
        self.conversation
            .handle(conversation::Input::Connected, now);
    }

    fn on_unreached(&mut self, name: String, why: Unreached, reason: String, now: Instant) {
        self.give_back_caller(now);
        self.record_transfer(&name, Some(reason.clone()), now);
        let status = match why {
            Unreached::Busy => StatusCode::BUSY_HERE.0,
            Unreached::NoAnswer => StatusCode::TEMPORARILY_UNAVAILABLE.0,
            Unreached::Unavailable => DECLINED,
        };
        self.notify_referrer(status, now);
        if !self.gives_up_fax(&reason, now) {
            self.conversation
                .handle(conversation::Input::Unreached(why, reason), now);
        }
    }

    fn record_transfer(&mut self, target: &str, failure: Option<String>, now: Instant) {
        if !self.ended {
            self.push(Command::Record(Entry::TransferEnded {
                at: self.since_start(now),
                target: target.to_owned(),
                failure,
            }));
        }
    }

    fn notify_referrer(&mut self, status: u16, now: Instant) {
        if std::mem::take(&mut self.referred) {
            self.session.notify(status, now);
        }
    }

    fn hang_up_second(&mut self, reason: &str, now: Instant) {
        match &mut self.second {
            Second::None => {}
            Second::Asked { wanted } => *wanted = false,
            Second::Open { session, .. } => session.hang_up(reason, now),
        }
    }

    /// The daemon has a way to the target.
    pub(super) fn on_second_leg(&mut self, leg: SecondLeg, now: Instant) {
        let SecondLeg {
            call,
            flow,
            more,
            settings,
            random,
        } = leg;
        if !matches!(self.second, Second::Asked { wanted: true }) {
            self.second = Second::None;
            self.push(Command::SecondLegOver);
            return self.release_when_over();
        }
        let uri = call.uri.clone();
        let session = Box::new(Session::outgoing(call, flow, settings, random));
        self.second = Second::Open {
            session,
            uri,
            events: false,
        };
        self.tell_transfer(News::Dialled { more }, now);
    }

    /// The daemon has none.
    pub(super) fn on_no_second_leg(&mut self, reason: String, now: Instant) {
        self.second = Second::None;
        self.tell_transfer(News::NoWay(reason), now);
        self.release_when_over();
    }

    pub(super) fn on_second_event(&mut self, event: Event, now: Instant) {
        match event {
            Event::Negotiated(negotiated) => self.on_second_media(negotiated),
            Event::Answered => self.tell_transfer(News::Answered, now),
            Event::Referred(_) => {
                if let Some(session) = self.second.session() {
                    session.notify(DECLINED, now);
                }
            }
            Event::Ended(ended) => self.on_second_ended(ended, now),
            Event::Ringing => self.on_second_rings(None, now),
            Event::EarlyMedia(negotiated) => self.on_second_rings(Some(negotiated), now),
            Event::Digit(key) => self.on_second_key(Heard::Signalled, key, now),
            Event::Pressed(status) => self.on_second_pressed(status, now),
            Event::Confirmed | Event::Held(_) | Event::Referral(_) => {}
        }
    }

    fn on_second_media(&mut self, negotiated: Negotiated) {
        if let Second::Open { events, .. } = &mut self.second {
            *events = negotiated.telephone_event.is_some();
        }
        self.push(Command::SecondMedia(negotiated));
    }

    /// The target's telephone rings: the caller hears that, be it our own tone or what the target's side plays
    /// before the answer (RFC 3960 §3.1, §3.2), which it may begin later.
    fn on_second_rings(&mut self, played: Option<Negotiated>, now: Instant) {
        let rings = self.transfer.as_ref().is_some_and(Transfer::is_ringing);
        if let Some(negotiated) = &played {
            self.on_second_media(negotiated.clone());
        }
        let hears = match (played, self.ringing) {
            (Some(_), Ringing::Silent | Ringing::Tone) if rings => Ringing::Played,
            (None, Ringing::Silent) if rings => Ringing::Tone,
            _ => return,
        };
        self.push(match hears {
            Ringing::Played => Command::JoinEarly,
            Ringing::Tone | Ringing::Silent => Command::RingBack,
        });
        if self.ringing == Ringing::Silent {
            self.conversation
                .handle(conversation::Input::Ringing(true), now);
        }
        self.ringing = hears;
    }

    /// The caller hears the assistant again.
    fn give_back_caller(&mut self, now: Instant) {
        if std::mem::take(&mut self.ringing) != Ringing::Silent {
            self.push(Command::Resume);
            self.conversation
                .handle(conversation::Input::Ringing(false), now);
        }
    }

    fn on_second_ended(&mut self, ended: Ended, now: Instant) {
        self.second = Second::None;
        self.push(Command::SecondLegOver);
        self.tell_transfer(News::TargetEnded(ended), now);
        self.release_when_over();
    }

    /// No audio has come from the target for too long.
    pub(super) fn on_second_media_timeout(&mut self, now: Instant) {
        if self.transfer.as_ref().is_some_and(Transfer::is_joined) {
            self.hang_up("no audio came from the person called", now);
        }
    }

    /// The caller's leg is over.
    pub(super) fn tell_caller_ended(&mut self, by: Party, now: Instant) {
        self.tell_transfer(News::CallerEnded(by), now);
    }

    /// Nothing follows once both legs are over.
    pub(super) fn release_when_over(&mut self) {
        if self.state == State::Ended && self.session.is_over() && self.second.is_none() {
            self.release();
        }
    }

    /// Waits for the second leg, but not for ever.
    pub(super) fn wait_for_second_leg(&mut self, now: Instant) {
        self.release_when_over();
        if self.state == State::Ended && self.session.is_over() && self.timer.is_none() {
            self.timer = Some((Timer::Kill, now + SECOND_PATIENCE));
        }
    }
}

/// The same user at the same host (a part of RFC 3261 §19.1.4: parameters choose the way, not whom).
fn names_the_same(one: &Uri, other: &Uri) -> bool {
    let parts = |uri: &Uri| {
        let host = uri.host().map(|host| host.to_string().to_ascii_lowercase());
        (uri.user_text(), host, uri.port())
    };
    one.scheme() == other.scheme() && parts(one) == parts(other)
}
