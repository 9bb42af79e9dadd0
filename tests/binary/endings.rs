//! Calls that end badly all the same leave exactly one ticket: the gateway killed, the helpdesk down,
//! the service stopped.

use std::process::Stdio;
use std::time::Duration;

use serde_json::json;

use crate::answered::heard;
use crate::lab::Lab;

const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn a_gateway_killed_in_mid_call_writes_the_ticket_after_its_restart_exactly_once() {
    let mut lab = Lab::start(&[]);
    lab.knows_articles();
    let mut caller = lab
        .caller(
            "assistant",
            "wait until it stops; say how do i reset my password?; pause 60 s",
        )
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the caller runs");
    lab.until("the caller's words are durable", PATIENCE, |lab| {
        let recent = &lab.status()["recent"][0];
        recent["turns"]
            .as_array()
            .filter(|turns| !turns.is_empty())
            .map(|_| ())
    });
    lab.kill_gateway();
    assert!(lab.tickets().is_empty());
    lab.start_gateway();
    let ticket = &lab.tickets_are(1, PATIENCE)[0];
    let contents = ticket["contents"].as_str().expect("contents");
    assert!(contents.contains("reset my password"), "{contents}");
    assert!(contents.contains("How can I help you"), "{contents}");
    lab.kill_gateway();
    lab.start_gateway();
    lab.outbox_is_empty(PATIENCE);
    assert_eq!(lab.tickets().len(), 1);
    let _gone = caller.kill();
    let _status = caller.wait();
}

#[test]
fn a_gateway_killed_while_it_files_a_ticket_files_it_exactly_once() {
    let mut lab = Lab::start(&[]);
    // The case is made, but its answer never comes: killed in the most unclear moment.
    lab.fault(
        &json!({"service": "helpdesk", "stage": "after", "kind": "stall",
                      "method": "POST", "path": "/cases", "count": 1}),
    );
    let report = lab.call(
        "assistant",
        "wait until it stops; press 0; wait for e-mail; hang up",
    );
    assert_eq!(report["ok"], true, "{report:#}");
    lab.tickets_are(1, PATIENCE);
    lab.kill_gateway();
    lab.start_gateway();
    lab.outbox_is_empty(Duration::from_secs(60));
    assert_eq!(lab.tickets().len(), 1, "{:#?}", lab.tickets());
}

#[test]
fn a_helpdesk_that_is_down_for_the_whole_call_gets_the_ticket_when_it_is_back() {
    let lab = Lab::start_with(
        &[],
        &[json!({"service": "helpdesk", "stage": "connect", "kind": "refuse"})],
    );
    let report = lab.call(
        "assistant",
        "wait until it stops; press 0; wait for e-mail; hang up",
    );
    assert_eq!(report["ok"], true, "{report:#}\n{}", lab.log());
    lab.until("the ticket waits", PATIENCE, |lab| {
        let outbox = &lab.status()["outbox"];
        (outbox["pending"] == 1 && !outbox["last_error"].is_null()).then_some(())
    });
    assert!(lab.tickets().is_empty());
    lab.clear_faults();
    lab.tickets_are(1, Duration::from_secs(60));
    lab.outbox_is_empty(PATIENCE);
    assert_eq!(lab.tickets().len(), 1);
}

#[test]
fn a_service_that_is_stopped_lets_calls_finish_says_goodbye_and_flushes_the_outbox() {
    let mut lab = Lab::start(&[("calls", "drain_limit", "\"2s\"")]);
    let caller = lab
        .caller(
            "assistant",
            "wait until it stops; wait for hang up within 40 s",
        )
        .stdout(Stdio::piped())
        .spawn()
        .expect("the caller runs");
    lab.until("the call is up", PATIENCE, |lab| {
        (lab.status()["counters"]["calls_answered"] == 1).then_some(())
    });
    lab.until("the greeting has been said", PATIENCE, |lab| {
        (lab.status()["calls"][0]["seconds"].as_u64() >= Some(6)).then_some(())
    });
    let ended = lab.gateway().terminate(Duration::from_secs(40));
    assert!(
        ended.is_some_and(|status| status.success()),
        "{}",
        lab.log()
    );
    let output = caller.wait_with_output().expect("the caller ends");
    let report: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("the caller's report");
    assert_eq!(report["ended_by"], "far end", "{report:#}");
    assert!(heard(&report).join(" ").contains("goodbye"), "{report:#}");
    assert_eq!(
        lab.tickets().len(),
        1,
        "the outbox was flushed\n{}",
        lab.log()
    );
}

#[test]
fn a_full_house_is_told_503_and_when_to_come_back() {
    let lab = Lab::start(&[("calls", "max", "1")]);
    let mut first = lab
        .caller("echo", "pause 30 s; hang up")
        .stdout(Stdio::null())
        .spawn()
        .expect("the caller runs");
    lab.until("the first call is up", PATIENCE, |lab| {
        (lab.status()["counters"]["calls_answered"] == 1).then_some(())
    });
    let report = lab.call("assistant", "wait until it speaks");
    assert_eq!(report["status"], 503, "{report:#}");
    assert_eq!(lab.status()["counters"]["refused_busy"], 1);
    let _gone = first.kill();
    let _status = first.wait();
}

#[test]
fn a_vanished_caller_is_noticed_by_his_silence_and_leaves_nothing_behind() {
    let lab = Lab::start(&[
        ("media", "timeout_running", "\"2s\""),
        ("media", "timeout_initial", "\"2s\""),
    ]);
    let mut caller = lab
        .caller("assistant", "wait until it speaks; pause 60 s")
        .stdout(Stdio::null())
        .spawn()
        .expect("the caller runs");
    lab.until("the call is up", PATIENCE, |lab| {
        (lab.status()["counters"]["calls_answered"] == 1).then_some(())
    });
    let _gone = caller.kill();
    let _status = caller.wait();
    lab.is_idle(Duration::from_secs(60));
    let status = lab.status();
    assert_eq!(status["counters"]["media_timeouts"], 1, "{status:#}");
    lab.until("its ports are free", PATIENCE, |lab| {
        (lab.status()["ports"]["in_use"] == 0).then_some(())
    });
}
