//! The call itself: sockets, machines and the script in one loop.

use core::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::time::sleep_until;

use super::actor::{Actor, Scene, Wish};
use super::ear::{Ear, Line, seconds};
use super::ladder::Ladder;
use super::media::{Datagram, Media};
use super::report::{Report, Rtp};
use super::wire::{Arrived, Trust, Wire};
use super::{CallError, Options};
use crate::audio::{Codec, FRAME};
use crate::io::clock;
use crate::sdp::{Local, Srtp};
use crate::sip::endpoint::{self, Endpoint};
use crate::sip::message::{NameAddr, Uri};
use crate::sip::session::{self, Call, Ended, Party, Session};
use crate::sip::transaction::Timing;
use crate::sip::{Flow, Random, SessionId, Transport};

/// How long the far end has to answer our BYE.
const PARTING: Duration = Duration::from_secs(5);
/// Silence that shows that an interruption worked.
const SILENCED: Duration = Duration::from_millis(300);

/// Makes the call.
pub(super) async fn call(
    options: Options,
    uri: Uri,
    transport: Transport,
    remote: SocketAddr,
) -> Result<Report, CallError> {
    let failed = |source| CallError::Socket { remote, source };
    let host = uri.host().map(|host| host.to_string()).unwrap_or_default();
    let trust = Trust {
        name: host.trim_matches(['[', ']']),
        authorities: options.authorities.as_deref(),
    };
    let (wire, flow) = Wire::open(transport, options.local, remote, &trust)
        .await
        .map_err(failed)?;
    let address = flow.local.ip();
    let media = Media::open(address, options.record.is_some(), options.network)
        .await
        .map_err(failed)?;
    let settings = settings(&options, flow, media.port().map_err(failed)?);
    let call = invitation(&options, uri, address);
    let mut random = Random::new(clock::seed());
    let session = Session::outgoing(call, flow, settings, random.fork());
    let mut endpoint = Endpoint::new(endpoint::Settings::default(), random);
    let id = endpoint.start_session();
    let now = clock::now();
    let codec = options.codecs.first().copied().unwrap_or(Codec::PCMU);
    let mut phone = Phone {
        actor: Actor::new(&options.script, options.patience),
        ear: Ear::new(codec, now),
        ladder: Ladder::new(now),
        start: now,
        wire,
        media,
        endpoint,
        id,
        session,
        confirmed: None,
        ended: None,
        parting: None,
        failure: None,
        ours: Vec::new(),
        speaking: None,
        unanswered: None,
        interrupted: None,
        gaps: Vec::new(),
        interruptions: Vec::new(),
        options,
    };
    phone.run().await;
    phone.report()
}

fn invitation(options: &Options, uri: Uri, address: IpAddr) -> Call {
    let from = NameAddr::new(Uri::sip(Some(&options.from), address, None));
    Call {
        from: match &options.name {
            Some(name) => from.with_display(name.clone()),
            None => from,
        },
        to: NameAddr::new(uri.clone()),
        uri,
    }
}

fn settings(options: &Options, flow: Flow, port: u16) -> session::Settings {
    let address = flow.local.ip();
    let contact = Uri::sip(Some(&options.from), address, Some(flow.local.port()));
    let [session_id, _] = clock::seed();
    session::Settings {
        contact: match flow.transport.uri_param() {
            Some(transport) => contact.with_param("transport", Some(transport)),
            None => contact,
        },
        server_name: "Ringwell call".to_owned(),
        local_media: Local {
            address,
            port,
            // A positive 64-bit number for every reader (RFC 8866 §5.2).
            session_id: session_id >> 2,
            codecs: options.codecs.clone(),
            srtp: Srtp::new(options.srtp, clock::key()),
        },
        policy: session::Policy::default(),
        timing: Timing::default(),
    }
}

struct Phone {
    options: Options,
    start: Instant,
    wire: Wire,
    media: Media,
    endpoint: Endpoint,
    id: SessionId,
    session: Session,
    actor: Actor,
    ear: Ear,
    ladder: Ladder,
    confirmed: Option<Instant>,
    ended: Option<(Ended, Instant)>,
    /// When we began to hang up.
    parting: Option<Instant>,
    /// What went wrong first.
    failure: Option<String>,
    ours: Vec<Line>,
    /// What we are saying, since when, and whether it interrupts.
    speaking: Option<(String, Instant, bool)>,
    /// When we finished words that the far end has not answered yet.
    unanswered: Option<Instant>,
    /// When we interrupted it.
    interrupted: Option<Instant>,
    gaps: Vec<f64>,
    interruptions: Vec<f64>,
}

enum Wake {
    Sip(Arrived),
    Media(Datagram),
    Tick,
    Timer,
}

impl Phone {
    async fn run(&mut self) {
        loop {
            let now = clock::now();
            self.limit(now);
            self.settle(now).await;
            if self.is_finished(now) {
                break;
            }
            let tick = self.media.next_tick();
            let timer = self.next_timer();
            let wake = tokio::select! {
                biased;
                arrived = self.wire.receive() => Wake::Sip(arrived),
                () = sleep_until(tick.unwrap_or(timer).into()), if tick.is_some() => Wake::Tick,
                datagram = self.media.receive() => Wake::Media(datagram),
                () = sleep_until(timer.into()) => Wake::Timer,
            };
            self.wake(wake).await;
        }
        self.media.close(clock::now()).await;
    }

    async fn wake(&mut self, wake: Wake) {
        let now = clock::now();
        match wake {
            Wake::Sip(Arrived::Message(bytes, flow)) => {
                self.ladder.note(false, &bytes, now);
                self.endpoint.handle_message(bytes, flow, now);
            }
            Wake::Sip(Arrived::Lost(flow)) => self.endpoint.handle_flow_lost(flow, now),
            Wake::Media(datagram) => {
                let before = self.ear.onset();
                self.media.handle(&datagram, &mut self.ear, now);
                if self.ear.onset() != before {
                    self.answered(now);
                }
            }
            Wake::Tick => {
                self.media.tick(&mut self.ear, now).await;
                self.said(now);
            }
            Wake::Timer => {
                self.endpoint.handle_timeout(now);
                self.session.handle_timeout(now);
            }
        }
    }

    /// Drains the machines until none has anything left, and lets the actor act.
    async fn settle(&mut self, now: Instant) {
        loop {
            let mut idle = true;
            while let Some(output) = self.session.poll_output() {
                self.endpoint.handle_output(self.id, output, now);
                idle = false;
            }
            while let Some(event) = self.session.poll_event() {
                self.on_session(event, now);
                idle = false;
            }
            while let Some(event) = self.endpoint.poll_event() {
                match event {
                    endpoint::Event::Session { input, .. } => self.session.handle(input, now),
                    // Nobody calls us.
                    endpoint::Event::Incoming { session, .. } => self.endpoint.forget(session, now),
                }
                idle = false;
            }
            while let Some(transmit) = self.endpoint.poll_transmit() {
                self.ladder.note(true, &transmit.bytes, now);
                let sent = self.wire.send(&transmit.bytes, transmit.flow.remote).await;
                if sent.is_err() {
                    self.endpoint.handle_flow_lost(transmit.flow, now);
                }
                idle = false;
            }
            if idle && !self.act(now) {
                return;
            }
        }
    }

    fn on_session(&mut self, event: session::Event, now: Instant) {
        match event {
            session::Event::Negotiated(agreed) => {
                if self.confirmed.is_none() {
                    self.ear = Ear::new(agreed.codec, self.start);
                }
                if let Err(error) = self.media.agree(&agreed, now) {
                    self.fail(&error.to_string(), now);
                }
            }
            session::Event::Confirmed => self.confirmed = Some(now),
            session::Event::Ended(ended) => self.ended = Some((ended, now)),
            session::Event::Ringing
            | session::Event::Answered
            | session::Event::Digit(_)
            | session::Event::Held(_)
            | session::Event::EarlyMedia(_)
            | session::Event::Referral(_)
            | session::Event::Pressed(_)
            | session::Event::Referred(_) => {}
        }
    }

    /// Lets the actor act; true when it did something.
    fn act(&mut self, now: Instant) -> bool {
        if self.confirmed.is_none() || self.parting.is_some() && self.ended.is_none() {
            return false;
        }
        let scene = Scene {
            ear: &self.ear,
            busy: self.media.is_busy(),
            over: self
                .ended
                .as_ref()
                .map(|(ended, _)| ended.by == Party::Remote),
        };
        let Some(wish) = self.actor.poll(&scene, now) else {
            return false;
        };
        match wish {
            Wish::Say(text, interrupts) => {
                self.media.say(&text);
                self.speaking = Some((text, now, interrupts));
                self.unanswered = None;
                if interrupts {
                    self.interrupted = Some(now);
                }
            }
            Wish::Press(keys) => {
                if !self.media.press(&keys) {
                    self.fail("the far end takes no telephone-events", now);
                }
            }
            Wish::HangUp => self.hang_up("the caller has finished", now),
            Wish::GiveUp(why) => self.fail(&why, now),
        }
        true
    }

    fn fail(&mut self, why: &str, now: Instant) {
        self.failure.get_or_insert_with(|| why.to_owned());
        self.hang_up(why, now);
    }

    fn hang_up(&mut self, why: &str, now: Instant) {
        self.parting.get_or_insert(now);
        self.session.hang_up(why, now);
    }

    /// Notes the end of our words, and of the far end's after an interruption.
    fn said(&mut self, now: Instant) {
        if !self.media.is_busy()
            && let Some((text, from, _)) = self.speaking.take()
        {
            // The last frame has just been sent: it sounds until the next is due.
            let end = now + FRAME;
            self.ours.push(Line {
                who: "caller",
                from: self.at(from),
                to: self.at(end),
                text,
            });
            self.unanswered = Some(end);
        }
        if let (Some(since), Some(last)) = (self.interrupted, self.ear.last_voice())
            && now.saturating_duration_since(last) >= SILENCED
        {
            self.interrupted = None;
            let silent = last.saturating_duration_since(since);
            self.interruptions.push(seconds(silent));
        }
    }

    /// The far end has begun to speak.
    fn answered(&mut self, now: Instant) {
        if let Some(since) = self.unanswered.take() {
            self.gaps
                .push(seconds(now.saturating_duration_since(since)));
        }
    }

    fn at(&self, time: Instant) -> f64 {
        seconds(time.saturating_duration_since(self.start))
    }

    fn next_timer(&self) -> Instant {
        let limit = match (self.parting, self.confirmed) {
            (Some(parting), _) => parting + PARTING,
            (None, None) => self.start + self.options.answer,
            (None, Some(_)) => self.start + self.options.longest,
        };
        [self.endpoint.poll_timeout(), self.session.poll_timeout()]
            .into_iter()
            .flatten()
            .fold(limit, Instant::min)
    }

    /// Gives up a call that takes too long.
    fn limit(&mut self, now: Instant) {
        let taken = now.saturating_duration_since(self.start);
        let limits = [
            (
                self.options.answer,
                "not answered",
                self.confirmed.is_none(),
            ),
            (self.options.longest, "not over", true),
        ];
        for (limit, what, holds) in limits {
            if holds && self.parting.is_none() && taken >= limit {
                let why = format!("{what} within {} s", limit.as_secs_f64());
                self.fail(&why, now);
            }
        }
    }

    fn is_finished(&self, now: Instant) -> bool {
        let patience_ends = |since| now.saturating_duration_since(since) >= PARTING;
        self.ended.is_some() || self.parting.is_some_and(patience_ends)
    }

    fn exit(&self) -> (bool, String) {
        if let Some(failure) = &self.failure {
            return (false, failure.clone());
        }
        match &self.ended {
            Some((ended, _)) if self.confirmed.is_none() => {
                let status = ended
                    .status
                    .map_or_else(String::new, |status| format!("{status} "));
                (false, format!("refused: {status}{}", ended.text))
            }
            None => (false, "the far end does not answer our BYE".to_owned()),
            Some(_) if self.actor.is_done() => (true, "the script is done".to_owned()),
            Some((ended, _)) => {
                let step = self.actor.step().map(ToString::to_string);
                let step = step.unwrap_or_default();
                (false, format!("{} before: {step}", ended.text))
            }
        }
    }

    fn report(self) -> Result<Report, CallError> {
        if let Some(path) = &self.options.record {
            self.media
                .save(path)
                .map_err(|source| CallError::Recording {
                    path: path.clone(),
                    source,
                })?;
        }
        let (ok, exit) = self.exit();
        let counts = self.media.counts();
        let rtp = counts.as_ref().map(|(counts, spacing)| Rtp {
            mux: self.media.shares_port(),
            network: self.media.network().map(|ways| ways.map(Into::into)),
            ..Rtp::new(counts, spacing.clone())
        });
        let first_packet = counts
            .as_ref()
            .and_then(|(counts, _)| counts.first_packet_after);
        let answered = self.ladder.first(|status| (200..300).contains(&status));
        let first_packet = first_packet
            .zip(self.confirmed)
            .map(|(after, confirmed)| self.at(confirmed + after));
        let mut lines = self.ours.clone();
        lines.extend_from_slice(self.ear.lines());
        lines.sort_by(|a, b| a.from.total_cmp(&b.from));
        let ended = self.ended.as_ref();
        Ok(Report {
            ok,
            exit,
            ended_by: ended.map(|(ended, _)| match ended.by {
                Party::Local => "caller",
                Party::Remote => "far end",
                Party::Network => "network",
            }),
            status: ended.and_then(|(ended, _)| ended.status),
            ringing: self
                .ladder
                .first(|status| (101..200).contains(&status))
                .map(seconds),
            answered: answered.map(seconds),
            first_packet,
            first_audio: self.first_audio(),
            ended: self.at(ended.map_or_else(clock::now, |(_, at)| *at)),
            lines,
            gaps: self.gaps,
            interruptions: self.interruptions,
            rtp,
            target: self.options.target,
            ladder_dropped: self.ladder.dropped(),
            ladder: self.ladder.into_rungs(),
        })
    }

    fn first_audio(&self) -> Option<f64> {
        self.ear.first_voice().map(|at| self.at(at))
    }
}
