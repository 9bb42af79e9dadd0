//! A call's media: its ports until the answer, then its stream on the media thread.

use std::time::Duration;

use tokio::sync::mpsc;

use super::RingEnds;
use crate::audio::{Codec, Law};
use crate::call::{Input, Kind};
use crate::daemon::services::Services;
use crate::io::clock;
use crate::io::media_socket::MediaPorts;
use crate::io::media_thread::{CallMedia, EVENTS, MediaEvent, Mode, Summary};
use crate::io::recording::Tap;
use crate::io::rings::{AgentReader, CallerWriter, agent_ring, caller_ring};
use crate::rtp;
use crate::sdp::Negotiated;
use crate::sip::SessionId;
use crate::ticket::CallId;

/// How long the end of a call waits for its media's account: the media thread wakes each 5 ms.
const LAST_WORD: Duration = Duration::from_millis(500);

/// The media of one call.
pub(crate) struct MediaLeg {
    id: u64,
    kind: Kind,
    state: State,
    rings: Option<(CallerWriter, AgentReader)>,
    tap: Option<Tap>,
    /// The codec the speech services were opened with; between the laws of G.711 the media thread converts.
    speech_codec: Option<Codec>,
    events: Option<mpsc::Receiver<MediaEvent>>,
}

enum State {
    Waiting(MediaPorts),
    Streaming,
    Over,
}

impl MediaLeg {
    /// Media that waits for the answer.
    pub(crate) fn new(session: SessionId, ports: MediaPorts, kind: Kind) -> Self {
        Self {
            id: session.0,
            kind,
            state: State::Waiting(ports),
            rings: None,
            tap: None,
            speech_codec: None,
            events: None,
        }
    }

    /// Makes the rings; the speech services take their ends.
    pub(crate) fn open_rings(&mut self, codec: Codec) -> RingEnds {
        let (writer, caller) = caller_ring();
        let (agent, reader, playout) = agent_ring();
        self.rings = Some((writer, reader));
        self.speech_codec = Some(codec);
        RingEnds {
            caller,
            agent,
            playout,
        }
    }

    /// The law that the assistant speaks in.
    pub(crate) fn law(&self) -> Law {
        let law = self.speech_codec.and_then(Codec::law);
        law.unwrap_or(Law::Mu)
    }

    /// Whether the speech services, which are open, do not serve this codec.
    pub(crate) fn needs_other_speech(&self, codec: Codec) -> bool {
        let both_g711 = |open: Codec| open.law().is_some() && codec.law().is_some();
        self.speech_codec
            .is_some_and(|open| open != codec && !both_g711(open))
    }

    /// Leads a running stream to the rings that were opened last.
    pub(crate) fn turn_to_rings(&mut self, services: &Services, call: &CallId) {
        let (State::Streaming, Some((caller, agent))) = (&self.state, self.rings.take()) else {
            return;
        };
        if let Err(error) = services.media.bridge(self.id, caller, agent) {
            log::error!(CALL_ID = call.0.as_str(); "no speech in the new codec: {error}");
        }
    }

    /// Takes where a recording may go; before the stream starts.
    pub(crate) fn tap(&mut self, tap: Option<Tap>) {
        self.tap = tap;
    }

    /// Starts the stream, or changes it.
    pub(crate) fn start(&mut self, services: &Services, call: &CallId, negotiated: &Negotiated) {
        let taken = match std::mem::replace(&mut self.state, State::Streaming) {
            State::Waiting(ports) => self.add(services, call, ports, negotiated),
            State::Streaming => services.media.update(self.id, negotiated),
            State::Over => {
                self.state = State::Over;
                return;
            }
        };
        if let Err(error) = taken {
            log::error!(CALL_ID = call.0.as_str(); "no audio for this call: {error}");
        }
    }

    fn add(
        &mut self,
        services: &Services,
        call: &CallId,
        ports: MediaPorts,
        negotiated: &Negotiated,
    ) -> Result<(), crate::io::media_thread::QueueFull> {
        let (sender, events) = mpsc::channel(EVENTS);
        self.events = Some(events);
        let tone = services.transcoder.tone(negotiated.codec);
        let mode = match (self.kind, self.rings.take()) {
            (Kind::Tone, _) => tone.map_or(Mode::Tone, Mode::Looped),
            (Kind::Assistant, Some((caller, agent))) => Mode::Bridge { caller, agent },
            (Kind::Echo, _) | (Kind::Assistant, None) => Mode::Echo,
        };
        let mut session = rtp::session::Settings::new(
            negotiated.into(),
            format!("ringwell-{}", call.0),
            clock::wallclock(),
            clock::seed(),
        );
        session.media_timeout = services.limits.media_timeout;
        if let Some(Codec::G711(law)) = self.speech_codec {
            session.audio_law = law;
        }
        services.media.add(CallMedia {
            id: self.id,
            ports,
            session,
            crypto: negotiated.crypto.clone(),
            mode,
            tap: self.tap.take(),
            events: sender,
        })
    }

    /// The next event of the stream that a call is told of.
    pub(crate) async fn event(&mut self) -> MediaEvent {
        super::next(&mut self.events).await
    }

    /// The call's word for an event, if it has one.
    pub(crate) fn understand(event: &MediaEvent) -> Option<Input> {
        match event {
            MediaEvent::Digit(key) => Some(Input::Digit(*key)),
            MediaEvent::Playing(utterance) => Some(Input::Playing(*utterance)),
            MediaEvent::Played(utterance) => Some(Input::Played(*utterance)),
            MediaEvent::MediaTimeout => Some(Input::MediaTimeout),
            MediaEvent::FirstPacket(_)
            | MediaEvent::NoMedia { .. }
            | MediaEvent::Underrun(_)
            | MediaEvent::Stopped(_) => None,
        }
    }

    /// Ends the stream and tells what came of it; `None` when there was none, or it is over already.
    pub(crate) async fn conclude(&mut self, services: &Services) -> Option<Box<Summary>> {
        if !matches!(self.state, State::Streaming) {
            return None;
        }
        let mut events = self.events.take();
        self.stop(services);
        let summary = async {
            loop {
                // What else is told comes too late for a call that is over.
                if let MediaEvent::Stopped(summary) = events.as_mut()?.recv().await? {
                    return Some(summary);
                }
            }
        };
        tokio::time::timeout(LAST_WORD, summary).await.ok()?
    }

    /// Ends the stream and gives the ports back.
    pub(crate) fn stop(&mut self, services: &Services) {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Waiting(ports) => ports.release(clock::now()),
            State::Streaming => {
                if let Err(error) = services.media.remove(self.id) {
                    // Its events go nowhere from now on, which ends it, too.
                    log::warn!("a stream is not stopped at once: {error}");
                }
                self.events = None;
            }
            State::Over => {}
        }
    }
}
