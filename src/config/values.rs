//! Values of the configuration file that TOML has no type for: networks, port ranges, durations.

use core::fmt;
use core::net::IpAddr;
use core::str::FromStr;
use std::time::Duration;

use serde::de::{SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A network: every address whose first `prefix` bits are those of `address`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cidr {
    address: IpAddr,
    prefix: u8,
}

impl Cidr {
    /// True when `address` lies in this network. An IPv4 address mapped into IPv6 counts as IPv4.
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let mask = mask_32(self.prefix);
                network.to_bits() & mask == address.to_bits() & mask
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let mask = mask_128(self.prefix);
                network.to_bits() & mask == address.to_bits() & mask
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }

    /// Bits that are compared; the longer prefix is the more particular network.
    #[must_use]
    pub fn prefix(self) -> u8 {
        self.prefix
    }

    /// The address of a network that is one address alone.
    #[must_use]
    pub fn single(self) -> Option<IpAddr> {
        let whole = if self.address.is_ipv4() { 32 } else { 128 };
        (self.prefix == whole).then_some(self.address)
    }

    /// True for a network that is (nearly) all addresses there are.
    #[must_use]
    pub fn is_everyone(self) -> bool {
        self.prefix == 0
    }
}

fn mask_32(prefix: u8) -> u32 {
    u32::MAX
        .checked_shl(32 - u32::from(prefix.min(32)))
        .unwrap_or(0)
}

fn mask_128(prefix: u8) -> u128 {
    u128::MAX
        .checked_shl(128 - u32::from(prefix.min(128)))
        .unwrap_or(0)
}

impl FromStr for Cidr {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || {
            format!(
                "`{text}` is not a network; write an address or a network such as \"192.168.1.20\", \
                 \"10.0.0.0/8\" or \"fd00::/8\""
            )
        };
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| refuse())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(prefix) => prefix.parse().map_err(|_| refuse())?,
            None => longest,
        };
        if prefix > longest {
            return Err(refuse());
        }
        let cidr = Self { address, prefix };
        if !cidr.is_aligned() {
            return Err(format!(
                "`{text}` has bits set behind its prefix; write the network's first address, or a longer prefix"
            ));
        }
        Ok(cidr)
    }
}

impl Cidr {
    fn is_aligned(self) -> bool {
        match self.address {
            IpAddr::V4(address) => address.to_bits() & !mask_32(self.prefix) == 0,
            IpAddr::V6(address) => address.to_bits() & !mask_128(self.prefix) == 0,
        }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// UDP ports for media, both ends included, in pairs of an even (RTP) and an odd (RTCP) port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRange {
    /// The first port, even.
    pub first: u16,
    /// The last port, odd.
    pub last: u16,
}

impl PortRange {
    /// How many calls' port pairs fit.
    #[must_use]
    pub fn pairs(self) -> usize {
        usize::from(self.last.saturating_sub(self.first)).div_ceil(2)
    }

    /// True when `port` is one of them.
    #[must_use]
    pub fn contains(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }
}

impl FromStr for PortRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let ports = text.split_once('-').and_then(|(first, last)| {
            Some((first.trim().parse().ok()?, last.trim().parse().ok()?))
        });
        let Some((first, last)) = ports else {
            return Err(format!(
                "`{text}` is not a port range; write the first and the last port, such as \"10000-10999\""
            ));
        };
        let range = Self { first, last };
        if first % 2 != 0 || last % 2 != 1 || first < 1024 || first > last {
            return Err(format!(
                "`{text}` cannot be cut into pairs; start at an even port from 1024 on and end at an odd one, \
                 such as \"10000-10999\""
            ));
        }
        Ok(range)
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

/// Units of a duration, longest first, in milliseconds.
const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let millis = UNITS
        .iter()
        .find(|(name, _)| *name == unit.trim())
        .and_then(|(_, factor)| number.parse::<u64>().ok()?.checked_mul(*factor));
    match millis {
        Some(millis) => Ok(Duration::from_millis(millis)),
        None => Err(format!(
            "`{text}` is not a duration; write a number and a unit: \"20ms\", \"5s\", \"10m\", \"2h\" or \"1d\""
        )),
    }
}

fn write_duration(duration: Duration) -> String {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let fits = |factor: &u64| millis != 0 && millis.is_multiple_of(*factor);
    let (unit, factor) = UNITS
        .into_iter()
        .find(|(_, factor)| fits(factor))
        .unwrap_or(("s", 1_000));
    format!("{}{unit}", millis / factor)
}

/// Durations as text: `#[serde(with = "duration")]`.
pub(super) mod duration {
    use super::*;

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(from)?;
        parse_duration(&text).map_err(serde::de::Error::custom)
    }

    pub(crate) fn serialize<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&write_duration(*duration))
    }
}

/// One value in quotes, or a list of them.
pub(super) mod one_or_more {
    use super::*;

    struct Read;

    impl<'de> Visitor<'de> for Read {
        type Value = Vec<IpAddr>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an address such as \"192.168.1.20\", or a list of them")
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
            match text.parse() {
                Ok(address) => Ok(vec![address]),
                Err(_) => Err(E::invalid_value(Unexpected::Str(text), &self)),
            }
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut addresses = Vec::new();
            while let Some(address) = list.next_element()? {
                addresses.push(address);
            }
            Ok(addresses)
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<IpAddr>, D::Error> {
        from.deserialize_any(Read)
    }

    pub(crate) fn serialize<S: Serializer>(all: &[IpAddr], to: S) -> Result<S::Ok, S::Error> {
        all.serialize(to)
    }
}

/// The word `"none"` where a secret could be configured: there is none. Nothing else is accepted,
/// and what was written is never repeated in the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSecret;

impl FromStr for NoSecret {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self);
        }
        Err("a secret never stands in this file; put it into a file of its own and name that with `.._file`, \
             or into an environment variable and name that with `.._env`, or give it as a systemd credential"
            .to_owned())
    }
}

impl fmt::Display for NoSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("none")
    }
}

macro_rules! as_text {
    ($($name:ident),*) => {$(
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }
    )*};
}

as_text!(Cidr, PortRange, NoSecret);

#[cfg(test)]
mod tests;
