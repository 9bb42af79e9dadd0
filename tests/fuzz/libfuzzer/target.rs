//! One binary for all targets: `RINGWELL_FUZZ_TARGET` names the one to feed.

#![no_main]

#[path = "../targets/mod.rs"]
mod targets;

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    static TARGET: OnceLock<targets::Target> = OnceLock::new();
    let target = TARGET.get_or_init(|| {
        let wanted = std::env::var("RINGWELL_FUZZ_TARGET").expect("RINGWELL_FUZZ_TARGET is set");
        let found = targets::ALL.iter().find(|(name, _)| *name == wanted);
        found.expect("RINGWELL_FUZZ_TARGET names a target").1
    });
    target(data);
});
