//! The lines as `ringwell status` tells them.

use std::time::Instant;

use serde_json::{Value, json};

use super::{Active, Registrations};
use crate::config::LineKind;
use crate::daemon::lines::Line;
use crate::sip::Flow;
use crate::sip::registration::{State, Status};

impl Registrations {
    /// One object for each line.
    pub(crate) fn status(&self, now: Instant) -> Value {
        let lines = self.lines.all();
        let told = lines.iter().map(|line| {
            let mut active = self.active.values();
            let active = active.find(|it| it.line.name == line.name && it.leaving.is_none());
            match (line.config.kind, active) {
                (LineKind::Register, Some(active)) => active.status(now),
                (LineKind::Register, None) => waiting(line),
                (LineKind::Trunk, _) => self.trunk(line),
            }
        });
        Value::Array(told.collect())
    }

    fn trunk(&self, line: &Line) -> Value {
        let trouble = self.peers.get(&line.name);
        let trouble = trouble.and_then(|peer| peer.trouble.as_deref());
        let (state, reason) = match trouble {
            Some(trouble) => ("peer not found", trouble),
            None => ("ready", "takes calls from its networks"),
        };
        json!({
            "name": &*line.name,
            "kind": line.config.kind.name(),
            "state": state,
            "reason": reason,
            "path": line.learned.flow.map(path),
        })
    }
}

/// A line whose former registration still takes leave.
fn waiting(line: &Line) -> Value {
    json!({
        "name": &*line.name,
        "kind": line.config.kind.name(),
        "state": "idle",
        "reason": "its former registration is being ended",
    })
}

impl Active {
    fn status(&self, now: Instant) -> Value {
        let status: &Status = self.machine.status();
        let local = status.flow.map(|flow| flow.local);
        let public = status.public.filter(|public| Some(*public) != local);
        let next_try = status.next_try;
        let next_try = next_try.map(|at| at.saturating_duration_since(now).as_secs());
        json!({
            "name": &*self.line.name,
            "kind": self.line.config.kind.name(),
            "state": state(status.state),
            "code": status.last_code,
            "reason": status.reason,
            "sentence": status.sentence(now),
            "next_try_s": next_try,
            "granted_s": status.granted.map(|granted| granted.as_secs()),
            "path": status.flow.map(path),
            "public": public.map(|public| public.to_string()),
        })
    }
}

fn state(state: State) -> &'static str {
    match state {
        State::Idle => "idle",
        State::Resolving => "looking up",
        State::Registering => "registering",
        State::Registered => "registered",
        State::Waiting => "not registered",
        State::Unregistering => "unregistering",
        State::Gone => "gone",
    }
}

/// `udp 192.168.1.20:5060 -> 192.168.1.10:5060`
fn path(flow: Flow) -> String {
    let transport = flow.transport.name().to_ascii_lowercase();
    format!("{transport} {} -> {}", flow.local, flow.remote)
}
