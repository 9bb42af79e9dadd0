//! SIP over TCP (RFC 3261 §18): a listener and its connections, by the peer's address.
//!
//! One task owns the table of connections; each connection has a task of its own that reads, frames
//! and writes. A message for a peer without a connection dials one. `Flow::local` is the address that
//! is listened on, also for a connection that was dialled: it is where this box can be reached.

use core::net::{IpAddr, SocketAddr};
use std::collections::HashMap;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use nix::sys::socket::SockType;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::task::{Id, JoinHandle, JoinSet};

use super::sip_sockets::{Admission, Inbox, Received, bound, count};
use crate::sip::{Flow, Transmit, Transport};

mod connection;

use connection::Connection;

/// Messages between the daemon's loop and the table. When full a message is dropped and counted in
/// `send_failed`; its transaction times out.
const OUTGOING_CAPACITY: usize = 256;

/// Messages one connection has not written yet: more than a healthy peer ever leaves. When full the
/// connection is closed as stuck, and reported lost.
const QUEUE_CAPACITY: usize = 64;

/// Rest after the system refuses to accept (usually: no file descriptor is free).
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Limits of the connections of one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once; one more is closed and counted.
    pub connections: usize,
    /// Connections of one peer address; a PBX behind one address opens a few.
    pub per_source: usize,
    /// How long the first message, or the rest of one that has begun, may take.
    pub message: Duration,
    /// How long a connection may carry nothing.
    pub idle: Duration,
    /// How long a dial or one write may take.
    pub patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 256,
            per_source: 32,
            message: Duration::from_secs(30),
            idle: Duration::from_mins(30),
            patience: Duration::from_secs(5),
        }
    }
}

/// One listening address with its connections. They close when this is dropped.
#[derive(Debug)]
pub struct SipTcp {
    local: SocketAddr,
    outgoing: mpsc::Sender<Transmit>,
    table: JoinHandle<()>,
}

impl SipTcp {
    pub(super) fn bind(address: SocketAddr, limits: Limits, inbox: Inbox) -> io::Result<Self> {
        let listener = bound(address, SockType::Stream)?;
        let listener = TcpListener::from_std(listener.into())?;
        let local = listener.local_addr()?;
        let (outgoing, transmits) = mpsc::channel(OUTGOING_CAPACITY);
        let table = Table {
            local,
            limits,
            inbox,
            peers: HashMap::new(),
            tasks: JoinSet::new(),
        };
        Ok(Self {
            local,
            outgoing,
            table: tokio::spawn(table.run(listener, transmits)),
        })
    }

    /// The address it is bound to.
    #[must_use]
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Hands a message to the table; false when it is overrun.
    pub(super) fn send(&self, transmit: Transmit) -> bool {
        self.outgoing.try_send(transmit).is_ok()
    }
}

impl Drop for SipTcp {
    fn drop(&mut self) {
        self.table.abort();
    }
}

/// What the table waits for.
enum Event {
    Ended(Id),
    Transmit(Option<Transmit>),
    Accepted(TcpStream, SocketAddr),
}

/// A connection as the table sees it.
struct Peer {
    task: Id,
    queue: mpsc::Sender<Bytes>,
}

struct Table {
    local: SocketAddr,
    limits: Limits,
    inbox: Inbox,
    peers: HashMap<SocketAddr, Peer>,
    tasks: JoinSet<()>,
}

impl Table {
    async fn run(mut self, listener: TcpListener, mut transmits: mpsc::Receiver<Transmit>) {
        loop {
            let event = tokio::select! {
                biased;
                Some(ended) = self.tasks.join_next_with_id() => Event::Ended(match ended {
                    Ok((id, ())) => id,
                    Err(error) => error.id(),
                }),
                transmit = transmits.recv() => Event::Transmit(transmit),
                (stream, remote) = accept(&listener) => Event::Accepted(stream, remote),
            };
            match event {
                Event::Ended(id) => self.peers.retain(|_, peer| peer.task != id),
                Event::Transmit(None) => return,
                Event::Transmit(Some(transmit)) => self.transmit(transmit),
                Event::Accepted(stream, remote) => self.accepted(stream, remote),
            }
            let up = u64::try_from(self.peers.len()).unwrap_or(u64::MAX);
            let gauge = &self.inbox.counters.connections;
            gauge.store(up, core::sync::atomic::Ordering::Relaxed);
        }
    }

    fn transmit(&mut self, transmit: Transmit) {
        let Transmit { flow, bytes } = transmit;
        let unsent = match self.peers.get(&flow.remote) {
            Some(peer) => match peer.queue.try_send(bytes) {
                Ok(()) => return,
                Err(TrySendError::Closed(bytes)) => bytes,
                Err(TrySendError::Full(_)) => {
                    count(&self.inbox.counters.send_failed);
                    // Dropping its queue ends the connection, which reports itself lost.
                    self.peers.remove(&flow.remote);
                    return;
                }
            },
            None => bytes,
        };
        if self.is_full(flow.remote.ip()) {
            count(&self.inbox.counters.send_failed);
            self.lost(flow.remote);
            return;
        }
        let connection = self.connection(flow.remote, Admission::Admit);
        let source = if flow.local.ip().is_unspecified() {
            self.local.ip()
        } else {
            flow.local.ip()
        };
        let queue = self.open(flow.remote, |queue| connection.dial(source, queue));
        queue
            .try_send(unsent)
            .expect("the queue is new and has room");
    }

    fn accepted(&mut self, stream: TcpStream, remote: SocketAddr) {
        let admission = self.inbox.judge(Transport::Tcp, remote.ip());
        if admission == Admission::Drop {
            return;
        }
        if self.is_full(remote.ip()) {
            count(&self.inbox.counters.connections_refused);
            log::debug!(PEER:% = remote; "too many connections");
            return;
        }
        let mut connection = self.connection(remote, admission);
        if let Ok(local) = stream.local_addr() {
            connection.flow.local = local;
        }
        let first = self.limits.message;
        self.open(remote, |queue| connection.carry(stream, queue, first));
    }

    fn is_full(&self, source: IpAddr) -> bool {
        let same = self.peers.keys().filter(|remote| remote.ip() == source);
        self.peers.len() >= self.limits.connections || same.count() >= self.limits.per_source
    }

    fn connection(&self, remote: SocketAddr, admission: Admission) -> Connection {
        Connection {
            flow: Flow {
                transport: Transport::Tcp,
                local: self.local,
                remote,
            },
            admission,
            limits: self.limits,
            inbox: self.inbox.clone(),
        }
    }

    /// Starts a connection's task and gives its queue.
    fn open<F>(
        &mut self,
        remote: SocketAddr,
        task: impl FnOnce(mpsc::Receiver<Bytes>) -> F,
    ) -> &mpsc::Sender<Bytes>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (queue, bytes) = mpsc::channel(QUEUE_CAPACITY);
        let task = self.tasks.spawn(task(bytes)).id();
        let peer = self.peers.entry(remote);
        &peer.insert_entry(Peer { task, queue }).into_mut().queue
    }

    /// Reports a connection that was never made. The report waits for room in a task of its own.
    fn lost(&mut self, remote: SocketAddr) {
        let flow = self.connection(remote, Admission::Admit).flow;
        let received = self.inbox.received.clone();
        self.tasks.spawn(async move {
            // The daemon's loop is gone when it does not take this.
            let _ = received.send(Received::Lost { flow }).await;
        });
    }
}

/// The next connection; a system that refuses is asked again after a pause.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                log::warn!("no connection is accepted: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
