//! Multipart bodies (RFC 5621, RFC 2046 §5.1): finding the part of one type.

use bytes::Bytes;

use super::lines::{Lines, head_end};
use super::{Name, Params, scan};

#[cfg(test)]
mod tests;

/// Multiparts inside multiparts that are followed; real ones have one level, two at most.
const MAX_DEPTH: u8 = 3;

/// Type and subtype of a Content-Type in lower case; `None` when it is not one.
pub(super) fn media_type(content_type: &Bytes) -> Option<String> {
    let end = scan::find(content_type, b';').unwrap_or(content_type.len());
    let (kind, subtype) = scan::split_once(&content_type.slice(..end), b'/')?;
    let text = format!(
        "{}/{}",
        core::str::from_utf8(&kind).ok()?,
        core::str::from_utf8(&subtype).ok()?
    );
    Some(text.to_ascii_lowercase())
}

/// The body of type `wanted`: `body` itself, or the first such part inside it.
pub(super) fn find(content_type: &Bytes, body: &Bytes, wanted: &str) -> Option<Bytes> {
    find_within(content_type, body, wanted, MAX_DEPTH)
}

fn find_within(content_type: &Bytes, body: &Bytes, wanted: &str, depth: u8) -> Option<Bytes> {
    let stated = media_type(content_type)?;
    if stated.eq_ignore_ascii_case(wanted) {
        return Some(body.clone());
    }
    if depth == 0 || !stated.starts_with("multipart/") {
        return None;
    }
    let semicolon = scan::find(content_type, b';')?;
    let boundary = Params::parse(&content_type.slice(semicolon..)).get("boundary")?;
    parts(body, &boundary).find_map(|part| {
        let (content_type, body) = read_part(&part)?;
        find_within(&content_type, &body, wanted, depth - 1)
    })
}

/// What stands between the delimiter lines.
fn parts(body: &Bytes, boundary: &Bytes) -> impl Iterator<Item = Bytes> + use<> {
    let delimiter = [b"--", boundary.as_ref()].concat();
    let mut rest = body.clone();
    let mut inside = false;
    core::iter::from_fn(move || {
        loop {
            let (line, start) = next_delimiter(&rest, &delimiter)?;
            let part = rest.slice(..line);
            let after = rest.slice(start..);
            let was_inside = core::mem::replace(&mut inside, !after.starts_with(b"--"));
            rest = if inside { after } else { Bytes::new() };
            if was_inside {
                return Some(part);
            }
        }
    })
}

/// Where the next delimiter line begins (with the line break before it), and one past its delimiter.
fn next_delimiter(text: &[u8], delimiter: &[u8]) -> Option<(usize, usize)> {
    let mut at = 0;
    loop {
        if text.get(at..)?.starts_with(delimiter) {
            let before = &text[..at];
            let before = before.strip_suffix(b"\n").unwrap_or(before);
            let before = before.strip_suffix(b"\r").unwrap_or(before);
            return Some((before.len(), at + delimiter.len()));
        }
        at += text[at..].iter().position(|&byte| byte == b'\n')? + 1;
    }
}

/// The type and content of a part; plain text when it does not tell (RFC 2046 §5.1).
fn read_part(part: &Bytes) -> Option<(Bytes, Bytes)> {
    // The part begins with the rest of its delimiter line.
    let line_end = part.iter().position(|&byte| byte == b'\n')?;
    let end = head_end(part, line_end)?;
    let mut lines = Lines::new(part.slice(line_end + 1..end));
    let content_type = lines.find_map(|line| {
        let (name, value) = scan::split_once(&line, b':')?;
        (Name::parse(&name)? == Name::ContentType).then_some(value)
    });
    let content_type = content_type.unwrap_or_else(|| Bytes::from_static(b"text/plain"));
    Some((content_type, part.slice(end..)))
}
