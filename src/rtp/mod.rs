//! RTP (RFC 3550) as values: one call's stream, driven with the time as an argument.
