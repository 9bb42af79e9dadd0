//! What a call's task holds of its second leg: the media, joined to the caller's when the call says so.

use core::future::pending;

use tokio::sync::mpsc;

use crate::audio::tone::{RingBack, Tone};
use crate::audio::{Codec, Law};
use crate::daemon::second_leg::Way;
use crate::daemon::services::Services;
use crate::io::clock;
use crate::io::media_socket::MediaPorts;
use crate::io::media_thread::{CallMedia, EVENTS, MediaEvent, Mode};
use crate::io::rings::{RelayEnd, relay};
use crate::io::transcode;
use crate::rtp;
use crate::sdp::Negotiated;
use crate::sip::{Flow, SessionId};
use crate::ticket::CallId;

/// The second leg, if there is one.
#[derive(Default)]
pub(crate) struct SecondLeg {
    session: Option<SessionId>,
    ports: Option<MediaPorts>,
    /// The caller's end of the relay, until the two are joined.
    caller_end: Option<RelayEnd>,
    /// What the caller's leg and this one speak.
    codecs: [Option<Codec>; 2],
    /// The caller's stream, once the two are joined.
    caller: Option<SessionId>,
    events: Option<mpsc::Receiver<MediaEvent>>,
    /// Paths tried for the present target.
    tried: Vec<Flow>,
}

impl SecondLeg {
    /// Takes the way that the loop has found.
    pub(crate) fn open(&mut self, way: Way) {
        self.session = Some(way.session);
        self.tried.push(way.dial.flow);
        self.ports = Some(way.ports);
    }

    /// The paths that were tried in vain, where another is wanted; otherwise they begin anew.
    pub(crate) fn tried(&mut self, elsewhere: bool) -> Vec<Flow> {
        if !elsewhere {
            self.tried.clear();
        }
        self.tried.clone()
    }

    /// Its name at the endpoint.
    pub(crate) fn session(&self) -> Option<SessionId> {
        self.session
    }

    /// Starts the stream, which is silent until it is joined, or changes it.
    pub(crate) fn start(&mut self, services: &Services, call: &CallId, negotiated: &Negotiated) {
        let Some(session) = self.session else {
            return;
        };
        let taken = match self.ports.take() {
            Some(ports) => {
                self.codecs[1] = Some(negotiated.codec);
                let (own, caller_end) = self.bridge(services, call);
                let (sender, events) = mpsc::channel(EVENTS);
                self.caller_end = Some(caller_end);
                self.events = Some(events);
                let mut settings = rtp::session::Settings::new(
                    negotiated.into(),
                    format!("ringwell-{}-2", call.0),
                    clock::wallclock(),
                    clock::seed(),
                );
                settings.media_timeout = services.limits.media_timeout;
                services.media.add(CallMedia {
                    id: session.0,
                    ports,
                    session: settings,
                    crypto: negotiated.crypto.clone(),
                    mode: Mode::Relay(own),
                    tap: None,
                    events: sender,
                })
            }
            None => {
                let changed = self.codecs[1].replace(negotiated.codec) != Some(negotiated.codec);
                let updated = services.media.update(session.0, negotiated);
                if changed {
                    self.bridge_anew(services, call, session);
                }
                updated
            }
        };
        if let Err(error) = taken {
            log::error!(CALL_ID = call.0.as_str(); "no audio for the second leg: {error}");
        }
    }

    /// Lets the caller, whose stream has this name and is spoken to in this law if in any, hear a telephone ring.
    pub(crate) fn ring_back(
        &self,
        services: &Services,
        call: &CallId,
        (caller, law): (SessionId, Law),
        kind: RingBack,
    ) {
        let codec = self.codecs[0].unwrap_or(Codec::G711(law));
        let played = match services.transcoder.ring_back(codec, kind) {
            Some(tone) => services.media.play_looped(caller.0, tone),
            None => {
                let tone = Tone::ring_back(law, kind);
                services.media.play(caller.0, tone)
            }
        };
        if let Err(error) = played {
            log::warn!(CALL_ID = call.0.as_str(); "the caller hears no ringing: {error}");
        }
    }

    /// Gives the caller back to the assistant.
    pub(crate) fn resume(&self, services: &Services, call: &CallId, caller: SessionId) {
        if let Err(error) = services.media.resume(caller.0) {
            log::error!(CALL_ID = call.0.as_str(); "the caller does not hear the assistant: {error}");
        }
    }

    /// Lets the caller, whose stream has this name, and the target hear each other.
    pub(crate) fn join(&mut self, services: &Services, call: &CallId, caller: SessionId) {
        self.caller = Some(caller);
        let Some(end) = self.caller_end.take() else {
            return;
        };
        if let Err(error) = services.media.relay(caller.0, end) {
            log::error!(CALL_ID = call.0.as_str(); "the two legs do not hear each other: {error}");
        }
    }

    /// What the caller's leg speaks.
    pub(crate) fn caller_codec(&self) -> Option<Codec> {
        self.codecs[0]
    }

    /// What the caller's leg speaks has been agreed on, or has changed.
    pub(crate) fn caller_speaks(&mut self, services: &Services, call: &CallId, codec: Codec) {
        let changed = self.codecs[0].replace(codec) != Some(codec);
        if changed && let (Some(session), None) = (self.session, &self.ports) {
            self.bridge_anew(services, call, session);
        }
    }

    /// Both ends of what joins the two legs: this one's and the caller's.
    fn bridge(&self, services: &Services, call: &CallId) -> (RelayEnd, RelayEnd) {
        let [Some(caller), Some(own)] = self.codecs else {
            return relay();
        };
        transcode::bridge(&services.transcoder, [own, caller]).unwrap_or_else(|error| {
            log::error!(CALL_ID = call.0.as_str(); "the legs have no codec in common: {error}");
            relay()
        })
    }

    /// A leg went on in another codec: what joins the two is replaced.
    fn bridge_anew(&mut self, services: &Services, call: &CallId, session: SessionId) {
        let (own, caller_end) = self.bridge(services, call);
        let taken = services.media.relay(session.0, own);
        let taken = taken.and_then(|()| match self.caller {
            Some(caller) => services.media.relay(caller.0, caller_end),
            None => {
                self.caller_end = Some(caller_end);
                Ok(())
            }
        });
        if let Err(error) = taken {
            log::error!(CALL_ID = call.0.as_str(); "the two legs do not hear each other: {error}");
        }
    }

    /// The next event of its stream.
    pub(crate) async fn event(&mut self) -> MediaEvent {
        if self.session.is_none() {
            return pending().await;
        }
        super::next(&mut self.events).await
    }

    /// Ends the stream and gives the ports back; gives the session that is over.
    pub(crate) fn close(&mut self, services: &Services) -> Option<SessionId> {
        let session = self.session.take()?;
        match self.ports.take() {
            Some(ports) => ports.release(clock::now()),
            None => {
                if let Err(error) = services.media.remove(session.0) {
                    // Its events go nowhere from now on, which ends it, too.
                    log::warn!("a stream is not stopped at once: {error}");
                }
            }
        }
        let codecs = [self.codecs[0], None];
        *self = Self {
            codecs,
            tried: std::mem::take(&mut self.tried),
            ..Self::default()
        };
        Some(session)
    }
}
