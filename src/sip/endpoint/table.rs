//! All running transactions, by id, by key, by connection and by deadline.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Instant;

use bytes::Bytes;

use super::large::Retry;
use crate::sip::message::Request;
use crate::sip::transaction::{Client, ClientInvite, Key, Server, ServerInvite};
use crate::sip::{Flow, SessionId, TransactionId};

/// One of the four machines.
#[derive(Debug)]
pub(super) enum Machine {
    ClientInvite(Box<ClientInvite>),
    Client(Box<Client>),
    ServerInvite(ServerInvite),
    Server(Server),
}

/// A running transaction and what the endpoint remembers of it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) machine: Machine,
    /// The path its messages are sent on.
    pub(super) flow: Flow,
    /// Of a server transaction: where its responses go when the connection is lost.
    pub(super) fallback: Option<Flow>,
    /// Of a client transaction on a connection: what to send by UDP should that not come up.
    pub(super) retry: Option<Box<Retry>>,
    /// Whom its news concern, and by what name that session knows it.
    pub(super) owner: Option<Owner>,
    /// Of a server transaction: the request, until it is answered for good.
    pub(super) request: Option<Box<Request>>,
    /// The To tag: of our responses, or of the dialog that our request is in or has made.
    pub(super) to_tag: Option<Bytes>,
    /// Of a server transaction: whether a CANCEL was passed on. Of an INVITE of ours: whether one
    /// was sent.
    pub(super) cancelled: bool,
    key: Key,
    /// Of an INVITE outside a dialog: what its copies by other paths share with it.
    merge_key: Option<Bytes>,
    deadline: Option<Instant>,
}

/// The session that a transaction belongs to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owner {
    pub(super) session: SessionId,
    /// For a client transaction the session's own name for it.
    pub(super) transaction: TransactionId,
}

impl Entry {
    pub(super) fn new(machine: Machine, key: Key, flow: Flow) -> Self {
        Self {
            machine,
            flow,
            fallback: None,
            retry: None,
            owner: None,
            request: None,
            to_tag: None,
            cancelled: false,
            key,
            merge_key: None,
            deadline: None,
        }
    }

    pub(super) fn poll_transmit(&mut self) -> Option<Bytes> {
        match &mut self.machine {
            Machine::ClientInvite(machine) => machine.poll_transmit(),
            Machine::Client(machine) => machine.poll_transmit(),
            Machine::ServerInvite(machine) => machine.poll_transmit(),
            Machine::Server(machine) => machine.poll_transmit(),
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        match &mut self.machine {
            Machine::ClientInvite(machine) => machine.handle_timeout(now),
            Machine::Client(machine) => machine.handle_timeout(now),
            Machine::ServerInvite(machine) => machine.handle_timeout(now),
            Machine::Server(machine) => machine.handle_timeout(now),
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match &self.machine {
            Machine::ClientInvite(machine) => machine.poll_timeout(),
            Machine::Client(machine) => machine.poll_timeout(),
            Machine::ServerInvite(machine) => machine.poll_timeout(),
            Machine::Server(machine) => machine.poll_timeout(),
        }
    }

    fn is_terminated(&self) -> bool {
        match &self.machine {
            Machine::ClientInvite(machine) => machine.is_terminated(),
            Machine::Client(machine) => machine.is_terminated(),
            Machine::ServerInvite(machine) => machine.is_terminated(),
            Machine::Server(machine) => machine.is_terminated(),
        }
    }

    /// Whether the session still owes a final answer on it.
    pub(super) fn is_unanswered(&self) -> bool {
        match &self.machine {
            Machine::ServerInvite(machine) => machine.is_proceeding(),
            Machine::Server(machine) => machine.is_unanswered(),
            Machine::ClientInvite(_) | Machine::Client(_) => false,
        }
    }

    fn kind(&self) -> usize {
        match &self.machine {
            Machine::ClientInvite(_) => 0,
            Machine::Client(_) => 1,
            Machine::ServerInvite(_) => 2,
            Machine::Server(_) => 3,
        }
    }
}

/// The transactions of an endpoint.
///
/// Those of half a minute stay, tens of thousands when it is busy. Trees, because everybody waits
/// while a hash table that has outgrown itself moves all it holds.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// Boxed: a node of the tree holds eleven.
    entries: BTreeMap<TransactionId, Box<Entry>>,
    by_key: BTreeMap<Key, TransactionId>,
    by_merge_key: BTreeMap<Bytes, TransactionId>,
    /// Only of streams: those that a lost connection concerns.
    by_connection: HashMap<Flow, BTreeSet<TransactionId>>,
    deadlines: BTreeSet<(Instant, TransactionId)>,
    kinds: [usize; 4],
    last: u64,
}

impl Table {
    /// Takes a transaction in, under a new id.
    pub(super) fn insert(&mut self, entry: Entry) -> TransactionId {
        self.last += 1;
        let id = TransactionId(self.last);
        self.by_key.insert(entry.key.clone(), id);
        if entry.flow.transport.is_stream() {
            self.by_connection.entry(entry.flow).or_default().insert(id);
        }
        self.kinds[entry.kind()] += 1;
        self.entries.insert(id, Box::new(entry));
        id
    }

    /// Remembers an INVITE outside a dialog by what merged copies share (RFC 3261 §8.2.2.2).
    pub(super) fn mark_mergeable(&mut self, id: TransactionId, merge_key: Bytes) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.merge_key = Some(merge_key.clone());
            self.by_merge_key.insert(merge_key, id);
        }
    }

    pub(super) fn is_merged(&self, merge_key: &Bytes) -> bool {
        self.by_merge_key.contains_key(merge_key)
    }

    pub(super) fn find(&self, key: &Key) -> Option<TransactionId> {
        self.by_key.get(key).copied()
    }

    pub(super) fn get(&self, id: TransactionId) -> Option<&Entry> {
        self.entries.get(&id).map(Box::as_ref)
    }

    pub(super) fn get_mut(&mut self, id: TransactionId) -> Option<&mut Entry> {
        self.entries.get_mut(&id).map(Box::as_mut)
    }

    /// To be called after every change of a machine: moves its deadline, forgets it when over.
    pub(super) fn refresh(&mut self, id: TransactionId) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        let deadline = entry.poll_timeout();
        if deadline != entry.deadline {
            if let Some(old) = entry.deadline {
                self.deadlines.remove(&(old, id));
            }
            entry.deadline = deadline;
            if let Some(new) = deadline {
                self.deadlines.insert((new, id));
            }
        }
        if entry.is_terminated() {
            self.remove(id);
        }
    }

    /// The first transaction whose deadline has come.
    pub(super) fn due(&self, now: Instant) -> Option<TransactionId> {
        let (at, id) = self.deadlines.first()?;
        (*at <= now).then_some(*id)
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// The transactions on a lost connection, in order; they are no longer counted to it.
    pub(super) fn disconnect(&mut self, flow: Flow) -> BTreeSet<TransactionId> {
        self.by_connection.remove(&flow).unwrap_or_default()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many there are of each kind: client INVITE, client, server INVITE, server.
    pub(super) fn kinds(&self) -> [usize; 4] {
        self.kinds
    }

    /// Whether nothing is left behind by transactions that are over.
    #[cfg(test)]
    pub(super) fn is_clean(&self) -> bool {
        let connected: usize = self.by_connection.values().map(BTreeSet::len).sum();
        self.kinds.iter().sum::<usize>() == self.entries.len()
            && self.by_key.len() == self.entries.len()
            && self.by_merge_key.len() <= self.entries.len()
            && connected <= self.entries.len()
            && self.by_connection.values().all(|ids| !ids.is_empty())
            && self.deadlines.len() <= self.entries.len()
    }

    /// Forgets a transaction at once, and all that leads to it.
    pub(super) fn remove(&mut self, id: TransactionId) {
        let Some(entry) = self.entries.remove(&id) else {
            return;
        };
        self.kinds[entry.kind()] -= 1;
        if self.by_key.get(&entry.key) == Some(&id) {
            self.by_key.remove(&entry.key);
        }
        if let Some(merge_key) = &entry.merge_key {
            self.by_merge_key.remove(merge_key);
        }
        if let Some(ids) = self.by_connection.get_mut(&entry.flow) {
            ids.remove(&id);
            if ids.is_empty() {
                self.by_connection.remove(&entry.flow);
            }
        }
        if let Some(deadline) = entry.deadline {
            self.deadlines.remove(&(deadline, id));
        }
    }
}
