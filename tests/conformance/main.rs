//! Conformance of the message layer: what the RFCs ask, what the field sends, and what an attacker may send.
//!
//! The RFCs' own example messages are read from the folder that `RINGWELL_CORPUS` names (`rfc4475/dat`,
//! `rfc3665`, `rfc4317`); without it those tests say on standard error that they were skipped.

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod differential;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod mutation;
#[cfg(test)]
mod practical;
#[cfg(test)]
mod rfc3665;
#[cfg(test)]
mod rfc4317;
#[cfg(test)]
mod rfc4475;
#[cfg(test)]
mod round_trip;
#[cfg(test)]
mod torture;
