//! Which of our addresses a peer is told: the one it can reach.
//!
//! A box behind a router has two: its own, and the public one that the router translates. A PBX in the
//! office reaches the first, a provider in the internet the second; telling either the other's is
//! silence on the line (RFC 3581, RFC 5389 say how the public one is found).

use core::net::IpAddr;

/// What is known of our addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// What the configuration says of this peer's line. It counts for the peer wherever it is,
    /// for what is of its family.
    pub of_line: Option<IpAddr>,
    /// What the configuration says, or what STUN or a registrar found out.
    pub public: Option<IpAddr>,
}

impl Addresses {
    /// The address that this peer is told; `local` is our address on the way to it.
    #[must_use]
    pub fn told(self, peer: IpAddr, local: IpAddr) -> IpAddr {
        if let Some(address) = self.of_line.filter(|it| same_family(*it, local)) {
            return address;
        }
        match self.public {
            Some(public) if is_outside(peer) && same_family(public, local) => public,
            _ => local,
        }
    }
}

/// Whether an address is beyond the networks that offices and machines use for themselves (RFC 1918,
/// RFC 6598, RFC 3927, RFC 4193, RFC 4291 §2.5.3 and §2.5.6).
#[must_use]
pub fn is_outside(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            let shared = first == 100 && second & 0xc0 == 64;
            let inside = address.is_private() || address.is_loopback() || address.is_link_local();
            !(inside || shared || address.is_unspecified())
        }
        IpAddr::V6(address) => {
            let inside = address.is_unique_local() || address.is_unicast_link_local();
            !(inside || address.is_loopback() || address.is_unspecified())
        }
    }
}

fn same_family(one: IpAddr, two: IpAddr) -> bool {
    one.to_canonical().is_ipv4() == two.to_canonical().is_ipv4()
}

#[cfg(test)]
mod tests;
