//! Ending an established call (RFC 3261 §15).

use std::time::Instant;

use bytes::Bytes;

use super::accept::Round;
use super::media::Refused;
use super::{Ended, Output, Party, Session, State, Timer};
use crate::sip::message::{Method, Name, Reason, Request, StatusCode};
use crate::sip::next_hop::next_hop;
use crate::sip::{Flow, TransactionId};

/// Why a BYE is sent, and how the session's end is told.
pub(super) struct Closing {
    reason: Reason,
    ended: Ended,
}

/// This end has finished.
pub(super) fn finished(text: &str) -> Closing {
    Closing {
        reason: Reason {
            protocol: Bytes::from_static(b"Q.850"),
            cause: Some(NORMAL_CLEARING),
            text: Some(Bytes::copy_from_slice(text.as_bytes())),
        },
        ended: Ended::new(Party::Local, None, text),
    }
}

/// The 2xx was never acknowledged (RFC 3261 §13.3.1.4).
pub(super) fn not_acknowledged() -> Closing {
    failed(
        Party::Network,
        StatusCode::REQUEST_TIMEOUT,
        "no ACK received".to_owned(),
    )
}

/// The answer to our offer cannot be used.
pub(super) fn unusable_answer(refused: &Refused) -> Closing {
    failed(
        Party::Local,
        StatusCode::NOT_ACCEPTABLE_HERE,
        refused.to_string(),
    )
}

/// The session was not refreshed in time (RFC 4028 §10).
pub(super) fn expired() -> Closing {
    failed(
        Party::Network,
        StatusCode::REQUEST_TIMEOUT,
        "session expired".to_owned(),
    )
}

/// The peer knows of no such dialog, or does not answer inside it (RFC 3261 §12.2.1.2).
pub(super) fn lost(status: StatusCode) -> Closing {
    let text = match status {
        StatusCode::CALL_DOES_NOT_EXIST => "the far end has lost the call",
        _ => "the far end does not answer",
    };
    failed(Party::Network, status, text.to_owned())
}

fn failed(by: Party, status: StatusCode, text: String) -> Closing {
    Closing {
        reason: Reason::sip(status.0, text.clone()),
        ended: Ended::new(by, Some(status.0), text),
    }
}

/// Cause 16 of ITU-T Q.850.
const NORMAL_CLEARING: u16 = 16;

impl Session {
    /// Hangs up, or keeps the wish until the peer has confirmed the call.
    pub(super) fn part(&mut self, text: &str, now: Instant) {
        let round = self.unacknowledged.as_ref().map(|it| it.round);
        match round {
            Some(Round::First) => {
                self.parting.get_or_insert_with(|| text.to_owned());
            }
            Some(Round::Again) | None => self.close(finished(text), now),
        }
    }

    /// Sends BYE.
    pub(super) fn close(&mut self, closing: Closing, now: Instant) {
        let Some(mut bye) = self
            .dialog
            .as_mut()
            .map(|dialog| dialog.request(Method::Bye))
        else {
            return self.end_as(closing.ended);
        };
        bye.headers.push(Name::Reason, closing.reason);
        let user_agent = self.settings.server_name.clone();
        bye.headers.push(Name::UserAgent, user_agent);
        let transaction = self.new_transaction();
        let flow = self.next_hop();
        self.unacknowledged = None;
        self.parting = None;
        self.timers.clear();
        let timing = self.settings.timing;
        self.timers
            .set(Timer::Closed, now + timing.patience() + timing.t4);
        self.state = State::Closing {
            bye: transaction,
            ended: closing.ended,
        };
        self.put(Output::Request {
            transaction,
            request: bye,
            flow,
        });
    }

    /// Our BYE was answered somehow, or nobody answers: the call is over either way.
    pub(super) fn on_bye_finished(&mut self, transaction: TransactionId) {
        if matches!(&self.state, State::Closing { bye, .. } if *bye == transaction) {
            self.on_closed();
        }
    }

    pub(super) fn on_closed(&mut self) {
        if let State::Closing { ended, .. } = &self.state {
            let ended = ended.clone();
            self.end_as(ended);
        }
    }

    /// The peer hangs up, perhaps before it has acknowledged our 2xx, perhaps while we do.
    pub(super) fn on_bye(&mut self, transaction: TransactionId, bye: &Request) {
        match &self.state {
            State::Inviting(_) | State::Over => {
                let status = StatusCode::CALL_DOES_NOT_EXIST;
                return self.respond_status(transaction, bye, status);
            }
            State::Invited(invited) => {
                let (invite, status) = (invited.transaction, StatusCode::REQUEST_TERMINATED);
                let response = self.reply(&invited.invite, status);
                self.respond(invite, response);
            }
            State::Established | State::Closing { .. } => {}
        }
        self.respond_status(transaction, bye, StatusCode::OK);
        let reason = bye.headers.get(&Name::Reason).and_then(Reason::parse);
        let text = reason.and_then(|reason| reason.text);
        let text = text.map_or_else(|| "hung up".into(), |text| lossy(&text));
        let text = self.on_peer_left().unwrap_or(text);
        match std::mem::replace(&mut self.state, State::Over) {
            State::Closing { ended, .. } => self.end_as(ended),
            _ => self.end(Party::Remote, None, text),
        }
    }

    /// Where the next request of ours in the dialog goes.
    pub(super) fn next_hop(&self) -> Flow {
        match &self.dialog {
            Some(dialog) => next_hop(dialog.next_hop(), self.flow, self.path),
            None => self.flow,
        }
    }
}

/// Text of the peer's for logs and records.
pub(super) fn lossy(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}
