//! Session timers (RFC 4028), as refresher and as the one who waits for it.
//!
//! Every 2xx of an INVITE or UPDATE, in either direction, settles how long the session lives and who
//! refreshes it. The refresher does so at half the interval; whoever sees no refresh hangs up
//! before the interval is over (§10). With a peer that knows no timers we refresh, so that a
//! vanished one is noticed all the same.

use std::time::{Duration, Instant};

use super::bye::expired;
use super::{Session, State, Timer};
use crate::sip::message::{
    CSeq, Headers, Method, Name, Refresher, Request, Response, SessionExpires, StatusCode,
};

/// The option tag.
const TIMER: &str = "timer";
/// Seconds of the shortest interval there is (RFC 4028 §4).
const SHORTEST: u32 = 90;
/// How often in one session a 422 makes us ask for more. Each proxy on the way may raise once.
const RAISES_MAX: u8 = 4;
/// The BYE comes so long before the end of the interval, or a third of it (RFC 4028 §10).
const MARGIN: Duration = Duration::from_secs(32);
/// The shortest time between a refresh that failed and the next.
const REFRESH_AGAIN_MIN: Duration = Duration::from_secs(5);

/// What is settled about the life of the session.
#[derive(Debug, Default)]
pub(super) struct SessionTimer {
    agreed: Option<Agreed>,
    /// The largest Min-SE that the peer's side has told.
    min_se: u32,
    raises: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Agreed {
    seconds: u32,
    refresher: Side,
    /// The peer keeps a timer of its own.
    is_shared: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Us,
    Peer,
}

impl Agreed {
    fn interval(&self) -> Duration {
        Duration::from_secs(self.seconds.into())
    }
}

impl Session {
    /// Puts into an INVITE or UPDATE of ours how long the session shall live (RFC 4028 §7.1, §7.4).
    pub(super) fn ask_for_timer(&self, request: &mut Request) {
        let agreed = self.session_timer.agreed;
        let standing = agreed.map(|agreed| agreed.seconds);
        let Some(seconds) = standing.or(self.wanted_interval()) else {
            return;
        };
        let shortest = self.shortest_interval().max(self.session_timer.min_se);
        let expires = SessionExpires {
            seconds: seconds.max(shortest),
            refresher: agreed.map(|agreed| match agreed.refresher {
                Side::Us => Refresher::Uac,
                Side::Peer => Refresher::Uas,
            }),
        };
        request.headers.set(Name::SessionExpires, expires);
        request.headers.set(Name::MinSe, shortest.to_string());
    }

    /// The 422 to a request whose interval is shorter than we take. Only a peer that knows timers
    /// understands it; from others the interval is raised instead (RFC 4028 §9).
    pub(super) fn interval_refusal(&self, request: &Request) -> Option<Response> {
        let asked = session_expires(&request.headers)?;
        let shortest = self.shortest_interval();
        (asked.seconds < shortest && knows_timers(&request.headers)).then(|| {
            self.reply(request, StatusCode::SESSION_INTERVAL_TOO_SMALL)
                .with_header(Name::MinSe, shortest.to_string())
        })
    }

    /// Settles the timer with a 2xx of ours, which tells of it (RFC 4028 §9), and starts it.
    pub(super) fn with_timer(
        &mut self,
        response: Response,
        request: &Request,
        now: Instant,
    ) -> Response {
        let headers = &request.headers;
        let is_shared = knows_timers(headers);
        let asked = session_expires(headers);
        let before = self.session_timer.agreed;
        let standing = asked
            .map(|asked| asked.seconds)
            .or(before.map(|it| it.seconds));
        let seconds = standing.or(self.wanted_interval());
        let peers_shortest = headers.number(&Name::MinSe).unwrap_or(0);
        let shortest = self.shortest_interval().max(peers_shortest);
        let refresher = match (is_shared, asked.map(|asked| asked.refresher)) {
            (false, _) | (true, Some(Some(Refresher::Uas))) => Side::Us,
            (true, Some(Some(Refresher::Uac))) => Side::Peer,
            (true, Some(None)) => before.map_or(Side::Peer, |before| before.refresher),
            (true, None) => before.map_or(Side::Us, |before| before.refresher),
        };
        self.session_timer.agreed = seconds.map(|seconds| Agreed {
            seconds: seconds.max(shortest),
            refresher,
            is_shared,
        });
        self.rewind_timer(now);
        let Some(agreed) = self.session_timer.agreed else {
            return response;
        };
        let expires = SessionExpires {
            seconds: agreed.seconds,
            refresher: Some(match agreed.refresher {
                Side::Us => Refresher::Uas,
                Side::Peer => Refresher::Uac,
            }),
        };
        let response = response.with_header(Name::SessionExpires, expires);
        match agreed.refresher {
            Side::Us => response,
            Side::Peer => response.with_header(Name::Require, TIMER),
        }
    }

    /// Settles the timer with the 2xx that a request of ours got (RFC 4028 §7.2), and starts it.
    pub(super) fn take_timer(&mut self, asked: &Headers, response: &Headers, now: Instant) {
        let asked = session_expires(asked);
        let agreed = match (session_expires(response), asked) {
            (Some(told), _) => Some((told, true)),
            (None, Some(asked)) => Some((asked, false)),
            (None, None) => None,
        };
        self.session_timer.agreed = agreed.map(|(expires, is_shared)| Agreed {
            seconds: expires.seconds.max(SHORTEST),
            refresher: match expires.refresher {
                Some(Refresher::Uas) if is_shared => Side::Peer,
                _ => Side::Us,
            },
            is_shared,
        });
        self.rewind_timer(now);
    }

    /// A 422: whether it makes sense to ask again, for as much as it demands (RFC 4028 §7.3).
    pub(super) fn raise_interval(&mut self, response: &Headers) -> bool {
        let Some(min_se) = response.number(&Name::MinSe) else {
            return false;
        };
        let timer = &mut self.session_timer;
        let raises = min_se > timer.min_se && timer.raises < RAISES_MAX;
        if raises {
            timer.raises += 1;
            timer.min_se = min_se;
        }
        raises
    }

    /// Asks again with the interval that a 422 to our first INVITE demands: the same Call-ID, From
    /// and To, the next CSeq (RFC 4028 §7.3).
    pub(super) fn invite_with_longer_interval(&self, invite: &Request) -> Request {
        let mut again = invite.clone();
        let number = invite
            .cseq()
            .map_or(1, |cseq| cseq.number.saturating_add(1));
        let method = Method::Invite;
        again.headers.set(Name::CSeq, CSeq { number, method });
        self.ask_for_timer(&mut again);
        again
    }

    /// Half of the interval is over.
    pub(super) fn on_refresh_due(&mut self) {
        self.modification.refresh = true;
    }

    /// Nobody has refreshed the session.
    pub(super) fn on_session_expired(&mut self, now: Instant) {
        if matches!(self.state, State::Established) {
            self.close(expired(), now);
        }
    }

    /// Our refresh was refused. A peer without a timer has shown by this that it lives; with another
    /// one we try again while there is time.
    pub(super) fn on_refresh_refused(&mut self, now: Instant) {
        self.modification.refresh = false;
        match self.session_timer.agreed {
            Some(agreed) if agreed.is_shared => {
                let later = (agreed.interval() / 16).max(REFRESH_AGAIN_MIN);
                self.timers.set(Timer::Refresh, now + later);
            }
            _ => self.rewind_timer(now),
        }
    }

    /// The session was refreshed, by whomever.
    fn rewind_timer(&mut self, now: Instant) {
        self.modification.refresh = false;
        self.timers.cancel(Timer::Refresh);
        self.timers.cancel(Timer::Expire);
        let Some(agreed) = self.session_timer.agreed else {
            return;
        };
        let interval = agreed.interval();
        if agreed.refresher == Side::Us {
            self.timers.set(Timer::Refresh, now + interval / 2);
        }
        let margin = MARGIN.min(interval / 3);
        self.timers.set(Timer::Expire, now + interval - margin);
    }

    /// Seconds of the interval that the line asks for.
    fn wanted_interval(&self) -> Option<u32> {
        let wanted = self.settings.policy.session_expires?;
        Some(u32::try_from(wanted.as_secs()).unwrap_or(u32::MAX))
    }

    /// Seconds of the shortest interval that we take.
    fn shortest_interval(&self) -> u32 {
        let shortest = self.settings.policy.min_se.as_secs();
        u32::try_from(shortest).unwrap_or(u32::MAX).max(SHORTEST)
    }
}

fn session_expires(headers: &Headers) -> Option<SessionExpires> {
    headers
        .get(&Name::SessionExpires)
        .and_then(SessionExpires::parse)
}

fn knows_timers(headers: &Headers) -> bool {
    headers.has_token(&Name::Supported, TIMER) || headers.has_token(&Name::Require, TIMER)
}
