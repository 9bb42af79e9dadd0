//! A registration kept alive (RFC 3261 §10, RFC 5626): asked for, refreshed, retried for ever, given up at
//! the end.
