//! What an echo costs: our media thread against a bare loop, in the same run, by the same generator.
//!
//! `cargo test --release --test bench -- --ignored echo --nocapture` prints a table; `RINGWELL_BENCH_JSON=FILE`
//! also writes the ratios. The carrier of the calls is a process of its own on the first processor, the generator
//! stands on the second; both are under `SCHED_FIFO` where that may be had, so that what else runs disturbs
//! little. Rounds alternate between the two carriers, and what is told is the median of the rounds.
//! `RINGWELL_BENCH_CALLS`, `_ROUNDS` and `_SECONDS` make a run shorter.

use std::collections::BTreeMap;
use std::env;
use std::process::Command;

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::{Pid, gettid};
use serde_json::json;

mod carrier;
mod generator;

use carrier::{Carrier, Kind};
use generator::Load;

/// One round at one number of calls.
#[derive(Clone, Copy, Debug, Default)]
struct Round {
    /// CPU seconds of the carrier's process for a minute of a call.
    cpu_per_call_minute: f64,
    /// Distance of departures from each call's 20 ms grid, in microseconds.
    spacing_p50: f64,
    spacing_p99: f64,
    /// Packets that did not come back, of those that were sent.
    lost: u64,
    sent: u64,
    /// How late the generator itself was, in microseconds.
    generator_p99: f64,
}

#[test]
#[ignore = "measures for minutes"]
fn echo_against_a_bare_loop() {
    let calls = env::var("RINGWELL_BENCH_CALLS").unwrap_or_else(|_| "200,400,800,1200".to_owned());
    let calls: Vec<usize> = calls
        .split(',')
        .map(|count| count.parse().unwrap())
        .collect();
    let rounds = setting("RINGWELL_BENCH_ROUNDS", 5);
    let seconds = setting("RINGWELL_BENCH_SECONDS", 8);
    pin(1);
    println!(
        "carrier on CPU 0, generator on CPU 1, real-time: {}",
        raise()
    );
    println!("rounds={rounds} of {seconds} s each, medians, lowest to highest in brackets");
    println!(
        "calls  carrier  CPU-s/call-minute            spacing p50/p99 us  lost/sent        generator p99 us"
    );
    let (mut cpu, mut spacing) = (BTreeMap::new(), BTreeMap::new());
    let mut table = Vec::new();
    for count in calls {
        let mut results: [Vec<Round>; 2] = Default::default();
        for _ in 0..rounds {
            for (kind, results) in Kind::ALL.into_iter().zip(&mut results) {
                results.push(round(kind, count, seconds));
            }
        }
        let [bare, ours] = [&results[0], &results[1]];
        for (kind, rounds) in Kind::ALL.into_iter().zip([bare, ours]) {
            println!("{}", line(kind, count, rounds));
            table.push(row(kind, count, rounds));
        }
        let ratio = |of: fn(&Round) -> f64| median(ours, of) / median(bare, of);
        let (of_cpu, of_spacing) = (
            ratio(|round| round.cpu_per_call_minute),
            ratio(|round| round.spacing_p99),
        );
        println!("{count:>5}  ratio    CPU {of_cpu:.3}, spacing p99 {of_spacing:.2}");
        cpu.insert(count.to_string(), of_cpu);
        spacing.insert(count.to_string(), of_spacing);
    }
    if let Ok(file) = env::var("RINGWELL_BENCH_JSON") {
        let figures = json!({
            "echo_cpu_ratio": cpu,
            "echo_spacing_p99_ratio": spacing,
            "echo_rounds": table,
        });
        std::fs::write(&file, format!("{figures:#}\n")).unwrap();
    }
}

fn round(kind: Kind, calls: usize, seconds: usize) -> Round {
    let mut load = Load::new(calls);
    let carrier = Carrier::start(kind, &load.addresses());
    load.send_to(carrier.addresses());
    load.run(WARM_UP);
    let before = carrier.cpu_seconds();
    load.measure();
    load.run(seconds);
    let spent = carrier.cpu_seconds() - before;
    load.settle();
    carrier.stop();
    let minutes = calls as f64 * seconds as f64 / 60.0;
    Round {
        cpu_per_call_minute: spent / minutes,
        ..load.round()
    }
}

fn line(kind: Kind, calls: usize, rounds: &[Round]) -> String {
    let cpu = |round: &Round| round.cpu_per_call_minute;
    let lowest = rounds.iter().map(cpu).fold(f64::INFINITY, f64::min);
    let highest = rounds.iter().map(cpu).fold(0.0, f64::max);
    format!(
        "{calls:>5}  {:<7}  {:.4} [{lowest:.4} to {highest:.4}]   {:>8.0} /{:>8.0}   {:>6}/{:<8}  {:>8.0}",
        kind.name(),
        median(rounds, cpu),
        median(rounds, |round| round.spacing_p50),
        median(rounds, |round| round.spacing_p99),
        rounds.iter().map(|round| round.lost).sum::<u64>(),
        rounds.iter().map(|round| round.sent).sum::<u64>(),
        median(rounds, |round| round.generator_p99),
    )
}

fn row(kind: Kind, calls: usize, rounds: &[Round]) -> serde_json::Value {
    json!({
        "calls": calls,
        "carrier": kind.name(),
        "cpu_s_per_call_minute": median(rounds, |round| round.cpu_per_call_minute),
        "spacing_us_p50": median(rounds, |round| round.spacing_p50),
        "spacing_us_p99": median(rounds, |round| round.spacing_p99),
        "lost": rounds.iter().map(|round| round.lost).sum::<u64>(),
        "sent": rounds.iter().map(|round| round.sent).sum::<u64>(),
    })
}

fn median(rounds: &[Round], of: impl Fn(&Round) -> f64) -> f64 {
    let mut values: Vec<f64> = rounds.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn setting(name: &str, default: usize) -> usize {
    env::var(name).map_or(default, |value| value.parse().unwrap())
}

/// Keeps the calling thread, and those it starts, on one processor; on a machine with one it stays there.
fn pin(processor: usize) {
    let mut set = CpuSet::new();
    set.set(processor).unwrap();
    let _ = sched_setaffinity(Pid::from_raw(0), &set);
}

/// Asks for real-time scheduling of the calling thread as the media thread asks for its own.
fn raise() -> bool {
    let thread = gettid().to_string();
    let asked = Command::new("chrt")
        .args(["-f", "-p", "10", &thread])
        .output();
    asked.is_ok_and(|output| output.status.success())
}

/// Seconds before the measurement.
const WARM_UP: usize = 2;
