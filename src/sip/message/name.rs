//! Header names (RFC 3261 §7.3.1, §7.3.3): canonical spelling, compact forms, no case.

use core::fmt;
use core::hash::{Hash, Hasher};

use bytes::Bytes;

use super::scan;

#[cfg(test)]
mod tests;

macro_rules! names {
    ($($variant:ident $spelling:literal $(or $compact:literal)?, $rfc:literal;)*) => {
        /// A header name; compact forms are resolved, case does not count.
        #[derive(Clone, Debug)]
        pub enum Name {
            $(
                #[doc = concat!("`", $spelling, "`", $(", compact `", $compact, "`",)? " (RFC ", $rfc, ").")]
                $variant,
            )*
            /// Any other name, spelled as received. Made by [`Name::parse`].
            Other(Bytes),
        }

        /// Canonical spelling, compact form and value of each known name.
        const KNOWN: &[(&str, Option<&str>, Name)] = &[
            $(($spelling, names!(@compact $($compact)?), Name::$variant),)*
        ];

        impl Name {
            /// The spelling used when written.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8] {
                match self {
                    $(Self::$variant => $spelling.as_bytes(),)*
                    Self::Other(spelling) => spelling,
                }
            }
        }
    };
    (@compact) => { None };
    (@compact $compact:literal) => { Some($compact) };
}

names! {
    Accept "Accept", "3261";
    AcceptContact "Accept-Contact" or "a", "3841";
    AcceptEncoding "Accept-Encoding", "3261";
    AcceptLanguage "Accept-Language", "3261";
    AlertInfo "Alert-Info", "3261";
    Allow "Allow", "3261";
    AllowEvents "Allow-Events" or "u", "6665";
    AuthenticationInfo "Authentication-Info", "3261";
    Authorization "Authorization", "3261";
    CallId "Call-ID" or "i", "3261";
    CallInfo "Call-Info", "3261";
    Contact "Contact" or "m", "3261";
    ContentDisposition "Content-Disposition", "3261";
    ContentEncoding "Content-Encoding" or "e", "3261";
    ContentLanguage "Content-Language", "3261";
    ContentLength "Content-Length" or "l", "3261";
    ContentType "Content-Type" or "c", "3261";
    CSeq "CSeq", "3261";
    Date "Date", "3261";
    Diversion "Diversion", "5806";
    ErrorInfo "Error-Info", "3261";
    Event "Event" or "o", "6665";
    Expires "Expires", "3261";
    From "From" or "f", "3261";
    HistoryInfo "History-Info", "7044";
    Identity "Identity" or "y", "8224";
    InReplyTo "In-Reply-To", "3261";
    InfoPackage "Info-Package", "6086";
    Join "Join", "3911";
    MaxForwards "Max-Forwards", "3261";
    MimeVersion "MIME-Version", "3261";
    MinExpires "Min-Expires", "3261";
    MinSe "Min-SE", "4028";
    Organization "Organization", "3261";
    PAssertedIdentity "P-Asserted-Identity", "3325";
    PCalledPartyId "P-Called-Party-ID", "7315";
    PPreferredIdentity "P-Preferred-Identity", "3325";
    Path "Path", "3327";
    Priority "Priority", "3261";
    Privacy "Privacy", "3323";
    ProxyAuthenticate "Proxy-Authenticate", "3261";
    ProxyAuthorization "Proxy-Authorization", "3261";
    ProxyRequire "Proxy-Require", "3261";
    RAck "RAck", "3262";
    Reason "Reason", "3326";
    RecordRoute "Record-Route", "3261";
    RecvInfo "Recv-Info", "6086";
    ReferSub "Refer-Sub", "4488";
    ReferTo "Refer-To" or "r", "3515";
    ReferredBy "Referred-By" or "b", "3892";
    RejectContact "Reject-Contact" or "j", "3841";
    RemotePartyId "Remote-Party-ID", "3325";
    Replaces "Replaces", "3891";
    ReplyTo "Reply-To", "3261";
    RequestDisposition "Request-Disposition" or "d", "3841";
    Require "Require", "3261";
    RetryAfter "Retry-After", "3261";
    Route "Route", "3261";
    RSeq "RSeq", "3262";
    Server "Server", "3261";
    ServiceRoute "Service-Route", "3608";
    SessionExpires "Session-Expires" or "x", "4028";
    Subject "Subject" or "s", "3261";
    SubscriptionState "Subscription-State", "6665";
    Supported "Supported" or "k", "3261";
    Timestamp "Timestamp", "3261";
    To "To" or "t", "3261";
    Unsupported "Unsupported", "3261";
    UserAgent "User-Agent", "3261";
    UserToUser "User-to-User", "7433";
    Via "Via" or "v", "3261";
    Warning "Warning", "3261";
    WwwAuthenticate "WWW-Authenticate", "3261";
}

impl Name {
    /// Reads a name, compact or full, in any case; `None` when it is not a token.
    #[must_use]
    pub fn parse(name: &Bytes) -> Option<Self> {
        if !scan::is_token(name) {
            return None;
        }
        let known = KNOWN.iter().find(|(spelling, compact, _)| {
            name.eq_ignore_ascii_case(spelling.as_bytes())
                || compact.is_some_and(|compact| name.eq_ignore_ascii_case(compact.as_bytes()))
        });
        Some(match known {
            Some((_, _, known)) => known.clone(),
            None => Self::Other(name.clone()),
        })
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Other(one), Self::Other(two)) => one.eq_ignore_ascii_case(two),
            _ => core::mem::discriminant(self) == core::mem::discriminant(other),
        }
    }
}

impl Eq for Name {}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().to_ascii_lowercase().hash(state);
    }
}

impl fmt::Display for Name {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        scan::lossy(self.as_bytes(), out)
    }
}
