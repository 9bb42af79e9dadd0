//! `ringwell check --live`: asks the outside world.

use core::net::SocketAddr;

use ringwell::config::{Config, Secrets};
use ringwell::daemon::live::{self, Verdict};

use crate::{EX_UNAVAILABLE, Failure, block_on, say};

/// Prints what was found, line by line.
pub(super) fn execute(
    config: &Config,
    secrets: Secrets,
    peers: &[SocketAddr],
) -> Result<(), Failure> {
    let findings = block_on(live::check(config, secrets, peers))?;
    let lines = findings.iter().map(|finding| {
        let verdict = match finding.verdict {
            Verdict::Fine => "ok",
            Verdict::Note => "note",
            Verdict::Wrong => "WRONG",
        };
        format!("{verdict:6} {}: {}\n", finding.what, finding.words)
    });
    say(&lines.collect::<String>());
    let wrong = findings
        .iter()
        .filter(|finding| finding.verdict == Verdict::Wrong);
    match wrong.count() {
        0 => Ok(()),
        count => Err(Failure {
            exit: EX_UNAVAILABLE,
            text: format!("{count} of {} do not work", findings.len()),
        }),
    }
}
