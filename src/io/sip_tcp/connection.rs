//! One TCP connection: framed in, queued out, ended by its limits.

use core::net::{IpAddr, SocketAddr};
use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

use super::Limits;
use crate::io::clock;
use crate::io::sip_sockets::{Admission, Inbox, Received, count};
use crate::sip::Flow;
use crate::sip::message::{Frame, StreamFramer};

/// Bytes read at once.
const READ_BYTES: usize = 16 << 10;

/// How long a connection stays open for the answer to what ended it.
const LAST_WORD: Duration = Duration::from_secs(1);

pub(super) struct Connection {
    pub(super) flow: Flow,
    pub(super) admission: Admission,
    pub(super) limits: Limits,
    pub(super) inbox: Inbox,
}

/// Whether a connection goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stream {
    Open,
    /// Nothing more is read; the answer may still be written.
    Broken,
}

impl Connection {
    /// Connects from `source`, then carries messages until it ends.
    pub(super) async fn dial(self, source: IpAddr, queue: mpsc::Receiver<Bytes>) {
        let remote = self.flow.remote;
        let dialled = timeout(self.limits.patience, connect(source, remote)).await;
        match dialled.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(stream) => {
                let first = self.limits.idle;
                self.carry(stream, queue, first).await;
            }
            Err(error) => {
                log::debug!(PEER:% = remote; "no connection: {error}");
                count(&self.inbox.counters.send_failed);
                self.end().await;
            }
        }
    }

    /// Carries messages until either side or a limit ends it; the first bytes must come within `first`.
    pub(super) async fn carry(
        self,
        mut stream: TcpStream,
        queue: mpsc::Receiver<Bytes>,
        first: Duration,
    ) {
        if let Err(error) = self.exchange(&mut stream, queue, first).await {
            if error.kind() == io::ErrorKind::TimedOut {
                count(&self.inbox.counters.connections_timed_out);
            }
            log::debug!(PEER:% = self.flow.remote; "a connection ended: {error}");
        }
        drop(stream);
        self.end().await;
    }

    async fn end(self) {
        let lost = Received::Lost { flow: self.flow };
        // The daemon's loop is gone when it does not take this.
        let _ = self.inbox.received.send(lost).await;
    }

    async fn exchange(
        &self,
        stream: &mut TcpStream,
        mut queue: mpsc::Receiver<Bytes>,
        first: Duration,
    ) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut framer = StreamFramer::new();
        let mut buffer = BytesMut::with_capacity(READ_BYTES);
        let mut deadline = self.deadline(first);
        let mut state = Stream::Open;
        loop {
            tokio::select! {
                biased;
                bytes = queue.recv() => {
                    let Some(bytes) = bytes else { return Ok(()) };
                    self.write(stream, &bytes).await?;
                    if state == Stream::Broken {
                        return Ok(());
                    }
                }
                read = timeout_at(deadline, stream.read_buf(&mut buffer)), if state == Stream::Open => {
                    if read.map_err(io::Error::from)?? == 0 {
                        return Ok(());
                    }
                    let partial = framer.is_partial();
                    framer.push(&buffer.split());
                    let (complete, after) = self.frames(stream, &mut framer).await?;
                    state = after;
                    deadline = match (state, framer.is_partial()) {
                        (Stream::Broken, _) => self.deadline(LAST_WORD),
                        (Stream::Open, false) => self.deadline(self.limits.idle),
                        (Stream::Open, true) if complete || !partial => {
                            self.deadline(self.limits.message)
                        }
                        (Stream::Open, true) => deadline,
                    };
                    buffer.reserve(READ_BYTES);
                }
                () = tokio::time::sleep_until(deadline), if state == Stream::Broken => return Ok(()),
            }
        }
    }

    /// Delivers what is complete: whether there was a message, and whether the stream goes on.
    async fn frames(
        &self,
        stream: &mut TcpStream,
        framer: &mut StreamFramer,
    ) -> io::Result<(bool, Stream)> {
        let mut complete = false;
        while let Some(frame) = framer.next() {
            let broken = match frame {
                Frame::Ping => {
                    self.write(stream, b"\r\n").await?;
                    continue;
                }
                Frame::Pong => continue,
                Frame::Message(_) | Frame::Rejected(_) => false,
                Frame::Broken(_) => true,
            };
            complete = true;
            let bytes = framer.raw().clone();
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

    async fn write(&self, stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
        timeout(self.limits.patience, stream.write_all(bytes)).await?
    }

    fn deadline(&self, after: Duration) -> Instant {
        Instant::from_std(clock::now() + after)
    }
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
