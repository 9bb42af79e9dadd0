//! `ringwell check`.

use core::net::SocketAddr;
use std::fmt::Write as _;

use clap::Args;
use ringwell::config::{Environment, Secrets};
use ringwell::io::certificates::Certificates;

use crate::{EX_CONFIG, Failure, Place, say};

#[path = "check/live.rs"]
mod live;

#[derive(Args, Debug)]
pub(crate) struct Check {
    #[command(flatten)]
    place: Place,
    /// Ask every outside service and the telephone side, too; exit 69 when one does not work.
    #[arg(long)]
    live: bool,
    /// With --live: a SIP server to ask, besides those that the lines name.
    #[arg(long, value_name = "ADDRESS:PORT", requires = "live")]
    peer: Vec<SocketAddr>,
}

impl Check {
    pub(crate) fn execute(self) -> Result<(), Failure> {
        let config = self.place.load()?;
        let mut report = String::new();
        let mut wrong = Vec::new();
        for warning in config.warnings() {
            append(&mut report, &format!("warning: {warning}"));
        }
        let secrets = Secrets::read(&config, &Environment::of_process());
        for error in secrets.as_ref().err().into_iter().flatten() {
            // Outside the service there are no credentials; that is no fault of the file.
            if error.awaits_credential && !self.live {
                append(&mut report, &format!("note: {error}"));
            } else {
                wrong.push(error.to_string());
            }
        }
        if let (Some(certificate), Some(key)) =
            (&config.sip.certificate, &config.sip.certificate_key)
        {
            match Certificates::load(certificate, key) {
                Ok(own) => {
                    if let Some(what) = own.validity().warning() {
                        let file = certificate.display();
                        append(
                            &mut report,
                            &format!("warning: the certificate {file} {what}"),
                        );
                    }
                }
                Err(fault) => wrong.push(fault.to_string()),
            }
        }
        if wrong.is_empty() {
            append(&mut report, &format!("{}: OK", self.place.config.display()));
            say(&report);
            return match secrets {
                Ok(secrets) if self.live => live::execute(&config, secrets, &self.peer),
                _ => Ok(()),
            };
        }
        say(&report);
        Err(Failure {
            exit: EX_CONFIG,
            text: wrong.join("\n"),
        })
    }
}

fn append(report: &mut String, line: &str) {
    writeln!(report, "{line}").expect("a String takes what is written");
}
