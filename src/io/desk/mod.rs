//! Helpdesks: what the outbox and the knowledge sync ask of one, and which ones there are.

pub mod kayako;

use std::time::Duration;

use thiserror::Error;

use crate::ticket::CallId;
use crate::ticket::saga::{Step, StepResult};

/// The helpdesks.
#[derive(Debug)]
pub enum Desk {
    /// Kayako, the new platform (`/api/v1`); Classic is refused.
    Kayako(kayako::Kayako),
}

/// Why a helpdesk did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DeskError {
    /// Temporary, or unclear whether it was done: no answer, a lost connection, 5xx, 429.
    #[error("{reason}")]
    Retry {
        /// Not before this time has passed.
        after: Option<Duration>,
        /// In plain words.
        reason: String,
    },
    /// It will never take this one request; others may do.
    #[error("{reason}")]
    Refused {
        /// In plain words.
        reason: String,
    },
    /// It takes nothing from us until an administrator acts: credentials, permissions, a wrong address.
    /// To be asked again rarely, since helpdesks lock accounts.
    #[error("{reason}")]
    Barred {
        /// Not before this time has passed.
        after: Duration,
        /// In plain words, with the remedy.
        reason: String,
    },
}

/// For which call a step is performed, and how often it was tried in vain.
#[derive(Clone, Copy, Debug)]
pub struct Occasion<'a> {
    /// The call whose ticket it is.
    pub call_id: &'a CallId,
    /// Attempts without progress before this one.
    pub attempt: u32,
}

/// An article of the knowledge base that everybody may read, in the language chosen in the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Article {
    /// Id in the helpdesk.
    pub id: String,
    /// Title.
    pub title: String,
    /// Address for people, may be empty.
    pub url: String,
    /// Search words given by the author, may be empty.
    pub keywords: String,
    /// The text as HTML.
    pub html: String,
}

/// One page of the list of articles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ArticlePage {
    /// The public ones among those listed.
    pub articles: Vec<Article>,
    /// How many the page lists, public or not.
    pub listed: usize,
    /// How many there are in all, if the helpdesk says so.
    pub total: Option<usize>,
    /// What to give as `known` next time; empty when the helpdesk gives none.
    pub etag: String,
}

/// Answer to a question for a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// It is as it was when its `etag` was given.
    Unchanged,
    /// The page.
    Page(ArticlePage),
}

impl Desk {
    /// Performs one step of a saga. ([`Step::Done`] and [`Step::DeadLetter`] ask nothing of a helpdesk.)
    ///
    /// # Errors
    /// [`DeskError`].
    pub async fn perform(
        &self,
        step: &Step,
        occasion: Occasion<'_>,
    ) -> Result<StepResult, DeskError> {
        match self {
            Self::Kayako(kayako) => kayako.perform(step, occasion).await,
        }
    }

    /// One page of the knowledge base: at most `limit` articles from `offset` on. With `known`, the etag of
    /// an earlier page at the same place, the answer may be [`Fetched::Unchanged`].
    ///
    /// # Errors
    /// [`DeskError`].
    pub async fn articles(
        &self,
        offset: usize,
        limit: usize,
        known: Option<&str>,
    ) -> Result<Fetched, DeskError> {
        match self {
            Self::Kayako(kayako) => kayako.articles(offset, limit, known).await,
        }
    }

    /// Signs in and says as whom, in words.
    ///
    /// # Errors
    /// [`DeskError`], in words for the administrator.
    pub async fn check(&self) -> Result<String, DeskError> {
        match self {
            Self::Kayako(kayako) => kayako.check().await,
        }
    }

    /// How long a ticket whose creation got no answer may take to be found.
    #[must_use]
    pub fn settle(&self) -> Duration {
        match self {
            Self::Kayako(kayako) => kayako.settle(),
        }
    }

    /// Forgets that the helpdesk barred us, because somebody has put that right.
    pub async fn rearm(&self) {
        match self {
            Self::Kayako(kayako) => kayako.rearm().await,
        }
    }
}
