//! Second legs: calls to the people that callers are connected with. The loop finds the way, names the session
//! and reserves the ports ([`super::event_loop`]); the call's task owns the rest.

use std::sync::Arc;
use std::time::Duration;

use super::dialing::Dial;
use super::lines::{Line, Lines};
use crate::call;
use crate::config::{self, Config, TransferMode};
use crate::io::media_socket::MediaPorts;
use crate::sip::message::{NameAddr, Uri};
use crate::sip::session::Call;
use crate::sip::{Flow, SessionId};

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
        /// The target's name.
        target: String,
        /// Paths that were tried in vain.
        tried: Vec<Flow>,
    },
    /// The second leg is over.
    Close(SessionId),
}

/// A way to a target.
#[derive(Debug)]
pub(crate) struct Way {
    pub(crate) session: SessionId,
    pub(crate) dial: Dial,
    /// There is another path, should this one fail.
    pub(crate) more: bool,
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
    digits: String,
    to: To,
}

#[derive(Debug)]
enum To {
    Address(Uri),
    Number { line: String, number: String },
}

/// `digits` mean the same in a configuration and in a call.
const _: () = assert!(config::PAUSE == call::PAUSE);

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
                digits: target.digits.clone().unwrap_or_default(),
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
            digits: planned.digits.clone(),
        });
        targets.collect()
    }

    fn find(&self, name: &str) -> Option<&Planned> {
        self.0.iter().find(|planned| planned.name == name)
    }

    /// What has to be looked up before one of them is called.
    pub(crate) fn address(&self, name: &str) -> Option<&Uri> {
        match &self.find(name)?.to {
            To::Address(uri) => Some(uri),
            To::Number { .. } => None,
        }
    }

    /// How to call one of them, in the order to try, or why that is not possible now. `found` are the paths to
    /// the address that had to be looked up; those that no line admits are left out.
    pub(crate) fn dials(
        &self,
        name: &str,
        found: &[Flow],
        lines: &Lines,
    ) -> Result<Vec<(Dial, Arc<Line>)>, String> {
        let planned = self.find(name).ok_or("there is nobody of that name")?;
        let mut dials: Vec<_> = match &planned.to {
            To::Address(uri) => {
                let dials = found.iter();
                let dials = dials.filter_map(|flow| Some(direct(uri, *flow, lines.at(*flow)?)));
                dials.collect()
            }
            To::Number { line: name, number } => {
                let line = lines.named(name);
                let dials = lines.dials(name, number).into_iter();
                dials
                    .filter_map(|dial| Some((dial, line.clone()?)))
                    .collect()
            }
        };
        if dials.is_empty() {
            return Err(match &planned.to {
                To::Address(_) => "no line admits that address".to_owned(),
                To::Number { line, .. } => format!("line {line} has no way out now"),
            });
        }
        for (dial, _) in &mut dials {
            dial.policy.ring_max = planned.ring_max;
        }
        Ok(dials)
    }
}

/// The way to a whole address.
fn direct(uri: &Uri, flow: Flow, line: Arc<Line>) -> (Dial, Arc<Line>) {
    let own = Uri::sip(
        Some("ringwell"),
        flow.local.ip().to_canonical(),
        Some(flow.local.port()),
    );
    let dial = Dial {
        call: Call {
            uri: uri.clone(),
            from: NameAddr::new(own),
            to: NameAddr::new(uri.clone()),
        },
        flow,
        policy: line.policy(),
    };
    (dial, line)
}

#[cfg(test)]
mod tests;
