//! What came of a call, for people and for programs.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use super::ear::Line;
use super::ladder::Rung;
use crate::rtp::session::Statistics;
use crate::sandbox::network::Counts;

/// What came of a call. Times are seconds; points in time count from the INVITE.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Who was called.
    pub target: String,
    /// Every step of the script was done.
    pub ok: bool,
    /// Why it ended, in words.
    pub exit: String,
    /// `caller`, `far end` or `network`; absent when there was no call.
    pub ended_by: Option<&'static str>,
    /// Status of the response that ended it, if one did.
    pub status: Option<u16>,
    /// When the first provisional response other than 100 came.
    pub ringing: Option<f64>,
    /// When the 200 came.
    pub answered: Option<f64>,
    /// When the first RTP packet came.
    pub first_packet: Option<f64>,
    /// When the first audible packet came.
    pub first_audio: Option<f64>,
    /// When the call was over.
    pub ended: f64,
    /// What was said, in order.
    pub lines: Vec<Line>,
    /// After each of our utterances: how long until the far end began to speak. Those it never answered are left out.
    pub gaps: Vec<f64>,
    /// After each interruption: how long until the far end was silent.
    pub interruptions: Vec<f64>,
    /// The SIP messages.
    pub ladder: Vec<Rung>,
    /// SIP messages beyond the first 500.
    pub ladder_dropped: u64,
    /// The media; absent when none was agreed on.
    pub rtp: Option<Rtp>,
}

/// The media in numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Rtp {
    /// Packets sent.
    pub sent: u32,
    /// Packets received.
    pub received: u64,
    /// Packets that never came.
    pub lost: i64,
    /// Packets that came twice.
    pub duplicates: u64,
    /// Packets that came too late to be heard in order.
    pub late: u64,
    /// Interarrival jitter in milliseconds (RFC 3550 §6.4.1).
    pub jitter_ms: f64,
    /// Milliseconds between packets: median, 99th percentile, most.
    pub spacing_ms: [f64; 3],
    /// Datagrams that were no packets of the call.
    pub strays: u64,
    /// How we heard the far end, and how it heard us: mean opinion scores (ITU-T G.107); the second by its reports.
    pub mos: [Option<f64>; 2],
    /// Share of our packets that the far end reports as lost or too late.
    pub lost_there: Option<f64>,
    /// To the far end and back in milliseconds, by its reports.
    pub round_trip_ms: Option<f64>,
    /// RTP and RTCP shared a port.
    pub mux: bool,
    /// RTCP packets received, and whether any told VoIP metrics (RFC 3611).
    pub control: (u64, bool),
    /// What the impaired network did on the way out and back, if there was one.
    pub network: Option<[Impairment; 2]>,
}

/// What an impaired network did, one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Impairment {
    /// Packets that went in.
    pub entered: u64,
    /// Packets lost, by chance or for want of room.
    pub lost: u64,
    /// Packets that came twice.
    pub duplicated: u64,
    /// Packets that others overtook.
    pub reordered: u64,
}

impl From<Counts> for Impairment {
    fn from(counts: Counts) -> Self {
        Self {
            entered: counts.entered,
            lost: counts.lost + counts.overflowed,
            duplicated: counts.duplicated,
            reordered: counts.reordered,
        }
    }
}

impl Rtp {
    pub(super) fn new(counts: &Statistics, mut spacing: Vec<Duration>) -> Self {
        spacing.sort_unstable();
        let at = |part: f64| {
            let index = (spacing.len().saturating_sub(1) as f64 * part) as usize;
            spacing.get(index).copied().map_or(0.0, millis)
        };
        Self {
            sent: counts.packets_sent,
            received: counts.packets_received,
            lost: counts.lost,
            duplicates: counts.playout.duplicates,
            late: counts.playout.late,
            jitter_ms: millis(counts.jitter),
            spacing_ms: [at(0.5), at(0.99), at(1.0)],
            strays: counts.strays + counts.malformed + counts.unexpected_payload,
            mos: [counts.received_as, counts.sent_as].map(|it| it.map(|it| hundredths(it.mos))),
            lost_there: lost_there(counts),
            round_trip_ms: counts.heard.round_trip.map(millis),
            mux: false,
            control: (counts.rtcp_received, counts.heard.metrics.is_some()),
            network: None,
        }
    }

    fn print(&self, out: &mut String) {
        let [median, most_of, most] = self.spacing_ms;
        line(
            out,
            format_args!(
                "RTP: {} sent, {} received, {} lost, {} twice, {} late, jitter {} ms, spacing {median} ms, p99 {most_of} ms, most {most} ms",
                self.sent, self.received, self.lost, self.duplicates, self.late, self.jitter_ms
            ),
        );
        let score = |score: Option<f64>| score.map_or("-".to_owned(), |it| format!("{it:.2}"));
        let [here, there] = self.mos.map(score);
        line(out, format_args!("MOS: {here} here, {there} there"));
        for (way, did) in ["out", "back"].iter().zip(self.network.iter().flatten()) {
            line(
                out,
                format_args!(
                    "network {way}: {} entered, {} lost, {} twice, {} overtaken",
                    did.entered, did.lost, did.duplicated, did.reordered
                ),
            );
        }
    }
}

fn lost_there(counts: &Statistics) -> Option<f64> {
    let heard = &counts.heard;
    let lost = f64::from(heard.cumulative_lost.max(0)) / f64::from(counts.packets_sent.max(1));
    let share = heard.metrics.map_or(lost, |it| it.loss + it.discard);
    (heard.reports > 0).then(|| (share * 10_000.0).round() / 10_000.0)
}

fn hundredths(score: f64) -> f64 {
    (score * 100.0).round() / 100.0
}

fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 100_000.0).round() / 100.0
}

impl Report {
    /// For people: the ladder, the conversation, the times.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        let verdict = if self.ok { "ok" } else { "FAILED" };
        line(
            &mut out,
            format_args!("{}: {verdict}, {}", self.target, self.exit),
        );
        for rung in &self.ladder {
            let arrow = if rung.sent { "-->" } else { "<--" };
            let again = if rung.repeated { " (again)" } else { "" };
            line(
                &mut out,
                format_args!("{:9.3}  {arrow} {}{again}", rung.at, rung.summary),
            );
        }
        for said in &self.lines {
            line(
                &mut out,
                format_args!(
                    "{:9.3}  {:>6}: {}  [to {:.3}]",
                    said.from, said.who, said.text, said.to
                ),
            );
        }
        let show =
            |value: Option<f64>| value.map_or("never".to_owned(), |value| format!("{value:.3}"));
        line(
            &mut out,
            format_args!(
                "ringing {}, answered {}, first packet {}, first audio {}, over {:.3}",
                show(self.ringing),
                show(self.answered),
                show(self.first_packet),
                show(self.first_audio),
                self.ended
            ),
        );
        if !self.gaps.is_empty() {
            line(
                &mut out,
                format_args!(
                    "from the end of our words to the answer: {}",
                    list(&self.gaps)
                ),
            );
        }
        if !self.interruptions.is_empty() {
            line(
                &mut out,
                format_args!(
                    "from our interruption to silence: {}",
                    list(&self.interruptions)
                ),
            );
        }
        if let Some(rtp) = &self.rtp {
            rtp.print(&mut out);
        }
        out
    }

    /// For programs.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::json!(self)
    }

    /// All that the far end said, as one text.
    #[must_use]
    pub fn heard(&self) -> String {
        let lines = self.lines.iter().filter(|said| said.who == "agent");
        lines
            .map(|said| said.text.as_str())
            .collect::<Vec<_>>()
            .join(" ")
    }
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(out, "{text}").expect("a String takes what is written");
}

fn list(values: &[f64]) -> String {
    let texts: Vec<String> = values.iter().map(|value| format!("{value:.3} s")).collect();
    texts.join(", ")
}
