//! Ringwell: a telephone assistant appliance in one program.
//!
//! Two halves with a line between them. Below the line (`audio`, `sdp`, `sip`, `rtp`, `ticket`,
//! `conversation`, `call`) stand values: machines that take inputs with the time as an argument and
//! give outputs when polled. Above it (`io`, `daemon`) stand sockets, threads, clocks and vendors.
//! Modules are listed in import order: each may use only those before it.

pub mod audio;
pub mod sdp;

pub mod sip;

pub mod rtp;

pub mod ticket;

pub mod conversation;

pub mod call;

pub mod io;

pub mod config;

pub mod daemon;

pub mod sandbox;
