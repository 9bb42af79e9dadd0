//! INFO from the peer: keys pressed, the way before RFC 4733 (RFC 6086 §4.2.2 calls it legacy usage).

use super::body::{self, Foreign};
use super::{Event, Session};
use crate::sip::TransactionId;
use crate::sip::message::{Name, Request, StatusCode};

impl Session {
    pub(super) fn on_info(&mut self, transaction: TransactionId, info: &Request) {
        if info.headers.contains(&Name::InfoPackage) {
            // No package is announced in Recv-Info, so none is understood (RFC 6086 §4.2.2).
            let response = self
                .reply(info, StatusCode::BAD_INFO_PACKAGE)
                .with_header(Name::RecvInfo, "");
            return self.respond(transaction, response);
        }
        let is_relay = info.headers.content_type().as_deref() == Some(DTMF_RELAY);
        let response = match (info.body.is_empty(), is_relay) {
            (true, _) => self.reply(info, StatusCode::OK),
            _ if body::is_encoded(&info.headers) => self.foreign_body(info, Foreign::Encoding),
            (false, false) => self.foreign_body(info, Foreign::Type),
            (false, true) => match signal(&info.body) {
                Some(digit) => {
                    self.tell(Event::Digit(digit));
                    self.reply(info, StatusCode::OK)
                }
                None => self
                    .reply(info, StatusCode::BAD_REQUEST)
                    .with_reason("Unreadable Signal"),
            },
        };
        self.respond(transaction, response);
    }
}

/// One key a body.
const DTMF_RELAY: &str = "application/dtmf-relay";

/// The key of `Signal=5`, the first line of a dtmf-relay body. Some senders write 10 and 11 for
/// star and pound.
fn signal(body: &[u8]) -> Option<char> {
    let text = core::str::from_utf8(body).ok()?;
    let value = text.lines().find_map(|line| {
        let (name, value) = line.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("signal")
            .then_some(value.trim())
    })?;
    match value {
        "10" => return Some('*'),
        "11" => return Some('#'),
        _ => {}
    }
    let mut characters = value.chars();
    let digit = characters.next()?.to_ascii_uppercase();
    let known = digit.is_ascii_digit() || "*#ABCD".contains(digit);
    (known && characters.next().is_none()).then_some(digit)
}
