//! The caller and the phone: a SIP user agent client, and a script of what is said into it.

use std::time::{Duration, Instant};

use ringwell::sip::endpoint::{self, Endpoint};
use ringwell::sip::session::{self, Session};
use ringwell::sip::{Flow, Random, SessionId};

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
    /// Puts the box on hold, as a PBX does.
    Hold,
    /// Comes back.
    Resume,
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
                    session::Event::Ended(ended) => {
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
}
