//! What the registrar answers, and what follows (RFC 3261 §10.2, §10.3, §22).

use std::time::{Duration, Instant};

use super::attempt::Sent;
use super::backoff::{Pace, refresh_after};
use super::binding::{Binding, granted};
use super::contact::is_within;
use super::status::{in_words, place};
use super::{Event, Registration, State, Timer};
use crate::sip::digest::Refused;
use crate::sip::message::{Name, Response, StatusCode};

/// The longest expiry that a registrar may demand of us.
const EXPIRES_MAX: Duration = Duration::from_hours(24);
/// The longest that a registrar may send us away.
const RETRY_AFTER_MAX: Duration = Duration::from_hours(1);
/// How often in a round the expiry is raised.
const RAISED_MAX: u32 = 2;

impl Registration {
    pub(super) fn on_response(&mut self, sent: Sent, response: &Response, now: Instant) {
        self.status.last_code = Some(response.status.0);
        self.learn_address(response, sent.flow);
        let leaving = self.status.state == State::Unregistering;
        match response.status.0 {
            401 | 407 => self.on_challenge(sent, response, now),
            _ if leaving => self.go(),
            200..=299 => self.on_accepted(&sent, response, now),
            300..=399 => self.on_redirect(response, now),
            423 => self.on_too_brief(response, now),
            403 => self.on_forbidden(&sent, response, now),
            404 | 604 => self.refused("the PBX does not know this extension", response, now),
            408 | 480 | 500..=599 => self.on_trouble(&sent, response, now),
            _ => self.refused("the PBX refuses to register us", response, now),
        }
    }

    /// No answer (Timer F), or no connection.
    pub(super) fn on_failed(&mut self, sent: &Sent, status: StatusCode, now: Instant) {
        if self.status.state == State::Unregistering {
            return self.go();
        }
        let place = place(sent.flow);
        if status == StatusCode::REQUEST_TIMEOUT {
            self.round.unanswered |= !sent.flow.transport.is_stream();
            self.next_flow(&format!("the PBX does not answer on {place}"), now);
        } else {
            self.next_flow(&format!("the PBX cannot be reached on {place}"), now);
        }
    }

    /// A registrar reaches us by the connection that we made: without it we are as good as not registered.
    pub(super) fn on_flow_lost(&mut self, now: Instant) {
        let on_stream = |bound: &Binding| bound.flow.transport.is_stream();
        if self.status.state == State::Registered && self.bound.as_ref().is_some_and(on_stream) {
            self.losses = self.losses.saturating_add(1);
            let pause = Pace::Quick.wait(self.losses, &mut self.random);
            self.wait("the connection to the PBX was lost", now + pause, now);
        }
    }

    fn on_accepted(&mut self, sent: &Sent, response: &Response, now: Instant) {
        if let Some(authenticator) = &mut self.authenticator {
            authenticator.accepted(response);
        }
        let time = granted(response, &sent.contact, sent.flow, self.asked);
        let time = match time {
            Some(time) if !time.is_zero() => time,
            Some(_) => {
                self.forget_binding();
                return self.fail("the PBX registers us for no time at all", Pace::Quick, now);
            }
            None => {
                self.forget_binding();
                let reason = "the PBX says OK but does not list our address";
                return self.fail(reason, Pace::Quick, now);
            }
        };
        self.bound = Some(Binding {
            contact: sent.contact.clone(),
            flow: sent.flow,
            until: now + time,
        });
        (self.failures, self.refusals) = (0, 0);
        self.status.flow = Some(sent.flow);
        self.status.granted = Some(time);
        if !self.round.corrected && self.contact_on(sent.flow) != sent.contact {
            self.round.corrected = true;
            return self.register(now);
        }
        let next = now + refresh_after(time, &mut self.random);
        self.timers.clear();
        self.timers.set(Timer::Next, next);
        self.status.state = State::Registered;
        self.status.next_try = Some(next);
        "registered".clone_into(&mut self.status.reason);
    }

    fn on_challenge(&mut self, sent: Sent, response: &Response, now: Instant) {
        let leaving = self.status.state == State::Unregistering;
        let answer = match &mut self.authenticator {
            Some(authenticator) => authenticator.challenged(&sent.request, response),
            None if leaving => return self.go(),
            None => {
                let reason = "the PBX asks for a password, and none is configured";
                return self.fail(reason, Pace::Slow, now);
            }
        };
        match answer {
            Ok(request) => self.send_again(request, sent.flow, sent.contact, now),
            Err(_) if leaving => self.go(),
            Err(Refused::StaleNonce) => {
                let reason = Refused::StaleNonce.to_string();
                self.fail(&reason, Pace::Quick, now);
            }
            Err(refused) => self.fail(&refused.to_string(), Pace::Slow, now),
        }
    }

    /// Many registrars answer a wrong password so.
    fn on_forbidden(&mut self, sent: &Sent, response: &Response, now: Instant) {
        if let Some(authenticator) = &mut self.authenticator {
            authenticator.forget_nonces();
        }
        let answered = [Name::Authorization, Name::ProxyAuthorization];
        let answered = answered
            .iter()
            .any(|name| sent.request.headers.contains(name));
        let reason = if answered {
            "the PBX refuses us: wrong password or user name, or registering is not allowed from here"
        } else {
            "the PBX does not allow us to register"
        };
        self.refused(reason, response, now);
    }

    /// 423: asks for longer, as the registrar wishes (RFC 3261 §10.2.8).
    fn on_too_brief(&mut self, response: &Response, now: Instant) {
        let least = response.headers.number(&Name::MinExpires);
        let least = least.map(|seconds| Duration::from_secs(seconds.into()));
        match least {
            Some(least) if least > EXPIRES_MAX => {
                let least = in_words(least);
                let reason = format!("the PBX registers only for {least} or longer");
                self.fail(&reason, Pace::Slow, now);
            }
            Some(least) if least > self.asked && self.round.raised < RAISED_MAX => {
                self.round.raised += 1;
                self.asked = least;
                self.register(now);
            }
            Some(_) | None => {
                let reason = "the PBX calls our expiry too brief and does not say what is not";
                self.fail(reason, Pace::Slow, now);
            }
        }
    }

    /// A registrar may name another of its own doors; our credentials go nowhere else.
    fn on_redirect(&mut self, response: &Response, now: Instant) {
        let domain = self.settings.registrar.host();
        let named = response.contact().map(|contact| contact.uri);
        let Some(named) = named else {
            return self.refused(
                "the PBX sends us elsewhere without saying where",
                response,
                now,
            );
        };
        let host = named.host();
        let inside = host.zip(domain);
        let inside = inside.is_some_and(|(host, domain)| is_within(&host, &domain));
        if inside && !self.round.redirected {
            self.round.redirected = true;
            self.redirect = Some(named.without_headers());
            return self.ask_for_flows(Event::Resolve, now);
        }
        let host = named
            .host()
            .map_or_else(|| "nowhere".to_owned(), |host| host.to_string());
        let reason = match inside {
            true => format!("the PBX sends us on and on, lastly to {host}"),
            false => format!("the PBX sends us to {host}, which is not its domain"),
        };
        self.fail(&reason, Pace::Slow, now);
    }

    /// The registrar is in trouble, or out of service for a while.
    fn on_trouble(&mut self, sent: &Sent, response: &Response, now: Instant) {
        if let Some(seconds) = response.headers.number(&Name::RetryAfter) {
            let told = Duration::from_secs(seconds.into()).min(RETRY_AFTER_MAX);
            self.round.retry_after = self.round.retry_after.max(Some(told));
        }
        let (status, place) = (response.status, place(sent.flow));
        let reason = format!(
            "the PBX on {place} is in trouble: {status} {}",
            status.reason_phrase()
        );
        self.next_flow(&reason, now);
    }

    fn refused(&mut self, reason: &str, response: &Response, now: Instant) {
        let status = response.status;
        let reason = format!("{reason} ({status} {})", status.reason_phrase());
        self.fail(&reason, Pace::Slow, now);
    }
}
