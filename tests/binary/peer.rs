//! A telephone of the tests' own, where those of others cannot be told what to do: it offers what a test says, and
//! changes it in mid-call; its packets are of any length, and of comfort noise.

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use ringwell::audio::{Codec, SpeechFormat};
use ringwell::io::clock;
use ringwell::io::rings::Item;
use ringwell::io::transcode;
use ringwell::sandbox::tone_speech;

use crate::lab::{Lab, wait};

const PATIENCE: Duration = Duration::from_secs(20);
const FRAME: Duration = Duration::from_millis(20);
/// The payload type of comfort noise (RFC 3389 §4).
pub const COMFORT_NOISE: u8 = 13;

/// What is spoken for a while: a codec and the payload type that we want it in.
#[derive(Clone, Copy, Debug)]
pub struct Spoken {
    pub codec: Codec,
    pub payload_type: u8,
}

impl Spoken {
    pub const fn new(codec: Codec, payload_type: u8) -> Self {
        Self {
            codec,
            payload_type,
        }
    }

    /// The last line of an offer or answer, and what explains it.
    fn formats(self) -> String {
        let Self {
            codec,
            payload_type,
        } = self;
        let name = match codec {
            Codec::G711(ringwell::audio::Law::Mu) => "PCMU/8000",
            Codec::G711(ringwell::audio::Law::A) => "PCMA/8000",
            Codec::G722 => "G722/8000",
            Codec::Opus => "opus/48000/2",
        };
        format!("{payload_type}\r\na=rtpmap:{payload_type} {name}\r\n")
    }

    fn rate(self) -> u32 {
        SpeechFormat::heard_in(self.codec).sample_rate()
    }
}

/// A packet that came.
#[derive(Clone, Debug)]
pub struct Came {
    pub payload_type: u8,
    pub timestamp: u32,
    pub payload: Vec<u8>,
}

/// The telephone, in a call.
pub struct Peer {
    sip: UdpSocket,
    rtp: UdpSocket,
    dialog: Dialog,
    spoken: Spoken,
    ptime: u32,
    sequence: u16,
    timestamp: u32,
    next_tick: Instant,
    ear: Ear,
    /// Everything that came, by sequence number.
    pub came: BTreeMap<u16, Came>,
    ended: bool,
}

struct Dialog {
    uri: String,
    to: String,
    tag: String,
    cseq: u32,
    remote: SocketAddr,
    /// What the other side has last described.
    answer: String,
}

/// What is understood of what comes in one codec.
struct Ear {
    spoken: Spoken,
    wire: transcode::Decoder,
    words: tone_speech::Decoder,
    next: Option<u32>,
    text: String,
}

impl Ear {
    fn new(spoken: Spoken) -> Self {
        let rate = spoken.rate();
        Self {
            spoken,
            wire: transcode::Decoder::new(spoken.codec, rate).expect("a decoder"),
            words: tone_speech::Decoder::new(rate),
            next: None,
            text: String::new(),
        }
    }

    fn hear(&mut self, came: &Came) {
        if came.payload_type != self.spoken.payload_type {
            return;
        }
        let (clock, rate) = (self.spoken.codec.clock_rate(), self.spoken.rate());
        let gap = self
            .next
            .map_or(0, |next| came.timestamp.wrapping_sub(next));
        // A gap of some seconds is silence; what looks like a larger one came late.
        let gap = if gap < clock * 10 { gap } else { 0 };
        let mut samples = vec![0; (u64::from(gap) * u64::from(rate) / u64::from(clock)) as usize];
        let silence = samples.len();
        self.wire.decode(Item::Heard(&came.payload), &mut samples);
        let came_samples = (samples.len() - silence) as u32;
        let ticks = came_samples * (clock / 8_000) / (rate / 8_000);
        self.next = Some(came.timestamp.wrapping_add(ticks));
        let mut heard = Vec::new();
        self.words.push(&samples, &mut heard);
        self.text.extend(heard.iter().map(|each| each.character));
    }
}

impl Peer {
    /// Calls the assistant, speaking this in packets of so many milliseconds; what stands in `beside` is offered, too.
    pub fn call(lab: &Lab, spoken: Spoken, ptime: u32, beside: &str) -> Self {
        let address = lab.neighbour(40);
        let sip = UdpSocket::bind((address, 0)).expect("a socket");
        sip.connect((lab.ip, 5060)).expect("connected");
        let rtp = UdpSocket::bind((address, 0)).expect("a socket");
        let uri = lab.uri("assistant");
        let number = rtp.local_addr().expect("an address").port();
        let mut peer = Self {
            sip,
            rtp,
            dialog: Dialog {
                to: format!("<{uri}>"),
                tag: format!("t{number}"),
                uri,
                cseq: 0,
                remote: SocketAddr::from((lab.ip, 9)),
                answer: String::new(),
            },
            spoken,
            ptime,
            sequence: 100,
            timestamp: 1_000,
            next_tick: clock::now(),
            ear: Ear::new(spoken),
            came: BTreeMap::new(),
            ended: false,
        };
        peer.offer(spoken, beside);
        peer
    }

    /// Offers something else in mid-call, and speaks it once it is agreed on.
    pub fn change_to(&mut self, spoken: Spoken) {
        self.offer(spoken, "");
    }

    /// What the other side has last described.
    pub fn answer(&self) -> &str {
        &self.dialog.answer
    }

    /// With other formats beside the codec: `" 13"`.
    fn offer(&mut self, spoken: Spoken, beside: &str) {
        self.dialog.cseq += 1;
        let rtp = self.rtp.local_addr().expect("an address");
        let formats = spoken
            .formats()
            .replacen("\r\n", &format!("{beside}\r\n"), 1);
        let body = format!(
            "v=0\r\no=- 7 {} IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
             m=audio {} RTP/AVP {formats}a=ptime:{}\r\n",
            self.dialog.cseq,
            rtp.port(),
            self.ptime,
            ip = rtp.ip(),
        );
        self.send("INVITE", self.dialog.cseq, &body);
        let answer = self.answered();
        let to = header(&answer, "To").expect("a To");
        self.dialog.to = to.to_owned();
        if let Some(contact) = header(&answer, "Contact") {
            let uri = contact.trim_start_matches('<');
            self.dialog.uri = uri.split('>').next().unwrap_or(uri).to_owned();
        }
        self.send("ACK", self.dialog.cseq, "");
        let field = |start: &str| {
            let line = answer.lines().find_map(|line| line.strip_prefix(start));
            line.unwrap_or_else(|| panic!("{start} in {answer}"))
        };
        let port = field("m=audio ").split(' ').next().expect("a port");
        let ip = field("c=IN IP4 ");
        self.dialog.remote = format!("{ip}:{port}").parse().expect("an address");
        self.dialog.answer = answer;
        self.timestamp = self.timestamp.wrapping_add(48_000);
        self.spoken = spoken;
        self.ear = Ear::new(spoken);
        self.next_tick = clock::now();
    }

    fn send(&self, method: &str, cseq: u32, body: &str) {
        let Dialog { uri, to, tag, .. } = &self.dialog;
        let via = self.sip.local_addr().expect("an address");
        let kind = match body {
            "" => "",
            _ => "Content-Type: application/sdp\r\n",
        };
        let message = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {via};branch=z9hG4bK{method}{cseq};rport\r\n\
             From: <sip:+15550100199@{ip}>;tag={tag}\r\nTo: {to}\r\nCall-ID: peer-{tag}\r\nCSeq: {cseq} {method}\r\n\
             Contact: <sip:peer@{via}>\r\nMax-Forwards: 70\r\n{kind}Content-Length: {}\r\n\r\n{body}",
            body.len(),
            ip = via.ip(),
        );
        self.sip.send(message.as_bytes()).expect("sent");
    }

    /// Waits for the 200 of the last INVITE.
    fn answered(&mut self) -> String {
        let wanted = format!("{} INVITE", self.dialog.cseq);
        let nonblocking = |on| self.sip.set_nonblocking(on).expect("a socket option");
        nonblocking(true);
        let found = wait(PATIENCE, || {
            let mut buffer = [0; 8192];
            let length = self.sip.recv(&mut buffer).ok()?;
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            let ours = header(&text, "CSeq") == Some(wanted.as_str());
            assert!(
                !ours || text.starts_with("SIP/2.0 1") || text.starts_with("SIP/2.0 2"),
                "{text}"
            );
            (ours && text.starts_with("SIP/2.0 200")).then_some(text)
        });
        found.expect("the INVITE is answered")
    }

    /// Says a text, in packets of our length.
    pub fn say(&mut self, text: &str) {
        let rate = self.spoken.rate();
        let mut speech = tone_speech::Encoder::new(rate).say(text);
        speech.resize(speech.len() + rate as usize / 10, 0);
        let packets = self.packets(&speech);
        for (index, payload) in packets.iter().enumerate() {
            self.put(self.spoken.payload_type, index == 0, payload);
            self.advance();
        }
    }

    /// Samples as payloads.
    fn packets(&self, speech: &[i16]) -> Vec<Vec<u8>> {
        let Spoken { codec, .. } = self.spoken;
        let mut wire = transcode::Encoder::new(codec, self.spoken.rate(), 5).expect("an encoder");
        let mut frames = Vec::new();
        wire.encode(speech, |frame| frames.push(frame.to_vec()));
        if codec == Codec::Opus {
            assert_eq!(self.ptime, 20, "one frame of Opus is one packet");
            return frames;
        }
        // A byte of G.711 and of G.722 is an eighth of a millisecond.
        let bytes = frames.concat();
        let packets = bytes.chunks(8 * self.ptime as usize);
        packets.map(<[u8]>::to_vec).collect()
    }

    /// Sends comfort noise of this level (RFC 3389 §3) once, and no audio for so long.
    pub fn noise(&mut self, level: u8, time: Duration) {
        self.put(COMFORT_NOISE, false, &[level]);
        let packets = time.as_millis() / u128::from(self.ptime);
        for _ in 0..packets {
            self.advance();
        }
    }

    /// Says nothing until it has heard these words, without spaces in between, or the call has ended; what was heard
    /// in the present codec.
    pub fn hears(&mut self, words: &str) -> String {
        let wanted: String = words.split(' ').collect();
        let heard = |peer: &Self| peer.ear.text.replace(' ', "");
        let deadline = clock::now() + PATIENCE;
        while !heard(self).contains(&wanted) && clock::now() < deadline && !self.ended {
            self.advance();
        }
        let text = heard(self);
        assert!(
            text.contains(&wanted),
            "{words:?} in {:?}: {text}",
            self.spoken
        );
        text
    }

    /// Says nothing until it has heard nothing for half a second.
    pub fn hears_the_end(&mut self) {
        let (mut quiet, mut length) = (0, self.ear.text.len());
        while quiet < 500 / self.ptime {
            self.advance();
            let still = self.ear.text.len() == length;
            length = self.ear.text.len();
            quiet = if still { quiet + 1 } else { 0 };
        }
    }

    /// Waits until the other side ends the call.
    pub fn is_hung_up_on(&mut self) {
        let deadline = clock::now() + PATIENCE;
        while !self.ended && clock::now() < deadline {
            self.advance();
        }
        assert!(self.ended, "it hangs up");
    }

    /// The length of one packet passes.
    fn advance(&mut self) {
        let ticks = self.spoken.codec.clock_rate() / 1_000 * self.ptime;
        self.timestamp = self.timestamp.wrapping_add(ticks);
        self.next_tick += FRAME * self.ptime / 20;
        let mut buffer = [0; 2048];
        while let Some(left) = self.next_tick.checked_duration_since(clock::now()) {
            let left = left.max(Duration::from_micros(100));
            self.rtp
                .set_read_timeout(Some(left))
                .expect("a socket option");
            if let Ok(length) = self.rtp.recv(&mut buffer) {
                self.take(&buffer[..length]);
            }
        }
        self.look_for_bye();
    }

    fn take(&mut self, packet: &[u8]) {
        let [0x80, kind, s1, s2, t1, t2, t3, t4, _, _, _, _, payload @ ..] = packet else {
            return;
        };
        let came = Came {
            payload_type: kind & 0x7F,
            timestamp: u32::from_be_bytes([*t1, *t2, *t3, *t4]),
            payload: payload.to_vec(),
        };
        self.ear.hear(&came);
        self.came.insert(u16::from_be_bytes([*s1, *s2]), came);
    }

    fn put(&mut self, payload_type: u8, marker: bool, payload: &[u8]) {
        let mut packet = vec![0x80, payload_type | (u8::from(marker) << 7)];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(self.timestamp.to_be_bytes());
        packet.extend([0, 0, 0, 7]);
        packet.extend_from_slice(payload);
        self.sequence = self.sequence.wrapping_add(1);
        // Nobody is there any more when the call has just ended.
        let _sent = self.rtp.send_to(&packet, self.dialog.remote);
    }

    /// Answers a BYE.
    fn look_for_bye(&mut self) {
        let mut buffer = [0; 8192];
        while let Ok(length) = self.sip.recv(&mut buffer) {
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if !text.starts_with("BYE ") {
                continue;
            }
            let names = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"];
            let kept = text
                .lines()
                .filter(|line| names.iter().any(|name| line.starts_with(name)));
            let head: String = kept.map(|line| format!("{line}\r\n")).collect();
            let answer = format!("SIP/2.0 200 OK\r\n{head}Content-Length: 0\r\n\r\n");
            self.sip.send(answer.as_bytes()).expect("sent");
            self.ended = true;
        }
    }

    /// Ends the call.
    pub fn hang_up(mut self) -> BTreeMap<u16, Came> {
        self.dialog.cseq += 1;
        self.send("BYE", self.dialog.cseq, "");
        self.came
    }
}

/// A header field's value.
fn header<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = message.lines().filter_map(|line| line.split_once(": "));
    fields
        .find(|(field, _)| *field == name)
        .map(|(_, value)| value)
}
