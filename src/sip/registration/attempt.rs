//! One round of tries: the flows in order, a REGISTER on each.

use std::time::{Duration, Instant};

use super::backoff::Pace;
use super::{Event, FLOWS_MAX, FLOWS_PATIENCE, Registration, State, Timer, UNREGISTER_PATIENCE};
use crate::sip::dialog::MAX_FORWARDS;
use crate::sip::message::{CSeq, Method, Name, NameAddr, Request, Scheme, Uri};
use crate::sip::{Flow, TransactionId, capabilities};

/// The first reason there is; later ones stand until there is better news.
const LOOKING: &str = "looking up the PBX";

/// A REGISTER that waits for its answer.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) transaction: TransactionId,
    pub(super) request: Request,
    pub(super) flow: Flow,
    /// The Contact in it.
    pub(super) contact: Uri,
}

/// What has happened since the first REGISTER of a round.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Round {
    /// Flows not given up yet.
    pub(super) untried: usize,
    /// Timer F fired on UDP.
    pub(super) unanswered: bool,
    /// Another source port was asked for.
    pub(super) new_port: bool,
    /// Times that the registrar demanded a longer expiry.
    pub(super) raised: u32,
    /// The registrar has redirected us.
    pub(super) redirected: bool,
    /// Our Contact was corrected to the address that the registrar sees.
    pub(super) corrected: bool,
    /// How long a registrar asked to be left alone.
    pub(super) retry_after: Option<Duration>,
}

impl Round {
    pub(super) fn of(flows: usize) -> Self {
        Self {
            untried: flows,
            ..Self::default()
        }
    }
}

impl Registration {
    /// A round that begins with looking the registrar up.
    pub(super) fn begin(&mut self, now: Instant) {
        self.round = Round::default();
        self.redirect = None;
        self.ask_for_flows(Event::Resolve, now);
    }

    pub(super) fn ask_for_flows(&mut self, event: Event, now: Instant) {
        self.timers.cancel(Timer::Next);
        self.timers.set(Timer::Silence, now + FLOWS_PATIENCE);
        self.wants_flows = true;
        self.status.state = State::Resolving;
        self.status.next_try = None;
        if self.status.reason.is_empty() {
            LOOKING.clone_into(&mut self.status.reason);
        }
        self.tell(event);
    }

    pub(super) fn on_flows(&mut self, flows: Result<Vec<Flow>, String>, now: Instant) {
        let known = self.bound.as_ref().map(|bound| bound.flow);
        let flows = flows.and_then(|flows| match flows.is_empty() {
            true => Err("the PBX has no address that can be reached".to_owned()),
            false => Ok(flows),
        });
        match flows {
            Ok(mut flows) => {
                flows.truncate(FLOWS_MAX);
                let stay = flows.iter().position(|flow| Some(*flow) == known);
                self.at = stay.filter(|_| !self.round.new_port).unwrap_or(0);
                self.flows = flows;
                self.resolved = Some(now);
            }
            // The name service has failed, which is no reason to leave a registrar that may well answer.
            Err(reason) if known.is_some() && !self.round.new_port && !self.round.redirected => {
                log::debug!("the registrar is kept where it was: {reason}");
            }
            Err(reason) => return self.fail(&reason, Pace::Quick, now),
        }
        self.round.untried = self.flows.len();
        self.register(now);
    }

    /// A REGISTER on the current flow.
    pub(super) fn register(&mut self, now: Instant) {
        let Some(flow) = self.flows.get(self.at).copied() else {
            return self.begin(now);
        };
        let contact = self.contact_on(flow);
        let seconds = self.asked.as_secs();
        let mut request = self.request();
        let address = NameAddr::new(contact.clone());
        let address = address.with_param("expires", Some(&seconds.to_string()));
        request.headers.push(Name::Contact, address);
        if let Some(old) = self.bound.as_ref().map(|bound| &bound.contact)
            && *old != contact
        {
            let old = NameAddr::new(old.clone()).with_param("expires", Some("0"));
            request.headers.push(Name::Contact, old);
        }
        request.headers.push(Name::Expires, seconds.to_string());
        self.send(request, flow, contact, now);
        self.status.state = State::Registering;
        if self.status.reason == LOOKING {
            "asking the PBX".clone_into(&mut self.status.reason);
        }
    }

    /// REGISTER that removes our Contact (RFC 3261 §10.2.2).
    pub(super) fn say_farewell(&mut self, flow: Flow, now: Instant) {
        let contact = self.contact_on(flow);
        let mut request = self.request();
        let bound = self.bound.as_ref().map(|bound| bound.contact.clone());
        let bound = bound.filter(|bound| *bound != contact);
        for contact in bound.iter().chain([&contact]) {
            let address = NameAddr::new(contact.clone()).with_param("expires", Some("0"));
            request.headers.push(Name::Contact, address);
        }
        request.headers.push(Name::Expires, "0");
        self.send(request, flow, contact, now);
        self.timers.set(Timer::Farewell, now + UNREGISTER_PATIENCE);
        self.status.state = State::Unregistering;
        self.status.next_try = None;
        "unregistering".clone_into(&mut self.status.reason);
    }

    fn send(&mut self, mut request: Request, flow: Flow, contact: Uri, now: Instant) {
        if let Some(authenticator) = &mut self.authenticator {
            authenticator.authorize(&mut request);
        }
        self.send_again(request, flow, contact, now);
    }

    pub(super) fn send_again(&mut self, request: Request, flow: Flow, contact: Uri, now: Instant) {
        self.cseq = request.cseq().map_or(self.cseq, |cseq| cseq.number);
        let transaction = self.put(request.clone(), flow);
        self.sent = Some(Sent {
            transaction,
            request,
            flow,
            contact,
        });
        // The endpoint tells of Timer F itself; this is for one that does not.
        let timing = self.settings.timing;
        let patience = timing.patience() + timing.t4;
        self.timers.set(Timer::Silence, now + patience);
        self.timers.cancel(Timer::Next);
        self.status.next_try = None;
    }

    /// All but Contact and Expires. Call-ID and From tag stay, CSeq rises (RFC 3261 §10.2).
    fn request(&mut self) -> Request {
        let cseq = CSeq {
            number: self.cseq.wrapping_add(1) & 0x7FFF_FFFF,
            method: Method::Register,
        };
        let aor = &self.settings.aor;
        Request::new(Method::Register, bare(&self.settings.registrar))
            .with_header(Name::MaxForwards, MAX_FORWARDS)
            .with_header(Name::From, aor.clone().with_tag(&self.tag))
            .with_header(Name::To, aor.clone())
            .with_header(Name::CallId, self.call_id.clone())
            .with_header(Name::CSeq, cseq)
            .with_header(Name::UserAgent, self.settings.server_name.clone())
            .with_header(Name::Allow, capabilities::ALLOW)
            .with_header(Name::Supported, "path")
    }

    /// The current flow is given up; the next one, another port, or a pause.
    pub(super) fn next_flow(&mut self, reason: &str, now: Instant) {
        self.round.untried = self.round.untried.saturating_sub(1);
        reason.clone_into(&mut self.status.reason);
        if self.round.untried > 0 {
            self.at = (self.at + 1) % self.flows.len().max(1);
            self.register(now);
        } else if self.round.unanswered && !self.round.new_port {
            self.round.new_port = true;
            self.ask_for_flows(Event::NewPort, now);
        } else {
            self.fail(reason, Pace::Quick, now);
        }
    }

    /// The round is lost; another one follows after a pause.
    pub(super) fn fail(&mut self, reason: &str, pace: Pace, now: Instant) {
        let count = match pace {
            Pace::Quick => {
                self.failures = self.failures.saturating_add(1);
                self.failures.saturating_add(self.losses)
            }
            Pace::Slow => {
                self.refusals = self.refusals.saturating_add(1);
                self.refusals
            }
        };
        let wait = pace.wait(count, &mut self.random);
        let wait = wait.max(self.round.retry_after.unwrap_or_default());
        self.wait(reason, now + wait, now);
    }

    pub(super) fn wait(&mut self, reason: &str, until: Instant, now: Instant) {
        if self.bound.as_ref().is_none_or(|bound| bound.until <= now) {
            self.forget_binding();
        }
        self.timers.clear();
        self.timers.set(Timer::Next, until);
        self.status.state = State::Waiting;
        self.status.next_try = Some(until);
        reason.clone_into(&mut self.status.reason);
    }

    pub(super) fn forget_binding(&mut self) {
        self.bound = None;
        self.status.granted = None;
        self.status.flow = None;
    }

    /// Nothing follows.
    pub(super) fn go(&mut self) {
        self.timers.clear();
        self.sent = None;
        self.forget_binding();
        self.status.state = State::Gone;
        self.status.next_try = None;
        "not registered".clone_into(&mut self.status.reason);
        self.tell_changes();
        self.tell(Event::Gone);
    }
}

/// The registrar's domain alone: some registrars do not answer a Request-URI with a user part (RFC 3261
/// §10.2 forbids one).
fn bare(registrar: &Uri) -> Uri {
    let Some(host) = registrar.host() else {
        return registrar.clone();
    };
    let scheme = match registrar.scheme() {
        Scheme::Sips => "sips",
        _ => "sip",
    };
    let port = registrar
        .port()
        .map_or_else(String::new, |port| format!(":{port}"));
    Uri::parse(format!("{scheme}:{host}{port}")).unwrap_or_else(|_| registrar.clone())
}
