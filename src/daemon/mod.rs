//! The daemon: configuration in, calls answered, until it is asked to stop.

use crate::config::{Config, Secrets};

pub mod control;
pub mod log;
pub mod metrics;
pub mod notify;

/// Answers calls until it is asked to stop. State lives in `config.state.dir`.
///
/// # Errors
/// When it cannot start: a port is taken, the state folder cannot be written, no media thread.
pub async fn run(config: Config, secrets: Secrets) -> anyhow::Result<()> {
    drop((config, secrets));
    core::future::ready(()).await;
    anyhow::bail!("this build has no event loop")
}
