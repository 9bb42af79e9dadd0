//! What happens inside a dialog, by SIPp's scenarios named after the RFC and section.

use std::time::Duration;

use crate::lab::Lab;
use crate::sipp::sipp;

/// Runs scenarios of `tests/sipp` at the same time, each from an address of its own, to their ends.
fn run(lab: &Lab, scenarios: &[&str]) {
    std::thread::scope(|scope| {
        for (host, scenario) in (2..).zip(scenarios) {
            let path = format!("{}/tests/sipp/{scenario}.xml", env!("CARGO_MANIFEST_DIR"));
            scope.spawn(move || {
                let limits = ["-recv_timeout", "8000", "-timeout", "90s", "-timeout_error"];
                let arguments = [&["-sf", &path, "-m", "1"][..], &limits].concat();
                sipp(lab, host, &arguments);
            });
        }
    });
    lab.is_idle(Duration::from_secs(20));
    lab.gives_everything_back();
}

#[test]
fn holds_updates_and_refusals_inside_a_call() {
    let lab = Lab::start(&[]);
    let scenarios = [
        "rfc3264_8_4_hold_sendonly",
        "rfc3264_8_4_hold_inactive",
        "rfc3264_8_4_hold_zero_address",
        "rfc3311_update",
        "rfc3261_14_1_refused_reinvite",
        "rfc3261_14_2_offerless_reinvite",
        "rfc4028_9_422",
        "rfc4028_9_caller_without_timer",
        "rfc5407_3_1_4_reinvite_before_ack",
    ];
    run(&lab, &scenarios);
}

/// A session interval of 90 seconds is the shortest there is: this takes 65 seconds.
#[test]
fn session_timers_refresh_in_both_roles_survive_glare_and_end_a_dead_call() {
    let lab = Lab::start(&[
        ("media", "timeout_initial", "\"5m\""),
        ("media", "timeout_running", "\"5m\""),
    ]);
    let scenarios = [
        "rfc4028_7_refresher_uac",
        "rfc4028_9_refresher_uas",
        "rfc4028_10_missed_refresh",
        "rfc3261_14_1_glare",
    ];
    run(&lab, &scenarios);
}
