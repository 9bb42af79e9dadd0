//! The status as a person reads it. What the daemon did not say is left out; what it said is never hidden.
//!
//! The JSON is an object. Known members, each optional: `version`, `state`, `uptime_s`, `calls` (array of
//! objects), and groups of values by name such as `ports`, `sockets`, `tasks`, `transactions`, `outbox`,
//! `knowledge`, `services`, `counters`. Any other member is printed the same way as a group.

use core::fmt::Write as _;

use serde_json::{Map, Value};

/// Members of the first line.
const HEAD: [&str; 3] = ["version", "state", "uptime_s"];

/// Order of the groups; others follow in the daemon's own order.
const GROUPS: [&str; 8] = [
    "services",
    "ports",
    "sockets",
    "tasks",
    "transactions",
    "outbox",
    "knowledge",
    "counters",
];

/// Renders a status.
#[must_use]
pub fn render(status: &Value) -> String {
    let Value::Object(status) = status else {
        return format!("{}\n", scalar(status));
    };
    let mut text = String::new();
    head(&mut text, status);
    if let Some(calls) = status.get("calls") {
        calls_table(&mut text, calls);
    }
    let known = GROUPS
        .iter()
        .copied()
        .filter(|name| status.contains_key(*name));
    let rest = status.keys().map(String::as_str);
    let rest =
        rest.filter(|name| *name != "calls" && !HEAD.contains(name) && !GROUPS.contains(name));
    for name in known.chain(rest) {
        group(&mut text, name, &status[name]);
    }
    text
}

fn head(text: &mut String, status: &Map<String, Value>) {
    text.push_str("ringwell");
    if let Some(version) = status.get("version") {
        put(text, format_args!(" {}", scalar(version)));
    }
    if let Some(state) = status.get("state") {
        put(text, format_args!(": {}", scalar(state)));
    }
    if let Some(seconds) = status.get("uptime_s").and_then(Value::as_u64) {
        put(text, format_args!(", up {}", clock(seconds)));
    }
    text.push('\n');
}

/// `2d 03:04:05`
fn clock(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let time = format!("{:02}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60);
    if days == 0 {
        return time;
    }
    format!("{days}d {time}")
}

fn calls_table(text: &mut String, calls: &Value) {
    let Value::Array(calls) = calls else {
        return group(text, "calls", calls);
    };
    put(text, format_args!("\ncalls: {}\n", calls.len()));
    for call in calls {
        text.push_str("  ");
        match call {
            Value::Object(call) => {
                let fields = call.iter();
                let fields = fields.map(|(name, value)| format!("{name}={}", scalar(value)));
                text.push_str(&fields.collect::<Vec<_>>().join("  "));
            }
            other => text.push_str(&scalar(other)),
        }
        text.push('\n');
    }
}

fn group(text: &mut String, name: &str, value: &Value) {
    let Value::Object(members) = value else {
        put(text, format_args!("\n{name}: {}\n", scalar(value)));
        return;
    };
    put(text, format_args!("\n{name}\n"));
    let width = members.keys().map(String::len).max().unwrap_or(0);
    for (name, value) in members {
        put(text, format_args!("  {name:width$}  {}\n", scalar(value)));
    }
}

/// A value on one line, without control characters.
fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.chars().filter(|c| !c.is_control()).collect(),
        Value::Null => "-".to_owned(),
        Value::Object(members) => {
            let members = members.iter();
            let members = members.map(|(name, value)| format!("{name} {}", scalar(value)));
            members.collect::<Vec<_>>().join(", ")
        }
        Value::Array(items) => items.iter().map(scalar).collect::<Vec<_>>().join(", "),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

fn put(text: &mut String, args: core::fmt::Arguments<'_>) {
    text.write_fmt(args)
        .expect("a String takes what is written");
}
