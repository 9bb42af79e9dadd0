//! INFO from the peer: keys pressed, the way before RFC 4733 (RFC 6086 §4.2.2 calls it legacy usage).

use super::{Event, Session, body};
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
        let response = match body::media_type(&info.headers, &info.body) {
            Ok(None) => self.reply(info, StatusCode::OK),
            Ok(Some(it)) if it.eq_ignore_ascii_case("application/dtmf-relay") => {
                if let Some(digit) = signal(&info.body) {
                    self.tell(Event::Digit(digit));
                    self.reply(info, StatusCode::OK)
                } else {
                    self.reply(info, StatusCode::BAD_REQUEST)
                        .with_reason("Unreadable Signal")
                }
            }
            Ok(Some(_)) => self.foreign_body(info, body::Foreign::Type),
            Err(foreign) => self.foreign_body(info, foreign),
        };
        self.respond(transaction, response);
    }
}

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
