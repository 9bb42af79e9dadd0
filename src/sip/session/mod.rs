//! One call's signalling (RFC 3261 §13-15): a dialog, its offer/answer, and the verbs of a call.
//!
//! ```text
//!           incoming                          outgoing
//!              v                                 v
//!        +-----------+ CANCEL, BYE         +-----------+ 300-699, silence
//!        |  INVITED  |-------------+       | INVITING  |-------------+
//!        +-----------+ refuse      |       +-----------+             |
//!   accept: 200 |                  |  2xx: ACK |                     |
//!               v                  |           |                     |
//!        +-----------------------------------------+                 |
//!        | ESTABLISHED  (a 2xx of ours may wait    |---+ re-INVITE,  |
//!        |              for its ACK: repeated)     |<--+ UPDATE ..   |
//!        +-----------------------------------------+                 |
//!          | hang_up, no ACK: BYE  |     | BYE from peer             |
//!          v                       |     |                           |
//!        +-----------+ response    |     v                           |
//!        |  CLOSING  |----------->+-----------+<---------------------+
//!        +-----------+            |   OVER    |
//!                                 +-----------+
//! ```
//!
//! One file per verb. The owner gives inputs, then drains [`Session::poll_output`] and
//! [`Session::poll_event`]. After [`Event::Ended`] nothing follows and the endpoint may forget it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::dialog::Dialog;
use super::message::{Request, Response, StatusCode, Uri};
use super::next_hop::Path;
use super::transaction::{Timers, Timing};
use super::{Flow, Random, TransactionId};
use crate::sdp::Local;

mod accept;
mod ack;
mod authorize;
mod body;
mod bye;
mod cancel;
mod event;
mod fork;
mod info;
mod inside;
mod invite;
mod media;
mod modify;
mod policy;
mod prack;
mod redirect;
mod refer;
mod referred;
mod reinvite;
mod reply;
mod timer;
mod update;

pub(in crate::sip) use cancel::cancel_of;
pub use event::{Ended, Event, Party};
pub use invite::Call;
pub use policy::{Policy, ReliableProvisionals};
pub use refer::Referral;
pub use referred::Referred;

use accept::{Invited, Unacknowledged};
use authorize::Authorizer;
use info::Keys;
use invite::{Inviting, Outgoing};
use media::Media;
use modify::Modification;
use prack::Provisionals;
use refer::Referring;
use referred::Subscription;
use timer::SessionTimer;

/// What a session needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the peer shall send its requests: our Contact.
    pub contact: Uri,
    /// The value of Server and User-Agent.
    pub server_name: String,
    /// Our side of the media.
    pub local_media: Local,
    /// What the line allows and asks for.
    pub policy: Policy,
    /// The timers.
    pub timing: Timing,
}

/// What the endpoint tells a session.
#[derive(Clone, Debug)]
pub enum Input {
    /// A request inside the dialog (BYE, re-INVITE, OPTIONS ...), to be answered with [`Output::Respond`].
    Request {
        /// The server transaction to answer on.
        transaction: TransactionId,
        /// The request.
        request: Request,
        /// The path it came by; later requests of ours follow it.
        flow: Flow,
    },
    /// The ACK of a 2xx.
    Ack(Request),
    /// CANCEL of the INVITE was received and answered 200; the session answers the INVITE 487.
    Cancelled,
    /// A response to one of our requests.
    Response {
        /// The client transaction.
        transaction: TransactionId,
        /// The response.
        response: Response,
    },
    /// No final response came (Timer B or F), or the transport failed: treated as 408 or 503.
    Failed {
        /// The client transaction.
        transaction: TransactionId,
        /// 408 or 503 (RFC 3261 §8.1.3.1).
        status: StatusCode,
    },
    /// The connection that the dialog was last heard on is gone.
    FlowLost,
}

/// What a session asks of the endpoint.
#[derive(Clone, Debug)]
pub enum Output {
    /// Answer a server transaction (a 2xx may come several times: the session retransmits it, RFC 3261 §13.3.1.4).
    Respond {
        /// The server transaction.
        transaction: TransactionId,
        /// The response.
        response: Response,
    },
    /// Start a client transaction. The endpoint adds the Via.
    Request {
        /// Chosen by the session, unique within it; the endpoint maps it.
        transaction: TransactionId,
        /// The request without Via.
        request: Request,
        /// Next hop.
        flow: Flow,
    },
    /// Send an ACK of a 2xx (no transaction). The endpoint adds the Via.
    Ack {
        /// The ACK without Via.
        request: Request,
        /// Next hop.
        flow: Flow,
    },
}

/// The session.
#[derive(Debug)]
pub struct Session {
    settings: Settings,
    random: Random,
    state: State,
    call_id: Bytes,
    local_tag: String,
    /// Where the peer was last heard.
    flow: Flow,
    path: Path,
    /// Of an outgoing call only from the first tagged response on.
    dialog: Option<Dialog>,
    media: Media,
    modification: Modification,
    session_timer: SessionTimer,
    /// A 2xx of ours that waits for its ACK.
    unacknowledged: Option<Unacknowledged>,
    /// The wish to hang up, waiting for that ACK (RFC 3261 §15).
    parting: Option<String>,
    /// Our INVITE and its ACK.
    outgoing: Option<Outgoing>,
    /// Of an outgoing call: answers challenges.
    authorizer: Option<Authorizer>,
    /// Our reliable provisional responses.
    provisionals: Provisionals,
    /// Keys of ours that go by INFO.
    keys: Keys,
    /// Our REFER, until its outcome is known.
    referring: Option<Referring>,
    /// The peer's REFER, until it has been told the outcome.
    subscription: Option<Subscription>,
    /// Whether the peer has sent a REFER that we took.
    was_referred: bool,
    timers: Timers<Timer>,
    /// Requests of ours inside the dialog that wait for their final response (BYE and INVITE apart).
    pending: Vec<(TransactionId, Purpose)>,
    last_transaction: u64,
    outputs: VecDeque<Output>,
    events: VecDeque<Event>,
}

#[derive(Debug)]
enum State {
    Invited(Invited),
    Inviting(Inviting),
    Established,
    Closing { bye: TransactionId, ended: Ended },
    Over,
}

/// What a request of ours inside the dialog is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// INVITE: hold, resume, another address, a refresh.
    Reinvite,
    /// UPDATE, for the same.
    Update,
    /// Acknowledges a provisional response.
    Prack,
    /// Transfers the peer.
    Refer,
    /// Tells the peer how its transfer goes.
    Notify,
    /// Presses a key.
    Info,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timer {
    /// Asks for more time to answer the INVITE.
    Extend,
    /// Repeats the 2xx.
    Repeat,
    /// Gives up waiting for the ACK.
    NoAck,
    /// Gives up waiting for the endpoint's word on the BYE.
    Closed,
    /// Repeats a reliable provisional response.
    Provisional,
    /// Gives up waiting for its PRACK.
    NoPrack,
    /// Gives up a call of ours that rings.
    RingMax,
    /// Gives up waiting for the outcome of our REFER.
    Referral,
    /// Ends the subscription to the outcome of the peer's REFER.
    Referred,
    /// Refreshes the session (RFC 4028).
    Refresh,
    /// Ends the session that was not refreshed.
    Expire,
    /// Tries our change of the session again.
    Retry,
    /// Gives up our re-INVITE.
    Stalled,
}

/// Outputs and events a session holds, each. One input gives at most four of either and the owner
/// drains after each, so a full queue is a broken invariant: the newest is dropped with an ERROR
/// line, which is its counter.
const QUEUE_MAX: usize = 32;

/// How often an unanswered INVITE gets another provisional response, so that proxies keep waiting
/// (RFC 3261 §13.3.1.1).
const EXTEND: Duration = Duration::from_secs(60);

impl Session {
    /// An input from the endpoint.
    pub fn handle(&mut self, input: Input, now: Instant) {
        match input {
            Input::Request {
                transaction,
                request,
                flow,
            } => self.on_request(transaction, &request, flow, now),
            Input::Ack(request) => self.on_ack(&request, now),
            Input::Cancelled => self.on_cancelled(),
            Input::Response {
                transaction,
                response,
            } => self.on_response(transaction, &response, now),
            Input::Failed {
                transaction,
                status,
            } => self.on_failed(transaction, status, now),
            Input::FlowLost => self.path = Path::Lost,
        }
        self.modify(now);
    }

    /// Time has come to [`Self::poll_timeout`].
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                Timer::Extend => self.extend(now),
                Timer::Repeat => self.repeat_2xx(now),
                Timer::NoAck => self.on_no_ack(now),
                Timer::Closed => self.on_closed(),
                Timer::Provisional => self.repeat_provisional(now),
                Timer::NoPrack => self.on_no_prack(),
                Timer::RingMax => self.on_ring_max(),
                Timer::Referral => self.conclude_referral(StatusCode::REQUEST_TIMEOUT),
                Timer::Referred => self.expire_subscription(),
                Timer::Refresh => self.on_refresh_due(),
                Timer::Expire => self.on_session_expired(now),
                Timer::Retry => {}
                Timer::Stalled => self.on_reinvite_stalled(),
            }
        }
        self.modify(now);
    }

    /// Ends the call in whatever way its state asks for: BYE, CANCEL, or a refusal. The text goes
    /// out as Reason (RFC 3326). A call whose ACK is still missing is ended when that has come or
    /// was given up (RFC 3261 §15).
    pub fn hang_up(&mut self, text: &str, now: Instant) {
        match &self.state {
            State::Invited(_) => self.refuse_because(StatusCode::TEMPORARILY_UNAVAILABLE, text),
            State::Inviting(_) => self.cancel(text),
            State::Established => self.part(text, now),
            State::Closing { .. } | State::Over => {}
        }
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

    /// Whether [`Event::Ended`] has been given.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// The Call-ID, for logs.
    #[must_use]
    pub fn call_id(&self) -> &Bytes {
        &self.call_id
    }

    fn new(
        call_id: Bytes,
        flow: Flow,
        settings: Settings,
        mut random: Random,
        state: State,
    ) -> Self {
        Self {
            local_tag: random.token(),
            random,
            state,
            call_id,
            flow,
            path: Path::Up,
            dialog: None,
            media: Media::new(settings.local_media.clone()),
            modification: Modification::default(),
            session_timer: SessionTimer::default(),
            settings,
            unacknowledged: None,
            parting: None,
            outgoing: None,
            authorizer: None,
            provisionals: Provisionals::default(),
            keys: Keys::default(),
            referring: None,
            subscription: None,
            was_referred: false,
            timers: Timers::default(),
            pending: Vec::new(),
            last_transaction: 0,
            outputs: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    fn on_response(&mut self, transaction: TransactionId, response: &Response, now: Instant) {
        if self.answer_challenge(transaction, response) {
            return;
        }
        if self
            .outgoing
            .as_ref()
            .is_some_and(|it| it.transaction == transaction)
        {
            return self.on_invite_response(response, now);
        }
        match self.purpose(transaction, response.status.is_final()) {
            Some(Purpose::Reinvite) => self.on_reinvite_response(transaction, response, now),
            Some(Purpose::Update) => self.on_update_response(response, now),
            Some(Purpose::Prack) => {}
            Some(Purpose::Refer) => self.on_refer_response(response, now),
            Some(Purpose::Notify) => self.on_notify_response(response),
            Some(Purpose::Info) => self.on_info_response(response),
            None if response.status.is_final() => {
                self.repeat_ack(transaction, response);
                self.on_bye_finished(transaction);
            }
            None => {}
        }
    }

    /// What a request of ours is for; it is forgotten when its final response has come.
    fn purpose(&mut self, transaction: TransactionId, is_final: bool) -> Option<Purpose> {
        let index = self.pending.iter().position(|(id, _)| *id == transaction)?;
        let (_, purpose) = self.pending[index];
        if is_final {
            self.pending.swap_remove(index);
        }
        Some(purpose)
    }

    fn on_failed(&mut self, transaction: TransactionId, status: StatusCode, now: Instant) {
        if self
            .outgoing
            .as_ref()
            .is_some_and(|it| it.transaction == transaction)
        {
            return self.on_invite_failed(status);
        }
        // No answer is treated as 408, a lost path as 503 (RFC 3261 §8.1.3.1).
        let failed = Response::new(status);
        match self.purpose(transaction, true) {
            Some(Purpose::Reinvite) => self.on_reinvite_response(transaction, &failed, now),
            Some(Purpose::Update) => self.on_update_response(&failed, now),
            Some(Purpose::Prack) => {}
            Some(Purpose::Refer) => self.on_refer_response(&failed, now),
            Some(Purpose::Notify) => self.on_notify_response(&failed),
            Some(Purpose::Info) => self.on_info_response(&failed),
            None => self.on_bye_finished(transaction),
        }
    }

    /// The state is OVER: nothing follows.
    fn end(&mut self, by: Party, status: Option<StatusCode>, text: impl Into<String>) {
        self.end_as(Ended::new(by, status.map(|status| status.0), text));
    }

    fn end_as(&mut self, ended: Ended) {
        self.state = State::Over;
        self.timers.clear();
        self.unacknowledged = None;
        self.parting = None;
        self.tell(Event::Ended(ended));
    }

    fn new_transaction(&mut self) -> TransactionId {
        self.last_transaction += 1;
        TransactionId(self.last_transaction)
    }

    fn put(&mut self, output: Output) {
        let output = match &mut self.authorizer {
            Some(authorizer) => authorizer.pass(output),
            None => output,
        };
        push(&mut self.outputs, output);
    }

    fn tell(&mut self, event: Event) {
        let held = match &event {
            Event::Negotiated(negotiated) => self.media.hold_changed(negotiated),
            _ => None,
        };
        push(&mut self.events, event);
        if let Some(held) = held {
            push(&mut self.events, Event::Held(held));
        }
    }
}

fn push<T>(queue: &mut VecDeque<T>, item: T) {
    if queue.len() < QUEUE_MAX {
        queue.push_back(item);
    } else {
        log::error!("a session's queue is not drained");
    }
}

#[cfg(test)]
mod tests;
