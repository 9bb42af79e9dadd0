//! The loop's part in second legs, and its refusal of calls that are not ours to take.

use std::collections::HashMap;
use std::time::Instant;

use tokio::sync::mpsc;

use super::super::call_task::Inbox;
use super::super::metrics::Counter;
use super::super::rests::Rests;
use super::super::second_leg::{ASKS_CAPACITY, Ask, Way};
use super::EventLoop;
use crate::config::is_emergency;
use crate::io::clock;
use crate::sip::message::{Request, Response, StatusCode};
use crate::sip::session::{self, Output};
use crate::sip::{Flow, SessionId, TransactionId};

/// The loop's side of all second legs.
pub(crate) struct SecondLegs {
    asks: mpsc::Receiver<Ask>,
    sender: mpsc::Sender<Ask>,
    /// Which call a leg belongs to.
    owners: HashMap<SessionId, SessionId>,
    rests: Rests,
}

impl SecondLegs {
    pub(crate) fn new() -> Self {
        let (sender, asks) = mpsc::channel(ASKS_CAPACITY);
        Self {
            asks,
            sender,
            owners: HashMap::new(),
            rests: Rests::default(),
        }
    }

    /// Where a call's task asks.
    pub(crate) fn sender(&self) -> mpsc::Sender<Ask> {
        self.sender.clone()
    }

    /// The next wish. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Ask {
        match self.asks.recv().await {
            Some(ask) => ask,
            None => core::future::pending().await,
        }
    }

    /// The call that a session belongs to as its second leg.
    pub(crate) fn owner(&self, session: SessionId) -> Option<SessionId> {
        self.owners.get(&session).copied()
    }
}

impl EventLoop {
    pub(super) fn on_ask(&mut self, ask: Ask) {
        match ask {
            Ask::Open { call, flow, target } => {
                let way = self.open_second_leg(call, flow, &target);
                let session = way.as_ref().ok().map(|way| way.session);
                let given = self.give(call, Inbox::SecondLeg(way.map(Box::new)));
                if let (false, Some(session)) = (given, session) {
                    self.forget_second_leg(session);
                }
            }
            Ask::Close(session) => {
                // What its task has sent before stands in the other queue.
                self.drain_outputs();
                self.forget_second_leg(session);
            }
        }
    }

    fn open_second_leg(
        &mut self,
        call: SessionId,
        flow: Flow,
        target: &str,
    ) -> Result<Way, String> {
        let (dial, line) = self.services.targets.dial(target, flow, &self.lines)?;
        let server = dial.flow.remote;
        self.second_legs.rests.check(server, clock::now())?;
        let ports = self.services.ports.allocate(clock::now());
        let ports = ports.ok_or("no port is free")?;
        let session = self.endpoint.start_session();
        self.second_legs.owners.insert(session, call);
        self.second_legs.rests.began(session, server);
        Ok(Way {
            session,
            dial,
            line,
            ports,
        })
    }

    /// News for a second leg. A request that its call's task has no room for is answered 503.
    pub(super) fn give_second(
        &mut self,
        owner: SessionId,
        session: SessionId,
        input: session::Input,
    ) {
        let now = clock::now();
        self.second_legs.rests.heard(session, &input, now);
        let request = match &input {
            session::Input::Request {
                transaction,
                request,
                ..
            } => Some((*transaction, request.clone())),
            _ => None,
        };
        if !self.give(owner, Inbox::SecondSip(Box::new(input)))
            && let Some((transaction, request)) = request
        {
            let response = Response::to_request(&request, StatusCode::SERVICE_UNAVAILABLE);
            let output = Output::Respond {
                transaction,
                response,
            };
            self.endpoint.handle_output(session, output, clock::now());
        }
    }

    fn forget_second_leg(&mut self, session: SessionId) {
        if self.second_legs.owners.remove(&session).is_some() {
            self.second_legs.rests.ended(session);
            self.endpoint.forget(session, clock::now());
        }
    }

    /// A call is over: whatever legs it still has are ended with it.
    pub(super) fn forget_second_legs_of(&mut self, call: SessionId) {
        let owners = self.second_legs.owners.iter();
        let left: Vec<_> = owners.filter(|(_, owner)| **owner == call).collect();
        let left: Vec<_> = left.into_iter().map(|(session, _)| *session).collect();
        for session in left {
            self.forget_second_leg(session);
        }
    }

    /// A call to a number that only the telephone network may answer is refused, so that the PBX takes its
    /// other route: 503 without Retry-After makes a client try the next one (RFC 3261 §21.5.4, RFC 3263
    /// §4.3) and does not keep it away from us afterwards; after 404 or 603 many try nothing else. True when
    /// it was one.
    pub(super) fn refuses_emergency(
        &mut self,
        session: SessionId,
        transaction: TransactionId,
        invite: &Request,
        flow: Flow,
        now: Instant,
    ) -> bool {
        let user = invite.uri.user_text().unwrap_or_default();
        let asks_for_help =
            is_emergency(&user) || is_emergency(&String::from_utf8_lossy(invite.uri.as_bytes()));
        if !asks_for_help {
            return false;
        }
        self.services.metrics.count(Counter::RefusedEmergency);
        log::error!(
            PEER:% = flow.remote, REASON = Counter::RefusedEmergency.name();
            "a call to an EMERGENCY number came here and was refused with 503: correct the PBX's routes"
        );
        let response = Response::to_request(invite, StatusCode::SERVICE_UNAVAILABLE);
        self.answer_without_call(session, transaction, invite, response, now);
        true
    }
}
