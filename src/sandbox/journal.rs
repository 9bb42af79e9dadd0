//! What happened: requests by service, and the words that were spoken and heard.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;
use serde_json::Value;

use super::faults::Service;

/// Requests kept for each service; when there are more the oldest is dropped. `total` counts on.
const REQUESTS: usize = 100;
/// Spoken and heard texts kept, each; the oldest is dropped.
const TEXTS: usize = 500;
/// Bytes of a request body that are kept.
const BODY: usize = 64 * 1024;

/// Names a request, to add its status later.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    service: Service,
    number: u64,
}

#[derive(Debug, Serialize)]
struct Request {
    number: u64,
    at: f64,
    method: String,
    path: String,
    body: Value,
    /// Null while there is no answer.
    status: Option<u16>,
}

#[derive(Debug, Default, Serialize)]
struct Requests {
    total: u64,
    last: VecDeque<Request>,
}

/// A text that was rendered or understood.
#[derive(Clone, Debug, Serialize)]
pub struct Spoken {
    /// Seconds since the sandbox started.
    pub at: f64,
    /// The words.
    pub text: String,
}

/// The sandbox's memory of what went on.
#[derive(Debug, Default)]
pub(super) struct Journal {
    requests: BTreeMap<Service, Requests>,
    spoken: VecDeque<Spoken>,
    heard: VecDeque<Spoken>,
    open: BTreeMap<Service, u32>,
}

impl Journal {
    /// A request came.
    pub(super) fn begin(
        &mut self,
        service: Service,
        at: f64,
        method: String,
        path: String,
        body: &[u8],
    ) -> Entry {
        let requests = self.requests.entry(service).or_default();
        let number = requests.total;
        requests.total += 1;
        let body = &body[..body.len().min(BODY)];
        let body = serde_json::from_slice(body)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()));
        keep(
            &mut requests.last,
            REQUESTS,
            Request {
                number,
                at,
                method,
                path,
                body,
                status: None,
            },
        );
        Entry { service, number }
    }

    /// It was answered.
    pub(super) fn answered(&mut self, entry: Entry, status: u16) {
        let requests = self.requests.entry(entry.service).or_default();
        let mut newest_first = requests.last.iter_mut().rev();
        if let Some(request) = newest_first.find(|request| request.number == entry.number) {
            request.status = Some(status);
        }
    }

    /// A WebSocket was opened (or closed).
    pub(super) fn socket(&mut self, service: Service, opened: bool) {
        let open = self.open.entry(service).or_default();
        *open = if opened {
            open.saturating_add(1)
        } else {
            open.saturating_sub(1)
        };
    }

    /// The voice rendered a text.
    pub(super) fn spoke(&mut self, at: f64, text: String) {
        keep(&mut self.spoken, TEXTS, Spoken { at, text });
    }

    /// The ear understood a turn.
    pub(super) fn heard(&mut self, at: f64, text: String) {
        keep(&mut self.heard, TEXTS, Spoken { at, text });
    }

    /// As JSON, for `/state`.
    pub(super) fn json(&self) -> (Value, Value, Value) {
        (
            serde_json::json!(self.requests),
            serde_json::json!({"spoken": self.spoken, "heard": self.heard}),
            serde_json::json!(self.open),
        )
    }
}

fn keep<T>(queue: &mut VecDeque<T>, capacity: usize, value: T) {
    if queue.len() >= capacity {
        queue.pop_front();
    }
    queue.push_back(value);
}
