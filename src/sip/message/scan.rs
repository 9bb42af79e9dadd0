//! Scanning of header text (RFC 3261 §25.1): tokens, quoted strings, lists. Every walk is linear.

use core::fmt;
use core::str::FromStr;

use bytes::Bytes;

#[cfg(test)]
mod tests;

/// Whether `bytes` is a token of RFC 3261 §25.1.
pub(super) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| is_token_byte(byte))
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte)
}

/// `part`, which must lie inside `whole`, as a slice of it.
pub(super) fn slice(whole: &Bytes, part: &[u8]) -> Bytes {
    whole.slice_ref(part)
}

/// `value` without surrounding white space.
pub(super) fn trim(value: &Bytes) -> Bytes {
    slice(value, value.trim_ascii())
}

/// An unsigned number of digits only; `None` on overflow too.
pub(super) fn number<N: FromStr>(digits: &[u8]) -> Option<N> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    core::str::from_utf8(digits).ok()?.parse().ok()
}

/// A number of seconds or hops whose overflow means "as large as can be" (RFC 4475 §3.1.2.4).
pub(super) fn saturating(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(number(digits).unwrap_or(u32::MAX))
}

/// Where the first `separator` stands outside quoted strings; a comma, outside angle brackets too.
pub(super) fn find(bytes: &[u8], separator: u8) -> Option<usize> {
    let (mut quoted, mut escaped, mut angle) = (false, false, false);
    bytes.iter().position(|&byte| {
        if quoted {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => quoted = false,
                _ => {}
            }
            return false;
        }
        if byte == separator && !angle {
            return true;
        }
        match byte {
            b'"' => quoted = true,
            b'<' => angle = separator == b',',
            b'>' => angle = false,
            _ => {}
        }
        false
    })
}

/// `value` before and after the first `separator` outside quotes, both trimmed.
pub(super) fn split_once(value: &Bytes, separator: u8) -> Option<(Bytes, Bytes)> {
    let at = find(value, separator)?;
    Some((trim(&value.slice(..at)), trim(&value.slice(at + 1..))))
}

/// The elements of a list, trimmed, empty ones left out.
pub(super) fn split(value: &Bytes, separator: u8) -> impl Iterator<Item = Bytes> + use<> {
    let mut rest = Some(value.clone());
    core::iter::from_fn(move || {
        let value = rest.take()?;
        let element = match find(&value, separator) {
            Some(at) => {
                rest = Some(value.slice(at + 1..));
                value.slice(..at)
            }
            None => value,
        };
        Some(trim(&element))
    })
    .filter(|element| !element.is_empty())
}

/// The end of the quoted string that `bytes` opens with, one past its closing quote.
pub(super) fn quoted_end(bytes: &[u8]) -> Option<usize> {
    let mut escaped = false;
    let closing = bytes.iter().skip(1).position(|&byte| match byte {
        _ if escaped => {
            escaped = false;
            false
        }
        b'\\' => {
            escaped = true;
            false
        }
        _ => byte == b'"',
    })?;
    Some(closing + 2)
}

/// A value without its quotes and escapes; one that is not quoted stays as it is.
pub(super) fn unquote(value: &Bytes) -> Bytes {
    let quoted = value.starts_with(b"\"") && quoted_end(value) == Some(value.len());
    if !quoted {
        return value.clone();
    }
    let inner = value.slice(1..value.len() - 1);
    if !inner.contains(&b'\\') {
        return inner;
    }
    let mut plain = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'\\' => plain.extend(bytes.next()),
            _ => plain.push(byte),
        }
    }
    plain.into()
}

/// Appends `text` as a quoted string.
pub(super) fn quote(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for &byte in text {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

/// `value` on one line: line breaks become spaces, so that no value can add a header.
pub(super) fn one_line(value: Bytes) -> Bytes {
    if !value.iter().any(|byte| matches!(byte, b'\r' | b'\n')) {
        return value;
    }
    let spaced = value.iter().map(|&byte| match byte {
        b'\r' | b'\n' => b' ',
        _ => byte,
    });
    spaced.collect::<Vec<u8>>().into()
}

/// Bytes as text for logs.
pub(super) fn lossy(bytes: &[u8], out: &mut fmt::Formatter<'_>) -> fmt::Result {
    out.write_str(&String::from_utf8_lossy(bytes))
}
