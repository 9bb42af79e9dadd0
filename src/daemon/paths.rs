//! Where the lines' registrars and peers are: looked up outside the loop, one look-up for each line at a
//! time.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::task::{JoinError, JoinSet};

use crate::io::resolver::Resolver;
use crate::io::sip_sockets::SipSockets;
use crate::sip::message::Uri;
use crate::sip::target::{Families, Target};
use crate::sip::{Flow, Transport};

/// Looks up what can be reached from the sockets.
#[derive(Clone)]
pub(crate) struct Finder {
    resolver: Resolver,
    spoken: Arc<[Transport]>,
    families: Families,
}

/// The look-ups under way.
pub(crate) struct Paths {
    finder: Finder,
    /// At most one for each line, of which the configuration has at most 64.
    tasks: JoinSet<Found>,
    running: HashSet<Arc<str>>,
}

/// What a look-up gave.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// The line.
    pub(crate) line: Arc<str>,
    /// Targets in the order to try, or why there are none.
    pub(crate) targets: Result<Vec<Target>, String>,
}

impl Found {
    /// The paths that lead there from the sockets, or why none does.
    pub(crate) fn flows(&self, sockets: &SipSockets) -> Result<Vec<Flow>, String> {
        let targets = self.targets.as_ref().map_err(Clone::clone)?;
        flows(targets, sockets)
    }
}

/// The paths that lead to targets from the sockets, in their order, or why none does.
pub(crate) fn flows(targets: &[Target], sockets: &SipSockets) -> Result<Vec<Flow>, String> {
    let flows = targets.iter();
    let flows = flows.filter_map(|to| sockets.flow_to(to.transport, to.address));
    let flows: Vec<Flow> = flows.collect();
    match (flows.is_empty(), targets.first()) {
        (true, Some(target)) => Err(format!(
            "no way leads to {} {}: [sip] names no address for it",
            target.transport.name(),
            target.address
        )),
        _ => Ok(flows),
    }
}

impl Finder {
    /// For what is bound.
    pub(crate) fn new(resolver: Resolver, sockets: &SipSockets) -> Self {
        let mut spoken: Vec<Transport> = sockets.local().map(|(transport, _)| transport).collect();
        // TLS is dialled without being listened on.
        spoken.push(Transport::Tls);
        let families = Families {
            v4: sockets.local().any(|(_, address)| address.is_ipv4()),
            v6: sockets.local().any(|(_, address)| address.is_ipv6()),
        };
        Self {
            resolver,
            spoken: spoken.into(),
            families,
        }
    }

    /// Targets in the order to try, or why there are none (RFC 3263).
    pub(crate) async fn find(&self, uri: &Uri) -> Result<Vec<Target>, String> {
        let found = self.resolver.resolve(uri, &self.spoken, self.families);
        found.await.map_err(|error| error.to_string())
    }
}

impl Paths {
    /// Look-ups of lines.
    pub(crate) fn new(finder: Finder) -> Self {
        Self {
            finder,
            tasks: JoinSet::new(),
            running: HashSet::new(),
        }
    }

    /// Begins a look-up; false when one for the line is still under way.
    pub(crate) fn look_up(&mut self, line: &Arc<str>, uri: Uri) -> bool {
        if !self.running.insert(Arc::clone(line)) {
            return false;
        }
        let (finder, line) = (self.finder.clone(), Arc::clone(line));
        self.tasks.spawn(async move {
            let targets = finder.find(&uri).await;
            Found { line, targets }
        });
        true
    }

    /// The next result. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Result<Found, JoinError> {
        let found = match self.tasks.join_next().await {
            Some(found) => found?,
            None => core::future::pending().await,
        };
        self.running.remove(&found.line);
        Ok(found)
    }
}
