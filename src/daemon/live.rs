//! What `ringwell check --live` finds: every outside service and the telephone side asked once, and
//! said in words what is wrong.

use core::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::time::timeout;

use super::services;
use crate::audio::Law;
use crate::config::{Config, LineTransport, Secrets};
use crate::conversation::{Exchange, Failure, ReplyEvent, ReplyId, ReplyRequest};
use crate::io::deepgram::rest::Renderer;
use crate::io::desk::DeskError;
use crate::io::sip_probe;
use crate::io::tls::Tls;
use crate::sip::nat;
use crate::sip::probe::Answer;

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
    let (desk, model, ear, voice) = tokio::join!(
        helpdesk(config, secrets.helpdesk, &tls),
        model(config, secrets.model, &tls),
        ear(config, secrets.ear, &tls),
        voice(config, secrets.voice, &tls),
    );
    let mut findings = vec![desk, model, ear, voice, ports(config)];
    findings.extend(telephone(config, peers).await);
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
        match voice.whole(Law::Mu, "Hello.").await {
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
fn ports(config: &Config) -> Finding {
    let what = "media ports";
    let settings = services::port_settings(config);
    let all = config.media.ports.pairs();
    match settings.taken() {
        Err(error) => Finding::new(
            what,
            Verdict::Wrong,
            format!(
                "none can be opened at {}: {error}; correct media.address",
                settings.address
            ),
        ),
        Ok(taken) if taken.is_empty() => {
            let words = format!("{all} pairs are free; open them in the firewall for UDP");
            Finding::new(what, Verdict::Fine, words)
        }
        Ok(taken) => {
            let words = format!(
                "{} of {all} pairs are held by running calls or other programs, {} first",
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

/// Asks the SIP servers there are.
async fn telephone(config: &Config, peers: &[SocketAddr]) -> Vec<Finding> {
    let mut asked = named(config);
    asked.extend(peers.iter().map(|peer| Peer {
        what: format!("peer {peer}"),
        address: *peer,
        must_answer: true,
    }));
    if asked.is_empty() {
        let words = "no line names a single address; ask one with --peer ADDRESS:PORT";
        return vec![Finding::new("telephone side", Verdict::Note, words)];
    }
    let mut findings = Vec::new();
    for peer in asked {
        findings.extend(ask(config, peer).await);
    }
    findings
}

/// A SIP server to ask.
struct Peer {
    what: String,
    address: SocketAddr,
    /// Whether silence is a fault. Not every trunk answers OPTIONS.
    must_answer: bool,
}

/// The servers that the lines name by a single address.
fn named(config: &Config) -> Vec<Peer> {
    let lines = config.line.iter().filter(|line| {
        let transport = line.transport;
        matches!(transport, LineTransport::Any | LineTransport::Udp)
    });
    let peers = lines.flat_map(|line| {
        let single = line.allow.iter().filter_map(|network| network.single());
        single.map(move |ip| Peer {
            what: format!("line {}", line.name),
            address: SocketAddr::new(ip, 5060),
            must_answer: false,
        })
    });
    peers.collect()
}

async fn ask(config: &Config, peer: Peer) -> Vec<Finding> {
    let address = peer.address;
    let public = |_: IpAddr| {
        let configured = config.sip.public_address;
        configured.filter(|_| nat::is_outside(address.ip()))
    };
    match sip_probe::ask(address, public).await {
        Ok(Some((answer, _))) => told(&peer.what, address, answer),
        Ok(None) => {
            let verdict = if peer.must_answer {
                Verdict::Wrong
            } else {
                Verdict::Note
            };
            let words = format!(
                "{address} does not answer OPTIONS over UDP; is the address right, and is no firewall in between?"
            );
            vec![Finding::new(peer.what, verdict, words)]
        }
        Err(error) => {
            let words = format!("there is no way to {address}: {error}");
            vec![Finding::new(peer.what, Verdict::Wrong, words)]
        }
    }
}

/// What an answer says, sentence by sentence.
fn told(what: &str, address: SocketAddr, answer: Answer) -> Vec<Finding> {
    let seen = answer
        .seen_as
        .map_or_else(String::new, |seen| format!(", and sees us at {seen}"));
    let words = format!("{address} answers {}{seen}", answer.status);
    let mut findings = vec![Finding::new(what, Verdict::Fine, words)];
    findings.extend(answer.findings.iter().map(|finding| {
        let verdict = if finding.is_fault() {
            Verdict::Wrong
        } else {
            Verdict::Note
        };
        Finding::new(what, verdict, finding.to_string())
    }));
    findings
}
