//! The real binary on real sockets, with SIPp, baresip and the built-in test caller at the other end.
//!
//! Each test has a laboratory of its own: a loopback address, a stand-in cloud, a gateway, a folder.

mod answered;
mod baresip;
mod blocked_port;
mod dialog_life;
mod endings;
mod faults;
mod flood;
mod guard;
mod ipv6;
mod kamailio;
mod lab;
mod linphone;
mod live;
mod network;
mod outgoing;
mod peer;
mod phones;
mod provisional;
mod recording;
mod registrar;
mod registration;
mod reload;
mod secure;
mod secure_phones;
mod sipp;
mod soak;
mod sounds;
mod stun;
mod tls;
mod torture;
mod transfer;
mod transfer_keys;
mod transfer_phones;
mod wideband;
mod witness;
