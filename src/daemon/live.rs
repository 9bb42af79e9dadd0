//! What `ringwell check --live` finds: every outside service and the telephone side asked once, and
//! said in words what is wrong.

use core::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::time::timeout;

use super::lines::Lines;
use super::media_addresses::MediaAddresses;
use super::services;
use crate::audio::{Law, SpeechFormat};
use crate::config::{Config, Secrets};
use crate::conversation::{Exchange, Failure, ReplyEvent, ReplyId, ReplyRequest};
use crate::io::deepgram::rest::Renderer;
use crate::io::desk::DeskError;
use crate::io::media_socket;
use crate::io::tls::Tls;

mod telephone;

use telephone::telephone;

/// How long one service may take: longer than any of them needs, shorter than patience.
const PATIENCE: Duration = Duration::from_secs(15);

/// How a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It works.
    Fine,
    /// It works as far as can be told, or could not be asked.
    Note,
    /// It does not work.
    Wrong,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What: `helpdesk`, `line pbx` ..
    pub what: String,
    /// How it is.
    pub verdict: Verdict,
    /// In plain words, with the remedy.
    pub words: String,
}

impl Finding {
    fn new(what: impl Into<String>, verdict: Verdict, words: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            verdict,
            words: words.into(),
        }
    }
}

/// Asks everything. `peers` are SIP servers to ask beyond those that the configuration names.
pub async fn check(config: &Config, secrets: Secrets, peers: &[SocketAddr]) -> Vec<Finding> {
    let tls = match Tls::new(None) {
        Ok(tls) => tls,
        Err(error) => return vec![Finding::new("TLS", Verdict::Wrong, error.to_string())],
    };
    let lines = Lines::new(config, &secrets).all();
    let (desk, model, ear, voice) = tokio::join!(
        helpdesk(config, secrets.helpdesk, &tls),
        model(config, secrets.model, &tls),
        ear(config, secrets.ear, &tls),
        voice(config, secrets.voice, &tls),
    );
    let mut findings = vec![desk, model, ear, voice];
    let addresses = MediaAddresses::new(config).of_each_family();
    findings.extend(addresses.iter().map(|address| ports(config, *address)));
    findings.extend(telephone(config, &lines, peers).await);
    findings
}

async fn helpdesk(config: &Config, password: Option<secrecy::SecretString>, tls: &Tls) -> Finding {
    let asked = async {
        let desk = services::desk(config, password, tls).map_err(|error| error.to_string())?;
        desk.check().await.map_err(|error| match error {
            DeskError::Retry { reason, .. } => {
                format!("{reason}; is there a network, and is helpdesk.url right?")
            }
            DeskError::Refused { reason } | DeskError::Barred { reason, .. } => reason,
        })
    };
    finding("helpdesk", timeout(PATIENCE, asked).await)
}

async fn model(config: &Config, key: Option<secrecy::SecretString>, tls: &Tls) -> Finding {
    let asked = async {
        let model = services::model(config, key, tls).map_err(|error| error.to_string())?;
        let mut reply = model.ask(ReplyRequest {
            id: ReplyId(1),
            instructions: "Answer with one word.".to_owned(),
            history: vec![Exchange::Caller("Are you there?".to_owned())],
            tools: Vec::new(),
        });
        while let Some(event) = reply.rx.recv().await {
            match event {
                ReplyEvent::Failed(failure) => return Err(in_words(failure, "model")),
                ReplyEvent::Done => return Ok(format!("{} answers", config.model.model)),
                ReplyEvent::Text(_) | ReplyEvent::ToolCall(_) => {}
            }
        }
        Err("the answer broke off".to_owned())
    };
    finding("model", timeout(PATIENCE, asked).await)
}

async fn ear(config: &Config, key: Option<secrecy::SecretString>, tls: &Tls) -> Finding {
    let asked = async {
        let ear = services::ear(config, key, tls);
        match ear.check().await {
            Ok(()) => Ok(format!("{} listens", config.ear.model)),
            Err(failure) => Err(in_words(failure, "ear")),
        }
    };
    finding("ear", timeout(PATIENCE, asked).await)
}

async fn voice(config: &Config, key: Option<secrecy::SecretString>, tls: &Tls) -> Finding {
    let asked = async {
        let account = services::endpoint(&config.voice.url, key);
        let voice = Renderer::new(account, &config.voice.model, tls);
        let voice = voice.map_err(|error| error.to_string())?;
        match voice.whole(SpeechFormat::G711(Law::Mu), "Hello.").await {
            Ok(_) => Ok(format!("{} speaks", config.voice.model)),
            Err(failure) => Err(in_words(failure, "voice")),
        }
    };
    finding("voice", timeout(PATIENCE, asked).await)
}

fn finding(
    what: &str,
    asked: Result<Result<String, String>, tokio::time::error::Elapsed>,
) -> Finding {
    match asked {
        Ok(Ok(words)) => Finding::new(what, Verdict::Fine, words),
        Ok(Err(words)) => Finding::new(what, Verdict::Wrong, words),
        Err(_) => {
            let words = format!("no answer within {} s", PATIENCE.as_secs());
            Finding::new(what, Verdict::Wrong, words)
        }
    }
}

/// A service's failure with its remedy; `table` is where the configuration has it.
fn in_words(failure: Failure, table: &str) -> String {
    let (Failure::Refused(reason) | Failure::Unavailable(reason) | Failure::Stalled(reason)) =
        &failure;
    let remedy = if reason.contains("certificate") {
        "is this machine's clock right, and does nothing in between open TLS?".to_owned()
    } else if ["401", "403"].iter().any(|status| reason.contains(status)) {
        format!("the key of [{table}] is wrong, or may not do this")
    } else {
        match failure {
            Failure::Refused(_) => format!("see [{table}] in the configuration"),
            Failure::Unavailable(_) | Failure::Stalled(_) => {
                format!("is there a network, and is {table}.url right?")
            }
        }
    };
    format!("{reason}; {remedy}")
}

/// Whether the ports for audio can be had.
fn ports(config: &Config, address: IpAddr) -> Finding {
    let what = "media ports";
    let settings = media_socket::Settings {
        address,
        ..services::port_settings(config)
    };
    let all = config.media.ports.pairs();
    match settings.taken() {
        Err(error) => Finding::new(
            what,
            Verdict::Wrong,
            format!("none can be opened at {address}: {error}; correct media.address"),
        ),
        Ok(taken) if taken.is_empty() => {
            let words =
                format!("{all} pairs are free at {address}; open them in the firewall for UDP");
            Finding::new(what, Verdict::Fine, words)
        }
        Ok(taken) => {
            let words = format!(
                "{} of {all} pairs at {address} are held by running calls or other programs, {} first",
                taken.len(),
                taken[0]
            );
            let verdict = if taken.len() >= all {
                Verdict::Wrong
            } else {
                Verdict::Note
            };
            Finding::new(what, verdict, words)
        }
    }
}
