//! A record as people read it: a subject, and a body in HTML and in text, summary first.

use std::time::Duration;

use super::draft::{SUBJECT_CHARS_MAX, is_withheld};
use super::record::Reached;
use super::{CallId, CallRecord, Entry, Heard, Outcome, RecordingStep, Sound, Speaker, utc};

/// Most characters of one transcript line; a longer one is cut.
pub const LINE_CHARS_MAX: usize = 2_000;
/// Most characters of transcript in a ticket; later lines are left out and their number is told.
pub const TRANSCRIPT_CHARS_MAX: usize = 60_000;
/// Most characters of one field of the summary.
const FIELD_CHARS_MAX: usize = 500;
/// Most characters of the topic in a subject.
const TOPIC_CHARS_MAX: usize = 120;

/// `Call from <name or number>: <why>`, at most [`SUBJECT_CHARS_MAX`] characters.
#[must_use]
pub fn subject(record: &CallRecord) -> String {
    let topic = record
        .escalation()
        .or_else(|| record.first_words())
        .or_else(|| record.ended().map(|(_, _, reason)| reason))
        .unwrap_or_default();
    let topic = clean(topic, TOPIC_CHARS_MAX);
    let who = clean(&caller(record), TOPIC_CHARS_MAX);
    let subject = if topic.is_empty() {
        format!("Call from {who}")
    } else {
        format!("Call from {who}: {topic}")
    };
    clean(&subject, SUBJECT_CHARS_MAX)
}

/// The body as HTML; everything that came from outside is escaped.
#[must_use]
pub fn html(call_id: &CallId, record: &CallRecord) -> String {
    let mut body = String::from("<h3>Summary</h3>\n<ul>\n");
    for (name, value) in summary(call_id, record) {
        body.push_str(&format!("<li><b>{name}:</b> {}</li>\n", escape(&value)));
    }
    body.push_str("</ul>\n<h3>Transcript</h3>\n");
    let (lines, left_out) = transcript(record);
    for line in &lines {
        let Line { stamp, who, text } = line;
        body.push_str(&format!(
            "<p>[{stamp}] <b>{who}:</b> {}</p>\n",
            escape(text)
        ));
    }
    if let Some(note) = note(lines.len(), left_out) {
        body.push_str(&format!("<p><i>{note}</i></p>\n"));
    }
    body
}

/// The body as text.
#[must_use]
pub fn text(call_id: &CallId, record: &CallRecord) -> String {
    let mut body = String::from("Summary\n");
    for (name, value) in summary(call_id, record) {
        body.push_str(&format!("{name}: {value}\n"));
    }
    body.push_str("\nTranscript\n");
    let (lines, left_out) = transcript(record);
    for Line { stamp, who, text } in &lines {
        body.push_str(&format!("[{stamp}] {who}: {text}\n"));
    }
    if let Some(note) = note(lines.len(), left_out) {
        body.push_str(&note);
        body.push('\n');
    }
    body
}

/// One line of printable text: control and invisible formatting characters gone, white space single,
/// at most `chars_max` characters.
#[must_use]
pub fn clean(text: &str, chars_max: usize) -> String {
    let visible = text.chars().filter(|c| !is_invisible(*c));
    let spaced: String = visible
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let joined = words.join(" ");
    if joined.chars().count() <= chars_max {
        return joined;
    }
    let mut cut: String = joined.chars().take(chars_max.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// Characters that show nothing and can reorder or hide what stands around them.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
        | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}'
        | '\u{E0000}'..='\u{E0FFF}')
}

/// Text as HTML text or attribute value.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

fn summary(call_id: &CallId, record: &CallRecord) -> Vec<(&'static str, String)> {
    let mut rows = vec![("Caller", caller(record))];
    rows.push(("Number", number(record)));
    if !record.dialled().is_empty() {
        rows.push(("Called", record.dialled().to_owned()));
    }
    if let Some(identity) = record.identity() {
        let told = [
            ("Called first", &identity.diverted_from),
            ("Provider's call", &identity.provider_call),
        ];
        let told = told.into_iter().filter(|(_, value)| !value.is_empty());
        rows.extend(told.map(|(name, value)| (name, value.clone())));
    }
    if let Some(started) = record.started() {
        rows.push(("Start", utc::date_time(started)));
    }
    if let Some((at, outcome, reason)) = record.ended() {
        let talk = at.saturating_sub(record.answered().unwrap_or(at));
        rows.push(("Duration", utc::in_words(talk)));
        rows.push(("Outcome", in_words(outcome).to_owned()));
        rows.push(("Ended", reason.to_owned()));
    }
    for (target, reached) in record.transfers() {
        rows.push(("Transfer", transfer(target, reached)));
    }
    if let Some(told) = recording(record) {
        rows.push(("Recording", told));
    }
    if let Some(reason) = record.escalation() {
        rows.push(("Call back", reason.to_owned()));
    }
    rows.push(("E-mail", email(record)));
    let cited = record.cited();
    for (article, title, url) in &cited {
        let place = if url.is_empty() {
            String::new()
        } else {
            format!(" {url}")
        };
        rows.push(("Article used", format!("{title} ({article}){place}")));
    }
    if cited.is_empty() {
        rows.push(("Article used", "none".to_owned()));
    }
    let noticed = record.noticed();
    if !noticed.is_empty() {
        rows.push(("Noticed", noticed.join(", ")));
    }
    if let Some(sound) = record.sound() {
        rows.push(("Sound", heard_as(sound)));
    }
    rows.push(("Call", call_id.0.clone()));
    for (_, value) in &mut rows {
        *value = clean(value, FIELD_CHARS_MAX);
    }
    rows
}

/// How it sounded, in words that somebody without a manual understands, and the figures behind them.
fn heard_as(sound: &Sound) -> String {
    let side = |who, heard: &Heard| {
        let grade = match heard.mos {
            4.0.. => "good",
            3.6..4.0 => "fair",
            3.1..3.6 => "poor",
            _ => "bad",
        };
        let lost = heard.loss * 100.0;
        format!("{who} {grade} (MOS {:.1}, {lost:.1} % lost)", heard.mos)
    };
    let mut words = side("the caller was heard", &sound.heard);
    if let Some(sent) = &sound.sent {
        words = format!("{words}, {}", side("the assistant", sent));
    }
    if let Some(hint) = sound.levels.and_then(|levels| levels.hint()) {
        words = format!("{words}; {hint}");
    }
    if sound.gaps > 0 {
        let seconds = sound.gaps_length.as_secs_f64();
        words += &format!(
            ", the assistant's speech stopped short {}x ({seconds:.1} s)",
            sound.gaps
        );
    }
    words
}

/// The caller's number, and how far it is to be believed.
fn number(record: &CallRecord) -> String {
    let Some(number) = record.number() else {
        return "withheld or not a telephone number".to_owned();
    };
    let identity = record.identity().cloned().unwrap_or_default();
    let mut notes = Vec::new();
    if !identity.asserted_by.is_empty() {
        notes.push(format!("told by {}", identity.asserted_by));
    }
    if !identity.verification.is_empty() {
        notes.push(verified(&identity.verification));
    }
    if notes.is_empty() {
        return number;
    }
    format!("{number} ({})", notes.join(", "))
}

/// The result of the provider's check of the number (STIR/SHAKEN) in words.
fn verified(verification: &str) -> String {
    let lower = verification.to_ascii_lowercase();
    let found = if lower.starts_with("tn-validation-passed") {
        "verified by the provider"
    } else if lower.starts_with("tn-validation-failed") {
        "NOT genuine, says the provider"
    } else {
        "not verified"
    };
    format!("{found}: {verification}")
}

fn transfer(target: &str, reached: Reached<'_>) -> String {
    match reached {
        Reached::Yes => format!("to {target}: connected"),
        Reached::No(reason) => format!("to {target}: {reason}"),
        Reached::Unknown => format!("to {target}: how it came out is not known"),
    }
}

/// Where the recording is, and where it is not the call.
fn recording(record: &CallRecord) -> Option<String> {
    let told: Vec<String> = record
        .recording()
        .map(|(at, step)| {
            let at = utc::in_words(at);
            match step {
                RecordingStep::Began(file) => format!("{file}, from {at}"),
                RecordingStep::Paused => format!("paused at {at}"),
                RecordingStep::Resumed => format!("goes on at {at}"),
                RecordingStep::Gap => "has gaps: the disk was too slow".to_owned(),
                RecordingStep::Stopped(reason) => format!("ends at {at}: {reason}"),
                RecordingStep::Refused => "none: the caller refused".to_owned(),
                RecordingStep::Failed(reason) => format!("FAILED at {at}: {reason}"),
            }
        })
        .collect();
    (!told.is_empty()).then(|| told.join("; "))
}

fn email(record: &CallRecord) -> String {
    match record.email() {
        Some(email) if email.confirmed => format!("{} (confirmed by the caller)", email.address),
        Some(email) => format!("{} (NOT confirmed)", email.address),
        None => "not given".to_owned(),
    }
}

/// Name and number, whichever is known.
fn caller(record: &CallRecord) -> String {
    let (from, from_name) = record.caller();
    let from_name = from_name.trim();
    let named = !is_withheld(from_name) && from_name != from;
    match (named, is_withheld(from)) {
        (true, false) => format!("{from_name} ({from})"),
        (true, true) => from_name.to_owned(),
        (false, false) => from.to_owned(),
        (false, true) => "a withheld number".to_owned(),
    }
}

fn in_words(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Answered => "answered from the knowledge base",
        Outcome::Escalated => "a person has to act",
        Outcome::Abandoned => "the caller left before anything was settled",
        Outcome::Failed => "a service or the network failed",
        Outcome::Interrupted => "the call was cut off on our side",
    }
}

struct Line {
    stamp: String,
    who: &'static str,
    text: String,
}

/// The lines that fit, in the order they were said, and how many do not. A line is recorded when it has
/// been said, so one that was begun earlier may stand later.
fn transcript(record: &CallRecord) -> (Vec<Line>, usize) {
    let mut said: Vec<(Duration, Speaker, String, bool)> = Vec::new();
    for entry in &record.entries {
        if let Entry::Line {
            at,
            speaker,
            text,
            interrupted,
        } = entry
        {
            said.push((*at, *speaker, clean(text, LINE_CHARS_MAX), *interrupted));
        }
    }
    said.sort_by_key(|(at, ..)| *at);
    said.dedup_by(|next, line| joins(line, next));
    let mut chars = 0;
    let mut lines = Vec::new();
    let all = said.len();
    for (at, speaker, text, interrupted) in said {
        chars += text.chars().count();
        if chars > TRANSCRIPT_CHARS_MAX {
            break;
        }
        let who = match speaker {
            Speaker::Caller => "Caller",
            Speaker::Agent => "Assistant",
        };
        let text = if interrupted {
            text + " [interrupted]"
        } else {
            text
        };
        lines.push(Line {
            stamp: utc::stamp(at),
            who,
            text,
        });
    }
    let left_out = all - lines.len();
    (lines, left_out)
}

/// Appends a piece of the same speaker's to a line that was not cut short and does not grow too long.
fn joins(
    line: &mut (Duration, Speaker, String, bool),
    next: &mut (Duration, Speaker, String, bool),
) -> bool {
    let joined = line.1 == next.1 && !line.3 && line.2.len() + next.2.len() < LINE_CHARS_MAX;
    if joined {
        line.2 = format!("{} {}", line.2, next.2);
        line.3 = next.3;
    }
    joined
}

fn note(lines: usize, left_out: usize) -> Option<String> {
    match (lines, left_out) {
        (0, 0) => Some("Nothing was said.".to_owned()),
        (_, 0) => None,
        (_, 1) => Some("One more line is left out.".to_owned()),
        (_, more) => Some(format!("{more} more lines are left out.")),
    }
}

#[cfg(test)]
mod tests;
