//! Calling (RFC 3261 §13.2): INVITE with our offer, its responses, the ACK of its 2xx.

use std::time::Instant;

use bytes::Bytes;

use super::bye::{finished, lossy, unusable_answer};
use super::cancel::Cancel;
use super::{Event, Output, Party, Session, Settings, State, body};
use crate::sip::dialog::{Dialog, MAX_FORWARDS};
use crate::sip::message::{
    CSeq, Method, Name, NameAddr, Reason, Request, Response, StatusCode, Uri,
};
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
}

/// The state INVITING.
#[derive(Debug)]
pub(super) struct Inviting {
    /// Whether a provisional response has come.
    pub(super) provisional: bool,
    pub(super) cancel: Cancel,
    rings: bool,
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
        });
        let mut session = Self::new(call_id, flow, settings, random, state);
        let invite = session.build_invite(call);
        let transaction = session.new_transaction();
        session.outgoing = Some(Outgoing {
            transaction,
            invite: Box::new(invite.clone()),
            flow,
            ack: None,
        });
        session.put(Output::Request {
            transaction,
            request: invite,
            flow,
        });
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
            .with_header(Name::Allow, capabilities::ALLOW);
        if !capabilities::SUPPORTED.is_empty() {
            invite = invite.with_header(Name::Supported, capabilities::supported());
        }
        self.ask_for_timer(&mut invite);
        invite.with_body(body::SDP, offer)
    }

    pub(super) fn on_invite_response(&mut self, response: &Response, now: Instant) {
        match response.status.0 {
            0..200 => self.on_provisional(response),
            200..300 if matches!(self.state, State::Inviting(_)) => self.on_answered(response, now),
            200..300 => self.on_answered_again(response),
            422 if self.raise_interval(&response.headers) => self.invite_again(response),
            _ => self.on_refused(response),
        }
    }

    pub(super) fn on_invite_failed(&mut self, status: StatusCode) {
        if matches!(self.state, State::Inviting(_)) {
            let text = match status {
                StatusCode::SERVICE_UNAVAILABLE => "the connection failed",
                _ => "no answer from the network",
            };
            self.end(Party::Network, Some(status), text);
        }
    }

    fn on_provisional(&mut self, response: &Response) {
        let State::Inviting(inviting) = &mut self.state else {
            return;
        };
        inviting.provisional = true;
        let begins_to_ring = (180..190).contains(&response.status.0) && !inviting.rings;
        inviting.rings |= begins_to_ring;
        if self.dialog.is_none()
            && response.to_tag().is_some()
            && let Some(outgoing) = &self.outgoing
        {
            self.dialog = Dialog::uac(&outgoing.invite, response);
        }
        if begins_to_ring {
            self.tell(Event::Ringing);
        }
        self.send_cancel();
    }

    /// The first 2xx: acknowledged in any case, and hung up on at once when the call was given up
    /// meanwhile or the answer is of no use.
    fn on_answered(&mut self, response: &Response, now: Instant) {
        let State::Inviting(inviting) = std::mem::replace(&mut self.state, State::Established)
        else {
            return;
        };
        let Some(outgoing) = &self.outgoing else {
            return;
        };
        let asked = outgoing.invite.headers.clone();
        self.dialog = Dialog::uac(&outgoing.invite, response);
        self.acknowledge();
        self.learn(&response.headers);
        self.take_timer(&asked, &response.headers, now);
        let answer = body::answer_in(response);
        let concluded = self.media.conclude(answer.unwrap_or_default());
        match (concluded, inviting.cancel) {
            (_, Cancel::Wanted(text) | Cancel::Sent(text)) => self.close(finished(&text), now),
            (Err(refused), Cancel::No) => self.close(unusable_answer(&refused), now),
            (Ok(negotiated), Cancel::No) => {
                self.tell(Event::Negotiated(negotiated));
                self.tell(Event::Answered);
                self.tell(Event::Confirmed);
            }
        }
    }

    /// A 2xx after the first: the same one again, or one of another branch of a forked call, which
    /// is acknowledged and hung up on (RFC 3261 §13.2.2.4).
    fn on_answered_again(&mut self, response: &Response) {
        let Some(outgoing) = &self.outgoing else {
            return;
        };
        let known = self.dialog.as_ref().and_then(Dialog::remote_tag).cloned();
        if response.to_tag() == known {
            if let Some((request, flow)) = outgoing.ack.clone() {
                self.put(Output::Ack { request, flow });
            }
            return;
        }
        let Some(mut fork) = Dialog::uac(&outgoing.invite, response) else {
            return;
        };
        let flow = crate::sip::next_hop::next_hop(fork.next_hop(), self.flow, self.path);
        let cseq = outgoing.invite.cseq().map_or(0, |cseq| cseq.number);
        let (ack, mut bye) = (fork.ack(cseq), fork.request(Method::Bye));
        bye.headers.push(
            Name::Reason,
            Reason::sip(StatusCode::OK.0, "answered elsewhere"),
        );
        self.put(Output::Ack { request: ack, flow });
        let transaction = self.new_transaction();
        self.put(Output::Request {
            transaction,
            request: bye,
            flow,
        });
    }

    /// 422: once more, for a longer session.
    fn invite_again(&mut self, response: &Response) {
        let (State::Inviting(inviting), Some(outgoing)) = (&mut self.state, &self.outgoing) else {
            return;
        };
        if inviting.cancel != Cancel::No {
            return self.on_refused(response);
        }
        inviting.provisional = false;
        let flow = outgoing.flow;
        let request = self.invite_with_longer_interval(&outgoing.invite);
        self.dialog = None;
        let transaction = self.new_transaction();
        self.outgoing = Some(Outgoing {
            transaction,
            invite: Box::new(request.clone()),
            flow,
            ack: None,
        });
        self.put(Output::Request {
            transaction,
            request,
            flow,
        });
    }

    fn on_refused(&mut self, response: &Response) {
        let State::Inviting(inviting) = &self.state else {
            return;
        };
        let status = Some(response.status);
        match &inviting.cancel {
            Cancel::Sent(text) => {
                let text = text.clone();
                self.end(Party::Local, status, text);
            }
            Cancel::No | Cancel::Wanted(_) => {
                self.end(Party::Remote, status, lossy(&response.reason));
            }
        }
    }

    fn acknowledge(&mut self) {
        let flow = self.next_hop();
        let (Some(outgoing), Some(dialog)) = (&mut self.outgoing, &self.dialog) else {
            return;
        };
        let cseq = outgoing.invite.cseq().map_or(0, |cseq| cseq.number);
        let request = dialog.ack(cseq);
        outgoing.ack = Some((request.clone(), flow));
        self.put(Output::Ack { request, flow });
    }
}
