//! A telephone that answers: the same machines as the caller's.

use std::collections::VecDeque;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinHandle;
use tokio::time::{Instant as Deadline, sleep_until};

use crate::audio::{FRAME, Law};
use crate::io::clock;
use crate::rtp::packet::MAX_PACKET;
use crate::rtp::session as rtp;
use crate::sandbox::caller::*;
use crate::sandbox::tone_speech::{Decoder, Words, encode};
use crate::sdp::Local;
use crate::sip::endpoint::{self, Endpoint};
use crate::sip::message::{Frame, StatusCode, StreamFramer, Uri as SipUri};
use crate::sip::session::{self, Session};
use crate::sip::{Flow, Random, SessionId};

const LOCALHOST: IpAddr = IpAddr::V4(core::net::Ipv4Addr::LOCALHOST);

/// What the far end does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// Greets, repeats what it hears, stops when interrupted, hangs up at "goodbye".
    Polite,
    /// Refuses the call.
    Busy,
    /// Lets it ring.
    Absent,
}

/// A telephone that answers one call.
pub(super) struct FarEnd {
    pub(super) target: String,
    pub(super) task: JoinHandle<String>,
}

enum Link {
    Udp(UdpSocket),
    Tcp(TcpListener, Option<TcpStream>, StreamFramer),
}

struct Answering {
    manner: Manner,
    link: Link,
    flow: Option<Flow>,
    endpoint: Endpoint,
    session: Option<(SessionId, Session)>,
    random: Random,
    socket: UdpSocket,
    media: Option<rtp::Session>,
    law: Law,
    speech: VecDeque<u8>,
    decoder: Decoder,
    words: Words,
    digits: String,
    said_goodbye: bool,
    over: bool,
}

pub(super) async fn far_end(transport: Transport, manner: Manner) -> FarEnd {
    let (link, address) = match transport {
        Transport::Udp => {
            let socket = UdpSocket::bind((LOCALHOST, 0)).await.unwrap();
            let address = socket.local_addr().unwrap();
            (Link::Udp(socket), address)
        }
        Transport::Tls => unreachable!("not tested"),
        Transport::Tcp => {
            let listener = TcpListener::bind((LOCALHOST, 0)).await.unwrap();
            let address = listener.local_addr().unwrap();
            (Link::Tcp(listener, None, StreamFramer::new()), address)
        }
    };
    let mut random = Random::new(clock::seed());
    let answering = Answering {
        manner,
        link,
        flow: None,
        endpoint: Endpoint::new(endpoint::Settings::default(), random.fork()),
        session: None,
        random,
        socket: UdpSocket::bind((LOCALHOST, 0)).await.unwrap(),
        media: None,
        law: Law::Mu,
        speech: VecDeque::new(),
        decoder: Decoder::new(8_000),
        words: Words::default(),
        digits: String::new(),
        said_goodbye: false,
        over: false,
    };
    let suffix = match transport.uri_param() {
        None => String::new(),
        Some(name) => format!(";transport={name}"),
    };
    FarEnd {
        target: format!("sip:assistant@{address}{suffix}"),
        task: tokio::spawn(answering.run(address)),
    }
}

impl Answering {
    /// Answers; gives the digits that were pressed.
    async fn run(mut self, address: SocketAddr) -> String {
        let mut next = clock::now();
        let mut packet = [0; MAX_PACKET];
        let end = Deadline::now() + Duration::from_secs(30);
        while !self.over && Deadline::now() < end {
            tokio::select! {
                (bytes, flow) = receive(&mut self.link, address) => {
                    self.flow = Some(flow);
                    self.endpoint.handle_message(bytes, flow, clock::now());
                }
                Ok((length, from)) = self.socket.recv_from(&mut packet) => {
                    if let Some(media) = &mut self.media {
                        media.handle_rtp(&packet[..length], from, clock::now());
                    }
                }
                () = sleep_until(next.into()) => {
                    next += FRAME;
                    self.tick().await;
                }
            }
            self.settle().await;
        }
        self.digits
    }

    async fn tick(&mut self) {
        let now = clock::now();
        self.endpoint.handle_timeout(now);
        if let Some((_, session)) = &mut self.session {
            session.handle_timeout(now);
        }
        let Some(media) = &mut self.media else {
            return;
        };
        let frame: Vec<u8> = self.speech.drain(..self.speech.len().min(160)).collect();
        let outgoing = if frame.is_empty() {
            rtp::Outgoing::Comfort
        } else {
            rtp::Outgoing::Audio(&frame)
        };
        media.tick(outgoing, now);
        let mut packet = [0; MAX_PACKET];
        while let Some(transmit) = media.poll_transmit(&mut packet, now) {
            if transmit.channel == rtp::Channel::Rtp {
                self.socket
                    .send_to(&packet[..transmit.len], transmit.to)
                    .await
                    .unwrap();
            }
        }
        while let Some(received) = media.poll_frame(&mut packet, now) {
            let samples: Vec<i16> = packet[..received.len]
                .iter()
                .map(|byte| self.law.decode(*byte))
                .collect();
            let mut heard = Vec::new();
            self.decoder.push(&samples, &mut heard);
            heard.into_iter().for_each(|each| self.words.push(each));
        }
        while let Some(event) = media.poll_event() {
            if let rtp::Event::Digit(digit) = event {
                self.digits.push(digit);
            }
        }
        self.converse(now);
    }

    fn converse(&mut self, now: std::time::Instant) {
        let text = self.words.text();
        if !text.is_empty() {
            self.speech.clear();
        }
        let last = self.decoder.last_tone().unwrap_or_default();
        let silence = self.decoder.position().saturating_sub(last);
        if text.is_empty() || silence < Duration::from_millis(300) {
            if self.said_goodbye
                && self.speech.is_empty()
                && let Some((_, session)) = &mut self.session
            {
                session.hang_up("goodbye", now);
            }
            return;
        }
        self.words.clear();
        self.said_goodbye = text.contains("goodbye");
        self.say(&format!("you said: {text}"));
    }

    fn say(&mut self, text: &str) {
        let law = self.law;
        self.speech
            .extend(encode(text).iter().map(|sample| law.encode(*sample)));
    }

    fn settings(&self, flow: Flow) -> session::Settings {
        session::Settings {
            contact: SipUri::sip(Some("assistant"), LOCALHOST, Some(flow.local.port())),
            server_name: "far end".to_owned(),
            local_media: Local {
                address: LOCALHOST,
                port: self.socket.local_addr().unwrap().port(),
                session_id: 1,
                codecs: vec![Codec::PCMU, Codec::PCMA],
                srtp: Default::default(),
            },
            policy: Default::default(),
            timing: Default::default(),
        }
    }

    async fn settle(&mut self) {
        let now = clock::now();
        loop {
            let mut idle = true;
            while let Some(event) = self.endpoint.poll_event() {
                idle = false;
                match event {
                    endpoint::Event::Incoming {
                        session,
                        transaction,
                        invite,
                        flow,
                        ..
                    } => {
                        let settings = self.settings(flow);
                        let random = self.random.fork();
                        let mut call =
                            Session::incoming(transaction, invite, flow, settings, random, now);
                        call.ring(now);
                        match self.manner {
                            Manner::Polite => call.accept(now),
                            Manner::Busy => call.refuse(StatusCode(486)),
                            Manner::Absent => {}
                        }
                        self.session = Some((session, call));
                    }
                    endpoint::Event::Session { input, .. } => {
                        if let Some((_, session)) = &mut self.session {
                            session.handle(input, now);
                        }
                    }
                }
            }
            idle &= !self.drain(now);
            while let Some(transmit) = self.endpoint.poll_transmit() {
                idle = false;
                match &mut self.link {
                    Link::Udp(socket) => {
                        socket
                            .send_to(&transmit.bytes, transmit.flow.remote)
                            .await
                            .unwrap();
                    }
                    Link::Tcp(_, Some(stream), _) => {
                        stream.write_all(&transmit.bytes).await.unwrap();
                    }
                    Link::Tcp(..) => panic!("no connection"),
                }
            }
            if idle {
                return;
            }
        }
    }

    fn drain(&mut self, now: std::time::Instant) -> bool {
        let mut any = false;
        let Some((id, mut session)) = self.session.take() else {
            return false;
        };
        while let Some(output) = session.poll_output() {
            any = true;
            self.endpoint.handle_output(id, output, now);
        }
        while let Some(event) = session.poll_event() {
            any = true;
            match event {
                session::Event::Negotiated(agreed) => {
                    self.law = agreed.codec.law().unwrap();
                    let stream = rtp::Stream {
                        codec: agreed.codec,
                        send_payload_type: agreed.send_payload_type,
                        receive_payload_type: agreed.receive_payload_type,
                        telephone_event: agreed.telephone_event,
                        comfort_noise: None,
                        ptime_ms: agreed.ptime_ms,
                        remote: agreed.remote,
                        remote_rtcp: None,
                        control: rtp::Control::default(),
                        sends: true,
                        receives: true,
                    };
                    let settings =
                        rtp::Settings::new(stream, "far".into(), clock::wallclock(), clock::seed());
                    self.media = Some(rtp::Session::new(settings, now));
                }
                session::Event::Confirmed => self.say("hello. how can i help you today?"),
                session::Event::Ended(_) => self.over = true,
                _ => {}
            }
        }
        self.session = Some((id, session));
        any
    }
}

async fn receive(link: &mut Link, local: SocketAddr) -> (Bytes, Flow) {
    match link {
        Link::Udp(socket) => {
            let mut buffer = [0; 4_000];
            let (length, remote) = socket.recv_from(&mut buffer).await.unwrap();
            let flow = Flow {
                transport: Transport::Udp,
                local,
                remote,
            };
            (Bytes::copy_from_slice(&buffer[..length]), flow)
        }
        Link::Tcp(listener, stream, framer) => {
            if stream.is_none() {
                *stream = Some(listener.accept().await.unwrap().0);
            }
            let stream = stream.as_mut().unwrap();
            loop {
                if let Some(Frame::Message(message)) = framer.next() {
                    let remote = stream.peer_addr().unwrap();
                    return (
                        message.write(),
                        Flow {
                            transport: Transport::Tcp,
                            local,
                            remote,
                        },
                    );
                }
                let mut buffer = [0; 4_000];
                let length = stream.read(&mut buffer).await.unwrap();
                if length == 0 {
                    std::future::pending::<()>().await;
                }
                framer.push(&buffer[..length]);
            }
        }
    }
}
