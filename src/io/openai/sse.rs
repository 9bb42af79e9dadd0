//! Server-sent events as the WHATWG defines them, as far as model servers use them: the data of
//! each event, from bytes cut anywhere.

use std::collections::VecDeque;

/// The longest line and the longest event accepted. A model server echoes the whole question in
/// some events, so this is several times the longest question.
const MAX_EVENT: usize = 2 * 1024 * 1024;

/// An event is longer than anything a model server sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer has a line without an end")]
pub struct TooLong;

/// Splits a stream of bytes into events.
#[derive(Debug, Default)]
pub struct Parser {
    line: Vec<u8>,
    data: Vec<u8>,
    /// The event has a data line, even if an empty one.
    any: bool,
    /// The last byte was a carriage return, so a line feed next belongs to it.
    returned: bool,
    begun: bool,
    ready: VecDeque<String>,
}

impl Parser {
    /// Takes more bytes.
    ///
    /// # Errors
    /// When an event grows beyond all measure; the stream is of no further use then.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        for byte in bytes {
            let follows = std::mem::replace(&mut self.returned, *byte == b'\r');
            match byte {
                b'\n' if follows => {}
                b'\n' | b'\r' => self.end_of_line(),
                _ => self.line.push(*byte),
            }
            if self.line.len() + self.data.len() > MAX_EVENT {
                return Err(TooLong);
            }
        }
        Ok(())
    }

    /// The data of the next whole event. Bytes that are no UTF-8 are replaced.
    pub fn pop(&mut self) -> Option<String> {
        self.ready.pop_front()
    }

    /// The stream has ended: what stands without its blank line is an event all the same, since
    /// some servers end in the middle of the ceremony.
    pub fn finish(&mut self) {
        if !self.line.is_empty() {
            self.end_of_line();
        }
        self.dispatch();
    }

    fn end_of_line(&mut self) {
        let mut line = std::mem::take(&mut self.line);
        if !std::mem::replace(&mut self.begun, true) && line.starts_with("\u{FEFF}".as_bytes()) {
            line.drain(..3);
        }
        if line.is_empty() {
            self.dispatch();
        } else if let Some(value) = field(&line, b"data") {
            if self.any {
                self.data.push(b'\n');
            }
            self.any = true;
            self.data.extend_from_slice(value);
        }
        line.clear();
        self.line = line;
    }

    fn dispatch(&mut self) {
        if std::mem::take(&mut self.any) {
            let data = std::mem::take(&mut self.data);
            let text = String::from_utf8_lossy(&data).into_owned();
            self.ready.push_back(text);
        }
    }
}

/// The value of a line, if it is of this field; one space after the colon does not count.
fn field<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let rest = line.strip_prefix(name)?;
    if rest.is_empty() {
        return Some(rest);
    }
    let value = rest.strip_prefix(b":")?;
    Some(value.strip_prefix(b" ").unwrap_or(value))
}

#[cfg(test)]
mod tests;
