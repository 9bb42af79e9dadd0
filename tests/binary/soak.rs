//! Calls in great number of which a fifth ends abnormally: afterwards sockets, ports, sessions,
//! transactions and tasks are exactly what they were, and memory has no slope.
//!
//! `scripts/test` runs a few hundred; `scripts/soak` sets `RINGWELL_SOAK_CALLS` to 100,000.

mod caller;

use std::time::Duration;

use serde_json::Value;

use crate::lab::{Lab, wait};
use caller::Caller;

/// Calls where the environment says nothing.
const CALLS: usize = 300;

/// New calls a second: what stays for 64 s after a vanished peer must fit into `calls.max`.
const RATE: u32 = 100;

/// Memory may grow by this for each call on average, over the second half of a long run: less than
/// any object of a call, more than the noise of an allocator.
const SLOPE_MAX_BYTES: f64 = 24.0;

/// From so many calls on a run is long: memory is judged, and it is waited until connections to the services that
/// idle in the pool are gone.
const LONG: usize = 20_000;

/// The pool keeps an idle connection for 240 s, and looks as seldom as that.
const POOL_IDLE: Duration = Duration::from_secs(600);

/// What must be the same before and after.
fn held(lab: &Lab) -> Vec<(&'static str, u64)> {
    let status = lab.status();
    let paths = [
        "/ports/in_use",
        "/media/calls",
        "/tasks/calls",
        "/tasks/runtime",
        "/transactions/client_invite",
        "/transactions/client",
        "/transactions/server_invite",
        "/transactions/server",
        "/transactions/sessions",
        "/process/files",
    ];
    let count = |path: &str| status.pointer(path).and_then(Value::as_u64);
    paths.map(|path| (path, count(path).expect(path))).to_vec()
}

/// The least of some readings: each is itself a connection, and the one before may not be closed yet.
fn held_at_rest(lab: &Lab) -> Vec<(&'static str, u64)> {
    let readings = (0..10).map(|_| held(lab));
    readings.min().expect("readings")
}

fn resident_kib(lab: &Lab) -> u64 {
    lab.status()["process"]["rss_kib"].as_u64().expect("a size")
}

#[test]
fn nothing_is_left_of_calls_however_they_end() {
    let calls = std::env::var("RINGWELL_SOAK_CALLS");
    let calls = calls.map_or(CALLS, |calls| calls.parse().expect("a number of calls"));
    let lab = Lab::start(&[
        ("calls", "max", "1000"),
        ("media", "ports", "\"20000-29999\""),
        ("media", "threads", "4"),
        ("media", "timeout_initial", "\"1s\""),
        ("guard", "calls_per_second", "0"),
        ("guard", "calls_per_second_overall", "0"),
        ("guard", "messages_per_second", "0"),
        // Nothing but calls uses connections to the services.
        ("knowledge", "sync_interval", "\"12h\""),
    ]);
    lab.prompts_are_rendered();
    lab.knows_articles();
    let mut caller = Caller::new(&lab, RATE);
    // The first calls make what stays: pages, prepared statements, connections to the services. Without
    // a vanished peer among them they are forgotten after 32 s.
    caller.place_brief(100);
    at_rest(&lab, calls);
    let before = held_at_rest(&lab);
    let mut sizes = Vec::new();
    while caller.placed() < calls + 100 {
        caller.place(calls.div_ceil(20));
        sizes.push((caller.placed(), resident_kib(&lab)));
    }
    println!(
        "{calls} calls: {:?}; resident KiB by calls: {sizes:?}",
        caller.endings()
    );
    at_rest(&lab, calls);
    let after = wait(Duration::from_secs(20), || {
        Some(held(&lab)).filter(|now| *now == before)
    });
    let after = after.unwrap_or_else(|| held(&lab));
    println!("before and after: {before:?}, {after:?}");
    assert_eq!(before, after, "{:?}\n{}", caller.endings(), lab.log());
    caller.endings_are_of_every_kind();
    if calls >= LONG {
        let slope = slope(&sizes[sizes.len() / 2..]) * 1024.0;
        println!("{slope:.1} bytes a call");
        assert!(
            slope < SLOPE_MAX_BYTES,
            "{slope} bytes stay of each call: {sizes:?}"
        );
    }
}

/// Until nothing of any call is left: at most 32 s without an ACK, and 32 s without an answer to BYE.
fn at_rest(lab: &Lab, calls: usize) {
    lab.until("everything is at rest", Duration::from_secs(120), |lab| {
        let status = lab.status();
        let transactions = status["transactions"].as_object()?.values();
        let busy: u64 = transactions.filter_map(Value::as_u64).sum();
        let calls = status["calls"].as_array()?.len();
        let ports = status["ports"]["in_use"].as_u64()?;
        (busy == 0 && calls == 0 && ports == 0).then_some(())
    });
    lab.outbox_is_empty(Duration::from_secs(60));
    if calls >= LONG {
        lab.until("idle connections are closed", POOL_IDLE, |lab| {
            (!lab.cloud_is_connected()).then_some(())
        });
    }
}

/// Least squares: KiB for each call.
fn slope(points: &[(usize, u64)]) -> f64 {
    let count = points.len() as f64;
    let (xs, ys): (Vec<f64>, Vec<f64>) = points
        .iter()
        .map(|(calls, kib)| (*calls as f64, *kib as f64))
        .unzip();
    let mean = |values: &[f64]| values.iter().sum::<f64>() / count;
    let (x0, y0) = (mean(&xs), mean(&ys));
    let covariance: f64 = xs.iter().zip(&ys).map(|(x, y)| (x - x0) * (y - y0)).sum();
    let variance: f64 = xs.iter().map(|x| (x - x0).powi(2)).sum();
    covariance / variance
}
