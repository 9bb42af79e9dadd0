//! What telephones, PBXs and trunks really send, and what must be read from it.

use bytes::Bytes;

use crate::messages::{field, message, taken};

type Fields = &'static [(&'static str, &'static str)];

const REQUEST: &[u8] = b"OPTIONS sip:support@gateway.example SIP/2.0";
const OK: &[u8] = b"SIP/2.0 200 OK";
const UNAUTHORIZED: &[u8] = b"SIP/2.0 401 Unauthorized";

/// Name, lines of the message (core headers are added), what is read.
const CASES: &[(&str, &[&[u8]], Fields)] = &[
    (
        "compact header names",
        &[
            REQUEST,
            b"v: SIP/2.0/TCP 10.1.1.1;branch=z9hG4bKc",
            b"f: <sip:1001@pbx>;tag=f1",
            b"t: <sip:2000@pbx>;tag=t1",
            b"i: abc@10.1.1.1",
            b"m: <sip:1001@10.1.1.1>",
            b"k: timer",
        ],
        &[
            ("via.transport", "TCP"),
            ("via.host", "10.1.1.1"),
            ("from.tag", "f1"),
            ("to.tag", "t1"),
            ("call-id", "abc@10.1.1.1"),
            ("contact.user", "1001"),
            ("has.Supported.timer", "true"),
        ],
    ),
    (
        "names in any case",
        &[REQUEST, b"VIA: SIP/2.0/UDP a;branch=z9hG4bKx", b"fROM: <sip:a@b>;tag=1", b"call-id: 5"],
        &[("via.branch", "z9hG4bKx"), ("from.tag", "1"), ("call-id", "5")],
    ),
    (
        "white space before the colon",
        &[REQUEST, b"Via : SIP/2.0/UDP a;branch=z9hG4bKx", b"CSeq\t: 4 OPTIONS"],
        &[("via.host", "a"), ("cseq", "4")],
    ),
    (
        "no white space after the colon",
        &[REQUEST, b"Via:SIP/2.0/UDP a:5080", b"CSeq:4 OPTIONS"],
        &[("via.port", "5080"), ("cseq", "4")],
    ),
    (
        "a folded challenge",
        &[
            UNAUTHORIZED,
            b"WWW-Authenticate: Digest realm=\"asterisk\",",
            b" nonce=\"1668/ab==\",",
            b"\tqop=\"auth\", opaque=\"4f\", algorithm=MD5",
        ],
        &[
            ("www.realm", "asterisk"),
            ("www.nonce", "1668/ab=="),
            ("www.qop", "auth"),
            ("www.opaque", "4f"),
            ("www.algorithm", "MD5"),
        ],
    ),
    (
        "a SHA-256 challenge",
        &[UNAUTHORIZED, b"WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", algorithm=SHA-256"],
        &[("www.algorithm", "SHA-256")],
    ),
    (
        "a SHA-512-256 proxy challenge without commas' spaces",
        &[
            b"SIP/2.0 407 Proxy Authentication Required",
            b"Proxy-Authenticate: Digest algorithm=SHA-512-256,realm=\"r\",qop=\"auth,auth-int\",nonce=\"x,y\"",
        ],
        &[
            ("proxy.algorithm", "SHA-512-256"),
            ("proxy.qop", "auth,auth-int"),
            ("proxy.nonce", "x,y"),
        ],
    ),
    (
        "a challenge of another scheme",
        &[
            UNAUTHORIZED,
            b"WWW-Authenticate: Bearer authz_server=\"https://as.example\", scope=\"sip\"",
        ],
        &[("www.authz_server", "https://as.example"), ("www.realm", "-")],
    ),
    (
        "a method nobody knows",
        &[b"PING sip:gateway.example SIP/2.0", b"CSeq: 9 PING"],
        &[("method", "PING"), ("cseq", "9")],
    ),
    (
        "a method with the case of none",
        &[b"invite sip:gateway.example SIP/2.0", b"CSeq: 9 invite"],
        &[("method", "invite")],
    ),
    (
        "a status line without reason",
        &[b"SIP/2.0 200"],
        &[("status", "200"), ("reason", "")],
    ),
    (
        "a status line with an empty reason",
        &[b"SIP/2.0 200 "],
        &[("status", "200"), ("reason", "")],
    ),
    (
        "a reason phrase in UTF-8",
        &["SIP/2.0 486 Besetzt \u{2013} sp\u{e4}ter".as_bytes()],
        &[("status", "486"), ("reason", "Besetzt \u{2013} sp\u{e4}ter")],
    ),
    (
        "an unknown status code",
        &[b"SIP/2.0 499 Odd"],
        &[("status", "499"), ("reason", "Odd")],
    ),
    (
        "a Latin-1 name in quotes",
        &[REQUEST, b"From: \"J\xfcrgen\" <sip:7@pbx>;tag=l1"],
        &[("from.display", "J\\xfcrgen"), ("from.tag", "l1")],
    ),
    (
        "a Latin-1 name without quotes",
        &[REQUEST, b"From: J\xfcrgen <sip:7@pbx>;tag=l2"],
        &[("from.display", "J\\xfcrgen"), ("from.user", "7")],
    ),
    (
        "a UTF-8 name",
        &[REQUEST, "From: \"\u{738b}\u{5c0f}\u{660e}\" <sip:7@pbx>;tag=u".as_bytes()],
        &[("from.display", "\u{738b}\u{5c0f}\u{660e}"), ("from.tag", "u")],
    ),
    (
        "a quoted name with separators",
        &[REQUEST, b"From: \"Doe <Sales>, J; x\" <sip:7@pbx>;tag=q"],
        &[("from.display", "Doe <Sales>, J; x"), ("from.user", "7"), ("from.tag", "q")],
    ),
    (
        "a quoted name with escapes",
        &[REQUEST, br#"From: "the \"boss\" \\ x"<sip:7@pbx>;tag=q"#],
        &[("from.display", r#"the "boss" \ x"#), ("from.tag", "q")],
    ),
    (
        "an address without brackets",
        &[REQUEST, b"From: sip:7@pbx.example;tag=b", b"To: sip:8@pbx.example"],
        &[("from", "sip:7@pbx.example"), ("from.tag", "b"), ("to.user", "8")],
    ),
    (
        "a URI with parameters and a tag outside",
        &[REQUEST, b"From: <sip:7@pbx;user=phone;tag=not>;tag=yes"],
        &[("from.tag", "yes")],
    ),
    (
        "an anonymous caller",
        &[REQUEST, b"From: \"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=a"],
        &[("from.display", "Anonymous"), ("from.host", "anonymous.invalid")],
    ),
    (
        "two Contacts on a line",
        &[OK, b"Contact: \"A, B\" <sip:1@h1>;expires=60, <sip:2@h2>;q=0.1"],
        &[("contacts", "2"), ("contact.user", "1"), ("contact.expires", "60")],
    ),
    (
        "two Contacts on two lines",
        &[OK, b"Contact: <sip:1@h1>", b"m: sip:2@h2"],
        &[("contacts", "2")],
    ),
    (
        "an instance in a Contact",
        &[OK, b"Contact: <sip:1@h1;ob>;reg-id=1;+sip.instance=\"<urn:uuid:0a-1>\";expires=300"],
        &[
            ("contact", "sip:1@h1;ob"),
            ("contact.+sip.instance", "<urn:uuid:0a-1>"),
            ("contact.expires", "300"),
        ],
    ),
    (
        "a Contact of a host alone",
        &[OK, b"Contact: <sip:10.0.0.9:5065>"],
        &[("contact.user", "-"), ("contact.port", "5065")],
    ),
    (
        "IPv6 everywhere",
        &[
            b"OPTIONS sip:s@[2001:db8::2]:5061;transport=tls SIP/2.0",
            b"Via: SIP/2.0/TLS [2001:db8::1]:5071;branch=z9hG4bK6;received=2001:db8::3;rport=4",
            b"Contact: <sip:a@[2001:db8::1]>",
        ],
        &[
            ("uri.host", "[2001:db8::2]"),
            ("uri.port", "5061"),
            ("via.host", "[2001:db8::1]"),
            ("via.port", "5071"),
            ("via.received", "2001:db8::3"),
            ("via.rport", "4"),
            ("contact.host", "[2001:db8::1]"),
        ],
    ),
    (
        "tel addresses",
        &[
            REQUEST,
            b"From: <tel:+15550100100>;tag=t",
            b"P-Asserted-Identity: \"Ann\" <sip:+15550100100@trunk>, <tel:+1-415-555-0100>",
        ],
        &[("from.user", "+15550100100"), ("asserted.user", "+1-415-555-0100")],
    ),
    (
        "a tel Request-URI",
        &[b"OPTIONS tel:+15550100199;phone-context=office SIP/2.0"],
        &[("uri.scheme", "Tel"), ("uri.user", "+15550100199"), ("uri.phone-context", "office")],
    ),
    (
        "a user part with parameters",
        &[b"OPTIONS sip:+15550100100;npdi;rn=+1415@10.0.0.1;user=phone SIP/2.0"],
        &[("uri.user", "+15550100100;npdi;rn=+1415"), ("uri.host", "10.0.0.1")],
    ),
    (
        "a user part with a hash",
        &[b"OPTIONS sip:*31#5551@10.0.0.1 SIP/2.0"],
        &[("uri.user", "*31#5551")],
    ),
    (
        "a host name with an underscore",
        &[REQUEST, b"Via: SIP/2.0/UDP pbx_main:5060;branch=z9hG4bKu"],
        &[("via.host", "pbx_main")],
    ),
    (
        "two Vias on a line",
        &[
            REQUEST,
            b"Via: SIP/2.0/UDP p1;branch=z9hG4bK1;received=1.2.3.4, SIP/2.0/TCP p2;branch=z9hG4bK2",
        ],
        &[("via.branch", "z9hG4bK1"), ("via.received", "1.2.3.4")],
    ),
    (
        "a Via with odd parameters",
        &[REQUEST, b"Via: SIP/2.0/UDP p1;rport;branch=z9hG4bK-d8754z-1;i=7;x=\"a,b;c\";;alias"],
        &[
            ("via.branch", "z9hG4bK-d8754z-1"),
            ("via.i", "7"),
            ("via.x", "a,b;c"),
            ("via.alias", ""),
        ],
    ),
    (
        "an RFC 2543 Via",
        &[REQUEST, b"Via: SIP/2.0/UDP 10.0.0.1:5060"],
        &[("via.branch", "-"), ("via.rport", "-")],
    ),
    (
        "Via spelled in lower case",
        &[REQUEST, b"Via: sip/2.0/udp 10.0.0.1;branch=z9hG4bKl"],
        &[("via.transport", "udp")],
    ),
    (
        "Record-Route over lines and commas",
        &[OK, b"Record-Route: <sip:p1;lr>, <sip:p2;lr;ftag=a>", b"Record-Route: <sip:p3;lr=on>"],
        &[("recorded", "sip:p1;lr sip:p2;lr;ftag=a sip:p3;lr=on")],
    ),
    (
        "Routes without loose routing",
        &[REQUEST, b"Route: <sip:p1>,<sip:u@p2:5080;transport=tcp>"],
        &[("routes", "sip:p1 sip:u@p2:5080;transport=tcp")],
    ),
    (
        "Allow with an unknown method",
        &[OK, b"Allow: INVITE,ACK, CANCEL ,X-FEATURE,"],
        &[
            ("has.Allow.CANCEL", "true"),
            ("has.Allow.X-FEATURE", "true"),
            ("has.Allow.BYE", "false"),
        ],
    ),
    (
        "empty headers",
        &[OK, b"Supported:", b"Subject: ", b"Accept:\t"],
        &[("header.Supported", ""), ("header.Subject", ""), ("has.Supported.timer", "false")],
    ),
    (
        "a Refer-To with Replaces",
        &[REQUEST, b"Refer-To: <sip:9@pbx?Replaces=1%402%3Bto-tag%3Da%3Bfrom-tag%3Db>;x=1"],
        &[
            ("refer-to", "sip:9@pbx?Replaces=1%402%3Bto-tag%3Da%3Bfrom-tag%3Db"),
            ("refer-to.x", "1"),
        ],
    ),
    (
        "a Diversion",
        &[REQUEST, b"Diversion: \"Desk\" <sip:2000@pbx>;reason=no-answer;counter=1, <sip:1@pbx>"],
        &[("diversion.user", "2000"), ("diversion.reason", "no-answer")],
    ),
    (
        "extension headers",
        &[REQUEST, b"X-Twilio-CallSid: CA0123", b"X-empty-name-:", b"P-Charge-Info: <sip:1@x>"],
        &[("header.x-twilio-callsid", "CA0123"), ("header.X-empty-name-", "")],
    ),
    (
        "a Call-ID of any word",
        &[REQUEST, br#"Call-ID: a<b>"c/[x]{y}?"#],
        &[("call-id", r#"a<b>"c/[x]{y}?"#)],
    ),
    (
        "CSeq with extra space",
        &[REQUEST, b"CSeq:   0102 \t OPTIONS "],
        &[("cseq", "102"), ("method", "OPTIONS")],
    ),
    (
        "a URI with headers",
        &[b"OPTIONS sip:s@gw?Subject=x%20y SIP/2.0"],
        &[("uri.host", "gw"), ("uri.user", "s")],
    ),
    (
        "three spaces in the request line",
        &[b"OPTIONS   sip:s@gw   SIP/2.0"],
        &[("uri", "sip:s@gw")],
    ),
    (
        "a version in lower case",
        &[b"OPTIONS sip:s@gw sip/2.0"],
        &[("uri", "sip:s@gw")],
    ),

    (
        "IPv6 with the port inside the brackets",
        &[b"OPTIONS sip:[2001:db8::10:5070] SIP/2.0"],
        &[("uri.host", "[2001:db8::10:5070]"), ("uri.port", "-")],
    ),
    (
        "IPv6 received in brackets",
        &[
            REQUEST,
            b"Via: SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];branch=z9hG4bKas3-111",
        ],
        &[("via.host", "[2001:db8::9:1]"), ("via.received", "2001:db8::9:255")],
    ),
    (
        "IPv4 inside IPv6",
        &[REQUEST, b"Contact: <sip:a@[::ffff:192.0.2.10]:19823>"],
        &[("contact.host", "[::ffff:192.0.2.10]"), ("contact.port", "19823")],
    ),
];

/// Every case as a message.
pub(crate) fn all() -> impl Iterator<Item = Bytes> {
    CASES.iter().map(|(_, lines, _)| message(lines))
}

#[test]
fn every_case_is_read() {
    assert!(CASES.len() >= 45);
    for (name, lines, fields) in CASES {
        let message = taken(&message(lines));
        for (wanted, expected) in *fields {
            assert_eq!(field(&message, wanted), *expected, "{name}: {wanted}");
        }
    }
}

#[test]
fn line_ends_of_all_sorts_are_taken() {
    let whole = message(&[REQUEST, b"Content-Length: 0"]);
    let text = String::from_utf8(whole.to_vec()).expect("ASCII");
    let expected = taken(&whole);
    for (name, changed) in [
        ("bare LF", text.replace("\r\n", "\n")),
        ("mixed line ends", text.replacen("\r\n", "\n", 2)),
        ("line breaks before", format!("\r\n\r\n{text}")),
        ("one bare LF before", format!("\n{text}")),
        ("no empty line", text.trim_end().to_owned() + "\r\n"),
        ("no line end at all", text.trim_end().to_owned()),
        ("bytes after the body", format!("{text}\0\0\0\0")),
    ] {
        assert_eq!(taken(&Bytes::from(changed)), expected, "{name}");
    }
}

#[test]
fn bodies_end_where_content_length_says() {
    for (name, header, body, expected) in [
        ("exact", "Content-Length: 4", "v=0\n", "v=0\n"),
        ("compact", "l:4", "v=0\nmore", "v=0\n"),
        ("none", "X: y", "v=0\nmore", "v=0\nmore"),
        (
            "leading zeros",
            "Content-Length: 00004",
            "v=0\nmore",
            "v=0\n",
        ),
        (
            "the same twice",
            "l: 4\r\nContent-Length: 4",
            "v=0\nmore",
            "v=0\n",
        ),
    ] {
        let mut bytes = message(&[REQUEST, header.as_bytes()]).to_vec();
        bytes.extend_from_slice(body.as_bytes());
        assert_eq!(field(&taken(&bytes.into()), "body"), expected, "{name}");
    }
}
