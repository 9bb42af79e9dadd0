//! Imports run one way; below the line nothing touches the world; clocks are read in one file.

use std::collections::BTreeSet;

use crate::source::{File, root, sources, words};
use crate::{found, none};

/// Modules that are values: no socket, thread, file, clock or runtime.
const BELOW_THE_LINE: [&str; 7] = [
    "audio",
    "sdp",
    "sip",
    "rtp",
    "ticket",
    "conversation",
    "call",
];

/// Packages below the line.
const PURE_PACKAGES: [&str; 8] = [
    "bytes",
    "thiserror",
    "log",
    "md5",
    "rtp_rs",
    "rtcp_types",
    "rubato",
    "sha2",
];

/// Parts of `std` that touch the world.
const IMPURE_STD: [&str; 8] = ["net", "thread", "fs", "env", "process", "os", "io", "path"];

/// The clock and the random device.
const CLOCK_FILE: &str = "src/io/clock.rs";

/// Adapters of vendors, and what only the gateway has.
const NOT_FOR_SANDBOX: [&str; 7] = [
    "deepgram",
    "openai",
    "desk",
    "store",
    "outbox",
    "knowledge",
    "prompt_cache",
];

/// Whether a file of module `from` may name `crate::to`.
fn may_import(from: &[&str], to: &str, is_test: bool) -> bool {
    let top = from.first().copied().unwrap_or_default();
    let leaves = &BELOW_THE_LINE[..6];
    if top == to || (is_test && BELOW_THE_LINE.contains(&top) && leaves.contains(&to)) {
        return true;
    }
    match top {
        "audio" | "ticket" => false,
        "sdp" | "rtp" => to == "audio",
        "sip" => to == "sdp" && from.get(1) == Some(&"session"),
        "conversation" => to == "ticket",
        "call" => leaves.contains(&to),
        "io" => BELOW_THE_LINE.contains(&to),
        "config" => false,
        "sandbox" => BELOW_THE_LINE.contains(&to) || to == "io",
        "daemon" => BELOW_THE_LINE.contains(&to) || to == "io" || to == "config",
        "main" | "lib" => true,
        _ => false,
    }
}

/// What a file names of its own crate: (offset, first two segments).
fn crate_paths(file: &File) -> Vec<(usize, String, String)> {
    let depth = file.module().len();
    let mut paths = Vec::new();
    for start in words(&file.code, "crate::") {
        expand(&file.code, start + "crate::".len(), &mut paths);
    }
    let climbs = "super::".repeat(depth);
    for (start, _) in file.code.match_indices(&climbs) {
        let before = file.code[..start].chars().next_back();
        if depth > 0 && before != Some(':') {
            expand(&file.code, start + climbs.len(), &mut paths);
        }
    }
    paths.retain(|(_, first, _)| first.starts_with(|c: char| c.is_ascii_lowercase()));
    paths
}

/// Adds the one or several paths that begin at `at`: `a::b`, `a::{b, c}` or `{a, b::c}`.
fn expand(code: &str, at: usize, paths: &mut Vec<(usize, String, String)>) {
    let rest = &code[at..];
    if let Some(group) = rest.strip_prefix('{') {
        let (mut depth, mut start) = (0_usize, 0_usize);
        for (offset, character) in group.char_indices() {
            match character {
                '{' => depth += 1,
                '}' if depth > 0 => depth -= 1,
                ',' | '}' if depth == 0 => {
                    let item = &group[start..offset];
                    let skipped = item.len() - item.trim_start().len();
                    if !item.trim().is_empty() {
                        expand(code, at + 1 + start + skipped, paths);
                    }
                    start = offset + 1;
                    if character == '}' {
                        return;
                    }
                }
                _ => {}
            }
        }
        return;
    }
    let first = word(rest);
    let after = rest[first.len()..].strip_prefix("::").unwrap_or_default();
    paths.push((at, first.to_owned(), word(after).to_owned()));
}

fn word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
    &text[..end.unwrap_or(text.len())]
}

fn imports_run_one_way_in(file: &File) -> Vec<String> {
    let module = file.module();
    let mut faults = Vec::new();
    for (at, first, second) in crate_paths(file) {
        let clock_in_test = file.is_test && first == "io" && second == "clock";
        if !may_import(&module, &first, file.is_test) && !clock_in_test {
            faults.push(format!(
                "{}: {} may not use {first}",
                file.at(at),
                module.join("::")
            ));
        }
        if file.top() == "sandbox" && first == "io" && NOT_FOR_SANDBOX.contains(&second.as_str()) {
            faults.push(format!(
                "{}: the sandbox may not use io::{second}",
                file.at(at)
            ));
        }
    }
    faults
}

#[test]
fn imports_run_one_way() {
    none(
        &sources()
            .flat_map(imports_run_one_way_in)
            .collect::<Vec<_>>(),
    );
    for (path, text, faults) in [
        ("src/audio/g711.rs", "use crate::rtp::Packet;", 1),
        ("src/audio/mod.rs", "use super::io;", 1),
        (
            "src/sip/session/mod.rs",
            "use crate::sdp::Local; use super::message;",
            0,
        ),
        ("src/sip/dialog.rs", "use crate::sdp::Local;", 1),
        (
            "src/sip/session/accept.rs",
            "use super::super::super::call::Call;",
            1,
        ),
        (
            "src/call/mod.rs",
            "use crate::{audio::Law, io::{clock, store}, sip};",
            1,
        ),
        ("src/call/tests.rs", "use crate::io::clock;", 0),
        (
            "src/io/x.rs",
            "use crate::daemon::log; use crate::config::Config;",
            2,
        ),
        (
            "src/sandbox/x.rs",
            "use crate::io::deepgram::wire; use crate::io::clock;",
            1,
        ),
        (
            "src/daemon/x.rs",
            "use crate::config::Config; // crate::sandbox",
            0,
        ),
    ] {
        found(&imports_run_one_way_in(&File::planted(path, text)), faults);
    }
}

fn packages() -> BTreeSet<String> {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).expect("there is a manifest");
    let manifest: toml::Table = manifest.parse().expect("it is TOML");
    let tables = ["dependencies", "dev-dependencies"].map(|name| manifest[name].as_table());
    let names = tables.into_iter().flatten().flat_map(toml::Table::keys);
    names.map(|name| name.replace('-', "_")).collect()
}

fn below_the_line_is_pure_in(file: &File, packages: &BTreeSet<String>) -> Vec<String> {
    if file.is_test || !BELOW_THE_LINE.contains(&file.top()) {
        return Vec::new();
    }
    let mut faults = Vec::new();
    let mut fault = |at: usize, what: &str| {
        faults.push(format!("{}: {what} below the line", file.at(at)));
    };
    let impure = packages
        .iter()
        .filter(|name| !PURE_PACKAGES.contains(&name.as_str()));
    for package in impure {
        for at in words(&file.code, package) {
            let path = file.code[at + package.len()..].starts_with("::");
            let inside = file.code[..at].ends_with("::") || file.code[..at].ends_with('.');
            if path && !inside {
                fault(at, package);
            }
        }
    }
    for word in ["async", ".await", "Mutex", "RwLock", "Condvar"] {
        words(&file.code, word).for_each(|at| fault(at, word));
    }
    let mut paths = Vec::new();
    for start in words(&file.code, "std::") {
        expand(&file.code, start + "std::".len(), &mut paths);
    }
    for (at, first, _) in paths {
        if IMPURE_STD.contains(&first.as_str()) {
            fault(at, &format!("std::{first}"));
        }
    }
    faults
}

#[test]
fn below_the_line_nothing_touches_the_world() {
    let packages = packages();
    assert!(
        packages.len() > 20,
        "the manifest lists packages: {packages:?}"
    );
    let faults = sources().flat_map(|file| below_the_line_is_pure_in(file, &packages));
    none(&faults.collect::<Vec<_>>());
    for (path, text, faults) in [
        ("src/rtp/x.rs", "use tokio::net::UdpSocket;", 1),
        ("src/sip/x.rs", "async fn f() { g().await }", 2),
        (
            "src/sip/x.rs",
            "use std::{collections::BTreeMap, sync::Mutex, fs};",
            2,
        ),
        (
            "src/sdp/x.rs",
            "use core::net::IpAddr; use bytes::Bytes; // tokio::spawn",
            0,
        ),
        (
            "src/sdp/x.rs",
            "fn f() -> std::net::IpAddr { serde_json::json!(1) }",
            2,
        ),
        ("src/io/x.rs", "use tokio::net::UdpSocket;", 0),
        ("src/rtp/tests.rs", "use std::fs;", 0),
    ] {
        found(
            &below_the_line_is_pure_in(&File::planted(path, text), &packages),
            faults,
        );
    }
}

fn clocks_in(file: &File) -> Vec<String> {
    if file.path == CLOCK_FILE {
        return Vec::new();
    }
    let readers = [
        "Instant::now",
        "SystemTime::now",
        "getrandom::",
        "rand::rng",
        "thread_rng",
        "RandomState::new",
    ];
    let found = readers.into_iter().flat_map(|reader| {
        words(&file.code, reader)
            .map(move |at| format!("{}: {reader} outside {CLOCK_FILE}", file.at(at)))
    });
    found.collect()
}

#[test]
fn clocks_and_chance_are_read_in_one_file() {
    assert!(sources().any(|file| file.path == CLOCK_FILE));
    none(&sources().flat_map(clocks_in).collect::<Vec<_>>());
    let text = "let a = Instant::now(); let b = std::time::SystemTime::now();";
    found(&clocks_in(&File::planted("src/io/x.rs", text)), 2);
    found(
        &clocks_in(&File::planted("src/io/x.rs", "// Instant::now()")),
        0,
    );
}

fn sleeping_in(file: &File) -> Vec<String> {
    if !file.is_test || !BELOW_THE_LINE.contains(&file.top()) {
        return Vec::new();
    }
    let at = words(&file.code, "sleep").map(|at| format!("{}: a pure test sleeps", file.at(at)));
    at.collect()
}

#[test]
fn tests_below_the_line_do_not_sleep() {
    none(&sources().flat_map(sleeping_in).collect::<Vec<_>>());
    found(
        &sleeping_in(&File::planted("src/rtp/tests.rs", "thread::sleep(x)")),
        1,
    );
}

fn undeclared_in(files: &[&File]) -> Vec<String> {
    let mut faults = Vec::new();
    for file in files {
        let module = file.module();
        let name = *module.last().expect("a source file has a module");
        if matches!(file.path.as_str(), "src/main.rs" | "src/lib.rs") {
            continue;
        }
        let declared = files.iter().any(|parent| {
            let above = &module[..module.len() - 1];
            let path = parent.module();
            let is_parent = path == above || (above.is_empty() && path == ["lib"]);
            let declaration = format!("mod {name};");
            (is_parent || (above == ["main"] && path == ["main"]))
                && words(&parent.code, &declaration).next().is_some()
        });
        if !declared {
            faults.push(format!(
                "{}: no module declares it, so nothing compiles it",
                file.path
            ));
        }
    }
    faults
}

#[test]
fn every_source_file_is_compiled() {
    none(&undeclared_in(&sources().collect::<Vec<_>>()));
    let lib = File::planted("src/lib.rs", "pub mod sip;");
    let sip = File::planted("src/sip/mod.rs", "mod message;");
    let message = File::planted("src/sip/message.rs", "");
    let lost = File::planted("src/sip/lost.rs", "");
    found(&undeclared_in(&[&lib, &sip, &message, &lost]), 1);
}
