//! The targets: each takes any bytes, and panics when something that must hold does not.

mod digest;
mod endpoint;
mod framing;
mod message;
mod offer_answer;
mod sdp;
mod uri;

/// A target.
pub type Target = fn(&[u8]);

/// All of them, by name.
pub const ALL: [(&str, Target); 7] = [
    ("digest", digest::run),
    ("endpoint", endpoint::run),
    ("framing", framing::run),
    ("message", message::run),
    ("offer_answer", offer_answer::run),
    ("sdp", sdp::run),
    ("uri", uri::run),
];
