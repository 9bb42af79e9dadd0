//! At which of our addresses the audio of a call is: in the family that the peer wants it in (RFC 3264 §6, RFC 8866
//! §5.7), which need not be that of the signalling.

use core::net::{IpAddr, SocketAddr};

use crate::config::Config;
use crate::io::sip_sockets::route;
use crate::sdp::{self, SessionDescription};
use crate::sip::Flow;
use crate::sip::message::Request;

/// The addresses there are.
#[derive(Debug)]
pub(crate) struct MediaAddresses {
    /// `media.address`: one of a family at most.
    configured: Vec<IpAddr>,
    /// Where SIP is listened for.
    listened: Vec<IpAddr>,
}

impl MediaAddresses {
    /// Those of a configuration.
    pub(super) fn new(config: &Config) -> Self {
        let sip = &config.sip;
        let listened = [&sip.listen_udp, &sip.listen_tcp, &sip.listen_tls];
        Self {
            configured: config.media.address.clone(),
            listened: listened.into_iter().flatten().map(SocketAddr::ip).collect(),
        }
    }

    /// The address for the audio of a call that comes in. Without one of the family that the offer wants it is one of
    /// the signalling's, which the peer has, too: its packets show where to send.
    pub(super) fn of_call(&self, invite: &Request, flow: Flow) -> IpAddr {
        let offer = invite.body_of("application/sdp");
        let offer = offer.and_then(|offer| SessionDescription::parse(&offer).ok());
        let mut wanted = offer.iter().flat_map(sdp::audio_addresses);
        let address = wanted.find_map(|peer| self.towards(peer, flow));
        address.unwrap_or_else(|| self.on(flow))
    }

    /// The address for the audio of a call that we make.
    pub(super) fn on(&self, flow: Flow) -> IpAddr {
        let local = flow.local.ip();
        of_family(&self.configured, local).unwrap_or(local)
    }

    /// One of each family where audio may be, for the checks of a start.
    pub(super) fn of_each_family(&self) -> Vec<IpAddr> {
        let mut all: Vec<IpAddr> = Vec::new();
        for address in self.configured.iter().chain(&self.listened) {
            if of_family(&all, *address).is_none() {
                all.push(*address);
            }
        }
        all
    }

    fn towards(&self, peer: IpAddr, flow: Flow) -> Option<IpAddr> {
        if peer.is_ipv4() == flow.local.is_ipv4() {
            return Some(self.on(flow));
        }
        if let Some(address) = of_family(&self.configured, peer) {
            return Some(address);
        }
        match of_family(&self.listened, peer)? {
            any if any.is_unspecified() => route(SocketAddr::new(peer, DISCARD)),
            address => Some(address),
        }
    }
}

/// A port for asking the kernel the way; nothing is sent there.
const DISCARD: u16 = 9;

fn of_family(addresses: &[IpAddr], like: IpAddr) -> Option<IpAddr> {
    let mut same = addresses.iter();
    same.find(|it| it.is_ipv4() == like.is_ipv4()).copied()
}

#[cfg(test)]
mod tests;
