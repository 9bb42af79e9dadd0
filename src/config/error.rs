//! What is wrong with a configuration, in words an administrator can act on.

use core::fmt;

use super::locate;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key, as `table.key`; empty when it concerns the whole file.
    pub key: String,
    /// Its line, from 1.
    pub line: Option<usize>,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}

/// Everything that is wrong with a configuration.
#[derive(Clone, Debug, thiserror::Error)]
pub struct ConfigError {
    /// Name of the file.
    pub file: String,
    /// At least one.
    pub problems: Vec<Problem>,
}

impl ConfigError {
    pub(super) fn one(
        file: &str,
        line: Option<usize>,
        key: &str,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        let problem = Problem {
            key: key.to_owned(),
            line,
            what: what.into(),
            remedy: remedy.into(),
        };
        Self {
            file: file.to_owned(),
            problems: vec![problem],
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{}", self.file)?;
            if let Some(line) = problem.line {
                write!(f, ":{line}")?;
            }
            if !problem.key.is_empty() {
                write!(f, ": {}", problem.key)?;
            }
            write!(f, ": {}\n    remedy: {}", problem.what, problem.remedy)?;
        }
        Ok(())
    }
}

/// What `check.rs` found, before it is given lines.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    pub(super) key: String,
    pub(super) what: String,
    pub(super) remedy: String,
}

/// Gives each finding its line.
pub(super) fn from_problems(name: &str, text: &str, findings: Vec<Finding>) -> ConfigError {
    let problems = findings
        .into_iter()
        .map(|finding| Problem {
            line: locate::line_of_key(text, &finding.key),
            key: finding.key,
            what: finding.what,
            remedy: finding.remedy,
        })
        .collect();
    ConfigError {
        file: name.to_owned(),
        problems,
    }
}

/// Turns the parser's error into ours. The text of the line is not repeated: it may hold a secret.
pub(super) fn from_toml(name: &str, text: &str, error: &toml::de::Error) -> ConfigError {
    let span = error.span();
    let offset = span.filter(|span| !span.is_empty() || span.start > 0); // empty: the whole file
    let offset = offset.map(|span| span.start);
    let key = offset
        .and_then(|offset| locate::key_at(text, offset))
        .unwrap_or_default();
    let line = offset.map(|offset| locate::line_of_offset(text, offset));
    let (what, remedy) = explain(error.message(), &key);
    ConfigError::one(name, line, &key, what, remedy)
}

const LOOK: &str = "compare with config/ringwell.toml, where every key is explained";

fn explain(message: &str, key: &str) -> (String, String) {
    let message = message.trim();
    if let Some(rest) = message.strip_prefix("unknown field ") {
        return unknown_key(rest);
    }
    if let Some(field) = message.strip_prefix("missing field ") {
        let field = field.trim_matches('`');
        let place = if key.is_empty() {
            "the file".to_owned()
        } else {
            format!("[{key}]")
        };
        return (
            format!("`{field}` is missing"),
            format!("add `{field}` to {place}; config/ringwell.toml explains it"),
        );
    }
    match message.split_once("; ") {
        Some((what, remedy)) => (what.to_owned(), remedy.to_owned()),
        None => (message.to_owned(), LOOK.to_owned()),
    }
}

fn unknown_key(rest: &str) -> (String, String) {
    let mut names = rest.split('`').skip(1).step_by(2);
    let wrong = names.next().unwrap_or_default();
    let nearest = names
        .map(|name| (distance(wrong, name), name))
        .min()
        .filter(|(distance, _)| *distance <= 3);
    let remedy = match nearest {
        Some((_, name)) => format!("did you mean `{name}`?"),
        None => format!("remove it, or {LOOK}"),
    };
    (format!("there is no key `{wrong}` here"), remedy)
}

/// Insertions, deletions and substitutions that make `b` of `a`.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.bytes().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, right) in b.bytes().enumerate() {
            let substituted = diagonal + usize::from(left != right);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
