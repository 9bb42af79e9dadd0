//! INFO, both ways: keys pressed, the way before RFC 4733 (RFC 6086 §4.2.2 calls it legacy usage).

use std::collections::VecDeque;

use super::body::{self, Foreign};
use super::{Event, Purpose, Session, State};
use crate::sip::TransactionId;
use crate::sip::message::{Method, Name, Request, Response, StatusCode};

/// Keys that may wait to be sent: a long extension or card number, while one is on its way. More are refused to the
/// one who asks, by [`Event::Pressed`] with 500.
pub const WAITING_KEYS: usize = 32;

/// Keys of ours on their way to the peer.
#[derive(Debug, Default)]
pub(super) struct Keys {
    waiting: VecDeque<char>,
    /// One was sent and is not answered yet: datagrams may overtake each other, and digits must not.
    underway: bool,
}

impl Session {
    /// Presses a key (`0-9*#A-D`) by INFO, after those that wait: for a peer that takes no telephone-events.
    /// [`Event::Pressed`] tells how it was answered.
    pub fn press(&mut self, key: char) {
        let refused = match self.state {
            State::Established if self.keys.waiting.len() < WAITING_KEYS => {
                self.keys.waiting.push_back(key);
                return self.press_next();
            }
            State::Established => StatusCode::SERVER_INTERNAL_ERROR,
            _ => StatusCode::CALL_DOES_NOT_EXIST,
        };
        self.tell(Event::Pressed(refused));
    }

    fn press_next(&mut self) {
        if self.keys.underway || !matches!(self.state, State::Established) {
            return;
        }
        let (Some(dialog), Some(key)) = (&mut self.dialog, self.keys.waiting.pop_front()) else {
            return;
        };
        let pressed = format!("Signal={key}\r\nDuration={KEY_MILLIS}\r\n");
        let info = dialog.request(Method::Info);
        self.keys.underway = true;
        self.send(info.with_body(DTMF_RELAY, pressed), Purpose::Info);
    }

    pub(super) fn on_info_response(&mut self, response: &Response) {
        if response.status.is_final() {
            self.keys.underway = false;
            self.tell(Event::Pressed(response.status));
            self.press_next();
        }
    }

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

/// How long a key of ours sounds where the peer makes a tone of it: receivers must know 40 ms.
const KEY_MILLIS: u32 = 100;
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
