//! A session alone, fed by hand. Whole calls stand in `sip::tests`.

use super::*;
use crate::audio::Codec;
use crate::io::clock;
use crate::sdp::{Direction, Negotiated};
use crate::sip::Transport;
use crate::sip::message::{Message, Method, Name, NameAddr, parse};

mod branches;
mod called;
mod calling;
mod challenged;
mod inside;
mod modify;
mod provisional;
mod redirected;
mod secure;
mod timer;
mod transfer;

const INVITE_TRANSACTION: TransactionId = TransactionId(500);

/// A description with PCMU, `more` at its end.
fn sdp(address: &str, more: &str) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n\
         m=audio 6000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n{more}"
    )
}

const G729: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
    m=audio 6000 RTP/AVP 18\r\na=rtpmap:18 G729/8000\r\n";

const VIDEO: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
    m=video 6000 RTP/AVP 96\r\n";

const SDP_TYPE: &str = "Content-Type: application/sdp";

fn flow() -> Flow {
    Flow {
        transport: Transport::Udp,
        local: "192.0.2.9:5060".parse().unwrap(),
        remote: "192.0.2.1:5060".parse().unwrap(),
    }
}

fn settings() -> Settings {
    Settings {
        contact: Uri::sip(Some("box"), flow().local.ip(), Some(5060)),
        server_name: "Box/1".to_owned(),
        local_media: Local {
            address: flow().local.ip(),
            port: 4000,
            session_id: 77,
            codecs: vec![Codec::PCMU, Codec::PCMA],
            srtp: Default::default(),
        },
        policy: Default::default(),
        timing: Timing::default(),
    }
}

fn settings_with(policy: Policy) -> Settings {
    Settings {
        policy,
        ..settings()
    }
}

fn invite(head: &[&str], body: &str) -> Request {
    request("INVITE", 1, None, head, body)
}

/// A request of the caller's; `Contact` unless `head` has one.
fn request(method: &str, cseq: u32, to_tag: Option<&str>, head: &[&str], body: &str) -> Request {
    let to_tag = to_tag.map_or_else(String::new, |tag| format!(";tag={tag}"));
    let mut text = format!(
        "{method} sip:box@192.0.2.9 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK{method}{cseq}\r\n\
         From: <sip:c@192.0.2.1>;tag=theirs\r\nTo: <sip:box@192.0.2.9>{to_tag}\r\n\
         Call-ID: c1\r\nCSeq: {cseq} {method}\r\n"
    );
    if !head.iter().any(|line| line.starts_with("Contact")) {
        text += "Contact: <sip:c@192.0.2.1:5062>\r\n";
    }
    for line in head.iter().filter(|line| !line.ends_with(':')) {
        text += &format!("{line}\r\n");
    }
    text += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
    match parse(text.into()) {
        Ok(Message::Request(request)) => request,
        other => panic!("{other:?}"),
    }
}

/// A session and the time.
struct Bench {
    session: Session,
    start: Instant,
    now: Instant,
    cseq: u32,
}

impl Bench {
    fn incoming(invite: Request) -> Self {
        Self::incoming_with(invite, Policy::default())
    }

    fn incoming_with(invite: Request, policy: Policy) -> Self {
        let now = clock::now();
        let random = Random::new([3, 4]);
        let settings = settings_with(policy);
        let session = Session::incoming(INVITE_TRANSACTION, invite, flow(), settings, random, now);
        Self {
            session,
            start: now,
            now,
            cseq: 1,
        }
    }

    /// A call with our answer acknowledged, drained.
    fn confirmed() -> Self {
        Self::confirmed_with(Policy::default())
    }

    fn confirmed_with(policy: Policy) -> Self {
        let invite = invite(&[SDP_TYPE], &sdp("192.0.2.1", ""));
        let mut bench = Self::incoming_with(invite, policy);
        bench.session.accept(bench.now);
        bench.ack("");
        bench.drain();
        bench
    }

    fn drain(&mut self) {
        while self.session.poll_output().is_some() || self.session.poll_event().is_some() {}
    }

    fn run_until(&mut self, ms: u64) {
        let end = self.start + Duration::from_millis(ms);
        while let Some(at) = self.session.poll_timeout().filter(|at| *at <= end) {
            self.now = at;
            self.session.handle_timeout(at);
        }
        self.now = end;
    }

    /// Our tag.
    fn tag(&self) -> String {
        self.session.local_tag.clone()
    }

    /// The caller sends a request inside the dialog, under the next CSeq.
    fn inside(&mut self, method: &str, head: &[&str], body: &str) -> Response {
        self.cseq += 1;
        let tag = self.tag();
        let request = request(method, self.cseq, Some(&tag), head, body);
        self.give(request)
    }

    fn give(&mut self, request: Request) -> Response {
        let transaction = TransactionId(1_000 + u64::from(self.cseq));
        let input = Input::Request {
            transaction,
            request,
            flow: flow(),
        };
        self.session.handle(input, self.now);
        match self.session.poll_output() {
            Some(Output::Respond {
                transaction: answered,
                response,
            }) if answered == transaction => response,
            other => panic!("{other:?}"),
        }
    }

    /// The caller acknowledges its latest INVITE.
    fn ack(&mut self, body: &str) {
        self.ack_of(self.cseq, body);
    }

    fn ack_of(&mut self, cseq: u32, body: &str) {
        let tag = self.tag();
        let head: &[&str] = if body.is_empty() { &[] } else { &[SDP_TYPE] };
        let ack = request("ACK", cseq, Some(&tag), head, body);
        self.session.handle(Input::Ack(ack), self.now);
    }

    /// The next output as an answer to the INVITE.
    fn answer(&mut self) -> Option<Response> {
        match self.session.poll_output()? {
            Output::Respond {
                transaction,
                response,
            } => {
                assert_eq!(transaction, INVITE_TRANSACTION);
                Some(response)
            }
            other => panic!("{other:?}"),
        }
    }

    /// The next output as a request of ours.
    fn sent(&mut self) -> (TransactionId, Request, Flow) {
        match self.session.poll_output() {
            Some(Output::Request {
                transaction,
                request,
                flow,
            }) => (transaction, request, flow),
            other => panic!("{other:?}"),
        }
    }

    fn negotiated(&mut self) -> Negotiated {
        match self.session.poll_event() {
            Some(Event::Negotiated(negotiated)) => negotiated,
            other => panic!("{other:?}"),
        }
    }

    /// Whether the next event tells of a hold.
    fn held(&mut self) -> Option<bool> {
        match self.session.poll_event() {
            Some(Event::Held(held)) => Some(held),
            None => None,
            other => panic!("{other:?}"),
        }
    }

    fn ended(&mut self) -> Ended {
        match self.session.poll_event() {
            Some(Event::Ended(ended)) => {
                assert!(self.session.is_over());
                assert_eq!(self.session.poll_timeout(), None);
                assert!(self.session.poll_event().is_none());
                ended
            }
            other => panic!("{other:?}"),
        }
    }
}

fn text(headers: &super::super::message::Headers, name: &Name) -> String {
    let value = headers.get(name).map(|value| value.to_vec());
    String::from_utf8(value.unwrap_or_default()).unwrap()
}

fn body(response: &Response) -> String {
    String::from_utf8(response.body.to_vec()).unwrap()
}
