//! What the registrar says that it holds for us (RFC 3261 §10.2.4, §10.3).

use std::time::{Duration, Instant};

use super::contact::address_in;
use crate::sip::Flow;
use crate::sip::message::{Name, NameAddr, Response, Uri};

/// The longest time that counts as granted; a registrar that grants more is asked again after a day.
const GRANTED_MAX: Duration = Duration::from_hours(24);

/// Our Contact at the registrar.
#[derive(Clone, Debug)]
pub(super) struct Binding {
    pub(super) contact: Uri,
    pub(super) flow: Flow,
    pub(super) until: Instant,
}

/// How long a 2xx grants our Contact: its own `expires`, else the Expires header, else what was asked.
/// `None` when it does not list our Contact.
pub(super) fn granted(
    response: &Response,
    ours: &Uri,
    flow: Flow,
    asked: Duration,
) -> Option<Duration> {
    let listed = response.headers.addresses(&Name::Contact);
    let contact = find(&listed, ours, flow)?;
    let own = contact.params.get("expires");
    let own = own.and_then(|value| seconds(&value));
    let header = response.headers.number(&Name::Expires).map(u64::from);
    let granted = own.or(header).map_or(asked, Duration::from_secs);
    Some(granted.min(GRANTED_MAX))
}

/// Seconds, one too many for 64 bits being as many as can be.
fn seconds(value: &[u8]) -> Option<u64> {
    let digits = core::str::from_utf8(value.trim_ascii()).ok()?;
    let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    all_digits.then(|| digits.parse().unwrap_or(u64::MAX))
}

/// Our Contact among those listed: the same URI (RFC 3261 §19.1.4), else the same user and address whatever
/// the parameters, else the only one of our user, as registrars list it that correct the address of phones
/// behind a NAT.
fn find<'a>(listed: &'a [NameAddr], ours: &Uri, flow: Flow) -> Option<&'a NameAddr> {
    let user = ours.user_text();
    let same = listed.iter().find(|it| it.uri.equivalent(ours));
    let of_user = || {
        let named = listed.iter().filter(|it| it.uri.user_text() == user);
        named.collect::<Vec<_>>()
    };
    same.or_else(|| {
        let of_user = of_user();
        let address = address_in(ours, flow.transport);
        let there = |it: &&&NameAddr| address_in(&it.uri, flow.transport) == address;
        match (of_user.iter().find(there), of_user.as_slice()) {
            (Some(found), _) | (None, [found]) => Some(found),
            _ => None,
        }
    })
}
