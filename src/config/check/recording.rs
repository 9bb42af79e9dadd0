//! The rules of `[recording]`.

use std::time::Duration;

use super::Findings;
use crate::config::Config;

/// Keys that the conversation understands otherwise.
const TAKEN: [&str; 3] = ["0", "1", "2"];

pub(super) fn check(config: &Config, findings: &mut Findings) {
    let recording = &config.recording;
    for (name, key) in [
        ("recording.refuse_key", &recording.refuse_key),
        ("recording.pause_key", &recording.pause_key),
    ] {
        let is_key = key.len() == 1
            && key
                .chars()
                .all(|c| c.is_ascii_digit() || c == '*' || c == '#');
        if !key.is_empty() && (!is_key || TAKEN.contains(&key.as_str())) {
            findings.add(
                name,
                format!("{key:?} is no key that is free"),
                "write one of 3 to 9, * and #, or \"\" for none",
            );
        }
    }
    if !recording.refuse_key.is_empty() && recording.refuse_key == recording.pause_key {
        findings.add(
            "recording.pause_key",
            "it is the key that refuses the recording, too",
            "choose another one",
        );
    }
    let keep = Duration::ZERO..=Duration::from_hours(10 * 366 * 24);
    findings.span("recording.keep", recording.keep, keep);
    for (name, size) in [
        ("recording.max_megabytes", recording.max_megabytes),
        ("recording.free_megabytes", recording.free_megabytes),
    ] {
        findings.range(name, &size, &(1..=100_000_000));
    }
}

/// Things that work but are seldom meant.
pub(super) fn warnings(config: &Config, warnings: &mut Vec<String>) {
    let recording = &config.recording;
    let prompt = config
        .assistant
        .prompts
        .recording
        .as_deref()
        .unwrap_or("{key}");
    if recording.is_on() && !recording.refuse_key.is_empty() && !prompt.contains("{key}") {
        warnings.push(
            "assistant.prompts.recording does not name the key that refuses the recording; {key} stands for it"
                .to_owned(),
        );
    }
    if recording.is_on() && recording.refuse_key.is_empty() && prompt.contains("{key}") {
        warnings.push(
            "recording.refuse_key is empty, so the announcement should be in other words: assistant.prompts.recording"
                .to_owned(),
        );
    }
}
