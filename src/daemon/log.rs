//! Logging: the journal under systemd, readable lines on standard error otherwise.
//!
//! Every module logs through the `log` facade with key-values. In the journal each becomes a field
//! (`journalctl CALL_ID=..`); on a terminal they follow the message as `KEY=value`.

use core::fmt::{self, Write as _};
use std::io::Write as _;
use std::time::Instant;

use ::log::kv::{Key, Value, VisitSource};
use ::log::{LevelFilter, Log, Metadata, Record};

use crate::io::clock;

/// Which lines are wanted: a level for our own modules, and levels for some modules by name.
/// `"info"`, `"warn,sip=debug,io::media_thread=trace"`. Other crates speak from WARN on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Levels {
    ours: LevelFilter,
    others: LevelFilter,
    /// (module path, level), longest path first.
    modules: Vec<(String, LevelFilter)>,
}

impl Levels {
    /// Reads a specification; what cannot be read is left out (`config` has refused it before).
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut levels = Self {
            ours: LevelFilter::Info,
            others: LevelFilter::Warn,
            modules: Vec::new(),
        };
        for part in text.split(',').map(str::trim) {
            match part.split_once('=') {
                Some((module, level)) => {
                    if let Ok(level) = level.trim().parse() {
                        levels.modules.push((module.trim().to_owned(), level));
                    }
                }
                None => {
                    if let Ok(level) = part.parse() {
                        levels.ours = level;
                        levels.others = level.min(LevelFilter::Warn);
                    }
                }
            }
        }
        levels
            .modules
            .sort_by_key(|(module, _)| core::cmp::Reverse(module.len()));
        levels
    }

    /// The level in force for a log target (`ringwell::sip::endpoint`).
    fn of(&self, target: &str) -> LevelFilter {
        let inside = target.strip_prefix("ringwell::");
        let within = |path: &str, module: &str| {
            path.strip_prefix(module)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        };
        let named = self.modules.iter().find(|(module, _)| {
            within(target, module) || inside.is_some_and(|path| within(path, module))
        });
        match named {
            Some((_, level)) => *level,
            None if inside.is_some() || target == "ringwell" => self.ours,
            None => self.others,
        }
    }

    fn most(&self) -> LevelFilter {
        let named = self.modules.iter().map(|(_, level)| *level);
        named.fold(self.ours.max(self.others), Ord::max)
    }
}

/// Starts logging. `RUST_LOG` in the environment wins over `level`. A second call changes nothing.
pub fn init(level: &str) {
    let wanted = std::env::var("RUST_LOG").unwrap_or_else(|_| level.to_owned());
    let levels = Levels::parse(&wanted);
    let most = levels.most();
    let journal = systemd_journal_logger::connected_to_journal()
        .then(systemd_journal_logger::JournalLog::new)
        .and_then(Result::ok);
    let sink = match journal {
        Some(journal) => Sink::Journal(Box::new(
            journal.with_syslog_identifier("ringwell".to_owned()),
        )),
        None => Sink::Terminal(clock::now()),
    };
    if ::log::set_boxed_logger(Box::new(Logger { levels, sink })).is_ok() {
        ::log::set_max_level(most);
    }
}

enum Sink {
    Journal(Box<systemd_journal_logger::JournalLog>),
    /// Lines on standard error, with the time since this instant.
    Terminal(Instant),
}

struct Logger {
    levels: Levels,
    sink: Sink,
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= self.levels.of(metadata.target())
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        match &self.sink {
            Sink::Journal(journal) => journal.log(record),
            Sink::Terminal(start) => {
                let since = clock::now().saturating_duration_since(*start);
                let line = line(since.as_secs_f64(), record);
                // A terminal that is gone is no reason to stop answering calls.
                let _ = std::io::stderr().lock().write_all(line.as_bytes());
            }
        }
    }

    fn flush(&self) {}
}

/// `    1.234 INFO  sip::endpoint  answered CALL_ID=..`
fn line(seconds: f64, record: &Record<'_>) -> String {
    let target = record.target();
    let module = target.strip_prefix("ringwell::").unwrap_or(target);
    let mut text = String::with_capacity(128);
    let written = write!(
        text,
        "{seconds:9.3} {:5} {module:18} {}",
        record.level(),
        OneLine(record.args()),
    );
    written.expect("a String takes what is written");
    let visited = record.key_values().visit(&mut Pairs(&mut text));
    visited.expect("a String takes what is written");
    text.push('\n');
    text
}

/// Control characters escaped, so that a peer's words cannot forge a line.
struct OneLine<T>(T);

impl<T: fmt::Display> fmt::Display for OneLine<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaped(f), "{}", self.0)
    }
}

struct Escaped<'f, 'b>(&'f mut fmt::Formatter<'b>);

impl fmt::Write for Escaped<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            if character.is_control() {
                write!(self.0, "{}", character.escape_default())?;
            } else {
                self.0.write_char(character)?;
            }
        }
        Ok(())
    }
}

struct Pairs<'t>(&'t mut String);

impl<'kvs> VisitSource<'kvs> for Pairs<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), ::log::kv::Error> {
        write!(self.0, " {key}={}", OneLine(value))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
