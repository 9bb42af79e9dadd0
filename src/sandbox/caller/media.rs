//! The caller's RTP: the session, what is being said, and a recording of both sides.

use core::net::{IpAddr, SocketAddr};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use super::ear::Ear;
use super::sockets::Sockets;
use crate::audio::{Codec, FRAME, SpeechFormat};
use crate::io::clock;
use crate::io::srtp::{Srtp, WrongKeys};
use crate::io::transcode;
use crate::rtp::packet::MAX_PACKET;
use crate::rtp::session::{
    Channel, Control, Delivery, Outgoing, Session, Settings, Stream, Transmit, is_control,
};
use crate::sandbox::network::{Counts, Spec};
use crate::sandbox::tone_speech::{Encoder, TAIL};
use crate::sdp::{Direction, Negotiated};

/// Arrivals kept for the spacing: an hour of packets. Later ones are not measured.
const MAX_ARRIVALS: usize = 180_000;
/// Of Opus.
const COMPLEXITY: u8 = 5;

/// The media of the call.
pub(super) struct Media {
    sockets: Sockets,
    running: Option<Running>,
    buffer: Vec<u8>,
    next_tick: Instant,
    record: bool,
}

struct Running {
    session: Session,
    srtp: Option<Srtp>,
    /// Samples a second.
    rate: u32,
    /// None when the codec cannot be made; then nothing is said.
    wire: Option<transcode::Encoder>,
    encoder: Encoder,
    speech: Vec<i16>,
    /// Silence at the end of `speech`: it keeps the next words apart, and is none of ours.
    tail: usize,
    /// Samples of `speech` that have been sent.
    sent: usize,
    begun: Instant,
    arrivals: Vec<Instant>,
    ours: Vec<i16>,
    theirs: Vec<i16>,
    /// From our first tick to their first packet.
    theirs_after: Option<Duration>,
}

/// A datagram that came.
pub(super) struct Datagram {
    channel: Channel,
    length: usize,
    from: SocketAddr,
}

impl Media {
    /// Takes a pair of ports.
    pub(super) async fn open(
        address: IpAddr,
        record: bool,
        network: Option<Spec>,
    ) -> io::Result<Self> {
        Ok(Self {
            sockets: Sockets::open(address, network).await?,
            running: None,
            buffer: vec![0; MAX_PACKET],
            next_tick: clock::now(),
            record,
        })
    }

    /// The RTP port.
    pub(super) fn port(&self) -> io::Result<u16> {
        self.sockets.port()
    }

    /// Media was agreed on.
    ///
    /// # Errors
    /// The keys cannot be used; nothing has changed.
    pub(super) fn agree(&mut self, agreed: &Negotiated, now: Instant) -> Result<(), WrongKeys> {
        let stream = stream(agreed);
        let mut srtp = agreed.crypto.as_ref().map(Srtp::new).transpose()?;
        if let Some(running) = &mut self.running {
            running.wire = encoder(agreed.codec, running.rate);
            running.session.update(stream, now);
            match (&mut running.srtp, &mut srtp) {
                (Some(srtp), Some(next)) => srtp.replace(next),
                _ => running.srtp = srtp,
            }
            return Ok(());
        }
        let mut settings =
            Settings::new(stream, "caller".into(), clock::wallclock(), clock::seed());
        settings.delivery = Delivery::AsReceived;
        settings.first_sequence &= 0x7FFF; // a wrap at the very beginning could be missed (RFC 3711 §3.3.1)
        self.next_tick = now;
        let rate = SpeechFormat::heard_in(agreed.codec).sample_rate();
        self.running = Some(Running {
            session: Session::new(settings, now),
            srtp,
            rate,
            wire: encoder(agreed.codec, rate),
            encoder: Encoder::new(rate),
            speech: Vec::new(),
            tail: 0,
            sent: 0,
            begun: now,
            arrivals: Vec::new(),
            ours: Vec::new(),
            theirs: Vec::new(),
            theirs_after: None,
        });
        Ok(())
    }

    /// When the next 20 ms are due; `None` before media is agreed on.
    pub(super) fn next_tick(&self) -> Option<Instant> {
        self.running.is_some().then_some(self.next_tick)
    }

    /// Says a text after whatever is still being said.
    pub(super) fn say(&mut self, text: &str) {
        if let Some(running) = &mut self.running {
            running.speech.drain(..running.sent);
            running.sent = 0;
            let mut samples = running.encoder.say(text);
            samples.extend(running.encoder.silence(TAIL));
            running.tail = running.encoder.silence(TAIL).len();
            running.speech.extend(samples);
        }
    }

    /// Presses keys; false when the far end takes none.
    pub(super) fn press(&mut self, keys: &str) -> bool {
        let Some(running) = &mut self.running else {
            return false;
        };
        keys.chars().all(|key| running.session.press(key))
    }

    /// RTP and RTCP share a port.
    pub(super) fn shares_port(&self) -> bool {
        let running = self.running.as_ref();
        running.is_some_and(|running| running.session.shares_port())
    }

    /// We are still speaking or pressing.
    pub(super) fn is_busy(&self) -> bool {
        let busy = |running: &Running| {
            running.sent + running.tail < running.speech.len() || running.session.is_pressing()
        };
        self.running.as_ref().is_some_and(busy)
    }

    /// Waits for a datagram of either port. Cancel-safe.
    pub(super) async fn receive(&mut self) -> Datagram {
        let (port, length, from) = self.sockets.receive(&mut self.buffer).await;
        let shared = self.shares_port() && is_control(&self.buffer[..length]);
        let channel = if shared { Channel::Rtcp } else { port };
        Datagram {
            channel,
            length,
            from,
        }
    }

    /// Takes a datagram; the ear hears what it holds.
    pub(super) fn handle(&mut self, datagram: &Datagram, ear: &mut Ear, now: Instant) {
        let Some(running) = &mut self.running else {
            return;
        };
        let Some(length) = running.open(datagram, &mut self.buffer) else {
            return;
        };
        let bytes = &self.buffer[..length];
        match datagram.channel {
            Channel::Rtcp => running.session.handle_rtcp(bytes, datagram.from, now),
            Channel::Rtp => {
                running.session.handle_rtp(bytes, datagram.from, now);
                if running.arrivals.len() < MAX_ARRIVALS {
                    running.arrivals.push(now);
                }
            }
        }
        running.listen(ear, self.record, now);
    }

    /// Twenty milliseconds are due: sends what is to be said in them.
    pub(super) async fn tick(&mut self, ear: &mut Ear, now: Instant) {
        let Some(running) = &mut self.running else {
            return;
        };
        self.next_tick += FRAME;
        let late = now.saturating_duration_since(self.next_tick).as_millis() / FRAME.as_millis();
        if let Ok(skipped @ 1..) = u32::try_from(late) {
            running.session.skip(skipped);
            self.next_tick += FRAME * skipped;
        }
        running.tick(self.record, now);
        running.listen(ear, self.record, now);
        let mut packet = [0; MAX_PACKET];
        while let Some(transmit) = running.session.poll_transmit(&mut packet, now) {
            if let Some(transmit) = running.seal(transmit, &mut packet) {
                self.sockets.send(&packet, transmit).await;
            }
        }
    }

    /// Says goodbye by RTCP, past the network: nobody waits for what is still under way.
    pub(super) async fn close(&mut self, now: Instant) {
        let mut packet = [0; MAX_PACKET];
        let Some(running) = &mut self.running else {
            return;
        };
        let goodbye = running.session.goodbye(&mut packet, now);
        if let Some(transmit) = goodbye.and_then(|it| running.seal(it, &mut packet)) {
            self.sockets.send_now(&packet, transmit).await;
        }
    }

    /// What was counted, and the times between packets.
    pub(super) fn counts(&self) -> Option<(crate::rtp::session::Statistics, Vec<Duration>)> {
        let running = self.running.as_ref()?;
        let pairs = running.arrivals.windows(2);
        let spacing = pairs.map(|pair| pair[1].saturating_duration_since(pair[0]));
        Some((running.session.statistics(), spacing.collect()))
    }

    /// What the impaired network did on the way out and back, if there is one.
    pub(super) fn network(&self) -> Option<[Counts; 2]> {
        self.sockets.counts()
    }

    /// Writes the recording: ours on the left, theirs on the right.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn save(&self, path: &Path) -> Result<(), hound::Error> {
        let Some(running) = &self.running else {
            return Ok(());
        };
        let specification = hound::WavSpec {
            channels: 2,
            sample_rate: running.rate,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::create(path, specification)?;
        let before = running.theirs_after.unwrap_or_default().as_secs_f64();
        let before = (before * f64::from(running.rate)) as usize;
        for index in 0..running.ours.len().max(running.theirs.len() + before) {
            let theirs = index
                .checked_sub(before)
                .and_then(|at| running.theirs.get(at));
            writer.write_sample(running.ours.get(index).copied().unwrap_or(0))?;
            writer.write_sample(theirs.copied().unwrap_or(0))?;
        }
        writer.finalize()
    }
}

impl Running {
    /// Makes a received packet plain; gives its length.
    fn open(&mut self, datagram: &Datagram, buffer: &mut [u8]) -> Option<usize> {
        let opened = match (&mut self.srtp, datagram.channel) {
            (None, _) => Ok(datagram.length),
            (Some(srtp), Channel::Rtp) => srtp.unprotect_rtp(buffer, datagram.length),
            (Some(srtp), Channel::Rtcp) => srtp.unprotect_rtcp(buffer, datagram.length),
        };
        let dropped = |error| log::debug!("a packet was dropped: {error}");
        opened.map_err(dropped).ok()
    }

    /// Makes a packet ready to be sent.
    fn seal(&mut self, transmit: Transmit, buffer: &mut [u8]) -> Option<Transmit> {
        let len = match (&mut self.srtp, transmit.channel) {
            (None, _) => Some(transmit.len),
            (Some(srtp), Channel::Rtp) => srtp.protect_rtp(buffer, transmit.len),
            (Some(srtp), Channel::Rtcp) => srtp.protect_rtcp(buffer, transmit.len),
        }?;
        Some(Transmit { len, ..transmit })
    }

    fn tick(&mut self, record: bool, now: Instant) {
        let whole = self.rate as usize / 50;
        let end = (self.sent + whole).min(self.speech.len());
        let mut frame = self.speech[self.sent..end].to_vec();
        // Where the codec has a memory, silence goes through it, too.
        let silent = frame.is_empty() && self.session.codec().law().is_some();
        frame.resize(whole, 0);
        if record {
            self.ours.extend_from_slice(&frame);
        }
        let mut packet = Vec::new();
        if let (Some(wire), false) = (&mut self.wire, silent) {
            wire.encode(&frame, |bytes| packet.extend_from_slice(bytes));
        }
        let outgoing = if packet.is_empty() || self.session.is_pressing() {
            Outgoing::Comfort
        } else {
            Outgoing::Audio(&packet)
        };
        self.session.tick(outgoing, now);
        self.sent = end;
    }

    fn listen(&mut self, ear: &mut Ear, record: bool, now: Instant) {
        let mut audio = [0; MAX_PACKET];
        while let Some(received) = self.session.poll_frame(&mut audio, now) {
            let after = now.saturating_duration_since(self.begun);
            self.theirs_after.get_or_insert(after);
            let samples = ear.hear(&audio[..received.len], received.position, now);
            if record {
                self.theirs.extend(samples);
            }
        }
        while self.session.poll_event().is_some() {}
    }
}

/// The machine at the caller's ear has time: it is no media thread, and has one call.
fn encoder(codec: Codec, rate: u32) -> Option<transcode::Encoder> {
    transcode::Encoder::new(codec, rate, COMPLEXITY).ok()
}

fn stream(agreed: &Negotiated) -> Stream {
    Stream {
        codec: agreed.codec,
        send_payload_type: agreed.send_payload_type,
        receive_payload_type: agreed.receive_payload_type,
        telephone_event: agreed.telephone_event,
        comfort_noise: None,
        ptime_ms: agreed.ptime_ms,
        remote: agreed.remote,
        remote_rtcp: agreed.remote_rtcp,
        control: Control {
            mux: agreed.rtcp_mux,
            metrics: agreed.voip_metrics,
        },
        sends: matches!(agreed.direction, Direction::SendRecv | Direction::SendOnly),
        receives: matches!(agreed.direction, Direction::SendRecv | Direction::RecvOnly),
    }
}
