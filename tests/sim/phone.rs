//! The caller and the phone: a SIP user agent client, and a script of what is said into it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use ringwell::sip::endpoint::{self, Endpoint};
use ringwell::sip::session::{self, Referral, Referred, Session};
use ringwell::sip::{Flow, Random, SessionId};

use crate::office::Obeys;

/// One act of the caller.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Waits until an utterance with these words has been heard to its end.
    Hear(&'static str),
    /// Waits until so much of an utterance with these words has been heard.
    HearSome(&'static str, Duration),
    /// Says this.
    Say(&'static str),
    /// Makes a noise the ear hears as a turn without words.
    Mumble,
    /// Waits.
    Pause(Duration),
    /// Presses a key.
    Press(char),
    /// Presses a key by INFO.
    PressInfo(char),
    /// Makes a sound that the box notices.
    Sound(ringwell::audio::analysis::Event),
    /// Puts the box on hold, as a PBX does.
    Hold,
    /// Comes back.
    Resume,
    /// Asks the box to call somebody else.
    Refer(&'static str),
    /// Hangs up, or gives up the call that still rings.
    HangUp,
}

/// The phone.
#[derive(Debug)]
pub(crate) struct Phone {
    pub(crate) endpoint: Endpoint,
    pub(crate) session: Session,
    pub(crate) id: SessionId,
    pub(crate) answered: Option<Instant>,
    pub(crate) ended: Option<(Instant, session::Ended)>,
    script: Vec<Act>,
    next: usize,
    gives_up: Option<Instant>,
    /// What it does with a REFER, and what of that is still to come.
    pub(crate) obeys: Obeys,
    pub(crate) referred: Option<Referred>,
    /// What the box told of the REFER that the phone sent.
    pub(crate) told: Vec<u16>,
    /// Keys that the box pressed by INFO.
    pub(crate) keys: Vec<char>,
    news: VecDeque<(Instant, u16)>,
    leaves: Option<Instant>,
    /// The running act ends now.
    pub(crate) until: Option<Instant>,
    /// How many utterances had been sounded when the running act began.
    pub(crate) seen: usize,
}

impl Phone {
    pub(crate) fn calls(script: Vec<Act>, session: Session, random: Random, now: Instant) -> Self {
        let mut endpoint = Endpoint::new(endpoint::Settings::default(), random);
        let id = endpoint.start_session();
        Self {
            endpoint,
            session,
            id,
            answered: None,
            ended: None,
            script,
            next: 0,
            until: Some(now),
            gives_up: None,
            obeys: Obeys::Never,
            referred: None,
            told: Vec::new(),
            keys: Vec::new(),
            news: VecDeque::new(),
            leaves: None,
            seen: 0,
        }
    }

    /// The act that is running or due.
    pub(crate) fn act(&self) -> Option<Act> {
        self.script.get(self.next).cloned()
    }

    pub(crate) fn done(&mut self) {
        self.next += 1;
        self.until = None;
    }

    /// The caller does not stay on a dead line for longer than this.
    pub(crate) fn gives_up_after(&mut self, patience: Duration) {
        self.gives_up = self.until.map(|start| start + patience);
    }

    /// Takes what came over the wire, and everything that follows from it.
    pub(crate) fn handle(&mut self, bytes: bytes::Bytes, flow: Flow, now: Instant) {
        self.endpoint.handle_message(bytes, flow, now);
        self.drain(now);
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.gives_up.is_some_and(|at| at <= now) {
            self.gives_up = None;
            self.session.hang_up("enough", now);
        }
        while let Some((_, status)) = self.news.pop_front_if(|(at, _)| *at <= now) {
            self.session.notify(status, now);
        }
        if self.leaves.take_if(|at| *at <= now).is_some() {
            self.session.hang_up("gone there", now);
        }
        if self.endpoint.poll_timeout().is_some_and(|due| due <= now) {
            self.endpoint.handle_timeout(now);
        }
        if self.session.poll_timeout().is_some_and(|due| due <= now) {
            self.session.handle_timeout(now);
        }
        self.drain(now);
    }

    pub(crate) fn due(&self) -> Option<Instant> {
        let acting = self.ended.is_none() && self.act().is_some();
        let acts = self.until.filter(|_| acting);
        let gives_up = self.gives_up.filter(|_| self.ended.is_none());
        let dues = [
            self.endpoint.poll_timeout(),
            self.session.poll_timeout(),
            acts,
            gives_up,
            self.news.front().map(|(at, _)| *at),
            self.leaves,
        ];
        dues.into_iter().flatten().min()
    }

    pub(crate) fn drain(&mut self, now: Instant) {
        loop {
            while let Some(output) = self.session.poll_output() {
                self.endpoint.handle_output(self.id, output, now);
            }
            while let Some(event) = self.session.poll_event() {
                match event {
                    session::Event::Answered => self.answered = Some(now),
                    session::Event::Digit(key) => self.keys.push(key),
                    session::Event::Referral(Referral::Accepted) => {}
                    session::Event::Referral(
                        Referral::Progress(status) | Referral::Finished(status),
                    ) => self.told.push(status),
                    session::Event::Referred(referred) => self.on_referred(referred, now),
                    session::Event::Ended(ended) => {
                        self.news.clear();
                        self.leaves = None;
                        self.ended = Some((now, ended));
                        self.endpoint.forget(self.id, now);
                    }
                    _ => {}
                }
            }
            let Some(event) = self.endpoint.poll_event() else {
                return;
            };
            if let endpoint::Event::Session { input, .. } = event {
                self.session.handle(input, now);
            }
        }
    }

    fn on_referred(&mut self, referred: Referred, now: Instant) {
        self.referred = Some(referred);
        match &self.obeys {
            Obeys::Never => self.session.notify(603, now),
            Obeys::Tells(news) => {
                let mut at = now;
                for (after, status) in news {
                    at += *after;
                    self.news.push_back((at, *status));
                }
            }
            Obeys::Leaves(after) => self.leaves = Some(now + *after),
        }
    }
}
