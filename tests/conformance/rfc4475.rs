//! The messages of RFC 4475, each with the verdict of this parser.
//!
//! Where the RFC lets an element be liberal (§3.1.2: extra separators, white space, odd dates), it is; what it must
//! refuse for the sake of framing and matching (§3.1.2.2, §3.1.2.3, §3.1.2.18, §3.3) is refused.

use bytes::Bytes;
use ringwell::sip::message::{Message, parse};

use crate::corpus;
use crate::messages::field;

/// What becomes of a message.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Request,
    Response,
    /// Refused with this status, and answered.
    Refused(u16),
    /// Refused without an answer.
    Silence,
}

use Verdict::{Refused, Silence};

const VERDICTS: [(&str, Verdict); 50] = [
    ("badaspec", Verdict::Request),
    ("badbranch", Verdict::Request),
    ("baddate", Verdict::Request),
    ("baddn", Verdict::Request),
    ("badinv01", Verdict::Request),
    ("badvers", Refused(505)),
    ("bcast", Verdict::Response),
    ("bext01", Verdict::Request),
    ("bigcode", Silence),
    ("clerr", Refused(400)),
    ("cparam01", Verdict::Request),
    ("cparam02", Verdict::Request),
    ("dblreq", Verdict::Request),
    ("esc01", Verdict::Request),
    ("esc02", Verdict::Request),
    ("escnull", Verdict::Request),
    ("escruri", Verdict::Request),
    ("insuf", Refused(400)),
    ("intmeth", Verdict::Request),
    ("inv2543", Verdict::Request),
    ("invut", Verdict::Request),
    ("longreq", Verdict::Request),
    ("ltgtruri", Refused(400)),
    ("lwsdisp", Verdict::Request),
    ("lwsruri", Refused(400)),
    ("lwsstart", Verdict::Request),
    ("mcl01", Refused(400)),
    ("mismatch01", Refused(400)),
    ("mismatch02", Refused(400)),
    ("mpart01", Verdict::Request),
    ("multi01", Refused(400)),
    ("ncl", Refused(400)),
    ("noreason", Verdict::Response),
    ("novelsc", Verdict::Request),
    ("quotbal", Refused(400)),
    ("regaut01", Verdict::Request),
    ("regbadct", Verdict::Request),
    ("regescrt", Verdict::Request),
    ("scalar02", Refused(400)),
    ("scalarlg", Silence),
    ("sdp01", Verdict::Request),
    ("semiuri", Verdict::Request),
    // Not described in the RFC: its first line has no version.
    ("test", Silence),
    ("transports", Verdict::Request),
    ("trws", Verdict::Request),
    ("unkscm", Verdict::Request),
    ("unksm2", Verdict::Request),
    ("unreason", Verdict::Response),
    ("wsinv", Verdict::Request),
    ("zeromf", Verdict::Request),
];

fn verdict(bytes: &Bytes) -> Verdict {
    match parse(bytes.clone()) {
        Ok(Message::Request(_)) => Verdict::Request,
        Ok(Message::Response(_)) => Verdict::Response,
        Err(rejected) => match rejected.response {
            Some(response) => Refused(response.status.0),
            None => Silence,
        },
    }
}

#[test]
fn every_torture_message_gets_its_verdict() {
    let Some(files) = corpus::files("rfc4475/dat", "dat") else {
        return;
    };
    assert_eq!(files.len(), VERDICTS.len());
    for ((name, bytes), (expected_name, expected)) in files.into_iter().zip(VERDICTS) {
        assert_eq!(name, expected_name);
        assert_eq!(verdict(&bytes.into()), expected, "{name}");
    }
}

#[test]
fn what_is_taken_is_read_as_the_rfc_says() {
    let Some(files) = corpus::files("rfc4475/dat", "dat") else {
        return;
    };
    let read = |wanted: &str, name: &str| {
        let (_, bytes) = files
            .iter()
            .find(|(file, _)| file == wanted)
            .expect("a file of the RFC");
        let message = parse(Bytes::copy_from_slice(bytes)).expect("taken");
        field(&message, name)
    };
    for (file, name, expected) in [
        ("wsinv", "via.host", "192.0.2.2"),
        ("wsinv", "via.branch", "390skdjuw"),
        ("wsinv", "from.display", "J Rosenberg \\\""),
        ("wsinv", "from.tag", "98asjd8"),
        ("wsinv", "to.tag", "1918181833n"),
        ("wsinv", "cseq", "9"),
        ("wsinv", "contact.q", "0.33"),
        ("wsinv", "contact.secondparam", ""),
        (
            "wsinv",
            "routes",
            "sip:services.example.com;lr;unknownwith=value;unknown-no-value",
        ),
        (
            "intmeth",
            "method",
            "!interesting-Method0123456789_*+`.%indeed'~",
        ),
        ("intmeth", "from.display", "token1~` token2'+_ token3*%!.-"),
        ("intmeth", "to.display", "BEL:\u{7} NUL:\0 DEL:\u{7f}"),
        ("esc01", "uri.user", "sips:user@example.com"),
        ("esc01", "to", "sip:%75se%72@example.com"),
        ("esc02", "method", "RE%47IST%45R"),
        ("escnull", "to.user", "null-\0-null"),
        ("lwsdisp", "from.display", "caller"),
        ("longreq", "via.host", "sip33.example.com"),
        ("dblreq", "body", ""),
        ("dblreq", "method", "REGISTER"),
        ("semiuri", "uri.user", "user;par=u@example.net"),
        ("transports", "via.transport", "UDP"),
        ("unreason", "status", "200"),
        ("noreason", "reason", ""),
        ("unkscm", "uri.scheme", "Other"),
        ("novelsc", "uri", "soap.beep://192.0.2.103:3002"),
        ("unksm2", "to", "isbn:2983792873"),
        ("inv2543", "via.branch", "-"),
        ("badaspec", "to", "sip:t.watson@example.org"),
        ("zeromf", "header.Max-Forwards", "0"),
        ("bext01", "has.Require.nothingSupportsThis", "true"),
        ("cparam01", "contact.unknownparam", ""),
        (
            "cparam02",
            "contact",
            "sip:+19725552222@gw1.example.net;unknownparam",
        ),
        (
            "regescrt",
            "contact",
            "sip:user@example.com?Route=%3Csip:sip.example.com%3E",
        ),
    ] {
        assert_eq!(read(file, name), expected, "{file} {name}");
    }
}
