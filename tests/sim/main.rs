//! The deterministic world: the whole pure half of a box, with a caller's phone, an ear, a voice, a model, a
//! knowledge base and a helpdesk that are made up, under a virtual clock. Everything follows from a seed.
//!
//! A failing scenario prints its ladder: signalling, what was said, and what was asked of whom, with times.

#[cfg(test)]
mod acts;
#[cfg(test)]
mod adapters;
#[cfg(test)]
mod desk;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod hold;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod ladder;
#[cfg(test)]
mod link;
#[cfg(test)]
mod media;
#[cfg(test)]
mod office;
#[cfg(test)]
mod phone;
#[cfg(test)]
mod recording;

mod scenarios;
#[cfg(test)]
mod seeds;
#[cfg(test)]
mod services;
#[cfg(test)]
mod transfer;
#[cfg(test)]
mod verdict;
#[cfg(test)]
mod world;
