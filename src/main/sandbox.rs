//! `ringwell sandbox`.

use core::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use ringwell::sandbox::{self, Settings, TlsFiles};

use crate::{Failure, block_on};

#[derive(Args, Debug)]
pub(crate) struct Sandbox {
    /// Address and port of the stand-in cloud.
    #[arg(long, value_name = "ADDRESS", default_value_t = SocketAddr::from(([127, 0, 0, 1], sandbox::PORT)))]
    listen: SocketAddr,
    /// Milliseconds from a question to the model's first token.
    #[arg(long, value_name = "MS")]
    first_token: Option<u64>,
    /// Milliseconds between two tokens of the model.
    #[arg(long, value_name = "MS")]
    token: Option<u64>,
    /// Milliseconds from a text to the voice's first audio.
    #[arg(long, value_name = "MS")]
    first_audio: Option<u64>,
    /// PEM file of the certificate to show: everything over TLS (wss:, https:).
    #[arg(long, value_name = "FILE", requires = "certificate_key")]
    certificate: Option<PathBuf>,
    /// PEM file of its private key.
    #[arg(long, value_name = "FILE", requires = "certificate")]
    certificate_key: Option<PathBuf>,
}

impl Sandbox {
    pub(crate) fn execute(self) -> Result<(), Failure> {
        ringwell::daemon::log::init("info");
        let usual = Settings::default();
        let or = |given: Option<u64>, usual| given.map_or(usual, Duration::from_millis);
        let settings = Settings {
            listen: self.listen,
            tls: self
                .certificate
                .zip(self.certificate_key)
                .map(|(certificate, key)| TlsFiles { certificate, key }),
            first_token: or(self.first_token, usual.first_token),
            token: or(self.token, usual.token),
            first_audio: or(self.first_audio, usual.first_audio),
            ..usual
        };
        let ran = block_on(sandbox::run(settings))?;
        ran.with_context(|| format!("the sandbox cannot serve on {}", self.listen))?;
        Ok(())
    }
}
