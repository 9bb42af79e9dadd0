//! The knowledge base of the helpdesk, kept on this machine and searched in process.
//!
//! Only what everybody may read is kept. The file is a copy: a damaged one is thrown away and filled anew.
//! A failed sync leaves what is there.
//!
//! # When a passage counts as an answer
//! Full-text search always finds something, so a passage has to earn its place. The question is cut down to
//! its content words (no stop words, no telephone chatter); each becomes a term with its synonyms and, when
//! no article knows the word, its likely spelling. A term weighs the more the fewer passages have it, and
//! one that none has weighs half of the rarest. A passage counts when
//! - it has enough of the question's weight: all of it for one term, half for two, less for long questions,
//!   down to a quarter, and at least two terms from three on; or
//! - the question has most of the words of its title, and that is more than a stray word.
//!
//! What counts is ordered by how much of the question stands in title, keywords and text, half as much again
//! for the question's share of the title; BM25 decides between equals.

mod html;
mod index;
mod passages;
mod question;
mod sync;
mod vocabulary;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rusqlite::Connection;
use thiserror::Error;

use crate::conversation::Passage;
use crate::io::clock;
use crate::io::desk::{Desk, DeskError};
use crate::ticket::saga::backoff;
use vocabulary::Vocabulary;

pub use sync::ARTICLES_MAX;

/// Why the knowledge base is not at hand or not up to date.
#[derive(Clone, Debug, Error)]
pub enum KnowledgeError {
    /// The file cannot be used.
    #[error("the knowledge file cannot be used: {0}")]
    File(String),
    /// The helpdesk did not give its articles.
    #[error(transparent)]
    Desk(#[from] DeskError),
}

impl From<rusqlite::Error> for KnowledgeError {
    fn from(error: rusqlite::Error) -> Self {
        Self::File(error.to_string())
    }
}

/// What is known, and since when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnowledgeStatus {
    /// Public articles.
    pub articles: usize,
    /// Passages they are cut into.
    pub passages: usize,
    /// When the helpdesk was last read to the end.
    pub last_sync: Option<SystemTime>,
    /// Why the last sync failed, in words; nothing after a success.
    pub last_error: Option<String>,
}

/// What a sync did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Synced {
    /// Public articles there are now.
    pub articles: usize,
    /// Articles that are new or read differently.
    pub changed: usize,
    /// Articles that are gone.
    pub removed: usize,
}

/// The knowledge base; clones share it.
#[derive(Clone, Debug)]
pub struct Knowledge {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    reader: Mutex<Connection>,
    writer: Mutex<Connection>,
    vocabulary: RwLock<Arc<Vocabulary>>,
    status: Mutex<KnowledgeStatus>,
    /// One sync at a time.
    syncing: tokio::sync::Mutex<()>,
}

impl Knowledge {
    /// Opens or creates the file.
    ///
    /// # Errors
    /// [`KnowledgeError::File`] when even a new file cannot be used.
    pub fn open(path: &Path) -> Result<Self, KnowledgeError> {
        let writer = index::open(path)?;
        let reader = index::open(path)?;
        let vocabulary = Vocabulary::read(&reader)?;
        let status = index::status(&reader)?;
        Ok(Self {
            inner: Arc::new(Inner {
                reader: Mutex::new(reader),
                writer: Mutex::new(writer),
                vocabulary: RwLock::new(Arc::new(vocabulary)),
                status: Mutex::new(status),
                syncing: tokio::sync::Mutex::new(()),
            }),
        })
    }

    /// The passages that answer a question, best first, at most `limit`; none when nothing fits. Takes a
    /// few milliseconds, whatever the question holds.
    #[must_use]
    pub fn search(&self, question: &str, limit: usize) -> Vec<Passage> {
        let vocabulary = {
            let shared = self
                .inner
                .vocabulary
                .read()
                .unwrap_or_else(PoisonError::into_inner);
            Arc::clone(&shared)
        };
        let terms = question::terms(question, &vocabulary);
        if terms.is_empty() || limit == 0 {
            return Vec::new();
        }
        match index::find(&locked(&self.inner.reader), &terms, limit) {
            Ok(found) => found,
            Err(error) => {
                log::error!("the knowledge base cannot be searched: {error}");
                Vec::new()
            }
        }
    }

    /// Brings the copy up to date with the helpdesk.
    ///
    /// # Errors
    /// [`KnowledgeError`]; the copy is as it was then.
    pub async fn sync(&self, desk: &Desk) -> Result<Synced, KnowledgeError> {
        let _one_at_a_time = self.inner.syncing.lock().await;
        let synced = self.sync_once(desk).await;
        let mut status = locked(&self.inner.status);
        match &synced {
            Ok(_) => *status = index::status(&locked(&self.inner.reader))?,
            Err(error) => status.last_error = Some(error.to_string()),
        }
        synced
    }

    async fn sync_once(&self, desk: &Desk) -> Result<Synced, KnowledgeError> {
        let known = sync::Known::read(&locked(&self.inner.writer))?;
        let listing = sync::fetch(desk, known).await?;
        let inner = Arc::clone(&self.inner);
        let written = tokio::task::spawn_blocking(move || {
            let synced = sync::write(&mut locked(&inner.writer), listing, clock::wallclock())?;
            let vocabulary = Vocabulary::read(&locked(&inner.writer))?;
            let mut shared = inner
                .vocabulary
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            *shared = Arc::new(vocabulary);
            Ok(synced)
        });
        written
            .await
            .map_err(|error| KnowledgeError::File(error.to_string()))?
    }

    /// What is known, and since when.
    #[must_use]
    pub fn status(&self) -> KnowledgeStatus {
        locked(&self.inner.status).clone()
    }
}

/// A lock whose last holder panicked guards a connection all the same.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps the copy up to date until it is dropped: at once, then every `interval` (give or take a tenth, so
/// that many boxes do not come together), sooner after a failure.
pub async fn run(knowledge: Knowledge, desk: Arc<Desk>, interval: Duration) {
    let mut failures = 0_u32;
    loop {
        let chance = clock::seed()[0];
        let wait = match knowledge.sync(&desk).await {
            Ok(synced) => {
                failures = 0;
                if synced.changed + synced.removed > 0 {
                    log::info!(
                        "knowledge base: {} articles, {} new or changed, {} gone",
                        synced.articles,
                        synced.changed,
                        synced.removed
                    );
                }
                around(interval, chance)
            }
            Err(KnowledgeError::Desk(DeskError::Barred { after, reason })) => {
                log::error!("the knowledge base is not kept up to date: {reason}");
                after.max(around(interval, chance))
            }
            Err(error) => {
                failures = failures.saturating_add(1);
                log::warn!("the knowledge base is not up to date: {error}");
                backoff(failures, chance).min(interval)
            }
        };
        tokio::time::sleep(wait).await;
    }
}

/// `interval` give or take a tenth.
fn around(interval: Duration, chance: u64) -> Duration {
    let extra = u32::try_from(chance % 201).expect("a remainder of 201 fits");
    interval.saturating_mul(900 + extra) / 1000
}

#[cfg(test)]
mod tests;
