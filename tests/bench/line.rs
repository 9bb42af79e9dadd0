//! A telephone line in virtual time: audio as packets through an impaired network into the real receive path.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant, SystemTime};

use ringwell::audio::{Codec, FRAME, FRAME_SAMPLES, Law};
use ringwell::rtp::packet::{MAX_PACKET, Packet};
use ringwell::rtp::session::{Outgoing, Session, Settings, Statistics, Stream};
use ringwell::sandbox::network::{Network, Spec};

const LAW: Law = Law::Mu;

/// What came out at the ear.
pub(crate) struct Heard {
    pub(crate) samples: Vec<i16>,
    pub(crate) statistics: Statistics,
    /// When each packet came, if it did.
    arrived: Vec<Option<Instant>>,
    /// When each frame was handed over.
    ticks: Vec<Instant>,
}

impl Heard {
    /// From a packet's arrival until its audio was handed over; nothing when it was not heard as it was said.
    pub(crate) fn delay(&self, number: usize, frame: &[i16]) -> Option<Duration> {
        let arrived = (*self.arrived.get(number)?)?;
        let wire = |sample: &i16| LAW.decode(LAW.encode(*sample));
        let said: Vec<i16> = frame.iter().map(wire).collect();
        let mut heard = self.samples.chunks_exact(FRAME_SAMPLES).zip(&self.ticks);
        let (_, tick) = heard.find(|(heard, tick)| **tick >= arrived && **heard == *said)?;
        Some(*tick - arrived)
    }
}

/// Which of so many packets the network loses: for those who conceal otherwise.
pub(crate) fn lost(spec: Spec, packets: usize, start: Instant) -> Vec<bool> {
    let mut network = Network::new(spec, spec.seed, start);
    let mut before = 0;
    let fate = |number: usize| {
        let now = start + FRAME * u32::try_from(number).expect("a short line");
        network.send(number, MAX_PACKET, now);
        let counts = network.counts();
        while network.poll(now).is_some() {}
        counts.lost > std::mem::replace(&mut before, counts.lost)
    };
    (0..packets).map(fate).collect()
}

/// Sends audio over the line, one packet each 20 ms, and listens `phase` after each.
pub(crate) fn pass(audio: &[i16], spec: Spec, phase: Duration, start: Instant) -> Heard {
    let mut session = session(start);
    let mut network = Network::new(spec, spec.seed, start);
    let frames: Vec<&[i16]> = audio.chunks_exact(FRAME_SAMPLES).collect();
    let (mut samples, mut ticks) = (Vec::new(), Vec::new());
    let mut arrived = vec![None; frames.len()];
    let mut buffer = [0; MAX_PACKET];
    for number in 0..frames.len() + TAIL {
        let now = start + FRAME * u32::try_from(number).expect("a short line");
        if let Some(frame) = frames.get(number) {
            let bytes = packet(number, frame);
            let length = bytes.len();
            network.send((number, bytes), length, now);
        }
        let tick = now + phase;
        while let Some(due) = network.poll_timeout().filter(|due| *due <= tick) {
            if let Some((number, bytes)) = network.poll(due) {
                session.handle_rtp(&bytes, far(), due);
                arrived[number] = Some(due);
            }
        }
        session.tick(Outgoing::Nothing, tick);
        while session.poll_transmit(&mut buffer, tick).is_some() {}
        while let Some(received) = session.poll_frame(&mut buffer, tick) {
            let frame = buffer[..received.len].iter().map(|code| LAW.decode(*code));
            samples.extend(frame);
            ticks.push(tick);
        }
    }
    Heard {
        samples,
        statistics: session.statistics(),
        arrived,
        ticks,
    }
}

fn session(start: Instant) -> Session {
    let stream = Stream {
        codec: Codec::G711(LAW),
        send_payload_type: 0,
        receive_payload_type: 0,
        telephone_event: None,
        comfort_noise: None,
        ptime_ms: 20,
        remote: Some(far()),
        remote_rtcp: None,
        control: Default::default(),
        sends: true,
        receives: true,
    };
    let name = "box@192.0.2.1".to_owned();
    Session::new(
        Settings::new(stream, name, SystemTime::UNIX_EPOCH, [1, 2]),
        start,
    )
}

fn packet(number: usize, frame: &[i16]) -> Vec<u8> {
    let payload: Vec<u8> = frame.iter().map(|sample| LAW.encode(*sample)).collect();
    let packet = Packet {
        payload_type: 0,
        marker: number == 0,
        sequence: (number % 65_536) as u16,
        timestamp: (number * FRAME_SAMPLES) as u32,
        ssrc: 7,
        payload: &payload,
    };
    let mut buffer = [0; MAX_PACKET];
    let length = packet.write(&mut buffer).expect("a packet fits");
    buffer[..length].to_vec()
}

fn far() -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 9)), 4_000)
}

/// Ticks after the last packet: what is late still comes.
const TAIL: usize = 100;
