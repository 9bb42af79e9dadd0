//! The rules for outside services: addresses, keys, and what each service takes.

use core::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;

use super::Findings;
use crate::config::{Config, Dialect, Effort, NoSecret, SystemRole, TokenKey};

/// Longest text of one request to the voice, in bytes.
const SPOKEN_BYTES_MAX: usize = 2_000;

/// Words the ear takes.
const KEYTERMS_MAX: usize = 100;

pub(super) fn check(config: &Config, findings: &mut Findings) {
    ear(config, findings);
    voice(config, findings);
    model(config, findings);
    helpdesk(config, findings);
    assistant(config, findings);
}

/// How far away a server may be that is spoken to without a key, or in the clear.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Near {
    /// On this machine.
    Machine,
    /// On this machine or in a private network.
    Network,
}

impl Near {
    fn admits(self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        match host.parse::<IpAddr>() {
            Ok(address) if address.is_loopback() => true,
            Ok(address) => self == Self::Network && is_private(address),
            Err(_) if host == "localhost" => true,
            Err(_) => self == Self::Network && (host.ends_with(".local") || !host.contains('.')),
        }
    }
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_private() || address.is_link_local(),
        IpAddr::V6(address) => {
            Ipv6Addr::is_unique_local(&address) || address.is_unicast_link_local()
        }
    }
}

/// One service's address and secret, as they stand in its table.
struct Access<'c> {
    table: &'static str,
    url: &'c str,
    schemes: [&'static str; 2],
    near: Near,
    /// `key` or `password`.
    secret: &'static str,
    none: Option<NoSecret>,
    file: &'c Option<PathBuf>,
    env: &'c Option<String>,
}

impl Access<'_> {
    fn check(&self, findings: &mut Findings) {
        let Self { table, secret, .. } = self;
        let ways = [self.none.is_some(), self.file.is_some(), self.env.is_some()];
        if ways.into_iter().filter(|way| *way).count() > 1 {
            findings.add(
                format!("{table}.{secret}"),
                format!("{secret}, {secret}_file and {secret}_env exclude each other"),
                "keep one",
            );
        }
        let Some(url) = check_url(&format!("{table}.url"), self.url, self.schemes, findings) else {
            return;
        };
        let near = self.near.admits(&url);
        if self.none.is_some() && !near {
            findings.add(
                format!("{table}.{secret}"),
                "only a server nearby is spoken to without a secret",
                format!("name the secret's place with {secret}_file or {secret}_env"),
            );
        }
        if url.scheme() == self.schemes[0] && !near {
            let (clear, safe) = (self.schemes[0], self.schemes[1]);
            findings.add(
                format!("{table}.url"),
                format!("{clear}:// would carry the secret readably"),
                format!("use {safe}://"),
            );
        }
    }
}

/// `schemes` are the one in the clear and the one under TLS.
fn check_url(key: &str, text: &str, schemes: [&str; 2], findings: &mut Findings) -> Option<Url> {
    let example = format!("write it like \"{}://host.example\"", schemes[1]);
    let Ok(url) = Url::parse(text) else {
        findings.add(key, format!("`{text}` is not an address"), example);
        return None;
    };
    if !schemes.contains(&url.scheme()) || !url.has_host() {
        findings.add(
            key,
            format!("`{text}` is no {} address", schemes[1]),
            example,
        );
        return None;
    }
    if url.query().is_some() || url.fragment().is_some() {
        findings.add(key, "it has a query or a fragment", "end it at the path");
    }
    if !url.username().is_empty() || url.password().is_some() {
        findings.add(
            key,
            "it holds a login",
            "a secret never stands in this file",
        );
    }
    Some(url)
}

fn ear(config: &Config, findings: &mut Findings) {
    let ear = &config.ear;
    Access {
        table: "ear",
        url: &ear.url,
        schemes: ["ws", "wss"],
        near: Near::Machine,
        secret: "key",
        none: ear.key,
        file: &ear.key_file,
        env: &ear.key_env,
    }
    .check(findings);
    findings.text("ear.model", &ear.model, "name a model of the service");
    findings.range("ear.eot_threshold", &ear.eot_threshold, &(0.5..=0.9));
    findings.span(
        "ear.eot_timeout",
        ear.eot_timeout,
        Duration::from_millis(500)..=Duration::from_secs(10),
    );
    findings.range("ear.keyterms", &ear.keyterms.len(), &(0..=KEYTERMS_MAX));
}

fn voice(config: &Config, findings: &mut Findings) {
    let voice = &config.voice;
    Access {
        table: "voice",
        url: &voice.url,
        schemes: ["ws", "wss"],
        near: Near::Machine,
        secret: "key",
        none: voice.key,
        file: &voice.key_file,
        env: &voice.key_env,
    }
    .check(findings);
    findings.text("voice.model", &voice.model, "name a voice of the service");
}

fn model(config: &Config, findings: &mut Findings) {
    let model = &config.model;
    Access {
        table: "model",
        url: &model.url,
        schemes: ["http", "https"],
        near: Near::Network,
        secret: "key",
        none: model.key,
        file: &model.key_file,
        env: &model.key_env,
    }
    .check(findings);
    findings.text("model.model", &model.model, "name a model of the server");
    findings.range(
        "model.max_output_tokens",
        &model.max_output_tokens,
        &(16..=100_000),
    );
    if let Some(temperature) = model.temperature {
        findings.range("model.temperature", &temperature, &(0.0..=2.0));
        let reasons = model.reasoning_effort.is_some_and(|e| e != Effort::None);
        if reasons {
            findings.add(
                "model.temperature",
                "a model that reasons refuses a temperature",
                "remove it, or set reasoning_effort = \"none\"",
            );
        }
    }
    let chat_only = [
        ("system_role", model.system_role != SystemRole::System),
        ("token_key", model.token_key != TokenKey::MaxTokens),
    ];
    for (key, changed) in chat_only {
        if changed && model.dialect == Dialect::Responses {
            findings.add(
                format!("model.{key}"),
                "it has no meaning in the responses dialect",
                "remove it, or set dialect = \"chat\"",
            );
        }
    }
}

fn helpdesk(config: &Config, findings: &mut Findings) {
    let helpdesk = &config.helpdesk;
    Access {
        table: "helpdesk",
        url: &helpdesk.url,
        schemes: ["http", "https"],
        near: Near::Machine,
        secret: "password",
        none: helpdesk.password,
        file: &helpdesk.password_file,
        env: &helpdesk.password_env,
    }
    .check(findings);
    if helpdesk.url.contains("index.php") {
        findings.add(
            "helpdesk.url",
            "this is the address of Kayako Classic, which has another API",
            "name the address of a new Kayako, such as \"https://acme.kayako.com\"",
        );
    }
    if !helpdesk.email.contains('@') {
        findings.add(
            "helpdesk.email",
            "it is not an e-mail address",
            "name the login of an agent made for this box, without two-factor login",
        );
    }
    for tag in &helpdesk.tags {
        if tag.trim().is_empty() || tag.contains([',', '"']) {
            findings.add(
                "helpdesk.tags",
                format!("`{tag}` cannot be a tag"),
                "write words without commas or quotes",
            );
        }
    }
    findings.span(
        "knowledge.sync_interval",
        config.knowledge.sync_interval,
        Duration::from_secs(1)..=Duration::from_hours(24),
    );
    findings.range("knowledge.passages", &config.knowledge.passages, &(1..=20));
}

fn assistant(config: &Config, findings: &mut Findings) {
    let assistant = &config.assistant;
    findings.text(
        "assistant.company",
        &assistant.company,
        "write the company's name as it is spoken",
    );
    let greeting = assistant.greeting.iter();
    let greeting = greeting.map(|text| ("assistant.greeting".to_owned(), text.as_str()));
    let prompts = assistant.prompts.given();
    let prompts = prompts.map(|(name, text)| (format!("assistant.prompts.{name}"), text));
    for (key, text) in greeting.chain(prompts) {
        findings.text(&key, text, "write what is to be said, or remove the key");
        if text.len() > SPOKEN_BYTES_MAX {
            findings.add(
                key,
                format!("it is longer than {SPOKEN_BYTES_MAX} bytes"),
                "nobody listens that long: shorten it",
            );
        }
    }
    for (name, text) in assistant.prompts.given() {
        if name.starts_with("email_") && !text.contains("{email}") {
            findings.add(
                format!("assistant.prompts.{name}"),
                "the caller would not hear the address",
                "put {email} where it is to be said",
            );
        }
    }
    let announcement = assistant.prompts.transfer.as_deref();
    if announcement.is_some_and(|text| !text.contains("{target}")) {
        findings.add(
            "assistant.prompts.transfer",
            "the caller would not hear with whom he is connected",
            "put {target} where the name is to be said",
        );
    }
    let language = assistant.language.split('-').next().unwrap_or_default();
    if language.is_empty() {
        findings.add(
            "assistant.language",
            "it is empty",
            "write a language tag such as \"en\" or \"en-GB\"",
        );
    } else if config.ear.model == "flux-general-en" && language != "en" {
        findings.add(
            "assistant.language",
            "the ear's model flux-general-en understands English alone",
            "set ear.model = \"flux-general-multi\"",
        );
    }
}
