//! What `ringwell status` is told: a snapshot of the loop, completed with what the store knows.

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::services::Services;
use crate::io::clock;
use crate::io::sip_sockets::SipSockets;
use crate::io::store::{CallSummary, TicketState};
use crate::sip::endpoint::Endpoint;
use crate::ticket::{CallId, CallRecord, Entry, RecordingStep, TurnLedger};

/// Calls that are told of after they are over: enough for the figures of a busy hour, and a few
/// milliseconds of the store.
const RECENT: usize = 100;

/// A running call, without a word of who it is.
pub(crate) struct RunningCall {
    pub(crate) id: CallId,
    pub(crate) kind: &'static str,
    pub(crate) line: Arc<str>,
    pub(crate) seconds: u64,
}

/// What the loop knows, without waiting for anything.
pub(crate) fn snapshot(
    services: &Services,
    sockets: &SipSockets,
    endpoint: &Endpoint,
    (state, uptime): (&str, Duration),
    calls: &[RunningCall],
) -> Value {
    let counts = endpoint.counts();
    let refusals = counts.refusals.iter().filter(|(_, count)| *count > 0);
    let refusals: Map<_, _> = refusals
        .map(|(reason, count)| (reason.name().to_owned(), json!(count)))
        .collect();
    let mut counters = services.metrics.snapshot();
    counters.insert("sip_requests".to_owned(), json!(counts.totals.requests));
    counters.insert(
        "sip_retransmissions".to_owned(),
        json!(counts.totals.retransmissions),
    );
    counters.insert("sip_unreadable".to_owned(), json!(counts.totals.unreadable));
    let listening = sockets
        .local()
        .map(|(transport, address)| format!("{} {address}", transport.name().to_ascii_lowercase()));
    let socket_counts = sockets.counters().snapshot();
    let socket_counts: Map<_, _> = socket_counts
        .into_iter()
        .map(|(name, count)| (name.to_owned(), json!(count)))
        .collect();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "state": state,
        "uptime_s": uptime.as_secs(),
        "calls": calls.iter().map(running_call).collect::<Vec<_>>(),
        "calls_max": services.limits.calls_max,
        "listening": listening.collect::<Vec<_>>(),
        "ports": ports(services),
        "sockets": socket_counts,
        "tasks": {"calls": calls.len(), "runtime": tokio::runtime::Handle::current().metrics().num_alive_tasks()},
        "transactions": {
            "client_invite": counts.client_invite,
            "client": counts.client,
            "server_invite": counts.server_invite,
            "server": counts.server,
            "sessions": counts.sessions,
        },
        "refusals": refusals,
        "media": media(services),
        "codecs": codecs(services),
        "recording": recording(services),
        "counters": counters,
        "process": process(),
    })
}

fn running_call(call: &RunningCall) -> Value {
    json!({"id": call.id.0, "kind": call.kind, "line": &*call.line, "seconds": call.seconds})
}

fn ports(services: &Services) -> Value {
    let usage = services.ports.usage(clock::now());
    json!({
        "total": usage.total,
        "in_use": usage.in_use,
        "resting": usage.resting,
        "refused_by_system": usage.refused_by_system,
    })
}

fn media(services: &Services) -> Value {
    let counters = services.media.counters();
    let micros = |share| counters.departure.quantile(share).as_micros();
    let granted = services.media.realtime();
    json!({
        "threads": granted.threads,
        "scheduling": granted.scheduling.to_string(),
        "memory": granted.memory.to_string(),
        "affinity": granted.affinity.to_string(),
        "marked": services.ports.is_marked(),
        "calls": counters.calls,
        "packets_in": counters.packets_in,
        "packets_out": counters.packets_out,
        "send_errors": counters.send_errors,
        "late_ticks": counters.late_ticks,
        "skipped_ticks": counters.skipped_ticks,
        "skipped_frames": counters.skipped_frames,
        "stalls": counters.stalls,
        "worst_stall_ms": u64::try_from(counters.worst_stall.as_millis()).unwrap_or(u64::MAX),
        "underruns": counters.underruns,
        "events_dropped": counters.events_dropped,
        "queue_full": counters.queue_full,
        "calls_refused": counters.calls_refused,
        "departure_us_p50": u64::try_from(micros(0.5)).unwrap_or(u64::MAX),
        "departure_us_p999": u64::try_from(micros(0.999)).unwrap_or(u64::MAX),
    })
}

/// What the threads for G.722 and Opus do.
fn codecs(services: &Services) -> Value {
    let counters = services.transcoder.counters();
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    json!({
        "threads": services.transcoder.settings().threads,
        "jobs": read(&counters.jobs),
        "queue_full": read(&counters.queue_full),
        "broken": read(&counters.broken),
        "undecodable": read(&counters.undecodable),
        "busy_ms": read(&counters.busy_micros) / 1_000,
        "longest_us": read(&counters.longest_micros),
    })
}

/// How recordings go; null where calls are not recorded.
fn recording(services: &Services) -> Value {
    let Some(recorder) = &services.recorder else {
        return Value::Null;
    };
    let counters = recorder.counters();
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    json!({
        "running": read(&counters.running),
        "begun": read(&counters.begun),
        "failed": read(&counters.failed),
        "ticks_dropped": read(&counters.ticks_dropped),
        "deleted": read(&counters.deleted),
    })
}

/// Resident memory, open files and threads of this process, as the kernel has them.
fn process() -> Value {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim_start_matches(':')
            .split_whitespace()
            .next()?
            .parse::<u64>()
            .ok()
    };
    let files = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    json!({"rss_kib": field("VmRSS"), "threads": field("Threads"), "files": files})
}

/// Adds what the services and the store know.
pub(crate) async fn complete(services: &Services, status: &mut Value) {
    let Value::Object(status) = status else {
        return;
    };
    let outbox = services.outbox.status();
    status.insert(
        "outbox".to_owned(),
        json!({
            "pending": outbox.pending,
            "dead": outbox.dead,
            "done": outbox.done,
            "barred": outbox.barred,
            "last_error": outbox.last_error,
        }),
    );
    let knowledge = services.knowledge.status();
    let age = knowledge
        .last_sync
        .and_then(|at| clock::wallclock().duration_since(at).ok());
    status.insert(
        "knowledge".to_owned(),
        json!({
            "articles": knowledge.articles,
            "passages": knowledge.passages,
            "last_sync_s_ago": age.map(|age| age.as_secs()),
            "last_error": knowledge.last_error,
        }),
    );
    status.insert("services".to_owned(), outside(services));
    let health = services.store.health();
    status.insert(
        "store".to_owned(),
        json!({"waiting": health.waiting, "lost": health.lost, "commits": health.commits}),
    );
    match services.store.recent(RECENT).await {
        Ok(recent) => {
            let recent = recent.iter().map(recent_call).collect();
            status.insert("recent".to_owned(), Value::Array(recent));
        }
        Err(error) => log::warn!("the status is told without recent calls: {error}"),
    }
}

fn outside(services: &Services) -> Value {
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let (ear, voice, model) = (
        services.ear.counters(),
        services.voice.counters(),
        services.model.counters(),
    );
    json!({
        "prompts": if services.plans.present().prompts.is_done() { "rendered" } else { "being rendered" },
        "ear": {"connects": read(&ear.connects), "reconnects": read(&ear.reconnects), "failures": read(&ear.failures)},
        "voice": {"connects": read(&voice.connects), "reconnects": read(&voice.reconnects), "failures": read(&voice.failures)},
        "model": {"asked": read(&model.asked), "answered": read(&model.answered), "retries": read(&model.retries), "failures": read(&model.failures)},
    })
}

fn recent_call(summary: &CallSummary) -> Value {
    let record = &summary.record;
    let turns = record.entries.iter().filter_map(|entry| match entry {
        Entry::Turn(turn) => Some(turn_ledger(turn)),
        _ => None,
    });
    let ticket = summary.ticket.as_ref().map(|ticket| match ticket {
        TicketState::Pending => json!("pending"),
        TicketState::Filed(id) => json!(id),
        TicketState::Dead(reason) => json!({"refused": reason}),
    });
    json!({
        "call": summary.call_id.0,
        "answered_ms": record.answered().map(millis),
        "seconds": record.ended().map(|(at, _, _)| at.as_secs()),
        "outcome": record.outcome().map(|outcome| format!("{outcome:?}").to_lowercase()),
        "ticket": ticket,
        "sound": record.sound().map(super::sound::json),
        "recording": recording_file(record),
        "turns": turns.collect::<Vec<_>>(),
    })
}

/// The file of the recording, unless it was refused.
fn recording_file(record: &CallRecord) -> Option<&str> {
    let refused = record
        .recording()
        .any(|(_, step)| *step == RecordingStep::Refused);
    let file = record.recording().find_map(|(_, step)| match step {
        RecordingStep::Began(file) => Some(file.as_str()),
        _ => None,
    });
    file.filter(|_| !refused)
}

/// Milliseconds since the caller's end of turn, stage by stage.
fn turn_ledger(turn: &TurnLedger) -> Value {
    json!({
        "turn": turn.turn,
        "passages_ms": turn.passages.map(millis),
        "first_token_ms": turn.first_token.map(millis),
        "first_clause_ms": turn.first_clause.map(millis),
        "first_audio_ms": turn.first_audio.map(millis),
        "first_packet_ms": turn.first_packet.map(millis),
    })
}

/// Milliseconds with three decimals.
fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1_000_000.0).round() / 1000.0
}
