//! The caller's SIP socket: UDP, TCP or TLS.

use core::net::{IpAddr, SocketAddr};
use std::future::pending;
use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::io::tls::trusted_roots;
use crate::sip::message::{Frame, MAX_MESSAGE, StreamFramer};
use crate::sip::{Flow, Transport};

/// What a connection can do.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

/// The name to expect in the far end's certificate, and who may have signed it.
pub(super) struct Trust<'a> {
    pub(super) name: &'a str,
    pub(super) authorities: Option<&'a Path>,
}

/// The socket.
pub(super) enum Wire {
    Udp {
        socket: UdpSocket,
        buffer: Vec<u8>,
    },
    /// TCP, or TLS over it.
    Stream {
        stream: Box<dyn Duplex>,
        framer: StreamFramer,
        buffer: Vec<u8>,
        flow: Flow,
    },
    /// The connection is gone.
    Gone,
}

/// What came.
pub(super) enum Arrived {
    Message(Bytes, Flow),
    /// The connection is gone.
    Lost(Flow),
}

impl Wire {
    /// A socket to `remote`, on `local` where that is given.
    pub(super) async fn open(
        transport: Transport,
        local: Option<IpAddr>,
        remote: SocketAddr,
        trust: &Trust<'_>,
    ) -> io::Result<(Self, Flow)> {
        let any = if remote.is_ipv4() {
            IpAddr::from([0, 0, 0, 0])
        } else {
            IpAddr::from([0u16; 8])
        };
        let from = SocketAddr::new(local.unwrap_or(any), 0);
        match transport {
            Transport::Udp => {
                // The kernel knows which of our addresses leads there.
                let probe = UdpSocket::bind(from).await?;
                probe.connect(remote).await?;
                let address = probe.local_addr()?.ip();
                let socket = UdpSocket::bind((address, 0)).await?;
                let flow = Flow {
                    transport,
                    local: socket.local_addr()?,
                    remote,
                };
                let buffer = vec![0; MAX_MESSAGE];
                Ok((Self::Udp { socket, buffer }, flow))
            }
            Transport::Tcp | Transport::Tls => {
                let socket = if remote.is_ipv4() {
                    tokio::net::TcpSocket::new_v4()?
                } else {
                    tokio::net::TcpSocket::new_v6()?
                };
                socket.bind(from)?;
                let stream = socket.connect(remote).await?;
                stream.set_nodelay(true)?;
                let flow = Flow {
                    transport,
                    local: stream.local_addr()?,
                    remote,
                };
                let stream: Box<dyn Duplex> = if transport == Transport::Tls {
                    Box::new(encrypted(stream, trust).await?)
                } else {
                    Box::new(stream)
                };
                let wire = Self::Stream {
                    stream,
                    framer: StreamFramer::new(),
                    buffer: vec![0; MAX_MESSAGE],
                    flow,
                };
                Ok((wire, flow))
            }
        }
    }

    /// Sends one message. On a connection everything goes by the one connection.
    pub(super) async fn send(&mut self, bytes: &[u8], to: SocketAddr) -> io::Result<()> {
        match self {
            Self::Udp { socket, .. } => socket.send_to(bytes, to).await.map(|_| ()),
            Self::Stream { stream, .. } => {
                stream.write_all(bytes).await?;
                stream.flush().await
            }
            Self::Gone => Err(io::Error::from(io::ErrorKind::NotConnected)),
        }
    }

    /// The next message. Cancel-safe.
    pub(super) async fn receive(&mut self) -> Arrived {
        loop {
            match self {
                Self::Udp { socket, buffer } => {
                    // Errors are of datagrams sent before (port unreachable): the timers deal with those.
                    if let Ok((length, remote)) = socket.recv_from(buffer).await
                        && let Ok(local) = socket.local_addr()
                    {
                        let bytes = Bytes::copy_from_slice(&buffer[..length]);
                        let flow = Flow {
                            transport: Transport::Udp,
                            local,
                            remote,
                        };
                        return Arrived::Message(bytes, flow);
                    }
                }
                Self::Stream {
                    stream,
                    framer,
                    buffer,
                    flow,
                } => {
                    let flow = *flow;
                    match framer.next() {
                        Some(Frame::Message(message)) => {
                            return Arrived::Message(message.write(), flow);
                        }
                        Some(Frame::Ping | Frame::Pong | Frame::Rejected(_)) => continue,
                        Some(Frame::Broken(_)) => {}
                        None => match stream.read(buffer).await {
                            Ok(length) if length > 0 => {
                                framer.push(&buffer[..length]);
                                continue;
                            }
                            Ok(_) | Err(_) => {}
                        },
                    }
                    *self = Self::Gone;
                    return Arrived::Lost(flow);
                }
                Self::Gone => pending().await,
            }
        }
    }
}

async fn encrypted(stream: TcpStream, trust: &Trust<'_>) -> io::Result<TlsStream<TcpStream>> {
    let roots = trusted_roots(trust.authorities).map_err(io::Error::other)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(trust.name.to_owned()).map_err(io::Error::other)?;
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}
