//! The folder of the RFCs' example messages.

use std::io::Write;
use std::path::PathBuf;

/// The files of one RFC, by name in order. `None`, said on standard error past the test harness's capture, where
/// the corpus is not there.
pub(crate) fn files(folder: &str, extension: &str) -> Option<Vec<(String, Vec<u8>)>> {
    let Some(root) = std::env::var_os("RINGWELL_CORPUS") else {
        let line = format!("skipped: {folder} (RINGWELL_CORPUS names no corpus of RFC messages)\n");
        std::io::stderr()
            .write_all(line.as_bytes())
            .expect("standard error is open");
        return None;
    };
    let folder = PathBuf::from(root).join(folder);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&folder).expect("the corpus has this folder") {
        let path = entry.expect("a readable folder").path();
        if path.extension().is_some_and(|found| found == extension) {
            let name = path
                .file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            files.push((name, std::fs::read(&path).expect("a readable file")));
        }
    }
    files.sort();
    assert!(!files.is_empty(), "no .{extension} in {}", folder.display());
    Some(files)
}
