//! The registrations: a machine for each line that registers, between the endpoint, the sockets and DNS;
//! and where the calls go that we make on trunks.
//!
//! What there should be follows from [`Lines`] alone: [`Registrations::reconcile`] begins what is missing and
//! ends what is not wanted any more, at the start, after a reload, and when a registration has gone.

use core::net::{IpAddr, SocketAddr};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinError;

use super::lines::{Line, Lines};
use super::paths::{Found, Paths};
use crate::config::LineKind;
use crate::io::sip_sockets::SipSockets;
use crate::sip::endpoint::Endpoint;
use crate::sip::message::{NameAddr, Uri};
use crate::sip::registration::{self, Event, Registration, State};
use crate::sip::session::Input;
use crate::sip::transaction::Timing;
use crate::sip::{Flow, Random, SessionId, Transport};

mod status;

/// How often a trunk's peer is looked up again, and how soon when it was not found.
const PEER_EVERY: Duration = Duration::from_mins(5);
const PEER_RETRY: Duration = Duration::from_secs(30);

/// How long leave-taking may hold up what follows it: the end of the process, or a line's new
/// registration.
const LEAVING_MAX: Duration = Duration::from_secs(4);

/// Silence after which a UDP path is kept open: home routers forget it after 30 s (RFC 5626 §4.4.2).
const KEEP_UDP: Duration = Duration::from_secs(25);
/// The same of a connection, below the 120 s after which carriers close them.
const KEEP_STREAM: Duration = Duration::from_secs(55);

/// Source ports of one line besides those that are listened on: the present one, and the one before it, by
/// which a call may still be up. One more closes the oldest.
const PORTS_MAX: usize = 2;

/// All registrations.
pub(crate) struct Registrations {
    lines: Arc<Lines>,
    paths: Paths,
    active: HashMap<SessionId, Active>,
    /// Lines of trunks: what is looked up, and when next.
    peers: HashMap<Arc<str>, Peer>,
    server_name: String,
    random: Random,
    /// No registration begins any more.
    closing: bool,
}

struct Active {
    line: Arc<Line>,
    machine: Registration,
    /// Until when taking leave may last.
    leaving: Option<Instant>,
    /// Source ports of its own, the present one first.
    ports: VecDeque<SocketAddr>,
    /// Our address on the way to the registrar by UDP.
    from: Option<IpAddr>,
    /// A look-up that waits for the present one to end.
    waits: bool,
    /// The path that is kept open.
    kept: Option<Flow>,
    /// Whether the registrar holds us, as far as the log has said.
    registered: bool,
    /// The trouble that the log has told last.
    trouble: String,
}

struct Peer {
    uri: Uri,
    next: Instant,
    trouble: Option<String>,
}

impl Registrations {
    /// None yet.
    pub(crate) fn new(
        lines: Arc<Lines>,
        paths: Paths,
        server_name: String,
        random: Random,
    ) -> Self {
        Self {
            lines,
            paths,
            active: HashMap::new(),
            peers: HashMap::new(),
            server_name,
            random,
            closing: false,
        }
    }

    /// Begins and ends registrations and look-ups, so that they are those of the lines.
    pub(crate) fn reconcile(&mut self, endpoint: &mut Endpoint, now: Instant) {
        let lines = self.lines.all();
        for active in self.active.values_mut() {
            let line = lines.iter().find(|line| line.name == active.line.name);
            match line {
                Some(line) if line.is_attached_like(&active.line) => active.line = Arc::clone(line),
                _ => active.leave(now),
            }
        }
        for line in &lines {
            let is_there = self
                .active
                .values()
                .any(|active| active.line.name == line.name);
            if line.config.kind == LineKind::Register && !is_there && !self.closing {
                self.begin(line, endpoint, now);
            }
        }
        let named = |name: &Arc<str>| lines.iter().find(|line| line.name == *name);
        self.peers.retain(|name, peer| {
            let uri = named(name).and_then(|line| line.peer_uri());
            uri.as_ref() == Some(&peer.uri)
        });
        for line in &lines {
            if let Some(uri) = line.peer_uri()
                && !self.peers.contains_key(&line.name)
            {
                let peer = Peer {
                    uri,
                    next: now,
                    trouble: None,
                };
                self.peers.insert(Arc::clone(&line.name), peer);
            }
        }
    }

    fn begin(&mut self, line: &Arc<Line>, endpoint: &mut Endpoint, now: Instant) {
        let user = line.config.user.as_deref();
        let (Some(registrar), Some(aor)) = (line.address(None), line.address(user)) else {
            return;
        };
        let settings = registration::Settings {
            registrar,
            aor: NameAddr::new(aor),
            contact_user: line.contact_user.clone(),
            public_address: line.config.public_address,
            expires: line.config.expires,
            credentials: line.credentials(),
            server_name: self.server_name.clone(),
            timing: Timing::default(),
        };
        let mut machine = Registration::new(settings, self.random.fork());
        machine.start(now);
        let active = Active {
            line: Arc::clone(line),
            machine,
            leaving: None,
            ports: VecDeque::new(),
            from: None,
            waits: false,
            kept: None,
            registered: false,
            trouble: String::new(),
        };
        self.active.insert(endpoint.start_session(), active);
    }

    /// Whether a session is a registration.
    pub(crate) fn owns(&self, session: SessionId) -> bool {
        self.active.contains_key(&session)
    }

    /// News of the endpoint for a registration.
    pub(crate) fn handle(&mut self, session: SessionId, input: Input, now: Instant) {
        if let Some(active) = self.active.get_mut(&session) {
            active.machine.handle(input, now);
        }
    }

    /// The next look-up that is done. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Result<Found, JoinError> {
        self.paths.next().await
    }

    /// A look-up is done.
    pub(crate) fn on_found(
        &mut self,
        found: Result<Found, JoinError>,
        sockets: &SipSockets,
        now: Instant,
    ) {
        let found = match found {
            Ok(found) => found,
            Err(error) => return log::error!("a look-up broke: {error}"),
        };
        let (flows, line) = (found.flows(sockets), found.line);
        if let Ok(flows) = &flows {
            self.lines.learn(&line, |learned| {
                for flow in flows.iter().rev() {
                    let address = flow.remote.ip().to_canonical();
                    learned.addresses.retain(|known| *known != address);
                    learned.addresses.insert(0, address);
                }
                learned.flow = learned.flow.or(flows.first().copied());
                learned.flows.clone_from(flows);
            });
        }
        if let Some(peer) = self.peers.get_mut(&line) {
            return peer.on_found(&line, flows, &self.lines, now);
        }
        let mut active = self.active.values_mut();
        let active = active.find(|active| active.line.name == line && active.leaving.is_none());
        if let Some(active) = active {
            if core::mem::take(&mut active.waits) {
                return active.look_up(&mut self.paths);
            }
            if let Ok(flows) = &flows {
                let datagrams = flows.iter().find(|flow| flow.transport == Transport::Udp);
                active.from = datagrams.map(|flow| flow.local.ip());
            }
            let flows = flows.map(|flows| active.leaving_own_port(flows));
            active.machine.handle_flows(flows, now);
        }
    }

    /// What is due, and everything that the machines have to say; true when a registration has gone.
    pub(crate) fn drive(
        &mut self,
        endpoint: &mut Endpoint,
        sockets: &mut SipSockets,
        now: Instant,
    ) -> bool {
        for (name, peer) in &mut self.peers {
            if now >= peer.next {
                peer.next = now + PEER_EVERY;
                // One that is under way is as good.
                let _begun = self.paths.look_up(name, peer.uri.clone());
            }
        }
        let mut gone = Vec::new();
        for (session, active) in &mut self.active {
            if active.machine.poll_timeout().is_some_and(|due| due <= now) {
                active.machine.handle_timeout(now);
            }
            while let Some(event) = active.machine.poll_event() {
                let over = active.on_event(event, &self.lines, &mut self.paths, sockets);
                if over {
                    gone.push(*session);
                }
            }
            while let Some(output) = active.machine.poll_output() {
                endpoint.handle_output(*session, output, now);
            }
            if active.leaving.is_some_and(|until| now >= until) {
                gone.push(*session);
            }
        }
        for session in &gone {
            if let Some(active) = self.active.remove(session) {
                active.close(sockets);
                endpoint.forget(*session, now);
            }
        }
        if !gone.is_empty() {
            self.reconcile(endpoint, now);
        }
        !gone.is_empty()
    }

    /// The paths of registrations, also of those that take leave of a line that is gone.
    pub(crate) fn flows(&self) -> impl Iterator<Item = Flow> {
        self.active.values().filter_map(|active| active.kept)
    }

    /// When [`Self::drive`] is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let machines = self.active.values();
        let machines = machines.filter_map(|active| active.machine.poll_timeout());
        let leaving = self.active.values().filter_map(|active| active.leaving);
        let peers = self.peers.values().map(|peer| peer.next);
        machines.chain(leaving).chain(peers).min()
    }

    /// Takes leave of all registrars.
    pub(crate) fn leave(&mut self, now: Instant) {
        self.closing = true;
        for active in self.active.values_mut() {
            active.leave(now);
        }
    }

    /// Whether no registration is left.
    pub(crate) fn are_gone(&self) -> bool {
        self.active.is_empty()
    }
}

impl Peer {
    fn on_found(
        &mut self,
        line: &Arc<str>,
        flows: Result<Vec<Flow>, String>,
        lines: &Lines,
        now: Instant,
    ) {
        match flows {
            Ok(flows) => {
                self.trouble = None;
                lines.learn(line, |learned| learned.flow = flows.first().copied());
            }
            Err(trouble) => {
                if self.trouble.is_none() {
                    log::warn!(LINE = &**line; "the line's peer is not found: {trouble}");
                }
                self.trouble = Some(trouble);
                self.next = now + PEER_RETRY;
            }
        }
    }
}

impl Active {
    /// What is to be looked up: the registrar, or where it has sent us.
    fn registrar(&self) -> Uri {
        let redirect = self.machine.redirect().cloned();
        let configured = || self.line.remote_uri();
        redirect
            .or_else(configured)
            .expect("a line that registers has a registrar")
    }

    /// UDP paths from the source port that is the line's own, if it has one.
    fn leaving_own_port(&self, mut flows: Vec<Flow>) -> Vec<Flow> {
        for flow in &mut flows {
            let own = self.ports.front();
            let own = own.filter(|own| own.is_ipv4() == flow.local.is_ipv4());
            if let (Transport::Udp, Some(own)) = (flow.transport, own) {
                flow.local.set_port(own.port());
            }
        }
        flows
    }

    fn leave(&mut self, now: Instant) {
        if self.leaving.is_none() {
            self.leaving = Some(now + LEAVING_MAX);
            self.machine.unregister(now);
        }
    }

    /// True when the registration is over.
    fn on_event(
        &mut self,
        event: Event,
        lines: &Lines,
        paths: &mut Paths,
        sockets: &mut SipSockets,
    ) -> bool {
        let line = Arc::clone(&self.line.name);
        match event {
            Event::Resolve => self.look_up(paths),
            Event::NewPort => {
                self.open_port(sockets);
                self.look_up(paths);
            }
            Event::Changed => self.on_changed(lines, sockets),
            Event::PublicAddress(address) => {
                log::info!(LINE = &*line; "the registrar sees this box at {address}");
                lines.learn(&line, |learned| learned.public = Some(address));
            }
            Event::Gone => return true,
        }
        false
    }

    fn look_up(&mut self, paths: &mut Paths) {
        let uri = self.registrar();
        self.waits = !paths.look_up(&self.line.name, uri);
    }

    fn open_port(&mut self, sockets: &mut SipSockets) {
        let Some(from) = self.from else {
            return;
        };
        match sockets.open_udp(from) {
            Ok(address) => self.ports.push_front(address),
            Err(error) => log::warn!(LINE = &*self.line.name; "no other source port: {error}"),
        }
        if self.ports.len() > PORTS_MAX
            && let Some(oldest) = self.ports.pop_back()
        {
            sockets.close_udp(oldest);
        }
    }

    fn on_changed(&mut self, lines: &Lines, sockets: &SipSockets) {
        let status = self.machine.status();
        let line = &*self.line.name;
        match status.state {
            State::Registered if !self.registered => log::info!(LINE = line; "registered"),
            // Each trouble once; it may last for days.
            State::Waiting if status.reason != self.trouble => {
                log::warn!(LINE = line; "not registered: {}", status.reason);
                self.trouble.clone_from(&status.reason);
            }
            _ => log::debug!(LINE = line; "{:?}: {}", status.state, status.reason),
        }
        if status.state == State::Registered {
            self.trouble.clear();
        }
        self.registered = status.granted.is_some();
        let flow = status.flow;
        if flow.is_some() {
            lines.learn(line, |learned| learned.flow = flow);
        }
        if flow != self.kept {
            for (flow, open) in [(self.kept, false), (flow, true)] {
                if let Some(flow) = flow {
                    keep_open(sockets, flow, open);
                }
            }
            self.kept = flow;
        }
    }

    fn close(self, sockets: &mut SipSockets) {
        if let Some(flow) = self.kept {
            keep_open(sockets, flow, false);
        }
        for port in self.ports {
            sockets.close_udp(port);
        }
    }
}

/// Keeps a path open, or no longer.
fn keep_open(sockets: &SipSockets, flow: Flow, open: bool) {
    match (open, flow.transport.is_stream()) {
        (true, true) => sockets.keep_alive(flow, KEEP_STREAM),
        (true, false) => sockets.keep_alive(flow, KEEP_UDP),
        (false, _) => sockets.stop_keep_alive(flow),
    }
}
