//! Every queue is bounded by a named constant that says why this size and what happens when it is full.

use crate::source::{File, files, sources, words};
use crate::{found, none};

/// What makes a queue; its argument is the capacity.
const MAKERS: [&str; 4] = [
    "mpsc::channel",
    "broadcast::channel",
    "sync_channel",
    "HeapRb::new",
];

/// Capacities that a file's queues are made with, as written; test files are free.
fn capacities(file: &File) -> Vec<(usize, String)> {
    if file.is_test {
        return Vec::new();
    }
    let mut capacities = Vec::new();
    for maker in MAKERS {
        for at in words(&file.code, maker) {
            let rest = &file.code[at + maker.len()..];
            let rest = match rest.strip_prefix("::<") {
                Some(generic) => generic.split_once(">(").map_or("", |(_, rest)| rest),
                None => rest.strip_prefix('(').unwrap_or(""),
            };
            let argument = rest.split(')').next().unwrap_or_default().trim();
            capacities.push((at, argument.to_owned()));
        }
    }
    capacities
}

/// The constant a capacity names, if it names one.
fn constant(argument: &str) -> Option<&str> {
    let name = argument.rsplit("::").next()?;
    let upper = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let named = name.starts_with(|c: char| c.is_ascii_uppercase());
    (named && name.chars().all(upper)).then_some(name)
}

/// The doc comment above a constant's declaration: in the file that uses it, else in any.
fn comment_of(name: &str, here: &File, files: &[&File]) -> Option<String> {
    let declaration = format!("const {name}: ");
    let here = core::iter::once(&here);
    here.chain(files).find_map(|file| {
        let lines: Vec<&str> = file.text.lines().collect();
        let line = lines.iter().position(|line| line.contains(&declaration))?;
        let above = lines[..line].iter().rev();
        let comment = above.take_while(|line| line.trim_start().starts_with("///"));
        Some(comment.copied().collect::<Vec<_>>().join("\n"))
    })
}

fn queues_in(sources: &[&File], limits: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for file in sources {
        for maker in [
            "unbounded_channel",
            "unbounded",
            "mpsc::channel()",
            "unbounded_send",
        ] {
            let at = words(&file.code, maker);
            faults.extend(at.map(|at| format!("{}: {maker} is without bounds", file.at(at))));
        }
        for (at, argument) in capacities(file) {
            let Some(name) = constant(&argument) else {
                if !argument.is_empty() {
                    faults.push(format!(
                        "{}: capacity `{argument}` has no name",
                        file.at(at)
                    ));
                }
                continue;
            };
            match comment_of(name, file, sources) {
                Some(comment) if comment.contains("full") => {}
                Some(_) => faults.push(format!(
                    "{}: the comment of {name} does not say what happens when it is full",
                    file.at(at)
                )),
                None => faults.push(format!("{}: {name} is not declared here", file.at(at))),
            }
            if !limits.contains(&format!("`{name}`")) {
                faults.push(format!(
                    "{}: {name} is missing in ARCHITECTURE.md",
                    file.at(at)
                ));
            }
        }
    }
    faults
}

#[test]
fn every_queue_is_bounded_by_a_named_constant() {
    let architecture = files().iter().find(|file| file.path == "ARCHITECTURE.md");
    let limits = &architecture.expect("there is an ARCHITECTURE.md").text;
    none(&queues_in(&sources().collect::<Vec<_>>(), limits));
    let good = "/// Ten; when full the oldest goes.\nconst DEEP: usize = 10;\nfn f() { mpsc::channel(DEEP) }";
    for (text, faults) in [
        (good, 0),
        ("fn f() { mpsc::channel::<u8>(16) }", 1),
        ("fn f() { mpsc::unbounded_channel() }", 1),
        ("fn f() { std::sync::mpsc::channel() }", 1),
        (
            "/// Ten.\nconst DEEP: usize = 10;\nfn f() { HeapRb::new(DEEP) }",
            1,
        ),
        ("fn f() { mpsc::channel(x::DEEP) }", 1),
        (
            "/// When full, waits.\nconst WIDE: usize = 1;\nfn f() { mpsc::channel(WIDE) }",
            1,
        ),
    ] {
        let file = File::planted("src/io/x.rs", text);
        found(&queues_in(&[&file], "| `DEEP` | 10 |"), faults);
    }
}
