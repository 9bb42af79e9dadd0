//! `ringwell run`.

use std::num::NonZero;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use ringwell::config::{Config, Environment, Secrets};

use crate::{EX_CONFIG, Failure, Place};

/// Threads for the calls' tasks beside the main thread, which carries the signalling: two, so that one call in trouble
/// does not hold up the others; one where there is one processor, where a second would only be woken beside it.
const WORKERS_MAX: usize = 2;

/// Threads for searches and names, which block: more than one processor can use, since a name may take seconds.
/// What comes beyond waits. Each costs a stack and an arena of the allocator for the time after it, too.
const BLOCKING_MAX: usize = 32;

#[derive(Args, Debug)]
pub(crate) struct Run {
    #[command(flatten)]
    place: Place,
    /// Port of every SIP address, in place of those in the configuration.
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    sip_port: Option<u16>,
}

impl Run {
    pub(crate) fn execute(self) -> Result<(), Failure> {
        let (config, secrets) = self.read()?;
        ringwell::daemon::log::init(&config.log.level);
        for warning in config.warnings() {
            log::warn!("{warning}");
        }
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(processors.min(WORKERS_MAX))
            .max_blocking_threads(BLOCKING_MAX)
            .enable_all()
            .build()
            .context("the runtime does not start")?;
        let reread = move || {
            let read = self.read();
            read.map_err(|failure| sentences(&failure.text))
        };
        runtime.block_on(ringwell::daemon::run(config, secrets, Arc::new(reread)))?;
        Ok(())
    }

    /// The configuration with what the command line says, and its secrets.
    fn read(&self) -> Result<(Config, Secrets), Failure> {
        let mut config = self.place.load()?;
        if let Some(port) = self.sip_port {
            config.set_sip_port(port);
        }
        let secrets = Secrets::read(&config, &Environment::of_process());
        let secrets = secrets.map_err(|errors| {
            let lines = errors.iter().map(ToString::to_string);
            Failure {
                exit: EX_CONFIG,
                text: lines.collect::<Vec<_>>().join("\n"),
            }
        })?;
        Ok((config, secrets))
    }
}

/// One fault with its remedy in each.
fn sentences(text: &str) -> Vec<String> {
    let joined = text.replace("\n    remedy: ", "; ");
    joined.lines().map(str::to_owned).collect()
}
