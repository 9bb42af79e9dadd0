//! Calls that the box makes, and its registrations, against SIPp's scenarios named after the RFC and section:
//! each scenario is one person, or one registrar, that behaves so and checks what it gets.

use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use serde_json::json;

use crate::answered::heard;
use crate::lab::{Lab, Process};
use crate::sipp::{self, Capture};

const PATIENCE: Duration = Duration::from_secs(20);

/// The host that a redirection leads to and nobody may be called at.
const FOREIGN: u8 = 99;

/// Somebody that callers ask for.
struct Person {
    /// Callers name it so, and so do its files.
    name: &'static str,
    scenario: &'static str,
    /// Further arguments of SIPp.
    arguments: &'static [&'static str],
    reached: Reached,
    /// What the ticket says after the name.
    ticket: &'static str,
}

/// How the box comes to it.
enum Reached {
    /// By its address, over the laboratory's line; with parameters of the URI.
    At(&'static str),
    /// By a number of a line of its own, which has these keys besides.
    Over(&'static str),
}

const CONNECTED: &str = "connected";

/// What makes an INVITE larger than a datagram may be: keys to choose from, and three times a long name.
const LARGE: &str = "srtp = \"required\"\ndomain = \"a-large-office.with-a-name-of-its-own.for-each-of-its-many-departments.\
                     and-a-telephone-system-for-each-of-them.sipp.test\"\n";

impl Person {
    const fn new(name: &'static str, scenario: &'static str, ticket: &'static str) -> Self {
        Self {
            name,
            scenario,
            arguments: &[],
            reached: Reached::At(""),
            ticket,
        }
    }

    const fn by_tcp(mut self) -> Self {
        self.arguments = &["-t", "t1"];
        self.reached = Reached::At(";transport=tcp");
        self
    }

    const fn over(mut self, keys: &'static str) -> Self {
        self.reached = Reached::Over(keys);
        self
    }

    const fn with(mut self, arguments: &'static [&'static str]) -> Self {
        self.arguments = arguments;
        self
    }

    fn target(&self, lab: &Lab, host: u8) -> toml::Value {
        let ip = lab.neighbour(host);
        let mut target = toml::Table::new();
        target.insert("name".to_owned(), self.name.into());
        match self.reached {
            Reached::At(parameters) => {
                let uri = format!("sip:201@{ip}{parameters}");
                target.insert("uri".to_owned(), uri.into());
            }
            Reached::Over(_) => {
                target.insert("number".to_owned(), "201".into());
                target.insert("line".to_owned(), self.name.into());
            }
        }
        target.into()
    }

    fn line(&self, lab: &Lab, host: u8) -> Option<toml::Value> {
        let Reached::Over(keys) = self.reached else {
            return None;
        };
        let peer = lab.neighbour(host);
        let file = password(lab, self.name, "pa55");
        let text = format!(
            "name = {:?}\nkind = \"trunk\"\npeer = \"{peer}\"\nuser = \"1000\"\npassword_file = {file:?}\n{keys}",
            self.name
        );
        Some(text.parse::<toml::Table>().expect("a line in TOML").into())
    }

    /// A caller asks for it, and hears how that goes.
    fn is_asked_for(&self, lab: &Lab) {
        let ask = format!("wait until it stops; say transfer me to {}", self.name);
        let then = match self.ticket {
            CONNECTED => "wait for one moment within 30 s; wait until it stops; pause 5 s; hang up",
            it if it.starts_with("nobody answered") => {
                "wait for nobody answers just now within 40 s; hang up"
            }
            _ => "wait for could not reach anybody within 40 s; hang up",
        };
        let report = lab.call("assistant", &format!("{ask}; {then}"));
        assert_eq!(
            report["ok"],
            true,
            "{}: {report:#}\n{}",
            self.name,
            lab.log()
        );
        let said = heard(&report).join(" ");
        assert!(said.contains(self.name), "{said}");
    }
}

/// A file with a password that nobody else may read.
fn password(lab: &Lab, name: &str, password: &str) -> std::path::PathBuf {
    let file = lab.dir.path().join(format!("{name}.password"));
    std::fs::write(&file, password).expect("the password is written");
    let mode = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(&file, mode).expect("its file is closed to others");
    file
}

/// SIPp waits for what the box sends to an address of the laboratory.
fn awaits(lab: &Lab, host: u8, scenario: &str, arguments: &[&str]) -> Process {
    let path = format!("{}/tests/sipp/{scenario}.xml", env!("CARGO_MANIFEST_DIR"));
    let ip = lab.neighbour(host).to_string();
    let foreign = lab.neighbour(FOREIGN).to_string();
    let file = |end: &str| lab.dir.path().join(format!("{scenario}.{end}"));
    let errors = file("errors");
    let errors = errors.to_str().expect("a path in UTF-8");
    let common = [
        "-sf",
        &path,
        "-i",
        &ip,
        "-mi",
        &ip,
        "-p",
        "5060",
        "-nostdin",
        "-m",
        "1",
        "-timeout",
        "80s",
        "-timeout_error",
        "-key",
        "foreign",
        &foreign,
        "-trace_err",
        "-error_file",
        errors,
    ];
    Process::start("sipp", &[&common, arguments].concat(), &file("log"))
}

/// The scenario came to its end and found nothing wrong.
fn went_well(lab: &Lab, scenario: &str, process: &mut Process) {
    let ended = process.ended(PATIENCE);
    let read = |end: &str| {
        let file = lab.dir.path().join(format!("{scenario}.{end}"));
        std::fs::read_to_string(file).unwrap_or_default()
    };
    assert!(
        ended.is_some_and(|ended| ended.success()),
        "{scenario}: {ended:?}\n{}\n{}\n{}",
        read("errors"),
        read("log"),
        lab.log()
    );
}

/// Everybody is asked for at the same time, each by a caller and at an address of its own.
fn people_are_asked_for(people: &[Person]) {
    let mut lab = Lab::start(&[("transfer", "ring_max", "\"6s\"")]);
    let hosts: Vec<(u8, &Person)> = (20..).zip(people).collect();
    lab.configure(|file| {
        let targets = hosts.iter().map(|(host, it)| it.target(&lab, *host));
        let targets = toml::Value::Array(targets.collect());
        let transfer = file["transfer"].as_table_mut().expect("[transfer]");
        transfer.insert("target".to_owned(), targets);
        let lines = file["line"].as_array_mut().expect("the lines");
        lines.extend(hosts.iter().filter_map(|(host, it)| it.line(&lab, *host)));
    });
    lab.kill_gateway();
    lab.start_gateway();
    lab.knows_articles();
    let foreign = UdpSocket::bind((lab.neighbour(FOREIGN), 5060)).expect("the foreign host");
    foreign.set_nonblocking(true).expect("a mode of a socket");
    let gateway = lab.ip.to_string();
    let capture = Capture::start(&lab, &format!("net {gateway}/24 and port 5060"));
    std::thread::scope(|scope| {
        for (host, person) in hosts {
            let lab = &lab;
            scope.spawn(move || {
                let mut process = awaits(lab, host, person.scenario, person.arguments);
                person.is_asked_for(lab);
                went_well(lab, person.scenario, &mut process);
            });
        }
    });
    assert_eq!(sipp::malformed(&capture.finish(), &gateway), "");
    lab.is_idle(PATIENCE);
    let tickets = lab.tickets_are(people.len(), PATIENCE);
    let contents = tickets.iter().filter_map(|it| it["contents"].as_str());
    let contents = contents.collect::<Vec<_>>().join("\n");
    for person in people {
        let words = format!("to {}: {}", person.name, person.ticket);
        assert!(contents.contains(&words), "{words}:\n{contents}");
    }
    lab.until("everything is given back", PATIENCE, |lab| {
        let status = lab.status();
        let sessions = &status["transactions"]["sessions"];
        (*sessions == 0 && status["ports"]["in_use"] == 0).then_some(())
    });
    let mut buffer = [0; 2048];
    let called = foreign.recv(&mut buffer);
    assert!(called.is_err(), "the foreign host is called");
}

#[test]
fn people_who_answer_are_reached() {
    let people = [
        Person::new("alpha", "rfc3261_22_2_challenged_invite", CONNECTED).over(""),
        Person::new("bravo", "rfc3261_22_3_challenged_by_proxy", CONNECTED)
            .over("domain = \"sipp.test\"\n"),
        Person::new("charlie", "rfc3261_13_2_early_media", CONNECTED),
        Person::new("delta", "rfc3261_8_1_3_4_redirect", CONNECTED).over(""),
        Person::new("echo", "rfc3261_13_2_2_4_fork", CONNECTED),
        Person::new("foxtrot", "rfc3262_4_reliable_183_from_target", CONNECTED),
        Person::new("golf", "rfc4028_7_422_from_target", CONNECTED),
        Person::new("hotel", "rfc3261_18_1_1_large_request", CONNECTED)
            .over(LARGE)
            .with(&["-t", "t1"]),
    ];
    people_are_asked_for(&people);
}

#[test]
fn callers_come_back_from_people_who_are_not_reached() {
    let people = [
        Person::new("india", "rfc3261_22_2_wrong_password", "not allowed (401").over(""),
        Person::new("juliet", "rfc3261_22_1_foreign_realm", "not allowed (401")
            .over("realm = \"sipp.test\"\n"),
        Person::new(
            "kilo",
            "rfc3261_9_1_cancel_at_ring_time_out",
            "nobody answered in time",
        ),
        Person::new(
            "lima",
            "rfc3261_8_1_3_4_foreign_redirect",
            "not reached (302",
        )
        .over(""),
        Person::new(
            "mike",
            "rfc3261_21_5_4_unavailable_target",
            "not reached (503",
        ),
        Person::new("november", "rfc3261_13_2_early_media", CONNECTED).by_tcp(),
    ];
    people_are_asked_for(&people);
}

#[test]
fn registrars_get_what_they_ask_for() {
    let mut lab = Lab::start(&[]);
    let scenarios = [
        "rfc3261_10_2_register",
        "rfc3261_10_2_8_min_expires",
        "rfc8760_2_4_sha256_register",
    ];
    let hosts: Vec<(u8, &str)> = (20..).zip(scenarios).collect();
    let lines = hosts.iter().map(|(host, name)| {
        let file = password(&lab, name, "pa55");
        let registrar = lab.neighbour(*host);
        format!(
            "name = {name:?}\nkind = \"register\"\nregistrar = \"{registrar}\"\ndomain = \"sipp.test\"\n\
             user = \"1000\"\npassword_file = {file:?}\ntransport = \"udp\"\nexpires = \"10m\"\n"
        )
    });
    let lines: Vec<String> = lines.collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let gateway = lab.ip.to_string();
    let capture = Capture::start(&lab, &format!("net {gateway}/24 and port 5060"));
    let start = |(host, scenario): &(u8, &'static str)| awaits(&lab, *host, scenario, &[]);
    let mut registrars: Vec<Process> = hosts.iter().map(start).collect();
    lab.set_lines(&lines);
    for scenario in &scenarios[1..] {
        let line = lab.line_is(scenario, "registered", PATIENCE);
        assert_eq!(line["code"], 200, "{line:#}");
    }
    // The times granted are three seconds at first; then they are what was asked for.
    lab.until("the refreshes are granted", PATIENCE, |lab| {
        let granted = |name: &str| lab.line(name)["granted_s"] == 600;
        (granted(scenarios[0]) && granted(scenarios[2])).then_some(())
    });
    assert_eq!(lab.line(scenarios[1])["granted_s"], 1800);
    for (scenario, process) in scenarios[1..].iter().zip(&mut registrars[1..]) {
        went_well(&lab, scenario, process);
    }
    let ended = lab.gateway().terminate(PATIENCE).expect("it ends");
    assert!(ended.success(), "{ended}\n{}", lab.log());
    went_well(&lab, scenarios[0], &mut registrars[0]);
    assert_eq!(sipp::malformed(&capture.finish(), &gateway), "");
}

/// The ear takes long to connect, so that the assistant rings for a while.
#[test]
fn callers_by_tcp_strangers_and_those_who_cancel() {
    let slow = json!({"service": "ear", "stage": "connect", "kind": "slow", "delay_ms": 1800});
    let lab = Lab::start_with(&[], &[slow]);
    let tcp = &["-t", "t1"][..];
    let scenarios = [
        ("rfc3261_18_over_tcp", tcp),
        ("rfc3311_update", tcp),
        ("rfc3264_8_4_hold_sendonly", tcp),
        ("rfc3261_12_2_2_unknown_dialog", &[]),
        ("rfc3261_8_2_2_3_require", &[]),
        ("rfc3261_9_2_cancel", &[]),
    ];
    std::thread::scope(|scope| {
        for (host, (scenario, arguments)) in (2..).zip(scenarios) {
            let path = format!("{}/tests/sipp/{scenario}.xml", env!("CARGO_MANIFEST_DIR"));
            let lab = &lab;
            scope.spawn(move || {
                let limits = ["-recv_timeout", "8000", "-timeout", "40s", "-timeout_error"];
                let arguments = [&["-sf", &path, "-m", "1"][..], &limits, arguments].concat();
                sipp::sipp(lab, host, &arguments);
            });
        }
    });
    lab.is_idle(PATIENCE);
    lab.gives_everything_back();
}
