//! The input as choices, and the messages that are made of them: few values, so that they collide.

/// Reads choices off the input; at its end every choice is the first one.
pub struct Words<'a>(&'a [u8]);

const METHODS: [&str; 14] = [
    "INVITE",
    "INVITE",
    "ACK",
    "BYE",
    "CANCEL",
    "OPTIONS",
    "INFO",
    "UPDATE",
    "PRACK",
    "REFER",
    "NOTIFY",
    "REGISTER",
    "SUBSCRIBE",
    "JUMP",
];

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
    m=audio 6000 RTP/AVP 0\r\n";

const HELD: &str = "v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n\
    m=audio 6000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=inactive\r\n";

const BODIES: [(&str, &str); 7] = [
    ("application/sdp", ""),
    ("application/sdp", SDP),
    ("application/sdp", HELD),
    ("application/sdp", "m=audio 1 RTP/AVP 18\r\n"),
    ("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n"),
    ("message/sipfrag", "SIP/2.0 180 Ringing\r\n"),
    ("message/sipfrag", "SIP/2.0 486 Busy Here\r\n"),
];

const EXTRAS: [&str; 16] = [
    "",
    "",
    "Supported: timer, 100rel, replaces\r\nAllow: INVITE, ACK, BYE, UPDATE, PRACK\r\n",
    "Require: 100rel\r\n",
    "Supported: timer\r\nSession-Expires: 90;refresher=uac\r\nMin-SE: 90\r\n",
    "Supported: timer\r\nSession-Expires: 1800;refresher=uas\r\n",
    "Session-Expires: 30\r\n",
    "RAck: 1 1 INVITE\r\n",
    "Refer-To: <sip:person@192.0.2.7?Replaces=c1%3Bto-tag%3Da%3Bfrom-tag%3Db>\r\n",
    "Event: refer\r\nSubscription-State: active;expires=60\r\n",
    "Event: refer\r\nSubscription-State: terminated;reason=noresource\r\n",
    "Replaces: c1;to-tag=a;from-tag=theirs\r\n",
    "RSeq: 1\r\nRequire: 100rel\r\n",
    "RSeq: 2\r\nRequire: 100rel\r\n",
    "Retry-After: 2\r\nMin-SE: 3600\r\n",
    "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", algorithm=MD5, qop=\"auth\"\r\n",
];

const STATUSES: [u16; 16] = [
    100, 180, 183, 200, 200, 202, 302, 401, 408, 422, 481, 486, 487, 491, 500, 503,
];

impl<'a> Words<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    pub fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(byte)
    }

    /// A number below `limit`.
    pub fn choice(&mut self, limit: u8) -> u8 {
        self.byte().unwrap_or_default() % limit
    }

    /// As many bytes as the next one says.
    pub fn bytes(&mut self) -> &'a [u8] {
        let length = usize::from(self.choice(255)).min(self.0.len());
        let (bytes, rest) = self.0.split_at(length);
        self.0 = rest;
        bytes
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        let limit = u8::try_from(choices.len()).expect("few choices");
        choices[usize::from(self.choice(limit))]
    }

    pub fn request(&mut self, our_tag: &str) -> String {
        let method = self.one_of(&METHODS);
        let (branch, cseq) = (self.choice(5), self.choice(4) + 1);
        let cookie = if branch == 0 { "" } else { "z9hG4bK" };
        let to_tag = match self.choice(4) {
            0 => String::new(),
            1 => ";tag=unknown".to_owned(),
            _ => format!(";tag={our_tag}"),
        };
        let extra = self.one_of(&EXTRAS);
        let (kind, body) = self.one_of(&BODIES);
        format!(
            "{method} sip:box@192.0.2.9 SIP/2.0\r\n\
             Via: SIP/2.0/UDP 192.0.2.1;branch={cookie}{branch}\r\n\
             From: <sip:c@192.0.2.1>;tag=theirs\r\nTo: <sip:box@192.0.2.9>{to_tag}\r\n\
             Call-ID: c1\r\nCSeq: {cseq} {method}\r\nContact: <sip:c@192.0.2.1>\r\n{extra}\
             Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    pub fn response(&mut self, request: &str) -> String {
        let status = self.one_of(&STATUSES);
        let mut to = line(request, "To").to_owned();
        if !to.contains("tag=") {
            to += ["", ";tag=far", ";tag=fork"][usize::from(self.choice(3))];
        }
        let extra = self.one_of(&EXTRAS);
        let (kind, body) = self.one_of(&BODIES);
        format!(
            "SIP/2.0 {status} x\r\nVia: {}\r\nFrom: {}\r\nTo: {to}\r\nCall-ID: {}\r\n\
             CSeq: {}\r\nContact: <sip:far@192.0.2.1>\r\n{extra}Content-Type: {kind}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            line(request, "Via"),
            line(request, "From"),
            line(request, "Call-ID"),
            line(request, "CSeq"),
            body.len()
        )
    }
}

/// A header's value in a message that we wrote ourselves.
pub fn line<'a>(text: &'a str, name: &str) -> &'a str {
    let found = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    found.unwrap_or_default()
}
