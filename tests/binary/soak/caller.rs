//! A caller that ends its calls in every way there is, by hand-written messages over plain sockets.

use std::collections::{BTreeMap, HashMap};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use ringwell::io::clock;

use crate::lab::Lab;

/// How a call ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// BYE.
    Polite,
    /// Nothing is heard of the caller after its ACK.
    Vanished,
    /// CANCEL, which may come too late.
    Cancelled,
    /// No codec in common: 488.
    Refused,
    /// The ACK never comes.
    Unacknowledged,
    /// The TCP connection is reset in mid-call.
    Reset,
}

/// Seconds that an answered call lasts.
const HOLD: Duration = Duration::from_millis(200);

/// A call without an end by then is a finding.
const PATIENCE: Duration = Duration::from_secs(20);

struct Call {
    ending: Ending,
    begun: Instant,
    /// The To header of the 2xx, once it came.
    to: Option<String>,
    /// When BYE is due.
    leaves: Option<Instant>,
}

/// The caller.
pub struct Caller {
    socket: UdpSocket,
    gateway: SocketAddr,
    me: Ipv4Addr,
    interval: Duration,
    placed: usize,
    live: HashMap<String, Call>,
    endings: BTreeMap<Ending, usize>,
}

const OFFER: &str =
    "v=0\r\no=- 1 1 IN IP4 ME\r\ns=-\r\nc=IN IP4 ME\r\nt=0 0\r\nm=audio 9000 RTP/AVP 0\r\n";

impl Caller {
    /// A caller on an address of its own.
    pub fn new(lab: &Lab, rate: u32) -> Self {
        let me = lab.neighbour(9);
        let socket = UdpSocket::bind((me, 5060)).expect("the caller's port is free");
        socket
            .set_read_timeout(Some(Duration::from_millis(1)))
            .expect("a timeout");
        Self {
            socket,
            gateway: (lab.ip, 5060).into(),
            me,
            interval: Duration::from_secs(1) / rate,
            placed: 0,
            live: HashMap::new(),
            endings: BTreeMap::new(),
        }
    }

    /// Calls placed so far.
    pub fn placed(&self) -> usize {
        self.placed
    }

    /// How they ended.
    pub fn endings(&self) -> &BTreeMap<Ending, usize> {
        &self.endings
    }

    /// A fifth of the calls was to end abnormally, in five ways.
    pub fn endings_are_of_every_kind(&self) {
        let abnormal: usize = self
            .endings
            .iter()
            .filter(|(ending, _)| **ending != Ending::Polite)
            .map(|(_, count)| count)
            .sum();
        assert_eq!(self.endings.len(), 6, "{:?}", self.endings);
        assert!(abnormal * 6 >= self.placed, "{:?}", self.endings);
    }

    /// Places calls of which a fifth ends abnormally.
    pub fn place(&mut self, count: usize) {
        self.run(count, |number| match number % 25 {
            3 => Ending::Vanished,
            8 => Ending::Cancelled,
            13 => Ending::Refused,
            18 => Ending::Unacknowledged,
            23 => Ending::Reset,
            _ => Ending::Polite,
        });
    }

    /// Places calls that end with BYE or CANCEL, and so are forgotten soon.
    pub fn place_brief(&mut self, count: usize) {
        self.run(count, |number| match number % 5 {
            3 => Ending::Cancelled,
            _ => Ending::Polite,
        });
    }

    /// Places calls at the rate, and waits until this side has done with them.
    fn run(&mut self, count: usize, ending: fn(usize) -> Ending) {
        let mut due = clock::now();
        let last = self.placed + count;
        while self.placed < last || !self.live.is_empty() {
            let now = clock::now();
            if self.placed < last && now >= due {
                due += self.interval;
                self.begin(ending(self.placed), now);
            }
            self.receive(now);
            self.leave(now);
        }
    }

    fn begin(&mut self, ending: Ending, now: Instant) {
        self.placed += 1;
        let call_id = format!("soak-{}", self.placed);
        if ending == Ending::Reset {
            self.reset(&call_id);
            return self.over(ending);
        }
        let user = if ending == Ending::Cancelled {
            "assistant"
        } else {
            "echo"
        };
        let offer = OFFER.replace("ME", &self.me.to_string());
        let offer = if ending == Ending::Refused {
            offer.replace("AVP 0", "AVP 18")
        } else {
            offer
        };
        let invite = self.request("INVITE", user, &call_id, "UDP", None, &offer);
        self.send(&invite);
        if ending == Ending::Cancelled {
            let cancel = self.request("CANCEL", user, &call_id, "UDP", None, "");
            self.send(&cancel);
        }
        let call = Call {
            ending,
            begun: now,
            to: None,
            leaves: None,
        };
        self.live.insert(call_id, call);
    }

    fn request(
        &self,
        method: &str,
        user: &str,
        call_id: &str,
        transport: &str,
        to: Option<&str>,
        body: &str,
    ) -> String {
        let (gateway, me) = (self.gateway, self.me);
        let plain = format!("<sip:{user}@{gateway}>");
        let to = to.unwrap_or(&plain);
        let number = if method == "BYE" { 2 } else { 1 };
        let branch = match method {
            "INVITE" | "CANCEL" => "i",
            other => other,
        };
        let content = if body.is_empty() {
            ""
        } else {
            "Content-Type: application/sdp\r\n"
        };
        format!(
            "{method} sip:{user}@{gateway} SIP/2.0\r\nVia: SIP/2.0/{transport} {me}:5060;branch=z9hG4bK{branch}{call_id}\r\n\
             From: <sip:soak@{me}>;tag=t{call_id}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {number} {method}\r\n\
             Contact: <sip:soak@{me}:5060>\r\nMax-Forwards: 70\r\n{content}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    fn send(&self, text: &str) {
        // What is lost is sent again by nobody: the call is then counted as one without an end.
        let _sent = self.socket.send_to(text.as_bytes(), self.gateway);
    }

    fn receive(&mut self, now: Instant) {
        let mut buffer = [0; 4096];
        // The first read waits a millisecond; those after it take what is there.
        for _ in 0..64 {
            let Ok((length, _)) = self.socket.recv_from(&mut buffer) else {
                return;
            };
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            self.on_message(&text, now);
        }
    }

    fn on_message(&mut self, text: &str, now: Instant) {
        let Some(status) = text.strip_prefix("SIP/2.0 ") else {
            return self.on_request(text);
        };
        let status: u16 = status
            .get(..3)
            .and_then(|code| code.parse().ok())
            .expect("a status code");
        let (call_id, to) = (
            line(text, "Call-ID").to_owned(),
            line(text, "To").to_owned(),
        );
        let cseq = line(text, "CSeq").to_owned();
        let Some(call) = self.live.get_mut(&call_id) else {
            return;
        };
        let ending = call.ending;
        match (status, cseq.as_str()) {
            (200, "1 INVITE") if ending == Ending::Unacknowledged => self.end(&call_id),
            (200, "1 INVITE") => {
                call.leaves.get_or_insert(now + HOLD);
                call.to = Some(to.clone());
                let ack = self.request("ACK", "echo", &call_id, "UDP", Some(&to), "");
                self.send(&ack);
                if ending == Ending::Vanished {
                    self.end(&call_id);
                }
            }
            (300..=699, "1 INVITE") => {
                assert!(
                    [487, 488].contains(&status),
                    "{status} to a call that ends {ending:?}"
                );
                let ack = self.request("ACK", "echo", &call_id, "UDP", Some(&to), "");
                let ack = ack.replace("z9hG4bKACK", "z9hG4bKi");
                self.send(&ack);
                self.end(&call_id);
            }
            (200, "2 BYE") => self.end(&call_id),
            _ => {}
        }
    }

    /// BYE of the gateway's: whoever has vanished says nothing, the others are polite.
    fn on_request(&mut self, text: &str) {
        let call_id = line(text, "Call-ID").to_owned();
        if !text.starts_with("BYE") || !self.live.contains_key(&call_id) {
            return;
        }
        let answer = format!(
            "SIP/2.0 200 OK\r\nVia: {}\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {call_id}\r\nCSeq: {}\r\nContent-Length: 0\r\n\r\n",
            line(text, "Via"),
            line(text, "From"),
            line(text, "To"),
            line(text, "CSeq")
        );
        self.send(&answer);
        self.end(&call_id);
    }

    fn leave(&mut self, now: Instant) {
        let due = self
            .live
            .iter()
            .filter(|(_, call)| call.leaves.is_some_and(|at| at <= now));
        let due: Vec<_> = due
            .map(|(id, call)| (id.clone(), call.to.clone()))
            .collect();
        for (call_id, to) in due {
            let bye = self.request("BYE", "echo", &call_id, "UDP", to.as_deref(), "");
            self.send(&bye);
            if let Some(call) = self.live.get_mut(&call_id) {
                // Again, like a retransmission, should it get lost.
                call.leaves = Some(now + Duration::from_millis(500));
            }
        }
        let stuck = self
            .live
            .iter()
            .find(|(_, call)| now > call.begun + PATIENCE);
        assert!(
            stuck.is_none(),
            "no end: {:?}",
            stuck.map(|(id, call)| (id, call.ending))
        );
    }

    /// A call over TCP whose connection is reset in the middle of it.
    fn reset(&self, call_id: &str) {
        let mut stream = TcpStream::connect(self.gateway).expect("the gateway accepts");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let offer = OFFER.replace("ME", &self.me.to_string());
        let invite = self.request("INVITE", "echo", call_id, "TCP", None, &offer);
        stream.write_all(invite.as_bytes()).expect("written");
        let mut text = String::new();
        let mut buffer = [0; 4096];
        while !(text.contains("SIP/2.0 200") && text.ends_with("\r\n")) {
            let length = stream.read(&mut buffer).expect("an answer");
            assert!(length > 0, "the gateway closed: {text}");
            text += &String::from_utf8_lossy(&buffer[..length]);
        }
        let answer = text.rsplit("SIP/2.0 200").next().unwrap_or_default();
        let ack = self.request("ACK", "echo", call_id, "TCP", Some(line(answer, "To")), "");
        stream.write_all(ack.as_bytes()).expect("written");
        let linger = libc::linger {
            l_onoff: 1,
            l_linger: 0,
        };
        nix::sys::socket::setsockopt(&stream, nix::sys::socket::sockopt::Linger, &linger)
            .expect("no linger");
    }

    fn end(&mut self, call_id: &str) {
        if let Some(call) = self.live.remove(call_id) {
            self.over(call.ending);
        }
    }

    fn over(&mut self, ending: Ending) {
        *self.endings.entry(ending).or_default() += 1;
    }
}

/// A header's value.
fn line<'a>(text: &'a str, name: &str) -> &'a str {
    let found = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    found.unwrap_or_default()
}
