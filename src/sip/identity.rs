//! Who calls, whom he called first, and how sure that is, as an INVITE tells it: From,
//! P-Asserted-Identity (RFC 3325), Remote-Party-ID, Privacy (RFC 3323), Diversion (RFC 5806),
//! History-Info (RFC 7044), and what Twilio adds.
//!
//! From is what a caller's own telephone says. The rest is worth what the peer that says it is worth,
//! so who called is taken from it on a trusted line only. All values are as told: whoever shows them
//! cleans them.

use bytes::Bytes;

use super::message::{Name, NameAddr, Request, Scheme, Uri};

mod countries;
mod number;

pub use number::{Country, normalise};

/// How far a line's word goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    /// P-Asserted-Identity, Remote-Party-ID and the verification of numbers count.
    pub identity: bool,
    /// Where numbers without a plus are dialled.
    pub country: Option<Country>,
}

/// Who says who calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// The caller's telephone (From).
    #[default]
    From,
    /// The network (P-Asserted-Identity, RFC 3325).
    Asserted,
    /// The PBX (Remote-Party-ID).
    RemoteParty,
}

/// The caller of an INVITE.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// User part or number as told; empty when it is withheld.
    pub user: String,
    /// Display name; empty when there is none or it is withheld.
    pub display: String,
    /// The number as E.164, where it can be read.
    pub number: Option<String>,
    /// Who says so.
    pub source: Source,
    /// The caller does not want to be known.
    pub withheld: bool,
    /// Who was called first, where the call was diverted to us.
    pub diverted: Option<Diverted>,
    /// The provider's name for the call (`X-Twilio-CallSid`).
    pub provider_call: Option<String>,
    /// The provider's name for the account (`X-Twilio-AccountSid`).
    pub provider_account: Option<String>,
    /// What the provider found out about the number (`X-Twilio-VerStat`, `verstat` of 3GPP 24.229):
    /// `TN-Validation-Passed-A`.
    pub verification: Option<String>,
}

/// Whoever was called first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diverted {
    /// The number as E.164 where it can be read, otherwise the user part.
    pub from: String,
    /// Why: `no-answer`, `user-busy`, `unconditional` .., or a SIP status.
    pub reason: Option<String>,
}

impl Identity {
    /// Reads an INVITE.
    #[must_use]
    pub fn of(invite: &Request, trust: Trust) -> Self {
        let privacy = Privacy::of(invite);
        let from = invite.from();
        let told = Told::best(invite, trust);
        let (address, source) = match told {
            Some(told) => (Some(told.address), told.source),
            None => (from.clone(), Source::From),
        };
        let (user, number) = address
            .as_ref()
            .map(|address| number_of(&address.uri, trust.country))
            .unwrap_or_default();
        let display = display(address.as_ref()).or_else(|| display(from.as_ref()));
        let verification = verification(invite, address.as_ref()).filter(|_| trust.identity);
        let mut identity = Self {
            user,
            display: display.unwrap_or_default(),
            number,
            source,
            withheld: privacy.identity
                || from.as_ref().is_some_and(is_anonymous)
                || (trust.identity && hides_party(invite)),
            diverted: diverted(invite, privacy, trust.country),
            provider_call: text(invite, "X-Twilio-CallSid"),
            provider_account: text(invite, "X-Twilio-AccountSid"),
            verification,
        };
        if identity.withheld {
            (identity.user, identity.display) = Default::default();
            identity.number = None;
        }
        identity
    }
}

/// What of a request is not to be shown (RFC 3323 §4.2, RFC 3325 §9.3, RFC 7044 §10.1).
#[derive(Clone, Copy, Default)]
struct Privacy {
    identity: bool,
    history: bool,
}

impl Privacy {
    fn of(invite: &Request) -> Self {
        let mut privacy = Self::default();
        for value in invite.headers.all(&Name::Privacy) {
            for word in value.split(|byte| b";, ".contains(byte)) {
                match word.to_ascii_lowercase().as_slice() {
                    b"id" | b"user" | b"header" => privacy.identity = true,
                    b"history" => privacy.history = true,
                    b"none" => return Self::default(),
                    _ => {}
                }
            }
        }
        privacy
    }
}

/// An address that somebody vouches for.
struct Told {
    address: NameAddr,
    source: Source,
}

impl Told {
    /// The best one that a trusted line tells. Of several values of P-Asserted-Identity (RFC 3325
    /// §9.1: one sip, one tel) the first that is a number counts.
    fn best(invite: &Request, trust: Trust) -> Option<Self> {
        if !trust.identity {
            return None;
        }
        let asserted = invite.headers.addresses(&Name::PAssertedIdentity);
        let numbered = asserted
            .iter()
            .find(|address| number_of(&address.uri, trust.country).1.is_some());
        if let Some(address) = numbered.or_else(|| asserted.first()) {
            let mut address = address.clone();
            let named = asserted.iter().find(|other| other.display.is_some());
            if address.display.is_none() {
                address.display = named.and_then(|other| other.display.clone());
            }
            let source = Source::Asserted;
            return Some(Self { address, source });
        }
        let parties = invite.headers.addresses(&Name::RemotePartyId);
        let address = parties.into_iter().find(is_calling_party)?;
        let source = Source::RemoteParty;
        Some(Self { address, source })
    }
}

/// A Remote-Party-ID that speaks of the caller, and that the sender has looked at.
fn is_calling_party(address: &NameAddr) -> bool {
    says(address, "party", "calling") && says(address, "screen", "yes")
}

/// A caller whom Remote-Party-ID asks to hide, in whole or in part.
fn hides_party(invite: &Request) -> bool {
    let parties = invite.headers.addresses(&Name::RemotePartyId);
    let mut callers = parties
        .iter()
        .filter(|party| says(party, "party", "calling"));
    callers.any(|party| !says(party, "privacy", "off"))
}

/// Whether a parameter has this value, or does not stand there.
fn says(address: &NameAddr, name: &str, value: &str) -> bool {
    let told = address.params.get(name);
    told.is_none_or(|told| told.eq_ignore_ascii_case(value.as_bytes()))
}

/// The user part without its parameters, and the number in it.
fn number_of(uri: &Uri, country: Option<Country>) -> (String, Option<String>) {
    let text = uri.user_text().unwrap_or_default();
    let (user, _) = text.split_once(';').unwrap_or((&text, ""));
    let context = number_param(uri, "phone-context");
    let number = number::in_context(user, context.as_deref(), country);
    (user.to_owned(), number)
}

/// A parameter of a number: of a tel URI, or of the user part that such a one became
/// (RFC 3261 §19.1.6).
fn number_param(uri: &Uri, wanted: &str) -> Option<String> {
    if uri.scheme() == Scheme::Tel {
        return uri.param(wanted).map(|value| lossy(&value));
    }
    let text = uri.user_text()?;
    let (_, params) = text.split_once(';')?;
    params.split(';').find_map(|param| {
        let (name, value) = param.split_once('=')?;
        let found = name.eq_ignore_ascii_case(wanted);
        found.then(|| value.to_owned())
    })
}

fn display(address: Option<&NameAddr>) -> Option<String> {
    address?.display_text()
}

/// Whether an address says that its owner is not to be known (RFC 3323 §4.1.1.3).
fn is_anonymous(address: &NameAddr) -> bool {
    const WORDS: [&str; 5] = [
        "anonymous",
        "restricted",
        "private",
        "withheld",
        "unavailable",
    ];
    let user = address.uri.user_text().unwrap_or_default();
    let host = address.uri.host().map(|host| host.to_string());
    let is_nobody = host.is_some_and(|host| host.eq_ignore_ascii_case("anonymous.invalid"));
    is_nobody || WORDS.iter().any(|word| user.eq_ignore_ascii_case(word))
}

/// The last Diversion is the first that happened (RFC 5806 §4: the newest stands on top); else the
/// lowest entry of History-Info that was left for another (RFC 7044 §4).
fn diverted(invite: &Request, privacy: Privacy, country: Option<Country>) -> Option<Diverted> {
    if privacy.history {
        return None;
    }
    let first = |address: &NameAddr| {
        let (user, number) = number_of(&address.uri, country);
        number.unwrap_or(user)
    };
    if let Some(address) = invite.headers.addresses(&Name::Diversion).last() {
        let hidden = address.params.get("privacy");
        let hidden = hidden.is_some_and(|told| !told.eq_ignore_ascii_case(b"off"));
        return (!hidden).then(|| Diverted {
            from: first(address),
            reason: address.params.get("reason").map(|reason| lossy(&reason)),
        });
    }
    let history = invite.headers.addresses(&Name::HistoryInfo);
    let [address, _, ..] = history.as_slice() else {
        return None;
    };
    let about = address.uri.headers();
    let told = |name: &str| {
        let mut about = about.iter();
        about
            .find(|(other, _)| other.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value)
    };
    if told("Privacy").is_some_and(|value| value.eq_ignore_ascii_case(b"history")) {
        return None;
    }
    let reason = told("Reason").and_then(super::message::Reason::parse);
    Some(Diverted {
        from: first(address),
        reason: reason.and_then(|reason| {
            let cause = reason.cause.map(|cause| cause.to_string());
            cause.or_else(|| reason.text.as_ref().map(|text| lossy(text)))
        }),
    })
    .filter(|diverted| !diverted.from.is_empty())
}

/// What was found out about the caller's number, as a token.
fn verification(invite: &Request, caller: Option<&NameAddr>) -> Option<String> {
    let told = text(invite, "X-Twilio-VerStat").or_else(|| {
        let caller = caller?;
        let told = number_param(&caller.uri, "verstat");
        told.or_else(|| caller.params.get("verstat").map(|told| lossy(&told)))
    });
    let is_token = |text: &String| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !text.is_empty() && text.bytes().all(plain)
    };
    told.filter(is_token)
}

fn text(invite: &Request, name: &'static str) -> Option<String> {
    let name = Name::parse(&Bytes::from_static(name.as_bytes()))?;
    let value = invite.headers.get(&name)?;
    Some(lossy(value)).filter(|value| !value.is_empty())
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests;
