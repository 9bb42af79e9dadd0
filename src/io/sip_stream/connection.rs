//! One connection, TCP or TLS: framed in, queued out, ended by its limits.

use core::net::{IpAddr, SocketAddr};
use core::sync::atomic::{AtomicU8, AtomicU16, Ordering};
use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use nix::sys::socket::{setsockopt, sockopt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

use super::keep_alive::{KeepAlive, Step};
use super::places::Stage;
use super::{Limits, Wrap};
use crate::io::clock;
use crate::io::shares::Bucket;
use crate::io::sip_sockets::{Admission, Inbox, Received, count};
use crate::io::sip_tls::Pipe;
use crate::sip::Flow;
use crate::sip::message::{Frame, Message, StreamFramer};

/// Bytes read at once.
const READ_BYTES: usize = 16 << 10;

/// How long a connection stays open for the answer to what ended it.
const LAST_WORD: Duration = Duration::from_secs(1);

/// How long what we sent may be without acknowledgement by the peer's TCP, in milliseconds. It finds
/// the peer that vanished without a word.
const UNACKNOWLEDGED_MAX: u32 = 30_000;

/// What the table and a connection's task both see.
#[derive(Debug)]
pub(super) struct Standing {
    stage: AtomicU8,
    /// The port of the peer's own listener, once it has offered this connection for requests to it
    /// (RFC 5923); 0 before.
    alias: AtomicU16,
}

impl Standing {
    pub(super) fn new(stage: Stage) -> Self {
        Self {
            stage: AtomicU8::new(stage as u8),
            alias: AtomicU16::new(0),
        }
    }

    pub(super) fn stage(&self) -> Stage {
        match self.stage.load(Ordering::Relaxed) {
            0 => Stage::Handshake,
            1 => Stage::Silent,
            _ => Stage::Proven,
        }
    }

    pub(super) fn alias(&self) -> u16 {
        self.alias.load(Ordering::Relaxed)
    }

    fn set_stage(&self, stage: Stage) {
        self.stage.fetch_max(stage as u8, Ordering::Relaxed);
    }
}

/// What a connection is given.
#[derive(Debug)]
pub(super) enum Outgoing {
    Message(Bytes),
    KeepAlive(Option<Duration>),
}

pub(super) struct Connection {
    pub(super) flow: Flow,
    pub(super) admission: Admission,
    pub(super) limits: Limits,
    pub(super) inbox: Inbox,
    pub(super) wrap: Wrap,
    pub(super) standing: Arc<Standing>,
}

/// Whether a connection goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stream {
    Open,
    /// Nothing more is read; the answer may still be written.
    Broken,
}

/// When what is read must have come.
struct Reading {
    framer: StreamFramer,
    /// What the peer may still deliver at once; beyond it, it waits.
    share: Bucket,
    deadline: Instant,
    state: Stream,
}

impl Connection {
    /// Connects from `source`, then carries messages until it ends.
    pub(super) async fn dial(self, source: IpAddr, queue: mpsc::Receiver<Outgoing>) {
        let remote = self.flow.remote;
        let dialling = async {
            let stream = connect(source, remote).await?;
            prepare(&stream)?;
            match &self.wrap {
                Wrap::Plain => Ok(Box::new(stream) as Pipe),
                Wrap::Tls(ends) => ends.connect(stream, remote).await,
            }
        };
        let dialled = timeout(self.limits.patience, dialling).await;
        match dialled.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(pipe) => {
                let first = self.limits.idle;
                self.carry(pipe, queue, first).await;
            }
            Err(error) => {
                // A certificate that is refused never mends itself.
                let level = match error.kind() {
                    io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => log::Level::Warn,
                    _ => log::Level::Debug,
                };
                log::log!(level, PEER:% = remote; "no connection to {remote}: {error}");
                count(&self.inbox.counters.send_failed);
                self.end().await;
            }
        }
    }

    /// Takes a connection in, and carries messages until it ends. One that does not come through its
    /// handshake was never there: nobody is told of it.
    pub(super) async fn accept(self, stream: TcpStream, queue: mpsc::Receiver<Outgoing>) {
        if prepare(&stream).is_err() {
            return;
        }
        let first = self.limits.message;
        let pipe: Pipe = match &self.wrap {
            Wrap::Plain => Box::new(stream),
            Wrap::Tls(ends) => {
                let made = timeout(self.limits.handshake, ends.accept(stream)).await;
                match made.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
                    Ok(pipe) => pipe,
                    Err(error) => {
                        count(&self.inbox.counters.handshakes_failed);
                        log::debug!(PEER:% = self.flow.remote; "no TLS handshake: {error}");
                        return;
                    }
                }
            }
        };
        self.standing.set_stage(Stage::Silent);
        self.carry(pipe, queue, first).await;
    }

    /// The first message must come within `first`.
    async fn carry(self, mut pipe: Pipe, queue: mpsc::Receiver<Outgoing>, first: Duration) {
        if let Err(error) = self.exchange(&mut pipe, queue, first).await {
            if error.kind() == io::ErrorKind::TimedOut {
                count(&self.inbox.counters.connections_timed_out);
            }
            log::debug!(PEER:% = self.flow.remote; "a connection ended: {error}");
        }
        // TLS says goodbye; a peer that does not listen is not waited for.
        let _ = timeout(LAST_WORD, pipe.shutdown()).await;
        drop(pipe);
        self.end().await;
    }

    async fn end(self) {
        let Flow { remote, .. } = self.flow;
        let alias = SocketAddr::new(remote.ip(), self.standing.alias());
        let aliased = (alias.port() != 0 && alias != remote).then_some(alias);
        for remote in [Some(remote), aliased].into_iter().flatten() {
            let flow = Flow {
                remote,
                ..self.flow
            };
            // The daemon's loop is gone when it does not take this.
            let _ = self.inbox.received.send(Received::Lost { flow }).await;
        }
    }

    async fn exchange(
        &self,
        pipe: &mut Pipe,
        mut queue: mpsc::Receiver<Outgoing>,
        first: Duration,
    ) -> io::Result<()> {
        let mut buffer = BytesMut::with_capacity(READ_BYTES);
        let mut keep_alive = KeepAlive::default();
        let mut reading = Reading {
            framer: StreamFramer::new(),
            share: Bucket::full(clock::now()),
            deadline: after(first),
            state: Stream::Open,
        };
        loop {
            let Reading {
                deadline, state, ..
            } = reading;
            tokio::select! {
                biased;
                outgoing = queue.recv() => match outgoing {
                    None => return Ok(()),
                    Some(Outgoing::KeepAlive(every)) => keep_alive.set(every, clock::now()),
                    Some(Outgoing::Message(bytes)) => {
                        self.write(pipe, &bytes).await?;
                        keep_alive.handle_sent(clock::now());
                        if state == Stream::Broken {
                            return Ok(());
                        }
                    }
                },
                read = timeout_at(deadline, pipe.read_buf(&mut buffer)), if state == Stream::Open => {
                    match read {
                        Ok(Ok(0)) => return Ok(()),
                        Ok(Ok(_)) => self.take(pipe, &mut reading, &mut buffer, &mut keep_alive).await?,
                        Ok(Err(error)) => return Err(error),
                        // The pings say whether an idle path lives.
                        Err(_) if keep_alive.is_on() && !reading.framer.is_partial() => {
                            reading.deadline = after(self.limits.idle);
                        }
                        Err(elapsed) => return Err(elapsed.into()),
                    }
                }
                () = until(keep_alive.poll_timeout()) => match keep_alive.handle_timeout(clock::now()) {
                    Step::Ping => self.write(pipe, b"\r\n\r\n").await?,
                    Step::Dead => {
                        count(&self.inbox.counters.pongs_missing);
                        return Err(io::Error::other("the peer no longer answers pings"));
                    }
                    Step::Wait => {}
                },
                () = tokio::time::sleep_until(deadline), if state == Stream::Broken => return Ok(()),
            }
        }
    }

    /// What was read: delivers what is complete, and says until when more must come. Until the first
    /// message of a connection that was accepted is whole, nothing gives it more time.
    async fn take(
        &self,
        pipe: &mut Pipe,
        reading: &mut Reading,
        buffer: &mut BytesMut,
        keep_alive: &mut KeepAlive,
    ) -> io::Result<()> {
        let was_partial = reading.framer.is_partial();
        reading.framer.push(&buffer.split());
        buffer.reserve(READ_BYTES);
        let (complete, state) = self.frames(pipe, reading, keep_alive).await?;
        reading.state = state;
        let is_partial = reading.framer.is_partial();
        let proven = self.standing.stage() == Stage::Proven;
        reading.deadline = match state {
            Stream::Broken => after(LAST_WORD),
            Stream::Open if !proven && !complete => reading.deadline,
            Stream::Open if !is_partial => after(self.limits.idle),
            Stream::Open if complete || !was_partial => after(self.limits.message),
            Stream::Open => reading.deadline,
        };
        Ok(())
    }

    /// Delivers what is complete: whether there was a message, and whether the stream goes on.
    async fn frames(
        &self,
        pipe: &mut Pipe,
        reading: &mut Reading,
        keep_alive: &mut KeepAlive,
    ) -> io::Result<(bool, Stream)> {
        let mut complete = false;
        while let Some(frame) = reading.framer.next() {
            let broken = match &frame {
                Frame::Ping => {
                    self.write(pipe, b"\r\n").await?;
                    continue;
                }
                Frame::Pong => {
                    keep_alive.handle_pong();
                    continue;
                }
                Frame::Message(message) => {
                    self.learn(message);
                    false
                }
                Frame::Rejected(_) => false,
                Frame::Broken(_) => true,
            };
            complete = true;
            let bytes = reading.framer.raw().clone();
            if let Some(share) = self.inbox.share()
                && let Err(at) = reading.share.take(share, clock::now())
            {
                tokio::time::sleep_until(at.into()).await;
                // The token that was waited for; the clock can only be later than it.
                let _ = reading.share.take(share, clock::now());
            }
            if let Some(received) = self.inbox.sort(bytes, self.flow, self.admission) {
                let taken = self.inbox.received.send(received).await;
                taken.map_err(|_| io::ErrorKind::BrokenPipe)?;
            }
            // A stranger has one answer coming, and no more.
            if broken || self.admission != Admission::Admit {
                return Ok((complete, Stream::Broken));
            }
        }
        Ok((complete, Stream::Open))
    }

    /// A valid message gives a connection its standing. A request whose Via says `alias` offers it for
    /// requests to the sender's own port (RFC 5923 §5): taken for the same address only, since an
    /// address proves no more than itself.
    fn learn(&self, message: &Message) {
        if self.admission != Admission::Admit {
            return;
        }
        self.standing.set_stage(Stage::Proven);
        let Message::Request(request) = message else {
            return;
        };
        let via = request.top_via().filter(|via| via.params.contains("alias"));
        if let Some(via) = via
            && via.host.ip() == Some(self.flow.remote.ip().to_canonical())
        {
            let port = via.port.unwrap_or(self.flow.transport.default_port());
            self.standing.alias.store(port, Ordering::Relaxed);
        }
    }

    async fn write(&self, pipe: &mut Pipe, bytes: &[u8]) -> io::Result<()> {
        timeout(self.limits.patience, async {
            pipe.write_all(bytes).await?;
            // TLS holds back what is not flushed.
            pipe.flush().await
        })
        .await?
    }
}

fn after(time: Duration) -> Instant {
    Instant::from_std(clock::now() + time)
}

async fn until(deadline: Option<std::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => pending().await,
    }
}

fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    if let Err(error) = setsockopt(stream, sockopt::TcpUserTimeout, &UNACKNOWLEDGED_MAX) {
        log::debug!("the kernel keeps its own time-out: {error}");
    }
    Ok(())
}

async fn connect(source: IpAddr, remote: SocketAddr) -> io::Result<TcpStream> {
    let socket = if remote.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    if !source.is_unspecified() {
        socket.bind(SocketAddr::new(source, 0))?;
    }
    socket.connect(remote).await
}
