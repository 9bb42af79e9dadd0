//! Who may have a connection when there are not enough: pure, over what the table knows.
//!
//! The newest of a source is refused first; where others have filled the table, the source with the
//! most silent connections loses its newest. A connection that has carried a valid message, or that we
//! dialled, is never taken away for another.

use core::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::collections::HashMap;

use super::Limits;

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// In the middle of a TLS handshake.
    Handshake,
    /// Open, but without a valid message so far.
    Silent,
    /// It has carried a valid message, or was dialled by us.
    Proven,
}

/// One connection that is there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seat {
    pub(super) remote: SocketAddr,
    /// Its number in the order of coming.
    pub(super) number: u64,
    pub(super) stage: Stage,
}

/// What becomes of a newcomer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// There is room.
    Free,
    /// There is, when this one goes.
    Instead(SocketAddr),
    /// There is none.
    Refused,
}

/// A source as limits count it: an IPv4 address, or the /64 network an IPv6 host may number itself in.
pub(in crate::io) fn source_of(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(ip) => IpAddr::V4(ip),
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64)),
    }
}

/// The place of a newcomer that begins with a stage.
pub(super) fn place(seats: &[Seat], limits: &Limits, newcomer: IpAddr, stage: Stage) -> Place {
    let everyone = |_: Stage| true;
    let place = among(
        seats,
        newcomer,
        everyone,
        limits.connections,
        limits.per_source,
    );
    if place == Place::Refused || stage != Stage::Handshake {
        return place;
    }
    let half_open = |stage: Stage| stage == Stage::Handshake;
    let (all, own) = (limits.handshakes, limits.handshakes_per_source);
    match among(seats, newcomer, half_open, all, own) {
        // One that goes for its handshake also leaves a free connection.
        Place::Free => place,
        narrower => narrower,
    }
}

fn among(
    seats: &[Seat],
    newcomer: IpAddr,
    counts: impl Fn(Stage) -> bool,
    all: usize,
    per_source: usize,
) -> Place {
    let newcomer = source_of(newcomer);
    let seats = || seats.iter().filter(|seat| counts(seat.stage));
    let own = seats().filter(|seat| source_of(seat.remote.ip()) == newcomer);
    if own.count() >= per_source {
        return Place::Refused;
    }
    if seats().count() < all {
        return Place::Free;
    }
    let mut silent: HashMap<IpAddr, (usize, Seat)> = HashMap::new();
    for seat in seats().filter(|seat| seat.stage != Stage::Proven) {
        let entry = silent.entry(source_of(seat.remote.ip()));
        let (count, newest) = entry.or_insert((0, *seat));
        *count += 1;
        if seat.number > newest.number {
            *newest = *seat;
        }
    }
    let own = silent.get(&newcomer).map_or(0, |(count, _)| *count);
    let greediest = silent
        .values()
        .max_by_key(|(count, newest)| (*count, newest.number));
    match greediest {
        // Only from one who has more than the newcomer will have.
        Some((count, newest)) if *count > own + 1 => Place::Instead(newest.remote),
        _ => Place::Refused,
    }
}

#[cfg(test)]
mod tests;
