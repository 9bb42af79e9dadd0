//! The daemon's one loop: messages in, calls' outputs, timers, signals, questions.
//!
//! It owns the SIP endpoint and the table of running calls. Each call is a task of its own
//! ([`super::call_task`]); the two talk through bounded queues.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{self, JoinError, JoinSet};

use super::call_task::{CallTask, Inbox};
use super::control;
use super::lines::{Lines, kind_name};
use super::metrics::Counter;
use super::notify;
use super::paths::{Finder, Found};
use super::public_address::Origin;
use super::refusals::Refusals;
use super::registrations::Registrations;
use super::reload::{Read, Reload};
use super::services::Services;
use super::shutdown::{Phase, Shutdown};
use super::signals::{Signal, Signals};
use super::status;
use super::stun::{self, Stun};
use crate::io::clock;
use crate::io::sip_sockets::{RECEIVED_CAPACITY, Received, SipSockets};
use crate::sip::endpoint::{self, Endpoint};
use crate::sip::message::{Request, Response, StatusCode};
use crate::sip::session::{self, Output};
use crate::sip::{Flow, Random, SessionId, TransactionId};
use crate::ticket::{CallId, Entry, Outcome};

mod lines;
mod refuse;
mod second_legs;

use second_legs::SecondLegs;

/// Outputs of calls waiting for the endpoint: a burst of some hundred calls that all answer. When
/// full the calls' tasks wait; nothing is dropped.
pub(crate) const OUTPUTS_CAPACITY: usize = 1024;

/// Inputs waiting for one call: more than a dialog's peer can send while its task is not scheduled.
/// When full the input is dropped (SIP repeats it) and counted in `queue_full`.
pub(crate) const INBOX_CAPACITY: usize = 32;

/// Questions of `ringwell status` waiting for the loop, one for each control connection. When full the
/// asking side waits; nothing is dropped.
pub(crate) const QUESTIONS_CAPACITY: usize = 8;

/// Messages or outputs waiting from which on new calls are refused: three quarters of either queue.
/// What is left is for the calls that run.
const PRESSED: usize = if RECEIVED_CAPACITY < OUTPUTS_CAPACITY {
    RECEIVED_CAPACITY / 4 * 3
} else {
    OUTPUTS_CAPACITY / 4 * 3
};

/// How often the loop looks at itself when nothing happens: the watchdog's and the shutdown's pace.
const TICK: Duration = Duration::from_millis(250);

/// A question and where its answer goes.
pub(crate) type Question = (control::Request, oneshot::Sender<Value>);

/// A running call as the loop sees it.
struct Running {
    id: CallId,
    inbox: mpsc::Sender<Inbox>,
    since: Instant,
    kind: &'static str,
    line: Arc<str>,
    flow: Flow,
}

/// The loop.
pub(crate) struct EventLoop {
    pub(super) services: Arc<Services>,
    lines: Arc<Lines>,
    registrations: Registrations,
    pub(super) stun: Stun,
    pub(super) endpoint: Endpoint,
    sockets: SipSockets,
    received: mpsc::Receiver<Received>,
    outputs: mpsc::Receiver<(SessionId, Output)>,
    output_sender: mpsc::Sender<(SessionId, Output)>,
    questions: mpsc::Receiver<Question>,
    calls: HashMap<SessionId, Running>,
    second_legs: SecondLegs,
    tasks: JoinSet<()>,
    task_sessions: HashMap<task::Id, SessionId>,
    signals: Signals,
    reload: Reload,
    shutdown: Shutdown,
    random: Random,
    watchdog: Option<Duration>,
    watchdog_told: Instant,
    start: Instant,
    refusals: Arc<Refusals>,
}

enum Event {
    Received(Received),
    Output(SessionId, Output),
    CallOver(Result<(task::Id, ()), JoinError>),
    SecondLegs(second_legs::Task),
    Asked(Question),
    Signal(Signal),
    Reread(Read),
    Found(Result<Found, JoinError>),
    StunFound(Result<stun::Found, JoinError>),
    Due,
}

impl EventLoop {
    /// A loop over bound sockets.
    pub(crate) fn new(
        services: Arc<Services>,
        (lines, registrations, stun, finder): (Arc<Lines>, Registrations, Stun, Finder),
        endpoint: Endpoint,
        (sockets, received): (SipSockets, mpsc::Receiver<Received>),
        questions: mpsc::Receiver<Question>,
        (signals, reload): (Signals, Reload),
        refusals: Arc<Refusals>,
    ) -> Self {
        let (output_sender, outputs) = mpsc::channel(OUTPUTS_CAPACITY);
        let now = clock::now();
        Self {
            shutdown: Shutdown::new(services.limits.drain_limit),
            services,
            lines,
            registrations,
            stun,
            endpoint,
            sockets,
            received,
            outputs,
            output_sender,
            questions,
            calls: HashMap::new(),
            second_legs: SecondLegs::new(finder),
            tasks: JoinSet::new(),
            task_sessions: HashMap::new(),
            signals,
            reload,
            random: Random::new(clock::seed()),
            watchdog: notify::watchdog_interval(),
            watchdog_told: now,
            start: now,
            refusals,
        }
    }

    /// Turns until the last call has ended after a request to stop.
    pub(crate) async fn run(mut self) {
        self.registrations
            .reconcile(&mut self.endpoint, clock::now());
        loop {
            let now = clock::now();
            self.endpoint.handle_timeout(now);
            self.drain_endpoint(now);
            self.refusals.sum_up(now);
            self.drive_registrations(now);
            self.stun.drive(&self.sockets, now);
            self.tell_watchdog(now);
            if self.step_shutdown(now) {
                break;
            }
            match self.next_event(now).await {
                Event::Received(received) => self.on_received(received),
                Event::Output(session, output) => {
                    self.endpoint.handle_output(session, output, clock::now());
                }
                Event::CallOver(outcome) => self.on_call_over(outcome),
                Event::SecondLegs(task) => self.on_second_legs(task),
                Event::Asked((request, answer)) => {
                    let told = self.answer(request);
                    // The asking side may have gone.
                    let _ = answer.send(told);
                }
                Event::Signal(Signal::Terminate) => self.shutdown.request(clock::now()),
                Event::Signal(Signal::Hangup) => self.reload.request(),
                Event::Reread(read) => self.on_reread(read),
                Event::Found(found) => {
                    let now = clock::now();
                    self.registrations.on_found(found, &self.sockets, now);
                }
                Event::StunFound(found) => self.stun.on_found(found, &self.sockets, clock::now()),
                Event::Due => {}
            }
        }
    }

    async fn next_event(&mut self, now: Instant) -> Event {
        let tick = now + TICK;
        let machines = [
            self.endpoint.poll_timeout(),
            self.registrations.poll_timeout(),
            self.stun.poll_timeout(),
        ];
        let due = machines.into_iter().flatten().fold(tick, Instant::min);
        tokio::select! {
            biased;
            Some((session, output)) = self.outputs.recv() => Event::Output(session, output),
            Some(outcome) = self.tasks.join_next_with_id(), if !self.tasks.is_empty() => Event::CallOver(outcome),
            task = self.second_legs.next() => Event::SecondLegs(task),
            Some(received) = self.received.recv() => Event::Received(received),
            Some(question) = self.questions.recv() => Event::Asked(question),
            signal = self.signals.next() => Event::Signal(signal),
            read = self.reload.next() => Event::Reread(read),
            found = self.registrations.next() => Event::Found(found),
            found = self.stun.next() => Event::StunFound(found),
            () = tokio::time::sleep_until(due.into()) => Event::Due,
        }
    }

    fn drain_endpoint(&mut self, now: Instant) {
        while let Some(event) = self.endpoint.poll_event() {
            match event {
                endpoint::Event::Incoming {
                    session,
                    transaction,
                    invite,
                    flow,
                    replaces: Some(_),
                } => self.forbid(session, transaction, &invite, flow, now),
                endpoint::Event::Incoming {
                    session,
                    transaction,
                    invite,
                    flow,
                    replaces: None,
                } => {
                    self.on_incoming(session, transaction, invite, flow, now);
                }
                endpoint::Event::Session { session, input } => {
                    self.on_session_input(session, input, now);
                }
            }
        }
        while let Some(transmit) = self.endpoint.poll_transmit() {
            self.sockets.send(transmit);
        }
        if let Some(seen) = self.endpoint.poll_seen_as() {
            self.learn_public_address(Origin::Peer, seen.ip());
        }
        while let Some(refused) = self.endpoint.poll_refused() {
            self.refusals.note_refused(&refused);
        }
    }

    /// News for a registration, for a call, or for a call's second leg.
    fn on_session_input(&mut self, session: SessionId, input: session::Input, now: Instant) {
        if self.registrations.owns(session) {
            self.registrations.handle(session, input, now);
        } else if let Some(owner) = self.second_legs.owner(session) {
            self.give_second(owner, session, input);
        } else {
            self.give(session, Inbox::Sip(Box::new(input)));
        }
    }

    fn on_received(&mut self, received: Received) {
        let now = clock::now();
        self.endpoint
            .set_pressed(self.received.len() > PRESSED || self.outputs.len() > PRESSED);
        match received {
            Received::Message { bytes, flow } => self.endpoint.handle_message(bytes, flow, now),
            Received::Forbidden { bytes, flow } => {
                self.endpoint.handle_stranger(bytes, flow, now);
            }
            Received::Lost { flow } => self.endpoint.handle_flow_lost(flow, now),
            Received::Mapped { local, public } => self.on_mapped(local, public, now),
        }
    }

    fn on_incoming(
        &mut self,
        session: SessionId,
        transaction: TransactionId,
        invite: Request,
        flow: Flow,
        now: Instant,
    ) {
        self.services.metrics.count(Counter::CallsOffered);
        if self.refuses_emergency(session, transaction, &invite, flow, now) {
            return;
        }
        if self.calls.len() >= self.services.limits.calls_max {
            return self.refuse(
                session,
                transaction,
                (&invite, flow),
                Counter::RefusedBusy,
                now,
            );
        }
        let Some(line) = self.lines.of(flow, &invite) else {
            return self.refuse(
                session,
                transaction,
                (&invite, flow),
                Counter::RefusedLine,
                now,
            );
        };
        let address = self.services.media_addresses.of_call(&invite, flow);
        let Some(ports) = self.services.ports.allocate_at(address, now) else {
            return self.refuse(
                session,
                transaction,
                (&invite, flow),
                Counter::RefusedPorts,
                now,
            );
        };
        let kind = line.kind(&invite);
        let (sender, inbox) = mpsc::channel(INBOX_CAPACITY);
        let task = Box::new(CallTask::new(
            Arc::clone(&self.services),
            (kind, &line),
            (session, transaction, invite, flow),
            ports,
            inbox,
            (self.output_sender.clone(), self.second_legs.sender()),
            self.random.fork(),
        ));
        let running = Running {
            id: task.id().clone(),
            inbox: sender,
            since: now,
            kind: kind_name(kind),
            line: Arc::clone(&line.name),
            flow,
        };
        self.calls.insert(session, running);
        let handle = self.tasks.spawn(task.run());
        self.task_sessions.insert(handle.id(), session);
    }

    /// Hands an input to a call's task without waiting. A request that finds no room is answered
    /// 503, since its transaction absorbs the retransmissions that might; one to a task that has just ended is
    /// answered 481 when [`Self::on_call_over`] forgets the session. False when it was not taken.
    fn give(&mut self, session: SessionId, input: Inbox) -> bool {
        let Some(running) = self.calls.get(&session) else {
            return false;
        };
        let Err(refused) = running.inbox.try_send(input) else {
            return true;
        };
        let TrySendError::Full(refused) = refused else {
            return false;
        };
        self.services.metrics.count(Counter::QueueFull);
        if let Inbox::Sip(input) = refused
            && let session::Input::Request {
                transaction,
                request,
                ..
            } = *input
        {
            let response = Response::to_request(&request, StatusCode::SERVICE_UNAVAILABLE);
            let output = Output::Respond {
                transaction,
                response,
            };
            self.endpoint.handle_output(session, output, clock::now());
        }
        false
    }

    fn on_call_over(&mut self, outcome: Result<(task::Id, ()), JoinError>) {
        let id = match &outcome {
            Ok((id, ())) => *id,
            Err(error) => error.id(),
        };
        let Some(session) = self.task_sessions.remove(&id) else {
            return;
        };
        if let (Some(running), Err(error)) = (self.calls.remove(&session), outcome) {
            self.record_broken(&running, &error);
        }
        // Whatever the task has sent before it ended still stands in the queue.
        self.drain_outputs();
        self.forget_second_legs_of(session);
        // Says BYE to a call that is still open.
        self.endpoint.forget(session, clock::now());
        self.tell_running();
    }

    fn drain_outputs(&mut self) {
        while let Ok((from, output)) = self.outputs.try_recv() {
            self.endpoint.handle_output(from, output, clock::now());
        }
    }

    /// A task that broke has left its call's record open: it is ended, which files the ticket.
    fn record_broken(&self, running: &Running, error: &JoinError) {
        self.services.metrics.count(Counter::CallsPanicked);
        log::error!(CALL_ID = running.id.0.as_str(); "the call's task broke: {error}");
        let at = clock::now().saturating_duration_since(running.since);
        let reason = "the call broke".to_owned();
        let ended = Entry::Ended {
            at,
            outcome: Outcome::Failed,
            reason,
        };
        self.services.store.record_later(running.id.clone(), ended);
    }

    /// Advances a requested stop; true when the loop is to end.
    fn step_shutdown(&mut self, now: Instant) -> bool {
        let Some(phase) = self.shutdown.step(now, self.calls.len()) else {
            return false;
        };
        match phase {
            Phase::Stop => {
                log::info!(CALLS = self.calls.len(); "stopping: no new calls, running ones may finish");
                notify::stopping();
                self.endpoint.set_accepting(false);
                self.registrations.leave(now);
            }
            Phase::SayGoodbye => {
                log::info!(CALLS = self.calls.len(); "the time to finish is over: saying goodbye");
                self.give_all(|| Inbox::Drain);
            }
            Phase::Kill => {
                log::warn!(CALLS = self.calls.len(); "ending the calls that are left");
                self.give_all(|| Inbox::Kill("the telephone system is stopping".to_owned()));
            }
            Phase::Over => return self.registrations.are_gone(),
        }
        false
    }

    fn give_all(&mut self, input: impl Fn() -> Inbox) {
        let sessions: Vec<_> = self.calls.keys().copied().collect();
        for session in sessions {
            self.give(session, input());
        }
    }

    fn tell_watchdog(&mut self, now: Instant) {
        if self
            .watchdog
            .is_some_and(|every| now >= self.watchdog_told + every)
        {
            self.watchdog_told = now;
            notify::watchdog();
        }
    }

    fn answer(&mut self, request: control::Request) -> Value {
        match request {
            control::Request::Status => {
                let now = clock::now();
                let calls = self.calls.values().map(|running| status::RunningCall {
                    id: running.id.clone(),
                    kind: running.kind,
                    line: Arc::clone(&running.line),
                    seconds: now.saturating_duration_since(running.since).as_secs(),
                });
                let calls: Vec<_> = calls.collect();
                let uptime = now.saturating_duration_since(self.start);
                let state = (self.shutdown.state(), uptime);
                let mut told =
                    status::snapshot(&self.services, &self.sockets, &self.endpoint, state, &calls);
                told["lines"] = self.registrations.status(now);
                told["public_address"] = self.public_address_status(now);
                told["configuration"] = self.reload.status(now);
                told
            }
            control::Request::Drain => {
                self.shutdown.request(clock::now());
                serde_json::json!({"state": self.shutdown.state()})
            }
        }
    }
}
