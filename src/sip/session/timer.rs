//! Session timers (RFC 4028), as refresher and as the one who waits for it.
