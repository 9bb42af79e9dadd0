//! One line: what the file says of it, and what the network has told.

use core::net::{IpAddr, SocketAddr};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret as _;

use crate::audio;
use crate::call::Kind;
use crate::config::{self, Config, LineKind, LineTransport, Secrets};
use crate::daemon::dialing::Dial;
use crate::sdp::SrtpPolicy;
use crate::sip::digest::{Credentials, Password};
use crate::sip::identity::{Country, Trust};
use crate::sip::message::{Host, NameAddr, Request, Uri};
use crate::sip::session::{self, Policy, ReliableProvisionals};
use crate::sip::{Flow, Transport};

/// The user part of our Contact on a trunk.
const CONTACT_USER: &str = "ringwell";

/// One line, as it is now.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// Its name.
    pub(crate) name: Arc<str>,
    /// What the file says of it.
    pub(crate) config: config::Line,
    /// The user part of our Contact on it.
    pub(crate) contact_user: String,
    /// What the network has told.
    pub(crate) learned: Learned,
    password: Option<Password>,
}

/// What the network has told of a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Learned {
    /// Addresses of the registrar or peer, the newest first.
    pub(crate) addresses: Vec<IpAddr>,
    /// The path that calls of ours take.
    pub(crate) flow: Option<Flow>,
    /// All paths that are known, in the order to try them (RFC 3263 §4.3).
    pub(crate) flows: Vec<Flow>,
    /// The address that the registrar sees us at.
    pub(crate) public: Option<SocketAddr>,
}

impl Line {
    /// How particular the network is by which the line admits a source, in bits.
    pub(super) fn admits(&self, transport: Transport, source: IpAddr) -> Option<u8> {
        let fits = match self.config.transport {
            LineTransport::Any => true,
            LineTransport::Udp => transport == Transport::Udp,
            LineTransport::Tcp => transport == Transport::Tcp,
            LineTransport::Tls => transport == Transport::Tls,
        };
        if !fits {
            return None;
        }
        if self.learned.addresses.contains(&source) {
            return Some(if source.is_ipv4() { 32 } else { 128 });
        }
        let networks = self.config.allow.iter();
        let networks = networks.filter(|network| network.contains(source));
        networks.map(|network| network.prefix()).max()
    }

    pub(super) fn is_set_like(&self, other: &Self) -> bool {
        self.config == other.config
            && self.password == other.password
            && self.contact_user == other.contact_user
    }

    /// Whether nothing differs that its registrar or peer would notice.
    pub(crate) fn is_attached_like(&self, other: &Self) -> bool {
        let attachment = |line: &Self| {
            let config = line.config.clone();
            config::Line {
                allow: Vec::new(),
                diagnostics: false,
                codecs: Vec::new(),
                country: String::new(),
                trust_identity: false,
                session_expires: Duration::ZERO,
                reliable: config::Reliable::Off,
                accept_refer: false,
                ..config
            }
        };
        attachment(self) == attachment(other)
            && self.password == other.password
            && self.contact_user == other.contact_user
    }

    /// Where calls of ours go on a trunk that makes some.
    pub(crate) fn peer_uri(&self) -> Option<Uri> {
        let is_trunk = self.config.kind == LineKind::Trunk;
        self.remote_uri().filter(|_| is_trunk)
    }

    /// What answers: the diagnostics where the line allows them, otherwise the assistant.
    pub(crate) fn kind(&self, invite: &Request) -> Kind {
        match invite.uri.user_text().as_deref() {
            Some("echo") if self.config.diagnostics => Kind::Echo,
            Some("tone") if self.config.diagnostics => Kind::Tone,
            _ => Kind::Assistant,
        }
    }

    /// Its codecs, the dearest first.
    pub(crate) fn codecs(&self) -> Vec<audio::Codec> {
        self.config
            .codecs
            .iter()
            .map(|codec| (*codec).into())
            .collect()
    }

    /// What is believed of who calls on it.
    pub(crate) fn trust(&self) -> Trust {
        Trust {
            identity: self.config.trust_identity,
            country: Country::of(&self.config.country),
        }
    }

    /// Whether its audio is encrypted.
    pub(crate) fn srtp(&self) -> SrtpPolicy {
        match self.config.srtp {
            config::LineSrtp::Off => SrtpPolicy::Off,
            config::LineSrtp::Accepted => SrtpPolicy::Accepted,
            config::LineSrtp::Required => SrtpPolicy::Required,
        }
    }

    /// What it answers challenges with, if it has a password.
    pub(crate) fn credentials(&self) -> Option<Credentials> {
        let config = &self.config;
        let username = config.auth_user.as_ref().or(config.user.as_ref())?;
        Some(Credentials {
            realm: config.realm.clone(),
            username: username.clone(),
            password: self.password.clone()?,
        })
    }

    /// The rules of its calls.
    pub(crate) fn policy(&self) -> Policy {
        let interval = self.config.session_expires;
        Policy {
            session_expires: (!interval.is_zero()).then_some(interval),
            reliable: match self.config.reliable {
                config::Reliable::Off => ReliableProvisionals::Off,
                config::Reliable::Allowed => ReliableProvisionals::Allowed,
                config::Reliable::Wanted => ReliableProvisionals::Wanted,
            },
            credentials: self.credentials(),
            redirect_hosts: self.own_hosts(),
            accepts_refer: self.config.accept_refer,
            ..Policy::default()
        }
    }

    /// The hosts that are this line's: its domain, its registrar or peer, and their addresses.
    fn own_hosts(&self) -> Vec<Host> {
        let names = [
            self.config.domain.as_deref(),
            self.config.remote().map(config::Peer::host),
        ];
        let names = names.into_iter().flatten();
        let mut hosts: Vec<Host> = names
            .filter_map(|name| Host::parse(name.to_owned()))
            .collect();
        hosts.extend(
            self.learned
                .addresses
                .iter()
                .map(|address| Host::Ip(*address)),
        );
        hosts
    }

    /// The name that its registrar's or peer's certificate must have; its address where none is told.
    pub(crate) fn tls_name(&self) -> Option<String> {
        let remote = self.config.remote().map(config::Peer::host);
        let name = self.config.tls_name.as_deref().or(remote)?;
        Some(name.trim_matches(['[', ']']).to_owned())
    }

    /// Where its registrar or peer is, to be resolved (RFC 3263).
    pub(crate) fn remote_uri(&self) -> Option<Uri> {
        let remote = self.config.remote()?;
        let uri = Uri::sip(None, Host::parse(remote.host().to_owned())?, remote.port());
        let transport = match remote.transport() {
            LineTransport::Any => self.config.transport,
            named => named,
        };
        Some(match transport {
            LineTransport::Any => uri,
            named => uri.with_param("transport", Some(named.name())),
        })
    }

    /// An address in its domain.
    pub(crate) fn address(&self, user: Option<&str>) -> Option<Uri> {
        let domain = Host::parse(self.config.domain()?.to_owned())?;
        Some(Uri::sip(user, domain, None))
    }

    /// The address by which its peers reach us, where it is known and not the one of our interface.
    pub(crate) fn public_address(&self, flow: Flow) -> Option<SocketAddr> {
        let port = flow.local.port();
        let told = self.config.public_address;
        let told = told.map(|address| SocketAddr::new(address, port));
        let seen = self.learned.public;
        let seen = seen.filter(|public| public.ip() != flow.local.ip());
        let stream = flow.transport.is_stream();
        let seen = seen.map(|it| SocketAddr::new(it.ip(), if stream { port } else { it.port() }));
        let known = told.or(seen);
        known.filter(|public| public.is_ipv4() == flow.local.is_ipv4())
    }

    /// The ways to call `user`, in the order to try them: the path in use before the others.
    pub(super) fn dials(&self, user: &str) -> Vec<Dial> {
        let first = self.learned.flow.into_iter();
        let others = self.learned.flows.iter().copied();
        let others = others.filter(|flow| Some(*flow) != self.learned.flow);
        // Without a path in use there is none: a registrar that does not hold us takes no calls of ours.
        let others = others.filter(|_| self.learned.flow.is_some());
        let dials = first.chain(others).filter_map(|flow| self.dial(user, flow));
        dials.collect()
    }

    fn dial(&self, user: &str, flow: Flow) -> Option<Dial> {
        let uri = self.address(Some(user))?;
        // A trunk is called at the very place that the file names.
        let uri = match (self.config.kind, self.remote_uri()) {
            (LineKind::Trunk, Some(place)) if self.config.domain.is_none() => {
                let place_uri = Uri::sip(Some(user), place.host()?, place.port());
                match flow.transport.uri_param() {
                    Some(name) => place_uri.with_param("transport", Some(name)),
                    None => place_uri,
                }
            }
            _ => uri,
        };
        let us = self.config.user.as_deref().unwrap_or(CONTACT_USER);
        Some(Dial {
            call: session::Call {
                from: NameAddr::new(self.address(Some(us))?),
                to: NameAddr::new(self.address(Some(user))?),
                uri,
            },
            flow,
            policy: self.policy(),
        })
    }
}

/// The lines of a configuration.
pub(super) fn lines(config: &Config, secrets: &Secrets) -> Vec<Arc<Line>> {
    let mut users: BTreeMap<&str, usize> = BTreeMap::new();
    for line in config
        .line
        .iter()
        .filter(|line| line.kind == LineKind::Register)
    {
        *users
            .entry(line.user.as_deref().unwrap_or_default())
            .or_default() += 1;
    }
    let lines = config.line.iter().map(|line| {
        // The same after each start, so that a registrar sees one Contact and not one more for each.
        let contact_user = match (line.kind, line.user.as_deref()) {
            (LineKind::Register, Some(user)) if users[user] == 1 => user.to_owned(),
            (LineKind::Register, Some(user)) => format!("{user}-{}", line.name),
            _ => CONTACT_USER.to_owned(),
        };
        let password = secrets.lines.get(&line.name);
        Arc::new(Line {
            name: Arc::from(&*line.name),
            config: line.clone(),
            contact_user,
            learned: Learned::default(),
            password: password.map(|password| Password::new(password.expose_secret())),
        })
    });
    lines.collect()
}

impl From<config::Codec> for audio::Codec {
    fn from(codec: config::Codec) -> Self {
        match codec {
            config::Codec::Pcmu => Self::PCMU,
            config::Codec::Pcma => Self::PCMA,
            config::Codec::G722 => Self::G722,
            config::Codec::Opus => Self::Opus,
        }
    }
}
