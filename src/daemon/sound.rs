//! How a call sounded: from the numbers of its media to the record, the log and the counters.

use std::time::Duration;

use serde_json::{Value, json};

use super::metrics::{Counter, Metrics};
use crate::audio::{FRAME, SAMPLE_RATE, analysis};
use crate::io::media_thread::Summary;
use crate::rtp::session::Statistics;
use crate::ticket::{CallId, Heard, Levels, Sound};

/// Below this, nearly all users are dissatisfied (ITU-T G.107 Annex B: R under 60).
const POOR: f64 = 3.1;

/// What the record keeps; `None` when nothing came of the caller.
pub(super) fn of(summary: &Summary) -> Option<Sound> {
    let statistics = &summary.session;
    let frames = |frames: u64| u32::try_from(frames).unwrap_or(u32::MAX);
    let received = statistics.received_as?;
    let pattern = &statistics.pattern;
    let reported = &statistics.heard;
    let sent = statistics.sent_as.map(|quality| {
        let packets = f64::from(statistics.packets_sent.max(1));
        let lost = f64::from(reported.cumulative_lost.max(0)) / packets;
        Heard {
            mos: quality.mos,
            loss: reported
                .metrics
                .map_or(lost, |metrics| metrics.loss + metrics.discard),
            jitter: Duration::from_secs(reported.jitter.into()) / SAMPLE_RATE,
        }
    });
    Some(Sound {
        heard: Heard {
            mos: received.mos,
            loss: pattern.loss + pattern.discard,
            jitter: statistics.jitter,
        },
        sent,
        round_trip: reported.round_trip,
        levels: None,
        gaps: frames(summary.underruns),
        gaps_length: FRAME.saturating_mul(frames(summary.dry_frames)),
    })
}

/// What the record keeps of the caller's levels; `None` when nothing was listened to.
pub(super) fn levels(levels: &analysis::Levels) -> Option<Levels> {
    let share = |part: u32, whole: u32| f64::from(part) / f64::from(whole.max(1));
    (levels.frames > 0).then(|| Levels {
        speech_dbm0: levels.speech_dbm0,
        noise_dbm0: levels.noise_dbm0,
        clipped: share(levels.clipped, levels.spoken),
        silent: share(levels.frames - levels.spoken, levels.frames),
    })
}

/// The line at hang-up.
pub(super) fn log(call: &CallId, sound: &Sound, statistics: &Statistics) {
    let mut line = format!(
        "sound: heard with MOS {:.2}, {:.1} % lost in bursts of {:.1}, {:.1} % late, jitter {:.1} ms",
        sound.heard.mos,
        statistics.pattern.loss * 100.0,
        statistics.pattern.mean_length,
        statistics.pattern.discard * 100.0,
        millis(sound.heard.jitter),
    );
    if let Some(sent) = &sound.sent {
        line += &format!(
            "; sent with MOS {:.2}, {:.1} % lost, jitter {:.1} ms",
            sent.mos,
            sent.loss * 100.0,
            millis(sent.jitter)
        );
    }
    if let Some(round_trip) = sound.round_trip {
        line += &format!("; round trip {:.1} ms", millis(round_trip));
    }
    if let Some(levels) = &sound.levels {
        line += &format!(
            "; speech at {:.0} dBm0 over {:.0}, {:.0} % clipped, {:.0} % silent",
            levels.speech_dbm0,
            levels.noise_dbm0,
            levels.clipped * 100.0,
            levels.silent * 100.0
        );
        if let Some(hint) = levels.hint() {
            line += &format!(": {hint}");
        }
    }
    if sound.gaps > 0 {
        let length = millis(sound.gaps_length);
        line += &format!(
            "; our speech ran dry {}x, {length:.0} ms in all",
            sound.gaps
        );
    }
    if statistics.mux {
        line += "; RTCP on the RTP port";
    }
    log::info!(
        CALL_ID = call.0.as_str(),
        MOS_HEARD = sound.heard.mos,
        MOS_SENT = sound.sent.map_or(0.0, |sent| sent.mos),
        PACKETS_IN = statistics.packets_received,
        PACKETS_OUT = statistics.packets_sent,
        UNDERRUNS = sound.gaps;
        "{line}"
    );
}

/// Adds a call to the counters.
pub(super) fn count(metrics: &Metrics, sound: &Sound) {
    let hundredths = |mos: f64| (mos * 100.0).round() as u64;
    metrics.count(Counter::CallsRated);
    metrics.add(Counter::MosHeardSum, hundredths(sound.heard.mos));
    if let Some(sent) = &sound.sent {
        metrics.count(Counter::CallsRatedByPeer);
        metrics.add(Counter::MosSentSum, hundredths(sent.mos));
    }
    if sound.levels.is_some_and(|levels| levels.hint().is_some()) {
        metrics.count(Counter::CallsIllLevelled);
    }
    let poor = |heard: &Heard| heard.mos < POOR;
    if poor(&sound.heard) || sound.sent.as_ref().is_some_and(poor) {
        metrics.count(Counter::CallsPoor);
    }
}

/// For `ringwell status`.
pub(super) fn json(sound: &Sound) -> Value {
    let side = |heard: &Heard| {
        json!({
            "mos": rounded(heard.mos, 100.0),
            "loss_percent": rounded(heard.loss * 100.0, 100.0),
            "jitter_ms": rounded(millis(heard.jitter), 100.0),
        })
    };
    json!({
        "heard": side(&sound.heard),
        "sent": sound.sent.as_ref().map(side),
        "gaps": sound.gaps,
        "gaps_ms": rounded(millis(sound.gaps_length), 100.0),
        "round_trip_ms": sound.round_trip.map(|time| rounded(millis(time), 100.0)),
        "levels": sound.levels.as_ref().map(|levels| json!({
            "speech_dbm0": rounded(levels.speech_dbm0, 10.0),
            "noise_dbm0": rounded(levels.noise_dbm0, 10.0),
            "clipped_percent": rounded(levels.clipped * 100.0, 10.0),
            "silent_percent": rounded(levels.silent * 100.0, 10.0),
            "hint": levels.hint(),
        })),
    })
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

fn rounded(value: f64, steps: f64) -> f64 {
    (value * steps).round() / steps
}

#[cfg(test)]
mod tests;
