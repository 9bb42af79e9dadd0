//! The stand-ins over real sockets.
