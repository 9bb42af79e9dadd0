//! Challenges to calls that we make (RFC 3261 §22.2, §22.3): answered with the line's credentials, and
//! only where the call was sent to. A call that came in answers none.

use core::net::IpAddr;

use super::cancel::Cancel;
use super::{Output, Purpose, Session, State};
use crate::sip::digest::{Authenticator, Credentials};
use crate::sip::message::{Method, Name, Request, Response, StatusCode};
use crate::sip::{Flow, Random, TransactionId};

/// The credentials of one call of ours, and its requests that may yet be challenged.
#[derive(Debug)]
pub(super) struct Authorizer {
    authenticator: Authenticator,
    /// Whom the credentials are for: the next hop that the line names.
    next_hop: IpAddr,
    sent: Vec<Sent>,
    /// How often the request that is sent next has been challenged.
    tries: u8,
}

#[derive(Debug)]
struct Sent {
    transaction: TransactionId,
    request: Request,
    flow: Flow,
    tries: u8,
}

/// Requests kept for their challenge. More are not open at a time but by a peer that answers none; the
/// oldest is then let go, and its challenge not answered.
const SENT_MAX: usize = 16;

/// Answers to challenges of one request: the second is for a stale nonce.
const TRIES_MAX: u8 = 2;

impl Authorizer {
    pub(super) fn new(credentials: Credentials, random: Random, flow: Flow) -> Self {
        Self {
            authenticator: Authenticator::new(credentials, random),
            next_hop: flow.remote.ip(),
            sent: Vec::new(),
            tries: 0,
        }
    }

    /// A request goes out: with an answer to what is known already, and kept for its challenge.
    pub(super) fn pass(&mut self, output: Output) -> Output {
        let Output::Request {
            transaction,
            mut request,
            flow,
        } = output
        else {
            return output;
        };
        let tries = std::mem::take(&mut self.tries);
        // CANCEL cannot be sent again (RFC 3261 §22.1).
        if request.method != Method::Cancel && flow.remote.ip() == self.next_hop {
            if tries == 0 {
                self.authenticator.authorize(&mut request);
            }
            if self.sent.len() >= SENT_MAX {
                self.sent.remove(0);
            }
            self.sent.push(Sent {
                transaction,
                request: request.clone(),
                flow,
                tries,
            });
        }
        Output::Request {
            transaction,
            request,
            flow,
        }
    }

    /// The request of ours that has its final response.
    fn take(&mut self, transaction: TransactionId) -> Option<Sent> {
        let mut sent = self.sent.iter();
        let index = sent.position(|it| it.transaction == transaction)?;
        Some(self.sent.remove(index))
    }
}

impl Session {
    /// Sends a challenged request of ours again with credentials. False where the response is none of this
    /// or stands.
    pub(super) fn answer_challenge(
        &mut self,
        transaction: TransactionId,
        response: &Response,
    ) -> bool {
        let Some(authorizer) = &mut self.authorizer else {
            return false;
        };
        if !response.status.is_final() {
            return false;
        }
        let Some(sent) = authorizer.take(transaction) else {
            return false;
        };
        if response.status.is_success() {
            authorizer.authenticator.accepted(response);
        }
        let challenged = matches!(
            response.status,
            StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED
        );
        let given_up = match &self.state {
            State::Inviting(inviting) => inviting.cancel != Cancel::No,
            State::Over => true,
            State::Invited(_) | State::Established | State::Closing { .. } => false,
        };
        if !challenged || given_up || sent.tries >= TRIES_MAX {
            return false;
        }
        match authorizer.authenticator.challenged(&sent.request, response) {
            Ok(request) => {
                authorizer.tries = sent.tries + 1;
                self.send_again(transaction, request, sent.flow);
                true
            }
            Err(refused) => {
                log::warn!("a challenge to a call of ours is not answered: {refused}");
                false
            }
        }
    }

    fn send_again(&mut self, old: TransactionId, mut request: Request, flow: Flow) {
        if request.method == Method::Invite && request.to_tag().is_none() {
            return self.call_again(request, flow);
        }
        let tag = request.to_tag();
        if let Some(dialog) = self
            .dialog
            .as_mut()
            .filter(|it| it.remote_tag() == tag.as_ref())
        {
            // Others may have gone out since.
            dialog.renumber(&mut request);
        }
        let transaction = self.new_transaction();
        if let State::Closing { bye, .. } = &mut self.state
            && *bye == old
        {
            *bye = transaction;
        }
        if let Some(purpose) = self.purpose(old, true) {
            self.pending.push((transaction, purpose));
            match purpose {
                Purpose::Reinvite | Purpose::Update => self.renew_change(&request),
                Purpose::Refer => self.rename_referral(&request),
                Purpose::Prack | Purpose::Notify | Purpose::Info => {}
            }
        }
        self.put(Output::Request {
            transaction,
            request,
            flow,
        });
    }
}

/// The ACK of a 2xx carries the credentials of its INVITE (RFC 3261 §13.2.2.4).
pub(super) fn with_credentials(mut ack: Request, invite: &Request) -> Request {
    for name in [Name::Authorization, Name::ProxyAuthorization] {
        for value in invite.headers.all(&name) {
            ack.headers.push(name.clone(), value.clone());
        }
    }
    ack
}
