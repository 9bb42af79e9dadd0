//! The status as a person reads it. What the daemon did not say is left out; what it said is never hidden
//! in silence.
//!
//! The JSON is an object. `version`, `state` and `uptime_s` make the first line; then come the members of
//! [`ORDER`], then any other. A member that is an array of objects is a table, an object is a group.

use core::fmt::Write as _;

use serde_json::{Map, Value};

/// Members of the first line.
const HEAD: [&str; 3] = ["version", "state", "uptime_s"];

/// What stands first, as far as it is there; others follow by name.
const ORDER: [&str; 18] = [
    "listening",
    "lines",
    "public_address",
    "configuration",
    "calls_max",
    "calls",
    "recent",
    "services",
    "outbox",
    "knowledge",
    "ports",
    "media",
    "codecs",
    "sockets",
    "transactions",
    "tasks",
    "counters",
    "refusals",
];

/// Rows of a table that are shown; a line says how many more the JSON has.
const ROWS_MAX: usize = 20;

/// Renders a status.
#[must_use]
pub fn render(status: &Value) -> String {
    let Value::Object(status) = status else {
        return format!("{}\n", scalar(status));
    };
    let mut text = String::new();
    head(&mut text, status);
    let first = ORDER.into_iter();
    let first = first.filter(|name| status.contains_key(*name));
    let rest = status.keys().map(String::as_str);
    let rest = rest.filter(|name| !HEAD.contains(name) && !ORDER.contains(name));
    for name in first.chain(rest) {
        member(&mut text, name, &status[name]);
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

fn member(text: &mut String, name: &str, value: &Value) {
    match value {
        Value::Array(items) if name == "lines" && items.iter().all(Value::is_object) => {
            lines(text, items);
        }
        Value::Object(members) if !members.is_empty() => group(text, name, members),
        Value::Array(items) if items.iter().any(Value::is_object) => table(text, name, items),
        Value::Array(items) if items.is_empty() => put(text, format_args!("\n{name}: none\n")),
        Value::Object(_) => put(text, format_args!("\n{name}: none\n")),
        _ => put(text, format_args!("\n{name}: {}\n", scalar(value))),
    }
}

/// One sentence for each telephone line: `pbx  register  registered, refresh in 4 min; udp .. -> ..`.
fn lines(text: &mut String, items: &[Value]) {
    put(text, format_args!("\nlines: {}\n", items.len()));
    let told = |item: &Value, name: &str| item.get(name).filter(|it| !it.is_null()).map(scalar);
    let width = |name: &str| {
        let lengths = items.iter().filter_map(|item| told(item, name));
        lengths.map(|it| it.chars().count()).max().unwrap_or(0)
    };
    let (names, kinds) = (width("name"), width("kind"));
    for item in items {
        let word = |name: &str| told(item, name).unwrap_or_default();
        let (name, kind, state) = (word("name"), word("kind"), word("state"));
        put(text, format_args!("  {name:names$}  {kind:kinds$}  "));
        let sentence = told(item, "sentence").or(told(item, "reason"));
        match sentence.filter(|it| !it.is_empty()) {
            Some(sentence) if sentence.starts_with(&state) => text.push_str(&sentence),
            Some(sentence) => put(text, format_args!("{state}: {sentence}")),
            None => text.push_str(&state),
        }
        for (before, name) in [("last code ", "code"), ("", "path"), ("seen as ", "public")] {
            if let Some(value) = told(item, name) {
                put(text, format_args!("; {before}{value}"));
            }
        }
        text.push('\n');
    }
}

fn table(text: &mut String, name: &str, items: &[Value]) {
    put(text, format_args!("\n{name}: {}\n", items.len()));
    for item in items.iter().take(ROWS_MAX) {
        let row = match item {
            Value::Object(fields) => {
                let fields = fields.iter();
                let fields = fields.map(|(name, value)| format!("{name}={}", scalar(value)));
                fields.collect::<Vec<_>>().join("  ")
            }
            other => scalar(other),
        };
        put(text, format_args!("  {row}\n"));
    }
    let more = items.len().saturating_sub(ROWS_MAX);
    if more > 0 {
        put(text, format_args!("  and {more} more, see --json\n"));
    }
}

fn group(text: &mut String, name: &str, members: &Map<String, Value>) {
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
        Value::Array(items) if items.is_empty() => "none".to_owned(),
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
