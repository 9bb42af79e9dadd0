//! `ringwell demo`: the main job, shown. A stand-in cloud, a gateway of its own, two real calls over SIP
//! and RTP, and what came of them. Nothing outside this machine is used.

use core::net::{Ipv4Addr, SocketAddr};
use std::fs::File;
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use ringwell::daemon::control::{self, Request};
use ringwell::io::clock;
use ringwell::sandbox::caller::{self, Options, Report, parse_script};
use ringwell::sandbox::{self, Sandbox};
use serde_json::Value;

use crate::{Failure, block_on, say};

/// The laboratory's configuration; its ports are replaced by free ones.
const CONFIG: &str = include_str!("../../config/examples/lab.toml");

/// A question that the stand-in helpdesk's articles answer.
const ANSWERED: &str = "wait until it speaks; wait until it stops; say hello, how do i reset my password?; \
    wait for password; wait until it stops; say thank you, that is all, goodbye; wait for hang up";

/// A question that they do not.
const ESCALATED: &str = "wait until it speaks; interrupt after 1.2 s say our printer is on fire; \
    wait for e-mail; wait until it stops; say jane dot doe at example dot com; \
    wait for right; wait until it stops; say yes; wait for hang up";

/// How long things on this machine may take to come up or to settle.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Args, Debug)]
pub(crate) struct Demo {
    /// Keep the folder with the gateway's log, its state and recordings of both calls.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

impl Demo {
    pub(crate) fn execute(self) -> Result<(), Failure> {
        let folder = match &self.keep {
            Some(folder) => folder.clone(),
            None => std::env::temp_dir().join(format!("ringwell-demo-{}", std::process::id())),
        };
        let shown = block_on(show(&folder))?;
        if self.keep.is_none() {
            // What cannot be removed is left to the system.
            let _ = std::fs::remove_dir_all(&folder);
        }
        Ok(shown?)
    }
}

/// A gateway that ends with its owner.
struct Gateway {
    child: Child,
    socket: PathBuf,
}

impl Gateway {
    async fn start(folder: &Path, cloud: SocketAddr, sip_port: u16) -> anyhow::Result<Self> {
        let config = folder.join("demo.toml");
        let text = CONFIG.replace("127.0.0.1:8900", &cloud.to_string());
        std::fs::write(&config, text)?;
        let log = File::create(folder.join("gateway.log"))?;
        let child = Command::new(std::env::current_exe()?)
            .arg("run")
            .arg("--config")
            .arg(&config)
            .arg("--state")
            .arg(folder)
            .args(["--sip-port", &sip_port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .context("the gateway does not start")?;
        let gateway = Self {
            child,
            socket: folder.join("control.sock"),
        };
        gateway
            .until("the gateway knows its articles and prompts", |status| {
                status["knowledge"]["articles"].as_u64() > Some(0)
                    && status["services"]["prompts"] == "rendered"
            })
            .await?;
        Ok(gateway)
    }

    async fn status(&self) -> anyhow::Result<Value> {
        Ok(control::ask(&self.socket, Request::Status).await?)
    }

    async fn until(&self, what: &str, holds: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
        let deadline = clock::now() + PATIENCE;
        loop {
            if let Ok(status) = self.status().await
                && holds(&status)
            {
                return Ok(status);
            }
            ensure!(
                clock::now() < deadline,
                "in {} s not true: {what}",
                PATIENCE.as_secs()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn show(folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    let cloud = sandbox::Settings {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        audio_speed: 50,
        ..sandbox::Settings::default()
    };
    let cloud = Sandbox::start(cloud)
        .await
        .context("the stand-in cloud does not start")?;
    let sip_port = free_sip_port()?;
    let gateway = Gateway::start(folder, cloud.addr, sip_port).await?;
    let said = show_calls(folder, &cloud, &gateway, sip_port).await;
    if said.is_err() {
        let log = std::fs::read_to_string(folder.join("gateway.log")).unwrap_or_default();
        say(&format!("\nThe gateway's log:\n{log}"));
    }
    drop(gateway);
    cloud.stop().await;
    said
}

async fn show_calls(
    folder: &Path,
    cloud: &Sandbox,
    gateway: &Gateway,
    sip_port: u16,
) -> anyhow::Result<()> {
    say("A caller whose question stands in the knowledge base\n\n");
    let report = call(folder, sip_port, "answered", ANSWERED).await?;
    ensure!(heard(&report, "password"), "the answer was not heard");
    let recent = settled(gateway, 1).await?;
    ensure!(
        recent["outcome"] == "answered",
        "the call counts as {}",
        recent["outcome"]
    );
    ensure!(
        recent["ticket"].is_null(),
        "an answered call needs no ticket"
    );
    say(&stages(&recent)?);

    say("\nA caller who interrupts the greeting, and whose question stands nowhere\n\n");
    let report = call(folder, sip_port, "escalated", ESCALATED).await?;
    ensure!(
        !report.interruptions.is_empty(),
        "the interruption was not noticed"
    );
    let recent = settled(gateway, 2).await?;
    ensure!(
        recent["outcome"] == "escalated",
        "the call counts as {}",
        recent["outcome"]
    );
    say(&stages(&recent)?);
    let filed = gateway
        .until("the ticket is filed", |status| {
            status["outbox"]["done"] == 1
        })
        .await;
    filed?;
    show_ticket(&cloud.state())
}

/// A UDP and TCP port that is free now.
fn free_sip_port() -> anyhow::Result<u16> {
    for _ in 0..20 {
        let port = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?
            .local_addr()?
            .port();
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no port is free for SIP")
}

async fn call(folder: &Path, sip_port: u16, name: &str, script: &str) -> anyhow::Result<Report> {
    let options = Options {
        from: "+15550100199".to_owned(),
        name: Some("Jane Doe".to_owned()),
        record: Some(folder.join(format!("{name}.wav"))),
        ..Options::new(
            format!("sip:assistant@127.0.0.1:{sip_port}"),
            parse_script(script)?,
        )
    };
    let report = caller::run(options).await?;
    say(&report.text());
    ensure!(
        report.ok,
        "the call did not go as the script says: {}",
        report.exit
    );
    ensure!(
        report.ended_by == Some("far end"),
        "the assistant did not hang up"
    );
    Ok(report)
}

fn heard(report: &Report, words: &str) -> bool {
    report
        .lines
        .iter()
        .any(|line| line.who == "agent" && line.text.contains(words))
}

/// The newest call, once so many have ended.
async fn settled(gateway: &Gateway, calls: usize) -> anyhow::Result<Value> {
    let ended = |status: &Value| {
        let recent = status["recent"].as_array();
        recent.is_some_and(|recent| {
            recent.len() == calls && recent.iter().all(|call| !call["outcome"].is_null())
        })
    };
    let status = gateway
        .until("the call's record is complete", ended)
        .await?;
    Ok(status["recent"][0].clone())
}

/// The turns' latencies as a table.
fn stages(call: &Value) -> anyhow::Result<String> {
    let turns = call["turns"].as_array().context("the call has turns")?;
    ensure!(!turns.is_empty(), "no turn was measured");
    let columns = [
        "passages_ms",
        "first_token_ms",
        "first_clause_ms",
        "first_audio_ms",
        "first_packet_ms",
    ];
    let mut table = "\n  milliseconds after the caller's end of turn\n  turn".to_owned();
    for column in columns {
        table.push_str(&format!(
            "{:>14}",
            column.trim_end_matches("_ms").replace('_', " ")
        ));
    }
    for turn in turns {
        table.push_str(&format!("\n  {:>4}", turn["turn"]));
        for column in columns {
            let cell = turn[column]
                .as_f64()
                .map_or("-".to_owned(), |ms| format!("{ms:.1}"));
            table.push_str(&format!("{cell:>14}"));
        }
    }
    table.push('\n');
    Ok(table)
}

fn show_ticket(state: &Value) -> anyhow::Result<()> {
    let tickets = state["tickets"]
        .as_array()
        .context("the helpdesk holds tickets")?;
    ensure!(
        tickets.len() == 1,
        "the helpdesk holds {} tickets instead of one",
        tickets.len()
    );
    let ticket = &tickets[0];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let contents = text(&ticket["contents"]);
    let tags: Vec<_> = ticket["tags"]
        .as_array()
        .into_iter()
        .flatten()
        .map(text)
        .collect();
    say(&format!(
        "\nThe ticket as the helpdesk holds it\n\n  #{} {}\n  from {} <{}>\n  tags {}\n{}\n",
        ticket["id"],
        text(&ticket["subject"]),
        text(&ticket["requester"]["full_name"]),
        text(&ticket["requester"]["emails"][0]),
        tags.join(", "),
        readable(&contents),
    ));
    ensure!(
        ticket["requester"]["emails"][0] == "jane.doe@example.com",
        "the address is wrong"
    );
    ensure!(
        contents.contains("printer is on fire"),
        "the caller's words are missing"
    );
    ensure!(
        state["emails_sent"].as_array().is_some_and(Vec::is_empty),
        "a mail was sent"
    );
    Ok(())
}

/// HTML as indented lines.
fn readable(html: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for character in html.chars() {
        match character {
            '<' => inside = true,
            '>' => {
                inside = false;
                text.push('\n');
            }
            character if !inside => text.push(character),
            _ => {}
        }
    }
    let text = text
        .replace("&#39;", "'")
        .replace("&quot;", "\"")
        .replace("&amp;", "&");
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(|line| format!("    {line}\n")).collect()
}
