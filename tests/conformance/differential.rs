//! A second opinion: where rsip takes a message and types its headers, both parsers must read the same.
//!
//! rsip is known to be wrong in places (it splits parameters inside quotes and in user parts, folds the case of
//! methods, takes Via lists for one value, and a user part before its first dot for nothing); what it reads there is
//! not compared.

use proptest::prelude::*;
use ringwell::sip::message::{Message, parse};
use rsip::prelude::{HeadersExt, ToTypedHeader, UntypedHeader};

use crate::messages::{field, message, taken};
use crate::{corpus, practical, torture};

/// Field name and text as rsip reads it; `None` where rsip refuses any part.
fn second_opinion(bytes: &[u8]) -> Option<Vec<(&'static str, String)>> {
    let message = rsip::SipMessage::try_from(bytes).ok()?;
    let via = message.via_header().ok()?.typed().ok()?;
    let from = message.from_header().ok()?.typed().ok()?;
    let to = message.to_header().ok()?.typed().ok()?;
    let cseq = message.cseq_header().ok()?.typed().ok()?;
    let port = |uri: &rsip::Uri| uri.port().map_or("-".to_owned(), ToString::to_string);
    let user = |uri: &rsip::Uri| uri.user().unwrap_or("-").to_owned();
    let tag = |tag: Option<String>| tag.unwrap_or_else(|| "-".to_owned());
    Some(vec![
        ("via.transport", via.transport.to_string()),
        ("via.host", via.uri.host().to_string()),
        ("via.port", port(&via.uri)),
        (
            "via.branch",
            tag(via.branch().map(|branch| branch.value().to_owned())),
        ),
        ("from.user", user(&from.uri)),
        ("from.host", from.uri.host().to_string()),
        ("from.port", port(&from.uri)),
        (
            "from.tag",
            tag(from.tag().map(|tag| tag.value().to_owned())),
        ),
        ("to.user", user(&to.uri)),
        ("to.host", to.uri.host().to_string()),
        ("to.port", port(&to.uri)),
        ("to.tag", tag(to.tag().map(|tag| tag.value().to_owned()))),
        ("cseq", cseq.seq.to_string()),
        ("method", cseq.method.to_string()),
        ("call-id", message.call_id_header().ok()?.value().to_owned()),
    ])
}

/// Where the two read differently.
fn differences(message: &Message, opinion: &[(&'static str, String)]) -> Vec<String> {
    let differs = opinion.iter().filter_map(|(name, theirs)| {
        let ours = field(message, name);
        (!ours.eq_ignore_ascii_case(theirs))
            .then(|| format!("{name}: {ours:?} here, {theirs:?} there"))
    });
    differs.collect()
}

#[test]
fn both_read_the_practical_cases_alike() {
    let (mut compared, mut found) = (0, Vec::new());
    for bytes in practical::all().chain(torture::all()) {
        if let (Ok(message), Some(opinion)) = (parse(bytes.clone()), second_opinion(&bytes)) {
            compared += 1;
            for difference in differences(&message, &opinion) {
                found.push(format!("{difference}\n{}", String::from_utf8_lossy(&bytes)));
            }
        }
    }
    assert!(compared > 20, "{compared} compared");
    assert!(found.is_empty(), "{}", found.join("\n"));
}

prop_compose! {
    /// An address within what rsip knows: no IPv6, no quoted names with separators.
    fn address()(
        display in proptest::option::of("[A-Za-z][A-Za-z0-9]{0,9}"),
        user in proptest::option::of("[a-zA-Z0-9+-]{1,12}"),
        host in "([a-z][a-z0-9-]{0,9}[.]){0,2}[a-z]{2,6}|10[.][0-9]{1,2}[.]0[.]7",
        port in proptest::option::of(1_u16..),
        uri_param in proptest::option::of("transport=tcp|lr|user=phone|x=y"),
        tag in proptest::option::of("[a-zA-Z0-9]{1,16}"),
        brackets in any::<bool>(),
    ) -> String {
        let user = user.map_or_else(String::new, |user| user + "@");
        let port = port.map_or_else(String::new, |port| format!(":{port}"));
        let tag = tag.map_or_else(String::new, |tag| format!(";tag={tag}"));
        if brackets {
            let uri_param = uri_param.map_or_else(String::new, |param| format!(";{param}"));
            format!("{}<sip:{user}{host}{port}{uri_param}>{tag}", display.unwrap_or_default() + " ")
        } else {
            format!("sip:{user}{host}{port}{tag}")
        }
    }
}

proptest! {
    #[test]
    fn both_read_well_formed_requests_alike(
        from in address(),
        to in address(),
        call_id in "[a-zA-Z0-9@.-]{1,24}",
        number in 0_u32..0x8000_0000,
        method in "INVITE|ACK|BYE|CANCEL|OPTIONS|REGISTER|PRACK|UPDATE|INFO|REFER|NOTIFY|SUBSCRIBE|MESSAGE|PUBLISH",
        sent_by in "(UDP|TCP|TLS) (pbx[.]example|10[.]0[.]0[.][0-9])(:50[0-9]{2})?",
        via_params in ";branch=z9hG4bK[a-zA-Z0-9.-]{1,12}(;rport)?(;received=10[.]0[.]0[.]1)?",
    ) {
        let bytes = message(&[
            format!("{method} sip:support@gateway.example SIP/2.0").as_bytes(),
            format!("Via: SIP/2.0/{sent_by}{via_params}").as_bytes(),
            format!("From: {from}").as_bytes(),
            format!("To: {to}").as_bytes(),
            format!("Call-ID: {call_id}").as_bytes(),
            format!("CSeq: {number} {method}").as_bytes(),
        ]);
        let opinion = second_opinion(&bytes);
        prop_assume!(opinion.is_some());
        prop_assert_eq!(differences(&taken(&bytes), &opinion.expect("assumed")), [""; 0]);
    }
}

#[test]
fn both_read_the_call_flows_alike() {
    let Some(files) = corpus::files("rfc3665", "sip") else {
        return;
    };
    for (name, bytes) in files {
        if let (Ok(message), Some(opinion)) = (parse(bytes.clone().into()), second_opinion(&bytes))
        {
            assert_eq!(differences(&message, &opinion), [""; 0], "{name}");
        }
    }
}
