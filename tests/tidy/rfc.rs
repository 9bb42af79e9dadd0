//! `docs/rfc.md`: its rows name modules and tests that exist, and no RFC is cited in the code that it
//! does not know.

use std::collections::BTreeSet;

use crate::source::{File, files};
use crate::{found, none};

/// A row: section, what we do, module, tests.
struct Row<'a> {
    line: usize,
    section: &'a str,
    modules: Vec<&'a str>,
    tests: Vec<&'a str>,
}

/// What stands in backticks in a cell.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

fn rows(text: &str) -> Vec<Row<'_>> {
    let lines = text.lines().enumerate();
    let rows =
        lines.filter(|(_, line)| line.starts_with("| ") && !line.starts_with("| RFC, section"));
    rows.map(|(index, line)| {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let cell = |at: usize| cells.get(at).copied().unwrap_or_default();
        Row {
            line: index + 1,
            section: cell(1),
            modules: quoted(cell(3)),
            tests: quoted(cell(4)),
        }
    })
    .collect()
}

/// `sip/dialog` is `src/sip/dialog.rs` or a folder of that name; `config/..`, `scripts/..` are paths.
fn is_module(name: &str, all: &[File]) -> bool {
    let (file, folder) = (format!("src/{name}.rs"), format!("src/{name}/"));
    all.iter()
        .any(|it| it.path == file || it.path.starts_with(&folder) || it.path == name)
}

/// A test function of that name, or a SIPp scenario.
fn is_test(name: &str, all: &[File]) -> bool {
    let (function, scenario) = (format!("fn {name}("), format!("tests/sipp/{name}"));
    all.iter()
        .any(|it| it.code.contains(&function) && it.is_rust() || it.path == scenario)
}

fn row_faults(text: &str, all: &[File]) -> Vec<String> {
    let mut faults = Vec::new();
    for row in rows(text) {
        let at = format!("docs/rfc.md:{}: {}", row.line, row.section);
        if !row.section.starts_with("RFC ") {
            faults.push(format!("{at}: begins with no RFC"));
        }
        if row.modules.is_empty() || row.tests.is_empty() {
            faults.push(format!("{at}: names no module or no test"));
        }
        let modules = row.modules.iter().filter(|name| !is_module(name, all));
        faults.extend(modules.map(|name| format!("{at}: there is no module `{name}`")));
        let tests = row.tests.iter().filter(|name| !is_test(name, all));
        faults.extend(tests.map(|name| format!("{at}: there is no test `{name}`")));
    }
    faults
}

/// The numbers of the RFCs that a text cites.
fn cited(text: &str) -> BTreeSet<&str> {
    let after = text.match_indices("RFC ").map(|(at, _)| &text[at + 4..]);
    let numbers = after.map(|rest| {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        &rest[..digits]
    });
    numbers.filter(|number| number.len() >= 4).collect()
}

fn unknown_in(file: &File, known: &BTreeSet<&str>) -> Vec<String> {
    let unknown = cited(&file.text)
        .into_iter()
        .filter(|it| !known.contains(it));
    unknown
        .map(|number| format!("{}: RFC {number} is not in docs/rfc.md", file.path))
        .collect()
}

fn document() -> &'static File {
    let found = files().iter().find(|file| file.path == "docs/rfc.md");
    found.expect("docs/rfc.md is there")
}

#[test]
fn the_rfc_table_is_true() {
    none(&row_faults(&document().text, files()));
    let planted = "| RFC, section | what | module | test |\n| RFC 1 §1 | x | `sip/dialog` | `no_such` |\n\
        | RFC 1 §2 | x | `sip/nothing` | `the_rfc_table_is_true` |\n| 3261 | x | | |\n";
    found(&row_faults(planted, files()), 4);
}

#[test]
fn every_rfc_of_the_code_is_in_the_table() {
    let known = cited(&document().text);
    let sources = files().iter().filter(|file| file.path.starts_with("src/"));
    none(
        &sources
            .flat_map(|file| unknown_in(file, &known))
            .collect::<Vec<_>>(),
    );
    let planted = File::planted("src/sip/x.rs", "// RFC 99999 says so, RFC 3261, too.");
    found(&unknown_in(&planted, &known), 1);
}
