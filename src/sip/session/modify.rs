//! Changing the session ourselves: hold, resume, another address (RFC 3264 §8), and the refresh of
//! the session timer, by re-INVITE (RFC 3261 §14.1) or UPDATE (RFC 3311 §5.1).
//!
//! Wishes do not queue: the latest state that is wanted is kept, and offered as soon as neither side
//! has an INVITE or an offer open.

use std::time::{Duration, Instant};

use super::authorize::with_credentials;
use super::bye::{lost, unusable_answer};
use super::cancel::cancel_of;
use super::{Event, Output, Purpose, Session, State, Timer, body};
use crate::sdp::Local;
use crate::sip::message::{Headers, Method, Name, NameAddr, Reason, Request, Response, StatusCode};
use crate::sip::{Flow, TransactionId, capabilities};

/// Tries of one change before it is given up, when the peer says to come again. Two peers that
/// choose their times by the RFC need more than three once in a thousand.
const TRIES_MAX: u8 = 8;
/// How long to stay away after 503 without Retry-After, or a lost connection.
const AWAY: Duration = Duration::from_secs(2);
/// The longest Retry-After that a change waits for.
const AWAY_MAX: Duration = Duration::from_secs(32);

/// What we do to change the session.
#[derive(Debug, Default)]
pub(super) struct Modification {
    /// The session timer wants a refresh.
    pub(super) refresh: bool,
    underway: Option<Underway>,
    tries: u8,
    /// The peer takes UPDATE.
    peer_updates: bool,
    /// The ACK of our latest re-INVITE, for each time that its 2xx comes again.
    ack: Option<(TransactionId, Request, Flow)>,
}

/// A re-INVITE or UPDATE of ours that waits for its final response.
#[derive(Debug)]
struct Underway {
    request: Box<Request>,
    flow: Flow,
}

impl Session {
    /// Puts the peer on hold (RFC 3264 §8.4): it is asked not to send. [`Event::Negotiated`] follows when
    /// that is agreed; a peer that refuses leaves the call as it is.
    pub fn hold(&mut self, now: Instant) {
        self.media.want(|ours| ours.holds = true);
        self.modify(now);
    }

    /// Ends our hold.
    pub fn resume(&mut self, now: Instant) {
        self.media.want(|ours| ours.holds = false);
        self.modify(now);
    }

    /// Offers our side of the media anew: another address, port, codecs or keys.
    pub fn reoffer(&mut self, local: Local, now: Instant) {
        self.media.want(|ours| ours.local = local);
        self.modify(now);
    }

    /// Sends what is wanted, if nothing stands in the way. Called after every input.
    pub(super) fn modify(&mut self, now: Instant) {
        let offers = self.media.wants_offer();
        if !(offers || self.modification.refresh) || !self.may_modify() {
            return;
        }
        let by_update = !offers && self.modification.peer_updates;
        let (method, purpose) = match by_update {
            true => (Method::Update, Purpose::Update),
            false => (Method::Invite, Purpose::Reinvite),
        };
        let Some(mut request) = self.dialog.as_mut().map(|dialog| dialog.request(method)) else {
            return;
        };
        let contact = NameAddr::new(self.settings.contact.clone());
        request.headers.push(Name::Contact, contact);
        let user_agent = self.settings.server_name.clone();
        request.headers.push(Name::UserAgent, user_agent);
        request.headers.push(Name::Allow, capabilities::ALLOW);
        let supported = self.supported();
        request.headers.push(Name::Supported, supported);
        self.ask_for_timer(&mut request);
        if !by_update {
            request = request.with_body(body::SDP, self.media.reoffer());
        }
        let flow = self.next_hop();
        let transaction = self.new_transaction();
        // Timer B comes before it; only a provisional response stops that one for good.
        let timing = self.settings.timing;
        let stalled = now + timing.patience() + timing.t1;
        self.timers.set(Timer::Stalled, stalled);
        self.pending.push((transaction, purpose));
        self.modification.underway = Some(Underway {
            request: Box::new(request.clone()),
            flow,
        });
        self.put(Output::Request {
            transaction,
            request,
            flow,
        });
    }

    /// No INVITE is open in either direction, and no offer (RFC 3261 §14.1, RFC 3311 §5.1).
    fn may_modify(&self) -> bool {
        matches!(self.state, State::Established)
            && self.unacknowledged.is_none()
            && self.parting.is_none()
            && self.modification.underway.is_none()
            && !self.media.is_waiting()
            && !self.timers.is_running(Timer::Retry)
    }

    /// What a message of the peer's tells of what it can do.
    pub(super) fn learn(&mut self, headers: &Headers) {
        if headers.contains(&Name::Allow) {
            self.modification.peer_updates = headers.has_token(&Name::Allow, "UPDATE");
        }
    }

    pub(super) fn on_reinvite_response(
        &mut self,
        transaction: TransactionId,
        response: &Response,
        now: Instant,
    ) {
        match response.status.0 {
            0..200 => {}
            200..300 => self.on_reinvite_accepted(transaction, response, now),
            _ => self.on_change_refused(response, now),
        }
    }

    /// Our re-INVITE has only provisional answers: CANCEL brings its end within 64*T1.
    pub(super) fn on_reinvite_stalled(&mut self) {
        let Some(underway) = &self.modification.underway else {
            return;
        };
        if underway.request.method != Method::Invite {
            return;
        }
        let cause = StatusCode::REQUEST_TERMINATED;
        let reason = Reason::sip(cause.0, "no answer to re-INVITE");
        let request = cancel_of(&underway.request, reason);
        let flow = underway.flow;
        let transaction = self.new_transaction();
        self.put(Output::Request {
            transaction,
            request,
            flow,
        });
    }

    /// A 2xx is acknowledged in any case, even when we have hung up meanwhile (RFC 5407 §3.2.3).
    fn on_reinvite_accepted(
        &mut self,
        transaction: TransactionId,
        response: &Response,
        now: Instant,
    ) {
        let Some(underway) = self.take_underway() else {
            return;
        };
        let cseq = underway.request.cseq().map_or(0, |cseq| cseq.number);
        if let Some(dialog) = &mut self.dialog {
            dialog.refresh_target(response.contact());
        }
        let flow = self.next_hop();
        if let Some(dialog) = &self.dialog {
            let request = with_credentials(dialog.ack(cseq), &underway.request);
            self.modification.ack = Some((transaction, request.clone(), flow));
            self.put(Output::Ack { request, flow });
        }
        if !matches!(self.state, State::Established) {
            return;
        }
        match body::answer_in(response).unwrap_or_default() {
            // Without an answer nothing has changed; a refresh it is all the same.
            None => self.media.decline(),
            answer => match self.media.conclude(answer) {
                Ok(negotiated) if self.media.is_news() => {
                    self.tell(Event::Negotiated(negotiated));
                }
                Ok(_) => {}
                Err(refused) => return self.close(unusable_answer(&refused), now),
            },
        }
        self.on_change_accepted(&underway.request, response, now);
    }

    /// The 2xx of our re-INVITE comes again: its ACK was lost.
    pub(super) fn repeat_ack(&mut self, transaction: TransactionId, response: &Response) {
        if let Some((acknowledged, request, flow)) = self.modification.ack.clone()
            && acknowledged == transaction
            && response.status.is_success()
        {
            self.put(Output::Ack { request, flow });
        }
    }

    pub(super) fn on_update_response(&mut self, response: &Response, now: Instant) {
        match response.status.0 {
            0..200 => {}
            200..300 => {
                let Some(underway) = self.take_underway() else {
                    return;
                };
                if let Some(dialog) = &mut self.dialog {
                    dialog.refresh_target(response.contact());
                }
                if matches!(self.state, State::Established) {
                    self.on_change_accepted(&underway.request, response, now);
                }
            }
            _ => self.on_change_refused(response, now),
        }
    }

    fn on_change_accepted(&mut self, request: &Request, response: &Response, now: Instant) {
        self.modification.tries = 0;
        self.learn(&response.headers);
        self.take_timer(&request.headers, &response.headers, now);
    }

    /// What refused a change leaves the session as it was (RFC 3261 §14.1), unless it says that
    /// there is none.
    fn on_change_refused(&mut self, response: &Response, now: Instant) {
        let Some(underway) = self.take_underway() else {
            return;
        };
        if !matches!(self.state, State::Established) {
            return;
        }
        let by_update = underway.request.method == Method::Update;
        match response.status {
            StatusCode::CALL_DOES_NOT_EXIST | StatusCode::REQUEST_TIMEOUT => {
                self.close(lost(response.status), now);
            }
            StatusCode::REQUEST_PENDING => {
                let wait = self.glare_wait();
                self.try_again(wait, now);
            }
            StatusCode::SERVER_INTERNAL_ERROR | StatusCode::SERVICE_UNAVAILABLE => {
                match response.headers.number(&Name::RetryAfter) {
                    Some(seconds) => self.try_again(Duration::from_secs(seconds.into()), now),
                    // That is a lost connection, too.
                    None if response.status == StatusCode::SERVICE_UNAVAILABLE => {
                        self.try_again(AWAY, now);
                    }
                    None => self.give_up_change(now),
                }
            }
            StatusCode::SESSION_INTERVAL_TOO_SMALL if self.raise_interval(&response.headers) => {
                self.media.withdraw();
            }
            StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED if by_update => {
                self.modification.peer_updates = false;
            }
            _ => self.give_up_change(now),
        }
    }

    fn try_again(&mut self, wait: Duration, now: Instant) {
        self.modification.tries += 1;
        if self.modification.tries >= TRIES_MAX || wait > AWAY_MAX {
            return self.give_up_change(now);
        }
        self.media.withdraw();
        self.timers.set(Timer::Retry, now + wait);
    }

    fn give_up_change(&mut self, now: Instant) {
        self.modification.tries = 0;
        if self.media.wants_offer() || self.media.is_changing() {
            log::debug!("the peer refuses our change of the session");
            return self.media.decline();
        }
        self.media.withdraw();
        if self.modification.refresh {
            self.on_refresh_refused(now);
        }
    }

    /// 2.1 to 4 seconds for the owner of the Call-ID, 0 to 2 for the other, in steps of 10 ms
    /// (RFC 3261 §14.1).
    fn glare_wait(&mut self) -> Duration {
        let (from, steps) = match self.outgoing {
            Some(_) => (2_100, 191),
            None => (0, 201),
        };
        Duration::from_millis(from + 10 * (self.random.next_u64() % steps))
    }

    /// Our change goes out again with credentials, under another CSeq.
    pub(super) fn renew_change(&mut self, request: &Request) {
        if let Some(underway) = &mut self.modification.underway {
            *underway.request = request.clone();
        }
    }

    fn take_underway(&mut self) -> Option<Underway> {
        self.timers.cancel(Timer::Stalled);
        self.modification.underway.take()
    }
}
