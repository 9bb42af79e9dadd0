//! The listening socket: counts connections and can cut any of them in mid-sentence.

use core::net::SocketAddr;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::tls::Stream;

/// Open connections at most: some hundred calls with three each. The next one waits unaccepted in the
/// kernel's queue; `connections` in `/state` shows how near it is.
const MAX_CONNECTIONS: usize = 2_048;
/// How long to wait when no connection can be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A handle on one connection.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    wire: Arc<Wire>,
}

impl Peer {
    /// Resets the connection: the peer sees neither an answer nor a proper end.
    pub(super) fn cut(&self) {
        self.wire.cut();
    }
}

#[derive(Debug, Default)]
struct Wire {
    cut: AtomicBool,
    reader: AtomicWaker,
    writer: AtomicWaker,
}

impl Wire {
    fn cut(&self) {
        self.cut.store(true, Ordering::Release);
        self.reader.wake();
        self.writer.wake();
    }

    fn check(&self) -> io::Result<()> {
        if self.cut.load(Ordering::Acquire) {
            return Err(io::Error::from(io::ErrorKind::ConnectionReset));
        }
        Ok(())
    }
}

/// All open connections.
#[derive(Clone, Debug, Default)]
pub(super) struct Connections {
    wires: Arc<Mutex<Vec<Weak<Wire>>>>,
}

impl Connections {
    /// How many are open.
    pub(super) fn open(&self) -> usize {
        let mut wires = self.wires.lock().unwrap_or_else(PoisonError::into_inner);
        wires.retain(|wire| wire.strong_count() > 0);
        wires.len()
    }

    /// Cuts them all.
    pub(super) fn cut(&self) {
        let wires = self.wires.lock().unwrap_or_else(PoisonError::into_inner);
        wires
            .iter()
            .filter_map(Weak::upgrade)
            .for_each(|wire| wire.cut());
    }

    fn add(&self) -> Arc<Wire> {
        let wire = Arc::new(Wire::default());
        let mut wires = self.wires.lock().unwrap_or_else(PoisonError::into_inner);
        wires.push(Arc::downgrade(&wire));
        wire
    }
}

/// The listener of the sandbox.
pub(super) struct Door {
    pub(super) listener: TcpListener,
    pub(super) acceptor: Option<TlsAcceptor>,
    pub(super) connections: Connections,
}

impl Listener for Door {
    type Io = Line;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Line, SocketAddr) {
        loop {
            if self.connections.open() >= MAX_CONNECTIONS {
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
            match self.listener.accept().await {
                Ok((stream, address)) => {
                    // Without it small messages would wait for the peer's delayed acknowledgement.
                    if let Err(error) = stream.set_nodelay(true) {
                        log::debug!("sandbox: TCP_NODELAY: {error}");
                    }
                    let wire = self.connections.add();
                    let stream = Stream::new(stream, self.acceptor.as_ref());
                    return (Line { stream, wire }, address);
                }
                Err(error) => {
                    log::warn!("sandbox: accept: {error}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// One connection.
pub(super) struct Line {
    stream: Stream,
    wire: Arc<Wire>,
}

impl Connected<IncomingStream<'_, Door>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        Self {
            wire: Arc::clone(&stream.io().wire),
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.wire.check().is_err()
            && let Some(stream) = self.stream.tcp()
            && let Err(error) = stream.set_zero_linger()
        {
            log::debug!("sandbox: SO_LINGER: {error}");
        }
    }
}

impl AsyncRead for Line {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let line = self.get_mut();
        line.wire.reader.register(context.waker());
        line.wire.check()?;
        Pin::new(&mut line.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let line = self.get_mut();
        line.wire.writer.register(context.waker());
        line.wire.check()?;
        Pin::new(&mut line.stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
