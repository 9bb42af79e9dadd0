//! The file of the knowledge base, and the search in it.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension};

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
/// BM25 is asked for when at most so many passages match.
const BM25_MAX: usize = 1000;
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

/// A question looked up term by term.
#[derive(Debug, Default)]
struct Lookup {
    /// What each term weighs.
    weights: Vec<f64>,
    /// Terms that were found as a guess only.
    guessed: u32,
    /// All that was found, as one expression.
    phrases: Vec<String>,
    matches: HashMap<i64, Match>,
}

impl Lookup {
    fn of(connection: &Connection, terms: &[Term]) -> rusqlite::Result<Self> {
        let mut select = connection.prepare_cached("SELECT count(*) FROM passages")?;
        let passages: i64 = select.query_row([], |row| row.get(0))?;
        let mut lookup = Self::default();
        for (bit, term) in terms.iter().enumerate() {
            let heard = lookup.mark(connection, &term.sure, bit)?;
            let weight = if heard > 0 {
                rarity(passages, heard)
            } else {
                match lookup.mark(connection, &term.guesses, bit)? {
                    0 => UNKNOWN_WEIGHT * rarity(passages, 1),
                    guessed => {
                        lookup.guessed |= 1 << bit;
                        GUESS_WEIGHT * rarity(passages, guessed)
                    }
                }
            };
            lookup.weights.push(weight);
        }
        Ok(lookup)
    }

    /// Marks the passages that have any of the phrases; gives their number.
    fn mark(
        &mut self,
        connection: &Connection,
        phrases: &[String],
        bit: usize,
    ) -> rusqlite::Result<usize> {
        if phrases.is_empty() {
            return Ok(0);
        }
        let any: Vec<String> = phrases.iter().map(|phrase| quoted(phrase)).collect();
        let any = any.join(" OR ");
        let mut having = HashSet::new();
        let mut select =
            connection.prepare_cached("SELECT rowid FROM passages WHERE passages MATCH ?1")?;
        for (column, (name, _)) in COLUMNS.iter().enumerate() {
            let mut rows = select.query([format!("{name} : ({any})")])?;
            while let Some(row) = rows.next()? {
                let id = row.get(0)?;
                self.matches.entry(id).or_default().0[column] |= 1 << bit;
                having.insert(id);
            }
        }
        if !having.is_empty() {
            self.phrases.push(any);
        }
        Ok(having.len())
    }

    /// How much of the question these terms are.
    fn share(&self, bits: u32) -> f64 {
        let has = |bit: &usize| bits & (1 << bit) != 0;
        let some: f64 = (0..self.weights.len())
            .filter(has)
            .map(|bit| self.weights[bit])
            .sum();
        some / self.weights.iter().sum::<f64>()
    }

    /// How much of the question stands in which column of a passage.
    fn points(&self, found: Match) -> f64 {
        let by_column = COLUMNS.iter().zip(found.0);
        by_column
            .map(|((_, points), bits)| points * self.share(bits))
            .sum()
    }

    /// The passages with the most of the question.
    fn candidates(&self) -> Vec<(f64, i64, Match)> {
        let all = self.matches.iter();
        let mut candidates: Vec<(f64, i64, Match)> = all
            .map(|(id, found)| (self.points(*found), *id, *found))
            .collect();
        candidates.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(&other.1)));
        candidates.truncate(RANKED_MAX);
        candidates
    }

    /// The rule that the module's documentation explains.
    fn is_answer(&self, found: Match, title_share: f64) -> bool {
        let terms = self.weights.len();
        let anywhere = found.anywhere();
        let is_enough = self.share(anywhere) >= share_needed(terms)
            && (terms < 3 || anywhere.count_ones() >= 2);
        // A guess is no reason to believe a title.
        let by_title = self.share(found.0[TITLE] & !self.guessed);
        is_enough || (title_share >= TITLE_SHARE_NEEDED && by_title >= STRAY_SHARE)
    }
}

/// The passages that answer a question, best first.
pub(super) fn find(
    connection: &Connection,
    terms: &[Term],
    limit: usize,
) -> rusqlite::Result<Vec<Passage>> {
    let lookup = Lookup::of(connection, terms)?;
    if lookup.phrases.is_empty() {
        return Ok(Vec::new());
    }
    let candidates = lookup.candidates();
    let occurrences = occurrences(connection, &lookup, &candidates)?;
    let mut select =
        connection.prepare_cached("SELECT title_words FROM passages WHERE rowid = ?1")?;
    let mut answers: Vec<(f64, i64)> = Vec::new();
    for (points, id, found) in candidates {
        let title_words: u32 = select.query_row([id], |row| row.get(0))?;
        let title_hits = found.0[TITLE].count_ones();
        let title_share = (f64::from(title_hits) / f64::from(title_words.max(1))).min(1.0);
        if lookup.is_answer(found, title_share) {
            let relevance = points * (1.0 + title_share / 2.0);
            let bm25 = occurrences.get(&id).copied().unwrap_or_default();
            answers.push((relevance + BM25_SHARE * bm25 / (1.0 + bm25), id));
        }
    }
    answers.sort_by(|one, other| other.0.total_cmp(&one.0));
    read(connection, &answers, limit)
}

/// BM25 of the candidates, the higher the better. Left out where very many passages match: it would take
/// longer than it is worth.
fn occurrences(
    connection: &Connection,
    lookup: &Lookup,
    candidates: &[(f64, i64, Match)],
) -> rusqlite::Result<HashMap<i64, f64>> {
    if lookup.matches.len() > BM25_MAX {
        return Ok(HashMap::new());
    }
    let wanted: HashSet<i64> = candidates.iter().map(|(_, id, _)| *id).collect();
    let mut select = connection.prepare_cached(
        "SELECT rowid, -bm25(passages, 4.0, 3.0, 1.0) FROM passages WHERE passages MATCH ?1",
    )?;
    let rows = select.query_map([lookup.phrases.join(" OR ")], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, f64>(1)?))
    })?;
    let of_candidates = rows.filter(|row| row.as_ref().map_or(true, |(id, _)| wanted.contains(id)));
    of_candidates.collect()
}

/// How much it tells that a passage has a word which so many of all have.
fn rarity(passages: i64, having: usize) -> f64 {
    let passages = usize::try_from(passages).unwrap_or_default();
    (1.0 + count(passages) / count(having.max(1))).ln()
}

/// A phrase as the search syntax takes it, whatever it holds.
fn quoted(phrase: &str) -> String {
    format!("\"{}\"", phrase.replace('"', "\"\""))
}

fn read(
    connection: &Connection,
    answers: &[(f64, i64)],
    limit: usize,
) -> rusqlite::Result<Vec<Passage>> {
    let mut select = connection.prepare_cached(
        "SELECT passages.article, passages.title, articles.url, passages.text
         FROM passages JOIN articles ON articles.id = passages.article WHERE passages.rowid = ?1",
    )?;
    let mut found: Vec<Passage> = Vec::new();
    for (score, id) in answers {
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
