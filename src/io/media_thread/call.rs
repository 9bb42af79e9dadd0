//! One call on the media thread: its session, its sockets, its rings.

use std::net::{SocketAddr, UdpSocket};
use std::task::Waker;
use std::time::Instant;

use tokio::sync::mpsc;

use crate::audio::tone::Tone;
use crate::audio::{Codec, FRAME_SAMPLES};
use crate::io::clock;
use crate::io::media_socket::MediaPorts;
use crate::io::recording::Tap;
use crate::io::rings::{AgentReader, CallerWriter, Item, RelayEnd};
use crate::io::srtp::Dropped;
use crate::io::transcode::Looped;
use crate::rtp::session::{Channel, Event, Outgoing, Session, Transmit, is_control};

use super::arrival::{Arrival, Inlet};
use super::handover::{handed, item, relayed};
use super::prefetch::prefetch;
use super::progress::{Playing, Progress, next_frame};
use super::protection::Protection;
use super::watch::Watch;
use super::{Change, MediaCounters, MediaEvent, Summary};

/// A call as the engine carries it.
pub(super) struct Call {
    id: u64,
    ports: MediaPorts,
    session: Session,
    protection: Protection,
    watch: Watch,
    source: Source,
    /// The bridge to the assistant while a relay or a ring-back tone runs; nothing else stands here.
    parked: Option<Box<Source>>,
    events: mpsc::Sender<MediaEvent>,
    playing: Option<Playing>,
    tap: Option<Tap>,
    /// Counts of its own; the session's part is filled in at the end.
    summary: Summary,
}

/// Where the agent's audio comes from, and where the caller's goes.
pub(super) enum Source {
    Bridge {
        caller: CallerWriter,
        agent: AgentReader,
    },
    Relay(RelayEnd),
    Echo,
    Tone(Box<Tone>),
    Looped(Looped),
}

impl Call {
    pub(super) fn new(
        id: u64,
        ports: MediaPorts,
        (session, protection, watch): (Session, Protection, Watch),
        source: Source,
        events: mpsc::Sender<MediaEvent>,
    ) -> Self {
        Self {
            id,
            ports,
            session,
            protection,
            watch,
            source,
            parked: None,
            events,
            playing: None,
            tap: None,
            summary: Summary::default(),
        }
    }

    /// Where a recording may go.
    pub(super) fn record(&mut self, tap: Option<Tap>) {
        self.tap = tap;
    }

    /// Takes what the RTP socket holds, [`BUDGET`] datagrams at most; the rest waits for the next tick.
    pub(super) fn receive_rtp(&mut self, inlet: &mut Inlet, counters: &MediaCounters) {
        let (audio, presence) = self.session.room();
        prefetch(audio); // it comes while the kernel works
        prefetch(presence);
        for _ in 0..BUDGET {
            let Some(Arrival { length, from, at }) = inlet.take(&self.ports.rtp) else {
                break;
            };
            let buffer = inlet.buffer();
            if self.session.shares_port() && is_control(&buffer[..length]) {
                self.take_control((buffer, length), from, counters, at);
                continue;
            }
            counters.count_packet_in();
            self.watch.saw(from);
            match self.protection.open(Channel::Rtp, buffer, length) {
                Ok(length) => self.session.handle_rtp(&buffer[..length], from, at),
                Err(dropped) => self.count_dropped(dropped),
            }
            if self.session.has_all(inlet.now()) {
                break; // to look again is a third of what it costs to receive
            }
        }
        self.tell_session_events(counters);
    }

    /// Takes what the RTCP socket holds.
    pub(super) fn receive_rtcp(&mut self, inlet: &mut Inlet, counters: &MediaCounters) {
        for _ in 0..BUDGET {
            let Some(Arrival { length, from, at }) = inlet.take(&self.ports.rtcp) else {
                break;
            };
            self.take_control((inlet.buffer(), length), from, counters, at);
        }
    }

    /// Takes a control packet, of whichever port.
    fn take_control(
        &mut self,
        (buffer, length): (&mut [u8], usize),
        from: SocketAddr,
        counters: &MediaCounters,
        now: Instant,
    ) {
        counters.count_control_in();
        match self.protection.open(Channel::Rtcp, buffer, length) {
            Ok(length) => self.session.handle_rtcp(&buffer[..length], from, now),
            Err(dropped) => self.count_dropped(dropped),
        }
    }

    /// One tick: says what is to be said, hands over what was heard. `ideal` is when it should happen. Gives who is
    /// to be woken, since what was heard is enough for it.
    pub(super) fn tick(
        &mut self,
        buffer: &mut [u8],
        counters: &MediaCounters,
        now: Instant,
        ideal: Instant,
    ) -> Option<Waker> {
        let mut progress = Progress::default();
        let mut frame = [self.session.audio_law().silence(); FRAME_SAMPLES];
        let outgoing = match &mut self.source {
            Source::Echo => Outgoing::Echo,
            Source::Tone(_) if self.session.codec().law().is_none() => Outgoing::Comfort,
            Source::Tone(tone) => {
                tone.fill(&mut frame);
                Outgoing::Audio(&frame)
            }
            Source::Looped(tone) => {
                let heard = tone.next_frame().map(|frame| (tone.codec(), frame));
                relayed(heard, &self.session, &mut frame)
            }
            Source::Relay(end) => {
                let (session, lost) = (&mut self.session, &mut self.summary.keys_lost);
                let heard = end.hear(|key| *lost += u64::from(!session.press(key)));
                relayed(heard, session, &mut frame)
            }
            Source::Bridge { agent, .. } => {
                let audio = if self.session.is_sending() {
                    next_frame(agent, &mut self.playing, &mut progress)
                } else {
                    None // on hold nothing is lost: the speech waits
                };
                let codec = handed(&self.session);
                let audio = audio.map(|audio| (codec, audio));
                relayed(audio, &self.session, &mut frame)
            }
        };
        let said = match outgoing {
            Outgoing::Audio(audio) => audio.len(),
            Outgoing::Comfort | Outgoing::Echo | Outgoing::Nothing => 0,
        };
        self.session.tick(outgoing, now);
        self.transmit(buffer, counters, (now, ideal));
        self.hand_over(buffer, &frame[..said], now);
        self.tell_progress(&progress, counters);
        self.tell_session_events(counters);
        if let Some(event) = self.watch.tick(now) {
            self.tell(event, counters);
        }
        match &self.source {
            Source::Bridge { caller, .. } => caller.waiting(),
            Source::Relay(_) | Source::Echo | Source::Tone(_) | Source::Looped(_) => None,
        }
    }

    /// Gives on what was heard; `said` is what we say in the same tick.
    fn hand_over(&mut self, buffer: &mut [u8], said: &[u8], now: Instant) {
        let codec = handed(&self.session);
        let mut tap = match self.source {
            Source::Echo => None, // nothing of it is paced
            _ => self.tap.as_mut(),
        };
        if let Some(tap) = &mut tap {
            tap.begin(self.session.frames_due());
        }
        let mut record = |session: &Session, item: Item<'_>| {
            if let Some(tap) = &mut tap {
                tap.hear(session.frames_due(), codec, item);
            }
        };
        match &mut self.source {
            Source::Bridge { caller, .. } => {
                while let Some(received) = self.session.poll_frame(buffer, now) {
                    let item = item(codec, &received, buffer);
                    record(&self.session, item);
                    caller.add(item);
                }
            }
            Source::Relay(end) => {
                while let Some(received) = self.session.poll_frame(buffer, now) {
                    record(&self.session, item(codec, &received, buffer));
                    end.say(codec, &buffer[..received.len]);
                }
            }
            Source::Tone(_) | Source::Looped(_) => {
                while let Some(received) = self.session.poll_frame(buffer, now) {
                    record(&self.session, item(codec, &received, buffer));
                }
            }
            Source::Echo => {}
        }
        if let Some(tap) = tap {
            tap.say(codec, said);
        }
        // What two people say to each other is not for the assistant, but its ear is kept awake.
        if let Some(Source::Bridge { caller, .. }) = self.parked.as_deref_mut()
            && caller.is_heard()
        {
            match codec {
                Codec::G711(law) => caller.push(&[law.silence(); FRAME_SAMPLES]),
                Codec::G722 | Codec::Opus => caller.push_item(Item::Silence),
            }
        }
    }

    fn transmit(
        &mut self,
        buffer: &mut [u8],
        counters: &MediaCounters,
        (now, ideal): (Instant, Instant),
    ) {
        while let Some(transmit) = self.session.poll_transmit(buffer, now) {
            let sealed = self.protection.seal(transmit.channel, buffer, transmit.len);
            let Some(length) = sealed else {
                counters.count_send_error();
                continue;
            };
            let bytes = &buffer[..length];
            match (
                self.socket(transmit).send_to(bytes, transmit.to),
                transmit.channel,
            ) {
                (Ok(_), Channel::Rtp) => {
                    counters.count_departure(now.saturating_duration_since(ideal));
                }
                (Ok(_), Channel::Rtcp) => counters.count_control_out(),
                (Err(_), _) => counters.count_send_error(),
            }
        }
    }

    fn socket(&self, transmit: Transmit) -> &UdpSocket {
        match transmit.port {
            Channel::Rtp => &self.ports.rtp,
            Channel::Rtcp => &self.ports.rtcp,
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
                Event::FirstPacket(from) => {
                    self.watch.heard();
                    MediaEvent::FirstPacket(from)
                }
                Event::Digit(key) => {
                    if let Source::Relay(end) = &mut self.source {
                        end.press(key);
                    }
                    MediaEvent::Digit(key)
                }
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

    fn count_dropped(&mut self, dropped: Dropped) {
        match dropped {
            Dropped::Malformed | Dropped::Forged => self.summary.unauthentic += 1,
            Dropped::Replayed => self.summary.replayed += 1,
        }
    }

    /// What is not wanted any more is in `change` afterwards.
    pub(super) fn update(&mut self, change: &mut Change, now: Instant) {
        self.protection.replace(&mut change.protection);
        self.watch.update(&change.stream);
        self.session.update(change.stream.clone(), now);
    }

    /// Leads a bridge or a relay elsewhere; gives what is not wanted any more.
    pub(super) fn turn_to(&mut self, mut next: Box<Source>) -> [Option<Box<Source>>; 2] {
        match (&self.source, &*next) {
            (Source::Bridge { .. }, Source::Relay(_) | Source::Tone(_) | Source::Looped(_)) => {
                core::mem::swap(&mut self.source, &mut next);
                self.parked = Some(next);
                [None, None]
            }
            (Source::Bridge { .. } | Source::Relay(_), Source::Bridge { .. }) => {
                self.playing = None;
                core::mem::swap(&mut self.source, &mut next);
                self.count_relay(&next);
                [Some(next), self.parked.take()]
            }
            (Source::Relay(_), Source::Relay(_)) => {
                core::mem::swap(&mut self.source, &mut next);
                self.count_relay(&next);
                [Some(next), None]
            }
            // It rings on. The assistant behind it is another, since the codec has changed meanwhile.
            (Source::Tone(_) | Source::Looped(_), Source::Bridge { .. })
                if self.parked.is_some() =>
            {
                self.playing = None;
                [self.parked.replace(next), None]
            }
            // Ring-back, and what follows it; the tone of a diagnostic has nothing parked and stays.
            (Source::Tone(_) | Source::Looped(_), Source::Relay(_)) if self.parked.is_some() => {
                core::mem::swap(&mut self.source, &mut next);
                [Some(next), None]
            }
            _ => [Some(next), None],
        }
    }

    /// Goes on with the parked bridge; gives the relay that ends.
    pub(super) fn resume(&mut self) -> Option<Box<Source>> {
        let mut relay = self.parked.take()?;
        core::mem::swap(&mut self.source, &mut relay);
        self.count_relay(&relay);
        Some(relay)
    }

    /// Presses a key that did not come by a relay.
    pub(super) fn press(&mut self, key: char) {
        self.summary.keys_lost += u64::from(!self.session.press(key));
    }

    fn count_relay(&mut self, source: &Source) {
        if let Source::Relay(end) = source {
            self.summary.relay_dropped += end.dropped();
        }
    }

    /// A tick that was slept through and is left out: the clock of what we send goes on, and what was to be said
    /// waits. What was heard meanwhile is given on at the next tick.
    pub(super) fn skip(&mut self) {
        self.summary.skipped_frames += 1;
        self.session.skip(1);
        if let Some(tap) = &mut self.tap {
            tap.stall();
        }
    }

    /// Says goodbye on the control port.
    pub(super) fn finish(&mut self, buffer: &mut [u8], counters: &MediaCounters, now: Instant) {
        if let Some(transmit) = self.session.goodbye(buffer, now)
            && let Some(length) = self.protection.seal(Channel::Rtcp, buffer, transmit.len)
        {
            let socket = self.socket(transmit);
            match socket.send_to(&buffer[..length], transmit.to) {
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

    pub(super) fn rtcp(&self) -> &UdpSocket {
        &self.ports.rtcp
    }

    /// Closes the sockets and gives what is left to be told, and to whom.
    pub(super) fn dissolve(self: Box<Self>) -> (Summary, mpsc::Sender<MediaEvent>) {
        let Self {
            ports,
            session,
            source,
            parked,
            events,
            mut summary,
            ..
        } = *self;
        ports.release(clock::now());
        *summary.session = session.statistics();
        for source in parked.as_deref().into_iter().chain([&source]) {
            match source {
                Source::Bridge { caller, .. } => summary.caller_frames_dropped = caller.dropped(),
                Source::Relay(end) => summary.relay_dropped += end.dropped(),
                Source::Echo | Source::Tone(_) | Source::Looped(_) => {}
            }
        }
        (summary, events)
    }
}

/// Datagrams of one socket in one tick: 16 packets are 320 ms of speech, and a flood costs the others little.
const BUDGET: usize = 16;
