//! Branches of a call of ours before its answer (RFC 3261 §13.2.2.1): early dialogs, the PRACK of their
//! reliable provisional responses (RFC 3262 §4), their media, and the 2xx of those that lose.

use bytes::Bytes;

use super::media::Refused;
use super::{Event, Output, Purpose, Session, State, body, prack};
use crate::sip::dialog::Dialog;
use crate::sip::message::{Method, Name, RAck, Reason, Request, Response};
use crate::sip::next_hop::next_hop;
use crate::sip::{Flow, TransactionId};

/// One branch that has answered with a tag.
#[derive(Debug)]
pub(super) struct Fork {
    tag: Bytes,
    /// `None` while it is the session's own dialog: that of the branch heard last.
    dialog: Option<Dialog>,
    /// RSeq of the last reliable provisional response taken.
    rseq: Option<u32>,
    answer: Option<Answer>,
    /// The ACK of its 2xx that came after another's, for each time that comes again.
    ack: Option<(Request, Flow)>,
}

/// A session description in a provisional response.
#[derive(Debug)]
struct Answer {
    body: Bytes,
    /// It is the answer; a later one in this branch is not looked at (RFC 3262 §5).
    reliable: bool,
}

/// Branches of one call that are kept apart: a hunt group's worth. Of further ones the provisional
/// responses mean no more than ringing.
const FORKS_MAX: usize = 8;

/// Requests of ours inside the dialog without a final response, beyond which a reliable provisional
/// response has to come again to be acknowledged.
const PENDING_MAX: usize = 16;

impl Session {
    /// A provisional response with a tag: 101-199.
    pub(super) fn on_early(&mut self, response: &Response) {
        let Some(tag) = response.to_tag() else {
            return;
        };
        if !self.know_fork(&tag, response) {
            return;
        }
        self.turn_to_fork(Some(&tag));
        let reliable = rseq_of(response);
        if let Some(rseq) = reliable
            && !self.send_prack(&tag, rseq, response)
        {
            return;
        }
        self.on_early_description(&tag, response, reliable.is_some());
    }

    /// The branch that a request or response came from is the one we are in now.
    pub(super) fn turn_to_fork(&mut self, tag: Option<&Bytes>) {
        let current = self.dialog.as_ref().and_then(Dialog::remote_tag);
        if !matches!(self.state, State::Inviting(_)) || current == tag {
            return;
        }
        let found = tag.and_then(|tag| self.fork_mut(tag)?.dialog.take());
        if let Some(dialog) = found {
            self.park_fork();
            self.dialog = Some(dialog);
        }
    }

    /// Puts the session's dialog back to its branch.
    pub(super) fn park_fork(&mut self) {
        let Some(dialog) = self.dialog.take() else {
            return;
        };
        let tag = dialog.remote_tag().cloned();
        if let Some(fork) = tag.and_then(|tag| self.fork_mut(&tag)) {
            fork.dialog = Some(dialog);
        }
    }

    /// What the first 2xx settles on: the description that its branch has sent reliably, otherwise the
    /// 2xx's own, otherwise one that came before it without being bound to.
    pub(super) fn conclude_call(
        &mut self,
        concluded: Option<Bytes>,
        response: &Response,
    ) -> Result<crate::sdp::Negotiated, Refused> {
        let tag = response.to_tag();
        if tag.is_some()
            && concluded == tag
            && let Some(agreed) = self.media.agreed()
        {
            return Ok(agreed.clone());
        }
        let early = tag.and_then(|tag| self.fork_mut(&tag)?.answer.take());
        let own = body::answer_in(response).unwrap_or_default();
        let answer = match early {
            Some(early) if early.reliable => Some(early.body),
            early => own.or(early.map(|early| early.body)),
        };
        self.media.conclude_fork(answer.ok_or(Refused::Missing)?)
    }

    /// A 2xx of another branch than the first one's is acknowledged and hung up on (RFC 3261
    /// §13.2.2.4), whenever it comes again only acknowledged.
    pub(super) fn on_lost_fork(&mut self, response: &Response) {
        let tag = response.to_tag().unwrap_or_default();
        let known = self.know_fork(&tag, response);
        let Some(outgoing) = &mut self.outgoing else {
            return;
        };
        let mut forks = outgoing.forks.iter_mut();
        let fork = forks.find(|fork| known && fork.tag == tag);
        if let Some((request, flow)) = fork.as_ref().and_then(|fork| fork.ack.clone()) {
            return self.put(Output::Ack { request, flow });
        }
        let early = fork.and_then(|fork| fork.dialog.take());
        let Some(mut dialog) = early.or_else(|| Dialog::uac(&outgoing.invite, response)) else {
            return;
        };
        dialog.confirm(response);
        let flow = next_hop(dialog.next_hop(), self.flow, self.path);
        let ack = outgoing.ack_in(&dialog);
        let mut bye = dialog.request(Method::Bye);
        let reason = Reason::sip(ELSEWHERE, "answered elsewhere");
        bye.headers.push(Name::Reason, reason);
        let user_agent = self.settings.server_name.clone();
        bye.headers.push(Name::UserAgent, user_agent);
        if let Some(fork) = self.fork_mut(&tag) {
            fork.ack = Some((ack.clone(), flow));
        }
        self.put(Output::Ack { request: ack, flow });
        let transaction = self.new_transaction();
        self.put(Output::Request {
            transaction,
            request: bye,
            flow,
        });
    }

    /// Sends a request inside the dialog, to be dispatched on by its purpose.
    pub(super) fn send(&mut self, mut request: Request, purpose: Purpose) -> TransactionId {
        let user_agent = self.settings.server_name.clone();
        request.headers.push(Name::UserAgent, user_agent);
        let transaction = self.new_transaction();
        let flow = self.next_hop();
        self.pending.push((transaction, purpose));
        self.put(Output::Request {
            transaction,
            request,
            flow,
        });
        transaction
    }

    fn fork_mut(&mut self, tag: &Bytes) -> Option<&mut Fork> {
        let mut forks = self.outgoing.as_mut()?.forks.iter_mut();
        forks.find(|fork| fork.tag == *tag)
    }

    /// Whether the branch is known, from now on if there is room.
    fn know_fork(&mut self, tag: &Bytes, response: &Response) -> bool {
        let Some(outgoing) = &mut self.outgoing else {
            return false;
        };
        if outgoing.forks.iter().any(|fork| fork.tag == *tag) {
            return true;
        }
        if outgoing.forks.len() >= FORKS_MAX {
            return false;
        }
        outgoing.forks.push(Fork {
            tag: tag.clone(),
            dialog: Dialog::uac(&outgoing.invite, response),
            rseq: None,
            answer: None,
            ack: None,
        });
        true
    }

    /// Acknowledges a reliable provisional response of the session's branch, in order only and only
    /// once (RFC 3262 §4); whether it is to be looked at.
    fn send_prack(&mut self, tag: &Bytes, rseq: u32, response: &Response) -> bool {
        let full = self.pending.len() >= PENDING_MAX;
        let (Some(fork), Some(cseq)) = (self.fork_mut(tag), response.cseq()) else {
            return false;
        };
        let in_order = fork
            .rseq
            .is_none_or(|last| last.checked_add(1) == Some(rseq));
        if !in_order || full {
            return false;
        }
        fork.rseq = Some(rseq);
        let Some(dialog) = &mut self.dialog else {
            return false;
        };
        let mut prack = dialog.request(Method::Prack);
        prack.headers.push(Name::RAck, RAck { rseq, cseq });
        self.send(prack, Purpose::Prack);
        true
    }

    fn on_early_description(&mut self, tag: &Bytes, response: &Response, reliable: bool) {
        let Ok(Some(body)) = body::answer_in(response) else {
            return;
        };
        let Some(fork) = self.fork_mut(tag) else {
            return;
        };
        let known = fork.answer.as_ref();
        if known.is_some_and(|it| it.reliable || (!reliable && it.body == body)) {
            return;
        }
        let answer = body.clone();
        fork.answer = Some(Answer {
            body: answer,
            reliable,
        });
        let negotiated = if reliable {
            self.media.conclude_fork(body)
        } else {
            self.media.preview(&body)
        };
        match negotiated {
            Ok(negotiated) => {
                if let (true, State::Inviting(inviting)) = (reliable, &mut self.state) {
                    inviting.concluded = Some(tag.clone());
                }
                self.tell(Event::EarlyMedia(negotiated));
            }
            // The 2xx will be hung up on with the reason; other branches may do better.
            Err(refused) => log::debug!("early media of no use: {refused}"),
        }
    }
}

/// The RSeq of a response that wants a PRACK.
fn rseq_of(response: &Response) -> Option<u32> {
    let required = response.headers.has_token(&Name::Require, prack::OPTION);
    let rseq = response.headers.number(&Name::RSeq);
    rseq.filter(|rseq| required && *rseq > 0)
}

/// The cause in the Reason of what ends a branch that another one has won (RFC 3326 §3.1).
const ELSEWHERE: u16 = 200;
