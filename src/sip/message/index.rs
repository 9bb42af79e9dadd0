//! Reading one message: start line, unfolded header lines, body (RFC 3261 §7, §18.3).

use bytes::Bytes;

use super::lines::{Lines, head_end};
use super::rejected::NOT_SIP;
use super::{
    CSeq, Headers, MAX_HEAD, MAX_HEADERS, MAX_MESSAGE, MAX_VIAS, Message, Method, Name, Rejected,
    Request, Response, StatusCode, Uri, scan,
};

#[cfg(test)]
mod tests;

/// Reads one datagram. Leading line breaks are skipped; the body ends where Content-Length says, or with the
/// datagram when it says nothing; bare LF and a missing last empty line are let through.
///
/// # Errors
/// What cannot be taken, with the answer that it deserves.
pub fn parse(bytes: Bytes) -> Result<Message, Rejected> {
    let leading = bytes
        .iter()
        .take_while(|byte| matches!(byte, b'\r' | b'\n'));
    let bytes = bytes.slice(leading.count()..);
    if bytes.len() > MAX_MESSAGE {
        return Err(Rejected::silently("message longer than 64 KiB"));
    }
    let (head, body) = match head_end(&bytes, 0) {
        Some(end) => (bytes.slice(..end), bytes.slice(end..)),
        None => (bytes, Bytes::new()),
    };
    let mut lines = Lines::new(head.slice(..head.len().min(MAX_HEAD)));
    let start = StartLine::parse(&lines.start_line())?;
    let mut problem = start.problem();
    if head.len() > MAX_HEAD {
        problem.get_or_insert((StatusCode::MESSAGE_TOO_LARGE, "head longer than 16 KiB"));
    }
    let (headers, lengths) = read_headers(lines, &mut problem);
    let body = cut_body(&lengths, body, &mut problem);
    start.finish(headers, body, problem)
}

/// What is wrong with a message: the first finding counts.
type Problem = Option<(StatusCode, &'static str)>;

fn blame(problem: &mut Problem, reason: &'static str) {
    problem.get_or_insert((StatusCode::BAD_REQUEST, reason));
}

enum StartLine {
    Request {
        method: Method,
        uri: Bytes,
        version: Bytes,
    },
    Status {
        status: StatusCode,
        reason: Bytes,
    },
}

impl StartLine {
    fn parse(line: &Bytes) -> Result<Self, Rejected> {
        Self::status_line(line)
            .or_else(|| Self::request_line(line))
            .ok_or_else(|| Rejected::silently(NOT_SIP))
    }

    fn status_line(line: &Bytes) -> Option<Self> {
        let version = line.get(..8)?;
        if !version.eq_ignore_ascii_case(b"SIP/2.0 ") {
            return None;
        }
        let rest = scan::trim(&line.slice(8..));
        let end = rest.iter().position(|&byte| byte == b' ');
        let end = end.unwrap_or(rest.len());
        Some(Self::Status {
            status: scan::number(&rest[..end]).and_then(StatusCode::new)?,
            reason: scan::trim(&scan::one_line(rest.slice(end..))),
        })
    }

    fn request_line(line: &Bytes) -> Option<Self> {
        let line = scan::trim(line);
        let first = line.iter().position(|&byte| byte == b' ')?;
        let last = line.iter().rposition(|&byte| byte == b' ')?;
        let version = line.slice(last + 1..);
        if !version.get(..4)?.eq_ignore_ascii_case(b"SIP/") {
            return None;
        }
        Some(Self::Request {
            method: Method::parse(&line.slice(..first))?,
            uri: scan::trim(&line.slice(first..last.max(first))),
            version,
        })
    }

    fn problem(&self) -> Problem {
        match self {
            Self::Request { version, .. } if !version.eq_ignore_ascii_case(b"SIP/2.0") => {
                Some((StatusCode::VERSION_NOT_SUPPORTED, "unknown SIP version"))
            }
            _ => None,
        }
    }

    fn finish(
        self,
        headers: Headers,
        body: Bytes,
        mut problem: Problem,
    ) -> Result<Message, Rejected> {
        let cseq = check(&headers, &mut problem);
        match self {
            Self::Request { method, uri, .. } => {
                if cseq.is_some_and(|cseq| cseq.method != method) {
                    blame(&mut problem, "CSeq of another method");
                }
                match (Uri::parse(uri), problem) {
                    (Ok(uri), None) => Ok(Message::Request(Request {
                        method,
                        uri,
                        headers,
                        body,
                    })),
                    (_, problem) => {
                        let found = (StatusCode::BAD_REQUEST, "Request-URI is not a URI");
                        Err(refuse(&method, &headers, problem.unwrap_or(found)))
                    }
                }
            }
            Self::Status { status, reason } => match problem {
                None => Ok(Message::Response(Response {
                    status,
                    reason,
                    headers,
                    body,
                })),
                Some((_, reason)) => Err(Rejected::silently(reason)),
            },
        }
    }
}

/// The refusal of a request, answered along its Vias (RFC 3261 §8.2.6) unless it is an ACK.
fn refuse(
    method: &Method,
    headers: &Headers,
    (status, reason): (StatusCode, &'static str),
) -> Rejected {
    let routable = headers.top_via().is_some();
    let response = (routable && *method != Method::Ack).then(|| {
        let mut response = Response::new(status);
        for name in [Name::Via, Name::From, Name::To, Name::CallId, Name::CSeq] {
            for value in headers.all(&name) {
                response.headers.push(name.clone(), value.clone());
            }
        }
        Box::new(response)
    });
    Rejected {
        status: Some(status),
        reason,
        response,
    }
}

/// The headers without Content-Length, which comes apart. A line that is no header is passed over: what is not
/// needed is no reason to refuse (RFC 3261 §8.2.2).
fn read_headers(lines: Lines, problem: &mut Problem) -> (Headers, Vec<Bytes>) {
    let mut headers = Headers::default();
    let mut lengths = Vec::new();
    for (count, line) in lines.enumerate() {
        if count == MAX_HEADERS {
            blame(problem, "more than 128 headers");
            break;
        }
        let Some(colon) = line.iter().position(|&byte| byte == b':') else {
            continue;
        };
        let value = line.slice(colon + 1..);
        match Name::parse(&scan::trim(&line.slice(..colon))) {
            Some(Name::ContentLength) => lengths.push(scan::trim(&value)),
            Some(name) => headers.push(name, value),
            None => {}
        }
    }
    (headers, lengths)
}

/// The body by Content-Length (RFC 3261 §18.3); the whole rest when there is none.
fn cut_body(lengths: &[Bytes], rest: Bytes, problem: &mut Problem) -> Bytes {
    let Some(length) = lengths.first() else {
        return rest;
    };
    if lengths.iter().any(|other| other != length) {
        blame(problem, "Content-Length given twice");
    }
    match scan::number::<usize>(length) {
        Some(length) if length <= rest.len() => rest.slice(..length),
        Some(MAX_MESSAGE..) => {
            problem.get_or_insert((StatusCode::MESSAGE_TOO_LARGE, "message longer than 64 KiB"));
            rest
        }
        Some(_) => {
            blame(problem, "Content-Length larger than the body");
            rest
        }
        None => {
            blame(problem, "Content-Length is not a number");
            rest
        }
    }
}

/// The headers every message must have, once each (RFC 3261 §8.1.1); gives the CSeq.
fn check(headers: &Headers, problem: &mut Problem) -> Option<CSeq> {
    const SINGLE: [(Name, &str); 5] = [
        (Name::From, "more than one From"),
        (Name::To, "more than one To"),
        (Name::CallId, "more than one Call-ID"),
        (Name::CSeq, "more than one CSeq"),
        (Name::MaxForwards, "more than one Max-Forwards"),
    ];
    for (name, reason) in SINGLE {
        if headers.all(&name).nth(1).is_some() {
            blame(problem, reason);
        }
    }
    if headers.elements(&Name::Via).nth(MAX_VIAS).is_some() {
        problem.get_or_insert((StatusCode::TOO_MANY_HOPS, "more than 70 Vias"));
    }
    if headers.top_via().is_none() {
        blame(problem, "no readable Via");
    }
    for (name, reason) in [
        (Name::From, "no readable From"),
        (Name::To, "no readable To"),
    ] {
        if headers.address(&name).is_none() {
            blame(problem, reason);
        }
    }
    if headers.get(&Name::CallId).is_none_or(Bytes::is_empty) {
        blame(problem, "no Call-ID");
    }
    let cseq = headers.cseq();
    if cseq.is_none() {
        blame(problem, "no readable CSeq");
    }
    cseq
}
