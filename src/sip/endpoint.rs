//! The endpoint: messages in, events out; transactions and sessions by key.
//!
//! It stands between the transport and the sessions (calls). It matches messages to transactions
//! and dialogs, answers by itself whatever needs no session (OPTIONS, refusals, CANCEL), and asks
//! for a session when an INVITE opens a call:
//!
//! ```text
//!             handle_message            poll_event: Incoming, Session
//! transport --------------->+----------+--------------------------> call
//!           handle_flow_lost| Endpoint |handle_output, forget
//!           <---------------+----------+<--------------------------
//!             poll_transmit
//! ```
//!
//! Refusals and OPTIONS are answered statelessly (RFC 3261 §8.2.7), so that a flood of them costs
//! no memory. Queues need no limit of their own: the owner drains `poll_transmit` and `poll_event`
//! after every input, one input gives at most three entries, a timeout at most two for each
//! transaction that is due, and [`TRANSACTIONS_MAX`] bounds those.

use core::net::SocketAddr;
use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;

use super::message::{self, Host, Message, Method, Request, Response, StatusCode};
use super::session::{Input, Output};
use super::transaction::{ClientEvent, Key, ServerEvent, Timing};
use super::{Flow, Random, SessionId, TransactionId, Transmit, nat};

mod abandoned;
mod counts;
mod farewell;
mod large;
mod outputs;
mod replaces;
mod replies;
mod requests;
mod sessions;
mod table;
pub mod throttle;

pub use counts::{Counts, Refusal, Refused, Totals};

use counts::Counters;
use large::Refusals;
use sessions::Sessions;
use table::{Entry, Machine, Table};
use throttle::Throttle;

/// Transactions an endpoint holds by default. At 1,500 calls a second some 96,000 linger (an INVITE
/// and a BYE for 32 s each). New calls beyond it get 503 (counted as [`Refusal::Overload`]);
/// requests inside dialogs have an eighth more, so that calls can still end.
pub const TRANSACTIONS_MAX: usize = 128 * 1024;

/// Sessions an endpoint holds by default: far above what one box can speak, since the number of
/// calls is limited elsewhere; this bounds memory. Beyond it a call gets 503 ([`Refusal::Overload`]).
pub const SESSIONS_MAX: usize = 16 * 1024;

/// Refusals that wait to be told of. One input gives at most one; when an owner does not ask for them
/// the oldest is dropped (the counters have it).
const REFUSED_MAX: usize = 64;

/// What an endpoint needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The value of Server in responses that the endpoint makes itself.
    pub server_name: String,
    /// The host that Via tells peers beyond our own networks ([`super::nat`]); the flow's own address
    /// when `None`. A public address behind NAT.
    pub via_host: Option<Host>,
    /// The TCP addresses that are listened on. Requests over 1300 bytes go by TCP where the UDP flow's
    /// own address is among them (RFC 3261 §18.1.1).
    pub tcp: Vec<SocketAddr>,
    /// The timers.
    pub timing: Timing,
    /// See [`TRANSACTIONS_MAX`].
    pub transactions_max: usize,
    /// See [`SESSIONS_MAX`].
    pub sessions_max: usize,
    /// How much sources may ask for; without limit by default.
    pub throttle: throttle::Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            server_name: "Ringwell".to_owned(),
            via_host: None,
            tcp: Vec::new(),
            timing: Timing::default(),
            transactions_max: TRANSACTIONS_MAX,
            sessions_max: SESSIONS_MAX,
            throttle: throttle::Limits::default(),
        }
    }
}

/// What an endpoint tells its owner.
#[derive(Clone, Debug)]
pub enum Event {
    /// A new call; 100 Trying has been sent. The owner makes a session of it, refuses it through
    /// one, or calls [`Endpoint::forget`], which answers 500.
    Incoming {
        /// The id that the call's session has from now on.
        session: SessionId,
        /// The server transaction to answer on.
        transaction: TransactionId,
        /// The INVITE.
        invite: Request,
        /// The path it came by.
        flow: Flow,
        /// The session whose place it is to take (RFC 3891): its owner decides, and refuses it with 403
        /// where that is not allowed.
        replaces: Option<SessionId>,
    },
    /// News for a session.
    Session {
        /// Whom it concerns.
        session: SessionId,
        /// The news.
        input: Input,
    },
}

/// The endpoint.
#[derive(Debug)]
pub struct Endpoint {
    settings: Settings,
    random: Random,
    /// Keys the tags of stateless answers.
    secret: [u64; 2],
    accepting: bool,
    pressed: bool,
    throttle: Throttle,
    /// Of sources that nothing admits: their flood takes no place from the others.
    strangers: Throttle,
    refused: VecDeque<Refused>,
    seen_as: Option<SocketAddr>,
    table: Table,
    sessions: Sessions,
    counters: Counters,
    tcp_refusals: Refusals,
    transmits: VecDeque<Transmit>,
    events: VecDeque<Event>,
}

impl Endpoint {
    /// An endpoint without sessions that accepts calls.
    #[must_use]
    pub fn new(settings: Settings, mut random: Random) -> Self {
        Self {
            throttle: Throttle::new(settings.throttle),
            strangers: Throttle::new(settings.throttle),
            refused: VecDeque::new(),
            seen_as: None,
            pressed: false,
            settings,
            secret: [random.next_u64(), random.next_u64()],
            random,
            accepting: true,
            table: Table::default(),
            sessions: Sessions::default(),
            counters: Counters::default(),
            tcp_refusals: Refusals::default(),
            transmits: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Whether new calls are taken. While not, INVITE and OPTIONS outside dialogs get 503.
    pub fn set_accepting(&mut self, accepting: bool) {
        self.accepting = accepting;
    }

    /// Whether the owner is behind with its work. While it is, new calls get 503
    /// ([`Refusal::Overload`]); those that run come first.
    pub fn set_pressed(&mut self, pressed: bool) {
        self.pressed = pressed;
    }

    /// The host that Via tells peers beyond our own networks, when it becomes known or changes.
    pub fn set_via_host(&mut self, host: Option<Host>) {
        self.settings.via_host = host;
    }

    /// How much sources may ask for from now on.
    pub fn set_throttle(&mut self, limits: throttle::Limits) {
        self.settings.throttle = limits;
        self.throttle.set_limits(limits);
        self.strangers.set_limits(limits);
    }

    /// One whole message, as a datagram or cut out of a stream.
    pub fn handle_message(&mut self, bytes: Bytes, flow: Flow, now: Instant) {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            self.counters.totals.keepalives += 1;
            return;
        }
        match message::parse(bytes) {
            Ok(Message::Request(request)) => self.on_request(request, flow, now),
            Ok(Message::Response(response)) => self.on_response(response, now),
            Err(rejected) => self.answer_rejected(rejected, flow, now),
        }
    }

    /// A message from a source that nothing admits: a request is refused with 403, all else is dropped.
    pub fn handle_stranger(&mut self, bytes: Bytes, flow: Flow, now: Instant) {
        let source = flow.remote.ip();
        if let Ok(Message::Request(request)) = message::parse(bytes)
            && request.method != Method::Ack
        {
            let verdict = self.strangers.judge(source, throttle::Kind::Other, now);
            if verdict != throttle::Verdict::Pass {
                return self.note_refused(Refusal::Stranger, Some(request.method), flow);
            }
            self.refuse(&request, Refusal::Stranger, StatusCode::FORBIDDEN, flow);
        }
    }

    /// A connection is gone, or could not be made. Client transactions on it fail; responses that
    /// are still due are sent to the port that the peer told in Via (RFC 3261 §18.2.2).
    pub fn handle_flow_lost(&mut self, flow: Flow, now: Instant) {
        for id in self.table.disconnect(flow) {
            if self.retry_by_datagram(id, now) {
                continue;
            }
            let Some(entry) = self.table.get_mut(id) else {
                continue;
            };
            match &mut entry.machine {
                Machine::ClientInvite(machine) => machine.handle_transport_error(),
                Machine::Client(machine) => machine.handle_transport_error(),
                Machine::ServerInvite(_) | Machine::Server(_) => {
                    entry.flow = entry.fallback.unwrap_or(entry.flow);
                }
            }
            self.drive(id, now);
        }
        for session in self.sessions.disconnect(flow) {
            self.tell(session, Input::FlowLost);
        }
    }

    /// What a session asks for. Requests and ACKs of a session already forgotten are still sent.
    pub fn handle_output(&mut self, session: SessionId, output: Output, now: Instant) {
        match output {
            Output::Respond {
                transaction,
                response,
            } => self.respond(transaction, response, now),
            Output::Request {
                transaction,
                request,
                flow,
            } => self.request(session, transaction, request, flow, now),
            Output::Ack { request, flow } => self.acknowledge(session, request, flow),
        }
    }

    /// An id for a session that this end starts.
    pub fn start_session(&mut self) -> SessionId {
        self.sessions.start()
    }

    /// The session is over, or its owner is broken. Its running transactions finish by themselves;
    /// what it has left unanswered is answered 500 (its call) or 481 (a request inside it), and a
    /// call that it has left open is ended with BYE, one that still rings with CANCEL.
    pub fn forget(&mut self, session: SessionId, now: Instant) {
        let Some(record) = self.sessions.remove(session) else {
            return;
        };
        for id in record.unanswered {
            self.answer_for_the_forgotten(id, now);
        }
        if let Some(farewell) = record.farewell {
            self.bid_farewell(session, farewell, now);
        }
        let invite = record.invite.and_then(|id| self.table.get_mut(id));
        if let Some(Machine::ClientInvite(machine)) = invite.map(|entry| &mut entry.machine) {
            machine.handle_cancelled(now);
        }
        if let Some(id) = record.invite {
            self.drive(id, now);
            self.cancel_abandoned(id, now);
        }
    }

    /// Time has come to [`Self::poll_timeout`].
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(id) = self.table.due(now) {
            if let Some(entry) = self.table.get_mut(id) {
                entry.handle_timeout(now);
            }
            self.drive(id, now);
        }
    }

    /// The next message to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The next request that was refused. Not asking for it does no harm.
    pub fn poll_refused(&mut self) -> Option<Refused> {
        self.refused.pop_front()
    }

    /// Our address as the latest answer from beyond our networks tells it in `received` and `rport`
    /// (RFC 3261 §18.2.1, RFC 3581 §4), where it is another than our own.
    pub fn poll_seen_as(&mut self) -> Option<SocketAddr> {
        self.seen_as.take()
    }

    /// When to call [`Self::handle_timeout`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.table.deadline()
    }

    /// What there is and has been.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let [client_invite, client, server_invite, server] = self.table.kinds();
        Counts {
            client_invite,
            client,
            server_invite,
            server,
            sessions: self.sessions.len(),
            totals: self.counters.totals,
            refusals: self.counters.refusals(),
        }
    }

    /// Whether nothing is left behind by transactions and sessions that are gone.
    #[cfg(test)]
    pub(super) fn is_clean(&self) -> bool {
        self.table.is_clean() && self.sessions.is_clean()
    }

    fn on_response(&mut self, response: Response, now: Instant) {
        self.counters.totals.responses += 1;
        let id = Key::of_response(&response).and_then(|key| self.table.find(&key));
        let Some((id, entry)) = id.and_then(|id| Some((id, self.table.get_mut(id)?))) else {
            self.counters.totals.stray_responses += 1;
            return;
        };
        entry.retry = None;
        self.seen_as = seen_as(&response, entry.flow).or(self.seen_as);
        match &mut entry.machine {
            Machine::ClientInvite(machine) => machine.handle_response(response, now),
            Machine::Client(machine) => machine.handle_response(response, now),
            Machine::ServerInvite(_) | Machine::Server(_) => {}
        }
        self.drive(id, now);
    }

    /// Drains a machine after a change, and forgets it when it is over.
    fn drive(&mut self, id: TransactionId, now: Instant) {
        if let Some(entry) = self.table.get_mut(id) {
            if let Some(bytes) = entry.poll_transmit() {
                let flow = entry.flow;
                self.transmits.push_back(Transmit { flow, bytes });
            }
            self.pass_on(id, now);
        }
        self.table.refresh(id);
    }

    fn pass_on(&mut self, id: TransactionId, now: Instant) {
        let Some(entry) = self.table.get_mut(id) else {
            return;
        };
        let owner = entry.owner;
        match &mut entry.machine {
            Machine::ClientInvite(machine) => {
                let event = machine.poll_event();
                if let (Some(owner), Some(event)) = (owner, &event) {
                    self.meet_callee(owner.session, event);
                    self.answer_for_the_caller(id, owner.session, event, now);
                }
                self.on_client_event(owner, event);
            }
            Machine::Client(machine) => {
                let event = machine.poll_event();
                self.on_client_event(owner, event);
            }
            Machine::ServerInvite(machine) => {
                if let Some(ServerEvent::NotAcknowledged) = machine.poll_event() {
                    self.counters.totals.unacknowledged += 1;
                }
            }
            Machine::Server(machine) => match machine.poll_event() {
                Some(ServerEvent::TryingDue) => self.send_trying(id, now),
                Some(ServerEvent::Unanswered) => {
                    self.counters.totals.unanswered += 1;
                    self.settle(id);
                }
                Some(ServerEvent::Acknowledged | ServerEvent::NotAcknowledged) | None => {}
            },
        }
    }

    fn on_client_event(&mut self, owner: Option<table::Owner>, event: Option<ClientEvent>) {
        let Some(event) = event else {
            return;
        };
        match event {
            ClientEvent::Response(_) => {}
            ClientEvent::TimedOut => self.counters.totals.timed_out += 1,
            ClientEvent::TransportFailed => self.counters.totals.transport_failed += 1,
        }
        let Some(table::Owner {
            session,
            transaction,
        }) = owner
        else {
            return;
        };
        if let ClientEvent::Response(response) = &event {
            self.watch_final(session, response);
        }
        let failed = |status| Input::Failed {
            transaction,
            status,
        };
        let input = match event {
            ClientEvent::Response(response) => Input::Response {
                transaction,
                response,
            },
            ClientEvent::TimedOut => failed(StatusCode::REQUEST_TIMEOUT),
            ClientEvent::TransportFailed => failed(StatusCode::SERVICE_UNAVAILABLE),
        };
        self.tell(session, input);
    }

    fn tell(&mut self, session: SessionId, input: Input) {
        if self.sessions.contains(session) {
            self.events.push_back(Event::Session { session, input });
        }
    }

    fn transmit(&mut self, transmit: Transmit) {
        self.transmits.push_back(transmit);
    }

    /// A server transaction is answered for good, or will never be.
    fn settle(&mut self, id: TransactionId) {
        let Some(entry) = self.table.get_mut(id) else {
            return;
        };
        entry.request = None;
        let record = entry
            .owner
            .and_then(|owner| self.sessions.get_mut(owner.session));
        if let Some(record) = record {
            record.unanswered.retain(|unanswered| *unanswered != id);
        }
    }
}

fn seen_as(response: &Response, flow: Flow) -> Option<SocketAddr> {
    let via = response.top_via()?;
    let ip = via.received()?;
    let news = nat::is_outside(flow.remote.ip()) && ip != flow.local.ip();
    let port = via.rport().flatten().unwrap_or(flow.local.port());
    news.then(|| SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests;
