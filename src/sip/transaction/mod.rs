//! The four transaction machines (RFC 3261 §17, RFC 6026, RFC 4320).
