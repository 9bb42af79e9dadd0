//! Calls in great number of which a fifth ends abnormally: afterwards ports, streams, calls, sessions and
//! transactions are exactly what they were, tasks and files no more (idle connections to the services may have
//! gone), and memory has no slope.
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

/// Longer than the pool of connections keeps an idle one: 240 s, and it looks as seldom as that.
const POOL_IDLE: Duration = Duration::from_secs(490);

/// What must be the same before and after.
fn held(lab: &Lab) -> Vec<(String, Value)> {
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
    let value = |path: &str| status.pointer(path).cloned().unwrap_or_default();
    paths.map(|path| (path.to_owned(), value(path))).to_vec()
}

/// Of what calls have exactly as much, of what they share with others no more.
fn is_no_more(now: &[(String, Value)], before: &[(String, Value)]) -> bool {
    now.iter().zip(before).all(|((path, now), (_, before))| {
        let shared = ["/tasks/runtime", "/process/files"].contains(&path.as_str());
        now == before || shared && now.as_u64() < before.as_u64()
    })
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
    at_rest(&lab);
    let before = held(&lab);
    let mut sizes = Vec::new();
    while caller.placed() < calls + 100 {
        caller.place(calls.div_ceil(20));
        sizes.push((caller.placed(), resident_kib(&lab)));
    }
    at_rest(&lab);
    println!(
        "{calls} calls: {:?}; resident KiB by calls: {sizes:?}",
        caller.endings()
    );
    let patience = match calls >= LONG {
        true => 2 * POOL_IDLE,
        false => Duration::from_secs(20),
    };
    let after = wait(patience, || {
        Some(held(&lab)).filter(|now| is_no_more(now, &before))
    });
    let after = after.unwrap_or_else(|| held(&lab));
    println!("before {before:?}, after {after:?}");
    assert!(is_no_more(&after, &before), "{}", lab.log());
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
fn at_rest(lab: &Lab) {
    lab.until("everything is at rest", Duration::from_secs(120), |lab| {
        let status = lab.status();
        let transactions = status["transactions"].as_object()?.values();
        let busy: u64 = transactions.filter_map(Value::as_u64).sum();
        let calls = status["calls"].as_array()?.len();
        let ports = status["ports"]["in_use"].as_u64()?;
        (busy == 0 && calls == 0 && ports == 0).then_some(())
    });
    lab.outbox_is_empty(Duration::from_secs(60));
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
