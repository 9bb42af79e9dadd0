//! The repository as text: its files, and Rust code with comments and strings blanked.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// One file.
#[derive(Clone, Debug)]
pub struct File {
    /// Relative to the repository, with `/`.
    pub path: String,
    /// As it is.
    pub text: String,
    /// Rust only: the same lines with comments and the insides of strings blanked.
    pub code: String,
    /// Compiled for tests alone.
    pub is_test: bool,
}

impl File {
    /// A file for a rule's own test.
    pub fn planted(path: &str, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            code: blank(text),
            is_test: path.starts_with("tests/") || path.ends_with("/tests.rs"),
        }
    }

    pub fn is_rust(&self) -> bool {
        has_extension(&self.path, "rs")
    }

    /// Module path: `src/sip/session/mod.rs` is `sip`, `session`; `src/main/run.rs` is `main`, `run`.
    pub fn module(&self) -> Vec<&str> {
        let Some(path) = self.path.strip_prefix("src/") else {
            return Vec::new();
        };
        let path = path.trim_end_matches(".rs");
        let path = path.strip_suffix("/mod").unwrap_or(path);
        path.split('/').collect()
    }

    /// The folder under `src`, or nothing for what stands outside.
    pub fn top(&self) -> &str {
        self.module().first().copied().unwrap_or_default()
    }

    /// `path:line` of a byte offset.
    pub fn at(&self, offset: usize) -> String {
        let line = self
            .text
            .bytes()
            .take(offset)
            .filter(|b| *b == b'\n')
            .count()
            + 1;
        format!("{}:{line}", self.path)
    }
}

pub fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path).extension().is_some_and(|e| e == extension)
}

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every text file of the repository, without what git ignores.
pub fn files() -> &'static [File] {
    static FILES: OnceLock<Vec<File>> = OnceLock::new();
    FILES.get_or_init(|| {
        let mut files = Vec::new();
        walk(&root(), &mut files);
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let tests = test_modules(&files);
        for file in &mut files {
            let folder = |path: &String| file.path.starts_with(&format!("{path}/"));
            file.is_test = file.path.starts_with("tests/")
                || tests.contains(file.path.trim_end_matches(".rs"))
                || tests.iter().any(folder);
        }
        files
    })
}

/// The Rust files under `src`.
pub fn sources() -> impl Iterator<Item = &'static File> {
    let rust = files().iter().filter(|file| file.is_rust());
    rust.filter(|file| file.path.starts_with("src/"))
}

fn walk(folder: &Path, files: &mut Vec<File>) {
    for entry in fs::read_dir(folder).expect("a folder can be listed") {
        let path = entry.expect("an entry can be read").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name == ".git" {
            continue;
        }
        if path.is_dir() {
            // What cargo builds beside a Cargo.toml.
            if !(name.starts_with("target") && folder.join("Cargo.toml").exists()) {
                walk(&path, files);
            }
        } else if let Ok(text) = fs::read_to_string(&path) {
            let relative = path.strip_prefix(root()).expect("it lies inside");
            let relative = relative.to_string_lossy().into_owned();
            let rust = has_extension(&relative, "rs");
            files.push(File {
                code: if rust { blank(&text) } else { String::new() },
                path: relative,
                text,
                is_test: false,
            });
        }
    }
}

/// Paths, without `.rs`, of the modules declared under `#[cfg(test)]`.
fn test_modules(files: &[File]) -> BTreeSet<String> {
    let mut modules = BTreeSet::new();
    for file in files.iter().filter(|file| file.is_rust()) {
        let lines: Vec<&str> = file.code.lines().map(str::trim).collect();
        for pair in lines.windows(2) {
            let declared = pair[1].strip_suffix(';').and_then(|line| {
                let line = line
                    .trim_start_matches("pub(crate) ")
                    .trim_start_matches("pub ");
                line.strip_prefix("mod ")
            });
            if let (true, Some(name)) = (pair[0].starts_with("#[cfg(test)]"), declared) {
                let here = file.path.trim_end_matches(".rs").trim_end_matches("/mod");
                modules.insert(format!("{here}/{name}"));
            }
        }
    }
    modules
}

/// Blanks comments and the insides of string and character literals; lines and offsets stay.
pub fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let length = literal(&bytes[at..], out.last().copied());
        if length == 0 {
            out.push(bytes[at]);
            at += 1;
            continue;
        }
        let blanked = bytes[at..at + length].iter();
        out.extend(blanked.map(|byte| if *byte == b'\n' { b'\n' } else { b' ' }));
        at += length;
    }
    String::from_utf8(out).expect("whole characters are blanked or kept")
}

/// Length of the comment or literal at the start of `bytes`, 0 when there is none.
fn literal(bytes: &[u8], before: Option<u8>) -> usize {
    let in_word = before.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
    match bytes {
        [b'/', b'/', ..] => find(bytes, b"\n", 0),
        [b'/', b'*', ..] => block_comment(bytes),
        [b'"', ..] => quoted(bytes),
        [b'r', b'"' | b'#', ..] if !in_word => raw(bytes, 1),
        [b'b' | b'c', b'r', b'"' | b'#', ..] if !in_word => raw(bytes, 2),
        [b'\'', b'\\', rest @ ..] => 2 + find(rest, b"'", 1) + 1,
        [b'\'', rest @ ..] => {
            // A character, unless it is a lifetime.
            let character = core::str::from_utf8(&rest[..rest.len().min(4)]);
            let valid = character.unwrap_or_else(|error| {
                core::str::from_utf8(&rest[..error.valid_up_to()]).expect("it is valid up to there")
            });
            let width = valid.chars().next().map_or(1, char::len_utf8);
            if rest.get(width) == Some(&b'\'') {
                width + 2
            } else {
                0
            }
        }
        _ => 0,
    }
}

fn find(bytes: &[u8], what: &[u8], from: usize) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    let found = rest.windows(what.len()).position(|window| window == what);
    found.map_or(bytes.len(), |position| from + position)
}

fn block_comment(bytes: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < bytes.len() {
        match &bytes[at..] {
            [b'/', b'*', ..] => depth += 1,
            [b'*', b'/', ..] => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            break;
        }
    }
    at
}

fn quoted(bytes: &[u8]) -> usize {
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// A raw string whose hashes begin at `prefix`; a raw identifier (`r#type`) is none.
fn raw(bytes: &[u8], prefix: usize) -> usize {
    let hashes = bytes[prefix..]
        .iter()
        .take_while(|byte| **byte == b'#')
        .count();
    if bytes.get(prefix + hashes) != Some(&b'"') {
        return 0;
    }
    let end = [b"\"", "#".repeat(hashes).as_bytes()].concat();
    (find(bytes, &end, prefix + hashes + 1) + end.len()).min(bytes.len())
}

/// Offsets at which `word` stands as a whole word (words end at what is no letter, digit or `_`).
pub fn words<'t>(text: &'t str, word: &'t str) -> impl Iterator<Item = usize> + 't {
    let part = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    let bytes = text.as_bytes();
    text.match_indices(word)
        .map(|(at, _)| at)
        .filter(move |at| {
            let before = at.checked_sub(1).and_then(|before| bytes.get(before));
            let starts = !word.starts_with(|c: char| c.is_alphanumeric()) || !part(before);
            let ends =
                !word.ends_with(|c: char| c.is_alphanumeric()) || !part(bytes.get(at + word.len()));
            starts && ends
        })
}

#[test]
fn comments_and_strings_are_blanked() {
    let code = "let a = \"x // \\\" y\"; // gone\nlet b = 'c'; /* a /* b */ c */ let d: &'static str = r#\"e\"f\"#;";
    let blanked = blank(code);
    assert_eq!(blanked.len(), code.len());
    for gone in ["x //", "gone", "'c'", "b */", "e\"f"] {
        assert!(!blanked.contains(gone), "{gone}: {blanked}");
    }
    for kept in ["let a =", "let b =", "let d: &'static str =", ";"] {
        assert!(blanked.contains(kept), "{kept}: {blanked}");
    }
    assert_eq!(
        blank("r#type 'a: '\\n' b\"x\" 'ü'"),
        "r#type 'a:      b        "
    );
}

#[test]
fn words_are_whole() {
    assert_eq!(
        words("unsafe_code unsafe un", "unsafe").collect::<Vec<_>>(),
        [12]
    );
    assert_eq!(words("a.elapsed() elapsed()", ".elapsed()").count(), 1);
}

#[test]
fn test_files_are_known() {
    let planted = [
        File::planted("src/a/mod.rs", "#[cfg(test)]\nmod tests;\nmod real;"),
        File::planted("src/b.rs", "#[cfg(test)]\npub(crate) mod fixtures;"),
    ];
    let modules = test_modules(&planted);
    assert_eq!(
        modules.into_iter().collect::<Vec<_>>(),
        ["src/a/tests", "src/b/fixtures"]
    );
}
