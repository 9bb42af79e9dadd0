//! Calling (RFC 3261 §13.2): INVITE with our offer, its responses, the ACK of its 2xx.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::authorize::{Authorizer, with_credentials};
use super::bye::{finished, lossy, unusable_answer};
use super::cancel::Cancel;
use super::fork::Fork;
use super::redirect::Targets;
use super::{Ended, Event, Output, Party, Session, Settings, State, Timer, body};
use crate::sip::dialog::{Dialog, MAX_FORWARDS};
use crate::sip::message::{CSeq, Method, Name, NameAddr, Request, Response, StatusCode, Uri};
use crate::sip::{Flow, Random, TransactionId, capabilities};

/// Whom to call, and as whom.
#[derive(Clone, Debug)]
pub struct Call {
    /// The Request-URI.
    pub uri: Uri,
    /// From, without tag.
    pub from: NameAddr,
    /// To.
    pub to: NameAddr,
}

/// Our INVITE.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) transaction: TransactionId,
    pub(super) invite: Box<Request>,
    pub(super) flow: Flow,
    /// The ACK of its 2xx, for each time that comes again.
    ack: Option<(Request, Flow)>,
    /// The branches that have answered it with a tag.
    pub(super) forks: Vec<Fork>,
}

/// The state INVITING.
#[derive(Debug)]
pub(super) struct Inviting {
    /// Whether a provisional response has come.
    pub(super) provisional: bool,
    pub(super) cancel: Cancel,
    rings: bool,
    /// Where else the call may go.
    pub(super) targets: Targets,
    /// The branch whose reliable provisional response has answered our offer.
    pub(super) concluded: Option<Bytes>,
}

impl Session {
    /// A call that goes out, on the given path. The INVITE carries our offer.
    #[must_use]
    pub fn outgoing(call: Call, flow: Flow, settings: Settings, mut random: Random) -> Self {
        let call_id = Bytes::from(format!("{}{}", random.token(), random.token()));
        let state = State::Inviting(Inviting {
            provisional: false,
            cancel: Cancel::No,
            rings: false,
            targets: Targets::default(),
            concluded: None,
        });
        let mut session = Self::new(call_id, flow, settings, random, state);
        let credentials = session.settings.policy.credentials.clone();
        session.authorizer = credentials.map(|it| Authorizer::new(it, session.random.fork(), flow));
        let invite = session.build_invite(call);
        let transaction = session.new_transaction();
        session.outgoing = Some(Outgoing {
            transaction,
            invite: Box::new(invite.clone()),
            flow,
            ack: None,
            forks: Vec::new(),
        });
        session.send_invite(transaction, invite, flow);
        session
    }

    fn build_invite(&mut self, call: Call) -> Request {
        let offer = self.media.offer();
        let contact = NameAddr::new(self.settings.contact.clone());
        let cseq = CSeq {
            number: 1,
            method: Method::Invite,
        };
        let mut invite = Request::new(Method::Invite, call.uri)
            .with_header(Name::MaxForwards, MAX_FORWARDS)
            .with_header(Name::From, call.from.with_tag(&self.local_tag))
            .with_header(Name::To, call.to)
            .with_header(Name::CallId, self.call_id.clone())
            .with_header(Name::CSeq, cseq)
            .with_header(Name::Contact, contact)
            .with_header(Name::UserAgent, self.settings.server_name.clone())
            .with_header(Name::Allow, capabilities::ALLOW)
            .with_header(Name::Supported, self.supported());
        self.ask_for_timer(&mut invite);
        invite.with_body(body::SDP, offer)
    }

    /// Sends an INVITE of ours, or sends it anew.
    pub(super) fn send_invite(&mut self, transaction: TransactionId, request: Request, flow: Flow) {
        self.put(Output::Request {
            transaction,
            request,
            flow,
        });
    }

    pub(super) fn on_invite_response(&mut self, response: &Response, now: Instant) {
        match response.status.0 {
            0..200 => self.on_provisional(response, now),
            200..300 if matches!(self.state, State::Inviting(_)) => self.on_answered(response, now),
            200..300 => self.on_answered_again(response),
            422 if self.raise_interval(&response.headers) => self.invite_again(response),
            _ => self.on_refused(response),
        }
    }

    pub(super) fn on_invite_failed(&mut self, status: StatusCode) {
        let State::Inviting(inviting) = &self.state else {
            return;
        };
        if inviting.cancel == Cancel::No && self.try_elsewhere(None) {
            return;
        }
        let text = match status {
            StatusCode::SERVICE_UNAVAILABLE => "the connection failed",
            _ => "no answer from the network",
        };
        self.end(Party::Network, Some(status), text);
    }

    fn on_provisional(&mut self, response: &Response, now: Instant) {
        let State::Inviting(inviting) = &mut self.state else {
            return;
        };
        if !std::mem::replace(&mut inviting.provisional, true)
            && !self.timers.is_running(Timer::RingMax)
        {
            let at = now + self.settings.policy.ring_max;
            self.timers.set(Timer::RingMax, at);
        }
        let begins_to_ring = (180..190).contains(&response.status.0) && !inviting.rings;
        inviting.rings |= begins_to_ring;
        if response.status != StatusCode::TRYING {
            self.on_early(response);
        }
        if begins_to_ring {
            self.tell(Event::Ringing);
        }
        self.send_cancel();
    }

    /// The first 2xx: acknowledged in any case, and hung up on at once when the call was given up
    /// meanwhile or the answer is of no use.
    fn on_answered(&mut self, response: &Response, now: Instant) {
        let tag = response.to_tag();
        self.turn_to_fork(tag.as_ref());
        let State::Inviting(inviting) = std::mem::replace(&mut self.state, State::Established)
        else {
            return;
        };
        self.timers.cancel(Timer::RingMax);
        match &mut self.dialog {
            Some(dialog) if dialog.remote_tag() == tag.as_ref() => dialog.confirm(response),
            _ => {
                self.park_fork();
                let outgoing = self.outgoing.as_ref();
                self.dialog = outgoing.and_then(|it| Dialog::uac(&it.invite, response));
            }
        }
        self.acknowledge();
        self.learn(&response.headers);
        if let Some(asked) = self.outgoing.as_ref().map(|it| it.invite.headers.clone()) {
            self.take_timer(&asked, &response.headers, now);
        }
        let concluded = self.conclude_call(inviting.concluded, response);
        self.media.settle();
        match (concluded, inviting.cancel) {
            (_, Cancel::Wanted(why) | Cancel::Sent(why)) => self.close(finished(&why.text), now),
            (Err(refused), Cancel::No) => self.close(unusable_answer(&refused), now),
            (Ok(negotiated), Cancel::No) => {
                self.tell(Event::Negotiated(negotiated));
                self.tell(Event::Answered);
                self.tell(Event::Confirmed);
            }
        }
    }

    /// A 2xx after the first: the same one again, or one of another branch.
    fn on_answered_again(&mut self, response: &Response) {
        let known = self.dialog.as_ref().and_then(Dialog::remote_tag);
        if response.to_tag().as_ref() != known {
            return self.on_lost_fork(response);
        }
        let ack = self.outgoing.as_ref().and_then(|it| it.ack.clone());
        if let Some((request, flow)) = ack {
            self.put(Output::Ack { request, flow });
        }
    }

    /// 422: once more, for a longer session.
    fn invite_again(&mut self, response: &Response) {
        let (State::Inviting(inviting), Some(outgoing)) = (&self.state, &self.outgoing) else {
            return;
        };
        if inviting.cancel != Cancel::No {
            return self.on_refused(response);
        }
        let flow = outgoing.flow;
        let invite = self.invite_with_longer_interval(&outgoing.invite);
        self.call_again(invite, flow);
    }

    fn on_refused(&mut self, response: &Response) {
        let State::Inviting(inviting) = &self.state else {
            return;
        };
        let status = response.status;
        if let Cancel::Sent(why) = &inviting.cancel {
            let (status, text) = (why.status.unwrap_or(status), why.text.clone());
            return self.end(Party::Local, Some(status), text);
        }
        if inviting.cancel == Cancel::No && self.try_elsewhere(Some(response)) {
            return;
        }
        let seconds = response.headers.number(&Name::RetryAfter);
        self.end_as(Ended {
            retry_after: seconds.map(|seconds| Duration::from_secs(seconds.into())),
            ..Ended::new(Party::Remote, Some(status.0), lossy(&response.reason))
        });
    }

    fn acknowledge(&mut self) {
        let flow = self.next_hop();
        let (Some(outgoing), Some(dialog)) = (&mut self.outgoing, &self.dialog) else {
            return;
        };
        let request = outgoing.ack_in(dialog);
        outgoing.ack = Some((request.clone(), flow));
        self.put(Output::Ack { request, flow });
    }
}

impl Outgoing {
    /// The ACK of the INVITE's 2xx in this dialog; it carries the INVITE's credentials (RFC 3261
    /// §13.2.2.4).
    pub(super) fn ack_in(&self, dialog: &Dialog) -> Request {
        let cseq = self.invite.cseq().map_or(0, |cseq| cseq.number);
        with_credentials(dialog.ack(cseq), &self.invite)
    }

    /// The INVITE is sent anew.
    pub(super) fn again(&mut self, transaction: TransactionId, invite: Request, flow: Flow) {
        *self = Self {
            transaction,
            invite: Box::new(invite),
            flow,
            ack: None,
            forks: Vec::new(),
        };
    }
}
