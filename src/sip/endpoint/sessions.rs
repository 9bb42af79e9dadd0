//! The sessions that an endpoint routes to, by id, by dialog and by connection.

use std::collections::{BTreeSet, HashMap};

use bytes::{BufMut, Bytes, BytesMut};

use super::farewell::Farewell;
use super::replaces::Peers;
use crate::sip::message::Request;
use crate::sip::{Flow, SessionId, TransactionId};

/// What an endpoint remembers of a session.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// Server transactions that the session has not answered for good.
    pub(super) unanswered: Vec<TransactionId>,
    /// Our latest INVITE in it.
    pub(super) invite: Option<TransactionId>,
    /// The path it was last heard on.
    pub(super) heard: Option<Flow>,
    /// How to end its call, while that is open.
    pub(super) farewell: Option<Farewell>,
    /// Whether its call has been open and is no longer.
    pub(super) closed: bool,
    /// The highest CSeq of its requests.
    pub(super) cseq: u32,
    /// The far ends of its dialogs.
    pub(super) peers: Peers,
    dialogs: Vec<DialogKey>,
    connection: Option<Flow>,
}

/// Call-ID and our own tag. Our tags are unpredictable, so these two identify the session; the
/// session itself compares the peer's tag.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct DialogKey(Bytes);

impl DialogKey {
    pub(super) fn new(call_id: &[u8], local_tag: &[u8]) -> Self {
        let mut key = BytesMut::with_capacity(call_id.len() + 1 + local_tag.len());
        key.put_slice(call_id);
        key.put_u8(b'\n');
        key.put_slice(local_tag);
        Self(key.freeze())
    }

    /// The dialog that a request of a peer's names.
    pub(super) fn of_request(request: &Request) -> Option<Self> {
        Some(Self::new(request.call_id()?, &request.to_tag()?))
    }
}

/// The sessions of an endpoint.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    records: HashMap<SessionId, Record>,
    by_dialog: HashMap<DialogKey, SessionId>,
    by_connection: HashMap<Flow, BTreeSet<SessionId>>,
    last: u64,
}

impl Sessions {
    pub(super) fn start(&mut self) -> SessionId {
        self.last += 1;
        let id = SessionId(self.last);
        self.records.insert(id, Record::default());
        id
    }

    pub(super) fn get(&self, id: SessionId) -> Option<&Record> {
        self.records.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: SessionId) -> Option<&mut Record> {
        self.records.get_mut(&id)
    }

    pub(super) fn contains(&self, id: SessionId) -> bool {
        self.records.contains_key(&id)
    }

    pub(super) fn find(&self, dialog: &DialogKey) -> Option<SessionId> {
        self.by_dialog.get(dialog).copied()
    }

    /// Routes the requests of a dialog to a session. Further dialogs than a session has room for
    /// (forks of one INVITE) are not routed.
    pub(super) fn add_dialog(&mut self, id: SessionId, dialog: DialogKey) {
        let Some(record) = self.records.get_mut(&id) else {
            return;
        };
        if record.dialogs.len() < DIALOGS_MAX && !record.dialogs.contains(&dialog) {
            record.dialogs.push(dialog.clone());
            self.by_dialog.insert(dialog, id);
        }
    }

    /// Notes the path that a session was last heard on.
    pub(super) fn heard(&mut self, id: SessionId, flow: Flow) {
        let connection = (flow.transport.is_stream()).then_some(flow);
        let Some(record) = self.records.get_mut(&id) else {
            return;
        };
        record.heard = Some(flow);
        let old = std::mem::replace(&mut record.connection, connection);
        if old == connection {
            return;
        }
        self.leave(id, old);
        if let Some(flow) = connection {
            self.by_connection.entry(flow).or_default().insert(id);
        }
    }

    /// The sessions on a lost connection.
    pub(super) fn disconnect(&mut self, flow: Flow) -> BTreeSet<SessionId> {
        let ids = self.by_connection.remove(&flow).unwrap_or_default();
        for id in &ids {
            if let Some(record) = self.records.get_mut(id) {
                record.connection = None;
            }
        }
        ids
    }

    pub(super) fn remove(&mut self, id: SessionId) -> Option<Record> {
        let record = self.records.remove(&id)?;
        for dialog in &record.dialogs {
            self.by_dialog.remove(dialog);
        }
        self.leave(id, record.connection);
        Some(record)
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether nothing is left behind by sessions that are forgotten.
    #[cfg(test)]
    pub(super) fn is_clean(&self) -> bool {
        let connected: usize = self.by_connection.values().map(BTreeSet::len).sum();
        connected <= self.records.len()
            && self.by_connection.values().all(|ids| !ids.is_empty())
            && self
                .by_dialog
                .values()
                .all(|id| self.records.contains_key(id))
    }

    fn leave(&mut self, id: SessionId, connection: Option<Flow>) {
        let Some(flow) = connection else {
            return;
        };
        if let Some(ids) = self.by_connection.get_mut(&flow) {
            ids.remove(&id);
            if ids.is_empty() {
                self.by_connection.remove(&flow);
            }
        }
    }
}

/// Dialogs routed to one session. A session has one local tag, so it has one; the room beyond it
/// is for an INVITE repeated under a new Call-ID.
const DIALOGS_MAX: usize = 4;
