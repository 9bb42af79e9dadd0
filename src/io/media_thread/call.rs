//! One call on the media thread: its session, its sockets, its rings.

use std::io::ErrorKind;
use std::net::UdpSocket;
use std::time::Instant;

use tokio::sync::mpsc;

use crate::audio::FRAME_SAMPLES;
use crate::audio::tone::Tone;
use crate::conversation::UtteranceId;
use crate::io::clock;
use crate::io::media_socket::MediaPorts;
use crate::io::rings::{AgentFrame, AgentReader, CallerWriter, Frame};
use crate::rtp::session::{Channel, Event, Outgoing, Session, Stream};

use super::{MediaCounters, MediaEvent, Summary};

/// A call as the engine carries it.
pub(super) struct Call {
    id: u64,
    ports: MediaPorts,
    session: Session,
    source: Source,
    events: mpsc::Sender<MediaEvent>,
    playing: Option<Playing>,
    /// Counts of its own; the session's part is filled in at the end.
    summary: Summary,
}

/// Where the agent's audio comes from, and where the caller's goes.
pub(super) enum Source {
    Bridge {
        caller: CallerWriter,
        agent: AgentReader,
    },
    Echo,
    Tone(Box<Tone>),
}

/// The utterance whose last frame has not come yet.
#[derive(Clone, Copy)]
struct Playing {
    utterance: UtteranceId,
    epoch: u32,
    dry: bool,
}

/// What a tick has to say about an utterance once its packet is gone.
#[derive(Default)]
struct Progress {
    begun: Option<UtteranceId>,
    ended: Option<UtteranceId>,
    dry: Option<UtteranceId>,
}

impl Call {
    pub(super) fn new(
        id: u64,
        ports: MediaPorts,
        session: Session,
        source: Source,
        events: mpsc::Sender<MediaEvent>,
    ) -> Self {
        Self {
            id,
            ports,
            session,
            source,
            events,
            playing: None,
            summary: Summary::default(),
        }
    }

    /// Takes what the RTP socket holds, [`BUDGET`] datagrams at most; the rest waits for the next wake.
    pub(super) fn receive_rtp(
        &mut self,
        buffer: &mut [u8],
        counters: &MediaCounters,
        now: Instant,
    ) {
        for _ in 0..BUDGET {
            match self.ports.rtp.recv_from(buffer) {
                Ok((length, from)) => {
                    counters.count_packet_in();
                    self.session.handle_rtp(&buffer[..length], from, now);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        self.tell_session_events(counters);
    }

    /// Takes what the RTCP socket holds.
    pub(super) fn receive_rtcp(
        &mut self,
        buffer: &mut [u8],
        counters: &MediaCounters,
        now: Instant,
    ) {
        for _ in 0..BUDGET {
            match self.ports.rtcp.recv_from(buffer) {
                Ok((length, from)) => {
                    counters.count_control_in();
                    self.session.handle_rtcp(&buffer[..length], from, now);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
    }

    /// One tick: says what is to be said, hands over what was heard. `ideal` is when it should happen.
    pub(super) fn tick(
        &mut self,
        buffer: &mut [u8],
        counters: &MediaCounters,
        now: Instant,
        ideal: Instant,
    ) {
        let mut progress = Progress::default();
        let mut frame = [0; FRAME_SAMPLES];
        let outgoing = match &mut self.source {
            Source::Echo => Outgoing::Echo,
            Source::Tone(tone) => {
                tone.fill(&mut frame);
                Outgoing::Audio(&frame)
            }
            Source::Bridge { agent, .. } => {
                let audio = if self.session.is_sending() {
                    next_frame(agent, &mut self.playing, &mut progress)
                } else {
                    None // on hold nothing is lost: the speech waits
                };
                match audio {
                    Some(audio) => {
                        frame = padded(&audio, self.session.audio_law().silence());
                        Outgoing::Audio(&frame)
                    }
                    None => Outgoing::Comfort,
                }
            }
        };
        self.session.tick(outgoing, now);
        self.transmit(buffer, counters, ideal);
        match &mut self.source {
            Source::Bridge { caller, .. } => {
                while let Some(received) = self.session.poll_frame(buffer, now) {
                    caller.push(&buffer[..received.len]);
                }
            }
            Source::Tone(_) => while self.session.poll_frame(buffer, now).is_some() {},
            Source::Echo => {}
        }
        self.tell_progress(&progress, counters);
        self.tell_session_events(counters);
    }

    fn transmit(&mut self, buffer: &mut [u8], counters: &MediaCounters, ideal: Instant) {
        loop {
            let now = clock::now();
            let Some(transmit) = self.session.poll_transmit(buffer, now) else {
                return;
            };
            let bytes = &buffer[..transmit.len];
            match transmit.channel {
                Channel::Rtp => match self.ports.rtp.send_to(bytes, transmit.to) {
                    Ok(_) => counters.count_departure(now.saturating_duration_since(ideal)),
                    Err(_) => counters.count_send_error(),
                },
                Channel::Rtcp => match self.ports.rtcp.send_to(bytes, transmit.to) {
                    Ok(_) => counters.count_control_out(),
                    Err(_) => counters.count_send_error(),
                },
            }
        }
    }

    fn tell_progress(&mut self, progress: &Progress, counters: &MediaCounters) {
        if let Some(utterance) = progress.begun {
            self.tell(MediaEvent::Playing(utterance), counters);
        }
        if let Some(utterance) = progress.ended {
            self.tell(MediaEvent::Played(utterance), counters);
        }
        if let Some(utterance) = progress.dry {
            self.summary.underruns += 1;
            counters.count_underrun();
            self.tell(MediaEvent::Underrun(utterance), counters);
        }
        self.summary.dry_frames += u64::from(self.playing.is_some_and(|playing| playing.dry));
    }

    fn tell_session_events(&mut self, counters: &MediaCounters) {
        while let Some(event) = self.session.poll_event() {
            let event = match event {
                Event::FirstPacket(from) => MediaEvent::FirstPacket(from),
                Event::Digit(key) => MediaEvent::Digit(key),
                Event::MediaTimeout => MediaEvent::MediaTimeout,
            };
            self.tell(event, counters);
        }
    }

    fn tell(&mut self, event: MediaEvent, counters: &MediaCounters) {
        if self.events.try_send(event).is_err() {
            self.summary.events_dropped += 1;
            counters.count_event_dropped();
        }
    }

    pub(super) fn update(&mut self, stream: Stream, now: Instant) {
        self.session.update(stream, now);
    }

    /// Time that will never be made up.
    pub(super) fn skip(&mut self) {
        self.session.skip(1);
    }

    /// Says goodbye on the control port.
    pub(super) fn finish(&mut self, buffer: &mut [u8], counters: &MediaCounters, now: Instant) {
        if let Some(transmit) = self.session.goodbye(buffer, now) {
            match self
                .ports
                .rtcp
                .send_to(&buffer[..transmit.len], transmit.to)
            {
                Ok(_) => counters.count_control_out(),
                Err(_) => counters.count_send_error(),
            }
        }
    }

    pub(super) fn fail(&mut self) {
        self.summary.failed = true;
    }

    /// Nobody is interested any more.
    pub(super) fn is_abandoned(&self) -> bool {
        self.events.is_closed()
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    pub(super) fn rtp(&self) -> &UdpSocket {
        &self.ports.rtp
    }

    pub(super) fn rtcp(&self) -> &UdpSocket {
        &self.ports.rtcp
    }

    /// Closes the sockets and gives what is left to be told, and to whom.
    pub(super) fn dissolve(self: Box<Self>) -> (Summary, mpsc::Sender<MediaEvent>) {
        let Self {
            ports,
            session,
            source,
            events,
            mut summary,
            ..
        } = *self;
        ports.release(clock::now());
        summary.session = session.statistics();
        if let Source::Bridge { caller, .. } = &source {
            summary.caller_frames_dropped = caller.dropped();
        }
        (summary, events)
    }
}

/// The agent's next frame, if any; keeps account of the utterance it belongs to.
fn next_frame(
    agent: &mut AgentReader,
    playing: &mut Option<Playing>,
    progress: &mut Progress,
) -> Option<Frame> {
    while let Some(frame) = agent.pop() {
        let AgentFrame {
            epoch,
            utterance,
            last,
            audio,
        } = frame;
        if playing.is_none_or(|playing| playing.utterance != utterance) {
            progress.begun = Some(utterance);
        }
        *playing = (!last).then_some(Playing {
            utterance,
            epoch,
            dry: false,
        });
        if last {
            progress.ended = Some(utterance);
        }
        if !audio.bytes().is_empty() {
            return Some(audio);
        }
        if progress.ended.is_some() {
            break; // a bare end: what follows it waits a tick, so that both are told
        }
    }
    if let Some(current) = playing {
        if current.epoch != agent.epoch() {
            *playing = None; // it was stopped
        } else if progress.begun.is_none() {
            if !current.dry {
                progress.dry = Some(current.utterance);
            }
            current.dry = true;
        }
    }
    None
}

fn padded(audio: &Frame, silence: u8) -> [u8; FRAME_SAMPLES] {
    let mut frame = [silence; FRAME_SAMPLES];
    let bytes = audio.bytes();
    frame[..bytes.len()].copy_from_slice(bytes);
    frame
}

/// Datagrams of one socket in one wake: 16 packets are 320 ms of speech, and a flood costs the others little.
const BUDGET: usize = 16;
