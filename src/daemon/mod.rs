//! The daemon: configuration in, calls answered, until it is asked to stop.

pub mod control;
pub mod log;
pub mod metrics;
pub mod notify;
