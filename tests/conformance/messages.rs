//! Building test messages, and reading one field of a message as text.

use bytes::Bytes;
use ringwell::sip::message::{Auth, Message, Name, NameAddr, Uri, Via, parse};

/// Header lines that a message gets when it does not bring its own: full name, compact name, line.
const CORE: [(&str, &str, &str); 5] = [
    (
        "via",
        "v",
        "Via: SIP/2.0/UDP 10.0.0.7:5062;branch=z9hG4bKcore;rport",
    ),
    (
        "from",
        "f",
        "From: \"Ann\" <sip:ann@pbx.example>;tag=core-from",
    ),
    ("to", "t", "To: <sip:support@gateway.example>"),
    ("call-id", "i", "Call-ID: core@pbx.example"),
    ("cseq", "", "CSeq: 1 OPTIONS"),
];

/// A message of these lines, with the core headers it lacks, without body. Lines are bytes, so that Latin-1 fits.
pub(crate) fn message(lines: &[&[u8]]) -> Bytes {
    let mut all: Vec<Vec<u8>> = lines.iter().map(|line| line.to_vec()).collect();
    for (name, compact, line) in CORE {
        let has = lines.iter().skip(1).any(|line| {
            let end = line.iter().position(|&byte| byte == b':').unwrap_or(0);
            let found = String::from_utf8_lossy(&line[..end]).trim().to_lowercase();
            found == name || (!found.is_empty() && found == compact)
        });
        if !has {
            all.push(line.as_bytes().to_vec());
        }
    }
    let mut message = all.join(&b"\r\n"[..]);
    message.extend_from_slice(b"\r\n\r\n");
    message.into()
}

/// A message as the parser takes it.
pub(crate) fn taken(bytes: &Bytes) -> Message {
    match parse(bytes.clone()) {
        Ok(message) => message,
        Err(rejected) => panic!("{rejected}: {}", String::from_utf8_lossy(bytes)),
    }
}

/// One field of a message as text; `-` where there is none.
pub(crate) fn field(message: &Message, name: &str) -> String {
    read(message, name).unwrap_or_else(|| "-".to_owned())
}

fn read(message: &Message, name: &str) -> Option<String> {
    let headers = message.headers();
    let (field, rest) = name.split_once('.').unwrap_or((name, ""));
    Some(match field {
        "method" => headers.cseq()?.method.to_string(),
        "cseq" => headers.cseq()?.number.to_string(),
        "call-id" => text(headers.get(&Name::CallId)?),
        "uri" => match message {
            Message::Request(request) => uri(&request.uri, rest)?,
            Message::Response(_) => return None,
        },
        "status" => match message {
            Message::Request(_) => return None,
            Message::Response(response) => response.status.to_string(),
        },
        "reason" => match message {
            Message::Request(_) => return None,
            Message::Response(response) => text(&response.reason),
        },
        "body" => match message {
            Message::Request(request) => text(&request.body),
            Message::Response(response) => text(&response.body),
        },
        "via" => via(&headers.top_via()?, rest)?,
        "from" => address(&headers.address(&Name::From)?, rest)?,
        "to" => address(&headers.address(&Name::To)?, rest)?,
        "refer-to" => address(&headers.address(&Name::ReferTo)?, rest)?,
        "contact" => address(headers.addresses(&Name::Contact).first()?, rest)?,
        "contacts" => headers.addresses(&Name::Contact).len().to_string(),
        "asserted" => address(headers.addresses(&Name::PAssertedIdentity).last()?, rest)?,
        "diversion" => address(headers.addresses(&Name::Diversion).first()?, rest)?,
        "routes" => listed(&headers.addresses(&Name::Route)),
        "recorded" => listed(&headers.addresses(&Name::RecordRoute)),
        "www" => text(&Auth::parse(headers.get(&Name::WwwAuthenticate)?)?.get(rest)?),
        "proxy" => text(&Auth::parse(headers.get(&Name::ProxyAuthenticate)?)?.get(rest)?),
        "has" => {
            let (name, token) = rest.split_once('.').expect("has.Header.token");
            headers.has_token(&header(name), token).to_string()
        }
        "header" => text(headers.get(&header(rest))?),
        other => panic!("no field {other}"),
    })
}

fn header(name: &str) -> Name {
    Name::parse(&Bytes::copy_from_slice(name.as_bytes())).expect("a header name")
}

fn via(via: &Via, part: &str) -> Option<String> {
    Some(match part {
        "" => via.to_string(),
        "transport" => text(&via.transport),
        "host" => via.host.to_string(),
        "port" => via.port?.to_string(),
        "branch" => text(&via.branch()?),
        "received" => via.received()?.to_string(),
        "rport" => via.rport()??.to_string(),
        other => text(&via.params.get(other)?),
    })
}

fn address(address: &NameAddr, part: &str) -> Option<String> {
    Some(match part {
        "" => address.uri.to_string(),
        "display" => text(address.display.as_ref()?),
        "tag" => text(&address.tag()?),
        "user" => address.uri.user_text()?,
        "host" => address.uri.host()?.to_string(),
        "port" => address.uri.port()?.to_string(),
        other => text(&address.params.get(other)?),
    })
}

fn uri(uri: &Uri, part: &str) -> Option<String> {
    Some(match part {
        "" => uri.to_string(),
        "user" => uri.user_text()?,
        "host" => uri.host()?.to_string(),
        "port" => uri.port()?.to_string(),
        "scheme" => format!("{:?}", uri.scheme()),
        other => text(&uri.param(other)?),
    })
}

fn listed(addresses: &[NameAddr]) -> String {
    let uris: Vec<String> = addresses
        .iter()
        .map(|address| address.uri.to_string())
        .collect();
    uris.join(" ")
}

/// Bytes as text, with escapes (`\\xfc`) where they are not UTF-8.
fn text(bytes: &Bytes) -> String {
    match core::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.escape_ascii().to_string(),
    }
}
