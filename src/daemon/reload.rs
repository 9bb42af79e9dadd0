//! SIGHUP: the whole configuration is read and checked again. A wrong file changes nothing; a right
//! one changes the lines, whom callers are connected with, and how much may be asked for, at once; what cannot
//! change at run time is named.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::{JoinError, JoinSet};

use super::lines::{Changes, Lines};
use crate::config::{Config, Secrets};

/// Reads the configuration and its secrets again, with what the command line said; or everything that is
/// wrong, each in a sentence.
pub type Reread = Arc<dyn Fn() -> Outcome + Send + Sync>;

/// What a reading gives.
type Outcome = Result<(Config, Secrets), Vec<String>>;

/// Keys that take effect at once; all others wait for a restart.
const AT_ONCE: [&str; 4] = ["line", "sip.unknown_source", "transfer", "guard"];

/// The configuration's life.
pub(crate) struct Reload {
    reread: Reread,
    /// At most one: a file is read outside the loop, since a disk may be slow.
    reading: JoinSet<Outcome>,
    /// Asked again while reading: what is being read may be old.
    again: bool,
    /// What the daemon was started with.
    started_with: Value,
    /// When lines were last taken from the file.
    taken_at: Instant,
    /// Why the last attempt changed nothing.
    faults: Vec<String>,
    /// Keys that wait for a restart.
    waiting: Vec<String>,
}

impl Reload {
    /// A daemon that was started with `config`.
    pub(crate) fn new(reread: Reread, config: &Config, now: Instant) -> Self {
        Self {
            reread,
            reading: JoinSet::new(),
            again: false,
            started_with: as_json(config),
            taken_at: now,
            faults: Vec::new(),
            waiting: Vec::new(),
        }
    }

    /// Begins to read.
    pub(crate) fn request(&mut self) {
        if !self.reading.is_empty() {
            self.again = true;
            return;
        }
        let reread = Arc::clone(&self.reread);
        self.reading.spawn_blocking(move || reread());
    }

    /// What was read, when it is. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Read {
        match self.reading.join_next().await {
            Some(read) => Read(Box::new(read)),
            None => core::future::pending().await,
        }
    }

    /// Takes what was read; the lines that are others now, and all of it for those who take the rest.
    pub(crate) fn take(
        &mut self,
        read: Read,
        lines: &Lines,
        now: Instant,
    ) -> Option<(Changes, Config)> {
        if core::mem::take(&mut self.again) {
            self.request();
            return None;
        }
        let read = (*read.0).unwrap_or_else(|error| {
            Err(vec![format!(
                "the configuration could not be read: {error}"
            )])
        });
        let (config, secrets) = match read {
            Ok(read) => read,
            Err(faults) => {
                for fault in &faults {
                    log::error!("the configuration is not taken: {fault}");
                }
                self.faults = faults;
                return None;
            }
        };
        self.faults.clear();
        self.taken_at = now;
        self.waiting = self.waiting_in(&config);
        if !self.waiting.is_empty() {
            let keys = self.waiting.join(", ");
            log::warn!("the configuration was changed where it needs a restart: {keys}");
        }
        for warning in config.warnings() {
            log::warn!("{warning}");
        }
        let changes = lines.reload(&config, &secrets);
        let Changes {
            added,
            changed,
            removed,
        } = &changes;
        log::info!(
            ADDED = added.len(), CHANGED = changed.len(), REMOVED = removed.len();
            "the configuration was read anew"
        );
        Some((changes, config))
    }

    /// Keys whose values are not those of the start.
    fn waiting_in(&self, config: &Config) -> Vec<String> {
        let mut keys = BTreeSet::new();
        differing(&self.started_with, &as_json(config), "", &mut keys);
        let at_once = |key: &str| {
            AT_ONCE.iter().any(|known| match key.strip_prefix(known) {
                Some(rest) => rest.is_empty() || rest.starts_with('.'),
                None => false,
            })
        };
        keys.into_iter().filter(|key| !at_once(key)).collect()
    }

    /// For `ringwell status`.
    pub(crate) fn status(&self, now: Instant) -> Value {
        let age: Duration = now.saturating_duration_since(self.taken_at);
        json!({
            "read_s_ago": age.as_secs(),
            "wrong": self.faults,
            "needs_restart": self.waiting,
        })
    }
}

/// What a reading task gave.
pub(crate) struct Read(Box<Result<Outcome, JoinError>>);

fn as_json(config: &Config) -> Value {
    serde_json::to_value(config).expect("a configuration is JSON")
}

/// Paths of the tables' keys that differ. A list counts as one value.
fn differing(old: &Value, new: &Value, path: &str, keys: &mut BTreeSet<String>) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            let names: BTreeSet<_> = old.keys().chain(new.keys()).collect();
            for name in names {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                let (old, new) = (old.get(name), new.get(name));
                let (old, new) = (old.unwrap_or(&Value::Null), new.unwrap_or(&Value::Null));
                differing(old, new, &path, keys);
            }
        }
        (old, new) if old == new => {}
        _ => {
            keys.insert(path.to_owned());
        }
    }
}

#[cfg(test)]
mod tests;
