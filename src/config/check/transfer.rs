//! The rules for whom a caller may be connected with.

use core::net::{IpAddr, SocketAddr};
use std::collections::BTreeSet;
use std::time::Duration;

use super::Findings;
use crate::config::{Config, OnFax, PAUSE, TransferMode, TransferTarget, is_emergency};

/// Longest name of a target: it is spoken, and stands in logs and tickets.
const NAME_CHARS_MAX: usize = 60;
/// Longest announcement in bytes; the voice takes no more at once.
const SPOKEN_BYTES_MAX: usize = 2_000;
/// Longest number in digits: an E.164 number behind a long prefix.
const DIGITS_MAX: usize = 32;
/// Most keys and pauses pressed after the answer: the caller waits for each.
const PRESSED_MAX: usize = 32;
/// More targets than a model chooses well among.
const TARGETS_MAX: usize = 50;

pub(super) fn check(config: &Config, findings: &mut Findings) {
    fax(config, findings);
    let transfer = &config.transfer;
    let seconds = Duration::from_secs;
    findings.span(
        "transfer.ring_max",
        transfer.ring_max,
        seconds(5)..=seconds(120),
    );
    if transfer.target.len() > TARGETS_MAX {
        findings.add(
            "transfer.target",
            format!("more than {TARGETS_MAX} targets"),
            "name those that callers ask for; a queue or an operator reaches the rest",
        );
    }
    let mut names = BTreeSet::new();
    for (index, target) in transfer.target.iter().enumerate() {
        let key = |name: &str| format!("transfer.target[{index}].{name}");
        name(target, &key("name"), findings);
        if !names.insert(target.name.to_lowercase()) {
            findings.add(
                key("name"),
                format!("a second target is named `{}`", target.name),
                "give each target a name of its own",
            );
        }
        if let Some(say) = &target.say {
            findings.text(&key("say"), say, "write what is to be said, or remove it");
            if say.len() > SPOKEN_BYTES_MAX {
                findings.add(
                    key("say"),
                    format!("it is longer than {SPOKEN_BYTES_MAX} bytes"),
                    "nobody listens that long: shorten it",
                );
            }
        }
        let mode = transfer.mode_of(target);
        match (&target.uri, &target.number) {
            (Some(uri), None) => address(config, mode, uri, &key("uri"), findings),
            (None, Some(number)) => extension(number, &key("number"), findings),
            (Some(_), Some(_)) | (None, None) => findings.add(
                key("uri"),
                "a target is either an address or a number",
                "write one of uri = \"sip:..\" and number = \"..\"",
            ),
        }
        line(config, target, &key("line"), findings);
        if let Some(pressed) = &target.digits {
            digits(mode, pressed, &key("digits"), findings);
        }
    }
}

fn fax(config: &Config, findings: &mut Findings) {
    let calls = &config.calls;
    let known = |name: &str| config.transfer.target.iter().any(|it| it.name == name);
    let (what, remedy) = match (calls.on_fax, calls.fax_target.as_deref()) {
        (OnFax::Transfer, None) => (
            "fax is to be connected, and nobody says with whom".to_owned(),
            "name a [[transfer.target]], or write on_fax = \"refuse\"",
        ),
        (OnFax::Transfer, Some(name)) if !known(name) => (
            format!("no [[transfer.target]] is named `{name}`"),
            "write the name of one, letter for letter",
        ),
        (OnFax::Refuse | OnFax::Ignore, Some(_)) => (
            "it is of no use here".to_owned(),
            "write on_fax = \"transfer\", or remove the key",
        ),
        _ => return,
    };
    findings.add("calls.fax_target", what, remedy);
}

fn name(target: &TransferTarget, key: &str, findings: &mut Findings) {
    findings.text(key, &target.name, "write the name callers use, as spoken");
    let is_long = target.name.chars().count() > NAME_CHARS_MAX;
    if is_long || target.name.chars().any(char::is_control) {
        findings.add(
            key,
            format!("it is no name of at most {NAME_CHARS_MAX} letters"),
            "write the name callers use, as spoken",
        );
    }
}

fn emergency(key: &str, findings: &mut Findings) {
    findings.add(
        key,
        "an emergency number can never be a target",
        "remove it; who needs help hangs up and dials the number",
    );
}

fn address(config: &Config, mode: TransferMode, text: &str, key: &str, findings: &mut Findings) {
    if is_emergency(text) || is_emergency(&unescaped(text)) {
        return emergency(key, findings);
    }
    let rest = text.strip_prefix("sip:").unwrap_or_default();
    let (rest, headers) = rest.split_once('?').unwrap_or((rest, ""));
    let place = rest.rsplit('@').next().unwrap_or_default();
    let place = place.split(';').next().unwrap_or_default();
    if place.is_empty() || rest.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return findings.add(
            key,
            "it is no sip: address",
            "write it whole, such as \"sip:201@192.168.1.10\", or use number and line",
        );
    }
    if !headers.is_empty() {
        findings.add(
            key,
            "it has headers",
            "write the address without what follows the question mark",
        );
    }
    let ip = match place.parse::<SocketAddr>() {
        Ok(address) => Some(address.ip()),
        Err(_) => place.trim_matches(['[', ']']).parse().ok(),
    };
    let reached = match ip {
        Some(ip) => admitted(config, ip),
        // Where it leads is looked up for each call, and whether a line admits that.
        None => is_name(place),
    };
    if mode != TransferMode::Blind && !reached {
        findings.add(
            key,
            "the box cannot call it: no line admits that address",
            "name a host, or an IP address that a [[line]] allows, or use number and line, or mode = \"blind\"",
        );
    }
}

fn admitted(config: &Config, ip: IpAddr) -> bool {
    let mut networks = config.line.iter().flat_map(|line| &line.allow);
    networks.any(|network| network.contains(ip))
}

/// A host name, with a port or without.
fn is_name(place: &str) -> bool {
    let (host, port) = place.split_once(':').unwrap_or((place, "5060"));
    let mut labels = host.trim_end_matches('.').split('.');
    // Digits at the end would be an address that is none.
    let ends_well = host
        .trim_end_matches('.')
        .rsplit('.')
        .next()
        .is_some_and(|last| !last.bytes().all(|b| b.is_ascii_digit()));
    let is_label = |label: &str| {
        let inner = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        !label.is_empty() && label.len() <= 63 && label.bytes().all(inner)
    };
    ends_well && labels.all(is_label) && port.parse::<u16>().is_ok_and(|port| port != 0)
}

/// The text with its `%` escapes resolved, as far as they are ASCII (RFC 3261 §25.1).
fn unescaped(text: &str) -> String {
    let mut parts = text.split('%');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part
            .get(..2)
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match code {
            Some(code) if code.is_ascii() => {
                plain.push(char::from(code));
                plain.push_str(&part[2..]);
            }
            _ => plain.push_str(part),
        }
    }
    plain
}

fn extension(number: &str, key: &str, findings: &mut Findings) {
    if is_emergency(number) {
        return emergency(key, findings);
    }
    let digits = number.strip_prefix('+').unwrap_or(number);
    let dialable = digits
        .bytes()
        .all(|b| b.is_ascii_digit() || b"*#".contains(&b));
    if digits.is_empty() || digits.len() > DIGITS_MAX || !dialable {
        findings.add(
            key,
            format!("`{number}` is no number"),
            "write digits, with a + before a country code",
        );
    }
}

fn digits(mode: TransferMode, pressed: &str, key: &str, findings: &mut Findings) {
    let known = |c: char| c.is_ascii_digit() || matches!(c, '*' | '#' | 'A'..='D' | PAUSE);
    if let Some(stranger) = pressed.chars().find(|c| !known(*c)) {
        return findings.add(
            key,
            format!("`{stranger}` is no key"),
            "write 0-9, *, #, A-D, and a comma for a pause of two seconds",
        );
    }
    if pressed.split(PAUSE).any(is_emergency) {
        return emergency(key, findings);
    }
    if pressed.trim_matches(PAUSE).is_empty() || pressed.len() > PRESSED_MAX {
        return findings.add(
            key,
            format!("it is no row of 1 to {PRESSED_MAX} keys and pauses"),
            "write the keys to press when the person's side has answered, or remove it",
        );
    }
    if mode == TransferMode::Blind {
        findings.add(
            key,
            "with mode \"blind\" another makes the call, and presses nothing",
            "write mode = \"bridge\" or \"attended\", or remove the keys",
        );
    }
}

fn line(config: &Config, target: &TransferTarget, key: &str, findings: &mut Findings) {
    match (&target.line, &target.number) {
        (None, Some(_)) => findings.add(
            key,
            "over which line the number is called is not said",
            "name one of the [[line]]s",
        ),
        (Some(_), None) => findings.add(
            key,
            "a whole address needs no line",
            "remove it, or write number instead of uri",
        ),
        (Some(name), Some(_)) if !config.line.iter().any(|line| line.name == *name) => {
            findings.add(
                key,
                format!("there is no line `{name}`"),
                "name one of the [[line]]s",
            );
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
