//! Symmetric RTP (RFC 4961, RFC 7362 §4) with a guard: whose packets are believed, and where ours go.
//!
//! Until something comes we send where signalling says. A packet from exactly there settles it for good.
//! A packet from elsewhere (the far end is behind a NAT) is followed too, but for [`GUARD`] a better one
//! still takes over: the signalled address before its host, its host before any other. After that nothing
//! moves the stream until signalling names another address; then the former source is not followed for
//! [`GUARD`], because its last packets are still under way. The session may also see that a NAT has given the far end
//! another port ([`Latch::rebind`]).

use core::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// Who the far end is.
#[derive(Clone, Debug)]
pub(super) struct Latch {
    signalled: Option<SocketAddr>,
    state: State,
    /// Where the stream came from before signalling moved it, and until when that is not followed.
    former: Option<(SocketAddr, Instant)>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Waiting,
    Provisional {
        source: SocketAddr,
        rank: Rank,
        until: Instant,
    },
    Locked(SocketAddr),
}

/// How well a source fits what was signalled, better ones greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Elsewhere,
    SameHost,
    Signalled,
}

/// The verdict on a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// From the far end.
    Accepted,
    /// From the far end, which is somewhere else than before.
    Moved,
    /// From somebody else.
    Refused,
}

impl Latch {
    pub(super) fn new(signalled: Option<SocketAddr>) -> Self {
        Self {
            signalled,
            state: State::Waiting,
            former: None,
        }
    }

    /// Takes the address of a new offer or answer; one that has not changed changes nothing.
    pub(super) fn update(&mut self, signalled: SocketAddr, now: Instant) {
        if self.signalled != Some(signalled) {
            self.former = self.source().map(|source| (source, now + GUARD));
            self.signalled = Some(signalled);
            self.state = State::Waiting;
        }
    }

    /// Judges the source of a plausible packet.
    pub(super) fn admit(&mut self, from: SocketAddr, now: Instant) -> Admission {
        let rank = self.rank(from);
        let former = |(source, until)| source == from && now < until;
        match self.state {
            State::Waiting if rank < Rank::Signalled && self.former.is_some_and(former) => {
                return Admission::Refused;
            }
            State::Waiting => self.follow(from, rank, now + GUARD),
            State::Provisional { source, until, .. } if from == source => {
                if now >= until {
                    self.state = State::Locked(source);
                }
                return Admission::Accepted;
            }
            State::Provisional {
                rank: before,
                until,
                ..
            } if now < until && rank > before => self.follow(from, rank, until),
            State::Locked(source) if from == source => return Admission::Accepted,
            State::Provisional { .. } | State::Locked(_) => return Admission::Refused,
        }
        Admission::Moved
    }

    fn follow(&mut self, source: SocketAddr, rank: Rank, until: Instant) {
        self.state = if rank == Rank::Signalled {
            State::Locked(source)
        } else {
            State::Provisional {
                source,
                rank,
                until,
            }
        };
    }

    /// The stream that was followed has moved to another port of its host.
    pub(super) fn rebind(&mut self, source: SocketAddr) {
        self.state = State::Locked(source);
    }

    fn rank(&self, from: SocketAddr) -> Rank {
        match self.signalled {
            Some(signalled) if same(signalled, from) && signalled.port() == from.port() => {
                Rank::Signalled
            }
            Some(signalled) if same(signalled, from) => Rank::SameHost,
            _ => Rank::Elsewhere,
        }
    }

    /// Where RTP comes from, once it does.
    pub(super) fn source(&self) -> Option<SocketAddr> {
        match self.state {
            State::Waiting => None,
            State::Provisional { source, .. } | State::Locked(source) => Some(source),
        }
    }

    /// Where our RTP goes; nowhere on hold.
    pub(super) fn destination(&self) -> Option<SocketAddr> {
        let signalled = self.signalled?;
        Some(self.source().unwrap_or(signalled))
    }

    /// Whether a packet of the control port comes from the far end.
    pub(super) fn same_host(&self, from: SocketAddr) -> bool {
        self.source()
            .or(self.signalled)
            .is_some_and(|host| same(host, from))
    }

    /// Where our RTCP goes before any came: where it was signalled if RTP comes from there, else one port
    /// above where RTP comes from (RFC 3550 §11).
    pub(super) fn control(&self, signalled: Option<SocketAddr>) -> Option<SocketAddr> {
        let media = self.source().or(self.signalled)?;
        let beside = || Some(SocketAddr::new(media.ip(), media.port().checked_add(1)?));
        if self.rank(media) == Rank::Signalled {
            signalled.or_else(beside)
        } else {
            beside()
        }
    }
}

fn same(one: SocketAddr, other: SocketAddr) -> bool {
    let canonical = |address: SocketAddr| -> IpAddr { address.ip().to_canonical() };
    canonical(one) == canonical(other)
}

/// How long a stranger's lead may be corrected: an answer's first packet comes well within it.
pub(super) const GUARD: Duration = Duration::from_secs(2);
