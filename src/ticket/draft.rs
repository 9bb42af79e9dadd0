//! Which calls need a ticket, and what stands in it.

use super::record::Reached;
use super::{CallId, CallRecord, Draft, Entry, Outcome, Requester, render};

/// Which calls get a ticket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TicketPolicy {
    /// Every answered call that the knowledge base did not settle.
    #[default]
    Unsettled,
    /// Every answered call in which anything was said.
    Every,
}

/// Longest subject in characters; the smallest limit among the helpdesks.
pub const SUBJECT_CHARS_MAX: usize = 255;
/// Longest requester name in characters; the smallest limit among the helpdesks.
pub const NAME_CHARS_MAX: usize = 140;

/// The ticket of a call that is over, or `None` when it needs none: it was never answered, or it was settled
/// from the knowledge base. A caller who left without a word has one, too: somebody may call him back.
#[must_use]
pub fn draft(call_id: &CallId, record: &CallRecord, policy: TicketPolicy) -> Option<Draft> {
    if !needs_ticket(record, policy) {
        return None;
    }
    Some(Draft {
        call_id: call_id.clone(),
        subject: render::subject(record),
        body_html: render::html(call_id, record),
        body_text: render::text(call_id, record),
        requester: requester(call_id, record),
        tags: tags(record),
    })
}

fn needs_ticket(record: &CallRecord, policy: TicketPolicy) -> bool {
    let (Some(_), Some(outcome)) = (record.answered(), record.outcome()) else {
        return false;
    };
    let said = || {
        let mut entries = record.entries.iter();
        entries.any(|entry| matches!(entry, Entry::Line { .. }))
    };
    // The diagnostics say nothing, and need no ticket under any policy.
    let asked_for_person = record.escalation().is_some() || !record.transfers().is_empty();
    if asked_for_person || (policy == TicketPolicy::Every && said()) {
        return true;
    }
    outcome != Outcome::Answered
}

fn requester(call_id: &CallId, record: &CallRecord) -> Requester {
    let (from, from_name) = record.caller();
    let phone = record.number();
    let display = render::clean(from_name, NAME_CHARS_MAX);
    let name = if !display.is_empty() && !is_withheld(&display) {
        display
    } else if let Some(phone) = &phone {
        format!("Caller {phone}")
    } else if !is_withheld(from) {
        render::clean(from, NAME_CHARS_MAX)
    } else {
        // Never one shared customer for all withheld numbers: their histories would mix.
        render::clean(&format!("Unknown caller, call {call_id}"), NAME_CHARS_MAX)
    };
    let email = record.email().filter(|email| email.confirmed);
    Requester {
        name,
        email: email.map(|email| email.address.to_owned()),
        phone,
    }
}

/// The number in `from` without separators, when it is one of at least three digits.
pub(super) fn phone_number(from: &str) -> Option<String> {
    let trimmed = from.trim();
    let (plus, rest) = match trimmed.strip_prefix('+') {
        Some(rest) => ("+", rest),
        None => ("", trimmed),
    };
    let is_separator = |c: char| matches!(c, ' ' | '-' | '.' | '(' | ')');
    if !rest.chars().all(|c| c.is_ascii_digit() || is_separator(c)) {
        return None;
    }
    let digits: String = rest.chars().filter(char::is_ascii_digit).collect();
    (3..=20)
        .contains(&digits.len())
        .then(|| format!("{plus}{digits}"))
}

/// Names that lines send in place of a withheld number.
pub(super) fn is_withheld(from: &str) -> bool {
    const WITHHELD: [&str; 7] = [
        "",
        "anonymous",
        "unknown",
        "unavailable",
        "restricted",
        "private",
        "withheld",
    ];
    WITHHELD
        .iter()
        .any(|name| from.trim().eq_ignore_ascii_case(name))
}

fn tags(record: &CallRecord) -> Vec<String> {
    let mut tags = vec!["voice-call".to_owned(), "ringwell".to_owned()];
    let outcome = match record.outcome() {
        Some(Outcome::Answered) => "answered",
        Some(Outcome::Escalated) => "escalated",
        Some(Outcome::Abandoned) => "abandoned",
        Some(Outcome::Failed) => "failed",
        Some(Outcome::Interrupted) | None => "interrupted",
    };
    tags.push(outcome.to_owned());
    if record.escalation().is_some() {
        tags.push("callback-requested".to_owned());
    }
    if let Some((_, Reached::Yes)) = record.transfers().last() {
        tags.push("transferred".to_owned());
    }
    tags
}

#[cfg(test)]
mod tests;
