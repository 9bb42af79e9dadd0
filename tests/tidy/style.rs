//! Sizes, names, `unsafe`, features, and what is left lying about.

use crate::source::{File, files, has_extension, sources, words};
use crate::{found, none};

const FUNCTION_LINES_MAX: usize = 70;
const FILE_LINES_MAX: usize = 500;
const TEST_FILE_LINES_MAX: usize = 800;

/// Names that say nothing.
const BANNED: [&str; 8] = [
    "util", "utils", "common", "helper", "helpers", "manager", "managers", "misc",
];

/// A hint to the processor, a system call that no package wraps, and a test that counts allocations.
const UNSAFE_FILES: [&str; 3] = [
    "src/io/media_thread/prefetch.rs",
    "src/io/media_thread/realtime.rs",
    "tests/media_alloc.rs",
];

fn rust() -> impl Iterator<Item = &'static File> {
    files().iter().filter(|file| file.is_rust())
}

/// (offset, name, lines between the braces) of each function with a body.
fn functions(file: &File) -> Vec<(usize, &str, usize)> {
    let code = &file.code;
    let mut functions = Vec::new();
    for at in words(code, "fn") {
        let name = code[at + 2..].trim_start();
        let end = name.find(|c: char| !c.is_alphanumeric() && c != '_');
        let name = &name[..end.unwrap_or(name.len())];
        if name.is_empty() {
            continue; // a function pointer's type
        }
        let Some(body) = body(&code[at..]) else {
            continue;
        };
        let lines = code_lines(body).saturating_sub(2);
        functions.push((at, name, lines));
    }
    functions
}

/// Lines with code on them: blank lines and comments do not count, as in clippy's `too_many_lines`.
fn code_lines(code: &str) -> usize {
    code.lines().filter(|line| !line.trim().is_empty()).count()
}

/// The body, with its braces, of the function at the start of `code`; `None` for a declaration.
fn body(code: &str) -> Option<&str> {
    let (mut braces, mut others, mut start) = (0_usize, 0_usize, 0);
    for (offset, byte) in code.bytes().enumerate() {
        match byte {
            b'(' | b'[' => others += 1,
            b')' | b']' => others = others.saturating_sub(1),
            b';' if braces == 0 && others == 0 => return None,
            b'{' => {
                if braces == 0 {
                    start = offset;
                }
                braces += 1;
            }
            b'}' => {
                braces = braces.checked_sub(1)?;
                if braces == 0 && others == 0 {
                    return code.get(start..=offset);
                }
            }
            _ => {}
        }
    }
    None
}

fn long_functions_in(file: &File) -> Vec<String> {
    let long = functions(file)
        .into_iter()
        .filter(|(_, _, lines)| *lines > FUNCTION_LINES_MAX);
    let faults = long.map(|(at, name, lines)| {
        format!(
            "{}: {name} has {lines} lines; at most {FUNCTION_LINES_MAX}",
            file.at(at)
        )
    });
    faults.collect()
}

#[test]
fn functions_are_short() {
    none(&rust().flat_map(long_functions_in).collect::<Vec<_>>());
    let long = |lines: usize| {
        let text = format!(
            "trait T {{ fn a(&self); }}\nfn f(x: [u8; 2]) {{\n{}}}\n",
            "g();\n".repeat(lines)
        );
        File::planted("src/a/x.rs", &text)
    };
    found(&long_functions_in(&long(FUNCTION_LINES_MAX)), 0);
    found(&long_functions_in(&long(FUNCTION_LINES_MAX + 1)), 1);
}

fn long_file(file: &File) -> Option<String> {
    let lines = file.text.lines().count();
    let most = if file.is_test {
        TEST_FILE_LINES_MAX
    } else {
        FILE_LINES_MAX
    };
    (lines > most).then(|| format!("{}: {lines} lines; at most {most}", file.path))
}

#[test]
fn files_are_short() {
    none(&rust().filter_map(long_file).collect::<Vec<_>>());
    let text = "\n".repeat(FILE_LINES_MAX + 1);
    assert!(long_file(&File::planted("src/a/x.rs", &text)).is_some());
    assert!(long_file(&File::planted("src/a/tests.rs", &text)).is_none());
    let text = "\n".repeat(TEST_FILE_LINES_MAX + 1);
    assert!(long_file(&File::planted("src/a/tests.rs", &text)).is_some());
}

fn inline_tests_in(file: &File) -> Vec<String> {
    let at = words(&file.code, "mod tests {").chain(words(&file.code, "mod tests{"));
    at.map(|at| format!("{}: tests stand in a sibling file", file.at(at)))
        .collect()
}

#[test]
fn tests_stand_in_sibling_files() {
    none(&sources().flat_map(inline_tests_in).collect::<Vec<_>>());
    found(
        &inline_tests_in(&File::planted("src/a/x.rs", "#[cfg(test)]\nmod tests {\n}")),
        1,
    );
}

/// Words of a name in snake_case or CamelCase, in lower case.
fn parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    for character in name.chars() {
        if character == '_' || character.is_ascii_uppercase() {
            parts.push(String::new());
        }
        if character != '_' {
            let last = parts.last_mut().expect("there is always one");
            last.push(character.to_ascii_lowercase());
        }
    }
    parts
}

fn banned_names_in(file: &File) -> Vec<String> {
    // In the middle of a name the word may say something (`longest_common_subsequence`).
    let banned = |name: &str| {
        let parts = parts(name);
        let parts: Vec<_> = parts.iter().filter(|part| !part.is_empty()).collect();
        let ends = [parts.first(), parts.last()];
        ends.into_iter()
            .flatten()
            .any(|part| BANNED.contains(&part.as_str()))
    };
    let mut faults = Vec::new();
    if file.path.split(['/', '.']).any(banned) {
        faults.push(format!("{}: the file's name says nothing", file.path));
    }
    for keyword in [
        "mod", "struct", "enum", "trait", "type", "fn", "const", "static",
    ] {
        for at in words(&file.code, keyword) {
            let rest = file.code[at + keyword.len()..].trim_start();
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
            let name = &rest[..end.unwrap_or(rest.len())];
            if banned(name) {
                faults.push(format!(
                    "{}: `{name}` says nothing; name what it is",
                    file.at(at)
                ));
            }
        }
    }
    faults
}

#[test]
fn names_say_something() {
    none(&rust().flat_map(banned_names_in).collect::<Vec<_>>());
    for (path, text, faults) in [
        ("src/a/utils.rs", "", 1),
        (
            "src/a/x.rs",
            "struct CallManager; fn parse_helper() {} mod common;",
            3,
        ),
        (
            "src/a/x.rs",
            "struct NoCommonCodec; struct Commonwealth; // a helper",
            0,
        ),
    ] {
        found(&banned_names_in(&File::planted(path, text)), faults);
    }
}

fn unsafe_in(file: &File) -> Vec<String> {
    if UNSAFE_FILES.contains(&file.path.as_str()) {
        return Vec::new();
    }
    let at = words(&file.code, "unsafe");
    at.map(|at| format!("{}: unsafe belongs into {UNSAFE_FILES:?}", file.at(at)))
        .collect()
}

#[test]
fn unsafe_stands_where_it_must() {
    none(&rust().flat_map(unsafe_in).collect::<Vec<_>>());
    found(
        &unsafe_in(&File::planted("src/a/x.rs", "unsafe { f() }")),
        1,
    );
    found(
        &unsafe_in(&File::planted("src/a/x.rs", "#![deny(unsafe_code)]")),
        0,
    );
}

fn features_in(file: &File) -> Vec<String> {
    let (text, marks) = match file.path.as_str() {
        "Cargo.toml" => (&file.text, ["\n[features]", "\noptional = true"]),
        _ if file.is_rust() => (&file.code, ["cfg(feature", "cfg!(feature"]),
        _ => return Vec::new(),
    };
    let found = marks.into_iter().filter(|mark| text.contains(mark));
    found
        .map(|mark| format!("{}: {}", file.path, mark.trim()))
        .collect()
}

#[test]
fn there_are_no_cargo_features() {
    none(&files().iter().flat_map(features_in).collect::<Vec<_>>());
    found(
        &features_in(&File::planted(
            "Cargo.toml",
            "[package]\n[features]\na = []\n",
        )),
        1,
    );
    found(
        &features_in(&File::planted("src/a/x.rs", "#[cfg(feature = \"a\")]")),
        1,
    );
}

/// A comment that reads as a statement.
fn is_code(comment: &str) -> bool {
    let starts = [
        "let ", "use ", "pub ", "fn ", "if ", "for ", "match ", "return ", "self.", "#[",
    ];
    let code_end = comment.ends_with([';', '{']) || comment == "}";
    code_end && (starts.iter().any(|start| comment.starts_with(start)) || comment.contains("();"))
        || comment == "}"
}

fn left_lying_about_in(file: &File) -> Vec<String> {
    let mut faults = Vec::new();
    for (number, line) in file.text.lines().enumerate() {
        let at = format!("{}:{}", file.path, number + 1);
        let comment = line.trim_start().strip_prefix("//");
        let comment = comment.filter(|comment| !comment.starts_with(['/', '!']));
        if comment.is_some_and(|comment| is_code(comment.trim())) {
            faults.push(format!("{at}: code that is commented out"));
        }
    }
    for word in ["TODO", "FIXME", "XXX", "HACK"] {
        // In comments and code, not in strings: what is blanked but for comments is hard to tell apart.
        for at in words(&file.text, word) {
            let line = file.text[..at].rsplit('\n').next().unwrap_or_default();
            if line.contains("//") {
                faults.push(format!("{}: {word} left behind", file.at(at)));
            }
        }
    }
    faults
}

#[test]
fn nothing_is_left_lying_about() {
    none(&rust().flat_map(left_lying_about_in).collect::<Vec<_>>());
    let text = "// let x = 1;\n// self.go();\n// }\n// A sentence; and another.\n/// let y = 2;\n";
    found(&left_lying_about_in(&File::planted("src/a/x.rs", text)), 3);
    let text = format!("// {}: later\n", "TO".to_owned() + "DO");
    found(&left_lying_about_in(&File::planted("src/a/x.rs", &text)), 1);
}

fn lints_silenced_in(file: &File) -> Vec<String> {
    let at = words(&file.code, "#[allow(").chain(words(&file.code, "#![allow("));
    at.map(|at| format!("{}: use #[expect(.., reason = ..)]", file.at(at)))
        .collect()
}

#[test]
fn lints_are_expected_with_a_reason() {
    none(&rust().flat_map(lints_silenced_in).collect::<Vec<_>>());
    found(
        &lints_silenced_in(&File::planted("src/a/x.rs", "#[allow(dead_code)]")),
        1,
    );
}

#[test]
fn lines_end_clean() {
    let kinds = ["rs", "toml", "md", "service", "sysusers", "tmpfiles"];
    let texts = files()
        .iter()
        .filter(|file| kinds.iter().any(|kind| has_extension(&file.path, kind)));
    let faults = texts.flat_map(|file| {
        let lines = file.text.lines().enumerate();
        let trailing = lines.filter(|(_, line)| line.ends_with([' ', '\t']));
        trailing.map(|(number, _)| format!("{}:{}: trailing space", file.path, number + 1))
    });
    none(&faults.collect::<Vec<_>>());
}
