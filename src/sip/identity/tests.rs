use super::*;
use crate::sip::message::{Message, parse};

fn invite(headers: &[&str]) -> Request {
    let from = "From: \"Jane\" <sip:5550100199@pbx.example.com>;tag=a";
    let from = (!headers.iter().any(|header| header.starts_with("From:"))).then_some(from);
    let lines: Vec<&str> = from.into_iter().chain(headers.iter().copied()).collect();
    let text = format!(
        "INVITE sip:box@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa\r\n\
         To: <sip:box@192.0.2.9>\r\nCall-ID: c1\r\nCSeq: 1 INVITE\r\n{}\r\n\r\n",
        lines.join("\r\n")
    );
    match parse(Bytes::from(text)) {
        Ok(Message::Request(request)) => request,
        other => panic!("{other:?}"),
    }
}

fn country(iso: &str) -> Option<Country> {
    let found = Country::of(iso);
    assert!(found.is_some(), "{iso}");
    found
}

fn trusted() -> Trust {
    Trust {
        identity: true,
        country: country("us"),
    }
}

fn untrusted() -> Trust {
    Trust {
        identity: false,
        ..trusted()
    }
}

const ASSERTED: &str = "P-Asserted-Identity: \"Real\" <sip:+15550100111@pbx.example.com>";

#[test]
fn numbers_become_e164() {
    let cases = [
        ("", "+1 (555) 010-0199", Some("+15550100199")),
        ("", "5550100199", None),
        ("US", "5550100199", Some("+15550100199")),
        ("US", "15550100199", Some("+15550100199")),
        ("CA", "011442075550123", Some("+442075550123")),
        ("US", "0199", None),
        ("US", "555010019", None),
        ("US", "+1555010019", None),
        ("DE", "030 555456", Some("+4930555456")),
        ("DE", "+49 (0)30 555456", Some("+4930555456")),
        ("DE", "0049-30-555456", Some("+4930555456")),
        ("DE", "4930555456", Some("+4930555456")),
        ("DE", "0015550100199", Some("+15550100199")),
        ("DE", "4930555", None),
        ("DE", "21", None),
        ("GB", "020 7555 0123", Some("+442075550123")),
        ("GB", "02075550123;x", None),
        ("FR", "155556789", Some("+33155556789")),
        ("IT", "06 1555567", Some("+39061555567")),
        ("IT", "39061555567", None),
        ("IT", "390615555678", Some("+390615555678")),
        ("HU", "06 1 555 5678", Some("+3615555678")),
        ("ES", "915555678", Some("+34915555678")),
        ("ES", "34915555678", Some("+34915555678")),
        ("AU", "0011 1 555 0100199", Some("+15550100199")),
        ("RU", "8 495 555 45 67", Some("+74955554567")),
        ("JP", "03-1555-5678", Some("+81315555678")),
        ("US", "*31#5550100199", None),
        ("US", "anonymous", None),
        ("US", "", None),
        ("US", "+", None),
        ("US", "+0015550100199", None),
        ("US", "+1555567890123456", None),
        ("US", "５５５", None),
    ];
    for (iso, told, expected) in cases {
        let country = (!iso.is_empty()).then(|| country(iso)).flatten();
        let found = normalise(told, country);
        assert_eq!(found.as_deref(), expected, "{told} in {iso}");
    }
    assert_eq!(normalise(&"1".repeat(1 << 16), country("US")), None);
}

#[test]
fn the_table_of_countries_is_in_order_and_makes_sense() {
    let codes: Vec<_> = Country::all().collect();
    assert!(codes.is_sorted_by(|one, two| one < two), "{codes:?}");
    for country in &countries::COUNTRIES {
        let (least, most) = country.digits;
        assert!(
            least <= most && country.code.len() + most <= 15,
            "{country:?}"
        );
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        assert!(digits(country.code) && digits(country.trunk), "{country:?}");
        assert!(country.abroad.iter().all(|prefix| digits(prefix)));
    }
    assert_eq!(Country::of("xx"), None);
    assert_eq!(country("it").map(Country::iso), Some("IT"));
}

#[test]
fn what_the_network_asserts_counts_on_a_trusted_line_alone() {
    let request = invite(&[ASSERTED]);
    let found = Identity::of(&request, trusted());
    assert_eq!(found.number.as_deref(), Some("+15550100111"));
    assert_eq!(
        (found.display.as_str(), found.source),
        ("Real", Source::Asserted)
    );
    let found = Identity::of(&request, untrusted());
    assert_eq!(found.number.as_deref(), Some("+15550100199"));
    assert_eq!(
        (found.user.as_str(), found.source),
        ("5550100199", Source::From)
    );
    assert_eq!(found.display, "Jane");
}

#[test]
fn of_two_asserted_values_the_one_with_a_number_counts() {
    // RFC 3325 §9.1: one sip or sips URI, one tel URI.
    let values = "P-Asserted-Identity: \"Jane\" <sip:jane@example.com>, <tel:+15550100111>";
    let found = Identity::of(&invite(&[values]), trusted());
    assert_eq!(found.number.as_deref(), Some("+15550100111"));
    assert_eq!(found.display, "Jane");
    let found = Identity::of(
        &invite(&["P-Asserted-Identity: <sip:jane@example.com>"]),
        trusted(),
    );
    assert_eq!((found.user.as_str(), found.number), ("jane", None));
}

#[test]
fn a_remote_party_must_be_the_caller_and_looked_at() {
    let party = |params: &str| format!("Remote-Party-ID: \"X\" <sip:+15550100122@pbx>;{params}");
    let cases = [
        (
            "party=calling;screen=yes;privacy=off",
            Source::RemoteParty,
            false,
        ),
        ("party=calling", Source::RemoteParty, false),
        ("party=called;screen=yes", Source::From, false),
        ("party=calling;screen=no", Source::From, false),
        (
            "party=calling;screen=yes;privacy=full",
            Source::RemoteParty,
            true,
        ),
    ];
    for (params, source, withheld) in cases {
        let request = invite(&[&party(params)]);
        let found = Identity::of(&request, trusted());
        assert_eq!(
            (found.source, found.withheld),
            (source, withheld),
            "{params}"
        );
        assert_eq!(found.number.is_none(), withheld, "{params}");
        let found = Identity::of(&request, untrusted());
        assert_eq!(
            (found.source, found.withheld),
            (Source::From, false),
            "{params}"
        );
    }
    let both = invite(&[&party("party=calling"), ASSERTED]);
    assert_eq!(Identity::of(&both, trusted()).source, Source::Asserted);
}

#[test]
fn a_caller_who_wants_to_be_unknown_is() {
    let cases: [(&[&str], bool); 9] = [
        (&["Privacy: id", ASSERTED], true),
        (&["Privacy: ID;critical", ASSERTED], true),
        (&["Privacy: user; id"], true),
        (&["Privacy: none", ASSERTED], false),
        (&["Privacy: session"], false),
        (&["Privacy: history"], false),
        (
            &[
                "From: \"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=a",
                ASSERTED,
            ],
            true,
        ),
        (&["From: <sip:Restricted@192.0.2.1>;tag=a"], true),
        (&["From: <sip:box@anonymous.invalid>;tag=a"], true),
    ];
    for (headers, withheld) in cases {
        let found = Identity::of(&invite(headers), trusted());
        assert_eq!(found.withheld, withheld, "{headers:?}");
        let nothing = found.user.is_empty() && found.display.is_empty() && found.number.is_none();
        assert_eq!(nothing, withheld, "{headers:?}: {found:?}");
    }
}

#[test]
fn numbers_are_read_from_every_form_of_address() {
    let cases = [
        (
            "<sip:5550100199@pbx;user=phone>;tag=a",
            Some("+15550100199"),
        ),
        ("<tel:+1-555-010-0199>;tag=a", Some("+15550100199")),
        (
            "<tel:5550100199;phone-context=+1>;tag=a",
            Some("+15550100199"),
        ),
        (
            "<sip:5550100199;phone-context=+1@pbx;user=phone>;tag=a",
            Some("+15550100199"),
        ),
        (
            "<tel:030555456;phone-context=+49>;tag=a",
            Some("+4930555456"),
        ),
        ("<tel:0199;phone-context=example.com>;tag=a", None),
        ("<sip:%2B15550100199@pbx>;tag=a", Some("+15550100199")),
        ("sip:+15550100199@pbx;tag=a", Some("+15550100199")),
        ("<sips:+15550100199:secret@pbx>;tag=a", Some("+15550100199")),
        ("<sip:192.0.2.1>;tag=a", None),
        ("<urn:service:sos>;tag=a", None),
    ];
    for (from, expected) in cases {
        let found = Identity::of(&invite(&[&format!("From: {from}")]), untrusted());
        assert_eq!(found.number.as_deref(), expected, "{from}");
        assert!(!found.user.contains(';'), "{found:?}");
    }
}

#[test]
fn the_first_who_was_called_is_found() {
    let told = |from: &str, reason: Option<&str>| {
        Some(Diverted {
            from: from.to_owned(),
            reason: reason.map(str::to_owned),
        })
    };
    let cases: [(&[&str], Option<Diverted>); 8] = [
        (&[], None),
        (
            &["Diversion: <sip:5550100144@pbx>;reason=no-answer;counter=1"],
            told("+15550100144", Some("no-answer")),
        ),
        // RFC 5806 §4: each diversion is put before those that stand there.
        (
            &["Diversion: <sip:2@pbx>;reason=user-busy, <tel:+15550100133>;reason=unconditional"],
            told("+15550100133", Some("unconditional")),
        ),
        (
            &[
                "Diversion: <sip:2@pbx>;reason=user-busy",
                "Diversion: <sip:front-desk@pbx>",
            ],
            told("front-desk", None),
        ),
        (&["Diversion: <sip:5550100144@pbx>;privacy=full"], None),
        // RFC 7044 §4.
        (
            &[
                "History-Info: <sip:+15550100155@a?Reason=SIP%3Bcause%3D486>;index=1,\
               <sip:box@b>;index=1.1;mp=1",
            ],
            told("+15550100155", Some("486")),
        ),
        (&["History-Info: <sip:box@b>;index=1"], None),
        (
            &["History-Info: <sip:+15550100155@a?Privacy=history>;index=1,<sip:box@b>;index=1.1"],
            None,
        ),
    ];
    for (headers, expected) in cases {
        let found = Identity::of(&invite(headers), untrusted());
        assert_eq!(found.diverted, expected, "{headers:?}");
    }
    let private = invite(&["Diversion: <sip:5550100144@pbx>", "Privacy: history"]);
    assert_eq!(Identity::of(&private, trusted()).diverted, None);
}

#[test]
fn what_twilio_tells_is_kept() {
    let request = invite(&[
        "X-Twilio-CallSid: CA00000000000000000000000000000001",
        "x-twilio-accountsid: AC00000000000000000000000000000001",
        "X-Twilio-VerStat: TN-Validation-Passed-A",
    ]);
    let found = Identity::of(&request, trusted());
    let call = "CA00000000000000000000000000000001";
    assert_eq!(found.provider_call.as_deref(), Some(call));
    assert_eq!(
        found.verification.as_deref(),
        Some("TN-Validation-Passed-A")
    );
    assert!(found.provider_account.is_some());
    let found = Identity::of(&request, untrusted());
    assert_eq!(found.provider_call.as_deref(), Some(call));
    assert_eq!(
        found.verification, None,
        "it is worth what the line is worth"
    );
    let from = "From: <sip:+15550100199;verstat=TN-Validation-Passed@pbx>;tag=a";
    let in_user = Identity::of(&invite(&[from]), trusted());
    assert_eq!(in_user.number.as_deref(), Some("+15550100199"));
    assert_eq!(
        in_user.verification.as_deref(),
        Some("TN-Validation-Passed")
    );
    let from = "From: <tel:+15550100199;verstat=TN-Validation-Failed>;tag=a";
    let in_tel = Identity::of(&invite(&[from]), trusted());
    assert_eq!(in_tel.verification.as_deref(), Some("TN-Validation-Failed"));
    let odd = invite(&["X-Twilio-VerStat: <b>yes</b>"]);
    assert_eq!(Identity::of(&odd, trusted()).verification, None);
}
