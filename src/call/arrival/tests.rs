use std::time::UNIX_EPOCH;

use bytes::Bytes;

use super::*;
use crate::sip::identity::Country;
use crate::sip::message::{Message, parse};

fn entry(headers: &str, trust: Trust) -> (String, String, String, Identity) {
    let text = format!(
        "INVITE sip:box\u{202E}x@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa\r\n\
         To: <sip:box@192.0.2.9>\r\nCall-ID: c\u{202E}1\r\nCSeq: 1 INVITE\r\n{headers}\r\n\r\n"
    );
    let Ok(Message::Request(invite)) = parse(Bytes::from(text)) else {
        panic!("{headers} is not readable");
    };
    match started(&invite, trust, UNIX_EPOCH) {
        Entry::Started {
            sip_call_id,
            from,
            from_name,
            identity,
            ..
        } => (sip_call_id, from, from_name, *identity),
        other => panic!("{other:?}"),
    }
}

#[test]
fn everything_told_is_cleaned() {
    let trust = Trust {
        identity: true,
        country: Country::of("US"),
    };
    let long = "x".repeat(3000);
    let headers = format!(
        "From: \"Ja\u{202E}ne\u{7} {long}\" <sip:%1B%5B2J%E2%80%AE5550100199@pbx>;tag=a\r\n\
         Diversion: <sip:front%0D%0Adesk@pbx>;reason=\"no\u{2066}answer\"\r\n\
         X-Twilio-CallSid: CA\u{7}{long}"
    );
    let (call_id, from, from_name, identity) = entry(&headers, trust);
    assert_eq!(call_id, "c1");
    assert_eq!(from, "[2J5550100199");
    assert!(from_name.starts_with("Jane x") && from_name.chars().count() == NAME_CHARS_MAX);
    assert_eq!(identity.diverted_from, "front desk (noanswer)");
    assert_eq!(identity.provider_call.chars().count(), NAME_CHARS_MAX);
    assert_eq!(identity.number, "", "{identity:?}");
    let values = [
        call_id,
        from,
        from_name,
        identity.diverted_from,
        identity.provider_call,
    ];
    for value in values {
        let plain = |c: char| !c.is_control() && !('\u{2000}'..'\u{2010}').contains(&c);
        assert!(value.chars().all(plain), "{value:?}");
    }
}

#[test]
fn a_withheld_caller_is_anonymous_whatever_is_asserted() {
    let headers = "From: <sip:5550100199@pbx>;tag=a\r\nPrivacy: id\r\n\
                   P-Asserted-Identity: \"Jane\" <sip:+15550100199@pbx>";
    for identity in [true, false] {
        let trust = Trust {
            identity,
            country: Country::of("US"),
        };
        let (_, from, from_name, identity) = entry(headers, trust);
        assert_eq!((from.as_str(), from_name.as_str()), (WITHHELD, ""));
        assert_eq!(identity, Identity::default());
    }
}

#[test]
fn an_asserted_number_replaces_that_of_from() {
    let headers = "From: \"7001\" <sip:7001@pbx>;tag=a\r\nP-Asserted-Identity: <tel:+15550100199>";
    let trust = Trust {
        identity: true,
        country: None,
    };
    let (_, from, from_name, identity) = entry(headers, trust);
    assert_eq!(
        (from.as_str(), from_name.as_str()),
        ("+15550100199", "7001")
    );
    assert_eq!(identity.number, "+15550100199");
    assert_eq!(identity.asserted_by, "the network");
}
