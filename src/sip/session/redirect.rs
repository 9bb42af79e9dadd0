//! A call of ours that is sent elsewhere (RFC 3261 §8.1.3.4): only to hosts that the line names.

use std::collections::VecDeque;

use super::{Session, State};
use crate::sip::Flow;
use crate::sip::message::{CSeq, Method, Name, NameAddr, Request, Response, Scheme, Uri};
use crate::sip::next_hop::{Path, next_hop};

/// Where a call may still go, and where it has been.
#[derive(Debug, Default)]
pub(super) struct Targets {
    left: VecDeque<Uri>,
    tried: Vec<Uri>,
    followed: u8,
}

/// Redirections followed for one call: one at the trunk, one at the office, one for luck.
const FOLLOWED_MAX: u8 = 3;

/// Targets tried for one call; what a redirection lists beyond is left out.
const TARGETS_MAX: usize = 8;

impl Session {
    /// Our INVITE has failed, with a response or without one: goes on to the next target, which the
    /// response itself may tell. False when there is none.
    pub(super) fn try_elsewhere(&mut self, response: Option<&Response>) -> bool {
        if let Some(response) = response {
            match response.status.0 {
                300..=302 => self.take_targets(response),
                // Nobody else is to be asked (RFC 3261 §21.6).
                600.. => self.forget_targets(),
                _ => {}
            }
        }
        let State::Inviting(inviting) = &mut self.state else {
            return false;
        };
        let Some(uri) = inviting.targets.left.pop_front() else {
            return false;
        };
        let Some(outgoing) = &self.outgoing else {
            return false;
        };
        let flow = match uri.host().and_then(|host| host.ip()) {
            // An address is dialled, whatever connection there is; a name is the next hop's to find.
            Some(_) => next_hop(&uri, self.flow, Path::Lost),
            None => outgoing.flow,
        };
        let mut invite = Request::clone(&outgoing.invite);
        invite.uri = uri;
        // What was calculated for one is no other's business.
        invite.headers.remove(&Name::Authorization);
        invite.headers.remove(&Name::ProxyAuthorization);
        self.call_again(invite, flow);
        true
    }

    /// Sends our INVITE anew: same call, next CSeq. What its branches have said is void.
    pub(super) fn call_again(&mut self, mut invite: Request, flow: Flow) {
        let transaction = self.new_transaction();
        let (State::Inviting(inviting), Some(outgoing)) = (&mut self.state, &mut self.outgoing)
        else {
            return;
        };
        inviting.provisional = false;
        inviting.concluded = None;
        let last = outgoing.invite.cseq().map_or(0, |cseq| cseq.number);
        let cseq = CSeq {
            number: last.saturating_add(1),
            method: Method::Invite,
        };
        invite.headers.set(Name::CSeq, cseq);
        invite.headers.remove(&Name::Via);
        outgoing.again(transaction, invite.clone(), flow);
        self.dialog = None;
        self.send_invite(transaction, invite, flow);
    }

    fn take_targets(&mut self, response: &Response) {
        let secure = self.flow.transport == crate::sip::Transport::Tls;
        let hosts = &self.settings.policy.redirect_hosts;
        let (State::Inviting(inviting), Some(outgoing)) = (&mut self.state, &self.outgoing) else {
            return;
        };
        let targets = &mut inviting.targets;
        if targets.tried.is_empty() {
            targets.tried.push(outgoing.invite.uri.clone());
        }
        if targets.followed >= FOLLOWED_MAX {
            return;
        }
        targets.followed += 1;
        let mut contacts = response.headers.addresses(&Name::Contact);
        contacts.sort_by_key(|contact| core::cmp::Reverse(preference(contact)));
        let mut found = VecDeque::new();
        for contact in contacts {
            let uri = contact.uri.without_headers();
            let scheme = match uri.scheme() {
                Scheme::Sip => true,
                Scheme::Sips => secure,
                Scheme::Tel | Scheme::Other => false,
            };
            let allowed = uri.host().is_some_and(|host| hosts.contains(&host));
            let calls = uri.param("method").is_none();
            let new = !targets.tried.iter().any(|tried| tried.equivalent(&uri));
            if scheme && allowed && calls && new && targets.tried.len() < TARGETS_MAX {
                targets.tried.push(uri.clone());
                found.push_back(uri);
            }
        }
        found.append(&mut targets.left);
        targets.left = found;
    }

    fn forget_targets(&mut self) {
        if let State::Inviting(inviting) = &mut self.state {
            inviting.targets.left.clear();
        }
    }
}

/// `q` of a Contact in thousandths, 1 where none is told (RFC 3261 §20.10).
fn preference(contact: &NameAddr) -> u32 {
    let told = contact.params.get("q");
    let q = told.and_then(|q| core::str::from_utf8(&q).ok()?.parse::<f32>().ok());
    let q = q.filter(|q| (0.0..=1.0).contains(q)).unwrap_or(1.0);
    (q * 1000.0) as u32
}
