//! Second legs: calls to the people that callers are connected with. The loop finds the way, names the session
//! and reserves the ports ([`super::event_loop`]); the call's task owns the rest.

use core::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::dialing::Dial;
use super::lines::{Line, Lines};
use crate::call;
use crate::config::{Config, TransferMode};
use crate::io::media_socket::MediaPorts;
use crate::sip::message::{NameAddr, Uri};
use crate::sip::session::{Call, Policy};
use crate::sip::{Flow, SessionId, Transport};

/// Wishes for second legs waiting for the loop: all calls of a full box at once would be a hundred. When full
/// the calls' tasks wait; nothing is dropped.
pub(crate) const ASKS_CAPACITY: usize = 128;

/// What a call's task wants of the loop.
#[derive(Debug)]
pub(crate) enum Ask {
    /// A way to a target; answered by [`super::call_task::Inbox::SecondLeg`].
    Open {
        /// The call's own session.
        call: SessionId,
        /// The path its caller is heard on.
        flow: Flow,
        /// The target's name.
        target: String,
    },
    /// The second leg is over.
    Close(SessionId),
}

/// A way to a target.
#[derive(Debug)]
pub(crate) struct Way {
    pub(crate) session: SessionId,
    pub(crate) dial: Dial,
    /// The line that the target is called on.
    pub(crate) line: Arc<Line>,
    pub(crate) ports: MediaPorts,
}

/// Whom callers may be connected with, as the configuration has it.
#[derive(Debug)]
pub(crate) struct Targets(Vec<Planned>);

#[derive(Debug)]
struct Planned {
    name: String,
    mode: call::Mode,
    ring_max: Duration,
    to: To,
}

#[derive(Debug)]
enum To {
    Address(Uri),
    Number { line: String, number: String },
}

impl Targets {
    /// Those of a configuration that was checked.
    pub(crate) fn new(config: &Config) -> Self {
        let transfer = &config.transfer;
        let planned = transfer.target.iter().filter_map(|target| {
            let to = match (&target.uri, &target.line, &target.number) {
                (Some(uri), ..) => To::Address(Uri::parse(uri.clone()).ok()?),
                (None, Some(line), Some(number)) => To::Number {
                    line: line.clone(),
                    number: number.clone(),
                },
                _ => return None,
            };
            Some(Planned {
                name: target.name.clone(),
                mode: match transfer.mode_of(target) {
                    TransferMode::Blind => call::Mode::Blind,
                    TransferMode::Attended => call::Mode::Attended,
                    TransferMode::Bridge => call::Mode::Bridge,
                },
                ring_max: transfer.ring_max,
                to,
            })
        });
        Self(planned.collect())
    }

    /// What a call from this path is told of them. A number is named to the caller's side as one of its own.
    pub(crate) fn of(&self, flow: Flow) -> Vec<call::Target> {
        let targets = self.0.iter().map(|planned| call::Target {
            name: planned.name.clone(),
            refer_to: Some(match &planned.to {
                To::Address(uri) => uri.clone(),
                To::Number { number, .. } => {
                    let remote = flow.remote.ip().to_canonical();
                    Uri::sip(Some(number), remote, None)
                }
            }),
            mode: planned.mode,
            ring_max: planned.ring_max,
        });
        targets.collect()
    }

    /// How to call one of them, or why that is not possible now.
    pub(crate) fn dial(
        &self,
        name: &str,
        caller: Flow,
        lines: &Lines,
    ) -> Result<(Dial, Arc<Line>), String> {
        let planned = self.0.iter().find(|planned| planned.name == name);
        let planned = planned.ok_or("there is nobody of that name")?;
        let (mut dial, line) = match &planned.to {
            To::Address(uri) => {
                let mut dial = direct(uri, caller).ok_or("it is no address to be called")?;
                let line = lines.at(dial.flow).ok_or("no line has that address")?;
                dial.policy = line.policy();
                (dial, line)
            }
            To::Number { line, number } => {
                let dial = lines.dial(line, number).zip(lines.named(line));
                dial.ok_or_else(|| format!("line {line} has no way out now"))?
            }
        };
        dial.policy.ring_max = planned.ring_max;
        Ok((dial, line))
    }
}

/// The way to an IP address: from where the caller is heard, or the same address of the other transport.
fn direct(uri: &Uri, caller: Flow) -> Option<Dial> {
    let ip = uri.host()?.ip()?;
    let transport = match uri.param("transport") {
        Some(name) => [Transport::Udp, Transport::Tcp, Transport::Tls]
            .into_iter()
            .find(|it| it.name().as_bytes().eq_ignore_ascii_case(&name))?,
        None => Transport::Udp,
    };
    let port = uri.port().unwrap_or(transport.default_port());
    let own = Uri::sip(
        Some("ringwell"),
        caller.local.ip().to_canonical(),
        Some(caller.local.port()),
    );
    Some(Dial {
        call: Call {
            uri: uri.clone(),
            from: NameAddr::new(own),
            to: NameAddr::new(uri.clone()),
        },
        flow: Flow {
            transport,
            local: caller.local,
            remote: SocketAddr::new(ip, port),
        },
        policy: Policy::default(),
    })
}

#[cfg(test)]
mod tests;
