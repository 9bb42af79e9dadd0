//! The project's rules, checked on its own text. Each rule is a function from files to faults, run
//! over the repository and over a planted violation, so that a rule that finds nothing is known to look.

#[path = "tidy/architecture.rs"]
mod architecture;
#[path = "tidy/documents.rs"]
mod documents;
#[path = "tidy/queues.rs"]
mod queues;
#[path = "tidy/rfc.rs"]
mod rfc;
#[path = "tidy/source.rs"]
mod source;
#[path = "tidy/style.rs"]
mod style;

/// Fails with all faults, one per line.
#[track_caller]
fn none(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

/// Fails unless the planted violation is found exactly `count` times.
#[track_caller]
fn found(faults: &[String], count: usize) {
    assert_eq!(faults.len(), count, "\n{}\n", faults.join("\n"));
}
