//! The lines of a head (RFC 3261 §7.3.1): CRLF or bare LF, folded ones joined.

use bytes::Bytes;

use super::scan;

/// The logical lines of a head: a line that begins with white space continues the one before it.
pub(super) struct Lines {
    rest: Bytes,
}

impl Lines {
    pub(super) fn new(head: Bytes) -> Self {
        Self { rest: head }
    }

    /// The first line, which does not fold.
    pub(super) fn start_line(&mut self) -> Bytes {
        self.physical()
    }

    fn physical(&mut self) -> Bytes {
        let end = self.rest.iter().position(|&byte| byte == b'\n');
        let line = self
            .rest
            .split_to(end.map_or(self.rest.len(), |end| end + 1));
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        scan::slice(&line, text.strip_suffix(b"\r").unwrap_or(text))
    }

    fn continues(&self) -> bool {
        matches!(self.rest.first(), Some(b' ' | b'\t'))
    }
}

impl Iterator for Lines {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let line = self.physical();
        if !self.continues() {
            return Some(line).filter(|line| !line.is_empty());
        }
        let mut joined = line.trim_ascii_end().to_vec();
        while self.continues() {
            joined.push(b' ');
            joined.extend_from_slice(self.physical().trim_ascii());
        }
        Some(joined.into())
    }
}

/// One past the empty line that ends the head, looked for from `from`.
pub(super) fn head_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += bytes.get(at..)?.iter().position(|&byte| byte == b'\n')? + 1;
        match bytes.get(at..)? {
            [b'\n', ..] => return Some(at + 1),
            [b'\r', b'\n', ..] => return Some(at + 2),
            _ => {}
        }
    }
}
