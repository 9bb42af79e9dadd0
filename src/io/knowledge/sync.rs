//! Reading the helpdesk's articles and bringing the copy up to date in one transaction.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::SystemTime;

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::index::count_i64;
use super::question::{is_stop_word, words};
use super::{KnowledgeError, Synced, html, passages};
use crate::io::desk::{Article, Desk, Fetched};
use crate::io::store::micros;

/// Articles that are read; what a helpdesk lists beyond is left out with a warning.
pub const ARTICLES_MAX: usize = 10_000;
/// Articles per page; the most that helpdesks give.
const PAGE: usize = 100;
/// Passages of one article that are kept: a book of some 9 000 words.
const PASSAGES_MAX: usize = 50;

/// What the copy holds before a sync.
#[derive(Debug, Default)]
pub(super) struct Known {
    fingerprints: HashMap<String, i64>,
    pages: HashMap<usize, KnownPage>,
}

/// A page as it was listed last time.
#[derive(Clone, Debug)]
struct KnownPage {
    etag: String,
    listed: usize,
    total: Option<usize>,
    ids: Vec<String>,
}

/// What the helpdesk lists now.
#[derive(Debug, Default)]
pub(super) struct Listing {
    ids: HashSet<String>,
    changed: Vec<Prepared>,
    pages: HashMap<usize, KnownPage>,
    is_whole: bool,
}

/// An article that is new or reads differently.
#[derive(Debug)]
struct Prepared {
    id: String,
    title: String,
    url: String,
    keywords: String,
    fingerprint: i64,
    passages: Vec<String>,
}

impl Listing {
    /// Takes an article that the helpdesk lists.
    pub(super) fn take(&mut self, article: Article, known: &Known) {
        self.ids.insert(article.id.clone());
        self.changed.extend(prepare(article, known));
    }

    /// Notes that the list was read from beginning to end, so that what is not in it is gone.
    pub(super) fn close(&mut self) {
        self.is_whole = true;
    }
}

impl Known {
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let mut known = Self::default();
        let mut select = connection.prepare("SELECT id, fingerprint FROM articles")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            known.fingerprints.insert(row.get(0)?, row.get(1)?);
        }
        let mut select = connection.prepare("SELECT place, etag, listed, total, ids FROM pages")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let ids: String = row.get(4)?;
            let page = KnownPage {
                etag: row.get(1)?,
                listed: unsigned(row.get(2)?),
                total: row.get::<_, Option<i64>>(3)?.map(unsigned),
                ids: ids.lines().map(str::to_owned).collect(),
            };
            known.pages.insert(unsigned(row.get(0)?), page);
        }
        Ok(known)
    }
}

fn unsigned(number: i64) -> usize {
    usize::try_from(number).unwrap_or_default()
}

/// Reads the list from beginning to end; what has not changed is not read again.
pub(super) async fn fetch(desk: &Desk, known: Known) -> Result<Listing, KnowledgeError> {
    let mut listing = Listing::default();
    let mut place = 0;
    loop {
        let before = known.pages.get(&place);
        let etag = before
            .map(|page| page.etag.as_str())
            .filter(|etag| !etag.is_empty());
        let page = match (desk.articles(place, PAGE, etag).await?, before) {
            (Fetched::Unchanged, Some(before)) => before.clone(),
            // Unchanged from what we never saw: an answer that makes no sense ends the list as broken.
            (Fetched::Unchanged, None) => break,
            (Fetched::Page(page), _) => {
                let ids = page
                    .articles
                    .iter()
                    .map(|article| article.id.clone())
                    .collect();
                for article in page.articles {
                    listing.take(article, &known);
                }
                KnownPage {
                    etag: page.etag,
                    listed: page.listed,
                    total: page.total,
                    ids,
                }
            }
        };
        let (listed, total) = (page.listed, page.total);
        listing.ids.extend(page.ids.iter().cloned());
        listing.pages.insert(place, page);
        place += listed;
        let is_last = listed == 0 || total.map_or(listed < PAGE, |total| place >= total);
        if is_last {
            // A list that is shorter than it says, or that changed while it was read, removes nothing.
            if total.is_none_or(|total| place == total) {
                listing.close();
            }
            break;
        }
        if place >= ARTICLES_MAX {
            log::warn!(
                "the knowledge base has more than {ARTICLES_MAX} articles: the rest is left out"
            );
            break;
        }
    }
    Ok(listing)
}

/// The article cut into passages, unless it reads as before.
fn prepare(article: Article, known: &Known) -> Option<Prepared> {
    let mut hasher = DefaultHasher::new();
    (
        &article.title,
        &article.url,
        &article.keywords,
        &article.html,
    )
        .hash(&mut hasher);
    let fingerprint = hasher.finish().cast_signed();
    if known.fingerprints.get(&article.id) == Some(&fingerprint) {
        return None;
    }
    let mut passages = passages::cut(&html::to_text(&article.html));
    if passages.len() > PASSAGES_MAX {
        log::warn!("article {} is very long: its end is left out", article.id);
        passages.truncate(PASSAGES_MAX);
    }
    Some(Prepared {
        title: html::to_text(&article.title)
            .trim_end_matches('.')
            .to_owned(),
        id: article.id,
        url: article.url,
        keywords: article.keywords,
        fingerprint,
        passages,
    })
}

/// Writes what changed, in one transaction.
pub(super) fn write(
    connection: &mut Connection,
    listing: Listing,
    now: SystemTime,
) -> Result<Synced, KnowledgeError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let changed = listing.changed.len();
    for article in &listing.changed {
        remove(&transaction, &article.id)?;
        insert(&transaction, article)?;
    }
    let mut removed = 0;
    if listing.is_whole {
        let known = Known::read(&transaction)?;
        for id in known
            .fingerprints
            .keys()
            .filter(|id| !listing.ids.contains(*id))
        {
            remove(&transaction, id)?;
            removed += 1;
        }
    } else {
        log::warn!("the list of articles changed while it was read: nothing is removed this time");
    }
    write_pages(&transaction, &listing)?;
    transaction.execute(
        "INSERT OR REPLACE INTO facts VALUES ('last_sync_us', ?1)",
        params![micros(now)],
    )?;
    let articles: i64 =
        transaction.query_row("SELECT count(*) FROM articles", [], |row| row.get(0))?;
    transaction.commit()?;
    Ok(Synced {
        articles: unsigned(articles),
        changed,
        removed,
    })
}

fn remove(transaction: &Transaction<'_>, id: &str) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM passages WHERE article = ?1", [id])?;
    transaction
        .execute("DELETE FROM articles WHERE id = ?1", [id])
        .map(drop)
}

fn insert(transaction: &Transaction<'_>, article: &Prepared) -> rusqlite::Result<()> {
    transaction.execute(
        "INSERT INTO articles (id, url, fingerprint) VALUES (?1, ?2, ?3)",
        params![article.id, article.url, article.fingerprint],
    )?;
    let title_words: HashSet<String> = words(&article.title)
        .filter(|word| !is_stop_word(word))
        .collect();
    let mut insert = transaction.prepare_cached(
        "INSERT INTO passages (title, keywords, text, article, title_words) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for text in &article.passages {
        insert.execute(params![
            article.title,
            article.keywords,
            text,
            article.id,
            count_i64(title_words.len())
        ])?;
    }
    Ok(())
}

/// Keeps the pages only of a list that was read whole: they are what the next one is compared with.
fn write_pages(transaction: &Transaction<'_>, listing: &Listing) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM pages", [])?;
    if !listing.is_whole {
        return Ok(());
    }
    let mut insert = transaction.prepare_cached("INSERT INTO pages VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for (place, page) in &listing.pages {
        insert.execute(params![
            count_i64(*place),
            page.etag,
            count_i64(page.listed),
            page.total.map(count_i64),
            page.ids.join("\n")
        ])?;
    }
    Ok(())
}
