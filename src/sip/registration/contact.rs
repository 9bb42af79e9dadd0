//! Our Contact: where the registrar shall send calls, and how the world sees that place.

use core::net::{IpAddr, SocketAddr};

use super::{Event, Registration};
use crate::sip::message::{Host, Response, Uri, Via};
use crate::sip::next_hop::is_private;
use crate::sip::{Flow, Transport};

/// How the registrar sees one address of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mapping {
    transport: Transport,
    local: SocketAddr,
    seen: SocketAddr,
}

impl Mapping {
    /// From the Via that a response brings back (RFC 3261 §18.2.1, RFC 3581 §4); `None` when it says nothing.
    fn read(via: &Via, flow: Flow) -> Option<Self> {
        let (received, port) = (via.received(), via.rport().flatten());
        if received.is_none() && port.is_none() {
            return None;
        }
        let ip = received.or_else(|| via.host.ip())?;
        let port = port.or(via.port)?;
        let seen = SocketAddr::new(ip.to_canonical(), port);
        let usable = port != 0 && !ip.is_unspecified() && ip.is_ipv4() == flow.local.is_ipv4();
        usable.then_some(Self {
            transport: flow.transport,
            local: flow.local,
            seen,
        })
    }

    /// The address for our Contact on a flow, where the registrar sees another than the flow's own. The port
    /// alone is no reason: on a stream it is the connection's, and some firewalls tell a wrong one. A private
    /// address tells a public one nothing.
    fn address(&self, flow: Flow) -> Option<SocketAddr> {
        let (seen, local) = (self.seen.ip(), flow.local.ip());
        let misled = is_private(seen) && !is_private(local) && !local.is_unspecified();
        let concerned = (self.transport, self.local) == (flow.transport, flow.local);
        (concerned && seen != local && !misled).then_some(self.seen)
    }
}

impl Registration {
    /// Our Contact on a flow, without parameters of the header.
    pub(super) fn contact_on(&self, flow: Flow) -> Uri {
        let learned = self.mapping.and_then(|mapping| mapping.address(flow));
        let address = match (self.settings.public_address, learned) {
            (Some(ip), _) => SocketAddr::new(ip, flow.local.port()),
            (None, Some(seen)) => seen,
            (None, None) => flow.local,
        };
        let user = Some(self.settings.contact_user.as_str());
        let uri = Uri::sip(user, address.ip(), Some(address.port()));
        match flow.transport.uri_param() {
            Some(transport) => uri.with_param("transport", Some(transport)),
            None => uri,
        }
    }

    /// Notes how a response says that we are seen.
    pub(super) fn learn_address(&mut self, response: &Response, flow: Flow) {
        let via = response.top_via();
        let Some(mapping) = via.and_then(|via| Mapping::read(&via, flow)) else {
            return;
        };
        self.mapping = Some(mapping);
        if self.status.public != Some(mapping.seen) {
            self.status.public = Some(mapping.seen);
            self.tell(Event::PublicAddress(mapping.seen));
        }
    }
}

/// Whether `host` is `domain` or a name inside it.
pub(super) fn is_within(host: &Host, domain: &Host) -> bool {
    let (Host::Name(name), Host::Name(domain)) = (host, domain) else {
        return host == domain;
    };
    let (name, domain) = (name.to_ascii_lowercase(), domain.to_ascii_lowercase());
    let above = name.strip_suffix(domain.as_slice());
    above.is_some_and(|above| above.is_empty() || above.ends_with(b"."))
}

/// The address in a URI, where it is one.
pub(super) fn address_in(uri: &Uri, transport: Transport) -> Option<(IpAddr, u16)> {
    let ip = uri.host()?.ip()?;
    Some((ip, uri.port().unwrap_or_else(|| transport.default_port())))
}
