//! The lines: who may call, as which line a call comes in, and how calls of ours go.
//!
//! A table that is never changed but replaced as a whole: whoever judges a message takes the present
//! one and holds no lock while it reads. A reload and what is learned of the network replace it.

use core::cmp::Reverse;
use core::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::RootCertStore;

use super::dialing::Dial;
use crate::call::Kind;
use crate::config::{Config, LineKind, Secrets, UnknownSource};
use crate::io::sip_sockets::{Admission, Admit};
use crate::io::sip_tls::{Identify, TlsPeer};
use crate::io::tls;
use crate::sip::message::Request;
use crate::sip::{Flow, Transport};

mod line;

pub(crate) use line::{Learned, Line};

use line::lines;

/// Addresses that one line has learned of its registrar or peer: a farm of several hosts and its former
/// addresses, whose calls may still be up. When full the oldest is forgotten.
const ADDRESSES_MAX: usize = 64;

/// The lines.
pub(crate) struct Lines {
    table: RwLock<Arc<Table>>,
}

#[derive(Clone)]
struct Table {
    lines: Vec<Arc<Line>>,
    unknown_source: UnknownSource,
    /// Sources of running calls that no line admits any more; they may end their calls.
    guests: Vec<IpAddr>,
}

/// What a reload changes, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    /// Lines that were not there.
    pub(crate) added: Vec<Arc<str>>,
    /// Lines whose settings or password are others.
    pub(crate) changed: Vec<Arc<str>>,
    /// Lines that are gone.
    pub(crate) removed: Vec<Arc<str>>,
}

impl Lines {
    /// The lines of a configuration.
    pub(crate) fn new(config: &Config, secrets: &Secrets) -> Arc<Self> {
        let table = Table {
            lines: lines(config, secrets),
            unknown_source: config.sip.unknown_source,
            guests: Vec::new(),
        };
        Arc::new(Self {
            table: RwLock::new(Arc::new(table)),
        })
    }

    /// The present table. The lock is held only for the copy of a pointer.
    fn table(&self) -> Arc<Table> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&table)
    }

    fn replace(&self, change: impl FnOnce(&mut Table)) {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let mut next = Table::clone(&table);
        change(&mut next);
        *table = Arc::new(next);
    }

    /// Takes another configuration. Lines that stay as they are keep what they have learned.
    pub(crate) fn reload(&self, config: &Config, secrets: &Secrets) -> Changes {
        let mut changes = Changes::default();
        self.replace(|table| {
            let before = core::mem::replace(&mut table.lines, lines(config, secrets));
            for line in &mut table.lines {
                let name = Arc::clone(&line.name);
                match before.iter().find(|old| old.name == name) {
                    Some(old) if old.is_set_like(line) => *line = Arc::clone(old),
                    Some(old) => {
                        if old.is_attached_like(line) {
                            Arc::make_mut(line).learned = old.learned.clone();
                        }
                        changes.changed.push(name);
                    }
                    None => changes.added.push(name),
                }
            }
            let gone = |old: &&Arc<Line>| !table.lines.iter().any(|line| line.name == old.name);
            let gone = before.iter().filter(gone);
            changes.removed = gone.map(|line| Arc::clone(&line.name)).collect();
            table.unknown_source = config.sip.unknown_source;
        });
        changes
    }

    /// Changes what a line has learned; nothing when it is gone.
    pub(crate) fn learn(&self, name: &str, change: impl FnOnce(&mut Learned)) {
        self.replace(|table| {
            let line = table.lines.iter_mut().find(|line| *line.name == *name);
            if let Some(line) = line {
                let line = Arc::make_mut(line);
                change(&mut line.learned);
                line.learned.addresses.truncate(ADDRESSES_MAX);
                line.learned.flows.truncate(ADDRESSES_MAX);
            }
        });
    }

    /// Paths of what is still under way. Sources that no line admits may end it, not begin other calls.
    pub(crate) fn set_running(&self, sources: impl Iterator<Item = Flow>) {
        let table = self.table();
        let guests = sources.filter(|flow| table.find(*flow, None).is_none());
        let guests: Vec<IpAddr> = guests.map(|flow| flow.remote.ip().to_canonical()).collect();
        if guests != table.guests {
            self.replace(|table| table.guests = guests);
        }
    }

    /// The judge of source addresses, for the sockets.
    pub(crate) fn judge(self: &Arc<Self>) -> Admit {
        let lines = Arc::clone(self);
        Arc::new(move |transport, source| {
            let table = lines.table();
            if table.admits(transport, source) || table.guests.contains(&source) {
                return Admission::Admit;
            }
            match table.unknown_source {
                UnknownSource::Drop => Admission::Drop,
                UnknownSource::Forbid => Admission::Forbid,
            }
        })
    }

    /// The line that an INVITE comes in on.
    pub(crate) fn of(&self, flow: Flow, invite: &Request) -> Option<Arc<Line>> {
        self.table().find(flow, Some(invite)).map(Arc::clone)
    }

    /// The line whose network a peer is in.
    pub(crate) fn at(&self, flow: Flow) -> Option<Arc<Line>> {
        self.table().find(flow, None).map(Arc::clone)
    }

    /// The line of a name.
    pub(crate) fn named(&self, name: &str) -> Option<Arc<Line>> {
        let table = self.table();
        table.lines.iter().find(|line| *line.name == *name).cloned()
    }

    /// All of them, as the file has them.
    pub(crate) fn all(&self) -> Vec<Arc<Line>> {
        self.table().lines.clone()
    }

    /// The ways to call `user` on a line, in the order to try them; none where it makes no calls, or has no path
    /// now.
    pub(crate) fn dials(&self, line: &str, user: &str) -> Vec<Dial> {
        let line = self.named(line);
        line.map(|line| line.dials(user)).unwrap_or_default()
    }

    /// Whom to expect where TLS is dialled, for the sockets.
    pub(crate) fn identify(self: &Arc<Self>) -> Identify {
        let lines = Arc::clone(self);
        Arc::new(move |address| {
            let (name, authorities) = lines.tls_peer(address)?;
            let roots = authorities.map(|file| {
                let read = tls::trusted_roots(Some(&file));
                read.unwrap_or_else(|error| {
                    log::warn!("nobody is trusted at {address}: {error}");
                    RootCertStore::empty()
                })
            });
            let roots = roots.map(Arc::new);
            Some(TlsPeer { name, roots })
        })
    }

    /// The name that a peer's certificate must have, and the file of certificates that are trusted besides
    /// the machine's own.
    pub(crate) fn tls_peer(&self, peer: SocketAddr) -> Option<(Option<String>, Option<PathBuf>)> {
        let table = self.table();
        let source = peer.ip().to_canonical();
        let lines = table.lines.iter();
        let lines = lines.filter_map(|line| Some((line.admits(Transport::Tls, source)?, line)));
        let (_, line) = lines.max_by_key(|(prefix, _)| *prefix)?;
        Some((line.tls_name(), line.config.tls_ca.clone()))
    }
}

impl Table {
    fn admits(&self, transport: Transport, source: IpAddr) -> bool {
        let mut lines = self.lines.iter();
        lines.any(|line| line.admits(transport, source).is_some())
    }

    /// The line with the most particular network; among those the one whose extension is called; then the
    /// one that the file names first.
    fn find(&self, flow: Flow, invite: Option<&Request>) -> Option<&Arc<Line>> {
        let source = flow.remote.ip().to_canonical();
        let called = invite.map(Called::by).unwrap_or_default();
        let lines = self.lines.iter().enumerate();
        let admitting = lines.filter_map(|(index, line)| {
            let prefix = line.admits(flow.transport, source)?;
            Some(((prefix, called.fits(line), Reverse(index)), line))
        });
        admitting
            .max_by_key(|(rank, _)| *rank)
            .map(|(_, line)| line)
    }
}

/// Whom an INVITE calls.
#[derive(Default)]
struct Called {
    uri: Option<String>,
    to: Option<String>,
}

impl Called {
    fn by(invite: &Request) -> Self {
        Self {
            uri: invite.uri.user_text(),
            to: invite.to().and_then(|to| to.uri.user_text()),
        }
    }

    /// 2 by the Request-URI, which is our Contact where the PBX keeps to it; 1 by To; 0 not.
    fn fits(&self, line: &Line) -> u8 {
        if line.config.kind != LineKind::Register {
            return 0;
        }
        let user = line.config.user.as_deref();
        let is_us = |name: &str| name == line.contact_user || Some(name) == user;
        match (&self.uri, &self.to) {
            (Some(uri), _) if is_us(uri) => 2,
            (_, Some(to)) if is_us(to) => 1,
            _ => 0,
        }
    }
}

/// Name of a kind in the status.
pub(crate) fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Assistant => "assistant",
        Kind::Echo => "echo",
        Kind::Tone => "tone",
    }
}

#[cfg(test)]
mod tests;
