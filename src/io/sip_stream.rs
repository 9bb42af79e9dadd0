//! SIP over connections, TCP and TLS (RFC 3261 §18): a listener and its connections, by the peer's address.
//!
//! One task owns the table of connections; each connection has a task of its own that shakes hands,
//! reads, frames and writes. A message for a peer without a connection dials one; a connection that a
//! peer opened carries requests back to it (RFC 5923). `Flow::local` is the address that is listened
//! on, also for a connection that was dialled: it is where this box can be reached.

use core::net::{IpAddr, SocketAddr};
use std::collections::HashMap;
use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::socket::SockType;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::task::{AbortHandle, Id, JoinHandle, JoinSet};

use super::sip_sockets::{Admission, Inbox, Received, bound, count};
use super::sip_tls::TlsEnds;
use crate::sip::{Flow, Transmit, Transport};

mod connection;
mod keep_alive;
mod places;

use connection::{Connection, Outgoing, Standing};
use places::{Place, Seat, Stage, place};

pub(super) use places::source_of;

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
    /// Connections at once; one more takes the place of a silent one, or is closed and counted.
    pub connections: usize,
    /// Connections of one source; a PBX behind one address opens a few.
    pub per_source: usize,
    /// TLS handshakes at once.
    pub handshakes: usize,
    /// TLS handshakes of one source at once.
    pub handshakes_per_source: usize,
    /// How long a TLS handshake may take.
    pub handshake: Duration,
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
            handshakes: 64,
            handshakes_per_source: 8,
            handshake: Duration::from_secs(10),
            message: Duration::from_secs(30),
            idle: Duration::from_mins(30),
            patience: Duration::from_secs(5),
        }
    }
}

/// What a connection is wrapped in.
#[derive(Clone)]
pub(super) enum Wrap {
    Plain,
    Tls(Arc<TlsEnds>),
}

impl Wrap {
    fn transport(&self) -> Transport {
        match self {
            Self::Plain => Transport::Tcp,
            Self::Tls(_) => Transport::Tls,
        }
    }
}

/// What the table is told.
#[derive(Debug)]
enum Command {
    Transmit(Transmit),
    KeepAlive(Flow, Option<Duration>),
}

/// One listening address with its connections. They close when this is dropped.
#[derive(Debug)]
pub struct SipStream {
    transport: Transport,
    local: SocketAddr,
    listens: bool,
    commands: mpsc::Sender<Command>,
    table: JoinHandle<()>,
}

impl SipStream {
    /// Listens on `address`, and dials from it.
    pub(super) fn bind(
        address: SocketAddr,
        wrap: Wrap,
        limits: Limits,
        inbox: Inbox,
    ) -> io::Result<Self> {
        let listener = bound(address, SockType::Stream)?;
        let listener = TcpListener::from_std(listener.into())?;
        let local = listener.local_addr()?;
        Ok(Self::start(Some(listener), local, wrap, limits, inbox))
    }

    /// Dials alone; `local` is what its flows say.
    pub(super) fn dialling(local: SocketAddr, wrap: Wrap, limits: Limits, inbox: Inbox) -> Self {
        Self::start(None, local, wrap, limits, inbox)
    }

    fn start(
        listener: Option<TcpListener>,
        local: SocketAddr,
        wrap: Wrap,
        limits: Limits,
        inbox: Inbox,
    ) -> Self {
        let (commands, receiver) = mpsc::channel(OUTGOING_CAPACITY);
        let (transport, listens) = (wrap.transport(), listener.is_some());
        let table = Table {
            local,
            wrap,
            limits,
            inbox,
            peers: HashMap::new(),
            tasks: JoinSet::new(),
            last: 0,
        };
        Self {
            transport,
            local,
            listens,
            commands,
            table: tokio::spawn(table.run(listener, receiver)),
        }
    }

    /// TCP or TLS.
    #[must_use]
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// The address it is bound to.
    #[must_use]
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Whether it takes connections in.
    #[must_use]
    pub fn listens(&self) -> bool {
        self.listens
    }

    /// Hands a message to the table; false when it is overrun.
    pub(super) fn send(&self, transmit: Transmit) -> bool {
        self.commands.try_send(Command::Transmit(transmit)).is_ok()
    }

    /// Keeps the connection of a flow open, or no longer; false when the table is overrun.
    pub(super) fn keep_alive(&self, flow: Flow, every: Option<Duration>) -> bool {
        let command = Command::KeepAlive(flow, every);
        self.commands.try_send(command).is_ok()
    }
}

impl Drop for SipStream {
    fn drop(&mut self) {
        self.table.abort();
    }
}

/// What the table waits for.
enum Event {
    Ended(Id),
    Command(Option<Command>),
    Accepted(TcpStream, SocketAddr),
}

/// A connection as the table sees it.
struct Peer {
    task: AbortHandle,
    queue: mpsc::Sender<Outgoing>,
    number: u64,
    standing: Arc<Standing>,
}

struct Table {
    local: SocketAddr,
    wrap: Wrap,
    limits: Limits,
    inbox: Inbox,
    peers: HashMap<SocketAddr, Peer>,
    tasks: JoinSet<()>,
    /// Number of the newest connection.
    last: u64,
}

impl Table {
    async fn run(mut self, listener: Option<TcpListener>, mut commands: mpsc::Receiver<Command>) {
        loop {
            let event = tokio::select! {
                biased;
                Some(ended) = self.tasks.join_next_with_id() => Event::Ended(match ended {
                    Ok((id, ())) => id,
                    Err(error) => error.id(),
                }),
                command = commands.recv() => Event::Command(command),
                (stream, remote) = accept(listener.as_ref()) => Event::Accepted(stream, remote),
            };
            let before = self.peers.len();
            match event {
                Event::Ended(id) => self.peers.retain(|_, peer| peer.task.id() != id),
                Event::Command(None) => return,
                Event::Command(Some(Command::Transmit(transmit))) => self.transmit(transmit),
                Event::Command(Some(Command::KeepAlive(flow, every))) => {
                    self.keep_alive(flow, every);
                }
                Event::Accepted(stream, remote) => self.accepted(stream, remote),
            }
            self.inbox
                .counters
                .connections_are(before, self.peers.len());
        }
    }

    fn transmit(&mut self, transmit: Transmit) {
        let Transmit { flow, bytes } = transmit;
        let remote = self.serving(flow.remote);
        let unsent = match self.peers.get(&remote) {
            Some(peer) => match peer.queue.try_send(Outgoing::Message(bytes)) {
                Ok(()) => return,
                Err(TrySendError::Closed(outgoing)) => outgoing,
                Err(TrySendError::Full(_)) => {
                    count(&self.inbox.counters.send_failed);
                    // Dropping its queue ends the connection, which reports itself lost.
                    self.peers.remove(&remote);
                    return;
                }
            },
            None => Outgoing::Message(bytes),
        };
        if !self.make_room(flow.remote.ip(), Stage::Proven) {
            count(&self.inbox.counters.send_failed);
            self.lost(flow);
            return;
        }
        let connection = self.connection(flow, Admission::Admit, Stage::Proven);
        let source = if flow.local.ip().is_unspecified() {
            self.local.ip()
        } else {
            flow.local.ip()
        };
        let standing = Arc::clone(&connection.standing);
        let queue = self.open(flow.remote, standing, |queue| {
            connection.dial(source, queue)
        });
        queue
            .try_send(unsent)
            .expect("the queue is new and has room");
    }

    /// The connection that serves a peer's address: its own, or one whose peer has said that this is
    /// its port.
    fn serving(&self, remote: SocketAddr) -> SocketAddr {
        if self.peers.contains_key(&remote) {
            return remote;
        }
        let mut aliased = self.peers.iter().filter(|(from, peer)| {
            from.ip() == remote.ip() && peer.standing.alias() == remote.port()
        });
        aliased.next().map_or(remote, |(from, _)| *from)
    }

    fn keep_alive(&mut self, flow: Flow, every: Option<Duration>) {
        let peer = self.peers.get(&self.serving(flow.remote));
        let taken =
            peer.is_some_and(|peer| peer.queue.try_send(Outgoing::KeepAlive(every)).is_ok());
        if !taken && every.is_some() {
            // Whoever wants this path kept open is to know that it is not there.
            self.lost(flow);
        }
    }

    fn accepted(&mut self, stream: TcpStream, remote: SocketAddr) {
        let admission = self.inbox.judge(self.wrap.transport(), remote.ip());
        let (stage, welcome) = match &self.wrap {
            Wrap::Plain => (Stage::Silent, admission != Admission::Drop),
            // No cipher is worked for a stranger, not even to say 403.
            Wrap::Tls(_) => (Stage::Handshake, admission == Admission::Admit),
        };
        if !welcome {
            return;
        }
        if !self.make_room(remote.ip(), stage) {
            count(&self.inbox.counters.connections_refused);
            log::debug!(PEER:% = remote; "too many connections");
            return;
        }
        let flow = Flow {
            transport: self.wrap.transport(),
            local: stream.local_addr().unwrap_or(self.local),
            remote,
        };
        let connection = self.connection(flow, admission, stage);
        let standing = Arc::clone(&connection.standing);
        self.open(remote, standing, |queue| connection.accept(stream, queue));
    }

    /// Whether a newcomer may come in; a silent connection may have to go for it.
    fn make_room(&mut self, source: IpAddr, stage: Stage) -> bool {
        let seats = self.peers.iter().map(|(remote, peer)| Seat {
            remote: *remote,
            number: peer.number,
            stage: peer.standing.stage(),
        });
        let seats: Vec<_> = seats.collect();
        match place(&seats, &self.limits, source, stage) {
            Place::Free => true,
            Place::Refused => false,
            Place::Instead(remote) => {
                if let Some(peer) = self.peers.remove(&remote) {
                    count(&self.inbox.counters.connections_evicted);
                    log::debug!(PEER:% = remote; "a silent connection makes room");
                    // It carried nothing, so nobody needs to hear that it is gone.
                    peer.task.abort();
                }
                true
            }
        }
    }

    fn connection(&self, flow: Flow, admission: Admission, stage: Stage) -> Connection {
        Connection {
            flow,
            admission,
            limits: self.limits,
            inbox: self.inbox.clone(),
            wrap: self.wrap.clone(),
            standing: Arc::new(Standing::new(stage)),
        }
    }

    /// Starts a connection's task and gives its queue.
    fn open<F>(
        &mut self,
        remote: SocketAddr,
        standing: Arc<Standing>,
        task: impl FnOnce(mpsc::Receiver<Outgoing>) -> F,
    ) -> &mpsc::Sender<Outgoing>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (queue, outgoing) = mpsc::channel(QUEUE_CAPACITY);
        self.last += 1;
        let peer = Peer {
            task: self.tasks.spawn(task(outgoing)),
            queue,
            number: self.last,
            standing,
        };
        &self.peers.entry(remote).insert_entry(peer).into_mut().queue
    }

    /// Reports a connection that is not there. The report waits for room in a task of its own.
    fn lost(&mut self, flow: Flow) {
        let received = self.inbox.received.clone();
        self.tasks.spawn(async move {
            // The daemon's loop is gone when it does not take this.
            let _ = received.send(Received::Lost { flow }).await;
        });
    }
}

/// The next connection; a system that refuses is asked again after a pause.
async fn accept(listener: Option<&TcpListener>) -> (TcpStream, SocketAddr) {
    let Some(listener) = listener else {
        return pending().await;
    };
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
