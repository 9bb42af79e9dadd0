//! The fuzz targets' corpora, replayed: whatever once found its way into the code still holds. The
//! targets are fed by `scripts/fuzz`, which grows the corpora.

mod targets;

use std::path::{Path, PathBuf};

/// The inputs of one target, in the order of their names.
fn corpus(target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fuzz/corpus")
        .join(target);
    let entries = std::fs::read_dir(&folder).expect("every target has a corpus");
    let mut inputs: Vec<_> = entries
        .map(|entry| entry.expect("a readable folder").path())
        .collect();
    inputs.sort();
    inputs
}

#[test]
fn every_corpus_is_replayed_without_a_finding() {
    for (name, target) in targets::ALL {
        let inputs = corpus(name);
        assert!(inputs.len() >= 10, "{name} has no corpus to speak of");
        for input in inputs {
            let data = std::fs::read(&input).expect("a readable file");
            let outcome = std::panic::catch_unwind(|| target(&data));
            assert!(outcome.is_ok(), "{name}: a finding in {}", input.display());
        }
    }
}
