//! Requests that come: to their transaction, to their dialog, to a new session, or refused
//! (RFC 3261 §8.2, §9.2, §11, §12.2.2).

use std::time::Instant;

use bytes::{BufMut, Bytes, BytesMut};

use super::replies::{response_flow, sent_by, stamp};
use super::sessions::DialogKey;
use super::table::Owner;
use super::throttle::{Kind, Verdict};
use super::{Endpoint, Entry, Event, Machine, Refusal};
use crate::sip::message::{Method, Name, Request, Response, Scheme, StatusCode};
use crate::sip::session::Input;
use crate::sip::transaction::{Key, Server, ServerEvent, ServerInvite, has_cookie};
use crate::sip::{Flow, SessionId, TransactionId, capabilities};

impl Endpoint {
    pub(super) fn on_request(&mut self, mut request: Request, flow: Flow, now: Instant) {
        self.counters.totals.requests += 1;
        if let Some(mut via) = request.top_via() {
            stamp(&mut via, flow.remote);
            request.set_top_via(&via);
        }
        let Some(key) = Key::of_request(&request) else {
            self.counters.totals.unreadable += 1;
            return;
        };
        match (&request.method, self.table.find(&key)) {
            (Method::Ack, found) => self.on_ack(request, found, now),
            (_, Some(id)) => self.on_retransmission(id, now),
            (Method::Cancel, None) => self.on_cancel(&request, flow, now),
            (_, None) if request.to_tag().is_some() => self.on_inside(request, key, flow, now),
            (_, None) => self.on_outside(request, key, flow, now),
        }
    }

    fn on_retransmission(&mut self, id: TransactionId, now: Instant) {
        self.counters.totals.retransmissions += 1;
        match self.table.get_mut(id).map(|entry| &mut entry.machine) {
            Some(Machine::ServerInvite(machine)) => machine.handle_retransmission(),
            Some(Machine::Server(machine)) => machine.handle_retransmission(),
            Some(Machine::ClientInvite(_) | Machine::Client(_)) | None => {}
        }
        self.drive(id, now);
    }

    /// An ACK belongs to the transaction of a 300-699, or to the dialog of a 2xx.
    fn on_ack(&mut self, request: Request, found: Option<TransactionId>, now: Instant) {
        let found = found.filter(|id| self.is_acknowledged_by(*id, &request));
        let Some(id) = found else {
            let dialog = DialogKey::of_request(&request);
            match dialog.and_then(|dialog| self.sessions.find(&dialog)) {
                Some(session) => self.tell(session, Input::Ack(request)),
                None => self.counters.totals.stray_acks += 1,
            }
            return;
        };
        let Some(entry) = self.table.get_mut(id) else {
            return;
        };
        let owner = entry.owner;
        if let Machine::ServerInvite(machine) = &mut entry.machine {
            machine.handle_ack(now);
            if machine.poll_event() == Some(ServerEvent::Acknowledged)
                && let Some(owner) = owner
            {
                self.tell(owner.session, Input::Ack(request));
            }
        }
        self.drive(id, now);
    }

    /// Without the magic cookie the To tag of an ACK must be that of our response as well
    /// (RFC 3261 §17.2.3).
    fn is_acknowledged_by(&self, id: TransactionId, ack: &Request) -> bool {
        let branch = ack.top_via().and_then(|via| via.branch());
        let has_cookie = branch.is_some_and(|branch| has_cookie(&branch));
        let our_tag = self.table.get(id).and_then(|entry| entry.to_tag.as_ref());
        has_cookie || ack.to_tag().as_ref() == our_tag
    }

    fn on_cancel(&mut self, cancel: &Request, flow: Flow, now: Instant) {
        let found = Key::cancelled(cancel).and_then(|key| self.table.find(&key));
        let Some(entry) = found.and_then(|id| self.table.get_mut(id)) else {
            if !self.refuses_rate(cancel, flow, now) {
                let status = StatusCode::CALL_DOES_NOT_EXIST;
                self.refuse(cancel, Refusal::Cancel, status, flow);
            }
            return;
        };
        let passes = entry.is_unanswered() && !entry.cancelled;
        entry.cancelled |= passes;
        let owner = entry.owner.filter(|_| passes);
        let mut response = Response::to_request(cancel, StatusCode::OK);
        if let (Some(to), Some(tag)) = (response.to(), &entry.to_tag) {
            let to = to.with_tag(&String::from_utf8_lossy(tag));
            response.headers.set(Name::To, to);
        }
        self.answer_statelessly(response, flow);
        if let Some(owner) = owner {
            self.tell(owner.session, Input::Cancelled);
        }
        if let Some(id) = found {
            self.drive(id, now);
        }
    }

    fn on_inside(&mut self, request: Request, key: Key, flow: Flow, now: Instant) {
        let dialog = DialogKey::of_request(&request);
        let Some(session) = dialog.and_then(|dialog| self.sessions.find(&dialog)) else {
            if !self.refuses_rate(&request, flow, now) {
                let status = StatusCode::CALL_DOES_NOT_EXIST;
                self.refuse(&request, Refusal::Dialog, status, flow);
            }
            return;
        };
        if self.refuses_extension(&request, flow) {
            return;
        }
        let max = self.settings.transactions_max;
        if self.table.len() >= max + max / 8 {
            let status = StatusCode::SERVICE_UNAVAILABLE;
            self.refuse(&request, Refusal::Overload, status, flow);
            return;
        }
        self.sessions.heard(session, flow);
        let transaction = self.start_server(&request, key, session, flow, now);
        self.table.refresh(transaction);
        let input = Input::Request {
            transaction,
            request,
            flow,
        };
        self.tell(session, input);
    }

    fn on_outside(&mut self, request: Request, key: Key, flow: Flow, now: Instant) {
        if self.refuses_rate(&request, flow, now)
            || self.refuses_hops(&request, flow)
            || self.refuses_scheme(&request, flow)
            || self.refuses_method(&request, flow)
            || self.refuses_extension(&request, flow)
        {
            return;
        }
        if request.method == Method::Options {
            return self.on_options(&request, flow);
        }
        let replaces = match self.replaced_by(&request) {
            Ok(replaces) => replaces,
            Err(status) => return self.refuse(&request, Refusal::Dialog, status, flow),
        };
        let Some(merge_key) = merge_key(&request) else {
            self.counters.totals.unreadable += 1;
            return;
        };
        if self.table.is_merged(&merge_key) {
            let status = StatusCode::LOOP_DETECTED;
            return self.refuse(&request, Refusal::Merged, status, flow);
        }
        if self.refuses_load(&request, flow) {
            return;
        }
        self.counters.totals.incoming += 1;
        let session = self.sessions.start();
        self.sessions.heard(session, flow);
        let transaction = self.start_server(&request, key, session, flow, now);
        self.table.mark_mergeable(transaction, merge_key);
        let trying = Response::to_request(&request, StatusCode::TRYING);
        self.respond(transaction, trying, now);
        self.events.push_back(Event::Incoming {
            session,
            transaction,
            invite: request,
            flow,
            replaces,
        });
    }

    fn start_server(
        &mut self,
        request: &Request,
        key: Key,
        session: SessionId,
        flow: Flow,
        now: Instant,
    ) -> TransactionId {
        let (reliability, timing) = (flow.transport.reliability(), self.settings.timing);
        let machine = match request.method {
            Method::Invite => Machine::ServerInvite(ServerInvite::start(reliability, timing)),
            _ => Machine::Server(Server::start(reliability, timing, now)),
        };
        let via = request.top_via();
        let mut entry = Entry::new(machine, key, response_flow(via.as_ref(), flow));
        entry.fallback = via.map(|via| sent_by(&via, flow));
        entry.request = Some(Box::new(request.clone()));
        entry.to_tag = request.to_tag();
        let id = self.table.insert(entry);
        if let Some(entry) = self.table.get_mut(id) {
            entry.owner = Some(Owner {
                session,
                transaction: id,
            });
        }
        if let Some(record) = self.sessions.get_mut(session) {
            record.unanswered.push(id);
        }
        id
    }

    /// OPTIONS gets what an INVITE would get (RFC 3261 §11.2).
    fn on_options(&mut self, request: &Request, flow: Flow) {
        if self.refuses_load(request, flow) {
            return;
        }
        self.counters.totals.options += 1;
        let response = Response::to_request(request, StatusCode::OK)
            .with_header(Name::Allow, capabilities::ALLOW)
            .with_header(Name::Accept, capabilities::ACCEPT)
            .with_header(Name::AcceptEncoding, capabilities::ACCEPT_ENCODING)
            .with_header(Name::Supported, capabilities::supported());
        self.answer_statelessly(response, flow);
    }

    /// What a source may ask for beyond its running calls, INVITE and the rest apart. A flood is not
    /// answered at all.
    fn refuses_rate(&mut self, request: &Request, flow: Flow, now: Instant) -> bool {
        let kind = match request.method {
            Method::Invite => Kind::Call,
            _ => Kind::Other,
        };
        match self.throttle.judge(flow.remote.ip(), kind, now) {
            Verdict::Pass => return false,
            Verdict::Refuse => {
                let status = StatusCode::SERVICE_UNAVAILABLE;
                self.refuse(request, Refusal::Rate, status, flow);
            }
            Verdict::Silence => {
                self.note_refused(Refusal::Flood, Some(request.method.clone()), flow);
            }
        }
        true
    }

    /// The final recipient need not look at Max-Forwards; a request that has used up its hops has
    /// most likely run in a circle, so no call is made of it. OPTIONS is answered all the same:
    /// with zero it is how paths are traced (RFC 3261 §11).
    fn refuses_hops(&mut self, request: &Request, flow: Flow) -> bool {
        let refused = request.max_forwards() == Some(0) && request.method != Method::Options;
        if refused {
            let status = StatusCode::TOO_MANY_HOPS;
            self.refuse(request, Refusal::MaxForwards, status, flow);
        }
        refused
    }

    fn refuses_scheme(&mut self, request: &Request, flow: Flow) -> bool {
        let refused = request.uri.scheme() == Scheme::Other;
        if refused {
            let status = StatusCode::UNSUPPORTED_URI_SCHEME;
            self.refuse(request, Refusal::Scheme, status, flow);
        }
        refused
    }

    /// Outside a dialog only INVITE and OPTIONS are for us. What can only stand inside one is told
    /// that there is none; to be referred outside of one is not for anybody to ask; of the rest a known method gets 405, an unknown one 501.
    fn refuses_method(&mut self, request: &Request, flow: Flow) -> bool {
        let (refusal, status) = match request.method {
            Method::Invite | Method::Options => return false,
            Method::Bye | Method::Info | Method::Update | Method::Prack | Method::Notify => {
                (Refusal::Dialog, StatusCode::CALL_DOES_NOT_EXIST)
            }
            Method::Refer => (Refusal::Method, StatusCode::FORBIDDEN),
            Method::Other(_) => (Refusal::Method, StatusCode::NOT_IMPLEMENTED),
            _ => (Refusal::Method, StatusCode::METHOD_NOT_ALLOWED),
        };
        self.refuse(request, refusal, status, flow);
        true
    }

    fn refuses_extension(&mut self, request: &Request, flow: Flow) -> bool {
        let Some(unsupported) = capabilities::unsupported(&request.headers) else {
            return false;
        };
        let response = Response::to_request(request, StatusCode::BAD_EXTENSION)
            .with_header(Name::Unsupported, unsupported);
        self.refuse_with(request, Refusal::Extension, response, flow);
        true
    }

    fn refuses_load(&mut self, request: &Request, flow: Flow) -> bool {
        let full = self.table.len() >= self.settings.transactions_max
            || self.sessions.len() >= self.settings.sessions_max
            || (self.pressed && request.method == Method::Invite);
        let refusal = match (self.accepting, full) {
            (false, _) => Refusal::NotAccepting,
            (true, true) => Refusal::Overload,
            (true, false) => return false,
        };
        self.refuse(request, refusal, StatusCode::SERVICE_UNAVAILABLE, flow);
        true
    }
}

/// What copies of one request have in common that came by different paths (RFC 3261 §8.2.2.2).
fn merge_key(request: &Request) -> Option<Bytes> {
    let cseq = request.cseq()?;
    let from_tag = request.from_tag().unwrap_or_default();
    let mut key = BytesMut::with_capacity(64);
    for part in [request.call_id()?, &from_tag] {
        key.put_slice(part);
        key.put_u8(b'\n');
    }
    key.put_u32(cseq.number);
    key.put_slice(cseq.method.as_bytes());
    Some(key.freeze())
}
