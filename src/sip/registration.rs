//! A registration kept alive (RFC 3261 §10): asked for, refreshed, retried for ever, given up at the end.
//!
//! ```text
//!   start    +-----------+ flows   +-------------+ 2xx       +------------+
//! ---------->| RESOLVING |-------->| REGISTERING |---------->| REGISTERED |
//!            +-----------+         +-------------+           +------------+
//!                  ^  ^ NewPort:      |   ^    | next flow,      |  ^  | refresh:
//!                  |  | Timer F       |   +----+ 401, 423        |  |  | REGISTERING
//!                  |  +---------------+                          |  |  v
//!             time |                  | all flows failed,        |  +--+
//!            +-----------+            | refused                  |
//!            |  WAITING  |<-----------+<-------------------------+ connection lost
//!            +-----------+
//!   unregister, from anywhere: UNREGISTERING, then GONE
//! ```
//!
//! It talks through an [`Endpoint`](super::endpoint::Endpoint) as a session does: its owner gets an id from
//! `start_session`, hands outputs to `handle_output` and the endpoint's news to [`Registration::handle`].
//! Looking up the registrar and opening ports are the owner's: [`Event::Resolve`], [`Event::NewPort`].

use core::net::{IpAddr, SocketAddr};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::digest::{Authenticator, Credentials};
use super::message::{NameAddr, Request, StatusCode, Uri};
use super::session::{Input, Output};
use super::transaction::{Timers, Timing};
use super::{Flow, Random, TransactionId};

mod answers;
mod attempt;
mod backoff;
mod binding;
mod contact;
mod status;

pub use status::{State, Status};

use attempt::{Round, Sent};
use binding::Binding;
use contact::Mapping;

/// Flows tried in one round. More than the servers that any provider names; what is beyond is left out.
pub const FLOWS_MAX: usize = 16;
/// Outputs and events held, each. One input gives at most two of either and the owner drains after each, so a
/// full queue is a broken invariant: the newest is dropped with an ERROR line, which is its counter.
const QUEUE_MAX: usize = 16;
/// How long the owner may look for flows. The resolver gives up earlier.
const FLOWS_PATIENCE: Duration = Duration::from_secs(45);
/// How long a registrar's addresses are trusted before they are looked up again at the next refresh.
const RESOLVE_EVERY: Duration = Duration::from_mins(15);
/// How long shutdown waits for the registrar to take note.
const UNREGISTER_PATIENCE: Duration = Duration::from_secs(3);

/// What a registration needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The domain to register at. User part and parameters do not reach the Request-URI.
    pub registrar: Uri,
    /// The address of record: To and From.
    pub aor: NameAddr,
    /// The user part of our Contact, by which calls are known to be for this line.
    pub contact_user: String,
    /// The address that the world sees, when it is known. Otherwise it is learned from responses.
    pub public_address: Option<IpAddr>,
    /// How long to ask for, in whole seconds.
    pub expires: Duration,
    /// What to answer challenges with.
    pub credentials: Option<Credentials>,
    /// The value of User-Agent.
    pub server_name: String,
    /// The timers of the transactions.
    pub timing: Timing,
}

/// What a registration tells its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Look the registrar up ([`Registration::redirect`] if that gives something) and call
    /// [`Registration::handle_flows`]; from the local address of `status().flow` where it has one.
    Resolve,
    /// Nobody answers on UDP: open another source port, look up again, and call
    /// [`Registration::handle_flows`] with flows from it. Some routers block a pair of ports for good. A port
    /// opened so before is of no use any more, unless `status().flow` is from it.
    NewPort,
    /// [`Registration::status`] says something else.
    Changed,
    /// How the registrar sees us, for the first time or anew. Of a connection the port is its own.
    PublicAddress(SocketAddr),
    /// Unregistered, or given up trying; nothing follows.
    Gone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timer {
    /// Refreshes, or tries again.
    Next,
    /// Gives up waiting for flows or for the endpoint's word on a request.
    Silence,
    /// Gives up unregistering.
    Farewell,
}

/// One registration.
#[derive(Debug)]
pub struct Registration {
    settings: Settings,
    random: Random,
    authenticator: Option<Authenticator>,
    call_id: Bytes,
    tag: String,
    cseq: u32,
    last_transaction: u64,
    /// Where the registrar may be reached, in order, and which of them is or was tried last.
    flows: Vec<Flow>,
    at: usize,
    resolved: Option<Instant>,
    /// Whether the owner owes an answer to [`Event::Resolve`] or [`Event::NewPort`].
    wants_flows: bool,
    round: Round,
    sent: Option<Sent>,
    /// How long we ask for; a registrar may have demanded more than the settings say.
    asked: Duration,
    /// What the registrar holds.
    bound: Option<Binding>,
    mapping: Option<Mapping>,
    /// Where the registrar redirected us to, within its domain.
    redirect: Option<Uri>,
    /// Rounds without an answer, connections lost, and refusals, each since things went well.
    failures: u32,
    losses: u32,
    refusals: u32,
    status: Status,
    told: Status,
    timers: Timers<Timer>,
    outputs: VecDeque<Output>,
    events: VecDeque<Event>,
}

impl Registration {
    /// Idle until [`Self::start`].
    #[must_use]
    pub fn new(settings: Settings, mut random: Random) -> Self {
        let credentials = settings.credentials.clone();
        let authenticator = credentials.map(|it| Authenticator::new(it, random.fork()));
        Self {
            authenticator,
            call_id: format!("{}{}", random.token(), random.token()).into(),
            tag: random.token(),
            cseq: 0,
            last_transaction: 0,
            flows: Vec::new(),
            at: 0,
            resolved: None,
            wants_flows: false,
            round: Round::default(),
            sent: None,
            asked: settings.expires,
            bound: None,
            mapping: None,
            redirect: None,
            failures: 0,
            losses: 0,
            refusals: 0,
            status: Status::default(),
            told: Status::default(),
            timers: Timers::default(),
            outputs: VecDeque::new(),
            events: VecDeque::new(),
            settings,
            random,
        }
    }

    /// Begins; once.
    pub fn start(&mut self, now: Instant) {
        if self.status.state == State::Idle {
            self.begin(now);
        }
        self.tell_changes();
    }

    /// The answer to [`Event::Resolve`] and [`Event::NewPort`]: paths to the registrar in the order to try
    /// them, or why there are none in plain words.
    pub fn handle_flows(&mut self, flows: Result<Vec<Flow>, String>, now: Instant) {
        if self.wants_flows {
            self.wants_flows = false;
            self.timers.cancel(Timer::Silence);
            self.on_flows(flows, now);
        }
        self.tell_changes();
    }

    /// News from the endpoint.
    pub fn handle(&mut self, input: Input, now: Instant) {
        match input {
            Input::Response {
                transaction,
                response,
            } if response.status.is_final() => {
                if let Some(sent) = self.take_sent(transaction) {
                    self.on_response(sent, &response, now);
                }
            }
            Input::Failed {
                transaction,
                status,
            } => {
                if let Some(sent) = self.take_sent(transaction) {
                    self.on_failed(&sent, status, now);
                }
            }
            Input::FlowLost => self.on_flow_lost(now),
            // Nobody asks anything of a registration.
            Input::Response { .. } | Input::Request { .. } | Input::Ack(_) | Input::Cancelled => {}
        }
        self.tell_changes();
    }

    /// Time has come to [`Self::poll_timeout`].
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                Timer::Next => self.on_next(now),
                Timer::Silence => self.on_silence(now),
                Timer::Farewell => self.go(),
            }
        }
        self.tell_changes();
    }

    /// Ends the registration: removes our Contact from the registrar, waits for its answer a few seconds at
    /// most, and gives [`Event::Gone`].
    pub fn unregister(&mut self, now: Instant) {
        if matches!(self.status.state, State::Unregistering | State::Gone) {
            return;
        }
        self.timers.clear();
        self.wants_flows = false;
        let outstanding = self.sent.take();
        let flow = outstanding.map(|sent| sent.flow);
        match flow.or(self.bound.as_ref().map(|bound| bound.flow)) {
            Some(flow) => self.say_farewell(flow, now),
            None => self.go(),
        }
        self.tell_changes();
    }

    /// How it stands.
    #[must_use]
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// Where the registrar redirected us to, to be looked up in place of the configured address.
    #[must_use]
    pub fn redirect(&self) -> Option<&Uri> {
        self.redirect.as_ref()
    }

    /// The Contact that the registrar holds, while it does.
    #[must_use]
    pub fn contact(&self) -> Option<&Uri> {
        self.bound.as_ref().map(|bound| &bound.contact)
    }

    /// The next thing to give to the endpoint.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When to call [`Self::handle_timeout`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.earliest()
    }

    fn take_sent(&mut self, transaction: TransactionId) -> Option<Sent> {
        let sent = self.sent.take_if(|sent| sent.transaction == transaction)?;
        self.timers.cancel(Timer::Silence);
        Some(sent)
    }

    fn on_next(&mut self, now: Instant) {
        let trusted = |at: Instant| now.saturating_duration_since(at) < RESOLVE_EVERY;
        let stands = self.status.state == State::Registered;
        if stands {
            self.losses = 0;
        }
        if stands && self.resolved.is_some_and(trusted) {
            self.round = Round::of(self.flows.len());
            self.register(now);
        } else {
            self.begin(now);
        }
    }

    fn on_silence(&mut self, now: Instant) {
        if self.wants_flows {
            self.wants_flows = false;
            let reason = "looking up the PBX takes too long".to_owned();
            self.on_flows(Err(reason), now);
        } else if let Some(sent) = self.sent.take() {
            self.on_failed(&sent, StatusCode::REQUEST_TIMEOUT, now);
        }
    }

    fn put(&mut self, request: Request, flow: Flow) -> TransactionId {
        self.last_transaction += 1;
        let transaction = TransactionId(self.last_transaction);
        let output = Output::Request {
            transaction,
            request,
            flow,
        };
        push(&mut self.outputs, output);
        transaction
    }

    fn tell(&mut self, event: Event) {
        push(&mut self.events, event);
    }

    fn tell_changes(&mut self) {
        if self.status != self.told {
            self.told = self.status.clone();
            self.tell(Event::Changed);
        }
    }
}

fn push<T>(queue: &mut VecDeque<T>, item: T) {
    if queue.len() < QUEUE_MAX {
        queue.push_back(item);
    } else {
        log::error!("a registration's queue is not drained");
    }
}

#[cfg(test)]
mod tests;
