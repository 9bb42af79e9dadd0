//! The loop's part in second legs, and its refusal of calls that are not ours to take.

use std::collections::HashMap;
use std::time::Instant;

use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};

use super::super::call_task::Inbox;
use super::super::metrics::Counter;
use super::super::paths::{Finder, flows};
use super::super::rests::Rests;
use super::super::second_leg::{ASKS_CAPACITY, Ask, Way};
use super::EventLoop;
use crate::config::is_emergency;
use crate::io::clock;
use crate::sip::message::{Request, Response, StatusCode};
use crate::sip::session::{self, Output};
use crate::sip::target::Target;
use crate::sip::{Flow, SessionId, TransactionId};

/// The loop's side of all second legs.
pub(crate) struct SecondLegs {
    asks: mpsc::Receiver<Ask>,
    sender: mpsc::Sender<Ask>,
    /// Which call a leg belongs to.
    owners: HashMap<SessionId, SessionId>,
    rests: Rests,
    finder: Finder,
    /// At most one for each call: it asks again only when it was answered.
    look_ups: JoinSet<Looked>,
}

/// What there is to do for second legs.
pub(crate) enum Task {
    /// A call's wish.
    Ask(Ask),
    /// A target's address was looked up.
    Looked(Result<Looked, JoinError>),
}

/// A look-up that is done.
pub(crate) struct Looked {
    wish: Wish,
    targets: Result<Vec<Target>, String>,
}

/// A wish for a second leg.
struct Wish {
    call: SessionId,
    target: String,
    tried: Vec<Flow>,
}

/// Paths tried for one call: silence costs some seconds each, and a caller waits.
const TRIED_MAX: usize = 4;

impl SecondLegs {
    pub(crate) fn new(finder: Finder) -> Self {
        let (sender, asks) = mpsc::channel(ASKS_CAPACITY);
        Self {
            asks,
            sender,
            owners: HashMap::new(),
            rests: Rests::default(),
            finder,
            look_ups: JoinSet::new(),
        }
    }

    /// Where a call's task asks.
    pub(crate) fn sender(&self) -> mpsc::Sender<Ask> {
        self.sender.clone()
    }

    /// The next thing to do. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Task {
        tokio::select! {
            biased;
            Some(looked) = self.look_ups.join_next(), if !self.look_ups.is_empty() => Task::Looked(looked),
            Some(ask) = self.asks.recv() => Task::Ask(ask),
            else => core::future::pending().await,
        }
    }

    /// The call that a session belongs to as its second leg.
    pub(crate) fn owner(&self, session: SessionId) -> Option<SessionId> {
        self.owners.get(&session).copied()
    }
}

impl EventLoop {
    pub(super) fn on_second_legs(&mut self, task: Task) {
        match task {
            Task::Ask(Ask::Open {
                call,
                target,
                tried,
            }) => self.on_wish(Wish {
                call,
                target,
                tried,
            }),
            Task::Looked(Ok(looked)) => {
                let targets = looked.targets.and_then(|it| flows(&it, &self.sockets));
                self.answer_wish(&looked.wish, targets);
            }
            // Its call gives up by its own timer.
            Task::Looked(Err(error)) => log::error!("a look-up broke: {error}"),
            Task::Ask(Ask::Close(session)) => {
                // What its task has sent before stands in the other queue.
                self.drain_outputs();
                self.forget_second_leg(session);
            }
        }
    }

    /// A way to a target: at once, or when its address is looked up.
    fn on_wish(&mut self, wish: Wish) {
        let plan = self.services.plans.present();
        let Some(uri) = plan.targets.address(&wish.target).cloned() else {
            return self.answer_wish(&wish, Ok(Vec::new()));
        };
        let finder = self.second_legs.finder.clone();
        self.second_legs.look_ups.spawn(async move {
            let targets = finder.find(&uri).await;
            Looked { wish, targets }
        });
    }

    fn answer_wish(&mut self, wish: &Wish, found: Result<Vec<Flow>, String>) {
        let way = found.and_then(|found| self.open_second_leg(wish, &found));
        let session = way.as_ref().ok().map(|way| way.session);
        let given = self.give(wish.call, Inbox::SecondLeg(way.map(Box::new)));
        if let (false, Some(session)) = (given, session) {
            self.forget_second_leg(session);
        }
    }

    fn open_second_leg(&mut self, wish: &Wish, found: &[Flow]) -> Result<Way, String> {
        let plan = self.services.plans.present();
        let mut dials = plan.targets.dials(&wish.target, found, &self.lines)?;
        dials.retain(|(dial, _)| !wish.tried.contains(&dial.flow));
        let mut rest = None;
        dials.retain(|(dial, _)| {
            let checked = self.second_legs.rests.check(dial.flow.remote, clock::now());
            checked.map_err(|reason| rest = Some(reason)).is_ok()
        });
        let more = dials.len() > 1 && wish.tried.len() + 1 < TRIED_MAX;
        let Some((dial, line)) = dials.into_iter().next() else {
            return Err(rest.unwrap_or_else(|| "no other way is left".to_owned()));
        };
        let (call, server) = (wish.call, dial.flow.remote);
        let address = self.services.media_addresses.on(dial.flow);
        let ports = self.services.ports.allocate_at(address, clock::now());
        let ports = ports.ok_or("no port is free")?;
        let session = self.endpoint.start_session();
        self.second_legs.owners.insert(session, call);
        self.second_legs.rests.began(session, server);
        Ok(Way {
            session,
            dial,
            more,
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
