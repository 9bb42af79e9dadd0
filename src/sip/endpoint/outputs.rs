//! What sessions ask for: answers, requests with a Via of ours, ACKs of 2xx.

use std::time::Instant;

use super::sessions::DialogKey;
use super::table::Owner;
use super::{Endpoint, Entry, Machine};
use crate::sip::message::{Method, Name, Request, Response, StatusCode, Via};
use crate::sip::session::Input;
use crate::sip::transaction::{Client, ClientInvite, Key};
use crate::sip::{Flow, SessionId, TransactionId, Transmit, nat};

impl Endpoint {
    pub(super) fn respond(&mut self, id: TransactionId, response: Response, now: Instant) {
        let Some(entry) = self.table.get_mut(id) else {
            self.counters.totals.stray_answers += 1;
            return;
        };
        let (status, bytes) = (response.status, response.write());
        let taken = match &mut entry.machine {
            Machine::ServerInvite(machine) => machine.respond(status, bytes, now),
            Machine::Server(machine) => machine.respond(status, bytes, now),
            Machine::ClientInvite(_) | Machine::Client(_) => false,
        };
        if !taken {
            self.counters.totals.stray_answers += 1;
            return;
        }
        if entry.to_tag.is_none() {
            entry.to_tag = response.to_tag();
        }
        let opens =
            matches!(entry.machine, Machine::ServerInvite(_)) && (101..300).contains(&status.0);
        let owner = entry.owner;
        if let (true, Some(owner), Some(call_id), Some(tag)) =
            (opens, owner, response.call_id(), response.to_tag())
        {
            let dialog = DialogKey::new(call_id, &tag);
            self.sessions.add_dialog(owner.session, dialog);
            self.meet_caller(owner.session, &response);
        }
        if status.is_final() {
            self.watch_answer(id, &response);
            self.settle(id);
        }
        self.drive(id, now);
    }

    pub(super) fn request(
        &mut self,
        session: SessionId,
        transaction: TransactionId,
        request: Request,
        flow: Flow,
        now: Instant,
    ) {
        if self.is_full() {
            let status = StatusCode::SERVICE_UNAVAILABLE;
            let failed = Input::Failed {
                transaction,
                status,
            };
            return self.tell(session, failed);
        }
        self.watch_request(session, &request);
        let owner = Owner {
            session,
            transaction,
        };
        if request.method == Method::Cancel {
            self.limit_invite(session, now);
            // It follows its INVITE, by whatever path that went (RFC 3261 §9.1).
            if let Some((via, flow)) = self.path_of_invite(session) {
                self.launch(owner, request, via, flow, now);
                return self.sessions.heard(session, flow);
            }
        }
        if request.method == Method::Invite
            && let (Some(call_id), Some(tag)) = (request.call_id(), request.from_tag())
        {
            self.sessions
                .add_dialog(session, DialogKey::new(call_id, &tag));
        }
        match self.roomier(&request, flow, now) {
            Some(stream) => self.launch_large(owner, request, (stream, flow), now),
            None => {
                let via = self.new_via(flow);
                self.launch(owner, request, via, flow, now);
            }
        }
        self.sessions.heard(session, flow);
    }

    /// Starts the transaction of a request that lacks nothing but its Via.
    pub(super) fn launch(
        &mut self,
        owner: Owner,
        mut request: Request,
        via: Via,
        flow: Flow,
        now: Instant,
    ) -> TransactionId {
        request.headers.push_front(Name::Via, &via);
        self.start_client(owner, request, flow, now)
    }

    /// Whether not even requests inside dialogs have room.
    pub(super) fn is_full(&self) -> bool {
        self.table.len() >= self.settings.transactions_max + self.settings.transactions_max / 8
    }

    /// Starts the transaction of a request that has its Via.
    pub(super) fn start_client(
        &mut self,
        owner: Owner,
        request: Request,
        flow: Flow,
        now: Instant,
    ) -> TransactionId {
        let branch = request.top_via().and_then(|via| via.branch());
        let key = Key::client(&branch.unwrap_or_default(), &request.method);
        let (reliability, timing) = (flow.transport.reliability(), self.settings.timing);
        let is_invite = request.method == Method::Invite;
        let to_tag = request.to_tag();
        let machine = if is_invite {
            let machine = ClientInvite::start(request, reliability, timing, now);
            Machine::ClientInvite(Box::new(machine))
        } else {
            let machine = Client::start(request.write(), reliability, timing, now);
            Machine::Client(Box::new(machine))
        };
        let mut entry = Entry::new(machine, key, flow);
        entry.to_tag = to_tag;
        entry.owner = Some(owner);
        let id = self.table.insert(entry);
        if is_invite && let Some(record) = self.sessions.get_mut(owner.session) {
            record.invite = Some(id);
        }
        self.drive(id, now);
        id
    }

    /// The ACK of a 2xx has a branch of its own and no transaction (RFC 3261 §13.2.2.4).
    pub(super) fn acknowledge(&mut self, session: SessionId, mut request: Request, flow: Flow) {
        self.watch_ack(session, &request, flow);
        let via = self.new_via(flow);
        request.headers.push_front(Name::Via, via);
        self.transmit(Transmit {
            flow,
            bytes: request.write(),
        });
    }

    /// 100 to a request inside a dialog whose session takes long (RFC 4320 §4.1).
    pub(super) fn send_trying(&mut self, id: TransactionId, now: Instant) {
        let Some(entry) = self.table.get_mut(id) else {
            return;
        };
        let Some(request) = &entry.request else {
            return;
        };
        let trying = Response::to_request(request, StatusCode::TRYING);
        self.respond(id, trying, now);
    }

    /// Answers for a session that has gone without doing so.
    pub(super) fn answer_for_the_forgotten(&mut self, id: TransactionId, now: Instant) {
        let Some(request) = self.table.get(id).and_then(|entry| entry.request.as_ref()) else {
            return;
        };
        let status = match request.to_tag() {
            Some(_) => StatusCode::CALL_DOES_NOT_EXIST,
            None => StatusCode::SERVER_INTERNAL_ERROR,
        };
        let mut response = Response::to_request(request, status);
        if let Some(to) = response.to().filter(|to| to.tag().is_none()) {
            let to = to.with_tag(&self.random.token());
            response.headers.set(Name::To, to);
        }
        let server = self.settings.server_name.clone();
        response.headers.push(Name::Server, server);
        self.respond(id, response, now);
    }

    /// CANCEL has the Via of the INVITE it cancels (RFC 3261 §9.1).
    fn path_of_invite(&mut self, session: SessionId) -> Option<(Via, Flow)> {
        let id = self.sessions.get_mut(session)?.invite?;
        let entry = self.table.get(id)?;
        match &entry.machine {
            Machine::ClientInvite(machine) => Some((machine.unanswered()?.top_via()?, entry.flow)),
            _ => None,
        }
    }

    /// A cancelled INVITE must be answered within 64*T1 (RFC 3261 §9.1).
    fn limit_invite(&mut self, session: SessionId, now: Instant) {
        let Some(id) = self
            .sessions
            .get_mut(session)
            .and_then(|record| record.invite)
        else {
            return;
        };
        if let Some(entry) = self.table.get_mut(id)
            && let Machine::ClientInvite(machine) = &mut entry.machine
        {
            machine.handle_cancelled(now);
            entry.cancelled = true;
        }
        self.table.refresh(id);
    }

    pub(super) fn new_via(&mut self, flow: Flow) -> Via {
        let branch = format!("z9hG4bK{}", self.random.token());
        let host = self.settings.via_host.clone();
        let host = host.filter(|_| nat::is_outside(flow.remote.ip()));
        let host = host.unwrap_or_else(|| flow.local.ip().into());
        Via::new(flow.transport.name(), host, flow.local.port(), &branch)
    }
}
