//! The rules that one key's type cannot say: ranges, and keys that must fit each other.

use core::net::{IpAddr, SocketAddr};
use core::ops::RangeInclusive;
use std::time::Duration;

use super::error::Finding;
use super::{Config, Effort};

mod lines;
mod recording;
mod services;
mod transfer;

/// A Unix socket's path ends here (`sun_path` in unix(7)).
const SOCKET_PATH_BYTES_MAX: usize = 107;

/// More than one box is meant for (a call costs about 100 kbit/s and three connections).
const CALLS_MAX: usize = 4000;

/// Collects what is wrong.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, key: impl Into<String>, what: impl Into<String>, remedy: impl Into<String>) {
        self.0.push(Finding {
            key: key.into(),
            what: what.into(),
            remedy: remedy.into(),
        });
    }

    fn range<T: PartialOrd + core::fmt::Display>(
        &mut self,
        key: &str,
        value: &T,
        range: &RangeInclusive<T>,
    ) {
        if !range.contains(value) {
            let (first, last) = (range.start(), range.end());
            let remedy = format!("write a number from {first} to {last}");
            self.add(key, format!("{value} is out of range"), remedy);
        }
    }

    fn span(&mut self, key: &str, value: Duration, range: RangeInclusive<Duration>) {
        if !range.contains(&value) {
            let (first, last) = (range.start(), range.end());
            let remedy = format!("write a duration from {first:?} to {last:?}");
            self.add(key, format!("{value:?} is out of range"), remedy);
        }
    }

    fn text(&mut self, key: &str, value: &str, remedy: &str) {
        if value.trim().is_empty() {
            self.add(key, "it is empty", remedy);
        }
    }
}

/// Everything that is wrong.
pub(super) fn problems(config: &Config) -> Vec<Finding> {
    let mut findings = Findings::default();
    sip(config, &mut findings);
    guard(config, &mut findings);
    lines::check(config, &mut findings);
    calls_and_media(config, &mut findings);
    services::check(config, &mut findings);
    transfer::check(config, &mut findings);
    recording::check(config, &mut findings);
    appliance(config, &mut findings);
    findings.0
}

fn guard(config: &Config, findings: &mut Findings) {
    let guard = &config.guard;
    for (key, value) in [
        ("guard.calls_per_second", guard.calls_per_second),
        (
            "guard.calls_per_second_overall",
            guard.calls_per_second_overall,
        ),
        ("guard.messages_per_second", guard.messages_per_second),
        ("guard.requests_per_second", guard.requests_per_second),
        (
            "guard.refusal_lines_per_minute",
            guard.refusal_lines_per_minute,
        ),
    ] {
        findings.range(key, &value, &(0..=100_000));
    }
    let burst = Duration::from_millis(100)..=Duration::from_mins(1);
    findings.span("guard.burst", guard.burst, burst);
}

fn sip(config: &Config, findings: &mut Findings) {
    let sip = &config.sip;
    if sip.listen_udp.is_empty() && sip.listen_tcp.is_empty() && sip.listen_tls.is_empty() {
        findings.add(
            "sip.listen_udp",
            "nothing is listened on",
            "name an address here or in listen_tcp, such as \"0.0.0.0:5060\"",
        );
    }
    certificate(config, findings);
    for (key, addresses) in [
        ("sip.listen_udp", &sip.listen_udp),
        ("sip.listen_tcp", &sip.listen_tcp),
        ("sip.listen_tls", &sip.listen_tls),
    ] {
        for (index, address) in addresses.iter().enumerate() {
            if addresses[..index].contains(address) {
                findings.add(key, format!("{address} stands twice"), "remove one");
            }
            if address.port() == 0 {
                findings.add(
                    key,
                    format!("{address} has no port"),
                    "write a port, usually 5060, or 5061 for TLS",
                );
            }
        }
    }
    if sip.public_address.is_some_and(|a| a.is_unspecified()) {
        findings.add(
            "sip.public_address",
            "it is no address that a peer can reach",
            "write the address peers see, or remove the key",
        );
    }
    if sip.stun_server.is_some() && sip.listen_udp.is_empty() {
        findings.add(
            "sip.stun_server",
            "there is no UDP address to ask it from",
            "name one in listen_udp, or remove the key",
        );
    }
    if sip.server_name.is_empty() || !sip.server_name.bytes().all(is_token) {
        findings.add(
            "sip.server_name",
            "it cannot stand in a Server header",
            "use letters, digits, `-`, `.` and `_` without spaces",
        );
    }
}

/// Both files go together, and TLS cannot be listened on without them.
fn certificate(config: &Config, findings: &mut Findings) {
    let sip = &config.sip;
    for (key, file, other) in [
        ("sip.certificate", &sip.certificate, &sip.certificate_key),
        (
            "sip.certificate_key",
            &sip.certificate_key,
            &sip.certificate,
        ),
    ] {
        let needed = !sip.listen_tls.is_empty() || other.is_some();
        match file {
            None if needed => findings.add(
                key,
                "it is missing, and TLS needs it",
                "name a PEM file, or remove listen_tls and the other file",
            ),
            Some(path) if path.is_relative() => findings.add(
                key,
                format!("`{}` is not a whole path", path.display()),
                "write the path from the root, such as \"/etc/ringwell/certificate.pem\"",
            ),
            _ => {}
        }
    }
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._".contains(&byte)
}

fn calls_and_media(config: &Config, findings: &mut Findings) {
    let (calls, media) = (&config.calls, &config.media);
    let seconds = Duration::from_secs;
    findings.range("calls.max", &calls.max, &(1..=CALLS_MAX));
    findings.span(
        "calls.answer_after_max",
        calls.answer_after_max,
        Duration::ZERO..=seconds(10),
    );
    findings.span(
        "calls.max_duration",
        calls.max_duration,
        seconds(10)..=seconds(86_400),
    );
    findings.span(
        "calls.drain_limit",
        calls.drain_limit,
        Duration::ZERO..=seconds(3600),
    );
    if let Some(threads) = media.threads {
        findings.range("media.threads", &threads, &(1..=16));
    }
    for cpu in &media.cpus {
        findings.range("media.cpus", cpu, &(0..=1023));
    }
    findings.range("media.dscp", &media.dscp, &(0..=63));
    findings.range("media.codec_threads", &media.codec_threads, &(1..=16));
    if let Some(complexity) = &media.opus_complexity {
        findings.range("media.opus_complexity", complexity, &(0..=10));
    }
    findings.span(
        "media.timeout_initial",
        media.timeout_initial,
        seconds(1)..=seconds(300),
    );
    findings.span(
        "media.timeout_running",
        media.timeout_running,
        seconds(1)..=seconds(3600),
    );
    let pairs = media.ports.pairs();
    if calls.max <= CALLS_MAX && pairs < calls.max.saturating_mul(2) {
        findings.add(
            "media.ports",
            format!("{pairs} pairs of ports are too few for {} calls", calls.max),
            "give two pairs for each call (a port rests after its call), or lower calls.max",
        );
    }
    let taken = |address: &&SocketAddr| media.ports.contains(address.port());
    if let Some(address) = config.sip.listen_udp.iter().find(taken) {
        findings.add(
            "media.ports",
            format!("the SIP port {} lies inside", address.port()),
            "choose ports that do not hold it",
        );
    }
    if media.address.iter().any(IpAddr::is_unspecified) {
        findings.add(
            "media.address",
            "it is no address that a peer can send to",
            "write one of this box's addresses, or remove the key",
        );
    }
    let of_v4 = media.address.iter().filter(|it| it.is_ipv4()).count();
    if of_v4 > 1 || media.address.len() - of_v4 > 1 {
        findings.add(
            "media.address",
            "it names two addresses of one family",
            "keep one IPv4 address and one IPv6 address at most",
        );
    }
}

fn appliance(config: &Config, findings: &mut Findings) {
    if config.state.dir.as_os_str().is_empty() {
        findings.add(
            "state.dir",
            "it is empty",
            "name a folder that lasts, such as \"/var/lib/ringwell\"",
        );
    }
    let socket = config.control_socket();
    if socket.as_os_str().len() > SOCKET_PATH_BYTES_MAX {
        findings.add(
            "control.socket",
            format!("a socket's path has at most {SOCKET_PATH_BYTES_MAX} bytes"),
            "name a shorter path here",
        );
    }
    for part in config.log.level.split(',') {
        let level = part.rsplit('=').next().unwrap_or(part).trim();
        if level.parse::<log::LevelFilter>().is_err() {
            findings.add(
                "log.level",
                format!("`{level}` is not a level"),
                "use off, error, warn, info, debug or trace, as in \"info,sip=debug\"",
            );
        }
    }
}

/// What works but is seldom meant.
pub(super) fn warnings(config: &Config) -> Vec<String> {
    let mut warnings = Vec::new();
    for line in &config.line {
        if line.allow.iter().any(|cidr| cidr.is_everyone()) {
            warnings.push(format!(
                "line `{}` admits calls from every address there is; name the peer's own",
                line.name
            ));
        }
    }
    if config.sip.public_address.is_some() && config.sip.stun_server.is_some() {
        warnings.push(
            "sip.public_address counts, and not what sip.stun_server says; remove one of them"
                .to_owned(),
        );
    }
    let reasons = |effort: Effort| effort != Effort::None;
    if config.model.reasoning_effort.is_some_and(reasons) {
        warnings.push(
            "model.reasoning_effort is not \"none\": callers wait while the model reasons"
                .to_owned(),
        );
    }
    recording::warnings(config, &mut warnings);
    warnings
}

#[cfg(test)]
mod tests;
