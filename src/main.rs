//! `ringwell`: the command line. One module per subcommand under `main/`.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use ringwell::config::Config;

#[path = "main/call.rs"]
mod call;
#[path = "main/check.rs"]
mod check;
#[path = "main/demo.rs"]
mod demo;
#[path = "main/run.rs"]
mod run;
#[path = "main/sandbox.rs"]
mod sandbox;
#[path = "main/status.rs"]
mod status;

/// A telephone assistant: answers the support line over SIP and writes the ticket.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer calls until asked to stop (SIGTERM, or `ringwell drain`).
    Run(run::Run),
    /// Check the configuration; exit 78 when it is wrong.
    Check(check::Check),
    /// Show the main job: two calls against a stand-in cloud, and the ticket.
    Demo(demo::Demo),
    /// Place a call and say what was heard.
    Call(Box<call::Call>),
    /// Serve a stand-in cloud on loopback, so that no account is needed to try.
    Sandbox(sandbox::Sandbox),
    /// Say how the running daemon does.
    Status(status::Status),
    /// Let the running daemon finish its calls and end.
    Drain(status::Drain),
}

/// Where the configuration and the state are.
#[derive(Args, Debug)]
struct Place {
    /// The configuration file.
    #[arg(
        long,
        value_name = "FILE",
        default_value = "/etc/ringwell/ringwell.toml"
    )]
    config: PathBuf,
    /// The state folder, in place of `state.dir`.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
}

impl Place {
    fn load(&self) -> Result<Config, Failure> {
        let mut config = Config::load(&self.config).map_err(|error| Failure {
            exit: EX_CONFIG,
            text: error.to_string(),
        })?;
        if let Some(state) = &self.state {
            config.state.dir.clone_from(state);
        }
        Ok(config)
    }
}

/// Exit codes of sysexits(3).
const EX_USAGE: u8 = 64;
const EX_UNAVAILABLE: u8 = 69;
const EX_SOFTWARE: u8 = 70;
const EX_CONFIG: u8 = 78;

/// Why a subcommand failed: the exit code and the words for the administrator.
struct Failure {
    exit: u8,
    text: String,
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self {
            exit: EX_SOFTWARE,
            text: format!("{error:#}"),
        }
    }
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Run(run) => run.execute(),
        Command::Check(check) => check.execute(),
        Command::Demo(demo) => demo.execute(),
        Command::Call(call) => call.execute(),
        Command::Sandbox(sandbox) => sandbox.execute(),
        Command::Status(status) => status.execute(),
        Command::Drain(drain) => drain.execute(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { exit, text }) => {
            // Nobody is left to tell when standard error is gone.
            let _ = writeln!(std::io::stderr(), "ringwell: {text}");
            ExitCode::from(exit)
        }
    }
}

/// Writes to standard output; a reader that has gone away (`| head`) is no failure.
fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// A runtime for a subcommand that only asks.
fn block_on<F: Future>(future: F) -> Result<F::Output, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)?;
    Ok(runtime.block_on(future))
}
