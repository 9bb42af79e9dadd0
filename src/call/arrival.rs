//! What an INVITE tells about its call.

use std::time::SystemTime;

use crate::sip::message::{NameAddr, Request};
use crate::ticket::Entry;
use crate::ticket::render::clean;

/// Longest number or name kept.
const NAME_CHARS_MAX: usize = 100;
/// Longest Call-ID kept.
const CALL_ID_CHARS_MAX: usize = 200;

/// The first entry of the record.
pub(super) fn started(invite: &Request, at: SystemTime) -> Entry {
    let from = invite.from();
    let call_id = invite
        .call_id()
        .map(|id| String::from_utf8_lossy(id).into_owned());
    Entry::Started {
        at,
        sip_call_id: clean(&call_id.unwrap_or_default(), CALL_ID_CHARS_MAX),
        from: user(from.as_ref()),
        from_name: clean(
            &from
                .and_then(|from| from.display_text())
                .unwrap_or_default(),
            NAME_CHARS_MAX,
        ),
        to: match invite.uri.user_text() {
            Some(user) => clean(&user, NAME_CHARS_MAX),
            None => user(invite.to().as_ref()),
        },
    }
}

fn user(address: Option<&NameAddr>) -> String {
    let user = address.and_then(|address| address.uri.user_text());
    clean(&user.unwrap_or_default(), NAME_CHARS_MAX)
}
