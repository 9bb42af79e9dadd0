//! The callers: one SIP socket for all, an RTP socket each, marked frames out every 20 ms.

use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use ringwell::io::clock;

use super::{FRAME, HOST, SIP_PORT, Times};

const TICK: Duration = Duration::from_millis(20);
/// How long the gateway may take for anything.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two calls: not in step with the ticks.
const APART: Duration = Duration::from_micros(31_700);

struct Call {
    rtp: UdpSocket,
    to: SocketAddr,
    due: Instant,
    sequence: u16,
    /// What was played came as a marked frame last; an utterance begins where none did.
    sounds: bool,
    /// The To header of the answer.
    peer: String,
}

pub struct Caller {
    sip: UdpSocket,
    gateway: SocketAddr,
    times: Times,
    calls: Vec<Call>,
}

impl Caller {
    pub fn new(times: Times) -> Self {
        let sip = UdpSocket::bind(SocketAddr::from((HOST, 0))).expect("a port is free");
        sip.set_nonblocking(true).expect("a flag is set");
        Self {
            sip,
            gateway: SocketAddr::from((HOST, SIP_PORT)),
            times,
            calls: Vec::new(),
        }
    }

    /// Asks OPTIONS until there is an answer.
    pub fn until_it_answers(&mut self) {
        let end = clock::now() + PATIENCE;
        let mut number = 1;
        while clock::now() < end {
            self.send("OPTIONS", number, None, "");
            if self
                .answer("OPTIONS", number, Duration::from_millis(200))
                .is_some()
            {
                return;
            }
            number += 1;
        }
        panic!("the gateway does not answer");
    }

    /// Places the calls, lets them last, and ends them.
    pub fn call(&mut self, count: usize, lasts: Duration) {
        for number in 0..count {
            self.begin(number);
            self.carry(clock::now() + APART);
        }
        self.carry(clock::now() + lasts);
        for (number, call) in self.calls.iter().enumerate() {
            self.send("BYE", number, Some(&call.peer), "");
        }
    }

    fn begin(&mut self, number: usize) {
        let rtp = UdpSocket::bind(SocketAddr::from((HOST, 0))).expect("a port is free");
        rtp.set_nonblocking(true).expect("a flag is set");
        let port = rtp.local_addr().expect("it is bound").port();
        let host = self.sip.local_addr().expect("it is bound").ip();
        let offer = format!(
            "v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n"
        );
        self.send("INVITE", number, None, &offer);
        let answer = self.answer("INVITE", number, PATIENCE);
        let answer = answer.expect("the call is answered");
        let peer = line(&answer, "To: ").to_owned();
        let port = line(&answer, "m=audio ").split(' ').next();
        let port: u16 = port.and_then(|port| port.parse().ok()).expect("a port");
        self.send("ACK", number, Some(&peer), "");
        self.calls.push(Call {
            rtp,
            to: SocketAddr::from((HOST, port)),
            due: clock::now(),
            sequence: 0,
            sounds: false,
            peer,
        });
    }

    /// Sends what is due and takes what comes, until then.
    fn carry(&mut self, end: Instant) {
        while clock::now() < end {
            let now = clock::now();
            for call in self.calls.iter_mut().filter(|call| call.due <= now) {
                call.send(&self.times);
            }
            let watched = self.calls.iter();
            let mut watched: Vec<_> = watched
                .map(|call| PollFd::new(call.rtp.as_fd(), PollFlags::POLLIN))
                .collect();
            poll(&mut watched, PollTimeout::from(1_u8)).expect("sockets can be waited for");
            let ready: Vec<bool> = watched.iter().map(|fd| fd.any() == Some(true)).collect();
            for (call, _) in self.calls.iter_mut().zip(ready).filter(|(_, ready)| *ready) {
                call.receive(&self.times);
            }
        }
    }

    fn send(&self, method: &str, number: usize, peer: Option<&str>, body: &str) {
        let (gateway, me) = (self.gateway, self.sip.local_addr().expect("it is bound"));
        let plain = format!("<sip:assistant@{gateway}>");
        let to = peer.unwrap_or(&plain);
        let counted = if method == "BYE" { 2 } else { 1 };
        let kind = if body.is_empty() {
            ""
        } else {
            "Content-Type: application/sdp\r\n"
        };
        let text = format!(
            "{method} sip:assistant@{gateway} SIP/2.0\r\nVia: SIP/2.0/UDP {me};branch=z9hG4bK{method}{number}\r\n\
             From: <sip:bench@{me}>;tag=t{number}\r\nTo: {to}\r\nCall-ID: {method_id}{number}\r\nCSeq: {counted} {method}\r\n\
             Contact: <sip:bench@{me}>\r\nMax-Forwards: 70\r\n{kind}Content-Length: {}\r\n\r\n{body}",
            body.len(),
            method_id = call_of(method),
        );
        self.sip
            .send_to(text.as_bytes(), self.gateway)
            .expect("a datagram is sent");
    }

    /// The final answer to a request.
    fn answer(&mut self, method: &str, number: usize, patience: Duration) -> Option<String> {
        let end = clock::now() + patience;
        let mut buffer = [0; 4096];
        let call_id = format!("{}{number}", call_of(method));
        while clock::now() < end {
            let Ok((length, _)) = self.sip.recv_from(&mut buffer) else {
                self.carry(clock::now() + Duration::from_millis(1));
                continue;
            };
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            let ours =
                line(&text, "Call-ID: ") == call_id && line(&text, "CSeq: ").ends_with(method);
            if ours && text.starts_with("SIP/2.0 2") {
                return Some(text);
            }
        }
        None
    }
}

impl Call {
    fn send(&mut self, times: &Times) {
        self.due += TICK;
        self.sequence = self.sequence.wrapping_add(1);
        let mut packet = vec![0x80, 0];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend((u32::from(self.sequence) * FRAME as u32).to_be_bytes());
        packet.extend(u32::from(self.to.port()).to_be_bytes());
        packet.extend(times.frame());
        // A gateway that has gone is noticed by what is missing.
        let _ = self.rtp.send_to(&packet, self.to);
    }

    fn receive(&mut self, times: &Times) {
        let mut buffer = [0; 2048];
        while let Ok(length) = self.rtp.recv(&mut buffer) {
            let made = buffer[..length].get(12..).and_then(Times::made);
            if let Some(made) = made.filter(|_| !self.sounds) {
                times.note(&times.voice, made);
            }
            self.sounds = made.is_some();
        }
    }
}

fn call_of(method: &str) -> &'static str {
    if method == "OPTIONS" {
        "options"
    } else {
        "call"
    }
}

/// What stands behind a line's beginning.
fn line<'a>(text: &'a str, name: &str) -> &'a str {
    let found = text.lines().find_map(|line| line.strip_prefix(name));
    found.unwrap_or_default()
}
