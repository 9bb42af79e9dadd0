//! A question that shows what lies between us and a peer: OPTIONS (RFC 3261 §11) with values that
//! are known, so that the answer tells what was changed on the way.
//!
//! A peer copies Via, From, To, Call-ID and CSeq into its answer (§8.2.6.2) and notes in Via where the
//! question came from (§18.2.1, RFC 3581). A router with a SIP-ALG changes them, and sooner or later
//! gets it wrong: silent calls, calls that end after half a minute, registrations that are lost.

use core::fmt;
use core::net::{IpAddr, SocketAddr};

use bytes::Bytes;

use super::message::{Host, Message, Method, Name, NameAddr, Request, Response, Uri, Via, parse};
use super::{Random, Transport, nat};

/// One question over UDP.
#[derive(Clone, Debug)]
pub struct Probe {
    local: SocketAddr,
    peer: SocketAddr,
    via: Via,
    request: Request,
}

/// What the answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its status; any shows that a SIP server is there.
    pub status: u16,
    /// The address that the peer saw us at.
    pub seen_as: Option<SocketAddr>,
    /// What is wrong on the way.
    pub findings: Vec<Finding>,
}

/// Something between us and the peer that harms calls. Shown, it is a sentence with the remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// A header came back other than it went.
    Rewritten {
        /// Which.
        header: &'static str,
    },
    /// The peer, who is beyond our network, saw us at an address inside of it.
    Disguised {
        /// That address.
        seen: IpAddr,
    },
    /// The answer came from another address than the question went to.
    Elsewhere {
        /// From there.
        from: SocketAddr,
    },
    /// The public address of the configuration is not the one the peer sees.
    WrongAddress {
        /// What the configuration says.
        told: IpAddr,
        /// What the peer sees.
        seen: IpAddr,
    },
    /// Our address is translated and nothing says which one peers are to be told.
    Untold {
        /// What the peer sees.
        seen: IpAddr,
    },
    /// The router gives us another port than ours.
    Port {
        /// Ours.
        ours: u16,
        /// What the peer sees.
        seen: u16,
    },
}

impl Finding {
    /// Whether calls suffer from it for sure. A changed port does no harm where requests and answers
    /// take the same path, which they do with us.
    #[must_use]
    pub fn is_fault(&self) -> bool {
        !matches!(self, Self::Port { .. })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rewritten { header } => write!(
                out,
                "your router rewrites SIP (SIP-ALG): {header} came back changed; switch SIP-ALG off in the router"
            ),
            Self::Disguised { seen } => write!(
                out,
                "your router rewrites SIP (SIP-ALG): a peer in the internet says that it sees us at {seen}; \
                 switch SIP-ALG off in the router"
            ),
            Self::Elsewhere { from } => write!(
                out,
                "the answer came from {from}; list that address in the line's `allow` as well"
            ),
            Self::WrongAddress { told, seen } => write!(
                out,
                "peers are told the public address {told}, but are reached by way of {seen}; correct public_address"
            ),
            Self::Untold { seen } => write!(
                out,
                "a router translates our address to {seen}, and nothing tells peers so; set sip.public_address \
                 or sip.stun_server, or callers may hear nothing"
            ),
            Self::Port { ours, seen } => write!(
                out,
                "the router changes our port {ours} to {seen}; forward the port if the provider sends calls unasked"
            ),
        }
    }
}

impl Probe {
    /// A question from `local`, an address of ours, to a peer.
    #[must_use]
    pub fn new(local: SocketAddr, peer: SocketAddr, random: &mut Random) -> Self {
        let host = Host::from(local.ip());
        let branch = format!("z9hG4bK{}", random.token());
        let via = Via::new(Transport::Udp.name(), host.clone(), local.port(), &branch);
        let uri = Uri::sip(None, Host::from(peer.ip()), Some(peer.port()));
        let ours = Uri::sip(Some("check"), host.clone(), Some(local.port()));
        let from = NameAddr::new(ours.clone()).with_tag(&random.token());
        // An address in Call-ID is what a SIP-ALG likes to change.
        let call_id = format!("{}@{host}", random.token());
        let request = Request::new(Method::Options, uri.clone())
            .with_header(Name::Via, &via)
            .with_header(Name::MaxForwards, "70")
            .with_header(Name::From, from)
            .with_header(Name::To, NameAddr::new(uri))
            .with_header(Name::CallId, call_id)
            .with_header(Name::CSeq, "1 OPTIONS")
            .with_header(Name::Contact, NameAddr::new(ours))
            .with_header(Name::Accept, "application/sdp");
        Self {
            local,
            peer,
            via,
            request,
        }
    }

    /// The question as it is sent.
    #[must_use]
    pub fn bytes(&self) -> Bytes {
        self.request.write()
    }

    /// Reads what came back; `None` when it is no answer to this question. `public` is the address
    /// that this peer is told.
    #[must_use]
    pub fn read(&self, bytes: Bytes, from: SocketAddr, public: Option<IpAddr>) -> Option<Answer> {
        let Ok(Message::Response(response)) = parse(bytes) else {
            return None;
        };
        let (via, tag) = (response.top_via()?, response.from_tag());
        // Either value may have been changed on the way; both together are another's answer.
        if via.branch() != self.via.branch() && tag != self.request.from_tag() {
            return None;
        }
        let seen_as = via
            .received()
            .map(|ip| SocketAddr::new(ip, via.rport().flatten().unwrap_or(self.local.port())));
        let mut findings = self.rewritten(&response, &via);
        if from.ip().to_canonical() != self.peer.ip().to_canonical() {
            findings.push(Finding::Elsewhere { from });
        }
        if let Some(seen) = seen_as {
            findings.extend(self.judged(seen, public));
        }
        Some(Answer {
            status: response.status.0,
            seen_as,
            findings,
        })
    }

    fn rewritten(&self, response: &Response, via: &Via) -> Vec<Finding> {
        let sent_by = |via: &Via| (via.host.clone(), via.port, via.branch());
        let sent = &self.request;
        let same_to = response.to().map(|to| to.uri) == sent.to().map(|to| to.uri);
        let changed = [
            ("Via", sent_by(via) != sent_by(&self.via)),
            ("Call-ID", response.call_id() != sent.call_id()),
            ("From", response.from() != sent.from()),
            ("To", !same_to),
        ];
        let changed = changed.into_iter().filter(|(_, changed)| *changed);
        changed
            .map(|(header, _)| Finding::Rewritten { header })
            .collect()
    }

    /// What the address that the peer sees means.
    fn judged(&self, seen: SocketAddr, public: Option<IpAddr>) -> Vec<Finding> {
        let (ours, seen_ip) = (self.local.ip().to_canonical(), seen.ip().to_canonical());
        let mut findings = Vec::new();
        let translated = seen_ip != ours;
        if nat::is_outside(self.peer.ip()) {
            let told = public.map(|ip| ip.to_canonical());
            match told {
                _ if !nat::is_outside(seen_ip) => {
                    findings.push(Finding::Disguised { seen: seen_ip });
                }
                Some(told) if told != seen_ip => {
                    findings.push(Finding::WrongAddress {
                        told,
                        seen: seen_ip,
                    });
                }
                None if translated => findings.push(Finding::Untold { seen: seen_ip }),
                Some(_) | None => {}
            }
        }
        if seen.port() != self.local.port() {
            findings.push(Finding::Port {
                ours: self.local.port(),
                seen: seen.port(),
            });
        }
        findings
    }
}

#[cfg(test)]
mod tests;
