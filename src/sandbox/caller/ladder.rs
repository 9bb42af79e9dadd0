//! The SIP messages of a call, as one reads them in a ladder diagram.

use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::Serialize;

use super::ear::seconds;
use crate::sip::message::{self, Message};

/// Messages kept; a call has some ten. Later ones are dropped and counted in `Report::ladder_dropped`.
const MAX_RUNGS: usize = 500;

/// One message.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rung {
    /// Seconds since the INVITE.
    pub at: f64,
    /// True for ours.
    pub sent: bool,
    /// Method, or empty for a response.
    pub method: String,
    /// Status of a response.
    pub status: Option<u16>,
    /// In a few words: `INVITE sip:.. (sdp)`, `200 OK to INVITE (sdp)`.
    pub summary: String,
    /// The same bytes went by before.
    pub repeated: bool,
}

/// All messages.
#[derive(Debug)]
pub(super) struct Ladder {
    start: Instant,
    rungs: Vec<Rung>,
    seen: Vec<(bool, Bytes)>,
    dropped: u64,
}

impl Ladder {
    pub(super) fn new(start: Instant) -> Self {
        Self {
            start,
            rungs: Vec::new(),
            seen: Vec::new(),
            dropped: 0,
        }
    }

    /// Notes a message.
    pub(super) fn note(&mut self, sent: bool, bytes: &Bytes, now: Instant) {
        if self.rungs.len() >= MAX_RUNGS {
            self.dropped += 1;
            return;
        }
        let Ok(message) = message::parse(bytes.clone()) else {
            return self.push(sent, String::new(), None, "not SIP".to_owned(), bytes, now);
        };
        let (method, status, mut summary) = match &message {
            Message::Request(request) => {
                let uri = String::from_utf8_lossy(request.uri.as_bytes()).into_owned();
                let method = request.method.to_string();
                (method.clone(), None, format!("{method} {uri}"))
            }
            Message::Response(response) => {
                let reason = String::from_utf8_lossy(&response.reason).into_owned();
                let cseq = response.cseq();
                let method = cseq.map_or_else(String::new, |cseq| cseq.method.to_string());
                let status = response.status;
                (
                    String::new(),
                    Some(status.0),
                    format!("{status} {reason} to {method}"),
                )
            }
        };
        let body = match &message {
            Message::Request(request) => &request.body,
            Message::Response(response) => &response.body,
        };
        if !body.is_empty() {
            summary.push_str(if body.starts_with(b"v=") {
                " (sdp)"
            } else {
                " (body)"
            });
        }
        self.push(sent, method, status, summary, bytes, now);
    }

    fn push(
        &mut self,
        sent: bool,
        method: String,
        status: Option<u16>,
        summary: String,
        bytes: &Bytes,
        now: Instant,
    ) {
        let repeated = self.seen.iter().any(|seen| *seen == (sent, bytes.clone()));
        if !repeated {
            self.seen.push((sent, bytes.clone()));
        }
        self.rungs.push(Rung {
            at: seconds(now.saturating_duration_since(self.start)),
            sent,
            method,
            status,
            summary,
            repeated,
        });
    }

    /// The messages.
    pub(super) fn into_rungs(self) -> Vec<Rung> {
        self.rungs
    }

    /// How many more there were.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Time from the INVITE to the first response that passes.
    pub(super) fn first(&self, wanted: impl Fn(u16) -> bool) -> Option<Duration> {
        let rung = self
            .rungs
            .iter()
            .find(|rung| !rung.sent && rung.status.is_some_and(&wanted))?;
        Some(Duration::from_secs_f64(rung.at))
    }
}
