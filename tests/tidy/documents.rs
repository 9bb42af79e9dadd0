//! Configuration, scripts and documents are true to the program and to their forms.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;

use ringwell::config::Config;
use serde_json::Value;

use crate::source::{File, files, has_extension, root};
use crate::{found, none};

fn under(folder: &str, extension: &str) -> Vec<&'static File> {
    let inside = files().iter().filter(|file| file.path.starts_with(folder));
    inside
        .filter(|file| has_extension(&file.path, extension))
        .collect()
}

#[test]
fn every_shipped_configuration_is_right() {
    let configurations = under("config/", "toml");
    assert!(
        configurations.len() >= 5,
        "the file itself and four examples"
    );
    for file in configurations {
        let parsed = Config::parse(&file.path, &file.text);
        parsed.unwrap_or_else(|error| panic!("{error}"));
    }
    assert!(Config::parse("planted", "[sip]\nlisten = 1").is_err());
}

/// The file with its commented-out keys switched on.
fn switched_on(text: &str) -> String {
    let is_key = |line: &str| {
        let name = line.split(" = ").next().unwrap_or_default();
        line.contains(" = ") && name.chars().all(|c| c.is_ascii_lowercase() || c == '_')
    };
    let lines = text.lines().map(|line| match line.strip_prefix('#') {
        Some(key) if is_key(key) || key.starts_with("[[") => key,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn key_paths(value: &Value, prefix: &str, paths: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                key_paths(member, &format!("{prefix}.{name}"), paths);
            }
        }
        Value::Array(items) if items.first().is_some_and(Value::is_object) => {
            for item in items {
                key_paths(item, prefix, paths);
            }
        }
        _ => {
            paths.insert(prefix.trim_start_matches('.').to_owned());
        }
    }
}

/// Keys that only the program or only the file has.
fn difference_of_keys(text: &str) -> Vec<String> {
    let text = switched_on(text);
    let written: toml::Table = text.parse().unwrap_or_else(|error| panic!("{error}"));
    let written = serde_json::to_value(written).expect("TOML is JSON");
    let read: Config = toml::from_str(&text).unwrap_or_else(|error| panic!("{error}"));
    let read = serde_json::to_value(read).expect("the configuration is JSON");
    let mut keys = [BTreeSet::new(), BTreeSet::new()];
    key_paths(&written, "", &mut keys[0]);
    key_paths(&read, "", &mut keys[1]);
    keys[0].symmetric_difference(&keys[1]).cloned().collect()
}

#[test]
fn the_commented_configuration_has_every_key() {
    let file = files()
        .iter()
        .find(|file| file.path == "config/ringwell.toml");
    let text = &file.expect("there is one").text;
    none(&difference_of_keys(text));
    let shorter = text
        .replace("codec_threads = 1\n", "")
        .replace("#priority", "# priority");
    found(&difference_of_keys(&shorter), 2);
}

fn uncommented_keys(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let mut explained = false;
    for (number, line) in text.lines().enumerate() {
        let is_key = switched_on(line).contains(" = ") && !line.starts_with("# ");
        if is_key && !explained {
            faults.push(format!("line {}: {line} has no comment", number + 1));
        }
        // A comment holds for the keys that follow it without a break.
        explained = !line.is_empty() && (line.starts_with("# ") || explained);
    }
    faults
}

#[test]
fn every_key_is_explained() {
    let file = files()
        .iter()
        .find(|file| file.path == "config/ringwell.toml");
    none(&uncommented_keys(&file.expect("there is one").text));
    found(
        &uncommented_keys("# Table.\n[a]\n# Why.\nb = 1\n\nc = 2\n"),
        1,
    );
}

fn script_faults(file: &File, mode: u32) -> Vec<String> {
    let mut faults = Vec::new();
    if mode & 0o111 != 0o111 {
        faults.push(format!("{}: it is not executable", file.path));
    }
    if !file.text.starts_with("#!/usr/bin/env bash\n") {
        faults.push(format!(
            "{}: it does not begin with #!/usr/bin/env bash",
            file.path
        ));
    }
    if !file.text.contains("\nset -euo pipefail\n") {
        faults.push(format!("{}: set -euo pipefail is missing", file.path));
    }
    faults
}

#[test]
fn scripts_stop_at_the_first_failure() {
    let scripts = files().iter().filter(|file| {
        file.path == ".ci/run" || (file.path.starts_with("scripts/") && !file.path.contains('.'))
    });
    let faults = scripts.flat_map(|file| {
        let metadata = std::fs::metadata(root().join(&file.path)).expect("it is there");
        script_faults(file, metadata.permissions().mode())
    });
    none(&faults.collect::<Vec<_>>());
    let planted = File::planted("scripts/x", "#!/usr/bin/env bash\necho\n");
    found(&script_faults(&planted, 0o644), 2);
}

/// Lines of a markdown file outside its code blocks.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

#[test]
fn a_document_has_one_title() {
    let titles = |text: &str| prose(text).filter(|line| line.starts_with("# ")).count();
    let wrong = files()
        .iter()
        .filter(|file| has_extension(&file.path, "md") && titles(&file.text) != 1);
    let faults = wrong.map(|file| format!("{}: {} titles", file.path, titles(&file.text)));
    none(&faults.collect::<Vec<_>>());
    assert_eq!(titles("# A\n```\n# no\n```\n# B\n"), 2);
}

fn changelog_faults(text: &str) -> Vec<String> {
    let kinds = [
        "Added",
        "Changed",
        "Deprecated",
        "Removed",
        "Fixed",
        "Security",
    ];
    let mut faults = Vec::new();
    let mut versions = 0;
    for line in prose(text) {
        if let Some(version) = line.strip_prefix("## ") {
            versions += 1;
            let right = match version.split_once("] - ") {
                Some((number, date)) => number.starts_with('[') && date.len() == 10,
                None => version == "[Unreleased]",
            };
            if !right || (versions == 1) != (version == "[Unreleased]") {
                faults.push(format!(
                    "`{line}`: write [Unreleased] first, then [1.2.3] - 2026-01-31"
                ));
            }
        } else if let Some(kind) = line.strip_prefix("### ")
            && !kinds.contains(&kind)
        {
            faults.push(format!("`{line}`: one of {kinds:?}"));
        }
    }
    if !text.starts_with("# Changelog\n") || versions == 0 {
        faults.push("begin with `# Changelog` and `## [Unreleased]`".to_owned());
    }
    faults
}

#[test]
fn the_changelog_keeps_its_form() {
    let file = files().iter().find(|file| file.path == "CHANGELOG.md");
    none(&changelog_faults(&file.expect("there is one").text));
    found(
        &changelog_faults("# Changelog\n## [Unreleased]\n### Added\n## [0.1.0] - 2026-01-01\n"),
        0,
    );
    found(&changelog_faults("# Changes\n## 0.1\n### News\n"), 3);
}

/// What names the place where something was written, not the thing itself.
fn workplace_words() -> Vec<String> {
    let halves = [
        ("/wo", "rk/"),
        ("../sh", "ared"),
        ("/ro", "ot/"),
        ("/ho", "me/"),
        ("pass", "word123"),
        ("BEGIN PRIVATE", " KEY"),
    ];
    halves.map(|(a, b)| format!("{a}{b}")).into()
}

fn workplace_in(file: &File) -> Vec<String> {
    let words = workplace_words();
    let found = words
        .iter()
        .filter(|word| file.text.contains(word.as_str()));
    found
        .map(|word| format!("{}: `{word}`", file.path))
        .collect()
}

#[test]
fn nothing_names_a_workplace() {
    none(&files().iter().flat_map(workplace_in).collect::<Vec<_>>());
    let planted = File::planted("README.md", &format!("see {}x", workplace_words()[0]));
    found(&workplace_in(&planted), 1);
}

/// Telephone numbers that somebody may have: those with 555 in them are made up.
fn numbers_in(file: &File) -> Vec<String> {
    let mut faults = Vec::new();
    for (at, _) in file.text.match_indices('+') {
        let digits = file.text[at + 1..].bytes();
        let length = digits.take_while(u8::is_ascii_digit).count();
        let number = &file.text[at + 1..at + 1 + length];
        if length >= 7 && !number.contains("555") {
            faults.push(format!("{}: +{number}; write +1555..", file.at(at)));
        }
    }
    faults
}

#[test]
fn telephone_numbers_are_made_up() {
    none(&files().iter().flat_map(numbers_in).collect::<Vec<_>>());
    let number = format!("call +{} or +15550100199, 3+1", "49301234567");
    found(&numbers_in(&File::planted("README.md", &number)), 1);
}
