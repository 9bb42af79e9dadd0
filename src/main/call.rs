//! `ringwell call`.

use core::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use ringwell::audio;
use ringwell::sandbox::caller::{self, Options, Step, parse_script};
use ringwell::sandbox::network::Spec;
use ringwell::sdp::SrtpPolicy;

use crate::{EX_USAGE, Failure, block_on, say};

/// A script that shows a whole call.
const USUAL: &str = "wait until it speaks; wait until it stops; say how do i reset my password?; \
                     wait until it stops; say thank you, that is all; wait for hang up";

#[derive(Args, Debug)]
pub(crate) struct Call {
    /// Whom to call, such as sip:assistant@127.0.0.1:5060 (";transport=tcp" for TCP, "tls" for
    /// TLS).
    #[arg(default_value = "sip:assistant@127.0.0.1:5060")]
    target: String,
    /// What to do, steps with ";" between them: say TEXT, wait until it speaks, wait until it stops,
    /// wait for TEXT, interrupt after 0.8 s say TEXT, press 5, pause 2 s, hang up, wait for hang up.
    #[arg(long, value_name = "STEPS", conflicts_with = "script_file")]
    script: Option<String>,
    /// The same from a file, a step on each line.
    #[arg(long, value_name = "FILE")]
    script_file: Option<PathBuf>,
    /// One step; may be given again and again.
    #[arg(long = "step", value_name = "STEP", conflicts_with_all = ["script", "script_file"])]
    steps: Vec<String>,
    /// Print a report in JSON.
    #[arg(long)]
    json: bool,
    /// Codecs to offer, most liked first.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Codec::Pcmu, Codec::Pcma])]
    codec: Vec<Codec>,
    /// Offer encrypted audio (SRTP, keys in the session description) and accept nothing else.
    #[arg(long)]
    srtp: bool,
    /// The number we call from.
    #[arg(long, value_name = "NUMBER", default_value = "+15550100199")]
    from: String,
    /// The name we call with.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Our own address.
    #[arg(long, value_name = "ADDRESS")]
    local: Option<IpAddr>,
    /// Seconds that a waiting step may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    patience: u64,
    /// Trust these authorities, too, when calling over TLS.
    #[arg(long, value_name = "PEM")]
    ca: Option<PathBuf>,
    /// Write a recording: we on the left, they on the right.
    #[arg(long, value_name = "WAV")]
    record: Option<PathBuf>,
    /// Send and receive the audio through a bad network, such as "delay=40ms,jitter=20ms,loss=3%":
    /// delay=TIME, jitter=[uniform:|normal:|pareto:]TIME (what 95 of 100 packets stay below),
    /// unordered, loss=SHARE, burst=PACKETS (mean length of a loss),
    /// gilbert=BEGINS:ENDS[:LOSS_WHEN_BAD[:LOSS_WHEN_GOOD]], duplicate=SHARE, reorder=SHARE,
    /// rate=BITS (64k), queue=TIME, rebind=TIME (a NAT that gives us other ports), seed=NUMBER.
    #[arg(long, value_name = "SPEC")]
    network: Option<Spec>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Codec {
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// G.722, 16 kHz.
    G722,
    /// Opus.
    Opus,
}

impl Call {
    pub(crate) fn execute(self) -> Result<(), Failure> {
        let script = self.steps()?;
        let codecs = self.codec.iter().map(|codec| match codec {
            Codec::Pcmu => audio::Codec::PCMU,
            Codec::Pcma => audio::Codec::PCMA,
            Codec::G722 => audio::Codec::G722,
            Codec::Opus => audio::Codec::Opus,
        });
        let options = Options {
            codecs: codecs.collect(),
            srtp: match self.srtp {
                true => SrtpPolicy::Required,
                false => SrtpPolicy::Off,
            },
            from: self.from,
            name: self.name,
            local: self.local,
            patience: Duration::from_secs(self.patience),
            authorities: self.ca,
            record: self.record,
            network: self.network,
            ..Options::new(self.target, script)
        };
        let report = block_on(caller::run(options))?.map_err(anyhow::Error::from)?;
        if self.json {
            let json = serde_json::to_string_pretty(&report).map_err(anyhow::Error::from)?;
            say(&format!("{json}\n"));
        } else {
            say(&report.text());
        }
        if report.ok {
            return Ok(());
        }
        Err(Failure {
            exit: 1,
            text: format!("the call did not go as the script says: {}", report.exit),
        })
    }

    fn steps(&self) -> Result<Vec<Step>, Failure> {
        let text = match (&self.script, &self.script_file) {
            (Some(script), _) => script.clone(),
            (None, Some(path)) => std::fs::read_to_string(path).map_err(|error| Failure {
                exit: EX_USAGE,
                text: format!("the script {} cannot be read: {error}", path.display()),
            })?,
            (None, None) if !self.steps.is_empty() => self.steps.join("\n"),
            (None, None) => USUAL.to_owned(),
        };
        parse_script(&text).map_err(|error| Failure {
            exit: EX_USAGE,
            text: error.to_string(),
        })
    }
}
