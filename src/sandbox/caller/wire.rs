//! The caller's SIP socket: UDP or TCP.

use core::net::{IpAddr, SocketAddr};
use std::future::pending;
use std::io;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use crate::sip::message::{Frame, MAX_MESSAGE, StreamFramer};
use crate::sip::{Flow, Transport};

/// The socket.
pub(super) enum Wire {
    Udp {
        socket: UdpSocket,
        buffer: Vec<u8>,
    },
    Tcp {
        stream: TcpStream,
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
            Transport::Tls => Err(io::Error::from(io::ErrorKind::Unsupported)),
            Transport::Tcp => {
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
                let wire = Self::Tcp {
                    stream,
                    framer: StreamFramer::new(),
                    buffer: vec![0; MAX_MESSAGE],
                    flow,
                };
                Ok((wire, flow))
            }
        }
    }

    /// Sends one message. Over TCP everything goes by the one connection.
    pub(super) async fn send(&mut self, bytes: &[u8], to: SocketAddr) -> io::Result<()> {
        match self {
            Self::Udp { socket, .. } => socket.send_to(bytes, to).await.map(|_| ()),
            Self::Tcp { stream, .. } => stream.write_all(bytes).await,
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
                Self::Tcp {
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
