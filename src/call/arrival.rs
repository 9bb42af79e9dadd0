//! What an INVITE tells about its call.

use std::time::SystemTime;

use crate::sip::identity::{self, Diverted, Source, Trust};
use crate::sip::message::{NameAddr, Request};
use crate::ticket::render::clean;
use crate::ticket::{Entry, Identity};

/// Longest number or name kept.
const NAME_CHARS_MAX: usize = 100;
/// Longest Call-ID kept.
const CALL_ID_CHARS_MAX: usize = 200;
/// What stands for a caller who does not want to be known.
const WITHHELD: &str = "anonymous";

/// The first entry of the record. `trust` is that of the line.
pub(super) fn started(invite: &Request, trust: Trust, at: SystemTime) -> Entry {
    let told = identity::Identity::of(invite, trust);
    let call_id = invite
        .call_id()
        .map(|id| String::from_utf8_lossy(id).into_owned());
    let from = if told.withheld {
        WITHHELD.to_owned()
    } else {
        clean(&told.user, NAME_CHARS_MAX)
    };
    Entry::Started {
        at,
        sip_call_id: clean(&call_id.unwrap_or_default(), CALL_ID_CHARS_MAX),
        from,
        from_name: clean(&told.display, NAME_CHARS_MAX),
        to: match invite.uri.user_text() {
            Some(user) => clean(&user, NAME_CHARS_MAX),
            None => user(invite.to().as_ref()),
        },
        identity: Box::new(identity(told)),
    }
}

fn identity(told: identity::Identity) -> Identity {
    let kept = |text: Option<String>| clean(&text.unwrap_or_default(), NAME_CHARS_MAX);
    let asserted_by = match told.source {
        Source::From => "",
        Source::Asserted => "the network",
        Source::RemoteParty => "the PBX",
    };
    let number = told.number.unwrap_or_default();
    Identity {
        asserted_by: if number.is_empty() { "" } else { asserted_by }.to_owned(),
        number,
        diverted_from: kept(told.diverted.map(in_words)),
        provider_call: kept(told.provider_call),
        verification: kept(told.verification),
    }
}

fn in_words(diverted: Diverted) -> String {
    match diverted.reason {
        Some(reason) => format!("{} ({reason})", diverted.from),
        None => diverted.from,
    }
}

fn user(address: Option<&NameAddr>) -> String {
    let user = address.and_then(|address| address.uri.user_text());
    clean(&user.unwrap_or_default(), NAME_CHARS_MAX)
}

#[cfg(test)]
mod tests;
