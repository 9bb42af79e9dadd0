//! RTP control (RFC 3550 §6).
