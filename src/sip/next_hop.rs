//! Where a request inside a dialog is sent (RFC 3261 §8.1.2, §18.1.1), for an element that asks no DNS.

use core::net::{IpAddr, SocketAddr};

use super::message::Uri;
use super::{Flow, Transport};

/// Whether the path that a dialog was last heard on still stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// The UDP path, or an open connection.
    Up,
    /// A connection that is gone.
    Lost,
}

/// The flow to send a request on whose first hop is `hop`, in a dialog last heard on `flow`.
///
/// An open connection is used again. Otherwise an IP literal is taken at its word, unless it is a
/// private address told by a peer whose packets come from a public one (a phone behind NAT). A
/// name, or a transport not spoken here, leads back to where the dialog was heard.
#[must_use]
pub fn next_hop(hop: &Uri, flow: Flow, path: Path) -> Flow {
    if flow.transport.is_stream() && path == Path::Up {
        return flow;
    }
    let transport = match hop.param("transport") {
        None => Some(flow.transport),
        Some(name) if name.eq_ignore_ascii_case(b"tcp") => Some(Transport::Tcp),
        Some(name) if name.eq_ignore_ascii_case(b"tls") => Some(Transport::Tls),
        Some(name) if name.eq_ignore_ascii_case(b"udp") => Some(Transport::Udp),
        Some(_) => None,
    };
    let port = hop
        .port()
        .unwrap_or_else(|| transport.unwrap_or(flow.transport).default_port());
    let told = hop.host().and_then(|host| host.ip());
    let reachable = told.filter(|ip| {
        let behind_nat = is_private(*ip) && !is_private(flow.remote.ip());
        ip.is_ipv4() == flow.local.is_ipv4() && !ip.is_unspecified() && !behind_nat
    });
    match (reachable.zip(transport), path) {
        (Some((ip, transport)), _) => Flow {
            transport,
            remote: SocketAddr::new(ip, port),
            ..flow
        },
        (None, Path::Up) => flow,
        // The port of a lost connection was the peer's ephemeral one; nobody listens there.
        (None, Path::Lost) => Flow {
            remote: SocketAddr::new(flow.remote.ip(), port),
            ..flow
        },
    }
}

/// Whether an address has no meaning outside its own network.
pub(super) fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let shared = ip.octets()[0] == 100 && ip.octets()[1] & 0xC0 == 64;
            ip.is_private() || ip.is_loopback() || ip.is_link_local() || shared
        }
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests;
