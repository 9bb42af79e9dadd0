//! The file of the knowledge base, and the search in it.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use super::question::Term;
use super::{KnowledgeError, KnowledgeStatus};
use crate::conversation::Passage;
use crate::io::store::civil;

/// Counts up when the tables or what is put into them change; an older file is filled anew.
const VERSION: i64 = 1;

const TABLES: &str = "
CREATE TABLE articles (
    id          TEXT PRIMARY KEY,
    url         TEXT NOT NULL,
    fingerprint INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE pages (
    place  INTEGER PRIMARY KEY,
    etag   TEXT NOT NULL,
    listed INTEGER NOT NULL,
    total  INTEGER,
    ids    TEXT NOT NULL
) STRICT;
CREATE TABLE facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE VIRTUAL TABLE passages USING fts5 (
    title, keywords, text, article UNINDEXED, title_words UNINDEXED,
    tokenize = 'porter unicode61 remove_diacritics 2'
);
";

/// The columns that are searched, and how much a term counts that stands in each.
const COLUMNS: [(&str, f64); 3] = [("title", 0.6), ("keywords", 0.3), ("text", 0.4)];
const TITLE: usize = 0;
/// How much BM25, which knows how often words occur and how long passages are, decides between equals.
const BM25_SHARE: f64 = 0.2;
/// How many passages are ranked.
const RANKED_MAX: usize = 60;
/// Passages of one article in a result: the answer is rarely further in.
const PER_ARTICLE_MAX: usize = 2;

/// How much of a question of so many terms a passage has to have.
fn share_needed(terms: usize) -> f64 {
    match terms {
        0 | 1 => 1.0,
        2 => 0.5,
        more => (0.2 + 0.75 / count(more)).max(0.25),
    }
}
/// How much of a title a question has to have for the title alone to be enough.
const TITLE_SHARE_NEEDED: f64 = 0.6;
/// And how much of the question that must be.
const STRAY_SHARE: f64 = 0.2;
/// What a guessed word weighs, as a part of what it would weigh if it had been heard so.
const GUESS_WEIGHT: f64 = 0.7;
/// What a word weighs that no article has, as a part of the weight of the rarest.
const UNKNOWN_WEIGHT: f64 = 0.5;

/// Opens the file; one that is damaged, or of another version, is begun anew.
pub(super) fn open(path: &Path) -> Result<Connection, KnowledgeError> {
    match prepare(path) {
        Ok(connection) => Ok(connection),
        Err(error) => {
            log::warn!(
                "the knowledge file {} is begun anew: {error}",
                path.display()
            );
            for suffix in ["", "-wal", "-shm"] {
                let mut name = path.as_os_str().to_owned();
                name.push(suffix);
                // What is not there need not be removed; what cannot be removed shows when it is opened.
                let _removed = std::fs::remove_file(name);
            }
            Ok(prepare(path)?)
        }
    }
}

fn prepare(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // A copy that can be fetched again need not survive a power cut whole.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found == 0 {
        connection.execute_batch(&format!(
            "BEGIN IMMEDIATE; {TABLES} PRAGMA user_version = {VERSION}; COMMIT"
        ))?;
    } else if found != VERSION {
        return Err(rusqlite::Error::InvalidQuery);
    }
    // A damaged index shows here and not in the middle of a call.
    connection.query_row("SELECT count(*) FROM passages", [], |row| {
        row.get::<_, i64>(0)
    })?;
    Ok(connection)
}

/// What the file holds.
pub(super) fn status(connection: &Connection) -> rusqlite::Result<KnowledgeStatus> {
    let number = |sql: &str| -> rusqlite::Result<usize> {
        let count: i64 = connection.query_row(sql, [], |row| row.get(0))?;
        Ok(usize::try_from(count).unwrap_or_default())
    };
    let last_sync = connection
        .query_row(
            "SELECT value FROM facts WHERE name = 'last_sync_us'",
            [],
            |row| row.get(0),
        )
        .optional()?;
    Ok(KnowledgeStatus {
        articles: number("SELECT count(*) FROM articles")?,
        passages: number("SELECT count(*) FROM passages")?,
        last_sync: last_sync.map(civil),
        last_error: None,
    })
}

/// What of the question a passage has, column by column; one bit per term.
#[derive(Clone, Copy, Debug, Default)]
struct Match([u32; COLUMNS.len()]);

impl Match {
    fn anywhere(self) -> u32 {
        self.0.iter().fold(0, |bits, column| bits | column)
    }
}

/// The weights of a question's terms.
struct Weights(Vec<f64>);

impl Weights {
    /// How much of the question these terms are.
    fn share(&self, bits: u32) -> f64 {
        let has = |bit: &usize| bits & (1 << bit) != 0;
        let some: f64 = (0..self.0.len()).filter(has).map(|bit| self.0[bit]).sum();
        some / self.0.iter().sum::<f64>()
    }
}

/// The passages that answer a question, best first.
pub(super) fn find(
    connection: &Connection,
    terms: &[Term],
    limit: usize,
) -> rusqlite::Result<Vec<Passage>> {
    let passages: i64 =
        connection.query_row("SELECT count(*) FROM passages", [], |row| row.get(0))?;
    let mut matches: HashMap<i64, Match> = HashMap::new();
    let mut weights = Weights(Vec::with_capacity(terms.len()));
    let mut phrases = Vec::with_capacity(terms.len());
    for (bit, term) in terms.iter().enumerate() {
        let (weight, phrase) = weigh(connection, term, bit, passages, &mut matches)?;
        weights.0.push(weight);
        phrases.extend(phrase);
    }
    if phrases.is_empty() {
        return Ok(Vec::new());
    }
    let mut ranked = connection.prepare_cached(
        "SELECT rowid, bm25(passages, 4.0, 3.0, 1.0), title_words FROM passages
         WHERE passages MATCH ?1 ORDER BY 2 LIMIT ?2",
    )?;
    let mut rows = ranked.query(params![phrases.join(" OR "), count_i64(RANKED_MAX)])?;
    let mut accepted: Vec<(f64, i64)> = Vec::new();
    while let Some(row) = rows.next()? {
        let (id, bm25): (i64, f64) = (row.get(0)?, row.get(1)?);
        let title_words: u32 = row.get(2)?;
        let found = matches.get(&id).copied().unwrap_or_default();
        let title_hits = found.0[TITLE].count_ones();
        let title_share = (f64::from(title_hits) / f64::from(title_words.max(1))).min(1.0);
        if is_answer(found, &weights, title_share) {
            let by_columns = COLUMNS.iter().zip(found.0);
            let points: f64 = by_columns
                .map(|((_, points), bits)| points * weights.share(bits))
                .sum();
            let relevance = points * (1.0 + title_share / 2.0);
            accepted.push((relevance + BM25_SHARE * -bm25 / (1.0 - bm25), id));
        }
    }
    accepted.sort_by(|one, other| other.0.total_cmp(&one.0));
    read(connection, &accepted, limit)
}

/// The rule that the module's documentation explains.
fn is_answer(found: Match, weights: &Weights, title_share: f64) -> bool {
    let terms = weights.0.len();
    let anywhere = found.anywhere();
    let is_enough =
        weights.share(anywhere) >= share_needed(terms) && (terms < 3 || anywhere.count_ones() >= 2);
    let is_title =
        title_share >= TITLE_SHARE_NEEDED && weights.share(found.0[TITLE]) >= STRAY_SHARE;
    is_enough || is_title
}

/// Finds the passages that have a term and marks them. Gives the term's weight, and its phrases if any
/// passage has them.
fn weigh(
    connection: &Connection,
    term: &Term,
    bit: usize,
    passages: i64,
    matches: &mut HashMap<i64, Match>,
) -> rusqlite::Result<(f64, Option<String>)> {
    for (phrases, factor) in [(&term.sure, 1.0), (&term.guesses, GUESS_WEIGHT)] {
        if phrases.is_empty() {
            continue;
        }
        let any: Vec<String> = phrases.iter().map(|phrase| quoted(phrase)).collect();
        let any = any.join(" OR ");
        let mut having: HashSet<i64> = HashSet::new();
        for (column, (name, _)) in COLUMNS.iter().enumerate() {
            // A guess is no reason to believe a title.
            if column == TITLE && factor < 1.0 {
                continue;
            }
            for id in rows(connection, &format!("{name} : ({any})"))? {
                matches.entry(id).or_default().0[column] |= 1 << bit;
                having.insert(id);
            }
        }
        if having.is_empty() {
            continue;
        }
        return Ok((factor * rarity(passages, having.len()), Some(any)));
    }
    Ok((UNKNOWN_WEIGHT * rarity(passages, 1), None))
}

/// How much it tells that a passage has a word which so many of all have.
fn rarity(passages: i64, having: usize) -> f64 {
    let passages = usize::try_from(passages).unwrap_or_default();
    (1.0 + count(passages) / count(having.max(1))).ln()
}

/// Passages that match an expression.
fn rows(connection: &Connection, expression: &str) -> rusqlite::Result<Vec<i64>> {
    let mut select =
        connection.prepare_cached("SELECT rowid FROM passages WHERE passages MATCH ?1")?;
    select.query_map([expression], |row| row.get(0))?.collect()
}

/// A phrase as the search syntax takes it, whatever it holds.
fn quoted(phrase: &str) -> String {
    format!("\"{}\"", phrase.replace('"', "\"\""))
}

fn read(
    connection: &Connection,
    accepted: &[(f64, i64)],
    limit: usize,
) -> rusqlite::Result<Vec<Passage>> {
    let mut select = connection.prepare_cached(
        "SELECT passages.article, passages.title, articles.url, passages.text
         FROM passages JOIN articles ON articles.id = passages.article WHERE passages.rowid = ?1",
    )?;
    let mut found: Vec<Passage> = Vec::new();
    for (score, id) in accepted {
        let passage = select.query_row([id], |row| {
            Ok(Passage {
                article: row.get(0)?,
                title: row.get(1)?,
                url: row.get(2)?,
                text: row.get(3)?,
                score: *score,
            })
        })?;
        let of_same = found
            .iter()
            .filter(|other| other.article == passage.article)
            .count();
        if of_same < PER_ARTICLE_MAX {
            found.push(passage);
        }
        if found.len() == limit {
            break;
        }
    }
    Ok(found)
}

/// A count as a real number; counts here are small.
fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

pub(super) fn count_i64(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
