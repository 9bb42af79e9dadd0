//! Provisional responses that must arrive, transfers and takeovers from outside, by SIPp's scenarios named
//! after the RFC and section.

use std::time::Duration;

use serde_json::json;

use crate::lab::Lab;
use crate::sipp::sipp;

/// Runs scenarios of `tests/sipp` at the same time, each from an address of its own, to their ends.
fn run(lab: &Lab, scenarios: &[&str]) {
    std::thread::scope(|scope| {
        for (host, scenario) in (2..).zip(scenarios) {
            let path = format!("{}/tests/sipp/{scenario}.xml", env!("CARGO_MANIFEST_DIR"));
            scope.spawn(move || {
                let limits = ["-recv_timeout", "8000", "-timeout", "60s", "-timeout_error"];
                let arguments = [&["-sf", &path, "-m", "1"][..], &limits].concat();
                sipp(lab, host, &arguments);
            });
        }
    });
    lab.is_idle(Duration::from_secs(20));
    lab.gives_everything_back();
}

/// The ear takes long to connect, so that the assistant rings for a while.
#[test]
fn reliable_ringing_is_acknowledged() {
    let slow = json!({"service": "ear", "stage": "connect", "kind": "slow", "delay_ms": 1800});
    let lab = Lab::start_with(&[], &[slow]);
    run(
        &lab,
        &["rfc3262_3_reliable_180", "rfc3262_3_unmatched_prack"],
    );
}

#[test]
fn nobody_outside_transfers_or_takes_over_a_call() {
    let lab = Lab::start(&[]);
    let scenarios = [
        "rfc3515_2_4_2_refused",
        "rfc3515_outside_refused",
        "rfc3891_3_replaces_refused",
    ];
    run(&lab, &scenarios);
    assert!(lab.log().contains("REASON=replaces"), "{}", lab.log());
}
